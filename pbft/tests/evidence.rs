//! Two different words of one signer meet wherever they were said, and become evidence on the ledger (E2, E5).

mod cluster;

use cluster::{Cluster, HashSigner, id, key};
use quorate_pbft::{
    Bundle, Content, Digest, EvidenceKind, Item, ItemKind, Kind, Message, NewView, ReplicaId, Signed, Signer,
    Statement, Time, ViewChange, items_root,
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

#[test]
fn an_owner_whose_bundle_holds_what_may_not_be_on_a_lane_is_caught() {
    is_caught_doing(EvidenceKind::InvalidBundle, |message| match message {
        Message::Bundle(bundle) if bundle.header.position.get() == 4 => {
            let mut invalid = Bundle::clone(bundle);
            invalid.items.push(Item { kind: ItemKind::Envelope, bytes: Vec::new() });
            (invalid.header.items, invalid.header.items_root) =
                (invalid.items.len() as u32, items_root(&invalid.items));
            let statement = Statement { digest: invalid.header.digest(), ..bundle.statement.statement };
            Some(Message::Bundle(Arc::new(Bundle { statement: resign(statement), ..invalid })))
        }
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

fn sign_as(liar: usize, statement: Statement) -> Signed {
    let signature = HashSigner(key(liar)).sign(&statement.signed_bytes());
    Signed { statement, signer: id(liar), signature }
}

/// A group whose liar says `other(message)` to those whom it names, and the truth to the rest.
fn lying(liar: usize, other: impl Fn(ReplicaId, &Message) -> Option<Message> + 'static) -> Cluster {
    let mut group = Cluster::new(4, 11);
    let lie = move |to: ReplicaId, message: &Arc<Message>, _now: u64| {
        vec![other(to, message).map_or_else(|| message.clone(), Arc::new)]
    };
    group.liars.insert(id(liar), Box::new(lie));
    group
}

fn recorded(group: &Cluster, at: &[usize], liar: usize, kind: EvidenceKind) -> bool {
    let by = |at: &usize| group.nodes[*at].ledger.recorded.iter().any(|key| key.signer == id(liar) && key.kind == kind);
    at.iter().all(by)
}

fn later(content: &Content) -> Content {
    Content { time: content.time.map(|time| Time::new(time.get() + 1)), ..content.clone() }
}

#[test]
fn a_primary_that_proposes_two_contents_is_caught_and_replaced_and_nothing_is_lost() {
    let twin = std::cell::RefCell::new(std::collections::BTreeMap::new());
    let mut group = lying(0, move |to, message| match message {
        Message::PrePrepare { statement, content, certificates } if to == id(1) => {
            let content = later(content);
            twin.borrow_mut().insert(statement.statement.digest, content.digest());
            let statement = sign_as(0, Statement { digest: content.digest(), ..statement.statement });
            Some(Message::PrePrepare { statement, content, certificates: certificates.clone() })
        }
        Message::Prepare { statement, pre_prepare } if to == id(1) => {
            let digest = *twin.borrow().get(&statement.statement.digest)?;
            let say = |of: &Signed| sign_as(0, Statement { digest, ..of.statement });
            Some(Message::Prepare { statement: say(statement), pre_prepare: say(pre_prepare) })
        }
        _ => None,
    });
    feed(&mut group);
    let done = group.run_until(10_000, |group| recorded(group, &[1, 2, 3], 0, EvidenceKind::Proposal));
    assert!(done, "{}", group.brief());
    assert!((1..4).all(|at| group.replica(at).view().get() >= 1), "another primary");
    let all = |group: &Cluster| (1..4).all(|at| (1..4).all(|of| group.has(at, &format!("4 of {of}"))));
    assert!(group.run_until(10_000, all), "{}", group.brief());
    group.judge();
}

/// Kills the primary, so that everyone demands another view, and waits until the liar is recorded by the rest.
fn is_caught_changing_view(liar: usize, kind: EvidenceKind, other: impl Fn(&Message) -> Option<Message> + 'static) {
    let mut group = lying(liar, move |_, message| other(message));
    feed(&mut group);
    group.run_for(1_000);
    group.crash(0);
    let honest: Vec<usize> = (1..4).filter(|at| *at != liar).collect();
    for at in &honest {
        group.submit(*at, &format!("after {at}"));
    }
    group.run_for(4_000);
    group.restart(0);
    let done = group.run_until(20_000, |group| recorded(group, &honest, liar, kind));
    assert!(done, "{kind:?} was not recorded: {}", group.brief());
    let all = |group: &Cluster| honest.iter().all(|at| honest.iter().all(|of| group.has(*at, &format!("after {of}"))));
    assert!(group.run_until(20_000, all), "{}", group.brief());
    group.judge();
}

/// The window of these groups.
const WINDOW: u64 = 256;

fn demanding(body: ViewChange, statement: &Signed) -> Message {
    let statement = sign_as(LIAR, Statement { digest: body.digest(WINDOW), ..statement.statement });
    Message::ViewChange { statement, body: Arc::new(body) }
}

#[test]
fn a_replica_that_leaves_its_votes_out_of_its_demand_is_caught() {
    is_caught_changing_view(LIAR, EvidenceKind::Omission, |message| match message {
        Message::ViewChange { statement, body } if statement.signer == id(LIAR) => {
            let body = ViewChange { checkpoint: None, prepared: Vec::new(), voted: Vec::new(), view: body.view };
            Some(demanding(body, statement))
        }
        _ => None,
    });
}

#[test]
fn a_replica_whose_demand_carries_a_forged_certificate_is_caught() {
    is_caught_changing_view(LIAR, EvidenceKind::InvalidViewChange, |message| match message {
        Message::ViewChange { statement, body } if statement.signer == id(LIAR) => {
            let mut body = ViewChange::clone(body);
            body.checkpoint.as_mut()?.signatures[0].1.0[0] ^= 1;
            Some(demanding(body, statement))
        }
        _ => None,
    });
}

#[test]
fn a_new_primary_that_starts_with_what_does_not_follow_is_caught() {
    is_caught_changing_view(1, EvidenceKind::InvalidNewView, |message| match message {
        Message::NewView { statement, body } if statement.signer == id(1) => {
            let mut body = NewView::clone(body);
            let seq = body.last().next();
            let invented = Statement { kind: Kind::PrePrepare, seq, digest: Digest([8; 32]), ..statement.statement };
            body.pre_prepares.push(sign_as(1, invented));
            let statement = Statement { digest: body.digest(WINDOW), ..statement.statement };
            Some(Message::NewView { statement: sign_as(1, statement), body: Arc::new(body) })
        }
        _ => None,
    });
}
