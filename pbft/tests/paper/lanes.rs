//! Lanes and cuts (L).

use super::*;

/// N7: what arrives together is taken in together.
#[test]
fn items_that_arrive_together_share_a_bundle() {
    let mut owner = Alone::new(4, 1);
    let mut out = quorate_pbft::Effects::new();
    (0..16).for_each(|_| owner.replica.take_in(Input::Submit(envelope("together")), &mut out));
    assert!(out.is_empty(), "nothing follows before the round is complete");
    owner.replica.advance(&mut out);
    let bundles: Vec<usize> = out
        .take()
        .iter()
        .filter_map(|effect| match effect {
            Effect::Broadcast(message) => match &**message {
                Message::Bundle(bundle) => Some(bundle.items.len()),
                _ => None,
            },
            _ => None,
        })
        .collect();
    assert_eq!(bundles, [16]);
}

/// L4: content and certificates before the vote.
#[test]
fn a_vote_for_a_new_slot_waits_for_the_certificates_of_its_tips() {
    let mut backup = Alone::new(4, 3);
    let tip = bundle(1, Tip::default(), 0, envelope("x")).header.tip();
    let content = Content { cut: vec![(id(1), tip)], ..empty(1_000) };
    backup.propose(0, 0, 1, &content);
    assert_eq!(backup.said(Kind::Prepare), []);
    backup.hear(1, Message::LaneCert(certificate(Kind::Ack, 1, 1, tip.digest, &[0, 1, 2])));
    assert_eq!(backup.said(Kind::Prepare).len(), 1);
}

/// A peer with old certificates fills no memory: of those that no slot needs the newest alone is kept.
#[test]
fn certificates_beside_a_content_that_no_slot_names_are_kept_as_any_other() {
    let mut backup = Alone::new(4, 3);
    for position in [9, 3, 5] {
        let tip = Tip { position: quorate_pbft::Position::new(position), digest: Digest([position as u8; 32]) };
        let content = Content { cut: vec![(id(1), tip)], ..empty(1_000 + position) };
        let certificates = vec![certificate(Kind::Ack, 1, position, tip.digest, &[0, 1, 2])];
        backup.hear(2, Message::Content { content, certificates });
    }
    let kept = |effect: &&Effect| matches!(effect, Effect::Persist(Record::LaneCert(_)));
    assert_eq!(backup.effects.iter().filter(kept).count(), 1);
}

/// L2: an Ack stands for everything between the bundle and an anchor.
#[test]
fn a_bundle_is_acknowledged_when_all_before_it_are_here() {
    let mut backup = Alone::new(4, 3);
    let first = bundle(1, Tip::default(), 0, envelope("a"));
    let second = bundle(1, first.header.tip(), 1, envelope("b"));
    backup.hear(1, Message::Bundle(second.clone()));
    assert_eq!(backup.said(Kind::Ack), []);
    backup.hear(1, Message::Bundle(first));
    assert_eq!(backup.said(Kind::Ack)[0], (1, 2, second.header.digest()), "one Ack for both");
    let stored = |effect: &&Effect| matches!(effect, Effect::Persist(Record::Bundle(_)));
    assert_eq!(backup.effects.iter().filter(stored).count(), 2);
}

/// L2: above all that it acknowledged in this lane.
#[test]
fn a_fork_of_a_lane_is_not_acknowledged() {
    let mut backup = Alone::new(4, 3);
    let first = bundle(1, Tip::default(), 0, envelope("a"));
    let other = bundle(1, Tip::default(), 0, envelope("b"));
    let beyond = bundle(1, other.header.tip(), 1, envelope("c"));
    backup.hear(1, Message::Bundle(first.clone()));
    backup.hear(1, Message::Bundle(other));
    backup.hear(1, Message::Bundle(beyond));
    let acks = backup.said(Kind::Ack);
    assert!(acks.iter().all(|(lane, _, digest)| *lane != 1 || *digest == first.header.digest()), "{acks:?}");
}

/// L2: the certified bundle is an anchor for those who acknowledged the other side of a fork.
#[test]
fn who_acknowledged_the_other_side_of_a_fork_goes_on_above_the_certified_one() {
    let mut backup = Alone::new(4, 3);
    let first = bundle(1, Tip::default(), 0, envelope("a"));
    let other = bundle(1, Tip::default(), 0, envelope("b"));
    let beyond = bundle(1, other.header.tip(), 1, envelope("c"));
    backup.hear(1, Message::Bundle(first));
    backup.hear(1, Message::LaneCert(certificate(Kind::Ack, 1, 1, other.header.digest(), &[0, 1, 2])));
    backup.hear(1, Message::Bundle(other));
    backup.hear(1, Message::Bundle(beyond.clone()));
    assert!(backup.said(Kind::Ack).contains(&(1, 2, beyond.header.digest())));
}

/// L2: the bound on what a lane can make others store.
#[test]
fn a_bundle_too_far_ahead_of_execution_is_refused() {
    let constants = Constants { lane_ahead_bundles_max: 2, ..Constants::default() };
    let mut backup = Alone::with(4, 3, &constants);
    let mut tip = Tip::default();
    for position in 1..=3 {
        let next = bundle(1, tip, position - 1, envelope("x"));
        tip = next.header.tip();
        backup.hear(1, Message::Bundle(next));
    }
    assert_eq!(backup.said(Kind::Ack).last().map(|ack| ack.1), Some(2));
    assert!(matches!(backup.refused()[..], [Rejected::Bundle { .. }]));
}

/// B: bundles neither acknowledged nor certified.
#[test]
fn loose_bundles_of_a_lane_stay_within_their_bytes() {
    let constants = Constants { bundle_bytes_max: 1_000, ..Constants::default() };
    let mut backup = Alone::with(4, 3, &constants);
    for byte in 0..50 {
        let parent = Tip { position: Position::new(5 + byte), digest: Digest([byte as u8; 32]) };
        backup.hear(1, Message::Bundle(bundle(1, parent, 0, envelope(&"x".repeat(300)))));
    }
    assert!(backup.replica.holdings().bundle_bytes <= 1_000);
}

/// L1: the next bundle when the last is certified.
#[test]
fn an_owner_makes_the_next_bundle_when_the_last_is_certified() {
    let mut owner = Alone::new(4, 3);
    owner.step(Input::Submit(envelope("a")));
    owner.step(Input::Submit(envelope("b")));
    let made = owner.said(Kind::Bundle);
    assert_eq!(made.len(), 1);
    for signer in [0, 1] {
        owner.hear(signer, Message::Ack(say(signer, Kind::Ack, 3, 1, made[0].2)));
    }
    assert_eq!(owner.said(Kind::Bundle).len(), 2);
    assert!(owner.sent().any(|message| matches!(message, Message::LaneCert(_))), "L3: the owner sends the certificate");
}

#[test]
fn items_beyond_the_room_of_the_own_lane_are_refused() {
    let mut owner = Alone::starting(4, 3, &Constants::default());
    // 64 MiB of them wait at the most.
    for _ in 0..64 {
        owner.step(Input::Submit(envelope(&"x".repeat(1 << 20))));
    }
    assert!(owner.refused().is_empty());
    owner.step(Input::Submit(envelope("one more")));
    assert!(matches!(owner.refused()[..], [Rejected::LaneFull]));
}

fn says(owner: &mut Alone, peer: usize, counter: u64, executed: u64) {
    let body = cluster::alone::status(Vec::new(), executed);
    let statement = say(peer, Kind::Status, 0, counter, body.digest());
    owner.hear(peer, Message::Status { statement, body });
}

fn items(bundles: &[Effect]) -> Vec<Vec<Item>> {
    let made = bundles.iter().filter_map(|effect| match effect {
        Effect::Broadcast(message) => Some(&**message),
        _ => None,
    });
    made.filter_map(|message| match message {
        Message::Bundle(bundle) => Some(bundle.items.clone()),
        _ => None,
    })
    .collect()
}

/// L1: what had its verdict on another lane meanwhile.
#[test]
fn a_withdrawn_item_is_not_bundled() {
    let mut owner = Alone::new(4, 3);
    ["a", "b", "c"].iter().for_each(|text| owner.step(Input::Submit(envelope(text))));
    owner.step(Input::Withdraw([envelope("b").bytes].into()));
    let first = owner.said(Kind::Bundle)[0];
    assert_eq!(owner.replica.holdings().pending_bytes, envelope("c").bytes.len() as u64);
    for signer in [0, 1] {
        owner.hear(signer, Message::Ack(say(signer, Kind::Ack, 3, 1, first.2)));
    }
    assert_eq!(items(&owner.effects), [[envelope("a")], [envelope("c")]]);
}

/// L1: it does not know yet what of its items had its verdict on other lanes.
#[test]
fn an_owner_that_is_behind_waits_with_its_bundles_until_it_has_caught_up() {
    let mut owner = Alone::new(4, 3);
    [0, 1].iter().for_each(|peer| says(&mut owner, *peer, 1, 40));
    owner.step(Input::Submit(envelope("late")));
    assert_eq!(owner.said(Kind::Bundle), []);
    [0, 1].iter().for_each(|peer| says(&mut owner, *peer, 2, 32));
    assert_eq!(owner.said(Kind::Bundle).len(), 1);
}

/// L1: an owner that is cut off does not see which of its items others order meanwhile, and its lane may bring no more of
/// copies at once (L2).
#[test]
fn an_owner_has_sixteen_mebibytes_out_or_one_bundle() {
    for (sizes_mib, out) in [(vec![6, 6, 6, 6], 2), (vec![8, 8, 8], 2), (vec![20, 2], 1), (vec![16, 1], 1)] {
        let mut owner = Alone::new(4, 3);
        for mib in &sizes_mib {
            owner.step(Input::Submit(Item { bytes: vec![7; mib << 20], ..envelope("") }));
        }
        assert_eq!(owner.said(Kind::Bundle).len(), out, "{sizes_mib:?}");
    }
}

/// L1: one member alone may lie.
#[test]
fn an_owner_does_not_wait_because_one_member_says_that_it_is_behind() {
    let mut owner = Alone::new(4, 3);
    says(&mut owner, 0, 1, 4_000);
    owner.step(Input::Submit(envelope("now")));
    assert_eq!(owner.said(Kind::Bundle).len(), 1);
}

/// L1: an owner that never catches up serves its authors too.
#[test]
fn an_owner_that_stays_behind_makes_bundles_after_a_minute() {
    let mut owner = Alone::new(4, 3);
    for second in 0..60 {
        [0, 1].iter().for_each(|peer| says(&mut owner, *peer, 1 + second, 40 + second));
        owner.step(Input::Submit(envelope(&format!("{second}"))));
        assert_eq!(owner.said(Kind::Bundle), [], "after {second} s");
        owner.tick(1_000);
    }
    [0, 1].iter().for_each(|peer| says(&mut owner, *peer, 100, 100));
    let made = owner.said(Kind::Bundle);
    assert_eq!(made.len(), 1);
    for signer in [0, 1] {
        owner.hear(signer, Message::Ack(say(signer, Kind::Ack, 3, 1, made[0].2)));
    }
    owner.step(Input::Submit(envelope("later")));
    assert_eq!(owner.said(Kind::Bundle).len(), 2, "it waits once");
}

/// B: what fits stays.
#[test]
fn loose_bundles_that_just_fit_stay() {
    let constants = Constants { bundle_bytes_max: 1_000, ..Constants::default() };
    for (second, kept) in [(500, 2), (501, 1)] {
        let mut backup = Alone::with(4, 3, &constants);
        for (byte, size) in [(1, 500), (2, second)] {
            let parent = Tip { position: Position::new(5), digest: Digest([byte; 32]) };
            backup.hear(1, Message::Bundle(bundle(1, parent, 0, envelope(&"x".repeat(size)))));
        }
        assert_eq!(backup.replica.holdings().loose_bundles, kept, "500 and {second} bytes");
    }
}

/// L4: a certificate stays while a content on offer names it; of others the newest is enough.
#[test]
fn an_older_certificate_stays_if_a_content_on_offer_names_it() {
    let mut backup = Alone::new(4, 3);
    let first = bundle(1, Tip::default(), 0, envelope("a"));
    let second = bundle(1, first.header.tip(), 1, envelope("b"));
    let elsewhere = bundle(2, Tip::default(), 0, envelope("c")).header.tip();
    let certify = |backup: &mut Alone, lane: usize, tip: Tip| {
        let signers = &[0, 1, 2];
        backup.hear(1, Message::LaneCert(certificate(Kind::Ack, lane as u64, tip.position.get(), tip.digest, signers)));
    };
    certify(&mut backup, 1, first.header.tip());
    let cut = vec![(id(1), first.header.tip()), (id(2), elsewhere)];
    backup.propose(0, 0, 1, &Content { cut, ..empty(1_000) });
    certify(&mut backup, 1, second.header.tip());
    certify(&mut backup, 2, elsewhere);
    assert_eq!(backup.said(Kind::Prepare).len(), 1, "both are here");
    let third = bundle(1, second.header.tip(), 2, envelope("d"));
    certify(&mut backup, 1, third.header.tip());
    assert_eq!(backup.replica.holdings().certificates, 2, "the one that is named, and the newest");
}

/// L3: a primary collects those of all lanes.
#[test]
fn acknowledgements_of_later_bundles_stay_when_a_certificate_is_made() {
    let mut primary = Alone::new(4, 0);
    for (position, signer) in [(2, 1), (1, 1), (1, 2), (1, 3), (2, 2), (2, 3)] {
        primary.hear(signer, Message::Ack(say(signer, Kind::Ack, 1, position, Digest([position as u8; 32]))));
    }
    let certified = primary.effects.iter().filter_map(|effect| match effect {
        Effect::Persist(Record::LaneCert(certificate)) => Some(certificate.seq().get()),
        _ => None,
    });
    assert_eq!(certified.collect::<Vec<_>>(), [1, 2]);
}

/// B: of those that no content on offer names.
#[test]
fn a_newer_certificate_takes_the_place_of_the_one_before() {
    let mut backup = Alone::new(4, 3);
    let kept = [1, 2, 5].map(|position| {
        backup
            .hear(1, Message::LaneCert(certificate(Kind::Ack, 1, position, Digest([position as u8; 32]), &[0, 1, 2])));
        backup.replica.holdings().certificates
    });
    assert_eq!(kept, [1, 1, 1]);
}

/// L4: it comes again from whoever has it.
#[test]
fn a_certificate_that_a_content_names_stays_when_it_comes_once_more_and_a_newer_one_follows() {
    let mut backup = Alone::new(4, 3);
    let tip = bundle(1, Tip::default(), 0, envelope("x")).header.tip();
    let certified = |position, digest| Message::LaneCert(certificate(Kind::Ack, 1, position, digest, &[0, 1, 2]));
    backup.hear(1, certified(1, tip.digest));
    backup.propose(0, 0, 1, &Content { cut: vec![(id(1), tip)], ..empty(1_000) });
    backup.hear(1, certified(1, tip.digest));
    backup.hear(1, certified(2, Digest([2; 32])));
    assert_eq!(backup.replica.holdings().certificates, 2);
}

/// L4: the primary sends it beside the content; no peer that hands over old ones has them kept.
#[test]
fn a_certificate_beside_a_proposal_is_kept_below_a_newer_one_if_its_primary_sends_it() {
    for (view, votes) in [(0, 1), (1, 0)] {
        let mut backup = Alone::new(4, 3);
        let tip = bundle(1, Tip::default(), 0, envelope("x")).header.tip();
        let content = Content { cut: vec![(id(1), tip)], ..empty(1_000) };
        let certified = |position, digest| certificate(Kind::Ack, 1, position, digest, &[0, 1, 2]);
        backup.hear(1, Message::LaneCert(certified(9, Digest([9; 32]))));
        let statement = say(0, Kind::PrePrepare, view, 1, content.digest());
        let certificates = vec![certified(1, tip.digest)];
        backup.hear(0, Message::PrePrepare { statement, content: content.clone(), certificates });
        assert_eq!(backup.replica.holdings().certificates, 1 + votes, "in view {view}");
        backup.prepare(2, 0, 1, content.digest());
        assert_eq!(backup.said(Kind::Prepare).len(), votes, "in view {view}");
    }
}

/// B: of each signer, the highest.
#[test]
fn sixteen_acknowledgements_of_a_signer_are_kept_for_a_lane() {
    let mut owner = Alone::new(4, 3);
    let kept = (1..=17).map(|position| {
        owner.hear(0, Message::Ack(say(0, Kind::Ack, 3, position, Digest([position as u8; 32]))));
        owner.replica.holdings().acks
    });
    assert_eq!(kept.collect::<Vec<_>>(), (1..=16).chain([16]).collect::<Vec<_>>());
}

/// B: what is certified needs no acknowledgement any more.
#[test]
fn acknowledgements_leave_memory_with_the_certificate() {
    let mut owner = Alone::new(4, 3);
    owner.step(Input::Submit(envelope("a")));
    let digest = owner.said(Kind::Bundle)[0].2;
    let mut kept = vec![owner.replica.holdings().acks];
    for signer in [0, 1] {
        owner.hear(signer, Message::Ack(say(signer, Kind::Ack, 3, 1, digest)));
        kept.push(owner.replica.holdings().acks);
    }
    assert_eq!(kept, [1, 1, 0], "of each signer");
}
