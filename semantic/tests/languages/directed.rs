//! C, C++, C#, Swift.

mod c {
    use crate::{CONFLICT, at};

    const MAIN: &str = "int main(void)\n{\n\treturn 0;\n}\n";
    const MACROS: &str = "#define ROWS 3\n@\nint main(void);\n";
    const FIRST: &str = "static int first(void)\n{\n\treturn 1;\n}\n\n";
    const SECOND: &str = "static int second(int a)\n{\n\treturn 2 * a;\n}\n\n";
    const LAST: &str = "static int last(int b)\n{\n\treturn b;\n}\n\n";

    merges! { "a.c";
        two_includes_at_one_place_both_stand: [
            ["#include <stdio.h>\n\n", MAIN].concat(),
            ["#include <stdio.h>\n#include <string.h>\n\n", MAIN].concat(),
            ["#include <stdio.h>\n#include <stdlib.h>\n\n", MAIN].concat()
        ] => Some(&["#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n\n", MAIN].concat());
        two_functions_at_one_place_both_stand: [
            MAIN, [MAIN, "\nint three(void)\n{\n\treturn 3;\n}\n"].concat(), [MAIN, "\nint two(void)\n{\n\treturn 2;\n}\n"].concat()
        ] => Some(&[MAIN, "\nint three(void)\n{\n\treturn 3;\n}\n\nint two(void)\n{\n\treturn 2;\n}\n"].concat());
        two_macros_at_one_place_both_stand: [
            at(MACROS, ""), at(MACROS, "#define COLUMNS 7\n"), at(MACROS, "#define NAME \"x\"\n")
        ] => Some(&at(MACROS, "#define COLUMNS 7\n#define NAME \"x\"\n"));
        one_macro_with_two_values_stays_in_conflict: [
            at(MACROS, ""), at(MACROS, "#define COLUMNS 7\n"), at(MACROS, "#define COLUMNS sizeof(int) + 9\n")
        ] => CONFLICT;
        a_function_that_moved_above_its_new_callee_stays_in_conflict: [
            [FIRST, SECOND, LAST].concat(), [LAST, FIRST, SECOND].concat(), [FIRST, SECOND, &LAST.replace("b;", "second(b);")].concat()
        ] => CONFLICT;
        one_variable_that_both_declare_stays_in_conflict: [
            at("{\n@\trun();\n}\n", ""), at("{\n@\trun();\n}\n", "\tint a, count;\n"),
            at("{\n@\trun();\n}\n", "\tstruct list *count;\n")
        ] => CONFLICT;
        a_type_that_moved_below_its_new_use_stays_in_conflict: [
            ["typedef int size;\n\n", FIRST, SECOND].concat(), [FIRST, "typedef int size;\n\n", SECOND].concat(),
            ["typedef int size;\n\n", &FIRST.replace("1;", "(size)1;"), SECOND].concat()
        ] => CONFLICT;
        a_branch_of_a_condition_stays_in_conflict: [
            "#if A\nint a;\n#endif\n", "#if A\nint a;\n#else\nint b;\n#endif\n", "#if A\nint a;\n#elif C\nlong c;\n#endif\n"
        ] => CONFLICT;
    }
}

mod cpp {
    use crate::{CONFLICT, at};

    const SPACE: &str = "namespace a {\n\nint one() {\n  return 1;\n}\n@\n}  // namespace a\n";
    const TWO: &str = "\nint two() {\n  return 2;\n}\n";
    const SIX: &str = "\nint six(int a) {\n  return 6 * a;\n}\n";
    const BRACKETS: &str = "auto pattern = R\"x({[()\" \\)x\";\n";
    const CLASS: &str = "class A {\n public:\n  int one();\n@};\n";

    merges! { "a.cpp";
        two_functions_of_one_namespace_both_stand: [
            at(SPACE, ""), at(SPACE, TWO), at(SPACE, SIX)
        ] => Some(&at(SPACE, &[SIX, TWO].concat()));
        methods_of_two_classes_may_have_one_name: [
            "void A::run() {\n  a();\n}\n",
            "void A::run() {\n  a();\n}\n\nvoid B::run() {\n  go(b);\n}\n",
            "void A::run() {\n  a();\n}\n\nvoid C::run() {\n  stop(1, c);\n}\n"
        ] => Some("void A::run() {\n  a();\n}\n\nvoid B::run() {\n  go(b);\n}\n\nvoid C::run() {\n  stop(1, c);\n}\n");
        brackets_in_a_raw_string_are_none: [
            BRACKETS, [BRACKETS, TWO].concat(), [BRACKETS, SIX].concat()
        ] => Some(&[BRACKETS, SIX, TWO].concat());
        one_function_that_both_add_stays_in_conflict: [
            at(SPACE, ""), at(SPACE, TWO), at(SPACE, "\nlong two() {\n  return other(3, true);\n}\n")
        ] => CONFLICT;
        two_tests_made_by_one_macro_both_stand: [
            "TEST(A, One) {\n  a();\n}\n", "TEST(A, One) {\n  a();\n}\n\nTEST(A, Two) {\n  b(1);\n}\n",
            "TEST(A, One) {\n  a();\n}\n\nTEST(A, Six) {\n  run(true);\n}\n"
        ] => Some("TEST(A, One) {\n  a();\n}\n\nTEST(A, Six) {\n  run(true);\n}\n\nTEST(A, Two) {\n  b(1);\n}\n");
        a_member_beside_a_new_section_stays_in_conflict: [
            at(CLASS, ""), at(CLASS, "  private:\n  int count;\n"), at(CLASS, "  void show(bool all);\n")
        ] => CONFLICT;
        one_field_of_two_types_stays_in_conflict: [
            at(CLASS, ""), at(CLASS, "  int count;\n"), at(CLASS, "  std::atomic<long> count;\n")
        ] => CONFLICT;
    }
}

mod csharp {
    use crate::{CONFLICT, at};

    const CLASS: &str =
        "namespace N;\n\npublic class A\n{\n    public int One()\n    {\n        return 1;\n    }\n@}\n";
    const TWO: &str = "\n    [Test]\n    public void Two()\n    {\n        Check(2);\n    }\n";
    const SIX: &str = "\n    [Test]\n    public void Six()\n    {\n        Run(true);\n    }\n";
    const PATH: &str = "class P\n{\n    string path = @\"C:\\\";\n%}\n";

    merges! { "A.cs";
        two_usings_at_one_place_both_stand: [
            "using System;\n\nclass A { }\n", "using System;\nusing System.Text;\n\nclass A { }\n", "using System;\nusing System.Linq;\n\nclass A { }\n"
        ] => Some("using System;\nusing System.Linq;\nusing System.Text;\n\nclass A { }\n");
        two_methods_with_one_attribute_both_stand: [
            at(CLASS, ""), at(CLASS, TWO), at(CLASS, SIX)
        ] => Some(&at(CLASS, &[SIX, TWO].concat()));
        a_backslash_at_the_end_of_a_verbatim_string_escapes_nothing: [
            PATH.replace('%', ""), PATH.replace('%', TWO), PATH.replace('%', SIX)
        ] => Some(&PATH.replace('%', &[SIX, TWO].concat()));
        one_property_that_both_add_stays_in_conflict: [
            at(CLASS, ""), at(CLASS, "\n    public int Size { get; set; }\n"),
            at(CLASS, "\n    public IList<long> Size => sizes.Where(s => s > 0).ToList();\n")
        ] => CONFLICT;
        one_method_without_a_body_that_both_add_stays_in_conflict: [
            at(CLASS, ""), at(CLASS, "\n    int F(int a) => a;\n"), at(CLASS, "\n    int F(int b) => b + Run(1, true);\n")
        ] => CONFLICT;
        resources_in_a_body_are_no_imports: [
            "void F()\n{\n    using var a = Open(1);\n}\n",
            "void F()\n{\n    using var a = Open(1);\n    using var c = Open(a);\n}\n",
            "void F()\n{\n    using var a = Open(1);\n    using var b = Open(2);\n}\n"
        ] => CONFLICT;
    }
}

mod swift {
    use crate::{CONFLICT, at};

    const STRUCT: &str = "struct A: B {\n    func one() -> Int {\n        return 1\n    }\n@}\n";
    const TWO: &str = "\n    func two(of a: Int) -> Int {\n        return 2 * a\n    }\n";
    const SIX: &str = "\n    static func six() {\n        run(true)\n    }\n";
    const RAW: &str = "let pattern = #\"({\"[\"#\n@\nlet last = 9\n";

    merges! { "A.swift";
        two_imports_at_one_place_both_stand: [
            "import Foundation\n", "import Foundation\nimport UIKit\n", "import Foundation\nimport SwiftUI\n"
        ] => Some("import Foundation\nimport SwiftUI\nimport UIKit\n");
        two_methods_of_one_type_both_stand: [
            at(STRUCT, ""), at(STRUCT, TWO), at(STRUCT, SIX)
        ] => Some(&at(STRUCT, &[SIX, TWO].concat()));
        brackets_in_a_raw_string_are_none: [
            at(RAW, ""), at(RAW, "func two() {\n    a()\n}\n"), at(RAW, "func six(a: Int) {\n    run(a)\n}\n")
        ] => Some(&at(RAW, "func six(a: Int) {\n    run(a)\n}\nfunc two() {\n    a()\n}\n"));
        one_case_with_two_kinds_of_values_stays_in_conflict: [
            "enum E {\n    case a\n}\n", "enum E {\n    case a\n    case b(String)\n}\n", "enum E {\n    case a\n    case b(Int, of: Bool)\n}\n"
        ] => CONFLICT;
        one_constant_with_two_values_stays_in_conflict: [
            at(RAW, ""), at(RAW, "let size = 4\n"), at(RAW, "let size = measure(all: true)\n")
        ] => CONFLICT;
        one_method_that_both_add_stays_in_conflict: [
            at(STRUCT, ""), at(STRUCT, TWO), at(STRUCT, &TWO.replace("2 * a", "b").replace("-> Int", "throws -> String"))
        ] => CONFLICT;
    }
}
