//! Checkpoints: q replicas certify the state after a slot, and the log below it is dropped (C1, C2).

use crate::effects::{Broken, Effects, Record, Rejected};
use crate::evidence::proof::EvidenceKind;
use crate::replica::Replica;
use crate::wire::cert::{ClaimedCert, QuorumCert};
use crate::wire::committee::Committee;
use crate::wire::crypto::hash_parts;
use crate::wire::ids::{Digest, ReplicaId, SeqNum, Ticks, View};
use crate::wire::message::Message;
use crate::wire::statement::{Kind, Signed};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

/// Checkpoint statements of one signer that are kept: marks come at most once in 50 ms, and a certificate soon after.
const PER_SIGNER_MAX: usize = 64;

/// Own digests kept while nothing becomes stable: a window holds fewer, a long catch-up makes more.
const OWN_MAX: usize = 1_024;

/// Slots below the stable checkpoint for which statements are remembered, in periods (E1, E5).
const REMEMBERED_PERIODS: u64 = 2;

/// C2: what a Checkpoint statement says.
pub fn checkpoint_digest(lane_hash: &Digest, state_root: &Digest, committee: &Committee) -> Digest {
    hash_parts("quorate/v1/checkpoint", &[&lane_hash.0, &state_root.0, &committee.digest().0])
}

/// Votes for checkpoints, and the newest stable one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checkpoints {
    votes: BTreeMap<(SeqNum, ReplicaId), Signed>,
    /// Own digests after checkpoint slots that are executed and not yet stable.
    own: BTreeMap<SeqNum, Digest>,
    /// The stable checkpoint that this replica has executed.
    stable: Option<QuorumCert>,
    low_since: Ticks,
    /// The newest stable checkpoint above what is executed: where to fetch to.
    ahead: Option<QuorumCert>,
    /// The lowest one known: while execution runs behind the newest, `low` still moves.
    next: Option<QuorumCert>,
    /// The executed slot that was found on disk at start.
    found_executed: SeqNum,
    /// Executed lane tips at stable checkpoints, to know which Ack and Bundle rows have become old.
    tips: VecDeque<(SeqNum, Vec<SeqNum>)>,
}

impl Checkpoints {
    /// The highest stable checkpoint that is executed.
    pub(crate) fn low(&self) -> SeqNum {
        self.stable.as_ref().map_or(SeqNum::new(0), QuorumCert::seq)
    }

    pub(crate) fn low_since(&self) -> Ticks {
        self.low_since
    }

    pub(crate) fn stable(&self) -> Option<&QuorumCert> {
        self.stable.as_ref()
    }

    /// The newest certified checkpoint, executed or not.
    pub(crate) fn newest(&self) -> Option<&QuorumCert> {
        self.ahead.as_ref().or(self.stable.as_ref())
    }

    pub(crate) fn newest_seq(&self) -> SeqNum {
        self.newest().map_or(SeqNum::new(0), QuorumCert::seq)
    }

    pub(crate) fn found_executed(&self) -> SeqNum {
        self.found_executed
    }

    pub(crate) fn resume(&mut self, stable: Option<QuorumCert>, executed: SeqNum) {
        self.stable = stable;
        self.found_executed = executed;
    }

    /// The certified digest after a slot, or the own one.
    pub(crate) fn goes_by(&self, seq: SeqNum) -> Option<Digest> {
        let known = [&self.stable, &self.ahead].into_iter().flatten();
        let certified = known.filter(|certificate| certificate.seq() == seq).map(QuorumCert::digest).next();
        certified.or_else(|| self.own.get(&seq).copied())
    }

    /// Whether no digest can get q votes any more: some replica has diverged (C3).
    pub(crate) fn is_hopeless(&self, n: usize, quorum: usize) -> bool {
        let mut counts: BTreeMap<SeqNum, BTreeMap<Digest, usize>> = BTreeMap::new();
        for ((seq, _), vote) in &self.votes {
            *counts.entry(*seq).or_default().entry(vote.statement.digest).or_default() += 1;
        }
        counts.values().any(|digests| {
            let (heard, most) = (digests.values().sum::<usize>(), digests.values().max().copied().unwrap_or(0));
            most + (n - heard) < quorum
        })
    }

    /// Statements that wait for a quorum, of the signer of whom there are most.
    pub(crate) fn most_votes(&self) -> usize {
        let mut counts: BTreeMap<ReplicaId, usize> = BTreeMap::new();
        self.votes.keys().for_each(|(_, signer)| *counts.entry(*signer).or_default() += 1);
        counts.values().max().copied().unwrap_or(0)
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

impl Replica {
    /// Signs the state after the slot that was just executed.
    pub(crate) fn take_checkpoint(&mut self, out: &mut Effects) {
        let (seq, digest) = (self.executed(), self.executed_digest());
        self.checkpoints.own.insert(seq, digest);
        if self.checkpoints.own.len() > OWN_MAX {
            self.checkpoints.own.pop_first();
        }
        self.review_all(EvidenceKind::Checkpoint, View::new(0), seq, out);
        if seq > self.checkpoints.newest_seq() {
            self.sign_checkpoint(seq, digest, out);
        }
    }

    /// After a restart: what was signed is compared with what is certified, and what a crash left unsigned is signed.
    pub(crate) fn resume_checkpoints(&mut self) {
        for row in self.unstable_checkpoints(self.low()) {
            self.checkpoints.own.insert(row.statement.seq, row.statement.digest);
        }
        let executed = self.executed();
        let content = self.log.get(executed).and_then(|slot| slot.decided());
        if content.is_some_and(|content| self.is_checkpoint_slot(executed, content)) {
            self.checkpoints.own.entry(executed).or_insert(self.execution.executed_digest(&self.committee));
        }
    }

    fn sign_checkpoint(&mut self, seq: SeqNum, digest: Digest, out: &mut Effects) {
        if let Some(signed) = self.sign(Kind::Checkpoint, View::new(0), seq, digest, out) {
            self.broadcast(Message::Checkpoint(signed), out);
        }
    }

    /// Signs what was executed while nothing could be signed (E7).
    pub(crate) fn sign_missing_checkpoints(&mut self, out: &mut Effects) {
        let missing: Vec<_> = self.checkpoints.own.iter().map(|(seq, digest)| (*seq, *digest)).collect();
        for (seq, digest) in missing {
            self.sign_checkpoint(seq, digest, out);
        }
    }

    pub(crate) fn on_checkpoint(&mut self, signed: Signed, out: &mut Effects) -> Result<(), Rejected> {
        let (seq, digest) = (signed.statement.seq, signed.statement.digest);
        self.hear(&signed, out);
        if seq <= self.checkpoints.newest_seq() {
            return Ok(());
        }
        if seq > self.executed().plus(2 * self.constants.window) {
            return Err(Rejected::OutsideWindow { from: signed.signer, seq });
        }
        self.checkpoints.add(signed);
        if let Some(certificate) = self.certify(self.checkpoints.votes_for(seq, digest)) {
            self.learn_stable(certificate, out);
        }
        Ok(())
    }

    pub(crate) fn on_stable_checkpoint(&mut self, claimed: ClaimedCert, out: &mut Effects) -> Result<(), Rejected> {
        self.learn_stable(claimed.into_checked(self.committee.epoch()), out);
        Ok(())
    }

    pub(crate) fn learn_stable(&mut self, certificate: QuorumCert, out: &mut Effects) {
        for statement in certificate.statements(self.committee.group()) {
            self.hear(&statement, out);
        }
        if certificate.seq() > self.checkpoints.newest_seq() {
            if self.checkpoints.next.is_none() {
                self.checkpoints.next = Some(certificate.clone());
            }
            self.checkpoints.ahead = Some(certificate);
            self.check_stable(out);
        }
    }

    /// Moves `low` when execution has reached the newest certified checkpoint, and compares the states (C2, C3).
    pub(crate) fn check_stable(&mut self, out: &mut Effects) {
        let executed = self.executed();
        let newest = self.checkpoints.ahead.take_if(|ahead| ahead.seq() <= executed);
        let lowest = self.checkpoints.next.take_if(|next| next.seq() <= executed);
        let Some(certificate) = newest.or(lowest) else { return };
        if self.checkpoints.next.is_none() {
            self.checkpoints.next = self.checkpoints.ahead.clone();
        }
        let (seq, certified) = (certificate.seq(), certificate.digest());
        let own = self.checkpoints.own.get(&seq).copied();
        let own = own.or_else(|| (seq == executed).then(|| self.executed_digest()));
        if let Some(ours) = own.filter(|ours| *ours != certified) {
            self.stop(Broken::Diverged { seq, ours, certified }, out);
            return;
        }
        out.persist(Record::Stable(certificate.clone()));
        self.checkpoints.stable = Some(certificate);
        self.checkpoints.low_since = self.now.ticks;
        self.review_all(EvidenceKind::Checkpoint, View::new(0), seq, out);
        self.drop_below_stable(seq);
    }

    /// Executed and covered: it leaves memory; the disk keeps it.
    fn drop_below_stable(&mut self, seq: SeqNum) {
        self.checkpoints.own = self.checkpoints.own.split_off(&seq.next());
        self.checkpoints.votes.retain(|(of, _), _| *of > seq);
        self.log.drop_up_to(seq);
        self.log.touch_all(); // The window has moved.
        self.carry_slots(); // S2
        let tips = self.lanes.iter().map(|lane| SeqNum::new(lane.executed.position.get())).collect();
        self.checkpoints.tips.push_back((self.executed(), tips));
        let old = SeqNum::new(seq.get().saturating_sub(REMEMBERED_PERIODS * self.constants.checkpoint_period));
        let mut floors = None;
        while self.checkpoints.tips.front().is_some_and(|(of, _)| *of <= old) {
            floors = self.checkpoints.tips.pop_front();
        }
        let Some((_, floors)) = floors else { return };
        let lanes = floors.into_iter().enumerate().map(|(index, floor)| (ReplicaId::new(index as u16), floor));
        self.promises.raise_floors(old, lanes);
        self.promises.prune(self.me);
        self.witness.drop_votes_up_to(old);
    }

    /// Own Checkpoint statements that are not yet covered by a stable one.
    pub(crate) fn unstable_checkpoints(&self, above: SeqNum) -> Vec<Signed> {
        let rows = self.promises.rows(Kind::Checkpoint, View::new(0));
        rows.filter(|row| row.statement.seq > above.max(self.low())).copied().collect()
    }
}
