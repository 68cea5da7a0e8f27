//! Replies: slots, contents, demands and starts of views that members send, and what copies of them cost.

use crate::group::{Group, key_of, member};
use crate::tolls::charged;
use quorate_ledger::Revision;
use quorate_pbft::{
    BundleFault, BundleHeader, ClaimedCert, Content, Digest, Epoch, Evidence, InvalidBundle, Kind, Message, NewView,
    Position, Question, ReplicaId, SeqNum, Signed, Statement, View, ViewChange, Wanted,
};
use quorate_storage::SupplyLimits;
use quorate_storage::faulty::Loss;
use std::sync::Arc;

/// A group of which the last member sends copies only, and has executed a slot.
fn with_a_flooder() -> Group {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    let envelope = group.envelope(1, "a");
    group.submit(1, &envelope);
    group.until("a receipt", |group| group.receipt(0, &envelope.id).is_some());
    group.crash(3, Loss::All);
    group
}

/// Mebibytes that replica 0 charges a member for so many copies of a message.
fn costs(group: &mut Group, copies: usize, message: &Message) -> u64 {
    let before = charged(group, 3);
    bytes_of(group, copies, message);
    charged(group, 3) - before
}

/// Bytes that replica 0 charges a member for so many copies of a message.
fn bytes_of(group: &mut Group, copies: usize, message: &Message) -> u64 {
    let charged = |group: &Group| group.sites[0].useless.get(&key_of(3)).copied().unwrap_or(0);
    let (before, frame) = (charged(group), borsh::to_vec(message).expect("memory"));
    group.sites[0].inbox.extend((0..copies).map(|_| (key_of(3), frame.clone())));
    group.turn();
    charged(group) - before
}

fn signed(group: &Group, by: u16, kind: Kind, body: (View, Digest)) -> Signed {
    let (view, digest) = body;
    let (epoch, seq) = (Epoch::default(), SeqNum::new(0));
    let statement = Statement { group: group.genesis.group(), epoch, kind, view, seq, digest };
    statement.sign(ReplicaId::new(by), &member(by))
}

fn demand(group: &Group, by: u16, view: u64) -> (Signed, Arc<ViewChange>) {
    let body = ViewChange { view: View::new(view), checkpoint: None, prepared: vec![], voted: vec![] };
    let digest = body.digest(group.genesis.constants().window);
    (signed(group, by, Kind::ViewChange, (body.view, digest)), Arc::new(body))
}

#[test]
fn copies_of_decided_slots_that_nobody_asked_for_are_charged() {
    let mut group = with_a_flooder();
    let (from, to) = (SeqNum::new(1), SeqNum::new(1));
    let question = Question { epoch: Epoch::default(), wanted: Wanted::Slots { from, to } };
    let moment = group.sites[0].engine.as_ref().expect("it runs").published().moment;
    let answer = moment.snapshot.supply(&question, SupplyLimits::default()).expect("the disk");
    let decided = answer.iter().find(|message| matches!(message, Message::Decided { .. })).expect("it is decided");

    assert_eq!(costs(&mut group, 4_096, decided), 0, "a window of them may be on its way");
    assert!((16..20).contains(&costs(&mut group, 1_024, decided)), "1,024 frames of 16 KiB and a little more");
}

#[test]
fn copies_of_contents_that_nobody_asked_for_are_charged() {
    let mut group = with_a_flooder();
    let content = Message::Content { content: Content::NULL, certificates: vec![] };

    assert_eq!(costs(&mut group, 4_096, &content), 0, "a window of them may be on its way");
    assert!((16..18).contains(&costs(&mut group, 1_024, &content)), "1,024 frames of 16 KiB and a little more");
}

#[test]
fn copies_of_a_demand_for_a_view_are_charged() {
    let mut group = with_a_flooder();
    let (statement, body) = demand(&group, 3, 1);
    let demand = Message::ViewChange { statement, body };

    assert_eq!(costs(&mut group, 64, &demand), 0, "it is repeated for each status");
    assert!((15..18).contains(&costs(&mut group, 1_024, &demand)), "1,024 frames of 16 KiB and a little more");
}

/// Each is a signature to check, as in words about what this replica promised.
#[test]
fn copies_of_a_demand_are_charged_by_the_signatures_in_it() {
    let mut group = with_a_flooder();
    let (epoch, kind, view, seq) = (Epoch::default(), Kind::Checkpoint, View::default(), SeqNum::new(128));
    let statement = Statement { group: group.genesis.group(), epoch, kind, view, seq, digest: Digest::ZERO };
    let signatures = (1..4).map(|by| (ReplicaId::new(by), statement.sign(ReplicaId::new(by), &member(by)).signature));
    let signatures = signatures.collect();
    let checkpoint = ClaimedCert { epoch, kind, view, seq, digest: Digest::ZERO, signatures };
    let body = ViewChange { view: View::new(1), checkpoint: Some(checkpoint), prepared: vec![], voted: vec![] };
    let digest = body.digest(group.genesis.constants().window);
    let statement = signed(&group, 3, Kind::ViewChange, (body.view, digest));
    let demand = Message::ViewChange { statement, body: Arc::new(body) };

    bytes_of(&mut group, 64, &demand);
    assert!((21..25).contains(&costs(&mut group, 1_024, &demand)), "1,024 frames of 16 KiB and three times 2 KiB");
}

#[test]
fn demands_for_ever_higher_views_are_charged() {
    let mut group = with_a_flooder();
    let demands = |group: &mut Group, views: std::ops::Range<u64>| -> u64 {
        let all = views.map(|view| {
            let (statement, body) = demand(group, 3, view);
            costs(group, 1, &Message::ViewChange { statement, body })
        });
        all.sum()
    };

    assert_eq!(demands(&mut group, 1..64), 0);
    assert!((10..16).contains(&demands(&mut group, 64..1_064)));
}

#[test]
fn copies_of_the_start_of_a_view_are_charged() {
    let mut group = with_a_flooder();
    let view_changes = (1..4).map(|by| demand(&group, by, 3)).collect();
    let body = NewView { view: View::new(3), view_changes, pre_prepares: vec![] };
    let digest = body.digest(group.genesis.constants().window);
    let statement = signed(&group, 3, Kind::NewView, (body.view, digest));
    let start = Message::NewView { statement, body: Arc::new(body) };

    assert_eq!(bytes_of(&mut group, 16, &start), 0);
    assert!(bytes_of(&mut group, 16, &start) >= 14 * (16 << 10), "a status or two may have paid for one each");
    assert!((15..22).contains(&costs(&mut group, 1_024, &start)), "1,024 frames of 16 KiB and a little more");
}

#[test]
fn members_that_change_views_again_and_again_are_charged_for_nothing() {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    for seq in 1..=24 {
        let (primary, by) = ((seq as usize - 1) % 4, seq as usize % 4);
        group.crash(primary, Loss::Nothing);
        let envelope = group.envelope(seq, &format!("file-{seq}"));
        group.submit(by, &envelope);
        group.until("a receipt", |group| group.receipt(by, &envelope.id).is_some());
        group.start(primary);
        group.until_all_may_sign();
    }
    (0..400).for_each(|_| group.turn());

    assert!(group.sites.iter().all(|site| site.useless.is_empty()));
}

#[test]
fn members_that_serve_one_that_was_cut_off_are_charged_for_nothing() {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    group.cut_off = [3].into();
    for seq in 1..=300 {
        group.submit(0, &group.putting(seq, &format!("file-{seq}"), "x", Revision::GENESIS));
        (0..12).for_each(|_| group.turn());
    }
    group.cut_off.clear();

    group.until("it has caught up", |group| group.executed(3) == group.executed(0) && group.executed(0).get() > 200);
    (0..400).for_each(|_| group.turn());

    assert!(group.sites.iter().all(|site| site.useless.is_empty()));
}

/// Proof that the owner of the last lane has signed a bundle of nothing.
fn proof(group: &Group) -> Message {
    let header = BundleHeader {
        lane: ReplicaId::new(3),
        position: Position::new(1),
        parent: Digest::ZERO,
        items: 0,
        bytes: 0,
        items_root: Digest::ZERO,
        lane_bytes: 0,
    };
    let digest = header.digest();
    let (group, epoch, seq) = (group.genesis.group(), Epoch::default(), SeqNum::new(1));
    let statement = Statement { group, epoch, kind: Kind::Bundle, view: View::default(), seq, digest };
    let statement = statement.sign(header.lane, &member(3));
    let invalid = InvalidBundle { statement, header, fault: BundleFault::Header };
    Message::Evidence(Evidence::InvalidBundle(Box::new(invalid)))
}

#[test]
fn copies_of_a_proof_are_charged() {
    let mut group = with_a_flooder();
    let proof = proof(&group);

    assert_eq!(costs(&mut group, 64, &proof), 0, "one against each member that is accused");
    assert!((15..20).contains(&costs(&mut group, 1_024, &proof)), "1,024 frames of 16 KiB and a little more");
}
