//! Two different words of one signer meet wherever they were said, and become evidence on the ledger (E2, E5).

mod cluster;

use cluster::{Cluster, HashSigner, id, key};
use quorate_pbft::{
    Bundle, Digest, EvidenceKind, Item, ItemKind, Kind, Message, ReplicaId, Signed, Signer, Statement, items_root,
};
use std::sync::Arc;

/// The liar in these tests: the last replica of four.
const LIAR: usize = 3;

fn resign(statement: Statement) -> Signed {
    let signature = HashSigner(key(LIAR)).sign(&statement.signed_bytes());
    Signed { statement, signer: id(LIAR), signature }
}

fn about_something_else(signed: &Signed) -> Signed {
    resign(Statement { digest: Digest([0xee; 32]), ..signed.statement })
}

/// A group whose liar says `other(message)` to replica 0 and the truth to the rest.
fn group_with_liar(other: impl Fn(&Message) -> Option<Message> + 'static) -> Cluster {
    let mut group = Cluster::new(4, 5);
    let lie = move |to: ReplicaId, message: &Arc<Message>, _now: u64| {
        let lied = (to == id(0)).then(|| other(message)).flatten();
        vec![lied.map_or_else(|| message.clone(), Arc::new)]
    };
    group.liars.insert(id(LIAR), Box::new(lie));
    group
}

fn feed(group: &mut Cluster) {
    group.run_for(100);
    for round in 0..5 {
        for index in 0..4 {
            group.submit(index, &format!("{round} of {index}"));
        }
        group.run_for(300);
    }
}

fn caught(group: &Cluster, kind: EvidenceKind) -> bool {
    (0..LIAR).all(|at| group.nodes[at].ledger.recorded.iter().any(|key| key.signer == id(LIAR) && key.kind == kind))
}

fn is_caught_doing(kind: EvidenceKind, other: impl Fn(&Message) -> Option<Message> + 'static) {
    let mut group = group_with_liar(other);
    feed(&mut group);
    let done = group.run_until(10_000, |group| caught(group, kind));
    assert!(done, "{kind:?} was not recorded: {}", group.brief());
    let all = |group: &Cluster| (0..LIAR).all(|at| (0..LIAR).all(|of| group.has(at, &format!("4 of {of}"))));
    assert!(group.run_until(10_000, all), "the honest do not go on: {}", group.brief());
    group.judge();
}

#[test]
fn a_backup_that_prepares_one_digest_towards_one_and_another_towards_the_rest_is_caught() {
    is_caught_doing(EvidenceKind::Proposal, |message| match message {
        Message::Prepare { statement, pre_prepare } => {
            Some(Message::Prepare { statement: about_something_else(statement), pre_prepare: *pre_prepare })
        }
        _ => None,
    });
}

#[test]
fn a_backup_that_commits_two_digests_is_caught() {
    is_caught_doing(EvidenceKind::Proposal, |message| match message {
        Message::Commit(signed) => Some(Message::Commit(about_something_else(signed))),
        _ => None,
    });
}

#[test]
fn a_replica_that_acknowledges_two_bundles_at_one_position_is_caught() {
    is_caught_doing(EvidenceKind::Ack, |message| match message {
        // Replica 0 is the primary, which hears every Ack; the owner of the lane hears the other one.
        Message::Ack(signed) => Some(Message::Ack(about_something_else(signed))),
        _ => None,
    });
}

#[test]
fn a_replica_that_signs_two_checkpoints_for_one_slot_is_caught() {
    is_caught_doing(EvidenceKind::Checkpoint, |message| match message {
        Message::Checkpoint(signed) => Some(Message::Checkpoint(about_something_else(signed))),
        _ => None,
    });
}

#[test]
fn an_owner_that_forks_its_lane_is_caught_and_stops_only_itself() {
    is_caught_doing(EvidenceKind::Bundle, |message| match message {
        Message::Bundle(bundle) => Some(Message::Bundle(Arc::new(fork(bundle)))),
        _ => None,
    });
}

fn fork(bundle: &Bundle) -> Bundle {
    let items = vec![Item { kind: ItemKind::Envelope, bytes: b"another".to_vec() }];
    let mut header = bundle.header.clone();
    header.lane_bytes = header.lane_bytes - header.bytes + 7;
    (header.bytes, header.items, header.items_root) = (7, 1, items_root(&items));
    let statement = Statement { digest: header.digest(), ..bundle.statement.statement };
    assert_eq!(statement.kind, Kind::Bundle);
    Bundle { statement: resign(statement), header, items }
}
