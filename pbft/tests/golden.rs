//! The common conversations, word for word (`tests/golden`). A change of any is reviewed like code:
//! `cargo insta review`, or `INSTA_UPDATE=always cargo test -p quorate-pbft --test golden` and a look at the difference.

mod cluster;

use cluster::{Cluster, HashSigner, Weather, id, key};
use quorate_pbft::{Content, Message, ReplicaId, Signed, Signer, Statement, Time};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Four replicas that have just told each other what they said before: nothing.
fn group() -> Cluster {
    let mut group = Cluster::new(4, 1);
    group.weather = Weather::EVEN;
    group.run_for(40);
    group
}

/// The conversation under a headline, against the one that was reviewed.
fn matches_the_golden(name: &str, about: &str, mut group: Cluster) {
    let text = format!("{about}\n\n{}", group.recorded());
    group.judge();
    insta::with_settings!({ snapshot_path => "golden", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, text);
    });
}

fn runs_until(group: &mut Cluster, done: impl FnMut(&Cluster) -> bool) {
    let done = group.run_until(20_000, done);
    assert!(done, "{}", group.brief());
}

#[test]
fn an_item_is_ordered_by_three_of_four() {
    let mut group = group();
    group.crash(3);
    group.record();
    group.note("an author hands an item to replica 1; replica 3 is down");
    group.submit(1, "hello");
    runs_until(&mut group, |group| (0..3).all(|at| group.has(at, "hello")));
    matches_the_golden("normal-case", "L1 to L4, N1 to N4, L5: the slow path, three phases", group);
}

#[test]
fn an_item_is_ordered_by_prepares_of_all() {
    let mut group = group();
    group.record();
    group.note("an author hands an item to replica 1");
    group.submit(1, "hello");
    runs_until(&mut group, |group| (0..4).all(|at| group.has(at, "hello")));
    assert!(group.replica(2).report().fast_commits > 0, "N5");
    matches_the_golden("fast-path", "N5: n Prepares decide before anybody's Commit arrives", group);
}

#[test]
fn an_idle_group_takes_a_checkpoint() {
    let mut group = group();
    group.submit(1, "first");
    runs_until(&mut group, |group| (0..4).all(|at| group.has(at, "first")));
    group.run_for(10);
    group.record();
    group.note("slot 1 was a checkpoint just now; an author hands another item to replica 1");
    group.submit(1, "second");
    let covered = |group: &Cluster, at: usize| group.replica(at).report().stable.get() == group.executed(at);
    runs_until(&mut group, |group| (0..4).all(|at| group.has(at, "second") && covered(group, at)));
    matches_the_golden("checkpoint", "C1, C2: what is decided is covered soon, also where nothing else happens", group);
}

#[test]
fn a_silent_primary_is_replaced() {
    let mut group = group();
    group.record();
    group.kill(0);
    group.note("an author hands an item to replica 2");
    group.submit(2, "hello");
    runs_until(&mut group, |group| (1..4).all(|at| group.has(at, "hello")));
    matches_the_golden("view-change", "V1 to V6: a certified bundle that is not cut asks for another primary", group);
}

fn sign(liar: usize, statement: Statement) -> Signed {
    let signature = HashSigner(key(liar)).sign(&statement.signed_bytes());
    Signed { statement, signer: id(liar), signature }
}

/// Replica 0 tells replica 1 that everything happened a millisecond later, and votes accordingly.
fn two_faced(group: &mut Cluster) {
    let twin = RefCell::new(BTreeMap::new());
    let lie = move |to: ReplicaId, message: &Message| match message {
        Message::PrePrepare { statement, content, certificates } if to == id(1) => {
            let content = Content { time: content.time.map(|time| Time::new(time.get() + 1)), ..content.clone() };
            twin.borrow_mut().insert(statement.statement.digest, content.digest());
            let statement = sign(0, Statement { digest: content.digest(), ..statement.statement });
            Some(Message::PrePrepare { statement, content, certificates: certificates.clone() })
        }
        Message::Prepare { statement, pre_prepare } if to == id(1) => {
            let digest = *twin.borrow().get(&statement.statement.digest)?;
            let say = |of: &Signed| sign(0, Statement { digest, ..of.statement });
            Some(Message::Prepare { statement: say(statement), pre_prepare: say(pre_prepare) })
        }
        _ => None,
    };
    let says = move |to: ReplicaId, message: &Arc<Message>, _now: u64| {
        vec![lie(to, message).map_or_else(|| message.clone(), Arc::new)]
    };
    group.liars.insert(id(0), Box::new(says));
}

#[test]
fn a_primary_that_proposes_two_contents_is_caught() {
    let mut group = group();
    two_faced(&mut group);
    group.record();
    group.note("an author hands an item to replica 2; the primary is two-faced");
    group.submit(2, "hello");
    let recorded = |group: &Cluster| (1..4).all(|at| !group.nodes[at].ledger.recorded.is_empty());
    runs_until(&mut group, |group| recorded(group) && (1..4).all(|at| group.has(at, "hello")));
    matches_the_golden("equivocation", "E2, E5, V3: the halves meet, the primary is left, the proof is ordered", group);
}

#[test]
fn a_restarted_replica_asks_what_it_said() {
    let mut group = group();
    group.submit(1, "before");
    runs_until(&mut group, |group| (0..4).all(|at| group.has(at, "before")));
    group.run_for(1_000);
    group.record();
    group.kill(2);
    group.note("replica 2 starts again");
    group.restart(2);
    group.run_for(20);
    group.note("an author hands an item to replica 2");
    group.submit(2, "after");
    runs_until(&mut group, |group| (0..4).all(|at| group.has(at, "after")));
    matches_the_golden("restart", "E7: nothing is signed until q − 1 others have answered", group);
}

#[test]
fn a_laggard_catches_up() {
    let mut group = group();
    group.partition(&[3]);
    for round in 0..3 {
        group.submit(1, &format!("item {round}"));
        group.run_for(300);
    }
    group.record();
    group.note("replica 3 missed everything; now it hears the others again");
    group.heal();
    runs_until(&mut group, |group| group.has(3, "item 2"));
    matches_the_golden("laggard", "N8, N9, L5: statuses show what is missing, and whoever is asked sends it", group);
}

#[test]
fn a_bundle_that_its_owner_withholds_is_fetched_from_who_acknowledged_it() {
    let mut group = group();
    let withhold = |to: ReplicaId, message: &Arc<Message>, _now: u64| match &**message {
        Message::Bundle(_) if to == id(1) => Vec::new(),
        _ => vec![message.clone()],
    };
    group.liars.insert(id(3), Box::new(withhold));
    group.record();
    group.note("an author hands an item to replica 3, which does not send its bundle to replica 1");
    group.submit(3, "hello");
    runs_until(&mut group, |group| (0..3).all(|at| group.has(at, "hello")));
    matches_the_golden("fetch", "L4, L5: no vote waits for data, execution fetches it", group);
}
