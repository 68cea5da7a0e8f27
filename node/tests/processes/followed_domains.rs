//! A follower of one domain beside four replicas, all as processes.

use crate::governance::{author, says, text, word};
use crate::group::{Group, eventually};
use crate::http;
use crate::members::{Load, agreed, await_epoch, key_of, takes_changes_as_they_come};
use crate::observers::{Observer, doors, goes_on};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const QUORATE: &str = env!("CARGO_BIN_EXE_quorate");

/// Makes a domain that one organisation alone may read.
fn make_closed(group: &Group, name: &str) {
    agree(group, &["domains", "create", name, "--readers", "org:org-0", "--writers", "org:org-0"]);
}

/// Has three of four organisations agree on what the first proposes.
fn agree(group: &Group, args: &[&str]) {
    let made = says(group, &author(group, 0), 0, args, 0);
    for number in [1, 2] {
        says(group, &author(group, number), number, &["approve", word(&made, "proposal")], 0);
    }
    assert_eq!(group.get(0, "/v1/domains/main/tree").status, 200, "replica 0 has executed it");
}

/// Waits until an observer says that it is not served for this reason: a member that is a block
/// behind says another first.
fn await_refusal(observer: &Observer, of: &str) {
    eventually(of, || observer.status()["why"].as_str().expect("words").contains(of).then_some(()));
}

/// Whether a file below a folder has these bytes.
fn is_anywhere(dir: &Path, bytes: &[u8]) -> bool {
    fs::read_dir(dir).expect("a folder").any(|entry| {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => is_anywhere(&path, bytes),
            // A running node removes files.
            false => fs::read(&path).is_ok_and(|file| file.windows(bytes.len()).any(|part| part == bytes)),
        }
    })
}

#[test]
fn an_enrolled_observer_follows_a_domain_beside_one_that_few_may_read_and_nothing_of_that_comes_along() {
    let mut group = Group::running(4);
    make_closed(&group, "lab");
    let secret = "that nobody outside may read, nor find on a disk";
    let file = group.dir().join("secret");
    fs::write(&file, secret).expect("our folder");
    says(&group, &author(&group, 0), 0, &["put", "plan", text(&file), "--domain", "lab"], 0);
    group.put(0, "folder/open", "that everybody may read, and finds on a disk");

    let mut observer = Observer::with(&group, doors(&group, 4), &["--domain", "main"]);
    await_refusal(&observer, "an observer of others must be enrolled");
    let hex = quorate_client::keys::public(&observer.dir.join("observer.key")).expect("a key").to_string();
    says(&group, &author(&group, 0), 0, &["observers", "enrol", &hex, "--org", "org-1"], 2); // shows no possession
    let (request, dir) = (group.dir().join("observer.request"), text(&observer.dir).to_owned());
    let asks = ["observers", "request", "--dir", &dir, "--org", "org-1", "--out", text(&request)];
    assert!(Command::new(QUORATE).args(asks).status().expect("quorate runs").success());
    agree(&group, &["observers", "enrol", text(&request)]);
    observer.awaits("folder/open", "that everybody may read, and finds on a disk");

    let status = observer.status();
    let said = ["role", "mode", "domains", "checked"].map(|name| status[name].clone());
    assert_eq!(said, [json!("observer"), json!("following"), json!(["main"]), json!(false)], "{status}");
    assert!(status["behind"].is_u64() && status["lag_ms"].is_u64() && status["why"] == "", "{status}");
    let tree = http::get(observer.api, "/v1/domains/main/tree?level=eventual").expect("an answer").json();
    assert_eq!(tree["items"][0]["path"], "folder/open", "{tree}");
    let domains = http::get(observer.api, "/v1/domains?level=sequential").expect("an answer").json();
    assert_eq!(domains["items"].as_array().map(Vec::len), Some(1), "{domains}");

    for path in ["/v1/domains/lab/files/plan?level=sequential", "/v1/domains/lab/tree?level=sequential", "/v1/events"] {
        let refused = http::get(observer.api, path).expect("an answer");
        assert_eq!(refused.status, 404, "{path}: {}", refused.text());
        assert!(refused.text().contains("main") && refused.text().contains("ask a member"), "{}", refused.text());
    }
    let strong = observer.file("folder/open", "strong");
    assert!(strong.status == 404 && strong.text().contains("level=sequential"), "{}", strong.text());

    let (proof, genesis) = (group.dir().join("open.proof"), group.dir().join("genesis.json"));
    let get = ["get", "folder/open", "--domain", "main", "--level", "sequential", "--proof", text(&proof)];
    let got = observer.says(&get);
    assert!(got.status.success(), "{}", String::from_utf8_lossy(&got.stderr));
    assert_eq!(got.stdout, b"that everybody may read, and finds on a disk");
    let verified = Command::new(QUORATE).args(["verify", text(&proof), "--genesis", text(&genesis)]).output();
    assert!(verified.expect("quorate runs").status.success());

    observer.stop();
    assert!(
        is_anywhere(&observer.dir, b"that everybody may read, and finds on a disk"),
        "the search finds what is there"
    );
    assert!(!is_anywhere(&observer.dir, secret.as_bytes()), "nothing of another domain");
}

#[test]
fn a_domain_that_few_may_read_is_not_handed_out() {
    let group = Group::running(4);
    make_closed(&group, "lab");
    let observer = Observer::with(&group, doors(&group, 4), &["--domain", "lab"]);
    await_refusal(&observer, "not everyone may read");
}

#[test]
fn killed_replicas_and_a_killed_observer_of_a_domain_need_no_hands() {
    let mut group = Group::running(4);
    group.put(0, "first", "1");
    let mut observer = Observer::with(&group, doors(&group, 4), &["--domain", "main"]);
    goes_on(&mut group, &mut observer);

    observer.stop();
    (1..4).for_each(|replica| group.kill(replica));
    observer.start();
    assert_eq!(observer.file("third", "sequential").text(), "3", "it serves what it holds without anybody");
}

/// A member gives eight MiB a second, and all files are parts of one errand.
#[test]
fn large_files_that_a_killed_observer_of_a_domain_has_taken_are_on_its_disk() {
    let mut group = Group::unpaced();
    let large = "that comes with many others ".repeat(40_000);
    (0..80).for_each(|number| drop(group.put(0, &format!("file-{number}"), &format!("{number} {large}"))));
    let mut observer = Observer::with(&group, doors(&group, 1), &["--domain", "main"]);
    eventually("a part of them is on its disk", || {
        is_anywhere(&observer.dir, b"that comes with many others ").then_some(())
    });
    assert_eq!(observer.status()["executed_seq"], 0, "not all of them have come");

    observer.kill();

    observer.start();
    observer.awaits("file-7", &format!("7 {large}"));
}

#[test]
fn an_observer_of_a_domain_hands_changes_on_and_then_shows_them() {
    let mut group = Group::running(4);
    let observer = Observer::with(&group, doors(&group, 4), &["--domain", "main"]);
    let envelope = group.envelope("handed", "on");
    let answer = eventually("a receipt", || {
        let answer = http::post(observer.api, "/v1/envelopes?wait=sequential", &envelope).ok()?;
        (answer.status == 200).then_some(answer)
    });
    assert_eq!(answer.json()["state"], "applied");
    assert_eq!(observer.file("handed", "sequential").text(), "on");
}

#[test]
fn an_observer_of_a_domain_stays_little_behind_a_busy_group() {
    let mut group = Group::init(4);
    takes_changes_as_they_come(&group);
    group.start_all();
    let observer = Observer::with(&group, doors(&group, 4), &["--domain", "main"]);
    let load = Load::begin(&group, 1);
    eventually("a first state", || (observer.status()["executed_seq"].as_u64()? > 0).then_some(()));
    let mut lags: Vec<u64> = Vec::new();
    for _ in 0..100 {
        std::thread::sleep(Duration::from_millis(100));
        lags.push(observer.status()["lag_ms"].as_u64().expect("a number"));
    }
    drop(load);
    let (early, late) = lags.split_at_mut(50);
    let [early, late] = [early, late].map(|half| *half.select_nth_unstable(25).1);
    lags.sort_unstable();
    println!(
        "lag under load: median {early} ms, then {late} ms; 95 of 100 below {} ms, worst {} ms",
        lags[95], lags[99]
    );
    // One that falls behind falls by five seconds from half to half, however slow the machine is.
    assert!(lags[95] < 6_000 || (lags[95] < 20_000 && late < early + 2_000), "{lags:?}");
}

#[test]
fn an_observer_of_a_domain_follows_from_epoch_to_epoch() {
    let mut group = Group::running(4);
    let mut observer = Observer::with(&group, doors(&group, 4), &["--domain", "main"]);
    group.put(0, "before", "1");
    observer.awaits("before", "1");
    agreed(&group, 0, &["remove", &key_of(&group, 3)]);
    for number in 0..200 {
        group.put(0, &format!("step-{number}"), "on");
        if group.status(0)["epoch"] == 1 {
            break;
        }
    }
    await_epoch(&group, 0, 1);
    group.put(0, "after", "2");
    observer.awaits("after", "2");
    assert_eq!(observer.status()["epoch"], Value::from(1));
    observer.kill();
    group.put(0, "later", "3");
    observer.start();
    observer.awaits("later", "3");
}

#[test]
fn a_folder_keeps_to_the_domains_that_it_was_made_for() {
    let group = Group::running(1);
    let mut observer = Observer::with(&group, doors(&group, 1), &["--domain", "main"]);
    observer.stop();
    for (flags, words) in [(&[][..], "follows main alone"), (&["--domain", "other"][..], "follows main alone")] {
        let refused = Command::new(QUORATE).args(["observe", "--dir", text(&observer.dir)]).args(flags).output();
        let refused = refused.expect("quorate runs");
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && said.contains(words), "{said}");
    }
}
