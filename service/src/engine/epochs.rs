//! Epochs of an engine: the member list in force, the way into the next one, and the voice of the one before (M1, M3).
//!
//! A core value has one member list for its life. When its epoch is over the engine makes the next value in the same round:
//! a member's if the own key is in the next list, else a follower's. Who was a member goes on as the elder of that epoch.

use super::core::Core;
use super::drive::{Engine, Work};
use super::error::EngineError;
use super::mempool::Place;
use super::round::Notice;
use super::tolls::Tolls;
use quorate_ledger::{Ledger, StoreError};
use quorate_pbft::{
    Admitted, Broken, Committee, Constants, Effects, Elder, Epoch, ExecutedPoint, Follower, FollowerConfig, Handover,
    Input, PublicKey, QuorumCert, Recovered, Rejected, Replica, ReplicaConfig, ReplicaId, SeqNum, Signer, Ticks,
    Verify,
};
use quorate_storage::Snapshot;
use std::cmp::Ordering;
use std::sync::Arc;

/// Messages of the next epoch that wait until it begins here; all that are lost are said again (N9).
const EARLY_MAX: usize = 1_024;
/// Bytes of them.
const EARLY_BYTES_MAX: usize = 4 << 20;

/// Key and marks of a node that votes where it is a member.
#[derive(Clone)]
pub struct Identity {
    /// Signs with the node's key.
    pub signer: Arc<dyn Signer>,
    /// Drawn at random at each start (E1, E7).
    pub incarnation: u64,
    /// Drawn at random at each start, told to nobody (E2).
    pub die: u64,
}

/// Member lists by which messages count now: of the epoch before, of this one, and of the next once it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committees {
    current: Arc<Committee>,
    others: Vec<Arc<Committee>>,
}

impl Committees {
    /// One list and no other.
    pub fn of(current: Arc<Committee>) -> Self {
        Self { current, others: Vec::new() }
    }

    /// The members of the epoch at work.
    pub fn current(&self) -> &Arc<Committee> {
        &self.current
    }

    /// The members of an epoch.
    pub fn get(&self, epoch: Epoch) -> Option<&Arc<Committee>> {
        self.all().find(|committee| committee.epoch() == epoch)
    }

    /// All of them, the current one first and then the next.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Committee>> {
        [&self.current].into_iter().chain(&self.others)
    }

    /// Whether a key is a member's in any of them.
    pub fn name(&self, key: &PublicKey) -> bool {
        self.all().any(|committee| committee.replica_of(key).is_some())
    }
}

/// The epoch at work, and what is kept of its neighbours.
pub(super) struct Epochs {
    identity: Option<Identity>,
    verify: Arc<dyn Verify>,
    constants: Constants,
    pub(super) committee: Arc<Committee>,
    /// Certificate of the epoch's end and the next members, once it is over.
    pub(super) over: Option<(QuorumCert, Arc<Committee>)>,
    /// The last epoch in which this node was a member, if that is over.
    elder: Option<(Arc<Committee>, Elder)>,
    /// Messages of the next epoch, each with its bytes.
    early: Vec<(usize, Box<Admitted>)>,
}

impl Epochs {
    /// The epoch that a disk is in. `point` is the executed one, `newest` the newest epoch of which anything is written: its
    /// first slot may still be to come.
    pub(super) fn open(
        identity: Option<Identity>,
        verify: Arc<dyn Verify>,
        (ledger, newest): (&Ledger, Epoch),
    ) -> Result<(Self, ExecutedPoint), StoreError> {
        let executed = ledger.executed();
        let (committee, point) = match newest.cmp(&executed.epoch) {
            Ordering::Greater => {
                let entered = executed.next.clone().zip(executed.entered()).filter(|(_, point)| point.epoch == newest);
                entered
                    .ok_or_else(|| StoreError(format!("words of epoch {newest} over a state that is not its end")))?
            }
            _ => (Arc::new(ledger.voters().clone()), executed.clone()),
        };
        let constants = ledger.genesis().constants().clone();
        let epochs = Self { identity, verify, constants, committee, over: None, elder: None, early: Vec::new() };
        Ok((epochs, point))
    }

    /// The core that goes on from a disk.
    pub(super) fn recover(&self, recovered: Recovered) -> Core {
        match self.config(&self.committee) {
            Some(config) => Core::Member(Box::new(Replica::recover(config, recovered))),
            None => Core::Observer(Box::new(Follower::recover(self.follower_config(&self.committee), recovered))),
        }
    }

    /// Takes up what was said last in the epoch before, if this node was a member in it.
    pub(super) fn resume_elder(
        &mut self,
        (ledger, snapshot): (&Ledger, &Snapshot),
        oldest: SeqNum,
    ) -> Result<(), StoreError> {
        let Some(before) = self.committee.epoch().previous() else { return Ok(()) };
        let chain = ledger.view(snapshot).chain_of_epochs()?;
        let end = chain.committee(before).zip(chain.end_of(before));
        if let Some((committee, certificate)) = end
            && let Some(config) = self.config(committee)
        {
            self.elder = Some((Arc::new(committee.clone()), Elder::new(config, certificate.clone(), oldest)));
        }
        Ok(())
    }

    /// The configuration of a member of this list, if this node is one.
    fn config(&self, committee: &Committee) -> Option<ReplicaConfig> {
        let Identity { signer, incarnation, die } = self.identity.clone()?;
        Some(ReplicaConfig {
            me: committee.replica_of(&signer.public_key())?,
            committee: committee.clone(),
            constants: self.constants.clone(),
            signer,
            verify: self.verify.clone(),
            incarnation,
            die,
        })
    }

    fn follower_config(&self, committee: &Committee) -> FollowerConfig {
        FollowerConfig { committee: committee.clone(), constants: self.constants.clone(), verify: self.verify.clone() }
    }

    /// The disk hands out slots from here on: the elder says so too.
    pub(super) fn set_oldest(&mut self, oldest: SeqNum) {
        self.elder.iter_mut().for_each(|(_, elder)| elder.set_oldest(oldest));
    }

    /// Keeps a message of the next epoch, which has so many members: each has its part of the room, whatever others send.
    fn keep_early(&mut self, message: Box<Admitted>, members: usize) {
        let bytes = borsh::object_length(message.message()).unwrap_or(usize::MAX);
        let of_sender = self.early.iter().filter(|(_, early)| early.sender() == message.sender());
        let (count, held) = of_sender.fold((0, bytes), |(n, sum), (bytes, _)| (n + 1, sum.saturating_add(*bytes)));
        if count < EARLY_MAX / members && held <= EARLY_BYTES_MAX / members {
            self.early.push((bytes, message));
        }
    }
}

impl Engine {
    /// Member lists by which messages count now.
    pub fn committees(&self) -> Committees {
        let next = self.ledger.executed().next.iter().filter(|next| next.epoch() > self.epochs.committee.epoch());
        let elder = self.epochs.elder.as_ref().map(|(committee, _)| committee);
        Committees { current: self.epochs.committee.clone(), others: next.chain(elder).cloned().collect() }
    }

    /// A message of this epoch goes into the core, one of the next waits for it, one of the epoch before goes to its elder.
    pub(super) fn hear(&mut self, message: Box<Admitted>, work: &mut Work) -> Result<(), EngineError> {
        match message.epoch().cmp(&self.epochs.committee.epoch()) {
            Ordering::Greater => {
                let members = self.committees().get(message.epoch()).map_or(1, |committee| committee.len());
                self.epochs.keep_early(message, members);
            }
            Ordering::Less => self.hear_laggard(*message, work)?,
            Ordering::Equal => match self.turn_away(message.message(), work)? {
                Some(rejected) => work.round.notices.push(Notice::Refused(rejected)),
                None => self.take_in(Input::from(*message), work)?,
            },
        }
        Ok(())
    }

    fn hear_laggard(&mut self, message: Admitted, work: &mut Work) -> Result<(), EngineError> {
        let now = Ticks::new(self.own_clock.get());
        let (from, theirs) = (message.sender(), message.epoch());
        let mut effects = Effects::new();
        match (&mut self.epochs.elder, message) {
            (Some((committee, elder)), Admitted::Verified(verified)) if committee.epoch() == theirs => {
                elder.take_in(now, verified, &mut effects);
                let committee = committee.clone();
                self.work_off_of(&committee, effects, work)
            }
            _ => {
                let ours = self.epochs.committee.epoch();
                work.round.notices.push(Notice::Refused(Rejected::OtherEpoch { from, theirs, ours }));
                Ok(())
            }
        }
    }

    /// Lets the elder say how far its epoch went: a member's until a checkpoint of the new epoch is stable (M2), for then its
    /// statuses tell; a leaver's for as long as it runs.
    pub(super) fn tell_of_the_end(&mut self, work: &mut Work) -> Result<(), EngineError> {
        let now = Ticks::new(self.own_clock.get());
        let is_silent = self.core.member().is_some_and(|replica| replica.stable().is_some());
        let mut effects = Effects::new();
        let Some((committee, elder)) = self.epochs.elder.as_mut().filter(|_| !is_silent) else { return Ok(()) };
        elder.tell(now, &mut effects);
        let committee = committee.clone();
        self.work_off_of(&committee, effects, work)
    }

    /// When the elder speaks next.
    pub(super) fn next_telling(&self) -> Option<Ticks> {
        let is_silent = self.core.member().is_some_and(|replica| replica.stable().is_some());
        let (_, elder) = self.epochs.elder.as_ref().filter(|_| !is_silent)?;
        elder.next_telling()
    }

    /// Goes into the next epoch, once this one is over. Whether it did.
    pub(super) fn cross(&mut self, work: &mut Work) -> Result<bool, EngineError> {
        let Some((certificate, next)) = self.epochs.over.take() else { return Ok(false) };
        self.ledger.keep_step(&mut work.batch, &certificate).map_err(|error| StoreError(error.to_string()))?;
        let handover = match &self.core {
            Core::Member(replica) => Replica::clone(replica).hand_over(),
            Core::Observer(follower) => Follower::clone(follower).hand_over(),
        };
        // Of a follower the disk alone knows it: its core promises nothing.
        let mark = self.db.snapshot()?.broken()?.filter(Broken::is_of_key).zip(self.epochs.identity.as_ref());
        let handover = match mark {
            Some((broken, identity)) => handover.unfit_as(identity.signer.public_key(), broken),
            None => handover,
        };
        let before = std::mem::replace(&mut self.epochs.committee, next.clone());
        if let Some(config) = self.epochs.config(&before) {
            let elder = Elder::new(config, certificate.claim().clone(), self.oldest);
            self.epochs.elder = Some((before, elder));
        }
        let mut effects = Effects::new();
        self.core = match self.epochs.config(&next) {
            Some(config) => Core::Member(Box::new(Replica::enter(config, handover, &mut effects))),
            None => {
                self.give_back(&handover, work);
                let config = self.epochs.follower_config(&next);
                Core::Observer(Box::new(Follower::enter(config, handover, &mut effects)))
            }
        };
        self.tolls = Tolls::default(); // lanes have other owners
        self.broken = self.broken.take().filter(|broken| !broken.is_of_key());
        self.work_off_of(&next, effects, work)?;
        for (_, message) in std::mem::take(&mut self.epochs.early) {
            self.hear(message, work)?;
        }
        Ok(true)
    }

    /// Ends the waits of callers whose requests were on the lane of a member that has left: others have lanes.
    fn give_back(&mut self, handover: &Handover, work: &mut Work) {
        for reader in handover.readers() {
            self.nonces.remove(&reader);
            work.round.notices.push(Notice::ReadRefused { reader, why: "this replica is no member any more" });
        }
        let mut mempool = self.mempool();
        let waits = mempool.all().filter(|(_, place)| *place != Place::Queued).map(|(candidate, _)| candidate.id);
        let ids: Vec<_> = waits.collect();
        ids.iter().for_each(|id| drop(mempool.remove(id)));
        drop(mempool);
        work.round.notices.extend(ids.into_iter().map(Notice::Expired));
    }

    fn work_off_of(
        &mut self,
        committee: &Arc<Committee>,
        mut effects: Effects,
        work: &mut Work,
    ) -> Result<(), EngineError> {
        for effect in effects.take() {
            let executed = self.work_off(effect, committee, work)?;
            assert!(executed.is_none(), "an epoch begins and ends without a slot");
        }
        Ok(())
    }

    /// The own number in the epoch at work; none of a node that follows.
    pub fn number(&self) -> Option<ReplicaId> {
        self.core.member().map(Replica::id)
    }
}
