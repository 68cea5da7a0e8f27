//! E1: what this replica has signed, written once.

use crate::wire::{Kind, ReplicaId, SeqNum, Signed, Statement, View};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// Own statements of one epoch by (kind, view, seq); for an Ack `view` is the lane.
///
/// A row is never changed. Rows that no rule needs any more are dropped, and nothing is signed at or below them.
#[derive(Debug, Clone)]
pub(crate) struct Promises {
    rows: BTreeMap<(Kind, View, SeqNum), Signed>,
    /// The highest slot whose votes and checkpoints may have been dropped.
    votes_floor: SeqNum,
    /// The highest position whose Bundle and Ack rows may have been dropped, by lane.
    lane_floors: BTreeMap<ReplicaId, SeqNum>,
}

impl Promises {
    /// Promises of an epoch that begins after `base`: none, and none at or below it.
    pub(crate) fn new(base: SeqNum) -> Self {
        Self { rows: BTreeMap::new(), votes_floor: base, lane_floors: BTreeMap::new() }
    }

    /// The highest slot that a vote was signed for.
    pub(crate) fn highest_vote(&self) -> Option<SeqNum> {
        self.rows.iter().filter(|((kind, ..), _)| kind.is_vote()).map(|((_, _, seq), _)| *seq).max()
    }

    /// The statement signed for this position.
    pub(crate) fn get(&self, kind: Kind, view: View, seq: SeqNum) -> Option<&Signed> {
        self.rows.get(&(kind, view, seq))
    }

    /// Whether this very statement was signed, signature aside.
    pub(crate) fn holds(&self, statement: &Statement) -> bool {
        self.get(statement.kind, statement.view, statement.seq).is_some_and(|row| row.statement == *statement)
    }

    /// Whether a statement lies at or below what may have been dropped.
    pub(crate) fn is_pruned(&self, statement: &Statement, me: ReplicaId) -> bool {
        let floor = match statement.kind {
            Kind::Bundle => self.lane_floor(me),
            Kind::Ack => self.lane_floor(statement.view.lane()),
            Kind::ViewChange | Kind::NewView => return self.is_old_view(statement),
            _ => self.votes_floor,
        };
        statement.seq <= floor
    }

    /// Writes a row. Writing it again is nothing; another digest for its position would be equivocation.
    pub(crate) fn write(&mut self, signed: Signed) {
        let statement = &signed.statement;
        let key = (statement.kind, statement.view, statement.seq);
        let row = self.rows.entry(key).or_insert(signed);
        assert!(row.statement == signed.statement, "I1: two statements for {key:?}");
    }

    /// The highest position in a view that a statement of `kind` was signed for.
    pub(crate) fn highest(&self, kind: Kind, view: View) -> Option<&Signed> {
        let range = (kind, view, SeqNum::new(0))..=(kind, view, SeqNum::new(u64::MAX));
        self.rows.range(range).next_back().map(|(_, row)| row)
    }

    /// The highest view that a statement of `kind` was signed in.
    pub(crate) fn highest_view(&self, kind: Kind) -> Option<View> {
        let range = (kind, View::new(0), SeqNum::new(0))..=(kind, View::new(u64::MAX), SeqNum::new(u64::MAX));
        self.rows.range(range).next_back().map(|((_, view, _), _)| *view)
    }

    /// Whether every floor lies where execution and the stable checkpoint have been.
    pub(crate) fn lies_below(&self, low: SeqNum, executed: impl Fn(ReplicaId) -> SeqNum) -> bool {
        self.votes_floor <= low && self.lane_floors.iter().all(|(lane, floor)| *floor <= executed(*lane))
    }

    /// Rows of a kind in a view, ascending.
    pub(crate) fn rows(&self, kind: Kind, view: View) -> impl Iterator<Item = &Signed> {
        let range = (kind, view, SeqNum::new(0))..=(kind, view, SeqNum::new(u64::MAX));
        self.rows.range(range).map(|(_, row)| row)
    }

    /// Raises the floors: rows at or below them may be missing: a disk hands out only what is above.
    pub(crate) fn raise_floors(&mut self, votes: SeqNum, lanes: impl IntoIterator<Item = (ReplicaId, SeqNum)>) {
        self.votes_floor = self.votes_floor.max(votes);
        for (lane, position) in lanes {
            let floor = self.lane_floors.entry(lane).or_default();
            *floor = (*floor).max(position);
        }
    }

    /// Drops what lies at or below the floors, but for the newest row of each kind (Ack: of each lane).
    pub(crate) fn prune(&mut self, me: ReplicaId) {
        let newest = self.newest();
        let gone: Vec<_> = self
            .rows
            .iter()
            .filter(|(key, row)| !newest.contains(key) && self.is_pruned(&row.statement, me))
            .map(|(key, _)| *key)
            .collect();
        for key in gone {
            self.rows.remove(&key);
        }
        assert!(newest.iter().all(|key| self.rows.contains_key(key)), "I27: the newest promise of a kind is dropped");
    }

    fn newest(&self) -> Vec<(Kind, View, SeqNum)> {
        let mut newest: BTreeMap<(Kind, View), (Kind, View, SeqNum)> = BTreeMap::new();
        for key in self.rows.keys() {
            let group = if key.0 == Kind::Ack { key.1 } else { View::new(0) };
            newest.insert((key.0, group), *key);
        }
        newest.into_values().collect()
    }

    fn is_old_view(&self, statement: &Statement) -> bool {
        let above = (statement.kind, statement.view.next(), SeqNum::new(0))..;
        self.rows.range(above).next().is_some_and(|(key, _)| key.0 == statement.kind)
    }

    fn lane_floor(&self, lane: ReplicaId) -> SeqNum {
        self.lane_floors.get(&lane).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Digest, Epoch};
    use crate::wire::{Ed25519Signer, Signer};

    const ME: ReplicaId = ReplicaId::new(1);

    fn say(kind: Kind, view: u64, seq: u64, digest: u8) -> Signed {
        let key: &dyn Signer = &Ed25519Signer::from_seed(&[1; 32]);
        let (group, epoch) = (Digest::ZERO, Epoch::new(0));
        let (view, seq, digest) = (View::new(view), SeqNum::new(seq), Digest([digest; 32]));
        Statement { group, epoch, kind, view, seq, digest }.sign(ME, key)
    }

    /// Pitfall 3.
    #[test]
    #[should_panic(expected = "I1")]
    fn a_different_statement_for_a_written_position_is_fatal() {
        let mut promises = Promises::new(SeqNum::new(0));
        promises.write(say(Kind::Commit, 0, 1, 1));
        promises.write(say(Kind::Commit, 0, 1, 2));
    }

    #[test]
    fn writing_a_statement_again_changes_nothing() {
        let mut promises = Promises::new(SeqNum::new(0));
        promises.write(say(Kind::Commit, 0, 1, 1));
        promises.write(say(Kind::Commit, 0, 1, 1));
        assert_eq!(promises.rows.len(), 1);
    }

    #[test]
    fn the_newest_row_of_each_kind_and_lane_outlives_pruning() {
        let mut promises = Promises::new(SeqNum::new(0));
        for seq in 1..=5 {
            promises.write(say(Kind::Prepare, 0, seq, 1));
            promises.write(say(Kind::Commit, 0, seq, 1));
            promises.write(say(Kind::Ack, 0, seq, 1));
            promises.write(say(Kind::Ack, 2, seq, 1));
            promises.write(say(Kind::ViewChange, seq, 0, 1));
        }
        let lanes = [0, 2].map(|lane| (ReplicaId::new(lane), SeqNum::new(9)));
        promises.raise_floors(SeqNum::new(9), lanes);
        promises.prune(ME);
        assert_eq!(promises.rows.len(), 5);
        assert!(promises.holds(&say(Kind::ViewChange, 5, 0, 1).statement));
        for (kind, view) in [(Kind::Prepare, 0), (Kind::Commit, 0), (Kind::Ack, 0), (Kind::Ack, 2)] {
            assert!(promises.holds(&say(kind, view, 5, 1).statement), "{kind:?} of {view}");
        }
    }

    #[test]
    fn what_may_have_been_dropped_counts_as_pruned() {
        let mut promises = Promises::new(SeqNum::new(0));
        promises.raise_floors(SeqNum::new(9), [(ME, SeqNum::new(3))]);
        assert!(promises.is_pruned(&say(Kind::Commit, 7, 9, 1).statement, ME));
        assert!(!promises.is_pruned(&say(Kind::Commit, 0, 10, 1).statement, ME));
        assert!(promises.is_pruned(&say(Kind::Bundle, 0, 3, 1).statement, ME));
        assert!(!promises.is_pruned(&say(Kind::Bundle, 0, 4, 1).statement, ME));
    }
}
