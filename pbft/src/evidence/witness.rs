//! Statements heard of each replica, so that a second, different one is noticed (E2, E5).

use crate::evidence::proof::{Evidence, EvidenceKind};
use crate::wire::{Digest, Kind, ReplicaId, SeqNum, Signed, View, merkle_root};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

/// Statements of one signer and kind (Ack: and lane) that are remembered: three windows, so that what lies two
/// checkpoint periods below the stable checkpoint is still there when the window above it is full (E5).
const REMEMBERED_WINDOWS: u64 = 3;

/// Bundle and Ack statements of one signer and lane that are remembered: more than lie above a certified tip.
pub(crate) const POSITIONS_REMEMBERED_MAX: usize = 1_024;

/// Statements sent on for one signer in a second (E2).
const CONTRADICTIONS_PER_SECOND_MAX: u32 = 32;

/// Series of statements that are compared: signer, kind of evidence, and of Acks the lane, of votes the kind.
type Series = (ReplicaId, EvidenceKind, u64);

/// The first statement of every signer at every position, and those kept apart because they do not fit.
#[derive(Debug, Clone)]
pub(crate) struct Witness {
    remembered_max: usize,
    kept_max: usize,
    first: BTreeMap<Series, BTreeMap<(View, SeqNum), Signed>>,
    /// Statements whose digest is not the one that this replica goes by, and others of split positions, by signer,
    /// oldest first; with each whether it fits.
    kept: BTreeMap<ReplicaId, Vec<(Signed, bool)>>,
    /// Of those the ones that were written down, oldest first: no more of a signer than are kept apart at all.
    rows: BTreeMap<ReplicaId, Vec<Signed>>,
    /// Positions with two PrePrepares, and of lanes with two headers: every vote, or Ack, there is kept apart. By who
    /// said two things there, so that nobody who does so at many positions pushes out others' (B: budgets are never
    /// shared).
    split: BTreeMap<(EvidenceKind, ReplicaId), BTreeSet<(SeqNum, View)>>,
    /// Halves sent for each signer in the second that began at the tick.
    sent: BTreeMap<ReplicaId, (u64, u32)>,
}

impl Witness {
    pub(crate) fn new(window: u64) -> Self {
        Self {
            remembered_max: (REMEMBERED_WINDOWS * window) as usize,
            kept_max: window as usize,
            first: BTreeMap::new(),
            kept: BTreeMap::new(),
            rows: BTreeMap::new(),
            split: BTreeMap::new(),
            sent: BTreeMap::new(),
        }
    }

    /// Remembers a statement; proof, if its signer said something else there.
    pub(crate) fn hear(&mut self, signed: &Signed) -> Option<Evidence> {
        let (series, place) = filed(signed)?;
        if let Some(proof) = self.contradiction(signed, place) {
            return Some(proof);
        }
        let series = self.first.entry(series).or_default();
        if let Some(known) = series.get(&place) {
            return Evidence::pair(known, signed);
        }
        series.insert(place, *signed);
        let lane = matches!(signed.statement.kind, Kind::Bundle | Kind::Ack);
        if series.len() > if lane { POSITIONS_REMEMBERED_MAX } else { self.remembered_max } {
            series.pop_first();
        }
        None
    }

    /// E2: a vote of another kind at the same position, for something else.
    fn contradiction(&self, signed: &Signed, place: (View, SeqNum)) -> Option<Evidence> {
        if !signed.statement.kind.is_vote() {
            return None;
        }
        let kinds = [Kind::PrePrepare, Kind::Prepare, Kind::Commit].map(|kind| kind as u64);
        let series =
            kinds.into_iter().filter_map(|kind| self.first.get(&(signed.signer, EvidenceKind::Proposal, kind)));
        series.filter_map(|places| places.get(&place)).find_map(|known| Evidence::pair(known, signed))
    }

    /// The votes heard of one signer.
    pub(crate) fn votes_of(&self, signer: ReplicaId) -> impl Iterator<Item = &Signed> {
        let from = (signer, EvidenceKind::Proposal, 0);
        let series = self.first.range(from..=(signer, EvidenceKind::Proposal, u64::MAX));
        series.flat_map(|(_, places)| places.values())
    }

    /// Whether something was heard at the place of this statement.
    pub(crate) fn has(&self, signed: &Signed) -> bool {
        filed(signed).is_some_and(|(series, place)| self.first.get(&series).is_some_and(|of| of.contains_key(&place)))
    }

    /// The proposal that was heard first at a position.
    pub(crate) fn proposed_at(&self, primary: ReplicaId, view: View, seq: SeqNum) -> Option<&Signed> {
        self.first.get(&(primary, EvidenceKind::Proposal, Kind::PrePrepare as u64))?.get(&(view, seq))
    }

    /// The header statement that was heard first at a position of a lane.
    pub(crate) fn bundle_at(&self, lane: ReplicaId, position: SeqNum) -> Option<&Signed> {
        self.first.get(&(lane, EvidenceKind::Bundle, 0))?.get(&(View::new(0), position))
    }

    /// Statements heard at a position: for proposals the votes of every kind, for Acks those for the lane that `view`
    /// names.
    pub(crate) fn heard_at(
        &self,
        signers: impl Iterator<Item = ReplicaId>,
        kind: EvidenceKind,
        view: View,
        seq: SeqNum,
    ) -> Vec<Signed> {
        let place = (if kind == EvidenceKind::Ack { View::new(0) } else { view }, seq);
        let of = |signer| {
            let (from, to) = if kind == EvidenceKind::Ack { (view.get(), view.get()) } else { (0, u64::MAX) };
            self.first.range((signer, kind, from)..=(signer, kind, to))
        };
        signers.flat_map(of).filter_map(|(_, places)| places.get(&place).copied()).collect()
    }

    /// NewViews from `from` to below `below`.
    pub(crate) fn new_views_between(
        &self,
        signers: impl Iterator<Item = ReplicaId>,
        from: View,
        below: View,
    ) -> Vec<Signed> {
        let series = signers.filter_map(|signer| self.first.get(&(signer, EvidenceKind::NewView, 0)));
        let new_views = series.flat_map(|places| places.values());
        new_views.filter(|signed| (from..below).contains(&signed.statement.view)).copied().collect()
    }

    /// Statements remembered of one signer, ascending by place within each kind.
    pub(crate) fn series_of(
        &self,
        signer: ReplicaId,
    ) -> impl Iterator<Item = impl DoubleEndedIterator<Item = &Signed>> {
        let from = (signer, EvidenceKind::Bundle, 0);
        let series = self.first.range(from..).take_while(move |((of, _, _), _)| *of == signer);
        series.map(|(_, places)| places.values())
    }

    /// Keeps a statement apart; whether it became one just now. Fitting statements make room for contradictions.
    pub(crate) fn keep(&mut self, signed: &Signed, fits: bool) -> bool {
        let kept = self.kept.entry(signed.signer).or_default();
        if kept.iter().any(|(other, _)| other.statement == signed.statement) {
            return false;
        }
        kept.push((*signed, fits));
        if kept.len() > self.kept_max {
            kept.remove(kept.iter().position(|(_, fits)| *fits).unwrap_or(0));
        }
        true
    }

    /// Notes that a statement is on the disk; those that need not be there any more.
    pub(crate) fn wrote(&mut self, signed: &Signed) -> Vec<Signed> {
        let rows = self.rows.entry(signed.signer).or_default();
        rows.retain(|row| row.statement != signed.statement);
        rows.push(*signed);
        let beyond = rows.len().saturating_sub(self.kept_max);
        rows.drain(..beyond).collect()
    }

    /// Notes what was found on the disk at start.
    pub(crate) fn found(&mut self, signed: &Signed) {
        self.rows.entry(signed.signer).or_default().push(*signed);
    }

    /// Whether another half of this signer may be sent on in this second.
    pub(crate) fn may_send(&mut self, signer: ReplicaId, ticks: u64) -> bool {
        let (second, count) = self.sent.entry(signer).or_default();
        if *second != ticks / 1_000 {
            (*second, *count) = (ticks / 1_000, 0);
        }
        *count += 1;
        *count <= CONTRADICTIONS_PER_SECOND_MAX
    }

    /// `by` said two things there. Whether that is news.
    pub(crate) fn mark_split(&mut self, kind: EvidenceKind, by: ReplicaId, (view, seq): (View, SeqNum)) -> bool {
        let split = self.split.entry((kind, by)).or_default();
        let news = split.insert((seq, view));
        if split.len() > self.kept_max {
            split.pop_first();
        }
        news
    }

    pub(crate) fn is_split(&self, kind: EvidenceKind, by: ReplicaId, (view, seq): (View, SeqNum)) -> bool {
        self.split.get(&(kind, by)).is_some_and(|split| split.contains(&(seq, view)))
    }

    /// Evidence against this signer for this was recorded: its statements need not be kept apart any more. Returned are
    /// the rows on the disk, or on their way to it.
    pub(crate) fn forget(&mut self, signer: ReplicaId, kind: EvidenceKind) -> Vec<Signed> {
        let is_about = |signed: &Signed| EvidenceKind::of(signed.statement.kind) == kind;
        if let Some(kept) = self.kept.get_mut(&signer) {
            kept.retain(|(signed, _)| !is_about(signed));
        }
        let rows = self.rows.entry(signer).or_default();
        rows.extract_if(.., |signed| is_about(signed)).collect()
    }

    /// Votes and checkpoints at or below `seq` are no longer needed (E5); the newest of each kind stays (E7).
    pub(crate) fn drop_votes_up_to(&mut self, seq: SeqNum) {
        for ((_, kind, _), places) in &mut self.first {
            if matches!(kind, EvidenceKind::Proposal | EvidenceKind::Checkpoint) {
                let newest = places.last_key_value().map(|(place, _)| *place);
                places.retain(|place, _| place.1 > seq || Some(*place) == newest);
            }
        }
    }

    /// For each signer of whom statements are kept apart, a hash of that set, ascending.
    pub(crate) fn kept_digests(&self) -> Vec<(ReplicaId, Digest)> {
        let digest = |kept: &Vec<(Signed, bool)>| {
            let mut digests: Vec<Digest> = kept.iter().map(|(signed, _)| signed.statement.id()).collect();
            digests.sort_unstable();
            merkle_root(&digests)
        };
        let full = self.kept.iter().filter(|(_, kept)| !kept.is_empty());
        full.map(|(signer, kept)| (*signer, digest(kept))).collect()
    }

    /// Contradicting statements of a signer, oldest first, and whether it fits.
    pub(crate) fn kept_of(&self, signer: ReplicaId) -> &[(Signed, bool)] {
        self.kept.get(&signer).map_or(&[], Vec::as_slice)
    }

    /// Statements remembered, for reports.
    pub(crate) fn remembered_count(&self) -> usize {
        self.first.values().map(BTreeMap::len).sum()
    }

    /// Series, for reports.
    pub(crate) fn series_count(&self) -> usize {
        self.first.len()
    }

    /// Statements in the longest series, of those about lanes or of the others.
    pub(crate) fn longest_series(&self, of_lanes: bool) -> usize {
        let about_lanes = |kind: EvidenceKind| matches!(kind, EvidenceKind::Bundle | EvidenceKind::Ack);
        let series = self.first.iter().filter(|((_, kind, _), _)| about_lanes(*kind) == of_lanes);
        series.map(|(_, places)| places.len()).max().unwrap_or(0)
    }

    /// Positions with two PrePrepares, or of a lane with two headers, for reports: of whom there are most.
    pub(crate) fn split_count(&self) -> usize {
        self.split.values().map(BTreeSet::len).max().unwrap_or(0)
    }

    /// Statements kept apart, for reports.
    pub(crate) fn kept_count(&self) -> usize {
        self.kept.values().map(Vec::len).sum()
    }
}

fn filed(signed: &Signed) -> Option<(Series, (View, SeqNum))> {
    let statement = &signed.statement;
    let kind = EvidenceKind::of(statement.kind);
    match statement.kind {
        Kind::Status => None,
        Kind::Ack => Some(((signed.signer, kind, statement.view.get()), (View::new(0), statement.seq))),
        _ if statement.kind.is_vote() => {
            Some(((signed.signer, kind, statement.kind as u64), (statement.view, statement.seq)))
        }
        _ => Some(((signed.signer, kind, 0), (statement.view, statement.seq))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Epoch;
    use crate::wire::Signature;
    use crate::wire::Statement;

    const WINDOW: u64 = 4;

    fn signed(signer: u16, seq: u64) -> Signed {
        let (group, digest) = (Digest::ZERO, Digest::ZERO);
        let (kind, view, seq) = (Kind::Checkpoint, View::new(0), SeqNum::new(seq));
        let statement = Statement { group, epoch: Epoch::new(0), kind, view, seq, digest };
        Signed { statement, signer: ReplicaId::new(signer), signature: Signature([0; 64]) }
    }

    #[test]
    fn whoever_splits_many_positions_pushes_out_only_its_own() {
        let mut witness = Witness::new(WINDOW);
        let at = |seq| (View::new(0), SeqNum::new(seq));
        let (one, other) = (ReplicaId::new(1), ReplicaId::new(2));
        assert!(witness.mark_split(EvidenceKind::Ack, one, at(1)));
        for seq in 2..100 {
            assert!(witness.mark_split(EvidenceKind::Ack, other, at(seq)));
        }
        assert!(witness.is_split(EvidenceKind::Ack, one, at(1)));
        assert!(!witness.is_split(EvidenceKind::Ack, other, at(2)));
        assert_eq!(witness.split_count() as u64, WINDOW);
    }

    #[test]
    fn of_what_is_written_down_the_newest_window_of_each_signer_stays() {
        let mut witness = Witness::new(WINDOW);
        for seq in 1..=WINDOW {
            assert_eq!(witness.wrote(&signed(1, seq)), []);
            assert_eq!(witness.wrote(&signed(2, seq)), [], "another signer has rows of its own");
        }
        assert_eq!(witness.wrote(&signed(1, 1)), [], "what is there is only newer now");
        assert_eq!(witness.wrote(&signed(1, 9)), [signed(1, 2)]);
    }

    #[test]
    fn a_disk_with_too_many_rows_shrinks_with_the_next_one() {
        let mut witness = Witness::new(WINDOW);
        (1..=WINDOW + 2).for_each(|seq| witness.found(&signed(1, seq)));
        assert_eq!(witness.wrote(&signed(1, 9)), [1, 2, 3].map(|seq| signed(1, seq)));
    }
}
