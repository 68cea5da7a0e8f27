//! Follower: executes the decided order without a seat in the member list. It signs nothing, votes on nothing and makes no
//! promise, so its disk may be lost or old.
//!
//! A decided slot counts by its commit certificate (N8), a bundle by the chain of digests below a decided tip (L3), a state
//! by the checkpoint that q members signed (C2). So the peer that hands something over is never believed: it can withhold,
//! or be late, and then the next one is asked (N9). Slots are executed by the function that [`Replica`] uses (N6).
//!
//! [`Replica`]: crate::Replica

mod asking;
mod checkpoints;
mod handover;
mod neighbours;
mod report;
mod restart;
mod slots;

pub use neighbours::Claims;
pub use report::FollowerReport;

use crate::agreement::execution::Running;
use crate::effects::{Broken, Effect, Effects, Record, Rejected};
use crate::follower::checkpoints::{Checkpoints, Divergence};
use crate::follower::neighbours::Neighbours;
use crate::follower::slots::Slots;
use crate::input::{Input, Now};
use crate::lanes::lane::Lane;
use crate::limits::Constants;
use crate::recovery::pursuits::Pursuits;
use crate::recovery::recovered::ExecutedPoint;
use crate::wire::{Committee, Message, PayloadCheck, QuorumCert, ReplicaId, SeqNum, Ticks, Verified, Verify};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Group that a follower follows.
#[derive(Clone)]
pub struct FollowerConfig {
    /// The members of the epoch.
    pub committee: Committee,
    /// The group's numbers.
    pub constants: Constants,
    /// Checks the certificates on the own disk.
    pub verify: Arc<dyn Verify>,
}

/// A follower: a value. Cloning it forks its future.
#[derive(Clone)]
pub struct Follower {
    committee: Arc<Committee>,
    constants: Arc<Constants>,
    now: Now,
    point: ExecutedPoint,
    running: Option<Running>,
    slots: Slots,
    lanes: Vec<Lane>,
    checkpoints: Checkpoints,
    neighbours: Neighbours,
    pursuits: Pursuits,
    broken: Option<Broken>,
    /// Check of every item, where members are not believed to have checked it.
    payload: Option<Arc<dyn PayloadCheck>>,
    /// Whether the shell was told that the epoch is over.
    over: bool,
}

impl core::fmt::Debug for Follower {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "follower, executed {}", self.point.seq)
    }
}

impl Follower {
    /// A follower of a new group, before slot 1.
    pub fn new(config: FollowerConfig) -> Self {
        let FollowerConfig { committee, constants, verify: _ } = config;
        let n = committee.len();
        Self {
            point: ExecutedPoint::first(&committee),
            committee: Arc::new(committee),
            constants: Arc::new(constants),
            now: Now::default(),
            running: None,
            slots: Slots::default(),
            lanes: (0..n).map(|_| Lane::default()).collect(),
            checkpoints: Checkpoints::default(),
            neighbours: Neighbours::new(n),
            pursuits: Pursuits::default(),
            broken: None,
            payload: None,
            over: false,
        }
    }

    /// The same, which checks every item as members do: a certified bundle with a false one stops it.
    pub fn checking(self, payload: Arc<dyn PayloadCheck>) -> Self {
        Self { payload: Some(payload), ..self }
    }

    /// Whether it checks every item.
    pub fn is_checking(&self) -> bool {
        self.payload.is_some()
    }

    /// Advances by one input, as [`crate::Replica::step`].
    pub fn step(&mut self, input: Input, out: &mut Effects) {
        self.take_in(input, out);
        self.advance(out);
    }

    /// Takes in one input: the clock, a message of a member, or the outcome of a slot. Items and strong reads are refused:
    /// a follower has no lane.
    pub fn take_in(&mut self, input: Input, out: &mut Effects) {
        if self.broken.is_some() {
            return;
        }
        let outcome = match input {
            Input::Tick(now) => {
                self.now = Now { ticks: now.ticks.max(self.now.ticks), wall: now.wall };
                Ok(())
            }
            Input::Message(verified) => self.on_message(verified, out),
            Input::Executed(executed) => self.on_executed(executed, out),
            Input::Submit(_) => Err(Rejected::LaneFull),
            Input::Read { reader, .. } => {
                Err(Rejected::Read { reader, why: "an observer has no lane for a read mark" })
            }
            // of no use to who signs nothing
            Input::Withdraw(_) | Input::Deadline(_) | Input::Oldest(_) | Input::Word(_) | Input::Resign => Ok(()),
        };
        if let Err(rejected) = outcome {
            out.push(Effect::Refused(rejected));
        }
    }

    /// Does all that the inputs taken in so far have made possible.
    pub fn advance(&mut self, out: &mut Effects) {
        if self.broken.is_none() {
            self.want_decided(out);
            self.execute(out);
            self.tell_over(out);
            self.ask(out);
        }
    }

    /// When the next [`Input::Tick`] is due, if nothing else happens before.
    pub fn next_wakeup(&self) -> Option<Ticks> {
        let due = self.pursuits.next_due().filter(|_| self.broken.is_none())?;
        Some(due.max(self.now.ticks.after(1)))
    }

    fn on_message(&mut self, verified: Verified<Message>, out: &mut Effects) -> Result<(), Rejected> {
        let (theirs, ours) = (verified.epoch(), self.committee.epoch());
        if theirs != ours {
            return Err(Rejected::OtherEpoch { from: verified.from(), theirs, ours });
        }
        let (from, message) = verified.into_parts();
        self.neighbours.hear(from, self.now.ticks)?;
        match message {
            Message::Status { statement, body } => self.neighbours.on_status(from, &statement, body),
            Message::Decided { certificate, content } => {
                let certificate = certificate.into_checked(&self.committee);
                self.neighbours.show(from, certificate.seq());
                self.on_decided(from, certificate, content, out)
            }
            Message::StableCheckpoint(claimed) => {
                let certificate = claimed.into_checked(&self.committee);
                self.neighbours.prove(certificate.seq());
                self.checkpoints.learn(certificate);
                self.check_state(out);
                Ok(())
            }
            Message::Bundle(bundle) => {
                if self.on_bundle(bundle, out)? {
                    self.neighbours.on_answer(from);
                }
                Ok(())
            }
            _ => Err(Rejected::Unknown { from, what: "a follower's part in it" }),
        }
    }

    /// Another follower claims to have something: it is asked under this number, which no member has. Its answers are
    /// messages from that number. Of a member, which may be in a later epoch by now, the oldest slot counts.
    pub fn take_claims(&mut self, from: ReplicaId, claims: Claims) {
        self.neighbours.on_claims(from, claims);
    }

    /// Another follower can be asked no more: what it was asked goes to the next.
    pub fn forget(&mut self, other: ReplicaId) {
        self.neighbours.forget(other);
        self.pursuits.give_up(other, self.now.ticks);
    }

    /// Compares the own states with the certified ones (C3).
    fn check_state(&mut self, out: &mut Effects) {
        match self.checkpoints.compare(self.point.seq) {
            Ok(None) => (),
            Ok(Some(stable)) => out.persist(Record::Stable(stable)),
            Err(Divergence { seq, ours, certified }) => self.stop(Broken::Diverged { seq, ours, certified }, out),
        }
    }

    fn stop(&mut self, broken: Broken, out: &mut Effects) {
        self.broken = Some(broken.clone());
        out.persist(Record::Broken(broken.clone()));
        out.push(Effect::Broken(broken));
    }

    /// The executed point.
    pub fn executed_point(&self) -> &ExecutedPoint {
        &self.point
    }

    /// The newest certified checkpoint whose state was found to be the own one.
    pub fn stable(&self) -> Option<&QuorumCert> {
        self.checkpoints.stable()
    }

    /// The newest certified checkpoint, executed or not.
    pub fn newest_checkpoint(&self) -> Option<&QuorumCert> {
        self.checkpoints.newest()
    }

    /// Why it has stopped: its state is not the certified one, or more than f members are faulty.
    pub fn broken(&self) -> Option<&Broken> {
        self.broken.as_ref()
    }

    fn stable_seq(&self) -> SeqNum {
        self.stable().map_or(self.committee.base(), QuorumCert::seq)
    }
}
