//! Checkpoints: q replicas certify the state after a slot, and the log below it is dropped (C1, C2).

use crate::agreement::order::Order;
use crate::effects::{Broken, Effect, Record, Rejected};
use crate::evidence::witness::Subject;
use crate::member::Member;
use crate::recovery::recovered::ExecutedPoint;
use crate::replica::Replica;
use crate::report::Split;
use crate::wire::{
    ClaimedCert, Committee, Digest, Kind, Message, QuorumCert, ReplicaId, SeqNum, Signed, Ticks, View, hash_parts,
};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

/// Checkpoint statements of one signer that are kept: marks come at most once in 50 ms, and a certificate soon after.
const PER_SIGNER_MAX: usize = 64;

/// Own digests kept while nothing becomes stable: a window holds fewer, a long catch-up makes more.
const OWN_MAX: usize = 1_024;

/// Slots below the stable checkpoint for which statements are remembered, in periods (E1, E5).
const REMEMBERED_PERIODS: u64 = 2;

/// C2: what a Checkpoint statement says. `members_after` is the [`Committee::digest`] of the member list that holds after
/// the slot: the voters' own, but the next one after the last slot of an epoch, so that an epoch's members vouch for
/// those that follow (M3).
///
/// [`Committee::digest`]: crate::Committee::digest
pub fn checkpoint_digest(lane_hash: &Digest, state_root: &Digest, members_after: &Digest) -> Digest {
    hash_parts("quorate/v1/checkpoint", &[&lane_hash.0, &state_root.0, &members_after.0])
}

impl ExecutedPoint {
    /// Digest that a Checkpoint after this point says (C2).
    pub fn checkpoint_digest(&self) -> Digest {
        checkpoint_digest(&self.lane_hash, &self.state_root, &self.members_after)
    }
}

/// Votes for checkpoints, and the newest stable one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checkpoints {
    votes: BTreeMap<(SeqNum, ReplicaId), Signed>,
    /// Own digests after checkpoint slots that are executed and not yet stable.
    own: BTreeMap<SeqNum, Digest>,
    /// The stable checkpoint that this replica has executed.
    stable: Option<QuorumCert>,
    pub(crate) low_since: Ticks,
    /// The newest stable checkpoint above what is executed: where to fetch to.
    ahead: Option<QuorumCert>,
    /// The lowest one known: while execution runs behind the newest, `low` still moves.
    next: Option<QuorumCert>,
    /// The executed slot that was found on disk at start.
    pub(crate) found_executed: SeqNum,
    /// The last slot before the epoch (M1).
    pub(crate) base: SeqNum,
    /// Where ViewChanges rest before a checkpoint of this epoch is stable.
    origin: Option<ClaimedCert>,
    /// Whether the shell was told that the epoch is over.
    pub(crate) over: bool,
    /// Executed lane tips at stable checkpoints, to know which Ack and Bundle rows have become old.
    tips: VecDeque<(SeqNum, Vec<SeqNum>)>,
}

impl Checkpoints {
    pub(crate) fn new(committee: &Committee) -> Self {
        let (base, origin) = (committee.base(), committee.origin());
        Self { base, origin, found_executed: base, ..Self::default() }
    }

    /// The highest stable checkpoint that is executed; at first the slot that the epoch begins after.
    pub(crate) fn low(&self) -> SeqNum {
        self.stable.as_ref().map_or(self.base, QuorumCert::seq)
    }

    /// Checkpoint that an own ViewChange rests on (V4).
    pub(crate) fn rest(&self) -> Option<ClaimedCert> {
        self.stable.as_ref().map(|stable| stable.claim().clone()).or_else(|| self.origin.clone())
    }

    pub(crate) fn stable(&self) -> Option<&QuorumCert> {
        self.stable.as_ref()
    }

    /// The newest certified checkpoint, executed or not.
    pub(crate) fn newest(&self) -> Option<&QuorumCert> {
        self.ahead.as_ref().or(self.stable.as_ref())
    }

    fn newest_seq(&self) -> SeqNum {
        self.newest().map_or(self.base, QuorumCert::seq)
    }

    pub(crate) fn resume(&mut self, stable: Option<QuorumCert>, executed: SeqNum) {
        self.stable = stable;
        self.found_executed = executed;
    }

    /// The lowest slot at which no digest can get q votes any more: some replica has diverged (C3).
    pub(crate) fn hopeless(&self, committee: &Committee) -> Option<Split> {
        let mut said: BTreeMap<SeqNum, BTreeMap<Digest, Vec<ReplicaId>>> = BTreeMap::new();
        for ((seq, signer), vote) in &self.votes {
            said.entry(*seq).or_default().entry(vote.statement.digest).or_default().push(*signer);
        }
        said.into_iter().find(|(_, digests)| {
            let counts = digests.values().map(Vec::len);
            let (heard, most) = (counts.clone().sum::<usize>(), counts.max().unwrap_or(0));
            most + (committee.len() - heard) < committee.quorum()
        })
    }

    fn add(&mut self, signed: Signed) {
        self.votes.entry((signed.statement.seq, signed.signer)).or_insert(signed);
        let of_signer: Vec<_> = self.votes.keys().filter(|(_, signer)| *signer == signed.signer).copied().collect();
        if of_signer.len() > PER_SIGNER_MAX {
            self.votes.remove(&of_signer[0]);
        }
    }

    fn votes_for(&self, seq: SeqNum, digest: Digest) -> impl Iterator<Item = &Signed> {
        let range = (seq, ReplicaId::new(0))..=(seq, ReplicaId::new(u16::MAX));
        self.votes.range(range).map(|(_, vote)| vote).filter(move |vote| vote.statement.digest == digest)
    }
}

#[cfg(feature = "testing")]
impl Checkpoints {
    /// Statements that wait for a quorum, of the signer of whom there are most.
    pub(crate) fn most_votes(&self) -> usize {
        let mut counts: BTreeMap<ReplicaId, usize> = BTreeMap::new();
        self.votes.keys().for_each(|(_, signer)| *counts.entry(*signer).or_default() += 1);
        counts.values().max().copied().unwrap_or(0)
    }
}

impl Replica {
    pub(crate) fn on_checkpoint(&mut self, signed: Signed) -> Result<(), Rejected> {
        let (seq, digest) = (signed.statement.seq, signed.statement.digest);
        self.hear(&signed);
        if seq <= self.order.checkpoints.newest_seq() {
            return Ok(());
        }
        if seq > self.order.executed().plus(2 * self.member.constants.window) {
            return Err(Rejected::OutsideWindow { from: signed.signer, seq });
        }
        self.order.checkpoints.add(signed);
        if let Some(certificate) = self.member.committee.assemble(self.order.checkpoints.votes_for(seq, digest)) {
            self.learn_stable(certificate);
        }
        Ok(())
    }

    pub(crate) fn learn_stable(&mut self, certificate: QuorumCert) {
        certificate.check_in(&self.member.committee);
        for statement in certificate.statements(self.member.committee.group()) {
            self.hear(&statement);
        }
        self.refer(Subject::State, certificate.seq(), certificate.digest());
        if certificate.seq() > self.order.checkpoints.newest_seq() {
            if self.order.checkpoints.next.is_none() {
                self.order.checkpoints.next = Some(certificate.clone());
            }
            self.order.checkpoints.ahead = Some(certificate);
            self.check_stable();
        }
    }

    /// Moves `low` when execution has reached the newest certified checkpoint, and compares the states (C2, C3).
    pub(crate) fn check_stable(&mut self) {
        let executed = self.order.executed();
        let newest = self.order.checkpoints.ahead.take_if(|ahead| ahead.seq() <= executed);
        let lowest = self.order.checkpoints.next.take_if(|next| next.seq() <= executed);
        let Some(certificate) = newest.or(lowest) else { return };
        if self.order.checkpoints.next.is_none() {
            self.order.checkpoints.next = self.order.checkpoints.ahead.clone();
        }
        let (seq, certified) = (certificate.seq(), certificate.digest());
        assert!(self.order.low() < seq && seq <= executed, "I5: stable {seq} below the last or above execution");
        let own = self.order.checkpoints.own.get(&seq).copied();
        let own = own.or_else(|| (seq == executed).then(|| self.order.execution.point.checkpoint_digest()));
        if let Some(ours) = own.filter(|ours| *ours != certified) {
            self.member.stop(Broken::Diverged { seq, ours, certified });
            return;
        }
        self.member.out.persist(Record::Stable(certificate.clone()));
        self.order.checkpoints.stable = Some(certificate);
        self.order.checkpoints.low_since = self.member.now.ticks;
        self.drop_below_stable(seq);
    }

    /// Executed and covered: it leaves memory; the disk keeps it.
    fn drop_below_stable(&mut self, seq: SeqNum) {
        self.order.checkpoints.own = self.order.checkpoints.own.split_off(&seq.next());
        self.order.checkpoints.votes.retain(|(of, _), _| *of > seq);
        self.order.log.drop_up_to(seq);
        self.order.log.touch_all(); // The window has moved.
        self.order.carry_slots(&self.views, &self.member); // S2
        let tips = self.lanes.executed().into_iter().map(|position| SeqNum::new(position.get())).collect();
        self.order.checkpoints.tips.push_back((self.order.executed(), tips));
        let old = SeqNum::new(seq.get().saturating_sub(REMEMBERED_PERIODS * self.member.constants.checkpoint_period));
        let mut floors = None;
        while self.order.checkpoints.tips.front().is_some_and(|(of, _)| *of <= old) {
            floors = self.order.checkpoints.tips.pop_front();
        }
        let Some((_, floors)) = floors.filter(|_| self.member.recall.reached.is_none()) else { return };
        let lanes = floors.into_iter().enumerate().map(|(index, floor)| (ReplicaId::new(index as u16), floor));
        self.member.promises.raise_floors(old, lanes);
        self.member.promises.prune(self.member.me);
        self.witness.drop_votes_up_to(old);
    }
}

impl Order {
    /// M1: the last slot is executed and stable; said once.
    pub(crate) fn tell_over(&mut self, member: &mut Member) {
        let Some(certificate) = self.checkpoints.stable().filter(|stable| self.last() == Some(stable.seq())).cloned()
        else {
            return;
        };
        let next = self.execution.point.next.clone();
        if let Some(next) = next.filter(|_| !core::mem::replace(&mut self.checkpoints.over, true)) {
            member.out.push(Effect::EpochOver { certificate, next });
        }
    }

    /// Signs the state after the slot that was just executed.
    pub(crate) fn take_checkpoint(&mut self, member: &mut Member) {
        let (seq, digest) = (self.executed(), self.execution.point.checkpoint_digest());
        self.checkpoints.own.insert(seq, digest);
        if self.checkpoints.own.len() > OWN_MAX {
            self.checkpoints.own.pop_first();
        }
        if seq > self.checkpoints.newest_seq() {
            member.sign_checkpoint(seq, digest);
        }
    }

    /// After a restart: states that were executed again are compared with what is certified, and signed where a crash left
    /// them unsigned. Words that were signed there before may be of another state, which a copy has replaced (C3).
    pub(crate) fn resume_checkpoints(&mut self, member: &Member, states: Vec<(SeqNum, Digest)>) {
        let decided = |seq| self.log.get(seq).and_then(|slot| slot.decided());
        let is_checkpoint = |seq| decided(seq).is_some_and(|content| content.is_checkpoint(seq, &member.constants));
        let own = states.into_iter().rev().filter(|(seq, _)| is_checkpoint(*seq)).take(OWN_MAX);
        self.checkpoints.own = own.collect();
    }

    /// Signs what was executed while nothing could be signed (E7).
    pub(crate) fn sign_missing_checkpoints(&mut self, member: &mut Member) {
        let missing: Vec<_> = self.checkpoints.own.iter().map(|(seq, digest)| (*seq, *digest)).collect();
        for (seq, digest) in missing {
            member.sign_checkpoint(seq, digest);
        }
    }

    /// Own Checkpoint statements that are not yet covered by a stable one.
    pub(crate) fn unstable_checkpoints(&self, member: &Member, above: SeqNum) -> Vec<Signed> {
        let rows = member.promises.rows(Kind::Checkpoint, View::new(0));
        rows.filter(|row| row.statement.seq > above.max(self.low())).copied().collect()
    }
}

impl Member {
    /// C3: where another state was signed before, nothing is signed again.
    fn sign_checkpoint(&mut self, seq: SeqNum, digest: Digest) {
        let said = self.promises.get(Kind::Checkpoint, View::new(0), seq);
        if said.is_none_or(|said| said.statement.digest == digest)
            && let Some(signed) = self.sign(Kind::Checkpoint, View::new(0), seq, digest)
        {
            self.broadcast(Message::Checkpoint(signed));
        }
    }
}
