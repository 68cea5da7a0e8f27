//! A lane as seen by a replica: bundles, their chain, acknowledgements and certificates (L1 to L6).

use crate::limits::Constants;
use crate::wire::{Bundle, BundleHeader, Digest, Position, QuorumCert, ReplicaId, Signed, Ticks, Tip, View};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Acks of one signer that are kept for a lane: twice what an owner may have out (L1), so that an honest one's fit.
const ACKS_PER_SIGNER_MAX: usize = 16;

/// Times as many bundles as memory bears if each is full that are fetched ahead where they are light.
const LIGHT_TIMES: u64 = 4;

/// Certified bundles of a lane that are timed while no cut has them; younger ones are noticed when these are cut.
const UNCUT_MAX: usize = 64;

const _: () = assert!(ACKS_PER_SIGNER_MAX as u64 >= 2 * Constants::UNCERTIFIED_BUNDLES_MAX);

/// A bundle in memory.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) bundle: Arc<Bundle>,
    /// Whether it is on disk: acknowledged, or on the certified chain.
    pub(crate) stored: bool,
    /// When it came; for an own bundle, when it was made.
    pub(crate) since: Ticks,
}

/// A certificate of a tip.
#[derive(Debug, Clone)]
pub(crate) struct Certified {
    pub(crate) certificate: QuorumCert,
    /// Whether a content on offer names it; an older one that none names is dropped.
    pub(crate) cited: bool,
    pub(crate) since: Ticks,
}

/// Two certified bundles that do not lie on one chain: more than f replicas are faulty (L3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fork {
    pub(crate) position: Position,
    pub(crate) first: Digest,
    pub(crate) second: Digest,
}

impl Fork {
    /// Two certified digests of one position have to be the same.
    fn unless_equal(position: Position, first: Digest, second: Digest) -> Result<(), Self> {
        if first == second { Ok(()) } else { Err(Self { position, first, second }) }
    }
}

/// A lane above its executed tip.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lane {
    /// The executed tip.
    pub(crate) executed: Tip,
    /// Bytes of the lane up to it.
    pub(crate) executed_bytes: u64,
    /// The newest bundle that this replica acknowledged; below it, while that one is not here, the newest on a way to it.
    pub(crate) acked: Tip,
    /// The highest tip in a committed slot.
    pub(crate) committed: Position,
    /// Certified bundles above it, oldest first, with when each certificate came (V1 a, V7).
    uncut: VecDeque<(Position, Ticks)>,
    /// The highest tip that a proposal of this view was accepted for (V7).
    pub(crate) proposed: Position,
    /// When its owner last left a question for its bundles unanswered.
    pub(crate) silent_at: Option<Ticks>,
    /// The view in whose primary's hands a certificate was found to be, up to where, and since when (V1 a).
    pub(crate) shown: Option<(View, Position, Ticks)>,
    /// Bundles on the chain that were refused for their weight, with the bytes of the lane up to each.
    heavy: BTreeMap<Position, u64>,
    held: BTreeMap<(Position, Digest), Held>,
    /// Digests of the certified chain as far as it is known, walking down from certified tips.
    chain: BTreeMap<Position, Digest>,
    certificates: BTreeMap<Position, Certified>,
    acks: BTreeMap<(Position, ReplicaId), Signed>,
}

impl Lane {
    /// The newest certified bundle above the executed tip, or that tip.
    pub(crate) fn certified(&self) -> Tip {
        self.newest().map_or(self.executed, |newest| newest.certificate.tip())
    }

    /// Bytes of the lane up to it, where it is held; else up to the executed tip.
    pub(crate) fn certified_bytes(&self) -> u64 {
        self.held(self.certified()).map_or(self.executed_bytes, |held| held.bundle.header.lane_bytes)
    }

    pub(crate) fn newest(&self) -> Option<&Certified> {
        self.certificates.last_key_value().map(|(_, certified)| certified)
    }

    pub(crate) fn certificate(&self, tip: Tip) -> Option<&QuorumCert> {
        let certified = self.certificates.get(&tip.position)?;
        (certified.certificate.digest() == tip.digest).then_some(&certified.certificate)
    }

    /// Whether a content may name this tip: it is certified, or so low that it changes nothing (L4).
    pub(crate) fn vouches_for(&self, tip: Tip) -> bool {
        tip.position <= self.executed.position || self.certificate(tip).is_some()
    }

    pub(crate) fn held(&self, tip: Tip) -> Option<&Held> {
        self.held.get(&(tip.position, tip.digest))
    }

    pub(crate) fn held_bytes(&self) -> u64 {
        self.held.values().map(|held| held.bundle.header.bytes).sum()
    }

    /// Bundles that are neither stored nor on the certified chain, with their bytes.
    fn loose_bundles(&self) -> impl Iterator<Item = ((Position, Digest), u64)> {
        let is_on_chain = |(position, digest): &(Position, Digest)| self.on_chain(*position) == Some(*digest);
        let loose = self.held.iter().filter(move |(at, held)| !held.stored && !is_on_chain(at));
        loose.map(|(key, held)| (*key, held.bundle.header.bytes))
    }

    pub(crate) fn hold(&mut self, bundle: Arc<Bundle>, stored: bool, since: Ticks) {
        let tip = bundle.header.tip();
        self.held.entry((tip.position, tip.digest)).or_insert(Held { bundle, stored, since });
    }

    /// Marks as stored; the bundle to write if it was not.
    pub(crate) fn store(&mut self, tip: Tip) -> Option<Arc<Bundle>> {
        let held = self.held.get_mut(&(tip.position, tip.digest))?;
        let fresh = !held.stored;
        held.stored = true;
        fresh.then(|| held.bundle.clone())
    }

    /// Held bundle after `parent` that fits: of rivals the one that is stored, so that no later one is stored too, or else the first.
    pub(crate) fn extends(&self, parent: Tip, parent_bytes: u64, fits: impl Fn(Tip) -> bool) -> Option<&Held> {
        let position = parent.position.next();
        let range = (position, Digest::ZERO)..=(position, Digest([0xff; 32]));
        let goes_on = |((_, digest), held): &(&(Position, Digest), &Held)| {
            let header = &held.bundle.header;
            let bytes = parent_bytes.saturating_add(header.bytes);
            header.parent == parent.digest && header.lane_bytes == bytes && fits(Tip { position, digest: *digest })
        };
        let rivals = self.held.range(range).rev().filter(goes_on);
        rivals.map(|(_, held)| held).max_by_key(|held| held.stored)
    }

    /// Anchor from which acknowledging goes on: the highest of the own last Ack, the newest certified bundle (if its
    /// data is here) and the executed tip; of equals, not the own Ack. With the lane's bytes up to there (L2).
    pub(crate) fn anchor(&self) -> (Tip, u64) {
        let mut best = (self.executed, self.executed_bytes);
        for tip in [self.acked, self.certified()] {
            let certain = tip != self.acked || tip.position > best.0.position;
            if tip.position >= best.0.position
                && certain
                && let Some(held) = self.held(tip)
            {
                best = (tip, held.bundle.header.lane_bytes);
            }
        }
        best
    }

    /// Adds a certificate, if it is news. The fork, if it contradicts what is known.
    pub(crate) fn certify(&mut self, certificate: QuorumCert, cited: bool, now: Ticks) -> Result<bool, Fork> {
        let tip = certificate.tip();
        if tip.position <= self.executed.position {
            return Ok(false);
        }
        if let Some(known) = self.certificates.get_mut(&tip.position) {
            known.cited |= cited;
            return Fork::unless_equal(tip.position, known.certificate.digest(), tip.digest).map(|()| false);
        }
        let newest = self.certified().position;
        if !cited && tip.position < newest {
            return Ok(false);
        }
        if tip.position > newest && self.newest().is_some_and(|old| !old.cited) {
            self.certificates.remove(&newest);
        }
        self.certificates.insert(tip.position, Certified { certificate, cited, since: now });
        let top = self.certified().position;
        self.note_uncut(now);
        self.acks.retain(|(position, _), _| *position > top);
        self.want(tip).map(|()| true)
    }

    /// A content on offer names this tip: keep its certificate.
    pub(crate) fn cite(&mut self, tip: Tip) {
        if let Some(known) = self.certificates.get_mut(&tip.position) {
            known.cited = true;
        }
    }

    /// A committed cut names this position: the next oldest certificate above it waits on (V1 a).
    pub(crate) fn commit(&mut self, position: Position, now: Ticks) {
        if position > self.committed {
            self.committed = position;
            self.uncut.retain(|(of, _)| *of > position);
            self.note_uncut(now);
        }
    }

    fn note_uncut(&mut self, now: Ticks) {
        let top = self.certified().position;
        let last = self.uncut.back().map_or(self.committed, |(last, _)| *last);
        if top > last && self.uncut.len() < UNCUT_MAX {
            self.uncut.push_back((top, now));
        }
    }

    /// The oldest certified bundle that is in no committed cut, and since when it is certified (V1 a).
    pub(crate) fn oldest_uncut(&self) -> Option<(Position, Ticks)> {
        self.uncut.front().copied()
    }

    /// When each certified bundle up to `tip` came that no proposal of this view has covered yet (V7).
    pub(crate) fn proposes(&mut self, tip: Position) -> Vec<(Position, Ticks)> {
        let from = self.proposed;
        self.proposed = from.max(tip);
        self.uncut.iter().filter(|(position, _)| from < *position && *position <= tip).copied().collect()
    }

    /// Puts a tip that is certified or committed on the known chain, and walks down from it.
    pub(crate) fn want(&mut self, tip: Tip) -> Result<(), Fork> {
        if tip.position <= self.executed.position {
            return Ok(());
        }
        match self.chain.get(&tip.position) {
            Some(first) => Fork::unless_equal(tip.position, *first, tip.digest),
            None => {
                self.chain.insert(tip.position, tip.digest);
                self.walk(tip)
            }
        }
    }

    /// Follows parents down from a chain position as far as bundles are held.
    pub(crate) fn walk(&mut self, from: Tip) -> Result<(), Fork> {
        let mut tip = from;
        while let Some(held) = self.held.get(&(tip.position, tip.digest)) {
            let below = held.bundle.header.below();
            let known = if below.position == self.executed.position {
                Some(self.executed.digest)
            } else {
                self.chain.get(&below.position).copied()
            };
            match known {
                Some(first) => return Fork::unless_equal(below.position, first, below.digest),
                None => self.chain.insert(below.position, below.digest),
            };
            tip = below;
        }
        Ok(())
    }

    /// Whether a bundle is executed, or here with all between it and an anchor: a certified one that is here or the executed tip (L2).
    pub(crate) fn is_whole(&self, mut tip: Tip) -> bool {
        while tip.position > self.executed.position {
            let Some(held) = self.held(tip) else { return false };
            if self.on_chain(tip.position) == Some(tip.digest) {
                return true;
            }
            tip = held.bundle.header.below();
        }
        tip.position < self.executed.position || tip == self.executed
    }

    /// The certified chain's digest at a position, as far as it is known.
    pub(crate) fn on_chain(&self, position: Position) -> Option<Digest> {
        self.chain.get(&position).copied()
    }

    /// Bundles of the certified chain that are held and not yet stored.
    pub(crate) fn unstored(&self) -> Vec<Tip> {
        let tips = self.chain.iter().map(|(position, digest)| Tip { position: *position, digest: *digest });
        tips.filter(|tip| self.held(*tip).is_some_and(|held| !held.stored)).collect()
    }

    /// The bundles from above the executed tip up to `tip`, ascending; none if one is missing.
    pub(crate) fn path_to(&self, tip: Tip) -> Option<Vec<Arc<Bundle>>> {
        let mut bundles = Vec::new();
        let mut position = self.executed.position;
        while position < tip.position {
            position = position.next();
            let digest = self.on_chain(position)?;
            bundles.push(self.held(Tip { position, digest })?.bundle.clone());
        }
        Some(bundles)
    }

    /// Notes a bundle on the chain that was refused for its weight.
    pub(crate) fn refuse_heavy(&mut self, header: &BundleHeader) {
        self.heavy.insert(header.position, header.lane_bytes);
    }

    /// The position of the last bundle that is taken: so many ahead of execution (L5).
    pub(crate) fn last_taken(&self, constants: &Constants) -> Position {
        self.executed.position.plus(constants.lane_ahead_bundles_max)
    }

    /// The position up to which bundles are fetched before their slots are next: so many, more where those held are light,
    /// and none that is known to be too heavy for memory yet (L5).
    pub(crate) fn furthest(&self, few: u64, bytes_max: u64) -> Position {
        let (count, bytes) = self.held_between(self.executed.position, Position::new(u64::MAX));
        let many = if count < few / 2 { few } else { bytes_max / (bytes / count.max(1)).max(1) };
        let few = self.executed.position.plus(many.clamp(few, few.saturating_mul(LIGHT_TIMES)));
        let bytes_max = self.executed_bytes.saturating_add(bytes_max);
        let heavy = self.heavy.iter().find(|(_, bytes)| **bytes > bytes_max);
        heavy.and_then(|(position, _)| position.previous()).map_or(few, |borne| few.min(borne))
    }

    /// The highest position at or below `to` on the known chain whose bundle is missing.
    pub(crate) fn missing(&self, to: Position) -> Option<Position> {
        let mut chain = self.chain.range(..=to).rev();
        chain.find(|(position, digest)| !self.held.contains_key(&(**position, **digest))).map(|(position, _)| *position)
    }

    /// The first position from `from` on, below `to`, that is not on the known chain or whose bundle is missing.
    pub(crate) fn first_missing(&self, from: Position, to: Position) -> Position {
        let mut first = from;
        while first < to && self.on_chain(first).is_some_and(|digest| self.held.contains_key(&(first, digest))) {
            first = first.next();
        }
        first
    }

    /// Count and bytes of the bundles held above a position, up to another.
    pub(crate) fn held_between(&self, above: Position, to: Position) -> (u64, u64) {
        let range = (above, Digest([0xff; 32]))..=(to.max(above), Digest([0xff; 32]));
        let held = self.held.range(range).map(|(_, held)| held.bundle.header.bytes);
        held.fold((0, 0), |(count, sum), bytes| (count + 1, sum + bytes))
    }

    /// Stored bundles in a range of positions, highest first: the certified chain where it is known.
    pub(crate) fn stored_between(&self, from: Position, to: Position) -> impl Iterator<Item = &Arc<Bundle>> {
        let range = (from, Digest::ZERO)..=(to, Digest([0xff; 32]));
        let in_range = self.held.range(if from <= to { range } else { (to, Digest::ZERO)..=(to, Digest::ZERO) });
        in_range.rev().filter(|(_, held)| held.stored).filter_map(|((position, digest), held)| {
            let chained = self.on_chain(*position).is_none_or(|known| known == *digest);
            chained.then_some(&held.bundle)
        })
    }

    /// Notes an acknowledgement. False if it is useless or beyond what is kept for its signer.
    pub(crate) fn add_ack(&mut self, position: Position, signed: Signed) -> bool {
        if position <= self.certified().position {
            return false;
        }
        self.acks.entry((position, signed.signer)).or_insert(signed);
        let of_signer: Vec<_> = self.acks.keys().filter(|(_, signer)| *signer == signed.signer).copied().collect();
        if of_signer.len() > ACKS_PER_SIGNER_MAX {
            self.acks.remove(&of_signer[0]);
        }
        true
    }

    /// The acknowledgements of one bundle.
    pub(crate) fn acks(&self, tip: Tip) -> impl Iterator<Item = &Signed> {
        let range = (tip.position, ReplicaId::new(0))..=(tip.position, ReplicaId::new(u16::MAX));
        self.acks.range(range).map(|(_, ack)| ack).filter(move |ack| ack.statement.digest == tip.digest)
    }

    /// The lane was executed up to `tip`: what lies at or below it leaves memory; the disk keeps it (L6). Returns the
    /// digests of the certified chain down there.
    pub(crate) fn executed_up_to(&mut self, tip: Tip, bytes: u64) -> BTreeMap<Position, Digest> {
        assert!(tip.position >= self.executed.position, "I20: execution of a lane goes back");
        self.executed = tip;
        self.executed_bytes = bytes;
        self.commit(tip.position, Ticks::default());
        let above = |position: &Position| *position > tip.position;
        self.held.retain(|(position, _), _| above(position));
        self.certificates.retain(|position, _| above(position));
        self.heavy.retain(|position, _| above(position));
        self.acks.retain(|(position, _), _| above(position));
        let later = self.chain.split_off(&tip.position.next());
        core::mem::replace(&mut self.chain, later)
    }

    /// Drops bundles that are neither stored nor on the chain, highest first, until they fit `bytes_max` or are one (B).
    pub(crate) fn trim(&mut self, bytes_max: u64) {
        let loose: Vec<((Position, Digest), u64)> = self.loose_bundles().collect();
        let mut bytes = 0;
        for (index, (key, size)) in loose.into_iter().enumerate() {
            bytes += size;
            if index > 0 && bytes > bytes_max {
                self.held.remove(&key);
            }
        }
    }
}

#[cfg(feature = "testing")]
impl Lane {
    pub(crate) fn held_count(&self) -> usize {
        self.held.len()
    }

    /// Acknowledgements that are kept, of the signer of whom there are most.
    pub(crate) fn most_acks(&self) -> usize {
        let mut counts: BTreeMap<ReplicaId, usize> = BTreeMap::new();
        self.acks.keys().for_each(|(_, signer)| *counts.entry(*signer).or_default() += 1);
        counts.values().max().copied().unwrap_or(0)
    }

    pub(crate) fn certificates_count(&self) -> usize {
        self.certificates.len()
    }

    /// Sizes of the bundles that are neither stored nor on the certified chain.
    pub(crate) fn loose(&self) -> impl Iterator<Item = u64> {
        self.loose_bundles().map(|(_, bytes)| bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Epoch, Kind, SeqNum, Signature, Statement};

    /// A lane of which bundles of these sizes are held, up to one that is certified.
    fn holding(sizes: &[u64]) -> Lane {
        let (mut lane, mut tip, owner, zero) = (Lane::default(), Tip::default(), ReplicaId::new(1), Digest::ZERO);
        for bytes in sizes.iter().copied() {
            let (position, parent) = (tip.position.next(), tip.digest);
            let header =
                BundleHeader { lane: owner, position, parent, items: 1, bytes, items_root: zero, lane_bytes: 0 };
            tip = header.tip();
            let (epoch, kind, view, seq) = (Epoch::new(0), Kind::Bundle, View::new(0), SeqNum::new(position.get()));
            let statement = Statement { group: zero, epoch, kind, view, seq, digest: tip.digest };
            let statement = Signed { statement, signer: owner, signature: Signature([0; 64]) };
            lane.hold(Arc::new(Bundle { header, statement, items: Vec::new() }), true, Ticks::default());
        }
        assert_eq!(lane.want(tip), Ok(()));
        lane
    }

    /// L5.
    #[test]
    fn so_many_bundles_are_fetched_ahead_as_fit_at_the_mean_size_of_those_held() {
        for (sizes, many) in [([30].as_slice(), 4), (&[20, 40], 10), (&[25, 40], 9), (&[1, 1], 16), (&[90, 90], 4)] {
            assert_eq!(holding(sizes).furthest(4, 300), Position::new(many), "{sizes:?} are held");
        }
    }

    /// A member that may not sign stores them, and has no Ack that would hold it to one.
    #[test]
    fn of_bundles_that_rival_for_one_position_the_one_that_is_stored_goes_on() {
        let (mut lane, owner, zero) = (Lane::default(), ReplicaId::new(1), Digest::ZERO);
        let rival = |bytes: u8| {
            let (position, bytes) = (Position::new(1), bytes.into());
            let header = BundleHeader {
                lane: owner,
                position,
                parent: zero,
                items: 1,
                bytes,
                items_root: zero,
                lane_bytes: bytes,
            };
            let (epoch, kind, view, seq) = (Epoch::new(0), Kind::Bundle, View::new(0), SeqNum::new(1));
            let statement = Statement { group: zero, epoch, kind, view, seq, digest: header.digest() };
            let statement = Signed { statement, signer: owner, signature: Signature([0; 64]) };
            Arc::new(Bundle { header, statement, items: Vec::new() })
        };
        let mut rivals: Vec<_> = (1..=20).map(rival).collect();
        rivals.sort_by_key(|bundle| core::cmp::Reverse(bundle.header.digest()));

        for bundle in &rivals {
            lane.hold(bundle.clone(), false, Ticks::default());
            let next = lane.extends(Tip::default(), 0, |_| true).expect("it goes on").bundle.header.tip();
            lane.store(next);
        }

        assert_eq!(lane.held.values().filter(|held| held.stored).count(), 1, "the first, and no more");
    }

    #[test]
    fn the_first_missing_position_lies_at_the_end_at_most_although_its_bundle_is_held() {
        let lane = holding(&[1, 1, 1]);
        let first = [2, 3, 4, 5].map(|to| lane.first_missing(Position::new(1), Position::new(to)).get());
        assert_eq!(first, [2, 3, 4, 4]);
    }

    /// L5.
    #[test]
    fn a_bundle_that_was_too_heavy_is_fetched_when_memory_bears_it_to_the_byte() {
        let mut lane = Lane::default();
        let (position, lane_bytes) = (Position::new(3), 100);
        let (items, bytes, items_root) = (1, 1, Digest::ZERO);
        let header = BundleHeader {
            lane: ReplicaId::new(1),
            position,
            parent: Digest::ZERO,
            items,
            bytes,
            items_root,
            lane_bytes,
        };
        lane.refuse_heavy(&header);
        assert_eq!([99, 100].map(|bytes_max| lane.furthest(8, bytes_max).get()), [2, 8]);
    }
}
