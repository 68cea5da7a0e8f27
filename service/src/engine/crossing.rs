//! Way of an engine from one epoch into the next, and the voice of the one before (M1, M3).
//!
//! A core value has one member list for its life. When its epoch is over the engine makes the next value in the same round:
//! a member's if the own key is in the next list, else a follower's. Who was a member goes on as the elder of that epoch.

use super::core::Core;
use super::drive::{Engine, Work};
use super::epochs::Committees;
use super::error::EngineError;
use super::recall::envelopes;
use super::round::Notice;
use quorate_ledger::StoreError;
use quorate_pbft::{
    Admitted, Broken, Committee, Constants, Effects, Elder, Follower, Handover, Item, Rejected, Replica, ReplicaId,
    Ticks,
};
use std::cmp::Ordering;
use std::sync::Arc;

impl Engine {
    /// Member lists by which messages count now.
    pub fn committees(&self) -> Committees {
        let next = self.ledger.executed().next.iter().filter(|next| next.epoch() > self.epochs.committee.epoch());
        let elder = self.epochs.elder.as_ref().map(|(committee, _)| committee);
        Committees::new(self.epochs.committee.clone(), next.chain(elder).cloned().collect())
    }

    /// A message of this epoch goes into the core, one of the next waits for it, one of the epoch before goes to its elder.
    /// Another observer's counts in this epoch alone, and here only if this is one too.
    pub(super) fn hear(&mut self, message: Box<Admitted>, work: &mut Work) -> Result<(), EngineError> {
        let is_other = message.sender().index() >= Constants::REPLICAS_MAX;
        if is_other && !(self.core.hears_others() && message.epoch() == self.epochs.committee.epoch()) {
            return Ok(());
        }
        match message.epoch().cmp(&self.epochs.committee.epoch()) {
            Ordering::Greater => {
                let members = self.committees().get(message.epoch()).map_or(1, |committee| committee.len());
                self.epochs.keep_early(message, members);
            }
            Ordering::Less => self.hear_laggard(*message, work)?,
            Ordering::Equal => match self.turn_away(&message, work)? {
                Some(rejected) => work.round.notices.push(Notice::Refused(rejected)),
                None => {
                    let now = Ticks::new(self.own_clock.get());
                    self.reporter.hears(message.message(), self.core.executed(), now);
                    self.let_in(*message, work)?;
                }
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
        if self.tells_itself() {
            return Ok(());
        }
        let mut effects = Effects::new();
        let Some((committee, elder)) = &mut self.epochs.elder else { return Ok(()) };
        elder.tell(now, &mut effects);
        let committee = committee.clone();
        self.work_off_of(&committee, effects, work)
    }

    /// When the elder speaks next.
    pub(super) fn next_telling(&self) -> Option<Ticks> {
        let (_, elder) = self.epochs.elder.as_ref().filter(|_| !self.tells_itself())?;
        elder.next_telling()
    }

    /// Whether the own statuses name a checkpoint of this epoch: then the elder has nothing to add.
    fn tells_itself(&self) -> bool {
        self.core.member().is_some_and(|replica| replica.stable().is_some())
    }

    /// Goes into the next epoch, once this one is over. Whether it did. Before rules that this program cannot execute it
    /// stays at the end of this one, and goes on only to answer laggards: a start with a newer program goes on from there.
    pub(super) fn cross(&mut self, work: &mut Work) -> Result<bool, EngineError> {
        if self.ledger.unknown_rules().is_some() {
            return Ok(false);
        }
        let Some((certificate, next)) = self.epochs.over.take() else { return Ok(false) };
        self.ledger.keep_step(&mut work.batch, certificate.claim()).map_err(|error| StoreError(error.to_string()))?;
        let handover = match &self.core {
            Core::Member(replica) => {
                self.reporter.ends(replica);
                Replica::clone(replica).hand_over()
            }
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
        self.end_judged(handover.items(), work)?;
        let mut effects = Effects::new();
        self.core = match self.epochs.config(&next) {
            Some(config) => Core::Member(Box::new(Replica::enter(config, handover, &mut effects))),
            None => {
                self.give_back(&handover, work);
                let config = self.epochs.follower_config(&next);
                let follower = Follower::enter(config, handover, &mut effects);
                Core::Observer(Box::new(self.epochs.checking(follower)))
            }
        };
        self.dues.cross();
        work.handed.clear();
        self.broken = self.broken.take().filter(|broken| !broken.is_of_key());
        self.work_off_of(&next, effects, work)?;
        self.withdraw(work)?;
        for (_, message) in std::mem::take(&mut self.epochs.early) {
            self.hear(message, work)?;
        }
        Ok(true)
    }

    /// Ends the waits of envelopes that had their verdict on another lane while they were in bundles of the own one, which are
    /// void now. An envelope whose number another one took goes on: execution says so.
    fn end_judged(&mut self, items: &[Item], work: &mut Work) -> Result<(), StoreError> {
        let genesis = self.ledger.genesis().clone();
        for (id, _, bytes) in envelopes(items, &genesis) {
            if let Some(receipt) = self.ledger.receipt(&work.batch, &id)? {
                let waited = self.mempool().end(&id);
                work.round.notices.extend(waited.map(|_| Notice::Verdict(Arc::new(receipt))));
                self.withdrawn.insert(bytes);
            }
        }
        Ok(())
    }

    /// Ends the waits of callers whose requests were on the lane of a member that has left, or in its durable queue: others have
    /// lanes.
    fn give_back(&mut self, handover: &Handover, work: &mut Work) {
        for reader in handover.readers() {
            self.nonces.remove(&reader);
            work.round.notices.push(Notice::ReadRefused { reader, why: "this replica is no member any more" });
        }
        let expired = self.mempool().expire_all();
        work.round.notices.extend(expired.into_iter().map(Notice::Expired));
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
