//! Kotlin, PHP, CSS, SQL.

mod kotlin {
    use crate::{CONFLICT, at};

    const CLASS: &str = "class A(val x: Int) : B() {\n    fun one(): Int {\n        return 1\n    }\n@}\n";
    const TWO: &str = "\n    fun two(a: Int): Int {\n        return 2 * a\n    }\n";
    const SIX: &str = "\n    override fun six() {\n        run(true)\n    }\n";
    const RAW: &str = "val text = \"\"\"\n  { \\\"\"\"\n@\nval last = 9\n";

    merges! { "A.kt";
        two_imports_at_one_place_both_stand: [
            "import a.A\n", "import a.A\nimport c.C as D\n", "import a.A\nimport b.B\n"
        ] => Some("import a.A\nimport b.B\nimport c.C as D\n");
        two_methods_of_one_class_both_stand: [
            at(CLASS, ""), at(CLASS, TWO), at(CLASS, SIX)
        ] => Some(&at(CLASS, &[SIX, TWO].concat()));
        one_case_that_both_add_stays_in_conflict: [
            "when (x) {\n    1 -> a()\n    else -> z()\n}\n", "when (x) {\n    1 -> a()\n    2 -> b()\n    else -> z()\n}\n",
            "when (x) {\n    1 -> a()\n    2 -> other(x, 7)\n    else -> z()\n}\n"
        ] => CONFLICT;
        two_objects_without_a_name_stay_in_conflict: [
            at(CLASS, ""), at(CLASS, "\n    companion object {\n        const val X = 1\n    }\n"),
            at(CLASS, "\n    companion object {\n        fun make() = A(2)\n        val all = listOf(make())\n    }\n")
        ] => CONFLICT;
        functions_of_two_receivers_may_have_one_name: [
            "fun A.go() {\n    a()\n}\n",
            "fun A.go() {\n    a()\n}\n\nfun B.go() {\n    b(1)\n}\n",
            "fun A.go() {\n    a()\n}\n\nfun C.go() {\n    stop(c, true)\n}\n"
        ] => Some("fun A.go() {\n    a()\n}\n\nfun B.go() {\n    b(1)\n}\n\nfun C.go() {\n    stop(c, true)\n}\n");
        a_brace_in_a_raw_string_is_none_and_one_value_set_twice_stays_in_conflict: [
            at(RAW, ""), at(RAW, "val size = 4\n"), at(RAW, "val size: Long = measure(all)\n")
        ] => CONFLICT;
        one_method_that_both_add_stays_in_conflict: [
            at(CLASS, ""), at(CLASS, TWO), at(CLASS, &TWO.replace("2 * a", "b").replace("): Int", "): String"))
        ] => CONFLICT;
    }
}

mod php {
    use crate::{CONFLICT, at};

    const CLASS: &str =
        "<?php\n\nclass A extends B\n{\n    public function one(): int\n    {\n        return 1;\n    }\n@}\n";
    const TWO: &str = "\n    public function two($a)\n    {\n        return 2 * $a;\n    }\n";
    const SIX: &str = "\n    private function six()\n    {\n        $this->run(true);\n    }\n";
    const TEXT: &str = "<?php\n$text = <<<EOT\n  it's {\nEOT;\n@\nrun($text);\n";

    merges! { "a.php";
        two_uses_at_one_place_both_stand: [
            "<?php\n\nuse A\\B;\n", "<?php\n\nuse A\\B;\nuse C\\E;\n", "<?php\n\nuse A\\B;\nuse C\\D;\n"
        ] => Some("<?php\n\nuse A\\B;\nuse C\\D;\nuse C\\E;\n");
        two_methods_of_one_class_both_stand: [
            at(CLASS, ""), at(CLASS, TWO), at(CLASS, SIX)
        ] => Some(&at(CLASS, &[SIX, TWO].concat()));
        brackets_and_quotes_in_a_heredoc_are_none: [
            at(TEXT, ""), at(TEXT, "function two()\n{\n    a();\n}\n"), at(TEXT, "function six($a)\n{\n    run($a);\n}\n")
        ] => Some(&at(TEXT, "function six($a)\n{\n    run($a);\n}\nfunction two()\n{\n    a();\n}\n"));
        one_function_that_both_add_stays_in_conflict: [
            at(CLASS, ""), at(CLASS, TWO), at(CLASS, &TWO.replace("($a)", "(int $b, $c)"))
        ] => CONFLICT;
        tags_at_one_place_outside_of_code_stay_in_conflict: [
            "<?php run(); ?>\n<p>\n</p>\n", "<?php run(); ?>\n<p>\n<b class=\"a\">\n</p>\n", "<?php run(); ?>\n<p>\n<section>\n</p>\n"
        ] => CONFLICT;
        one_variable_with_two_values_stays_in_conflict: [
            at(TEXT, ""), at(TEXT, "$size = 4;\n"), at(TEXT, "$size = measure($text, true);\n")
        ] => CONFLICT;
    }
}

mod css {
    use crate::{CONFLICT, at};

    const SHEET: &str = "body {\n  margin: 0;\n  color: black;\n}\n@\nfooter {\n  color: grey;\n}\n";
    const RULE: &str = "a {\n@}\n";

    merges! { "a.css";
        rules_of_two_selectors_at_one_place_both_stand: [
            at(SHEET, ""), at(SHEET, "\n.menu {\n  float: left;\n}\n"), at(SHEET, "\n#top:hover {\n  width: 50%;\n}\n")
        ] => Some(&at(SHEET, "\n.menu {\n  float: left;\n}\n\n#top:hover {\n  width: 50%;\n}\n"));
        edits_of_two_properties_of_one_rule_go_through: [
            at(SHEET, ""), at(SHEET, "").replace("margin: 0", "margin: 1px"), at(SHEET, "").replace("black", "red")
        ] => Some(&at(SHEET, "").replace("margin: 0", "margin: 1px").replace("black", "red"));
        two_rules_of_one_selector_stay_in_conflict: [
            at(SHEET, ""), at(SHEET, "\n.menu {\n  float: left;\n}\n"), at(SHEET, "\n.menu {\n  width: 50%;\n}\n")
        ] => CONFLICT;
        two_properties_at_one_place_stay_in_conflict_as_a_later_one_may_reset_the_other: [
            at(RULE, ""), at(RULE, "  line-height: 2;\n"), at(RULE, "  font: 12px serif;\n")
        ] => CONFLICT;
        two_values_of_one_property_stay_in_conflict: [
            at(RULE, "  color: red;\n"), at(RULE, "  color: blue;\n"), at(RULE, "  color: green;\n")
        ] => CONFLICT;
    }
}

mod sql {
    use crate::{CONFLICT, at};

    const USERS: &str = "CREATE TABLE users (\n  id int,\n  name text\n);\n";
    const COLUMNS: &str = "CREATE TABLE users (\n  id int,\n@  name text\n);\n";
    const NOTES: &str = "\nCREATE TABLE notes (\n  text varchar(80)\n);\n";
    const PLACES: &str = "\nINSERT INTO places VALUES ('it''s; (here', 7);\n";

    merges! { "a.sql";
        two_statements_at_one_place_both_stand: [
            [USERS, "\nSELECT 1;\n"].concat(), [USERS, NOTES, "\nSELECT 1;\n"].concat(), [USERS, PLACES, "\nSELECT 1;\n"].concat()
        ] => Some(&[USERS, NOTES, PLACES, "\nSELECT 1;\n"].concat());
        edits_of_two_columns_go_through: [
            USERS, USERS.replace("id int", "id bigint"), USERS.replace("name text", "name varchar(9)")
        ] => Some(&USERS.replace("id int", "id bigint").replace("name text", "name varchar(9)"));
        one_table_that_both_add_stays_in_conflict: [
            [USERS, "\nSELECT 1;\n"].concat(), [USERS, NOTES, "\nSELECT 1;\n"].concat(),
            [USERS, "\ncreate table notes (at timestamp, author int, unique (at, author));\n", "\nSELECT 1;\n"].concat()
        ] => CONFLICT;
        a_statement_that_speaks_of_those_below_stays_in_conflict: [
            "SELECT 1;\n", "SELECT 1;\nUSE one;\n", "SELECT 1;\nDELETE FROM c WHERE old;\n"
        ] => CONFLICT;
        one_key_that_both_take_stays_in_conflict: [
            "SELECT 1;\n", "INSERT INTO a VALUES (7, 'one');\nSELECT 1;\n",
            "INSERT INTO a (id, name, mail) VALUES (7, upper('two'), null);\nSELECT 1;\n"
        ] => CONFLICT;
        two_columns_at_one_place_stay_in_conflict: [
            at(COLUMNS, ""), at(COLUMNS, "  mail text,\n"), at(COLUMNS, "  age int not null,\n")
        ] => CONFLICT;
        a_view_that_moved_above_its_new_table_stays_in_conflict: [
            ["CREATE TABLE one (a int);\n\n", USERS, "\nCREATE VIEW v AS SELECT a FROM one;\n"].concat(),
            ["CREATE TABLE one (a int);\n\nCREATE VIEW v AS SELECT a FROM one;\n\n", USERS].concat(),
            ["CREATE TABLE one (a int);\n\n", USERS, "\nCREATE VIEW v AS SELECT id FROM users;\n"].concat()
        ] => CONFLICT;
    }
}
