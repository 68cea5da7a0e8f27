//! Changes that wait for an earlier number of their author.

use crate::governance::{author, run, says, text, word};
use crate::group::{Group, eventually};
use quorate_client::author::{Author, Draft};
use quorate_client::content;
use quorate_client::http::Client;
use quorate_ledger::{Mode, Op};
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};

fn ids(issues: &Value) -> Vec<&str> {
    issues["items"].as_array().expect("a list").iter().filter_map(|issue| issue["id"].as_str()).collect()
}

#[test]
fn a_change_without_the_number_before_it_is_a_notice_and_holds_up_no_stop() {
    let mut group = Group::running(1);
    let usual = Instant::now();
    assert_eq!(group.stop(0), Some(0));
    let usual = usual.elapsed();
    group.start(0);
    let late = group.envelope_at(3, 1, "late", "x");
    let taken = crate::http::post(group.api(0), "/v1/envelopes", &late).expect("an answer");
    assert_eq!(taken.status, 202);

    let told = eventually("a notice", || {
        let issues = group.get(0, "/v1/issues").json();
        ids(&issues).contains(&"numbers-missing").then_some(issues)
    });

    assert!(!ids(&told).contains(&"stalled"), "{told}");
    assert_eq!(group.status(0)["pending"], 1);
    let (mut took, most) = (Vec::new(), usual + Duration::from_secs(3)); // one of three, for a disk may stand still
    while took.len() < 3 && took.last().is_none_or(|took| *took >= most) {
        if !took.is_empty() {
            group.start(0);
            assert_eq!(crate::http::post(group.api(0), "/v1/envelopes", &late).expect("an answer").status, 202);
        }
        let begun = Instant::now();
        assert_eq!(group.stop(0), Some(0));
        took.push(begun.elapsed());
    }
    assert!(took.last().is_some_and(|took| *took < most), "{took:?}, else {usual:?}");
}

#[test]
fn an_offer_beyond_a_gap_is_answered_soon_with_the_number_that_it_waits_for() {
    let group = Group::running(1);
    let late = group.envelope_at(3, 1, "late", "x");
    let begun = Instant::now();

    let answer = crate::http::post(group.api(0), "/v1/envelopes?wait=sequential", &late).expect("an answer");

    assert_eq!((answer.status, answer.json()["waits_for"].as_u64()), (202, Some(1)), "{}", answer.text());
    assert_eq!(answer.json()["state"], "waiting");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn an_offer_whose_gap_closes_at_once_is_answered_with_its_verdict() {
    let group = Group::running(1);
    let [first, second] = [1, 2].map(|number| group.envelope_at(number, 1, &number.to_string(), "x"));

    let answer = std::thread::scope(|scope| {
        let late = scope.spawn(|| crate::http::post(group.api(0), "/v1/envelopes?wait=sequential", &second));
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(group.offer(0, &first).status, 200);
        late.join().expect("no panic").expect("an answer")
    });

    assert_eq!((answer.status, answer.json()["state"].as_str()), (200, Some("applied")), "{}", answer.text());
}

/// Keeps a change of a key whose content nobody has, as a program with the key may have made it; its id.
fn kept_without_its_content(group: &Group, key: &Path) -> String {
    let op = Op::Put { path: "a".into(), mode: Mode::File, content: content::digest(b"nobody has it") };
    let draft = Draft { base: None, ops: vec![op], contents: vec![], message: String::new() };
    let keep = async {
        let client = Client::new(&format!("http://{}", group.api(0)), Duration::from_secs(30)).expect("an address");
        Author::open(key, client, "main").await.expect("our key").keep(&draft).await.expect("it is signed")
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(keep).to_string()
}

#[test]
fn a_change_that_waits_for_ever_is_let_go_by_the_owner_of_its_key() {
    let group = Group::running(4);
    let key = author(&group, 0);
    let waits = kept_without_its_content(&group, &key);
    let stuck = run(&group, &key, 0, &["put", "b", text(&key), "--timeout", "10"]);
    let told = String::from_utf8_lossy(&stuck.stderr).into_owned();
    assert!(stuck.status.code() == Some(3) && told.contains("`quorate give-up`"), "{told}");
    let listed = says(&group, &key, 0, &["give-up"], 0);
    assert_eq!((word(&listed["items"][0], "id"), word(&listed["items"][0], "domain")), (&waits[..], "main"));

    let given_up = says(&group, &key, 0, &["give-up", &waits], 0);

    assert_eq!(given_up["given_up"][0]["id"].as_str(), Some(&waits[..]));
    assert_eq!(
        given_up["given_up"].as_array().map(Vec::len),
        Some(2),
        "and the change that is based on it: {given_up}"
    );
    assert_eq!(says(&group, &key, 0, &["give-up"], 0)["items"], Value::Array(vec![]));
    // At the node that has it parked its number is taken for the moments in which it is tried again.
    assert_eq!(word(&says(&group, &key, 1, &["put", "b", text(&key)], 0), "state"), "applied");
    says(&group, &key, 0, &["give-up", &waits], 1);
}

#[test]
fn a_change_that_has_its_verdict_by_now_is_not_given_up() {
    let mut group = Group::running(1);
    let key = author(&group, 0);
    let id = word(&says(&group, &key, 0, &["put", "a", text(&key)], 0), "id").to_owned();
    let outbox = std::fs::read_dir(key.with_added_extension("outbox")).expect("it has signed").flatten();
    let answer = outbox.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|ends| ends == "answer"));
    std::fs::remove_file(answer.expect("it has its verdict")).expect("as if the command had been killed before");

    let receipt = says(&group, &key, 0, &["give-up", &id], 0);

    assert_eq!((word(&receipt, "id"), word(&receipt, "state")), (&id[..], "applied"));
    group.stop(0);
    assert_eq!(says(&group, &key, 0, &["give-up"], 0)["items"], Value::Array(vec![]), "no node is asked for a list");
}
