//! Tolls of lanes: what a member without a gate may bring, and what becomes of the rest.

use crate::group::{Group, STEP_MS, author, key_of, member};
use quorate_ledger::Revision;
use quorate_pbft::{
    Bundle, BundleFault, BundleHeader, ClaimedCert, Constants, Content, Digest, Ed25519Signer, Epoch, Evidence,
    InvalidBundle, Item, ItemKind, Kind, Message, Position, ReplicaId, SeqNum, Statement, Tip, View, items_root,
};
use quorate_storage::Db;
use quorate_storage::faulty::Loss;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A member without a gate: the next bundle of its lane, of one envelope, goes to everybody else.
fn liar_sends(group: &mut Group, liar: u16, end: &mut (Tip, u64), bytes: Vec<u8>) {
    liar_sends_all(group, liar, end, vec![Item { kind: ItemKind::Envelope, bytes }]);
}

/// The same, of these items.
fn liar_sends_all(group: &mut Group, liar: u16, end: &mut (Tip, u64), items: Vec<Item>) {
    let bundle = made(group, liar, end, items);
    liar_hands(group, liar, bundle);
}

/// The next bundle of a member's lane.
fn made(group: &Group, liar: u16, (tip, lane_bytes): &mut (Tip, u64), items: Vec<Item>) -> Bundle {
    let (lane, bytes) = (ReplicaId::new(liar), items.iter().map(|item| item.bytes.len() as u64).sum());
    *lane_bytes += bytes;
    let header = BundleHeader {
        lane,
        position: tip.position.next(),
        parent: tip.digest,
        items: items.len() as u32,
        bytes,
        items_root: items_root(&items),
        lane_bytes: *lane_bytes,
    };
    *tip = header.tip();
    let statement = Statement {
        group: group.genesis.group(),
        epoch: Epoch::default(),
        kind: Kind::Bundle,
        view: View::default(),
        seq: SeqNum::new(header.position.get()),
        digest: header.digest(),
    };
    let statement = statement.sign(lane, &member(liar));
    Bundle { header, statement, items }
}

fn liar_hands(group: &mut Group, liar: u16, bundle: Bundle) {
    let frame = borsh::to_vec(&Message::Bundle(Arc::new(bundle))).expect("memory");
    for site in (0..group.sites.len()).filter(|site| *site != usize::from(liar)) {
        group.sites[site].inbox.push((key_of(usize::from(liar)), frame.clone()));
    }
}

/// Bundles of all lanes on a disk.
fn bundles_on_disk(group: &mut Group, site: usize) -> u64 {
    group.crash(site, Loss::Nothing);
    let stats = Db::on(&group.sites[site].disk).expect("the disk").stats().expect("the disk");
    stats.rows.iter().find(|(name, _)| *name == "bundles").map_or(0, |(_, rows)| *rows)
}

/// Whether replica 0 has executed a lane up to this bundle.
fn is_executed(group: &Group, lane: usize, tip: Tip) -> bool {
    group.sites[0].engine.as_ref().expect("it runs").core().member().expect("a member").executed_point().tips[lane]
        == tip
}

/// A member without a gate sends what replica 0 may take for a while; whether it did. Refused bundles are forgotten.
pub fn liar_brings(group: &mut Group, liar: u16, end: &mut (Tip, u64), bytes: &[u8]) -> bool {
    liar_brings_all(group, liar, end, vec![Item { kind: ItemKind::Envelope, bytes: bytes.to_vec() }])
}

pub fn liar_brings_all(group: &mut Group, liar: u16, end: &mut (Tip, u64), items: Vec<Item>) -> bool {
    let before = *end;
    liar_sends_all(group, liar, end, items);
    let taken = (0..60).any(|_| {
        group.turn();
        is_executed(group, liar.into(), end.0)
    });
    if !taken {
        *end = before;
    }
    taken
}

#[test]
fn a_lane_brings_sixteen_mebibytes_of_strangers_and_then_only_what_gates_let_in() {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    group.crash(3, Loss::All);
    let mut end = <(Tip, u64)>::default();
    for number in 0..40 {
        let envelope = strangers(&group, number);
        liar_brings(&mut group, 3, &mut end, &envelope);
    }
    let honest = group.envelope(1, "b");
    liar_sends(&mut group, 3, &mut end, honest.bytes.clone());

    group.until("the honest author is served", |group| group.receipt(0, &honest.id).is_some());

    for site in 0..3 {
        let bundles = bundles_on_disk(&mut group, site);
        assert!((10..=17).contains(&bundles), "{bundles} bundles, all but the honest author's of one mebibyte");
    }
}

#[test]
fn a_refused_bundle_costs_its_owner_twice_its_bytes_and_one_that_comes_again_once() {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    group.crash(3, Loss::All);
    let mut end = <(Tip, u64)>::default();
    let (first, others) = (strangers(&group, 0), (1..20).map(|number| strangers(&group, number)));
    let others: Vec<_> = others.collect();
    let charged = |group: &Group| group.sites[0].useless.get(&key_of(3)).map_or(0, |bytes| bytes >> 20);

    assert!(liar_brings(&mut group, 3, &mut end, &first));
    assert_eq!(charged(&group), 0, "the first was of use");
    liar_sends(&mut group, 3, &mut Default::default(), first);
    group.turn();
    assert_eq!(charged(&group), 1, "it came again");
    let refused = others.iter().filter(|envelope| !liar_brings(&mut group, 3, &mut end, envelope)).count() as u64;

    let mebibytes = charged(&group);
    assert!(
        refused > 3 && (2 * refused..=2 * refused + 2).contains(&mebibytes),
        "{refused} refused, {mebibytes} MiB charged"
    );
}

#[test]
fn honest_members_charge_each_other_for_nothing() {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    for seq in 1..=60 {
        group.submit(seq as usize % 4, &group.envelope(seq, &format!("file-{seq}")));
        (0..3).for_each(|_| group.turn());
    }

    (0..100).for_each(|_| group.turn());

    assert!(group.receipt(0, &group.envelope(60, "file-60").id).is_some());
    assert!(group.sites.iter().all(|site| site.useless.is_empty()));
}

#[test]
fn a_bundle_too_far_ahead_of_execution_is_charged_to_nobody() {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    group.crash(3, Loss::All);
    let mut far = (Tip { position: Position::new(1_000_000), ..Tip::default() }, 0);
    for number in 0..16 {
        let envelope = strangers(&group, number);
        liar_sends(&mut group, 3, &mut far, envelope);
        group.turn();
    }

    let mut end = <(Tip, u64)>::default();
    let envelope = strangers(&group, 16);
    assert!(liar_brings(&mut group, 3, &mut end, &envelope), "its lane owes nothing");
}

/// An envelope of a mebibyte by a key that nobody enrolled.
pub fn strangers(group: &Group, number: u8) -> Vec<u8> {
    let stranger = Ed25519Signer::from_seed(&[200 + number; 32]);
    group.signed(&stranger, (1, Revision::GENESIS), "a", vec![number; 1 << 20]).bytes.to_vec()
}

#[test]
fn a_lane_brings_sixteen_mebibytes_of_copies_and_then_a_mebibyte_a_minute() {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    let original = group.putting(1, "a", &"x".repeat(1 << 20), Revision::GENESIS);
    group.submit(0, &original);
    group.until("a receipt", |group| group.receipt(0, &original.id).is_some());
    group.crash(3, Loss::All);
    let mut end = <(Tip, u64)>::default();
    let mut taken = |group: &mut Group, copies: usize| {
        (0..copies).filter(|_| liar_brings(group, 3, &mut end, &original.bytes)).count()
    };

    let at_once = taken(&mut group, 30);
    (0..70_000 / STEP_MS).for_each(|_| group.turn());
    let later = taken(&mut group, 5);

    assert!((14..=18).contains(&at_once), "{at_once} copies of one mebibyte");
    assert!((1..=2).contains(&later), "{later} copies a minute later");
}

#[test]
fn a_member_that_was_cut_off_does_not_bring_again_what_others_brought_meanwhile() {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    group.cut_off = BTreeSet::from([3]);
    (0..500).for_each(|_| group.turn());
    let envelopes: Vec<_> = (1..=40)
        .map(|seq| group.putting(seq, &format!("file-{seq}"), &format!("{seq} ").repeat(200_000), Revision::GENESIS))
        .collect();
    for envelope in &envelopes {
        group.submit(3, envelope);
        group.turn();
    }
    for envelope in &envelopes {
        group.submit(0, envelope);
        (0..20).for_each(|_| group.turn());
    }
    for seq in 41..=240 {
        group.submit(0, &group.envelope(seq, &format!("file-{seq}")));
        (0..20).for_each(|_| group.turn());
    }
    (0..3_000).for_each(|_| group.turn());
    assert!(group.receipt(0, &envelopes[39].id).is_some() && group.receipt(3, &envelopes[0].id).is_none());

    group.cut_off.clear();
    let own = group.envelope(241, "its own");
    group.submit(3, &own);
    group.until("its own has its verdict", |group| group.receipt(0, &own.id).is_some());

    let tip =
        group.sites[0].engine.as_ref().expect("it runs").core().member().expect("a member").executed_point().tips[3];
    assert!(tip.position.get() <= 9, "what it had bundled before, and its own: {tip:?}");
}

/// A member without a gate sends one bundle at a place of its lane where it has no parent, to replica 0 and others.
fn liar_sends_at(group: &mut Group, liar: u16, position: u64, lane_bytes: u64, bytes: Vec<u8>) {
    let before = Tip { position: Position::new(position - 1), digest: Digest([9; 32]) };
    liar_sends(group, liar, &mut (before, lane_bytes), bytes);
    group.turn();
}

/// Whole mebibytes that replica 0 has charged a member for.
pub fn charged(group: &Group, member: usize) -> u64 {
    group.sites[0].useless.get(&key_of(member)).map_or(0, |bytes| bytes >> 20)
}

#[test]
fn a_bundle_that_is_too_heavy_so_far_ahead_costs_its_owner_its_bytes_when_it_comes_again() {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    group.crash(3, Loss::All);
    let envelope = strangers(&group, 0);
    let heavy = |group: &mut Group| liar_sends_at(group, 3, 2, u64::MAX / 2, envelope.clone());

    heavy(&mut group);
    assert_eq!(charged(&group, 3), 0, "an owner sends each bundle once before it knows");
    (0..5).for_each(|_| heavy(&mut group));

    assert_eq!(charged(&group, 3), 5);
}

#[test]
fn loose_bundles_that_are_dropped_beside_another_cost_their_owner_their_bytes_when_they_come_again() {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    group.crash(3, Loss::All);
    let envelopes: Vec<_> = (0..3).map(|number| strangers(&group, number)).collect();
    let send_all = |group: &mut Group| {
        (10..).zip(&envelopes).for_each(|(position, bytes)| liar_sends_at(group, 3, position, 0, bytes.clone()));
    };

    send_all(&mut group);
    assert_eq!(charged(&group, 3), 0, "an owner sends each bundle once before it knows");
    (0..5).for_each(|_| send_all(&mut group));

    assert_eq!(charged(&group, 3), 5 * 3, "the first is here, and the others were dropped");
}

/// Its owners' new bundles come while it lacks those below, too heavy for their distance or loose, and again for each status.
#[test]
fn a_member_that_catches_up_by_more_than_a_lane_may_be_ahead_charges_nobody() {
    let mut group = Group::with(4, Constants { lane_ahead_bytes_max: 33 << 20, ..Constants::default() });
    group.until_all_may_sign();
    group.cut_off = BTreeSet::from([3]);
    let bring = |group: &mut Group, seqs: std::ops::RangeInclusive<u64>| {
        for seq in seqs {
            let text = format!("{seq} ").repeat(200_000);
            group.submit(0, &group.putting(seq, &format!("file-{seq}"), &text, Revision::GENESIS));
            (0..4).for_each(|_| group.turn());
        }
    };
    bring(&mut group, 1..=60);

    group.cut_off.clear();
    bring(&mut group, 61..=80);
    group.until("it has caught up", |group| group.executed(3) == group.executed(0) && group.executed(0).get() > 80);

    assert!(group.receipt(3, &group.putting(80, "file-80", &"80 ".repeat(200_000), Revision::GENESIS).id).is_some());
    assert_eq!(group.sites[3].useless, BTreeMap::new());
}

/// N9: those after it are loose until it is fetched.
#[test]
fn an_owner_whose_bundle_was_lost_on_its_way_is_charged_for_none_of_those_after_it() {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    for seq in 1..=7 {
        let text = format!("{seq} ").repeat(400_000);
        group.submit(0, &group.putting(seq, &format!("file-{seq}"), &text, Revision::GENESIS));
        if seq == 1 {
            let is_bundle = |frame: &[u8]| matches!(borsh::from_slice(frame), Ok(Message::Bundle(_)));
            let before = group.sites[3].inbox.len();
            group.sites[3].inbox.retain(|(_, frame)| !is_bundle(frame));
            assert!(group.sites[3].inbox.len() < before, "a bundle was on its way");
        }
    }
    let last = group.putting(7, "file-7", &"7 ".repeat(400_000), Revision::GENESIS).id;
    group.until("all have it", |group| (0..4).all(|site| group.receipt(site, &last).is_some()));

    assert_eq!(group.sites[3].useless, BTreeMap::new());
}

/// Bundles of a member without a gate that are taken of these, one after the other.
pub fn taken_of(group: &mut Group, end: &mut (Tip, u64), bundles: impl Iterator<Item = Vec<Item>>) -> usize {
    let items: Vec<_> = bundles.collect();
    items.into_iter().filter(|items| liar_brings_all(group, 3, end, items.clone())).count()
}

/// Well-formed evidence of a mebibyte that proves nothing.
fn false_evidence(number: u8) -> Item {
    let header = BundleHeader {
        lane: ReplicaId::new(2),
        position: Position::new(1),
        parent: Digest::ZERO,
        items: 1,
        bytes: 1,
        items_root: Digest::ZERO,
        lane_bytes: 1,
    };
    let (group, epoch, view) = (Digest::ZERO, Epoch::default(), View::default());
    let statement = Statement { group, epoch, kind: Kind::Bundle, view, seq: SeqNum::new(1), digest: header.digest() };
    let statement = statement.sign(ReplicaId::new(2), &member(3));
    let item = Item { kind: ItemKind::Envelope, bytes: vec![number; 1 << 20] };
    let evidence = InvalidBundle { statement, header, fault: BundleFault::Items(vec![item]) };
    let bytes = borsh::to_vec(&Evidence::InvalidBundle(Box::new(evidence))).expect("memory");
    Item { kind: ItemKind::Evidence, bytes }
}

#[test]
fn a_lane_brings_sixteen_mebibytes_of_evidence_and_then_a_mebibyte_a_minute() {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    group.crash(3, Loss::All);
    let mut end = <(Tip, u64)>::default();

    let at_once = taken_of(&mut group, &mut end, (0..24).map(|number| vec![false_evidence(number)]));
    (0..70_000 / STEP_MS).for_each(|_| group.turn());
    let later = taken_of(&mut group, &mut end, (0..5).map(|number| vec![false_evidence(number)]));

    assert!((14..=17).contains(&at_once), "{at_once} pieces of evidence of one mebibyte");
    assert_eq!(later, 1, "a minute later");
}

#[test]
fn a_lane_brings_a_hundred_thousand_read_marks_and_then_as_many_as_readers_can_ask_for() {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    group.crash(3, Loss::All);
    let marks = |number: usize| {
        let mark = |index: usize| Item { kind: ItemKind::ReadMark, bytes: [number as u8, index as u8].repeat(16) };
        (0..16_384).map(mark).collect()
    };
    let mut end = <(Tip, u64)>::default();

    let taken = taken_of(&mut group, &mut end, (0..12).map(marks));

    assert!((7..=9).contains(&taken), "{taken} bundles of 16,384 marks, 128 bytes each");
}

/// Loose bundles: the one of the lowest digest is kept, and the others make room for it.
#[test]
fn bundles_beside_each_other_at_one_position_cost_their_owner_their_bytes_beyond_the_first() {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    group.crash(3, Loss::All);
    let envelope = strangers(&group, 0);
    let mut rivals: Vec<Bundle> = (0..8)
        .map(|parent| {
            let before = Tip { position: Position::new(1), digest: Digest([parent; 32]) };
            let items = vec![Item { kind: ItemKind::Envelope, bytes: envelope.clone() }];
            made(&group, 3, &mut (before, 0), items)
        })
        .collect();
    rivals.sort_by_key(|bundle| std::cmp::Reverse(bundle.header.digest()));

    for rival in rivals {
        liar_hands(&mut group, 3, rival);
        group.turn();
    }

    assert_eq!(charged(&group, 3), 7);
}

/// An envelope of a mebibyte that a gate lets in.
fn new(group: &Group, seq: u64) -> Vec<u8> {
    group.signed(&author(), (seq, Revision::GENESIS), &format!("file-{seq}"), vec![7; 1 << 20]).bytes.to_vec()
}

#[test]
fn loose_bundles_ever_further_ahead_cost_their_owner_what_is_more_than_it_may_have_out() {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    group.crash(3, Loss::All);
    let send = |group: &mut Group, positions: std::ops::Range<u64>| {
        positions.for_each(|position| liar_sends_at(group, 3, position, 0, new(group, position)));
    };

    send(&mut group, 100..116);
    assert_eq!(charged(&group, 3), 0, "what an owner may have out without a certificate");
    send(&mut group, 116..126);
    assert_eq!(charged(&group, 3), 10);

    let mut end = <(Tip, u64)>::default();
    assert!((1..=8).all(|seq| {
        let envelope = new(&group, seq);
        liar_brings(&mut group, 3, &mut end, &envelope)
    }));
    send(&mut group, 126..134);
    assert_eq!(charged(&group, 3), 10, "as much again as was executed of its lane");
    send(&mut group, 134..138);
    assert_eq!(charged(&group, 3), 14);
}

/// An answer that names one statement of its sender a thousand times goes to everybody else.
fn liar_recalls(group: &mut Group, liar: u16, incarnation: u64) {
    let (lane, seq) = (ReplicaId::new(liar), SeqNum::new(1));
    let (epoch, view, digest) = (Epoch::default(), View::default(), Digest([7; 32]));
    let statement = Statement { group: group.genesis.group(), epoch, kind: Kind::Ack, view, seq, digest };
    let statements = vec![statement.sign(lane, &member(liar)); 1_000];
    let frame = borsh::to_vec(&Message::Recalled { incarnation, statements }).expect("memory");
    for site in (0..group.sites.len()).filter(|site| *site != usize::from(liar)) {
        group.sites[site].inbox.push((key_of(usize::from(liar)), frame.clone()));
    }
    group.turn();
}

#[test]
fn answers_about_promises_that_nobody_asked_for_cost_sixteen_times_their_bytes() {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    group.crash(3, Loss::All);

    (0..5).for_each(|_| liar_recalls(&mut group, 3, 1));

    assert!((10..14).contains(&charged(&group, 3)), "{} MiB for five answers of 150 KB", charged(&group, 3));
}

#[test]
fn members_that_tell_a_restarted_one_what_it_promised_are_charged_for_nothing() {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    group.submit(1, &group.envelope(1, "a"));
    (0..100).for_each(|_| group.turn());

    group.crash(0, Loss::Nothing);
    group.start(0);
    group.until_all_may_sign();
    (0..100).for_each(|_| group.turn());

    assert_eq!(group.sites[0].useless, BTreeMap::new());
}

#[test]
fn bulk_that_the_core_refuses_costs_its_sender_its_bytes_and_those_of_a_frame() {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    group.crash(3, Loss::All);
    let (epoch, kind, view, seq) = (Epoch::default(), Kind::Commit, View::default(), SeqNum::new(100_000));
    let (content, digest) = (Content::NULL, Content::NULL.digest());
    let statement = Statement { group: group.genesis.group(), epoch, kind, view, seq, digest };
    let sign = |number| (ReplicaId::new(number), statement.sign(ReplicaId::new(number), &member(number)).signature);
    let certificate = ClaimedCert { epoch, kind, view, seq, digest, signatures: (1..4).map(sign).collect() };
    let frame = borsh::to_vec(&Message::Decided { certificate, content }).expect("memory");

    group.sites[0].inbox.extend((0..256).map(|_| (key_of(3), frame.clone())));
    group.turn();

    assert_eq!(charged(&group, 3), 4, "256 frames of 16 KiB and a little more");
}

/// E7: it acknowledges nothing, so the owner sends its bundle again for each of its statuses (N9).
#[test]
fn an_owner_is_charged_for_nothing_by_a_restarted_member_that_may_not_sign_yet() {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    [0, 2, 3].into_iter().for_each(|site| group.crash(site, Loss::Nothing));
    group.start(0);
    group.submit(1, &group.putting(1, "a", &"x".repeat(5 << 20), Revision::GENESIS));

    (0..2_000).for_each(|_| group.turn());

    assert!(group.sites[0].engine.iter().all(|engine| engine.core().member().expect("a member").is_recovering()));
    assert_eq!(charged(&group, 1), 0);
}

#[test]
fn more_than_a_status_asks_for_is_charged_by_a_member_that_may_not_sign_yet() {
    let mut group = Group::new(4);
    group.until_all_may_sign();
    [1, 2, 3].into_iter().for_each(|site| group.crash(site, Loss::All));
    let mut end = <(Tip, u64)>::default();
    let envelope = new(&group, 1);
    let bundle = made(&group, 3, &mut end, vec![Item { kind: ItemKind::Envelope, bytes: envelope }]);
    group.crash(0, Loss::Nothing);
    group.start(0);
    group.turn();

    for _ in 0..40 {
        liar_hands(&mut group, 3, bundle.clone());
        group.turn();
    }

    assert!((30..36).contains(&charged(&group, 3)), "{} MiB of 40", charged(&group, 3));
}

/// A2: an envelope that was executed without a verdict comes again, in a later bundle. Both are fetched before the first is
/// executed.
#[test]
fn a_member_that_catches_up_charges_no_lane_for_what_was_executed_without_a_verdict_and_came_again() {
    let mut group = Group::new(7);
    group.until_all_may_sign();
    group.crash(6, Loss::All);
    group.cut_off = BTreeSet::from([5]);
    let after_a_gap = group.signed(&author(), (9, Revision::GENESIS), "a", vec![7; 1 << 19]).bytes.to_vec();
    let mut end = <(Tip, u64)>::default();
    for _ in 0..48 {
        liar_sends(&mut group, 6, &mut end, after_a_gap.clone());
        group.sites[5].inbox.clear();
        group.until("it is executed", |group| is_executed(group, 6, end.0));
    }
    group.cut_off.clear();
    group.until("it has caught up", |group| group.executed(5) == group.executed(0));
    (0..200).for_each(|_| group.turn());

    let stranger = strangers(&group, 0);
    assert!(liar_brings(&mut group, 6, &mut end, &stranger));

    assert_eq!(group.sites[5].useless.get(&key_of(6)), None, "its lane owed nothing");
}
