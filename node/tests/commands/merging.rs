//! `quorate merge` of three files, alone and as git's driver.

use crate::repositories::{diverged, git, git_is_here, git_names_the_sides, shown};
use crate::{code, failed, folder, quorate};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Command;

const CLEAN: [(&str, &str); 3] = [("base", "1\n2\n3\n"), ("ours", "one\n2\n3\n"), ("theirs", "1\n2\nthree\n")];
const CLASH: [(&str, &str); 3] = [("base", "1\n"), ("ours", "one\n"), ("theirs", "eins\n")];

#[test]
fn a_clean_merge_is_on_standard_output() {
    let folder = folder(&CLEAN);
    let merged = quorate(folder.path(), &["merge", "base", "ours", "theirs"]);
    assert_eq!((code(&merged), &merged.stdout[..]), (0, &b"one\n2\nthree\n"[..]));
}

#[test]
fn a_conflict_has_gits_markers_and_exit_code_1() {
    let folder = folder(&CLASH);
    let merged = quorate(folder.path(), &["merge", "base", "ours", "theirs"]);
    let markers = "<<<<<<< ours\none\n||||||| base\n1\n=======\neins\n>>>>>>> theirs\n";
    assert_eq!((code(&merged), String::from_utf8_lossy(&merged.stdout).as_ref()), (1, markers));
}

#[test]
fn as_a_driver_it_writes_into_ours_and_says_nothing() {
    let folder = folder(&CLEAN);
    let merged = quorate(folder.path(), &["merge", "--driver", "--path=-x", "base", "ours", "theirs"]);
    assert_eq!((code(&merged), &merged.stdout[..]), (0, &b""[..]));
    assert_eq!(fs::read(folder.path().join("ours")).expect("a file"), b"one\n2\nthree\n");
}

#[test]
fn conflict_markers_are_as_long_as_asked_for() {
    let folder = folder(&CLASH);
    let merged = quorate(folder.path(), &["merge", "--marker-size", "9", "base", "ours", "theirs"]);
    let markers = "<<<<<<<<< ours\none\n||||||||| base\n1\n=========\neins\n>>>>>>>>> theirs\n";
    assert_eq!((code(&merged), String::from_utf8_lossy(&merged.stdout).as_ref()), (1, markers));
    for wrong in ["0", "-1", "x", "1025"] {
        let size = format!("--marker-size={wrong}");
        assert_eq!(code(&quorate(folder.path(), &["merge", &size, "base", "ours", "theirs"])), 129, "{wrong}");
    }
}

#[test]
fn the_installed_driver_writes_markers_with_the_branches_names_of_the_size_that_an_attribute_names() {
    if !git_names_the_sides() {
        return;
    }
    let sides = ["1\n", "eins\n", "one\n"];
    let folder = diverged("*.txt conflict-marker-size=11\n", &[("a.txt", sides), ("b", sides)]);
    let merged = git(folder.path(), &["merge", "main"]);
    assert_eq!(code(&merged), 1, "{}", String::from_utf8_lossy(&merged.stdout));
    for (name, size) in [("a.txt", 11), ("b", 7)] {
        let shown = shown(folder.path(), name);
        let [ours, theirs] = ["<", ">"].map(|sign| sign.repeat(size));
        assert!(shown.starts_with(&format!("{ours} HEAD\none\n")), "{name}: {shown}");
        assert!(shown.ends_with(&format!("\neins\n{theirs} main\n")), "{name}: {shown}");
    }
}

/// Stretches that the sides share at their ends and between them, one shorter than git shows apart and one longer.
const LONG_CLASH: [&str; 3] = [
    "top\nold\nend\n",
    "top\nboth\nours 1\na\nb\nc\nd\nours 2\ne\nours 3\nboth too\nend\n",
    "top\nboth\ntheirs 1\na\nb\nc\nd\ntheirs 2\ne\ntheirs 3\nboth too\nend\n",
];

#[test]
fn the_installed_driver_shows_conflicts_as_git_itself_does_in_each_style() {
    if !git_names_the_sides() {
        return;
    }
    let folder = diverged("gits merge=text\n", &[("ours", LONG_CLASH), ("gits", LONG_CLASH)]);
    let here = folder.path();
    let styles = ["merge", "diff3", "zdiff3"].map(|style| {
        git(here, &["config", "merge.conflictStyle", style]);
        assert_eq!(code(&git(here, &["merge", "main"])), 1);
        let (ours, gits) = (shown(here, "ours"), shown(here, "gits"));
        git(here, &["merge", "--abort"]);
        assert_eq!(ours, gits, "{style}");
        ours.matches("<<<<<<<").count() + ours.lines().count()
    });
    assert!(styles[0] != styles[1] && styles[1] != styles[2], "{styles:?}: each style is another");
}

#[test]
fn a_style_and_labels_on_the_command_line_win() {
    if !git_names_the_sides() {
        return;
    }
    let folder = folder(&CLASH);
    git(folder.path(), &["init", "-q"]);
    git(folder.path(), &["config", "merge.conflictStyle", "diff3"]);
    let labels = ["--labels", "mine", "before", "-theirs-"];
    let style = ["merge", "--driver", "--conflict-style=merge"];
    let merged = quorate(folder.path(), &[&style[..], &labels, &["base", "ours", "theirs"]].concat());
    assert_eq!(code(&merged), 1);
    assert_eq!(shown(folder.path(), "ours"), "<<<<<<< mine\none\n=======\neins\n>>>>>>> -theirs-\n");
    let unknown = ["merge", "--conflict-style=diff", "base", "ours", "theirs"];
    assert_eq!(code(&quorate(folder.path(), &unknown)), 129);
}

#[test]
fn labels_and_a_path_in_another_encoding_are_no_error() {
    let folder = folder(&CLASH);
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.current_dir(folder.path()).args(["merge", "--labels", "", "%P"]).arg(OsStr::from_bytes(b"caf\xe9\r"));
    let merged = command.arg("--path").arg(OsStr::from_bytes(b"\xe9.txt")).args(["base", "ours", "theirs"]).output();
    let merged = merged.expect("the program was built");
    let markers = "<<<<<<<\none\n||||||| %P\n1\n=======\neins\n>>>>>>> caf\u{fffd}\n";
    assert_eq!((code(&merged), String::from_utf8_lossy(&merged.stdout).as_ref()), (1, markers));
}

#[test]
fn an_explanation_shows_the_lines_that_the_proposal_would_write() {
    let folder =
        folder(&[("base", "v = 1.0\nf(a, b)\n"), ("ours", "v = 1.1\nf(x, b)\n"), ("theirs", "v = 1.0\nf(a, y)\n")]);
    let merged = quorate(folder.path(), &["merge", "--explain", "--path", "a.rs", "base", "ours", "theirs"]);
    let said = String::from_utf8_lossy(&merged.stderr);
    assert_eq!(code(&merged), 1, "{said}");
    assert!(said.ends_with("it would write:\n@@ -1,2 +1,2 @@\n v = 1.1\n-f(x, b)\n+f(x, y)\n"), "{said}");
}

#[test]
fn every_error_of_merge_is_129() {
    let folder = folder(&CLEAN);
    for args in [&["merge", "base", "ours", "nowhere"][..], &["merge", "base"], &["merge", "--unknown"]] {
        assert_eq!(code(&quorate(folder.path(), args)), 129, "{args:?}");
    }
}

/// A base with two sides in Latin-1, of which the second differs in this line.
fn latin_1(theirs: &str) -> tempfile::TempDir {
    let folder = folder(&[]);
    let text = |lines: &str| [b"caf\xe9 ", lines.as_bytes()].concat();
    for (name, lines) in [("base", "1\n2\n3\n4\n5\n"), ("ours", "one\n2\n3\n4\n5\n"), ("theirs", theirs)] {
        fs::write(folder.path().join(name), text(lines)).expect("a file");
    }
    folder
}

#[test]
fn a_driver_merges_lines_in_another_encoding_as_git_does() {
    if !git_is_here() {
        return;
    }
    let folder = latin_1("1\n2\n3\n4\nfive\n");
    let merged = quorate(folder.path(), &["merge", "--driver", "base", "ours", "theirs"]);
    assert_eq!((code(&merged), String::from_utf8_lossy(&merged.stderr).as_ref()), (0, ""));
    assert_eq!(fs::read(folder.path().join("ours")).expect("a file"), b"caf\xe9 one\n2\n3\n4\nfive\n");
}

#[test]
fn a_driver_shows_lines_in_another_encoding_that_clash_between_markers() {
    if !git_is_here() {
        return;
    }
    let folder = latin_1("uno\n2\n3\n4\n5\n");
    let options = ["--marker-size=9", "--conflict-style=diff3", "--labels", "HEAD", "before", "topic"];
    let merged = quorate(folder.path(), &[&["merge", "--driver"][..], &options, &["base", "ours", "theirs"]].concat());
    assert_eq!(code(&merged), 1);
    let shown = fs::read(folder.path().join("ours")).expect("a file");
    let markers = "<<<<<<<<< HEAD\ncaf\u{fffd} one\n||||||||| before\ncaf\u{fffd} 1\n=========\ncaf\u{fffd} uno\n>>>>>>>>> topic\n";
    assert_eq!(String::from_utf8_lossy(&shown), format!("{markers}2\n3\n4\n5\n"));
}

#[test]
fn a_driver_that_keeps_a_binary_file_of_ours_says_so() {
    let folder = folder(&[("base", "a\0 1"), ("ours", "a\0 2"), ("theirs", "a\0 3")]);
    let merged = quorate(folder.path(), &["merge", "--driver", "--path=a.bin", "base", "ours", "theirs"]);
    let said = String::from_utf8_lossy(&merged.stderr);
    assert_eq!((code(&merged), shown(folder.path(), "ours").as_str()), (1, "a\0 2"));
    assert!(said.contains("a.bin") && said.contains("stays as OURS has it"), "{said}");
}

#[test]
fn a_merge_of_binary_files_that_has_no_markers_to_print_says_why() {
    let folder = folder(&[("base", "a\0 1"), ("ours", "a\0 2"), ("theirs", "a\0 3")]);
    let merged = quorate(folder.path(), &["merge", "--path=a.bin", "base", "ours", "theirs"]);
    let said = String::from_utf8_lossy(&merged.stderr);
    assert_eq!((code(&merged), &merged.stdout[..]), (1, &b"a\0 2"[..]));
    assert!(said.contains("cannot merge a.bin") && said.contains("stays as OURS has it"), "{said}");
}

#[test]
fn an_installed_driver_that_is_gone_or_breaks_down_is_an_error_to_git_and_no_conflict() {
    if !git_names_the_sides() {
        return;
    }
    let folder = diverged("", &[("a", ["1\n2\n3\n", "1\n2\nthree\n", "one\n2\n3\n"])]);
    let here = folder.path();
    let installed = git(here, &["config", "merge.quorate.driver"]).stdout;
    let installed = String::from_utf8(installed).expect("text");
    for broken in ["/nowhere/quorate", "sh -c 'exit 70' x", "sh -c 'kill -9 $$' x"] {
        let driver = installed.trim().replace(&format!("'{}'", env!("CARGO_BIN_EXE_quorate")), broken);
        assert!(driver.starts_with(broken), "{driver}");
        git(here, &["config", "merge.quorate.driver", &driver]);
        let merged = git(here, &["merge", "main"]);
        let said = String::from_utf8_lossy(&merged.stdout).into_owned();
        assert!(code(&merged) != 0 && !said.contains("CONFLICT"), "{broken}: {said}");
        assert_eq!(git(here, &["ls-files", "--unmerged"]).stdout, b"", "{broken}");
    }
}

#[test]
fn markers_that_are_longer_than_any_need_are_cut_and_undo_no_merge() {
    if !git_names_the_sides() {
        return;
    }
    let folder = diverged("a conflict-marker-size=2000\n", &[("a", ["1\n", "eins\n", "one\n"])]);
    let merged = git(folder.path(), &["merge", "main"]);
    assert!(String::from_utf8_lossy(&merged.stdout).contains("CONFLICT"), "{merged:?}");
    assert!(shown(folder.path(), "a").starts_with(&format!("{} HEAD\none\n", "<".repeat(1_024))));
}

#[test]
fn a_program_whose_path_has_a_percent_sign_is_found_by_git() {
    if !git_names_the_sides() {
        return;
    }
    let folder = diverged("", &[("a", ["1\n2\n3\n", "1\n2\nthree\n", "one\n2\n3\n"])]);
    let odd = folder.path().join("100%Pure");
    fs::create_dir(&odd).and_then(|()| fs::copy(env!("CARGO_BIN_EXE_quorate"), odd.join("quorate"))).expect("a copy");
    let mut installing = Command::new(odd.join("quorate"));
    assert_eq!(code(&installing.current_dir(folder.path()).args(["merge", "--install"]).output().expect("it runs")), 0);
    let merged = git(folder.path(), &["merge", "main"]);
    assert_eq!((code(&merged), shown(folder.path(), "a").as_str()), (0, "one\n2\nthree\n"), "{merged:?}");
}

#[test]
fn undoing_an_installation_gives_the_driver_back_that_was_there() {
    if !git_is_here() {
        return;
    }
    let folder = folder(&[]);
    git(folder.path(), &["init", "-q"]);
    git(folder.path(), &["config", "merge.default", "union"]);
    for _ in 0..2 {
        let (ended, told) = failed(&quorate(folder.path(), &["merge", "--install", "--json"]));
        assert_eq!((ended, told["before"].as_str()), (0, Some("union")), "{told}");
        assert!(told["undo"].as_str().is_some_and(|undo| undo.contains("--local merge.default 'union' &&")), "{told}");
    }
}

#[test]
fn undoing_an_installation_gives_no_driver_back_that_was_taken_away_before_it() {
    if !git_is_here() {
        return;
    }
    let folder = folder(&[]);
    git(folder.path(), &["init", "-q"]);
    git(folder.path(), &["config", "merge.default", "union"]);
    failed(&quorate(folder.path(), &["merge", "--install", "--json"]));
    git(folder.path(), &["config", "--unset", "merge.default"]);
    for _ in 0..2 {
        let (ended, told) = failed(&quorate(folder.path(), &["merge", "--install", "--json"]));
        assert_eq!((ended, &told["before"]), (0, &serde_json::Value::Null), "{told}");
    }
}

#[test]
fn an_installation_of_the_driver_is_told_as_a_document_too() {
    let folder = folder(&[]);
    git(folder.path(), &["init", "-q"]);

    let (ended, told) = failed(&quorate(folder.path(), &["merge", "--install", "--json"]));

    let keys = ["merge.quorate.name", "merge.quorate.driver", "merge.quorate.recursive", "merge.default"];
    assert_eq!((ended, &told["installed"]), (0, &serde_json::json!(keys)), "{told}");
    assert!(
        told["undo"].as_str().is_some_and(|undo| undo.starts_with("git config --local --unset merge.default")),
        "{told}"
    );
}

#[test]
fn no_driver_is_installed_in_a_folder_without_a_repository_and_the_advice_is_one_that_works() {
    let folder = folder(&[]);

    let (ended, told) = failed(&quorate(folder.path(), &["merge", "--install", "--json"]));

    assert_eq!((ended, told["error"].as_str()), (129, Some("this folder is in no git repository")), "{told}");
    assert!(told["next"].as_str().is_some_and(|next| next.contains("--global") && !next.contains("--local")), "{told}");
}
