//! Bounds of the mempool, and its places.

use super::candidate::ENTRY_BYTES;
use super::*;
use quorate_pbft::Digest;

const START: Time = Time::new(1_000);
const GAP_MAX: u64 = 1_024;
const WAIT_MS: u64 = 600_000;

fn mempool() -> Mempool {
    Mempool::new(GAP_MAX, WAIT_MS)
}

fn candidate(from_seq: u64, to_seq: u64) -> Candidate {
    sized(from_seq, to_seq, 10)
}

fn sized(from_seq: u64, to_seq: u64, bytes: usize) -> Candidate {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&from_seq.to_be_bytes());
    id[8] = (to_seq - from_seq) as u8;
    let (author, organisation, domain) = (PublicKey([7; 32]), "org-0".to_owned(), "main".to_owned());
    let (id, bytes) = (EnvelopeId(Digest(id)), vec![0; bytes]);
    Candidate { id, author, organisation, domain, from_seq, to_seq, attempt: 1, bytes }
}

fn numbers(ready: &[Candidate]) -> Vec<u64> {
    ready.iter().map(|candidate| candidate.from_seq).collect()
}

#[test]
fn a_run_without_gaps_goes_on_the_lane_at_once() {
    let mut mempool = mempool();

    assert_eq!(mempool.take(candidate(1, 1), 1, START), Ok(Place::Lane));
    assert_eq!(mempool.take(candidate(2, 4), 1, START), Ok(Place::Lane));
    assert_eq!(mempool.take(candidate(5, 5), 1, START), Ok(Place::Lane));
}

#[test]
fn an_envelope_after_a_gap_waits_until_it_closes() {
    let mut mempool = mempool();
    assert_eq!(mempool.take(candidate(3, 3), 1, START), Ok(Place::Gap { waits_for: 1 }));
    assert_eq!(mempool.take(candidate(4, 4), 1, START), Ok(Place::Gap { waits_for: 1 }));
    let author = PublicKey([7; 32]);
    assert!(mempool.ready(&author, "main", 2, START).is_empty());

    assert_eq!(numbers(&mempool.ready(&author, "main", 3, START)), [3, 4]);
    assert!(mempool.ready(&author, "main", 3, START).is_empty(), "once");
}

#[test]
fn what_waits_for_an_earlier_number_is_counted_until_the_gap_closes() {
    let (mut mempool, author) = (mempool(), PublicKey([7; 32]));
    for seq in [1, 3, 4] {
        mempool.take(candidate(seq, seq), 1, START).expect("room");
    }
    assert_eq!((mempool.len(), mempool.behind_gaps()), (3, 2));
    mempool.came_back(&candidate(1, 1).id, 1);
    assert_eq!(mempool.behind_gaps(), 3);
    mempool.ready(&author, "main", 1, START);
    mempool.park(&candidate(3, 3).id, Lack::Content, START);
    assert_eq!(mempool.behind_gaps(), 1, "one on the lane, one parked");
    mempool.remove(&candidate(4, 4).id);
    assert_eq!(mempool.behind_gaps(), 0);
    mempool.queue(candidate(9, 9), 1, START).expect("room");
    mempool.release();
    assert_eq!(mempool.behind_gaps(), 1, "what the queue lets go may have a gap before it");
}

#[test]
fn what_lacks_more_than_room_cannot_be_ordered_until_it_is_tried_again() {
    let (mut mempool, author) = (mempool(), PublicKey([7; 32]));
    let id = candidate(1, 1).id;
    mempool.take(candidate(1, 1), 1, START).expect("room");
    for (lacks, parked) in [(Lack::Room, 0), (Lack::Place, 1), (Lack::Dependency, 1), (Lack::Content, 1)] {
        mempool.park(&id, lacks, START);
        assert_eq!((mempool.parked(), mempool.has_orderable()), (parked, parked == 0), "{lacks:?}");
    }
    assert_eq!(mempool.ready(&author, "main", 1, Time::new(u64::MAX)).len(), 1);
    assert_eq!((mempool.parked(), mempool.has_orderable()), (0, true));
    mempool.park(&id, Lack::Place, START);
    mempool.remove(&id);
    assert_eq!((mempool.parked(), mempool.has_orderable()), (0, false));
}

#[test]
fn a_gap_that_the_own_lane_closes_needs_no_execution() {
    let mut mempool = mempool();
    mempool.take(candidate(2, 2), 1, START).unwrap();
    mempool.take(candidate(1, 1), 1, START).unwrap();

    assert_eq!(numbers(&mempool.ready(&PublicKey([7; 32]), "main", 1, START)), [2]);
}

#[test]
fn what_came_back_without_a_verdict_goes_again() {
    let mut mempool = mempool();
    mempool.take(candidate(1, 1), 1, START).unwrap();
    mempool.came_back(&candidate(1, 1).id, 1);
    assert_eq!(mempool.place(&candidate(1, 1).id), Some(Place::Gap { waits_for: 1 }));

    assert_eq!(numbers(&mempool.ready(&PublicKey([7; 32]), "main", 1, START)), [1]);
}

#[test]
fn the_same_envelope_again_is_where_it_was() {
    let mut mempool = mempool();
    mempool.take(candidate(2, 2), 1, START).unwrap();

    assert_eq!(mempool.take(candidate(2, 2), 1, START), Ok(Place::Gap { waits_for: 1 }));
    assert_eq!(mempool.len(), 1);
}

#[test]
fn an_envelope_whose_wait_has_ended_is_known_until_that_is_published() {
    let (mut mempool, author) = (mempool(), PublicKey([7; 32]));
    let waiting = candidate(1, 1);
    mempool.take(waiting.clone(), 1, START).expect("room");
    assert_eq!(mempool.end(&waiting.id), Some(waiting.bytes.clone()));

    assert_eq!((mempool.place(&waiting.id), mempool.bytes()), (None, 0), "its numbers and bytes are free");
    assert_eq!(mempool.known(&waiting.id).map(|(known, place)| (known.id, place)), Some((waiting.id, Place::Lane)));
    assert_eq!(mempool.known_of(&author, "main").count(), 1);
    assert_eq!(mempool.known_of(&author, "other").count(), 0);

    mempool.forget_ended();
    assert_eq!(mempool.known(&waiting.id), None);
}

#[test]
fn an_envelope_that_comes_again_before_its_end_is_published_is_known_once() {
    let (mut mempool, author) = (mempool(), PublicKey([7; 32]));
    for _ in 0..2 {
        mempool.take(candidate(1, 1), 1, START).expect("room");
        mempool.end(&candidate(1, 1).id);
    }
    mempool.take(candidate(1, 1), 1, START).expect("room");

    assert_eq!(mempool.known_of(&author, "main").count(), 1);
}

#[test]
fn a_number_is_held_by_one_envelope() {
    let mut mempool = mempool();
    mempool.take(candidate(2, 4), 1, START).unwrap();

    for (from, to) in [(4, 4), (1, 2), (3, 3), (2, 5)] {
        let refused = mempool.take(candidate(from, to), 1, START);
        assert_eq!(refused, Err(NotTaken::SequenceTaken { from_seq: from, next_seq: 5 }), "{from}..{to}");
    }
    assert_eq!(mempool.take(candidate(5, 5), 1, START), Ok(Place::Gap { waits_for: 1 }));
    assert_eq!(mempool.take(candidate(1, 1), 1, START), Ok(Place::Lane));
}

#[test]
fn what_begins_below_the_next_number_is_taken_or_overlaps() {
    let mut mempool = mempool();

    let taken = mempool.take(candidate(3, 4), 5, START);
    let overlaps = mempool.take(candidate(3, 5), 5, START);

    assert_eq!(taken, Err(NotTaken::SequenceTaken { from_seq: 3, next_seq: 5 }));
    assert_eq!(overlaps, Err(NotTaken::Overlap { from_seq: 3, next_seq: 5 }));
}

#[test]
fn a_gap_may_be_1024_wide_and_no_wider() {
    let mut mempool = mempool();

    assert!(mempool.take(candidate(1 + GAP_MAX, 1 + GAP_MAX), 1, START).is_ok());
    let wider = mempool.take(candidate(2 + GAP_MAX, 2 + GAP_MAX), 1, START);
    assert_eq!(wider, Err(NotTaken::GapTooWide { from_seq: 2 + GAP_MAX, next_seq: 1 }));
}

#[test]
fn an_author_has_a_budget_that_verdicts_give_back() {
    let mut mempool = mempool();
    mempool.take(sized(1, 1, AUTHOR_BYTES_MAX - ENTRY_BYTES), 1, START).unwrap();
    assert_eq!(mempool.take(candidate(2, 2), 1, START), Err(NotTaken::AuthorFull));

    mempool.remove(&candidate(1, 1).id).unwrap();

    assert_eq!((mempool.len(), mempool.bytes()), (0, 0));
    assert_eq!(mempool.take(candidate(2, 2), 2, START), Ok(Place::Lane));
}

#[test]
fn an_organisation_has_a_budget_summed_over_its_authors() {
    let mut mempool = mempool();
    let of = |author: u8, organisation: &str, bytes| {
        let id = EnvelopeId(Digest([author; 32]));
        let (author, organisation) = (PublicKey([author; 32]), organisation.to_owned());
        Candidate { id, author, organisation, ..sized(1, 1, bytes) }
    };
    let authors = (ORGANISATION_BYTES_MAX / AUTHOR_BYTES_MAX) as u8;
    for author in 0..authors {
        mempool.take(of(author, "org-0", AUTHOR_BYTES_MAX - ENTRY_BYTES), 1, START).unwrap();
    }

    assert_eq!(mempool.take(of(authors, "org-0", 1), 1, START), Err(NotTaken::OrganisationFull));
    assert_eq!(mempool.take(of(authors, "org-1", 1), 1, START), Ok(Place::Lane));
    mempool.remove(&EnvelopeId(Digest([0; 32]))).unwrap();
    assert_eq!(mempool.take(of(authors + 1, "org-0", 1), 1, START), Ok(Place::Lane));
}

#[test]
fn small_envelopes_for_domains_of_their_own_count_more_than_their_bytes() {
    let mut mempool = mempool();
    let small = |n: usize| {
        let id = EnvelopeId(Digest(core::array::from_fn(|at| (n >> (8 * at.min(4))) as u8)));
        Candidate { id, domain: format!("nowhere-{n}"), ..sized(2, 2, 200) }
    };
    let taken = (0..).take_while(|n| mempool.take(small(*n), 1, START).is_ok()).count();
    assert_eq!(taken, AUTHOR_BYTES_MAX / (200 + ENTRY_BYTES));
}

#[test]
fn time_that_an_idle_group_slept_before_the_first_slot_does_not_count() {
    let mut mempool = mempool();
    mempool.take(candidate(3, 3), 1, Time::default()).unwrap();

    assert!(mempool.expire(START).is_empty());
    assert!(mempool.expire(Time::new(START.get() + WAIT_MS - 1)).is_empty());
    assert_eq!(mempool.expire(Time::new(START.get() + WAIT_MS)), [candidate(3, 3).id]);
}

#[test]
fn waiting_for_a_gap_ends_after_ten_minutes_and_waiting_on_the_lane_does_not() {
    let mut mempool = mempool();
    mempool.take(candidate(1, 1), 1, START).unwrap();
    mempool.take(candidate(3, 3), 1, START).unwrap();
    let first_slot = START.get() + 1;
    let end = first_slot + WAIT_MS;

    assert!(mempool.expire(Time::new(first_slot)).is_empty());
    assert!(mempool.expire(Time::new(end - 1)).is_empty());
    assert_eq!(mempool.expire(Time::new(end)), [candidate(3, 3).id]);
    assert_eq!(mempool.len(), 1);
}

#[test]
fn what_lacks_something_is_tried_again_after_pauses_that_double() {
    let mut mempool = mempool();
    mempool.take(candidate(1, 1), 1, START).unwrap();
    mempool.take(candidate(2, 2), 1, START).unwrap();
    let (author, id) = (PublicKey([7; 32]), candidate(1, 1).id);

    mempool.park(&id, Lack::Content, START);
    let first = Time::new(START.get() + PARK_MS);
    assert!(mempool.unparked(START).is_empty() && mempool.ready(&author, "main", 1, START).is_empty());
    assert_eq!(mempool.unparked(first).len(), 1);
    assert_eq!(numbers(&mempool.ready(&author, "main", 1, first)), [1]);

    mempool.park(&id, Lack::Content, first);
    assert!(mempool.unparked(Time::new(first.get() + PARK_MS)).is_empty());
    assert_eq!(mempool.unparked(Time::new(first.get() + 2 * PARK_MS)).len(), 1);
}

/// A later attempt of an envelope that waits here.
fn again(from_seq: u64, to_seq: u64) -> Candidate {
    let id = EnvelopeId(Digest([from_seq as u8; 32]));
    Candidate { id, attempt: 2, ..candidate(from_seq, to_seq) }
}

#[test]
fn a_later_attempt_takes_the_place_of_one_that_is_parked() {
    let mut mempool = mempool();
    mempool.take(candidate(1, 2), 1, START).expect("room");
    mempool.park(&candidate(1, 2).id, Lack::Content, START);
    assert_eq!(mempool.given_up_for(&again(1, 1)), Some(candidate(1, 2).id));

    assert_eq!(mempool.take(again(1, 1), 1, START), Ok(Place::Lane));

    assert_eq!((mempool.place(&candidate(1, 2).id), mempool.len(), mempool.parked()), (None, 1, 0));
    assert!(mempool.expired(&candidate(1, 2).id).is_some(), "who waits for it is told");
    assert_eq!(mempool.bytes(), again(1, 1).bytes.len());
}

#[test]
fn a_later_attempt_has_the_room_of_the_one_that_gives_way_to_it() {
    let (mut mempool, half) = (mempool(), 33 << 20);
    mempool.take(sized(1, 1, half), 1, START).expect("room");
    mempool.park(&candidate(1, 1).id, Lack::Content, START);
    assert_eq!(mempool.take(sized(2, 2, half), 1, START), Err(NotTaken::AuthorFull));
    let later = Candidate { bytes: vec![0; half], ..again(1, 1) };

    assert_eq!(mempool.take(later, 1, START), Ok(Place::Lane));
}

#[test]
fn a_later_attempt_has_the_row_of_the_one_that_gives_way_to_it_in_the_queue() {
    let (mut mempool, half) = (mempool(), 9 << 20);
    mempool.queue(sized(1, 1, half), 1, START).expect("room");
    mempool.park(&candidate(1, 1).id, Lack::Content, START);
    assert_eq!(mempool.queue(sized(2, 2, half), 1, START), Err(NotTaken::QueueShareFull));
    let later = Candidate { bytes: vec![0; half], ..again(1, 1) };

    assert_eq!(mempool.queue(later, 1, START), Ok(1));
}

#[test]
fn no_attempt_takes_the_place_of_one_on_the_lane_behind_a_gap_or_in_the_queue_and_no_equal_one_that_of_a_parked_one() {
    let (mut mempool, refused) = (mempool(), |seq| Err(NotTaken::SequenceTaken { from_seq: seq, next_seq: 6 }));
    mempool.take(candidate(1, 1), 1, START).expect("room");
    mempool.take(candidate(2, 2), 1, START).expect("room");
    mempool.park(&candidate(2, 2).id, Lack::Content, START);
    mempool.take(candidate(4, 4), 1, START).expect("room");
    mempool.queue(candidate(5, 5), 1, START).expect("room");

    for seq in [1, 4, 5] {
        assert_eq!(
            (mempool.given_up_for(&again(seq, seq)), mempool.take(again(seq, seq), 1, START)),
            (None, refused(seq))
        );
    }
    assert_eq!(mempool.take(Candidate { attempt: 1, ..again(2, 2) }, 1, START), refused(2));
    assert_eq!(mempool.take(again(2, 4), 1, START), refused(2), "another one holds its last number");
    assert!((1..=5).filter(|seq| *seq != 3).all(|seq| mempool.place(&candidate(seq, seq).id).is_some()));
}

#[test]
fn a_lane_with_two_envelopes_under_one_number_holds_the_place_of_the_later() {
    let mut mempool = mempool();
    mempool.restore(candidate(1, 1), START);

    mempool.restore(again(1, 1), START);

    assert_eq!((mempool.place(&candidate(1, 1).id), mempool.place(&again(1, 1).id)), (None, Some(Place::Lane)));
    mempool.remove(&again(1, 1).id);
    assert!(mempool.is_empty() && mempool.author_bytes.is_empty());
}

#[test]
fn the_queue_holds_back_until_it_is_released_and_then_goes_in_the_order_of_the_numbers() {
    let (mut mempool, author) = (mempool(), PublicKey([7; 32]));
    for seq in [1, 3, 2] {
        mempool.queue(candidate(seq, seq), 1, START).expect("room");
    }
    assert_eq!(mempool.place(&candidate(1, 1).id), Some(Place::Queued));
    assert!(mempool.ready(&author, "main", 1, START).is_empty() && mempool.held_back() == 3);

    assert_eq!(mempool.release().len(), 1);

    assert_eq!(numbers(&mempool.ready(&author, "main", 1, START)), [1, 2, 3]);
    assert_eq!((mempool.held_back(), mempool.take_unneeded()), (0, vec![]), "a row stays until the verdict");
    mempool.remove(&candidate(3, 3).id);
    assert_eq!(mempool.take_unneeded(), [1], "the second row");
}

#[test]
fn the_queue_is_bounded_by_organisation_and_has_room_again_after_the_verdict() {
    let mut mempool = mempool();
    let large = sized(1, 1, (16 << 20) - ENTRY_BYTES);
    let of = |id: u8, organisation: &str| {
        let (id, author) = (EnvelopeId(Digest([id; 32])), PublicKey([id; 32]));
        Candidate { id, author, organisation: organisation.into(), ..large.clone() }
    };
    assert!((1..=4).all(|id| mempool.queue(of(id, "org-0"), 1, START).is_ok()));

    assert_eq!(mempool.queue(of(5, "org-0"), 1, START), Err(NotTaken::QueueFull));
    assert!(mempool.queue(of(5, "org-1"), 1, START).is_ok());
    mempool.remove(&of(1, "org-0").id);
    assert!(mempool.queue(of(6, "org-0"), 1, START).is_ok());
}

#[test]
fn an_author_has_a_share_of_the_queue_or_a_single_envelope() {
    let mut mempool = mempool();
    mempool.queue(sized(1, 1, 32 << 20), 1, START).expect("a single one, however large");
    assert_eq!(mempool.queue(candidate(2, 2), 1, START), Err(NotTaken::QueueShareFull));
    mempool.remove(&candidate(1, 1).id);

    assert!((1..=2).all(|seq| mempool.queue(sized(seq, seq, (8 << 20) - ENTRY_BYTES), 1, START).is_ok()));
    assert_eq!(mempool.queue(candidate(3, 3), 1, START), Err(NotTaken::QueueShareFull));
}

#[test]
fn an_envelope_that_waits_already_gets_one_row() {
    let mut mempool = mempool();
    mempool.take(candidate(2, 2), 1, START).expect("room");
    let id = candidate(2, 2).id;
    assert!(!mempool.is_kept(&id));

    assert_eq!((mempool.keep(&id), mempool.keep(&id)), (Some(0), None));

    assert!(mempool.is_kept(&id));
    mempool.remove(&id);
    assert_eq!(mempool.take_unneeded(), [0]);
}

#[test]
fn a_row_found_at_a_start_joins_what_the_own_lane_holds() {
    let mut mempool = mempool();
    mempool.restore(candidate(1, 1), START);
    mempool.restore_queued(candidate(1, 1), (4, START), START);
    mempool.restore_queued(candidate(2, 2), (5, START), START);
    mempool.restore_queued(Candidate { id: EnvelopeId(Digest([9; 32])), ..candidate(2, 2) }, (6, START), START);

    let places = [1, 2].map(|seq| mempool.place(&candidate(seq, seq).id));
    assert_eq!(places, [Some(Place::Lane), Some(Place::Queued)]);
    assert_eq!(mempool.take_unneeded(), [6], "its number is another's");
    assert_eq!(mempool.queue(candidate(3, 3), 1, START), Ok(7), "rows go on after those found");
    mempool.remove(&candidate(1, 1).id);
    assert_eq!(mempool.take_unneeded(), [4]);
}

/// A mempool that has outwaited envelope 3.
fn with_an_expired_one() -> Mempool {
    let mut mempool = mempool();
    mempool.take(candidate(3, 3), 1, START).expect("room");
    mempool.expire(Time::new(START.get() + 1));
    mempool.expire(Time::new(START.get() + 1 + WAIT_MS));
    mempool.forget_ended();
    mempool
}

#[test]
fn an_expired_envelope_is_remembered_without_its_bytes() {
    let mempool = with_an_expired_one();

    assert!(mempool.known(&candidate(3, 3).id).is_none());
    assert_eq!(mempool.expired(&candidate(3, 3).id), Some(&Candidate { bytes: vec![], ..candidate(3, 3) }));
}

#[test]
fn an_expired_envelope_that_comes_again_is_taken_anew_and_is_expired_no_more() {
    let mut mempool = with_an_expired_one();

    assert_eq!(mempool.take(candidate(3, 3), 1, START), Ok(Place::Gap { waits_for: 1 }));

    assert!(mempool.expired(&candidate(3, 3).id).is_none());
}

#[test]
fn an_expired_envelope_that_had_its_verdict_by_way_of_another_node_is_known_until_that_is_published() {
    let mut mempool = with_an_expired_one();

    assert_eq!(mempool.end(&candidate(3, 3).id), None, "nothing of it waits for the own lane");

    assert!(mempool.expired(&candidate(3, 3).id).is_none() && mempool.known(&candidate(3, 3).id).is_some());
    mempool.forget_ended();
    assert!(mempool.known(&candidate(3, 3).id).is_none());
}
