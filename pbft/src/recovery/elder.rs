//! Elder: the voice of an epoch that is over. It has no timers and no votes; it tells members and followers who are still in
//! that epoch that its last slot is decided and certified, and hands out what they lack (M1, N9).

use crate::effects::{Effect, Effects, Question, Rejected, Wanted};
use crate::member::Member;
use crate::recovery::answer::{BUNDLES_PER_ANSWER_MAX, SLOTS_PER_ANSWER_MAX};
use crate::recovery::peer::Peers;
use crate::recovery::repair::SUPPLY_BYTES;
use crate::replica::ReplicaConfig;
use crate::wire::{ClaimedCert, Message, Position, ReplicaId, SeqNum, StatusBody, Ticks, Verified};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Counters of its statuses begin here: above all that the replica of the epoch has used under the same incarnation.
const COUNTER_BASE: u64 = 1 << 40;

/// A member's last words in an epoch.
#[derive(Clone)]
pub struct Elder {
    member: Member,
    certificate: ClaimedCert,
    oldest: SeqNum,
    statuses: u64,
    told_at: Option<Ticks>,
    peers: Peers,
}

impl core::fmt::Debug for Elder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "elder {} of epoch {}", self.member.me, self.member.committee.epoch())
    }
}

impl Elder {
    /// The elder of an epoch in which the replica was a member.
    ///
    /// `certificate` is that of the checkpoint after the epoch's last slot, `oldest` the first slot that the disk can hand out.
    ///
    /// # Panics
    ///
    /// On a wrong configuration, as [`crate::Replica::new`].
    pub fn new(config: ReplicaConfig, certificate: ClaimedCert, oldest: SeqNum) -> Self {
        let member = Member::new(config);
        assert!(certificate.epoch == member.committee.epoch(), "I23: an elder of another epoch");
        let peers = Peers::new(member.committee.len());
        Self { member, certificate, oldest, statuses: COUNTER_BASE, told_at: None, peers }
    }

    /// The disk hands out slots from here on.
    pub fn set_oldest(&mut self, oldest: SeqNum) {
        self.oldest = oldest;
    }

    /// Tells everybody of the epoch how far it went, at intervals. A leaver does so, and all others, until a checkpoint of the
    /// next epoch is stable: by then q of its members have entered it, and their statuses call for what is missing (M2).
    pub fn tell(&mut self, now: Ticks, out: &mut Effects) {
        if self.next_telling().is_none_or(|due| due <= now) {
            self.told_at = Some(now);
            let farewell = self.farewell().into_iter().map(Arc::new);
            farewell.for_each(|message| out.push(Effect::Broadcast(message)));
        }
    }

    /// When it tells next; at once if it has not yet.
    pub fn next_telling(&self) -> Option<Ticks> {
        Some(self.told_at?.after(self.member.constants.status_period_ms))
    }

    /// A message of somebody who is still in the epoch, or asks for its slots.
    pub fn take_in(&mut self, now: Ticks, verified: Verified<Message>, out: &mut Effects) {
        if let Err(rejected) = self.on_message(now, verified, out) {
            out.push(Effect::Refused(rejected));
        }
    }

    fn on_message(&mut self, now: Ticks, verified: Verified<Message>, out: &mut Effects) -> Result<(), Rejected> {
        let from = verified.from();
        self.member.check_epoch(from, verified.epoch())?;
        let pause = self.member.constants.status_period_ms / 2;
        let me = self.member.me;
        let Some(peer) = self.peers.get_mut(from).filter(|_| from != me) else {
            return Err(Rejected::Unknown { from, what: "itself" });
        };
        match verified.into_parts().1 {
            Message::Status { .. } => {
                if peer.helped_at.is_none_or(|at| now.since(at) >= pause) {
                    peer.helped_at = Some(now);
                    self.farewell().into_iter().for_each(|message| out.send(from, message));
                }
                Ok(())
            }
            Message::Ask(_) if !peer.may_ask(now) => Err(Rejected::TooOften { from }),
            Message::Ask(question) => {
                peer.answered(SUPPLY_BYTES);
                self.answer(from, question.wanted, out);
                Ok(())
            }
            _ => Err(Rejected::Unknown { from, what: "an epoch that is not over" }),
        }
    }

    /// Words for somebody who is still in the epoch: how far it went, and the proof.
    pub fn farewell(&mut self) -> Vec<Message> {
        self.statuses += 1;
        let last = self.certificate.seq;
        let body = StatusBody {
            incarnation: self.member.incarnation,
            epoch: self.member.committee.epoch(),
            stable: last,
            executed: last,
            oldest: self.oldest,
            program: self.member.program,
            ..StatusBody::default()
        };
        let statement = self.member.sign_status(SeqNum::new(self.statuses), body.digest());
        [Message::Status { statement, body }, Message::StableCheckpoint(self.certificate.clone())].into()
    }

    fn answer(&self, to: ReplicaId, wanted: Wanted, out: &mut Effects) {
        let wanted = match wanted {
            Wanted::Slots { from, to } if from >= self.oldest => {
                Wanted::Slots { from, to: to.min(from.plus(SLOTS_PER_ANSWER_MAX - 1)).min(self.certificate.seq) }
            }
            Wanted::Bundles { lane, from, to } => {
                let lowest = Position::new(to.get().saturating_sub(BUNDLES_PER_ANSWER_MAX - 1));
                Wanted::Bundles { lane, from: from.max(lowest), to }
            }
            Wanted::Content { .. } => wanted,
            Wanted::StableCheckpoint => {
                out.send(to, Message::StableCheckpoint(self.certificate.clone()));
                return;
            }
            // Nobody needs a view of this epoch any more, nor to know what it signed in it.
            Wanted::Slots { .. } | Wanted::NewView { .. } | Wanted::Recall { .. } => return,
        };
        let question = Question { epoch: self.member.committee.epoch(), wanted };
        out.push(Effect::Supply { to, question });
    }
}
