//! Followers that follow other followers, all as processes.

use crate::governance::text;
use crate::group::{Group, eventually};
use crate::http;
use crate::observers::{Observer, doors};
use serde_json::Value;
use std::process::Command;
use std::time::Instant;

const QUORATE: &str = env!("CARGO_BIN_EXE_quorate");

/// Address of the door of a follower at this place, for those that may find others too, or by a name that opens no range.
fn door(group: &Group, place: usize, host: &str) -> String {
    format!("/{host}/tcp/{}", group.api(501 + 2 * place).port())
}

/// A follower at a place, with a door.
fn serving(group: &Group, place: usize, peers: Vec<String>) -> Observer {
    let listen = door(group, place, "ip4/127.0.0.1");
    Observer::at(group, (&format!("observer-{place}"), group.api(500 + 2 * place)), peers, &["--listen", &listen])
}

#[test]
fn a_follower_of_a_follower_proves_hands_changes_on_and_reads_strongly() {
    let mut group = Group::running(4);
    group.put(0, "before", "one");
    let near = serving(&group, 0, doors(&group, 4));
    near.awaits("before", "one");
    // A name opens no range of addresses: no other door is dialled.
    let far = serving(&group, 1, vec![door(&group, 0, "dns4/localhost")]);

    far.awaits("before", "one");
    let status = eventually("a follower that is led", || Some(far.status()).filter(|status| status["why"] == ""));
    assert_eq!((&status["role"], &status["mode"]), (&Value::from("observer"), &Value::from("following")), "{status}");
    eventually("a follower that is ready", || (http::get(far.api, "/readyz").ok()?.status == 200).then_some(()));

    let proof = group.dir().join("before.proof");
    let got = far.says(&["get", "before", "--domain", "main", "--proof", text(&proof)]);
    assert!(got.status.success(), "{}", String::from_utf8_lossy(&got.stderr));
    let genesis = group.dir().join("genesis.json");
    let verified = Command::new(QUORATE).args(["verify", text(&proof), "--genesis", text(&genesis)]).output();
    assert!(verified.expect("quorate runs").status.success());

    let envelope = group.envelope("handed", "on");
    assert_eq!(far.hands_on(&envelope)["state"], "applied");
    assert_eq!(far.file("handed", "strong").text(), "on");
    assert_eq!(near.file("handed", "sequential").text(), "on");
}

#[test]
fn a_follower_whose_server_is_killed_goes_on_at_the_doors_that_it_named() {
    let mut group = Group::running(4);
    group.put(0, "before", "one");
    let mut near = serving(&group, 0, doors(&group, 4));
    near.awaits("before", "one");
    let far = serving(&group, 1, vec![door(&group, 0, "ip4/127.0.0.1")]);
    far.awaits("before", "one");
    // Slots may come before the addresses of members, which have just met.
    eventually("a member that serves the far follower", || far.is_served_by_a_member().then_some(()));

    near.kill();
    group.put(1, "after", "two");

    far.awaits("after", "two");
}

#[test]
fn a_server_that_stands_still_or_is_out_of_date_holds_no_follower_back() {
    let mut group = Group::running(4);
    group.put(0, "before", "one");
    let mut stale = serving(&group, 0, doors(&group, 4));
    stale.awaits("before", "one");
    stale.kill();
    stale.forgets_its_peers();
    stale.start();
    let still = serving(&group, 1, doors(&group, 4));
    still.awaits("before", "one");
    let near = Observer::at(
        &group,
        ("observer-2", group.api(504)),
        vec![door(&group, 0, "dns4/localhost"), door(&group, 1, "dns4/localhost"), doors(&group, 1)[0].clone()],
        &[],
    );
    near.awaits("before", "one");
    still.signal("STOP");

    let begun = Instant::now();
    group.put(1, "after", "two");
    near.awaits("after", "two");

    println!("past one that stands still and one out of date: {} ms", begun.elapsed().as_millis());
    still.signal("CONT");
}
