//! HTML, XML, Dockerfile, Makefile, sets of lines.

mod html {
    use crate::CONFLICT;

    const PAGE: &str = "<ul>\n  <li>one</li>\n  <li>two</li>\n</ul>\n";
    const NOTED: &str = "<p>\n  <!-- at most 3 -->\n  <b>3</b>\n</p>\n";

    merges! { "a.html";
        edits_of_adjacent_lines_go_through: [
            PAGE, PAGE.replace("one", "1"), PAGE.replace("two", "2")
        ] => Some(&PAGE.replace("one", "1").replace("two", "2"));
        a_removal_beside_an_edit_goes_through: [
            PAGE, PAGE.replace("  <li>one</li>\n", ""), PAGE.replace("two", "2")
        ] => Some("<ul>\n  <li>2</li>\n</ul>\n");
        an_edited_comment_above_an_edited_line_stays_in_conflict: [
            NOTED, NOTED.replace("at most 3", "at most three"), NOTED.replace("<b>3", "<b>4")
        ] => CONFLICT;
        two_elements_at_one_place_stay_in_conflict: [
            PAGE, PAGE.replace("</ul>", "  <li>three</li>\n</ul>"), PAGE.replace("</ul>", "  <li>four</li>\n</ul>")
        ] => CONFLICT;
        edits_of_one_line_stay_in_conflict: [
            PAGE, PAGE.replace("<li>one", "<li class=\"a\">one"), PAGE.replace("one<", "uno<")
        ] => CONFLICT;
    }
}

mod xml {
    use crate::CONFLICT;

    const POM: &str =
        "<project>\n  <name>a</name>\n  <version>1</version>\n  <!-- kept low -->\n  <level>3</level>\n</project>\n";

    merges! { "pom.xml";
        edits_of_adjacent_lines_go_through: [
            POM, POM.replace(">a<", ">b<"), POM.replace(">1<", ">2<")
        ] => Some(&POM.replace(">a<", ">b<").replace(">1<", ">2<"));
        of_two_additions_the_one_that_holds_the_other_stands: [
            POM, POM.replace("  <level>", "  <x/>\n  <level>"), POM.replace("  <level>", "  <x/>\n  <y/>\n  <level>")
        ] => Some(&POM.replace("  <level>", "  <x/>\n  <y/>\n  <level>"));
        an_edited_comment_above_an_edited_line_stays_in_conflict: [
            POM, POM.replace("kept low", "kept very low"), POM.replace(">3<", ">2<")
        ] => CONFLICT;
        two_elements_at_one_place_stay_in_conflict: [
            POM, POM.replace("</project>", "  <url>u</url>\n</project>"), POM.replace("</project>", "  <scm>s</scm>\n</project>")
        ] => CONFLICT;
        two_values_of_one_element_stay_in_conflict: [
            POM, POM.replace(">1<", ">2<"), POM.replace(">1<", ">3<")
        ] => CONFLICT;
    }
}

mod dockerfile {
    use crate::CONFLICT;

    const FILE: &str = "FROM a:1\nENV B=1\nCOPY . /app\n# as root\nRUN make\nCMD [\"run\"]\n";

    merges! { "deploy/Dockerfile.test";
        edits_of_adjacent_lines_go_through: [
            FILE, FILE.replace("a:1", "a:2"), FILE.replace("B=1", "B=2")
        ] => Some(&FILE.replace("a:1", "a:2").replace("B=1", "B=2"));
        a_removal_beside_an_edit_goes_through: [
            FILE, FILE.replace("ENV B=1\n", ""), FILE.replace("/app", "/srv")
        ] => Some(&FILE.replace("ENV B=1\n", "").replace("/app", "/srv"));
        two_steps_at_one_place_stay_in_conflict: [
            FILE, FILE.replace("CMD", "RUN one\nCMD"), FILE.replace("CMD", "RUN two --all\nCMD")
        ] => CONFLICT;
        an_edited_comment_above_an_edited_step_stays_in_conflict: [
            FILE, FILE.replace("as root", "as nobody"), FILE.replace("RUN make", "RUN make all")
        ] => CONFLICT;
        a_step_beside_its_commented_out_twin_stays_in_conflict: [
            FILE, FILE.replace("CMD", "EXPOSE 80\nCMD"), FILE.replace("CMD", "# later\n# EXPOSE 80\nCMD")
        ] => CONFLICT;
    }
}

mod makefile {
    use crate::CONFLICT;

    const FILE: &str = "CC = cc\nOPT = -O1\n\n# needs a net\nall: one\n\t$(CC) one.c\n\tstrip one\n";

    merges! { "Makefile";
        edits_of_adjacent_variables_go_through: [
            FILE, FILE.replace("= cc", "= clang"), FILE.replace("-O1", "-O2")
        ] => Some(&FILE.replace("= cc", "= clang").replace("-O1", "-O2"));
        edits_of_adjacent_commands_go_through_with_their_tabs: [
            FILE, FILE.replace("$(CC) one", "$(CC) -c one"), FILE.replace("strip one", "strip -s one")
        ] => Some(&FILE.replace("$(CC) one", "$(CC) -c one").replace("strip one", "strip -s one"));
        two_commands_at_one_place_stay_in_conflict: [
            FILE, FILE.replace("\tstrip", "\tcheck one\n\tstrip"), FILE.replace("\tstrip", "\tsize --all one.o\n\tstrip")
        ] => CONFLICT;
        an_edited_comment_above_an_edited_rule_stays_in_conflict: [
            FILE, FILE.replace("a net", "no net"), FILE.replace("all: one", "all: one two")
        ] => CONFLICT;
        two_values_of_one_variable_stay_in_conflict: [
            FILE, FILE.replace("-O1", "-O2"), FILE.replace("-O1", "-Os")
        ] => CONFLICT;
    }
}

mod ignored {
    use crate::CONFLICT;

    const FILE: &str = "target/\n*.log\n";

    merges! { "a/.gitignore";
        two_patterns_at_one_place_both_stand: [
            FILE, [FILE, "dist/\n"].concat(), [FILE, "node_modules/\n"].concat()
        ] => Some(&[FILE, "dist/\nnode_modules/\n"].concat());
        a_pattern_that_both_add_stands_once: [
            FILE, [FILE, "\n# built\ndist/\nout/\n"].concat(), [FILE, "\n# built\ndist/\nlib/\n"].concat()
        ] => Some(&[FILE, "\n# built\ndist/\nout/\nlib/\n"].concat());
        a_pattern_beside_a_removed_one_stands: [
            FILE, "target/\n", [FILE, "*.tmp\n"].concat()
        ] => Some("target/\n*.tmp\n");
        a_pattern_that_takes_away_from_others_stays_in_conflict: [
            FILE, [FILE, "docs/*\n"].concat(), [FILE, "!docs/index.md\n"].concat()
        ] => CONFLICT;
        a_pattern_beside_its_commented_out_twin_stays_in_conflict: [
            FILE, [FILE, "dist/\n"].concat(), [FILE, "# kept for the release\n# dist/\n"].concat()
        ] => CONFLICT;
    }
}
