//! What may wait, where, and for how long.

use super::offered::ENTRY_BYTES;
use super::*;
use quorate_pbft::Digest;

const START: Time = Time::new(1_000);
const GAP_MAX: u64 = 1_024;
const WAIT_MS: u64 = 600_000;

fn pending() -> Pending {
    Pending::new(GAP_MAX, WAIT_MS)
}

fn offered(from_seq: u64, to_seq: u64) -> Offered {
    sized(from_seq, to_seq, 10)
}

fn sized(from_seq: u64, to_seq: u64, bytes: usize) -> Offered {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&from_seq.to_be_bytes());
    id[8] = (to_seq - from_seq) as u8;
    let (author, organisation, domain) = (PublicKey([7; 32]), "org-0".to_owned(), "main".to_owned());
    let (id, bytes) = (EnvelopeId(Digest(id)), vec![0; bytes]);
    Offered { id, author, organisation, domain, from_seq, to_seq, attempt: 1, bytes }
}

fn numbers(ready: &[Offered]) -> Vec<u64> {
    ready.iter().map(|offered| offered.from_seq).collect()
}

#[test]
fn a_run_without_gaps_goes_on_the_lane_at_once() {
    let mut pending = pending();

    assert_eq!(pending.take(offered(1, 1), 1, START), Ok(Place::Lane));
    assert_eq!(pending.take(offered(2, 4), 1, START), Ok(Place::Lane));
    assert_eq!(pending.take(offered(5, 5), 1, START), Ok(Place::Lane));
}

#[test]
fn an_envelope_after_a_gap_waits_until_it_closes() {
    let mut pending = pending();
    assert_eq!(pending.take(offered(3, 3), 1, START), Ok(Place::Gap { waits_for: 1 }));
    assert_eq!(pending.take(offered(4, 4), 1, START), Ok(Place::Gap { waits_for: 1 }));
    let author = PublicKey([7; 32]);
    assert!(pending.ready(&author, "main", 2, START).is_empty());

    assert_eq!(numbers(&pending.ready(&author, "main", 3, START)), [3, 4]);
    assert!(pending.ready(&author, "main", 3, START).is_empty(), "once");
}

#[test]
fn a_gap_that_the_own_lane_closes_needs_no_execution() {
    let mut pending = pending();
    pending.take(offered(2, 2), 1, START).unwrap();
    pending.take(offered(1, 1), 1, START).unwrap();

    assert_eq!(numbers(&pending.ready(&PublicKey([7; 32]), "main", 1, START)), [2]);
}

#[test]
fn what_came_back_without_a_verdict_goes_again() {
    let mut pending = pending();
    pending.take(offered(1, 1), 1, START).unwrap();
    pending.came_back(&offered(1, 1).id, 1);
    assert_eq!(pending.place(&offered(1, 1).id), Some(Place::Gap { waits_for: 1 }));

    assert_eq!(numbers(&pending.ready(&PublicKey([7; 32]), "main", 1, START)), [1]);
}

#[test]
fn the_same_envelope_again_is_where_it_was() {
    let mut pending = pending();
    pending.take(offered(2, 2), 1, START).unwrap();

    assert_eq!(pending.take(offered(2, 2), 1, START), Ok(Place::Gap { waits_for: 1 }));
    assert_eq!(pending.len(), 1);
}

#[test]
fn a_number_is_held_by_one_envelope() {
    let mut pending = pending();
    pending.take(offered(2, 4), 1, START).unwrap();

    for (from, to) in [(4, 4), (1, 2), (3, 3), (2, 5)] {
        let refused = pending.take(offered(from, to), 1, START);
        assert_eq!(refused, Err(NotTaken::SequenceTaken { from_seq: from, next_seq: 5 }), "{from}..{to}");
    }
    assert_eq!(pending.take(offered(5, 5), 1, START), Ok(Place::Gap { waits_for: 1 }));
    assert_eq!(pending.take(offered(1, 1), 1, START), Ok(Place::Lane));
}

#[test]
fn what_begins_below_the_next_number_is_taken_or_overlaps() {
    let mut pending = pending();

    let taken = pending.take(offered(3, 4), 5, START);
    let overlaps = pending.take(offered(3, 5), 5, START);

    assert_eq!(taken, Err(NotTaken::SequenceTaken { from_seq: 3, next_seq: 5 }));
    assert_eq!(overlaps, Err(NotTaken::Overlap { from_seq: 3, next_seq: 5 }));
}

#[test]
fn a_gap_may_be_1024_wide_and_no_wider() {
    let mut pending = pending();

    assert!(pending.take(offered(1 + GAP_MAX, 1 + GAP_MAX), 1, START).is_ok());
    let wider = pending.take(offered(2 + GAP_MAX, 2 + GAP_MAX), 1, START);
    assert_eq!(wider, Err(NotTaken::GapTooWide { from_seq: 2 + GAP_MAX, next_seq: 1 }));
}

#[test]
fn an_author_has_a_budget_that_verdicts_give_back() {
    let mut pending = pending();
    pending.take(sized(1, 1, AUTHOR_BYTES_MAX - ENTRY_BYTES), 1, START).unwrap();
    assert_eq!(pending.take(offered(2, 2), 1, START), Err(NotTaken::AuthorFull));

    pending.remove(&offered(1, 1).id).unwrap();

    assert_eq!((pending.len(), pending.bytes()), (0, 0));
    assert_eq!(pending.take(offered(2, 2), 2, START), Ok(Place::Lane));
}

#[test]
fn an_organisation_has_a_budget_summed_over_its_authors() {
    let mut pending = pending();
    let of = |author: u8, organisation: &str, bytes| {
        let id = EnvelopeId(Digest([author; 32]));
        let (author, organisation) = (PublicKey([author; 32]), organisation.to_owned());
        Offered { id, author, organisation, ..sized(1, 1, bytes) }
    };
    let authors = (ORGANISATION_BYTES_MAX / AUTHOR_BYTES_MAX) as u8;
    for author in 0..authors {
        pending.take(of(author, "org-0", AUTHOR_BYTES_MAX - ENTRY_BYTES), 1, START).unwrap();
    }

    assert_eq!(pending.take(of(authors, "org-0", 1), 1, START), Err(NotTaken::OrganisationFull));
    assert_eq!(pending.take(of(authors, "org-1", 1), 1, START), Ok(Place::Lane));
    pending.remove(&EnvelopeId(Digest([0; 32]))).unwrap();
    assert_eq!(pending.take(of(authors + 1, "org-0", 1), 1, START), Ok(Place::Lane));
}

#[test]
fn small_envelopes_for_domains_of_their_own_count_more_than_their_bytes() {
    let mut pending = pending();
    let small = |n: usize| {
        let id = EnvelopeId(Digest(core::array::from_fn(|at| (n >> (8 * at.min(4))) as u8)));
        Offered { id, domain: format!("nowhere-{n}"), ..sized(2, 2, 200) }
    };
    let taken = (0..).take_while(|n| pending.take(small(*n), 1, START).is_ok()).count();
    assert_eq!(taken, AUTHOR_BYTES_MAX / (200 + ENTRY_BYTES));
}

#[test]
fn time_that_an_idle_group_slept_before_the_first_slot_does_not_count() {
    let mut pending = pending();
    pending.take(offered(3, 3), 1, Time::default()).unwrap();

    assert!(pending.expire(START).is_empty());
    assert!(pending.expire(Time::new(START.get() + WAIT_MS - 1)).is_empty());
    assert_eq!(numbers(&pending.expire(Time::new(START.get() + WAIT_MS))), [3]);
}

#[test]
fn waiting_for_a_gap_ends_after_ten_minutes_and_waiting_on_the_lane_does_not() {
    let mut pending = pending();
    pending.take(offered(1, 1), 1, START).unwrap();
    pending.take(offered(3, 3), 1, START).unwrap();
    let first_slot = START.get() + 1;
    let end = first_slot + WAIT_MS;

    assert!(pending.expire(Time::new(first_slot)).is_empty());
    assert!(pending.expire(Time::new(end - 1)).is_empty());
    assert_eq!(numbers(&pending.expire(Time::new(end))), [3]);
    assert_eq!(pending.len(), 1);
}

#[test]
fn what_lacks_something_is_tried_again_after_pauses_that_double() {
    let mut pending = pending();
    pending.take(offered(1, 1), 1, START).unwrap();
    pending.take(offered(2, 2), 1, START).unwrap();
    let (author, id) = (PublicKey([7; 32]), offered(1, 1).id);

    pending.park(&id, START);
    let first = Time::new(START.get() + PARK_MS);
    assert!(pending.unparked(START).is_empty() && pending.ready(&author, "main", 1, START).is_empty());
    assert_eq!(pending.unparked(first).len(), 1);
    assert_eq!(numbers(&pending.ready(&author, "main", 1, first)), [1]);

    pending.park(&id, first);
    assert!(pending.unparked(Time::new(first.get() + PARK_MS)).is_empty());
    assert_eq!(pending.unparked(Time::new(first.get() + 2 * PARK_MS)).len(), 1);
}
