//! Epochs of an engine: the member list in force, and what is kept of its neighbours (M1, M3).

use super::core::Core;
use super::error::EngineError;
use crate::build;
use quorate_ledger::{Ledger, RULES, StoreError};
use quorate_pbft::{
    Admitted, Committee, Constants, Elder, Epoch, ExecutedPoint, Follower, FollowerConfig, PayloadCheck, Program,
    PublicKey, QuorumCert, Recovered, Replica, ReplicaConfig, ReplicaId, SeqNum, Signer, Verify, WIRE,
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

/// This program, as statuses tell.
pub(crate) fn program() -> Program {
    let mut numbers = build::VERSION.split('.').map(|number| number.parse().unwrap_or(0));
    let version = [(); 3].map(|()| numbers.next().unwrap_or(0));
    Program { wire: WIRE, rules_oldest: RULES.oldest, rules_newest: RULES.newest, version }
}

/// Member lists by which messages count now: of the epoch before, of this one, and of the next once it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committees {
    current: Arc<Committee>,
    others: Vec<Arc<Committee>>,
}

impl Committees {
    /// A single list.
    pub fn of(current: Arc<Committee>) -> Self {
        Self { current, others: Vec::new() }
    }

    pub(crate) fn new(current: Arc<Committee>, others: Vec<Arc<Committee>>) -> Self {
        Self { current, others }
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

    /// Those that are not over: the current one, and the next once it is known.
    fn lasting(&self) -> impl Iterator<Item = &Arc<Committee>> {
        self.all().filter(|committee| committee.epoch() >= self.current.epoch())
    }

    /// Whether a key is in no list but that of the epoch before.
    pub fn has_left(&self, key: &PublicKey) -> bool {
        self.lasting().all(|committee| committee.replica_of(key).is_none())
    }

    /// Number by which a key is shown: that of the current list, else of the next one where nobody has it now.
    pub fn number(&self, key: &PublicKey) -> Option<ReplicaId> {
        let is_free = |number: &ReplicaId| self.current.key(*number).is_none();
        let coming = || self.lasting().find_map(|committee| committee.replica_of(key)).filter(is_free);
        self.current.replica_of(key).or_else(coming)
    }

    /// Whether a key is a member's in any of them.
    pub fn name(&self, key: &PublicKey) -> bool {
        self.all().any(|committee| committee.replica_of(key).is_some())
    }
}

/// The epoch at work, and what is kept of its neighbours.
pub(super) struct Epochs {
    pub(super) identity: Option<Identity>,
    verify: Arc<dyn Verify>,
    constants: Constants,
    /// Check of every item by who follows, where members are not believed to have checked it.
    pub(super) payload: Option<Arc<dyn PayloadCheck>>,
    pub(super) committee: Arc<Committee>,
    /// Certificate of the epoch's end and the next members, once it is over.
    pub(super) over: Option<(QuorumCert, Arc<Committee>)>,
    /// The last epoch in which this node was a member, if that is over.
    pub(super) elder: Option<(Arc<Committee>, Elder)>,
    /// Messages of the next epoch, each with its bytes.
    pub(super) early: Vec<(usize, Box<Admitted>)>,
}

impl Epochs {
    /// The epoch that a disk is in. `point` is the executed one, `newest` the newest epoch of which anything is written: its
    /// first slot may still be to come. Promises of an epoch by rules that this program does not know are kept by others.
    fn open(
        identity: Option<Identity>,
        verify: Arc<dyn Verify>,
        (ledger, newest): (&Ledger, Epoch),
    ) -> Result<(Self, ExecutedPoint), EngineError> {
        let executed = ledger.executed();
        let (committee, point) = match newest.cmp(&executed.epoch) {
            Ordering::Greater => {
                ledger.check_next_rules()?;
                let entered = executed.next.clone().zip(executed.entered()).filter(|(_, point)| point.epoch == newest);
                entered
                    .ok_or_else(|| StoreError(format!("words of epoch {newest} over a state that is not its end")))?
            }
            _ => (Arc::new(ledger.voters().clone()), executed.clone()),
        };
        let constants = ledger.genesis().constants().clone();
        let (payload, over, elder, early) = (None, None, None, Vec::new());
        let epochs = Self { identity, verify, constants, payload, committee, over, elder, early };
        Ok((epochs, point))
    }

    /// Facts that a start goes on from, besides the state: the epoch, what was said last in the one before, and the records.
    pub(super) fn resume(
        identity: Option<Identity>,
        verify: Arc<dyn Verify>,
        (ledger, snapshot): (&Ledger, &Snapshot),
    ) -> Result<(Self, Recovered), EngineError> {
        let (mut epochs, point) = Self::open(identity, verify, (ledger, snapshot.epoch()?))?;
        let recovered = snapshot.recover(point)?;
        epochs.resume_elder((ledger, snapshot), recovered.oldest)?;
        Ok((epochs, recovered))
    }

    /// The core that goes on from a disk.
    pub(super) fn recover(&self, recovered: Recovered) -> Core {
        match self.config(&self.committee) {
            Some(config) => Core::Member(Box::new(Replica::recover(config, recovered))),
            None => Core::Observer(Box::new(Follower::recover(self.follower_config(&self.committee), recovered))),
        }
    }

    /// Takes up what was said last in the epoch before, if this node was a member in it.
    fn resume_elder(&mut self, (ledger, snapshot): (&Ledger, &Snapshot), oldest: SeqNum) -> Result<(), StoreError> {
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
    pub(super) fn config(&self, committee: &Committee) -> Option<ReplicaConfig> {
        let Identity { signer, incarnation, die } = self.identity.clone()?;
        Some(ReplicaConfig {
            me: committee.replica_of(&signer.public_key())?,
            committee: committee.clone(),
            constants: self.constants.clone(),
            signer,
            verify: self.verify.clone(),
            incarnation,
            die,
            program: program(),
        })
    }

    /// A follower that checks as much as those before it.
    pub(super) fn checking(&self, follower: Follower) -> Follower {
        match &self.payload {
            Some(payload) => follower.checking(payload.clone()),
            None => follower,
        }
    }

    pub(super) fn follower_config(&self, committee: &Committee) -> FollowerConfig {
        FollowerConfig { committee: committee.clone(), constants: self.constants.clone(), verify: self.verify.clone() }
    }

    /// The disk hands out slots from here on: the elder says so too.
    pub(super) fn set_oldest(&mut self, oldest: SeqNum) {
        self.elder.iter_mut().for_each(|(_, elder)| elder.set_oldest(oldest));
    }

    /// Keeps a message of the next epoch, which has so many members: each has its part of the room, whatever others send.
    pub(super) fn keep_early(&mut self, message: Box<Admitted>, members: usize) {
        let bytes = borsh::object_length(message.message()).unwrap_or(usize::MAX);
        let of_sender = self.early.iter().filter(|(_, early)| early.sender() == message.sender());
        let (count, held) = of_sender.fold((0, bytes), |(n, sum), (bytes, _)| (n + 1, sum.saturating_add(*bytes)));
        if count < EARLY_MAX / members && held <= EARLY_BYTES_MAX / members {
            self.early.push((bytes, message));
        }
    }
}
