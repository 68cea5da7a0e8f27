//! Locks, compositions and transactions through the commands.

use crate::governance::{author, new_key, run, says, text, word};
use crate::group::{Group, QUORATE, eventually};
use crate::http;
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A group, two of its authors, and a file to put.
fn desk() -> (Group, PathBuf, PathBuf, PathBuf) {
    let group = Group::running(4);
    let (one, other) = (author(&group, 0), author(&group, 1));
    let file = new_key(&group, "any-file");
    (group, one, other, file)
}

/// Waits until somebody of this organisation holds the only lock of the domain. The question itself makes no slots.
fn until_held_by(group: &Group, organisation: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let locks = group.get(2, "/v1/domains/main/locks?level=sequential").json();
        let items = locks["items"].as_array().expect("a list");
        if let [lock] = &items[..]
            && lock["organisation"] == organisation
            && lock["state"] == "held"
        {
            return;
        }
        assert!(Instant::now() < deadline, "{locks}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_lease_ends_in_an_idle_group_and_the_next_in_line_has_the_lock() {
    let (group, one, other, file) = desk();
    let held = says(&group, &one, 0, &["lock", "acquire", "a", "--lease", "10"], 0);
    assert_eq!((word(&held, "lock"), held["token"].as_u64()), ("held", Some(1)));
    assert_eq!(word(&says(&group, &other, 1, &["put", "a", text(&file)], 1), "code"), "lock");

    let queued = says(&group, &other, 1, &["lock", "acquire", "a", "--lease", "600", "--wait", "60", "--detach"], 0);
    let stands = word(&queued, "lock");
    assert!(matches!(stands, "waiting" | "held"), "{queued}");
    until_held_by(&group, "org-1");

    let stale = ["put", "b", text(&file), "--fence", "1"];
    assert_eq!(word(&says(&group, &one, 0, &stale, 1), "code"), "lock");
    assert_eq!(word(&says(&group, &other, 3, &["put", "a", text(&file), "--fence", "2"], 0), "state"), "applied");
}

#[test]
fn a_wait_that_is_stopped_at_the_keyboard_names_the_command_that_gives_its_place_back() {
    let (group, one, other, _) = desk();
    says(&group, &one, 0, &["lock", "acquire", "d", "--lease", "600"], 0);
    let mut command = Command::new(QUORATE);
    command.args(["lock", "acquire", "d", "--wait", "60", "--key", text(&other)]);
    command.args(["--node", &format!("http://{}", group.api(1))]).stderr(Stdio::piped());
    let mut waiting = command.spawn().expect("quorate runs");
    let mut lines = BufReader::new(waiting.stderr.take().expect("it is piped")).lines().map_while(Result::ok);
    assert!(lines.next().is_some_and(|line| line.contains("waits at place 1")));

    let stop = Command::new("kill").args(["-INT", &waiting.id().to_string()]).status();
    assert!(stop.is_ok_and(|stop| stop.success()));
    assert_eq!(waiting.wait().expect("it ends").code(), Some(3), "its fate is open");

    let words = lines.collect::<String>();
    let command = words.split('`').nth(1).expect("a command").replacen("quorate", QUORATE, 1);
    assert!(Command::new("sh").args(["-c", &command]).status().is_ok_and(|ended| ended.success()), "{words}");
    let locks = group.get(0, "/v1/domains/main/locks").json();
    assert_eq!(locks["items"].as_array().map(Vec::len), Some(1), "{locks}");
}

#[test]
fn whoever_waits_has_the_lock_when_it_is_given_back() {
    let (group, one, other, _) = desk();
    says(&group, &one, 0, &["lock", "acquire", "d", "--lease", "600"], 0);
    let waits = std::thread::scope(|scope| {
        let waiting =
            scope.spawn(|| says(&group, &other, 1, &["lock", "acquire", "d/a", "--mode", "S", "--wait", "60"], 0));
        let deadline = Instant::now() + Duration::from_secs(30);
        while group.get(0, "/v1/domains/main/locks").json()["items"].as_array().map_or(0, Vec::len) < 2 {
            assert!(Instant::now() < deadline, "nobody stands in line");
        }
        says(&group, &one, 0, &["lock", "release", "d"], 0);
        waiting.join().expect("the command ends")
    });
    assert_eq!((word(&waits, "lock"), word(&waits, "mode")), ("held", "S"));
}

/// Address of a server before a node that hands everything on but questions about locks: their connections end.
fn without_locks(node: SocketAddr) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("it is bound"));
    std::thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let mut node = TcpStream::connect(node).expect("it listens");
            let (mut from, mut to) = (node.try_clone().expect("a handle"), client.try_clone().expect("a handle"));
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            std::thread::spawn(move || {
                let mut piece = [0; 4_096];
                while let Ok(count @ 1..) = client.read(&mut piece) {
                    if String::from_utf8_lossy(&piece[..count]).contains("/locks") {
                        let _ = client.shutdown(Shutdown::Both);
                        return;
                    }
                    node.write_all(&piece[..count]).expect("it listens");
                }
            });
        }
    });
    address
}

#[test]
fn a_lock_whose_request_is_ordered_and_cannot_be_looked_at_is_told_with_its_receipt() {
    let group = Group::running(1);
    let node = without_locks(group.api(0));
    let acquire = ["lock", "acquire", "a", "--lease", "600", "--node", &node, "--timeout", "15"];

    let said = run(&group, &author(&group, 0), 0, &acquire);
    let asked = says(&group, &author(&group, 0), 0, &[&acquire[..2], &["b"], &acquire[3..]].concat(), 3);

    let (out, errors) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(out.starts_with("applied at "), "{out}");
    assert!(errors.contains("the lock on a was asked for, and how it stands is unknown"), "{errors}");
    assert_eq!((word(&asked, "state"), word(&asked, "lock"), said.status.code()), ("applied", "unknown", Some(3)));
}

#[test]
fn what_is_added_for_one_domain_takes_effect_together() {
    let (group, one, other, file) = desk();
    says(&group, &one, 0, &["tx", "begin"], 0);
    says(&group, &one, 0, &["tx", "add", "x", text(&file)], 0);
    says(&group, &one, 0, &["tx", "add", "y", text(&file)], 0);
    says(&group, &other, 1, &["lock", "acquire", "y", "--lease", "600"], 0);
    let refused = says(&group, &one, 0, &["tx", "commit"], 1);
    assert_eq!(word(&refused, "code"), "lock");
    assert!(word(&refused, "detail").starts_with("part 2 of 2"), "{refused}");
    says(&group, &other, 1, &["lock", "release", "y"], 0);
    let committed = says(&group, &one, 0, &["tx", "commit"], 0);
    assert_eq!((word(&committed, "state"), committed["to_seq"].as_u64()), ("applied", Some(2)));
    assert_eq!(run(&group, &one, 0, &["tx", "show"]).status.code(), Some(1), "nothing is open any more");
}

/// The outbox forgets what was answered long ago.
#[test]
fn a_transaction_that_was_sent_is_not_signed_anew_once_its_answer_is_forgotten_here() {
    let (group, one, _, file) = desk();
    says(&group, &one, 0, &["tx", "begin"], 0);
    says(&group, &one, 0, &["tx", "add", "x", text(&file)], 0);
    let sent = says(&group, &one, 0, &["tx", "commit", "--level", "eventual"], 0);
    eventually("it is applied", || (group.file(0, "x", "sequential").status == 200).then_some(()));
    let outbox = one.with_added_extension("outbox");
    let named = |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with("main-");
    let files: Vec<_> = std::fs::read_dir(outbox).expect("a folder").flatten().filter(named).collect();
    files.iter().for_each(|file| std::fs::remove_file(file.path()).expect("our file"));

    let again = run(&group, &one, 0, &["tx", "commit"]);

    let errors = String::from_utf8_lossy(&again.stderr);
    assert_eq!(again.status.code(), Some(1), "{errors}");
    assert!(errors.contains(&format!("it was committed before: {}", word(&sent, "id"))), "{errors}");
}

/// As a command leaves it that was killed while it threw the folder away.
#[test]
fn a_transaction_that_was_committed_is_called_so_also_where_its_contents_are_gone() {
    let (group, one, _, file) = desk();
    says(&group, &one, 0, &["tx", "begin"], 0);
    says(&group, &one, 0, &["tx", "add", "x", text(&file)], 0);
    let sent = says(&group, &one, 0, &["tx", "commit", "--level", "eventual"], 0);
    eventually("it is applied", || (group.file(0, "x", "sequential").status == 200).then_some(()));
    let folder = one.with_added_extension("tx");
    let files = std::fs::read_dir(&folder).expect("a folder").flatten().filter(|file| file.file_name() != "tx.json");
    files.for_each(|file| std::fs::remove_file(file.path()).expect("our file"));

    let again = run(&group, &one, 0, &["tx", "commit"]);

    let errors = String::from_utf8_lossy(&again.stderr);
    assert_eq!(again.status.code(), Some(1), "{errors}");
    assert!(errors.contains(&format!("it was committed before: {}", word(&sent, "id"))), "{errors}");
    assert!(!folder.exists(), "nothing is open any more");
}

#[test]
fn of_two_commits_at_once_one_signs() {
    let (group, one, _, file) = desk();
    says(&group, &one, 0, &["tx", "begin"], 0);
    says(&group, &one, 0, &["tx", "add", "x", text(&file)], 0);

    let mut codes = std::thread::scope(|scope| {
        let commits = [0, 1].map(|_| scope.spawn(|| run(&group, &one, 0, &["tx", "commit"]).status.code()));
        commits.map(|commit| commit.join().expect("the command ends"))
    });

    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(1)]);
    let key = quorate_client::keys::public(&one).expect("a key");
    let author = group.get(0, &format!("/v1/domains/main/authors/{key}")).json();
    assert_eq!(author["next_seq"].as_u64(), Some(2), "{author}");
}

#[test]
fn a_transaction_takes_effect_in_two_domains_or_in_none() {
    let (group, one, other, file) = desk();
    let made = says(&group, &one, 0, &["domains", "create", "lab", "--writers", "org:org-0"], 0);
    says(&group, &other, 1, &["approve", word(&made, "proposal")], 0);
    says(&group, &author(&group, 2), 2, &["approve", word(&made, "proposal")], 0);

    for (key, replica, code) in [(&one, 0, 0), (&other, 1, 1)] {
        assert_eq!(group.get(replica, "/v1/domains/lab/tree").status, 200, "it has executed it");
        says(&group, key, replica, &["tx", "begin"], 0);
        says(&group, key, replica, &["tx", "add", &format!("main-{replica}"), text(&file)], 0);
        says(&group, key, replica, &["tx", "add", &format!("lab-{replica}"), text(&file), "--domain", "lab"], 0);
        let answer = says(&group, key, replica, &["tx", "commit"], code);
        match code {
            0 => assert_eq!(word(&answer, "state"), "applied"),
            _ => assert_eq!(word(&answer, "code"), "role"), // everybody reads "lab"
        }
    }
    let paths = |domain: &str| -> Vec<String> {
        let tree = group.get(3, &format!("/v1/domains/{domain}/tree")).json();
        tree["items"].as_array().expect("a list").iter().map(|file| word(file, "path").to_owned()).collect()
    };
    assert_eq!((paths("main"), paths("lab")), (vec!["main-0".to_owned()], vec!["lab-0".to_owned()]));
    let put = ["put", "more", text(&file), "--domain", "lab"];
    assert_eq!(says(&group, &one, 2, &put, 0)["from_seq"].as_u64(), Some(2));
}

#[test]
fn everybody_has_a_figure_with_its_reasons() {
    let (group, one, _, file) = desk();
    says(&group, &one, 0, &["put", "a", text(&file)], 0);
    says(&group, &one, 0, &["rm", "nowhere", "--base", "0"], 1);
    let key = quorate_client::keys::public(&one).expect("a key");
    let standing = group.get(0, &format!("/v1/domains/main/authors/{key}")).json()["standing"].clone();
    assert_eq!(word(&standing, "state"), "good");
    assert!(standing["figure"].as_u64().is_some_and(|figure| (400..600).contains(&figure)), "{standing}");
    let reasons: Vec<&Value> = standing["reasons"].as_array().expect("a list").iter().collect();
    assert_eq!(reasons, ["changes that took effect: 1", "changes refused: 1"]);
    let members = group.get(0, "/v1/members").json();
    assert!(members["items"].as_array().expect("a list").iter().all(|member| member["standing"]["figure"].is_u64()));
}

#[test]
fn the_stream_tells_of_locks_and_of_the_groups_own_receipts() {
    let group = Group::running(1);
    let one = author(&group, 0);
    says(&group, &one, 0, &["lock", "acquire", "a", "--lease", "3"], 0);
    let policy = group.dir().join("policy.json");
    std::fs::write(&policy, r#"{"approvals": {"organisations": 1, "by": []}}"#).expect("a file is written");
    says(&group, &one, 0, &["propose", "group-policy", text(&policy)], 0);

    let mut reader = http::open(group.api(0), "/v1/events?from=0").expect("a stream");
    let events = http::read_until(&mut reader, "\"what\":\"expired\"").expect("a lease that is over");

    assert!(events.contains("event: lock") && events.contains("\"what\":\"granted\""), "{events}");
    assert!(events.contains("\"domain\":\"@group\""), "{events}");
}
