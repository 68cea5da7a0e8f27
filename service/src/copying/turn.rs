//! Turn to answer a pass: of one node at a time, and of each for a bounded time.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Passes that one node answers before another one does.
const PASSES_MAX: u32 = 4;
/// Time for which one node answers before another one does.
const TURN_MAX: Duration = Duration::from_secs(10);
/// Times that the time for an errand is doubled at most.
const DOUBLED_MAX: u32 = 6;

/// Nodes that answer, and whose turn it is.
#[derive(Debug)]
pub(super) struct Turn {
    nodes: BTreeSet<usize>,
    /// Nodes that have fallen silent, and are asked again later.
    resting: BTreeSet<usize>,
    /// Node whose turn it is, or the one before the next.
    at: usize,
    begun: Instant,
    /// Since when the node waits for errands of others, if it does: that takes nothing of its turn.
    waits_since: Option<Instant>,
    /// Whether it has ended before its time.
    is_over: bool,
    /// Pass with which it began.
    pass: u32,
    /// Errands that nodes did not bring in time, less those that they brought.
    late: u32,
}

impl Turn {
    pub(super) fn new(now: Instant) -> Self {
        let (nodes, resting) = Default::default();
        Self { nodes, resting, at: 0, begun: now, waits_since: None, is_over: false, pass: 0, late: 0 }
    }

    pub(super) fn enter(&mut self, node: usize) {
        self.resting.remove(&node);
        self.nodes.insert(node);
    }

    /// A node that is asked again later.
    pub(super) fn rest(&mut self, node: usize) {
        self.nodes.remove(&node);
        self.resting.insert(node);
    }

    pub(super) fn leave(&mut self, node: usize) {
        self.nodes.remove(&node);
        self.resting.remove(&node);
    }

    /// Number of the nodes that are not given up.
    pub(super) fn all(&self) -> usize {
        self.nodes.len() + self.resting.len()
    }

    /// Number of the nodes that answer.
    pub(super) fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Time for which a node keeps parts that others could bring: longer as long as none brings them in time.
    pub(super) fn errand_max(&self) -> Duration {
        TURN_MAX * (1 << self.late.min(DOUBLED_MAX))
    }

    /// Notes that the node whose turn it is has something to ask.
    pub(super) fn asks(&mut self, now: Instant) {
        self.waits(now);
        self.waits_since = None;
    }

    /// Notes that the node whose turn it is waits for errands of others.
    pub(super) fn waits(&mut self, now: Instant) {
        let since = self.waits_since.replace(now).unwrap_or(now);
        self.begun += now.saturating_duration_since(since);
    }

    /// Ends the turn of a node, if it is its.
    pub(super) fn end_of(&mut self, node: usize) {
        self.is_over |= self.at == node;
    }

    /// Notes whether a node brought an errand in time.
    pub(super) fn brought(&mut self, in_time: bool) {
        self.late = if in_time { self.late.saturating_sub(1) } else { self.late + 1 };
    }

    /// Whether it is a node's turn in a pass.
    pub(super) fn is_of(&mut self, node: usize, pass: u32, now: Instant) -> bool {
        let is_long = now.saturating_duration_since(self.begun) >= TURN_MAX;
        if self.is_over || is_long || pass >= self.pass + PASSES_MAX || !self.nodes.contains(&self.at) {
            let next = self.nodes.range(self.at + 1..).next().or_else(|| self.nodes.first());
            (self.at, self.begun, self.pass) = (next.copied().unwrap_or_default(), now, pass);
            (self.waits_since, self.is_over) = (None, false);
        }
        self.at == node
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn() -> (Turn, Instant) {
        let now = Instant::now();
        let mut turn = Turn::new(now);
        [0, 1, 2].into_iter().for_each(|node| turn.enter(node));
        (turn, now)
    }

    #[test]
    fn a_slow_node_keeps_its_turn_for_a_bounded_time() {
        let (mut turn, now) = turn();
        assert!(turn.is_of(0, 1, now));
        let later = now + TURN_MAX;
        assert!(!turn.is_of(0, 1, later) && turn.is_of(1, 1, later));
    }

    #[test]
    fn nodes_take_turns_of_some_passes() {
        let (mut turn, now) = turn();
        let of = |turn: &mut Turn, pass| (0..3).find(|node| turn.is_of(*node, pass, now));
        let turns: Vec<_> = (1..14).map(|pass| of(&mut turn, pass).expect("it is the turn of one")).collect();
        assert_eq!(turns, [0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 0, 0]);
    }

    #[test]
    fn an_errand_that_no_node_brings_in_time_gets_more_of_it() {
        let (mut turn, _) = turn();
        [false, false, true].into_iter().for_each(|in_time| turn.brought(in_time));
        assert_eq!(turn.errand_max(), 2 * TURN_MAX);
        (0..100).for_each(|_| turn.brought(false));
        assert_eq!(turn.errand_max(), 64 * TURN_MAX);
    }

    #[test]
    fn a_turn_is_not_used_up_by_waiting_for_the_errands_of_others() {
        let (mut turn, now) = turn();
        assert!(turn.is_of(0, 1, now));
        let at = |halves| now + halves * (TURN_MAX / 2);
        turn.waits(now);
        turn.asks(at(2));
        turn.waits(at(3));
        turn.waits(at(5));
        turn.asks(at(6));
        assert!(turn.is_of(0, 1, at(6)));
        assert!(turn.is_of(1, 1, at(7)));
    }

    #[test]
    fn a_node_that_was_late_in_its_turn_has_had_it() {
        let (mut turn, now) = turn();
        assert!(turn.is_of(0, 1, now));
        turn.end_of(1);
        assert!(turn.is_of(0, 1, now));
        turn.end_of(0);
        assert!(turn.is_of(1, 1, now) && turn.is_of(1, 1, now));
    }

    #[test]
    fn a_node_that_rests_is_not_given_up() {
        let (mut turn, now) = turn();
        turn.rest(0);
        assert_eq!((turn.nodes(), turn.all()), (2, 3));
        assert!(turn.is_of(1, 1, now));
        turn.leave(0);
        assert_eq!(turn.all(), 2);
    }

    #[test]
    fn a_node_that_left_has_no_turn() {
        let (mut turn, now) = turn();
        turn.leave(0);
        assert!(!turn.is_of(0, 1, now) && turn.is_of(1, 1, now));
    }
}
