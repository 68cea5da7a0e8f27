//! Commands as newcomers give them: mistakes are told at once, in words, and cost nothing.

use crate::governance::{author, new_key, run, says, text, word};
use crate::group::{Group, eventually};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn lines(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A group of one with a file, and its author.
fn desk() -> (Group, PathBuf) {
    let group = Group::running(1);
    let key = author(&group, 0);
    says(&group, &key, 0, &["put", "t/a", text(&new_key(&group, "any-file"))], 0);
    (group, key)
}

#[test]
fn removing_what_is_not_there_signs_nothing() {
    let (group, key) = desk();
    let before = group.status(0)["executed_seq"].as_u64();

    for args in [&["rm", "nowhere"][..], &["mv", "nowhere", "b"]] {
        let refused = run(&group, &key, 0, args);
        assert_eq!(refused.status.code(), Some(1));
        assert!(errors(&refused).contains("nothing stands at nowhere; nothing was signed"), "{}", errors(&refused));
    }

    let public = quorate_client::keys::public(&key).expect("a key");
    let numbers = group.get(0, &format!("/v1/domains/main/authors/{public}")).json();
    assert_eq!(numbers["next_seq"].as_u64(), Some(2), "{numbers} after {before:?}");
    assert_eq!(run(&group, &key, 0, &["rm", "t/a"]).status.code(), Some(0));
}

#[test]
fn a_file_that_is_written_over_a_conflict_ends_it_and_names_it() {
    let group = Group::running(4);
    let (one, other) = (author(&group, 0), author(&group, 1));
    let [first, second, third, fourth] = ["1", "2", "3", "4"].map(|name| new_key(&group, name));
    let put = says(&group, &one, 0, &["put", "a", text(&first)], 0);
    says(&group, &one, 0, &["put", "a", text(&second)], 0);
    let clash = says(&group, &other, 0, &["put", "a", text(&third), "--base", word(&put, "revision")], 1);

    let ended = run(&group, &one, 0, &["put", "a", text(&fourth)]);

    let (told, conflict) = (lines(&ended), clash["conflicts"][0].as_str().expect("a conflict"));
    assert!(told.contains(&format!("the conflict is over  {conflict}")), "{told}{}", errors(&ended));
}

#[test]
fn a_folder_is_called_one_where_a_file_is_to_be_moved_or_removed() {
    let (group, key) = desk();
    for args in [&["rm", "t"][..], &["mv", "t", "b"]] {
        let refused = run(&group, &key, 0, args);
        let words = errors(&refused);
        assert!(
            refused.status.code() == Some(1) && words.contains("t is a folder: `mv` and `rm` take files"),
            "{words}"
        );
    }
}

#[test]
fn a_refusal_before_anything_is_signed_is_told_as_the_document_of_a_receipt() {
    let (group, key) = desk();
    for args in [&["rm", "nowhere"][..], &["mv", "nowhere", "b"], &["rm", "nowhere", "--offline"]] {
        let told = says(&group, &key, 0, args, 1);

        let said = ["state", "stage", "code", "domain"].map(|name| word(&told, name));
        assert_eq!(said, ["refused", "content", "missing-path", "main"], "{told}");
        for name in ["id", "revision", "lane"] {
            assert_eq!(told.get(name), Some(&Value::Null), "{name}: {told}");
        }
        assert_eq!(told["exit"].as_u64(), Some(1), "{told}");
    }
}

#[test]
fn a_command_that_keeps_the_proof_of_a_refusal_is_done() {
    let (group, key) = desk();
    let proof = group.dir().join("refused.receipt");
    let refused = says(&group, &key, 0, &["rm", "nowhere", "--base", "1.1"], 1);

    let told = says(&group, &key, 0, &["receipt", word(&refused, "id"), "--out", text(&proof)], 0);

    assert_eq!((word(&told, "state"), word(&told, "code")), ("refused", "missing-path"));
    let genesis = group.dir().join("genesis.json");
    let verified = run(&group, &key, 0, &["verify", text(&proof), "--genesis", text(&genesis)]);
    assert_eq!(verified.status.code(), Some(0), "{}", errors(&verified));
}

#[test]
fn a_path_that_was_removed_while_an_edit_of_it_was_on_its_way_is_told_as_removed() {
    let (group, key) = desk();
    let before = says(&group, &key, 0, &["put", "x", text(&key)], 0);
    says(&group, &key, 0, &["rm", "x"], 0);
    let edit = group.dir().join("genesis.json");
    let met = says(&group, &key, 0, &["put", "x", text(&edit), "--base", word(&before, "revision")], 1);
    let conflict = met["conflicts"][0].as_str().expect("a conflict");

    let told = says(&group, &key, 0, &["get", "x"], 1);

    let words = word(&told, "error");
    assert!(words.contains("nothing stands at \"x\" as last agreed: it was removed"), "{told}");
    assert!(words.contains(conflict) && word(&told, "next").contains(&format!("conflicts show {conflict}")), "{told}");
}

#[test]
fn a_chain_may_remove_what_is_still_on_its_way() {
    let (group, key) = desk();
    let put = run(&group, &key, 0, &["put", "b", text(&key), "--level", "eventual"]);
    assert_eq!(put.status.code(), Some(0), "{}", errors(&put));

    let removed = run(&group, &key, 0, &["rm", "b"]);

    assert_eq!(removed.status.code(), Some(0), "{}", errors(&removed));
}

#[test]
fn a_revision_of_the_far_future_is_answered_at_once() {
    let (group, key) = desk();
    let begun = Instant::now();

    let asked = [&["get", "t/a", "--at", "99999"][..], &["diff", "1", "99999"]].map(|args| run(&group, &key, 0, args));

    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    for output in asked {
        let words = errors(&output);
        assert!(output.status.code() == Some(1) && words.contains("no revision 99999 yet; the newest is"), "{words}");
    }
}

#[test]
fn without_a_quorum_a_read_says_which_level_answers_and_a_change_why_it_waits() {
    let mut group = Group::running(4);
    group.put(0, "before", "1");
    group.kill(2);
    group.kill(3);
    let key = author(&group, 1);

    let put = run(&group, &key, 0, &["put", "a", text(&key), "--timeout", "8"]);
    group.await_mode(0, "read-only");
    let get = run(&group, &key, 0, &["get", "before", "--timeout", "5"]);
    let strong = group.file(0, "before", "strong").json();

    assert_eq!((put.status.code(), get.status.code()), (Some(3), Some(3)));
    assert!(errors(&put).contains("it was taken and waits: hears 2 of 4, needs 3; silent: 2, 3"), "{}", errors(&put));
    assert!(errors(&get).contains("--level sequential"), "{}", errors(&get));
    let detail = word(&strong, "detail");
    assert!(detail.starts_with("no strong read now") && !detail.contains("nothing was kept"), "{detail}");
}

#[test]
fn a_node_that_is_not_there_is_named_at_once_and_is_no_advice_for_itself() {
    let group = Group::init(1);
    let output = run(&group, Path::new("k"), 0, &["status", "--explain", "--timeout", "0.3"]);

    let words = errors(&output);
    assert_eq!(output.status.code(), Some(3));
    assert!(words.starts_with("quorate: waiting for ") && words.contains("nothing listens there"), "{words}");
    assert!(!words.contains("`quorate status"), "{words}");
}

#[test]
fn people_read_organisations_and_folders_by_name() {
    let (group, key) = desk();

    let log = lines(&run(&group, &key, 0, &["log", "t/a"]));
    let folder = run(&group, &key, 0, &["get", "t"]);

    assert!(log.contains("by org-0 ("), "{log}");
    assert!(
        errors(&folder).contains("t is a folder") && errors(&folder).contains("quorate ls t"),
        "{}",
        errors(&folder)
    );
}

#[test]
fn a_proof_replaces_a_proof_and_no_other_file() {
    let (group, key) = desk();
    let (source, proof) = (new_key(&group, "source.rs"), group.dir().join("t.proof"));
    let before = std::fs::read(&source).expect("a file");

    let id = word(&says(&group, &key, 0, &["put", "b", text(&source)], 0), "id").to_owned();
    for args in [&["receipt", &id, "--out", text(&source)][..], &["get", "b", "--proof", text(&source)]] {
        let refused = run(&group, &key, 0, args);
        assert_eq!(refused.status.code(), Some(2), "{args:?}");
        assert!(errors(&refused).contains("is no proof; it is left as it was"), "{}", errors(&refused));
    }
    assert_eq!(std::fs::read(&source).expect("a file"), before);
    for _ in 0..2 {
        assert_eq!(run(&group, &key, 0, &["get", "b", "--proof", text(&proof)]).status.code(), Some(0));
    }
}

#[test]
fn a_proof_that_could_not_be_written_leaves_the_old_one_and_an_empty_one_is_replaced() {
    let (group, key) = desk();
    let out = group.dir().join("epochs");
    let export = ["epochs", "export", "--out", text(&out)];
    std::fs::write(&out, "").expect("our folder");
    let first = run(&group, &key, 0, &export);
    assert_eq!(first.status.code(), Some(0), "{}", errors(&first));
    let (before, files) = (std::fs::read(&out).expect("a file"), std::fs::read_dir(group.dir()).map(Iterator::count));

    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_quorate")]).args(export);
    let failed = shell.env("QUORATE_NODE", format!("http://{}", group.api(0))).output().expect("a shell");

    assert_ne!(failed.status.code(), Some(0));
    assert_eq!(std::fs::read(&out).expect("a file"), before, "{}", errors(&failed));
    assert_eq!(std::fs::read_dir(group.dir()).map(Iterator::count).ok(), files.ok());
    assert_eq!(run(&group, &key, 0, &export).status.code(), Some(0));
}

#[test]
fn a_verdict_that_a_full_disk_does_not_take_is_told_of_with_the_change() {
    let (group, key) = desk();
    let (node, full) = (format!("http://{}", group.api(0)), std::fs::File::options().write(true).open("/dev/full"));
    let mut put = std::process::Command::new(env!("CARGO_BIN_EXE_quorate"));
    put.args(["put", "b", text(&key), "--json", "--key", text(&key), "--node", &node]).stdout(full.expect("a device"));

    let untold = put.output().expect("quorate runs");

    assert_eq!(untold.status.code(), Some(74), "{}", errors(&untold));
    assert!(errors(&untold).contains(" ended as applied: standard output: "), "{}", errors(&untold));
}

#[test]
fn a_proof_of_another_group_is_called_so() {
    let (group, key) = desk();
    let (other, proof) = (Group::init(1), group.dir().join("t.proof"));
    assert_eq!(run(&group, &key, 0, &["get", "t/a", "--proof", text(&proof)]).status.code(), Some(0));
    let genesis = |group: &Group| group.dir().join("genesis.json");

    let verify = |of: &Group| run(&group, &key, 0, &["verify", text(&proof), "--genesis", text(&genesis(of))]);

    assert_eq!(verify(&group).status.code(), Some(0));
    assert_eq!(verify(&other).status.code(), Some(1));
    assert!(errors(&verify(&other)).contains("it is of another group, or forged"), "{}", errors(&verify(&other)));
}

#[test]
fn a_change_that_waits_is_attested_by_the_beginning_of_its_id() {
    let group = Group::running(1);
    let key = author(&group, 0);

    let unknown = run(&group, &key, 0, &["attest", "abcd1234"]);

    assert!(errors(&unknown).contains("no id in changes that wait begins with abcd1234"), "{}", errors(&unknown));
}

#[test]
fn readers_that_hide_nothing_are_told() {
    let group = Group::running(1);
    let made = run(&group, &author(&group, 0), 0, &["domains", "create", "lab", "--readers", "org:org-0"]);

    assert_eq!(made.status.code(), Some(0), "{}", errors(&made));
    assert!(errors(&made).contains("`readers` hides nothing"), "{}", errors(&made));
}

#[test]
fn a_key_that_others_can_read_is_told_in_the_log_and_the_database_is_not_theirs() {
    use std::os::unix::fs::PermissionsExt as _;
    let group = Group::init(1);
    let folder = group.dir().join("replica-0");
    let key = folder.join("replica.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("our file");
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(["start", "--log", "warn", "--dir"])
        .arg(&folder)
        .stderr(std::fs::File::create(group.dir().join("log")).expect("a file"))
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("quorate runs");

    eventually("the log tells", || {
        let log = std::fs::read_to_string(group.dir().join("log")).expect("a file");
        log.contains("other users can read the node's secret").then_some(())
    });
    child.kill().and_then(|()| child.wait()).expect("it runs");
    let data = std::fs::metadata(folder.join("data")).expect("a folder").permissions().mode();
    assert_eq!(data & 0o077, 0, "{data:o}");
}

#[test]
fn a_file_that_another_content_replaces_is_told_of() {
    let (group, key) = desk();
    let out = group.dir().join("source.rs");
    std::fs::write(&out, "fn main() {}").expect("our folder");

    let get = ["get", "t/a", "--out", text(&out)];
    let (first, again) = (run(&group, &key, 0, &get), run(&group, &key, 0, &get));

    assert_eq!((first.status.code(), again.status.code()), (Some(0), Some(0)), "{}", errors(&first));
    assert!(errors(&first).contains("held another content and was replaced"), "{}", errors(&first));
    assert!(!errors(&again).contains("replaced"), "{}", errors(&again));
}

#[test]
fn a_mistyped_path_never_comes_into_a_transaction() {
    let (group, key) = desk();
    assert_eq!(run(&group, &key, 0, &["tx", "begin"]).status.code(), Some(0));

    for args in
        [&["tx", "add", "../x", text(&key)][..], &["tx", "add", "a", "--to", "/b"], &["tx", "add", "a/", "--rm"]]
    {
        assert_eq!(run(&group, &key, 0, args).status.code(), Some(2), "{args:?}");
    }

    assert_eq!(run(&group, &key, 0, &["tx", "add", "a", text(&key)]).status.code(), Some(0));
    let shown = lines(&run(&group, &key, 0, &["tx", "show"]));
    let columns: Vec<Option<usize>> =
        shown.lines().skip(1).map(|line| line.find("domain").or(line.find("main"))).collect();
    assert!(columns.len() == 2 && columns[0].is_some() && columns[0] == columns[1], "{shown}");
    assert_eq!(lines(&run(&group, &key, 0, &["tx", "abort"])), "thrown away: 1 change\n");
}

#[test]
fn a_refusal_names_people_by_the_first_digits_of_their_keys() {
    let mut group = Group::running(2);
    let (holder, other) = (author(&group, 0), author(&group, 1));
    says(&group, &holder, 0, &["lock", "acquire", "t/a"], 0);

    let refused = run(&group, &other, 0, &["put", "t/a", text(&other)]);

    let key = quorate_client::keys::public(&holder).expect("a key").to_string();
    assert!(errors(&refused).contains(&key[..12]) && !errors(&refused).contains(&key), "{}", errors(&refused));
    group.kill(1);
}
