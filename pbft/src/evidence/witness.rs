//! First words of each replica and certified references, so that a word which contradicts either is noticed (E2, E5).

use crate::evidence::proof::{Evidence, EvidenceKind};
use crate::evidence::reference::References;
pub(crate) use crate::evidence::reference::Subject;
use crate::member::Member;
use crate::wire::{Digest, Kind, ReplicaId, SeqNum, Signed, View, hash};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::Bound;

/// Statements of one signer and kind (Ack: and lane) that are remembered: three windows, so that what lies two
/// checkpoint periods below the stable checkpoint is still there when the window above it is full (E5).
const REMEMBERED_WINDOWS: u64 = 3;

/// Bundle and Ack statements of one signer and lane that are remembered: more than lie above a certified tip.
pub(crate) const POSITIONS_REMEMBERED_MAX: usize = 1_024;

/// Words of one signer that are sent on for certain in a second; of more a private die picks (E2).
const PASSED_ON_PER_SECOND: u64 = 32;

/// Series of statements that are compared: signer, kind of evidence, and of Acks the lane, of votes the kind.
type Series = (ReplicaId, EvidenceKind, u64);

impl Subject {
    /// First and last series of a signer with votes, Acks or checkpoints about it.
    fn series(self, signer: ReplicaId) -> (Series, Series) {
        match self {
            Self::Slot => ((signer, EvidenceKind::Proposal, 0), (signer, EvidenceKind::Proposal, u64::MAX)),
            Self::Lane(lane) => {
                let series = (signer, EvidenceKind::Ack, View::of_lane(lane).get());
                (series, series)
            }
            Self::State => ((signer, EvidenceKind::Checkpoint, 0), (signer, EvidenceKind::Checkpoint, 0)),
        }
    }
}

/// News of a statement.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A copy, or a statement that is never compared.
    Known,
    /// The same statement as this one, under another signature: an honest signer makes one.
    Again(Signed),
    /// The first of its signer there.
    First,
    /// Not the first, and not the same.
    Second(Box<Evidence>),
}

/// The first statement of every signer at every position, and the certified digests.
#[derive(Debug, Clone)]
pub(crate) struct Witness {
    remembered_max: usize,
    first: BTreeMap<Series, BTreeMap<(View, SeqNum), Signed>>,
    /// Places of first statements that were let in unchecked and not looked at since.
    unchecked: BTreeSet<(Series, (View, SeqNum))>,
    pub(crate) references: References,
    /// Words that might have been sent on for each signer in the second that began at the tick.
    contrary: BTreeMap<ReplicaId, (u64, u64)>,
    /// Seed of the die, and its throws so far.
    die: (u64, u64),
}

impl Witness {
    pub(crate) fn new(window: u64, die: u64) -> Self {
        Self {
            remembered_max: (REMEMBERED_WINDOWS * window) as usize,
            first: BTreeMap::new(),
            unchecked: BTreeSet::new(),
            references: References::default(),
            contrary: BTreeMap::new(),
            die: (die, 0),
        }
    }

    /// Remembers a statement, if it is its signer's first there.
    pub(crate) fn hear(&mut self, signed: &Signed) -> Heard {
        let Some((filed, place)) = filed(signed) else { return Heard::Known };
        if let Some(proof) = self.contradiction(signed, place) {
            return Heard::Second(Box::new(proof));
        }
        let series = self.first.entry(filed).or_default();
        if let Some(known) = series.get(&place) {
            return match Evidence::pair(known, signed) {
                Some(proof) => Heard::Second(Box::new(proof)),
                None if known == signed => Heard::Known,
                None => Heard::Again(*known),
            };
        }
        series.insert(place, *signed);
        let lane = matches!(signed.statement.kind, Kind::Bundle | Kind::Ack);
        if series.len() > if lane { POSITIONS_REMEMBERED_MAX } else { self.remembered_max } {
            let dropped = series.pop_first();
            if let Some((lowest, _)) = dropped {
                self.unchecked.remove(&(filed, lowest));
            }
            // A word that has no room is not news each time that it comes.
            if dropped.is_some_and(|(lowest, _)| lowest == place) {
                return Heard::Known;
            }
        }
        Heard::First
    }

    /// E2: a vote of another kind at the same position, for something else.
    fn contradiction(&self, signed: &Signed, place: (View, SeqNum)) -> Option<Evidence> {
        if !signed.statement.kind.is_vote() {
            return None;
        }
        let kinds = [Kind::PrePrepare, Kind::Prepare, Kind::Commit].map(|kind| kind as u64);
        let rows = kinds.into_iter().filter_map(|kind| self.first.get(&(signed.signer, EvidenceKind::Proposal, kind)));
        rows.filter_map(|places| places.get(&place)).find_map(|known| Evidence::pair(known, signed))
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

    /// Whether this is a backup's vote for the proposal of its view that was heard here.
    pub(crate) fn follows(&self, signed: &Signed, primary: ReplicaId) -> bool {
        let proposed = self.proposed_at(primary, signed.statement.view, signed.statement.seq);
        let backup = matches!(signed.statement.kind, Kind::Prepare | Kind::Commit);
        backup && proposed.is_some_and(|proposal| proposal.statement.digest == signed.statement.digest)
    }

    /// The header statement that was heard first at a position of a lane.
    pub(crate) fn bundle_at(&self, lane: ReplicaId, position: SeqNum) -> Option<&Signed> {
        self.first.get(&(lane, EvidenceKind::Bundle, 0))?.get(&(View::new(0), position))
    }

    /// [`Self::hear`], of a word whose signature was not looked at.
    pub(crate) fn hear_unchecked(&mut self, signed: &Signed) -> Heard {
        let heard = self.hear(signed);
        if heard == Heard::First {
            self.unchecked.extend(filed(signed));
        }
        heard
    }

    /// Whether a word is its signer's. A remembered one that was let in unchecked is looked at now; if it is not, it is
    /// forgotten, and its sender checked from then on. Any other was verified when it came.
    pub(crate) fn is_genuine(&mut self, member: &Member, signed: &Signed) -> bool {
        let Some((series, place)) = filed(signed) else { return true };
        let Some(places) = self.first.get_mut(&series).filter(|places| places.get(&place) == Some(signed)) else {
            return true;
        };
        if !self.unchecked.remove(&(series, place)) || member.is_genuine(signed) {
            return true;
        }
        places.remove(&place);
        self.suspect(signed.signer);
        false
    }

    /// Learns what is certified. Whether that is news.
    pub(crate) fn refer(&mut self, subject: Subject, seq: SeqNum, digest: Digest) -> bool {
        self.references.add(subject, seq, digest, self.remembered_max)
    }

    /// Whether something else is certified there.
    pub(crate) fn contradicts(&self, signed: &Signed) -> bool {
        self.references.of(signed).is_some_and(|digest| digest != signed.statement.digest)
    }

    /// Whether just this is certified there.
    pub(crate) fn agrees(&self, signed: &Signed) -> bool {
        self.references.of(signed) == Some(signed.statement.digest)
    }

    /// An odd word of this signer was heard: from now on the door checks all that it says.
    pub(crate) fn suspect(&mut self, signer: ReplicaId) {
        self.references.certified.suspect(signer);
    }

    /// First statements about a slot or position, in every view.
    pub(crate) fn heard_about(
        &self,
        signers: impl Iterator<Item = ReplicaId>,
        subject: Subject,
        seq: SeqNum,
    ) -> Vec<Signed> {
        let of = |signer| {
            let (from, to) = subject.series(signer);
            self.first.range(from..=to).flat_map(|(_, places)| in_every_view(places, seq))
        };
        let header = if let Subject::Lane(lane) = subject { self.bundle_at(lane, seq) } else { None };
        signers.flat_map(of).chain(header).copied().collect()
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

    /// E7: the newest words of a signer, of each kind as many as it has room for (Ack: of each lane), every one looked at.
    pub(crate) fn newest_of(
        &mut self,
        member: &Member,
        signer: ReplicaId,
        room: impl Fn(&Signed) -> usize,
    ) -> Vec<Signed> {
        let from = (signer, EvidenceKind::Bundle, 0);
        let series = self.first.range(from..).take_while(|((of, _, _), _)| *of == signer);
        let newest = series.flat_map(|(_, places)| {
            places
                .values()
                .rev()
                .enumerate()
                .take_while(|(told, signed)| *told < room(signed))
                .map(|(_, signed)| *signed)
        });
        let mut newest: Vec<Signed> = newest.collect();
        newest.retain(|signed| self.is_genuine(member, signed));
        newest
    }

    /// Whether this word of a signer is sent on: the first 32 in a second are, and of n the nth with chance 32 / n. No order in
    /// which a liar says things hides one: each has that chance, and all of a second together are 32 (1 + ln(n / 32)).
    pub(crate) fn may_send(&mut self, signer: ReplicaId, ticks: u64) -> bool {
        let (second, count) = self.contrary.entry(signer).or_default();
        if *second != ticks / 1_000 {
            (*second, *count) = (ticks / 1_000, 0);
        }
        *count += 1;
        let count = *count;
        count <= PASSED_ON_PER_SECOND || self.throw() % count < PASSED_ON_PER_SECOND
    }

    fn throw(&mut self) -> u64 {
        self.die.1 += 1;
        let [a, b, c, d, e, f, g, h, ..] = hash("quorate/v1/die", &self.die).0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    /// Votes and checkpoints at or below `seq` are no longer needed (E5); the newest of each kind stays (E7). Costs what is
    /// dropped, not what stays.
    pub(crate) fn drop_votes_up_to(&mut self, seq: SeqNum) {
        for (series, places) in &mut self.first {
            if matches!(series.1, EvidenceKind::Proposal | EvidenceKind::Checkpoint) {
                for place in old_places(places, seq) {
                    places.remove(&place);
                    self.unchecked.remove(&(*series, place));
                }
            }
        }
        self.references.drop_slots_up_to(seq);
    }
}

/// Views in which there is a statement, ascending.
fn views(places: &BTreeMap<(View, SeqNum), Signed>) -> impl Iterator<Item = View> {
    let first = places.first_key_value().map(|((view, _), _)| *view);
    core::iter::successors(first, |view| {
        let above = (Bound::Excluded((*view, SeqNum::new(u64::MAX))), Bound::Unbounded);
        places.range(above).next().map(|((view, _), _)| *view)
    })
}

/// Places at or below a slot, in every view, but for the newest of all.
fn old_places(places: &BTreeMap<(View, SeqNum), Signed>, seq: SeqNum) -> Vec<(View, SeqNum)> {
    let newest = places.last_key_value().map(|(place, _)| *place);
    let old = views(places).flat_map(|view| places.range((view, SeqNum::new(0))..=(view, seq)));
    old.map(|(place, _)| *place).filter(|place| Some(*place) != newest).collect()
}

/// Statements about a slot, one for each view in which there is one.
fn in_every_view(places: &BTreeMap<(View, SeqNum), Signed>, seq: SeqNum) -> impl Iterator<Item = &Signed> {
    views(places).filter_map(move |view| places.get(&(view, seq)))
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

#[cfg(feature = "testing")]
impl Witness {
    /// Series of statements.
    pub(crate) fn series_count(&self) -> usize {
        self.first.len()
    }

    /// Statements in the longest series, of those about lanes or of the others.
    pub(crate) fn longest_series(&self, of_lanes: bool) -> usize {
        let about_lanes = |kind: EvidenceKind| matches!(kind, EvidenceKind::Bundle | EvidenceKind::Ack);
        let series = self.first.iter().filter(|((_, kind, _), _)| about_lanes(*kind) == of_lanes);
        series.map(|(_, places)| places.len()).max().unwrap_or(0)
    }

    /// Certified digests of the subject of which most are known.
    pub(crate) fn most_references(&self) -> usize {
        self.references.most()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Epoch, Signature, Statement};

    /// A liar writes any number for a view, the last one too.
    #[test]
    fn words_of_every_view_are_found_and_the_last_view_ends_the_search() {
        let mut witness = Witness::new(4, 1);
        let liar = ReplicaId::new(1);
        for view in [0, 7, u64::MAX] {
            let (group, epoch, digest) = (Digest::ZERO, Epoch::new(0), Digest::ZERO);
            let (kind, view, seq) = (Kind::Checkpoint, View::new(view), SeqNum::new(3));
            let statement = Statement { group, epoch, kind, view, seq, digest };
            assert_eq!(witness.hear(&Signed { statement, signer: liar, signature: Signature([0; 64]) }), Heard::First);
        }
        let found = witness.heard_about([liar].into_iter(), Subject::State, SeqNum::new(3));
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn a_word_without_room_is_no_news_however_often_it_comes() {
        let mut witness = Witness::new(4, 1);
        let word = |seq: usize| {
            let (group, epoch, digest) = (Digest::ZERO, Epoch::new(0), Digest::ZERO);
            let (kind, view, seq) = (Kind::Bundle, View::new(0), SeqNum::new(seq as u64));
            let statement = Statement { group, epoch, kind, view, seq, digest };
            Signed { statement, signer: ReplicaId::new(1), signature: Signature([0; 64]) }
        };
        for seq in 2..2 + POSITIONS_REMEMBERED_MAX {
            assert_eq!(witness.hear(&word(seq)), Heard::First);
        }
        assert!(witness.has(&word(2)), "there is room for so many");
        assert_eq!([1, 1].map(|seq| witness.hear(&word(seq))), [Heard::Known, Heard::Known]);
    }

    #[test]
    fn of_more_words_than_32_in_a_second_the_last_has_a_chance_like_the_first() {
        let (liar, words) = (ReplicaId::new(1), 320);
        let sent = (0..2_000).map(|die| {
            let mut witness = Witness::new(4, die);
            (0..words).map(|_| witness.may_send(liar, 0)).collect::<Vec<bool>>()
        });
        let sent: Vec<_> = sent.collect();
        let times = |word: usize| sent.iter().filter(|run| run[word]).count();
        assert_eq!(times(31), 2_000);
        assert!((1_850..2_000).contains(&times(32)), "{} of 2,000 where 1,939 are expected", times(32));
        assert!((150..250).contains(&times(319)), "{} of 2,000 where 200 are expected", times(319));
        assert!(sent.iter().all(|run| run.iter().filter(|sent| **sent).count() < 160), "32 (1 + ln 10) is 106");
    }

    #[test]
    fn another_second_and_another_signer_begin_anew() {
        let mut witness = Witness::new(4, 1);
        assert_eq!((0..40).filter(|_| witness.may_send(ReplicaId::new(1), 0)).count().min(32), 32);
        assert!(witness.may_send(ReplicaId::new(2), 0) && witness.may_send(ReplicaId::new(1), 1_000));
    }

    #[test]
    fn of_what_is_settled_the_newest_word_stays_and_no_reference() {
        let mut witness = Witness::new(4, 1);
        let word = |seq| {
            let (group, epoch, digest) = (Digest::ZERO, Epoch::new(0), Digest::ZERO);
            let (kind, view, seq) = (Kind::Commit, View::new(0), SeqNum::new(seq));
            let statement = Statement { group, epoch, kind, view, seq, digest };
            Signed { statement, signer: ReplicaId::new(1), signature: Signature([0; 64]) }
        };
        [1, 2].iter().for_each(|seq| assert_eq!(witness.hear(&word(*seq)), Heard::First));
        [1, 9].iter().for_each(|seq| assert!(witness.refer(Subject::Slot, SeqNum::new(*seq), Digest::ZERO)));
        witness.drop_votes_up_to(SeqNum::new(5));
        assert_eq!([1, 2].map(|seq| witness.has(&word(seq))), [false, true]);
        assert_eq!([1, 9].map(|seq| witness.agrees(&word(seq))), [false, true]);
    }
}
