//! Which number and attempt the next envelope of an author takes.

use super::Entry;
use crate::api::AuthorInfo;

/// Position of an envelope among its author's in a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Number of the first change.
    pub from_seq: u64,
    /// Number of the last change.
    pub to_seq: u64,
    /// Higher than that of every envelope known for one of these numbers (A3).
    pub attempt: u64,
}

/// The first place for `count` changes that nothing known to the node or to this outbox holds.
///
/// Numbers of verdicts that took effect are used up; numbers of unanswered envelopes are held; a refused number is
/// free again, with a higher attempt. `floor` is a number below which a node said that all are taken.
pub(super) fn next(entries: &[Entry], node: &AuthorInfo, floor: u64, count: u64) -> Place {
    let used = entries.iter().filter(|entry| entry.took_effect()).map(|entry| entry.to_seq.saturating_add(1));
    let first = used.chain([node.next_seq, floor, 1]).max().unwrap_or(1);
    let own = entries.iter().filter(|entry| entry.answer.is_none()).map(|entry| (entry.name.from_seq, entry.to_seq));
    let others = node.pending.iter().map(|pending| (pending.from_seq, pending.to_seq));
    let from_seq = after_all(first, own.chain(others).collect());
    let to_seq = from_seq.saturating_add(count.saturating_sub(1));
    Place { from_seq, to_seq, attempt: highest_attempt(entries, node, from_seq, to_seq).saturating_add(1) }
}

/// The first number from `first` on that no span holds.
fn after_all(first: u64, mut spans: Vec<(u64, u64)>) -> u64 {
    spans.sort_unstable();
    spans.iter().fold(first, |at, &(from, to)| if from <= at && at <= to { to.saturating_add(1) } else { at })
}

/// The highest attempt known for any of these numbers; 0 if none is.
fn highest_attempt(entries: &[Entry], node: &AuthorInfo, from_seq: u64, to_seq: u64) -> u64 {
    let meets = |from: u64, to: u64| from <= to_seq && from_seq <= to;
    let own = entries.iter().filter(|entry| meets(entry.name.from_seq, entry.to_seq)).map(|entry| entry.name.attempt);
    let held = node.pending.iter().filter(|held| meets(held.from_seq, held.to_seq)).map(|held| held.attempt);
    let judged = (from_seq <= node.next_seq && node.next_seq <= to_seq).then_some(node.attempt);
    own.chain(held).chain(judged).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Pending, Problem};
    use crate::outbox::{Answer, Name, testing};
    use quorate_ledger::{EnvelopeId, State};
    use quorate_pbft::Digest;

    fn entry(from_seq: u64, to_seq: u64, attempt: u64, answer: Option<Answer>) -> Entry {
        let name = Name { domain: "main".into(), from_seq, attempt };
        let id = EnvelopeId(Digest::ZERO);
        Entry { name, to_seq, id, elsewhere: vec![], bases: vec![], begun: None, bytes: 0, answer }
    }

    fn verdict(state: State) -> Option<Answer> {
        Some(Answer::Verdict(testing::receipt(state, "3.1")))
    }

    fn place(from_seq: u64, to_seq: u64, attempt: u64) -> Place {
        Place { from_seq, to_seq, attempt }
    }

    #[test]
    fn the_first_envelope_has_number_1_and_attempt_1() {
        assert_eq!(next(&[], &testing::info(1), 0, 1), place(1, 1, 1));
    }

    #[test]
    fn the_larger_of_node_and_outbox_counts() {
        let used = [entry(4, 5, 1, verdict(State::Merged))];
        assert_eq!(next(&used, &testing::info(2), 0, 1), place(6, 6, 1));
        assert_eq!(next(&used, &testing::info(9), 0, 2), place(9, 10, 1));
    }

    #[test]
    fn an_unanswered_envelope_holds_its_numbers() {
        let held = [entry(1, 1, 1, None), entry(2, 4, 1, None)];
        assert_eq!(next(&held, &testing::info(1), 0, 1), place(5, 5, 1));
    }

    #[test]
    fn a_refused_number_is_used_again_with_a_higher_attempt() {
        let refused = [entry(3, 3, 1, verdict(State::Refused)), entry(4, 4, 1, None)];
        assert_eq!(next(&refused, &testing::info(3), 0, 1), place(3, 3, 2));
        let gate = Some(Answer::Gate(Problem::refused(422, "structure", "malformed", "")));
        assert_eq!(next(&[entry(3, 3, 7, gate)], &testing::info(3), 0, 1), place(3, 3, 8));
    }

    #[test]
    fn attempts_of_other_machines_are_passed() {
        let node = AuthorInfo { attempt: 5, ..testing::info(3) };
        assert_eq!(next(&[], &node, 0, 1), place(3, 3, 6));
    }

    #[test]
    fn numbers_that_the_node_holds_for_another_machine_are_left_to_it() {
        let pending = vec![Pending { id: EnvelopeId(Digest::ZERO), from_seq: 3, to_seq: 4, attempt: 2, parked: false }];
        let node = AuthorInfo { pending, ..testing::info(3) };
        assert_eq!(next(&[], &node, 0, 1), place(5, 5, 1));
        assert_eq!(next(&[], &testing::info(3), 6, 1), place(6, 6, 1));
    }
}
