//! The door: one input in, effects out.

use crate::agreement::order::Order;
use crate::effects::{Effect, Effects, Rejected};
use crate::evidence::accusation::Accusations;
use crate::evidence::witness::Witness;
use crate::input::{Input, Now};
use crate::invariants;
use crate::lanes::Lanes;
use crate::limits::Constants;
use crate::member::Member;
use crate::recovery::peer::Peers;
use crate::recovery::pursuits::Pursuits;
use crate::recovery::repair::OwnStatus;
use crate::views::Views;
use crate::wire::{Committee, Message, Program, ReplicaId, Signer, Ticks, Verify};
use alloc::sync::Arc;

/// Identity of a replica, and the numbers that its group agreed on.
#[derive(Clone)]
pub struct ReplicaConfig {
    /// Its place in the member list.
    pub me: ReplicaId,
    /// The members of the current epoch.
    pub committee: Committee,
    /// The group's numbers.
    pub constants: Constants,
    /// Signs with the key that the member list has for `me`.
    pub signer: Arc<dyn Signer>,
    /// Checks signatures that arrive inside what is already checked: certificates from the own disk.
    pub verify: Arc<dyn Verify>,
    /// Drawn at random at each start; statuses and recalls are told apart by it (E1, E7).
    pub incarnation: u64,
    /// Drawn at random at each start and told to nobody: seed of the die that picks words to send on (E2).
    pub die: u64,
    /// Its program, for the others to know.
    pub program: Program,
}

/// A replica: a value. Cloning it forks its future.
#[derive(Clone)]
pub struct Replica {
    pub(crate) member: Member,
    pub(crate) lanes: Lanes,
    pub(crate) order: Order,
    pub(crate) views: Views,
    pub(crate) witness: Witness,
    pub(crate) accusations: Accusations,
    pub(crate) peers: Peers,
    pub(crate) own_status: OwnStatus,
    pub(crate) pursuits: Pursuits,
}

impl core::fmt::Debug for Replica {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "replica {} in view {}, executed {}", self.member.me, self.views.number, self.order.executed())
    }
}

impl Replica {
    /// A replica of a new group, before slot 1.
    ///
    /// # Panics
    ///
    /// On a wrong configuration: if `me` is not in the member list, if the signer's key is not its key, or if the window is
    /// below two checkpoint periods or above [`Constants::WINDOW_MAX`].
    pub fn new(config: ReplicaConfig) -> Self {
        let die = config.die;
        let member = Member::new(config);
        let n = member.committee.len();
        Self {
            lanes: Lanes::new(n),
            order: Order::new(&member.committee, member.constants.window),
            views: Views::default(),
            witness: Witness::new(member.constants.window, die),
            accusations: Accusations::new(member.committee.epoch()),
            peers: Peers::new(n),
            own_status: OwnStatus::default(),
            pursuits: Pursuits::default(),
            member,
        }
    }

    /// Advances by one input; everything the world must do is appended to `out`, in the order it must happen.
    ///
    /// Same state, same input, same effects: replaying inputs replays the run.
    pub fn step(&mut self, input: Input, out: &mut Effects) {
        self.take_in(input, out);
        self.advance(out);
    }

    /// Takes in one input. Votes are counted, and bundles and slots made, in [`Self::advance`]: a round of inputs that
    /// arrived together costs one count and one bundle, not one for each (N7).
    pub fn take_in(&mut self, input: Input, out: &mut Effects) {
        if self.member.is_stopped() {
            return;
        }
        core::mem::swap(&mut self.member.out, out);
        let outcome = match input {
            Input::Tick(now) => self.on_tick(now),
            Input::Message(verified) => self.member.check_epoch(verified.from(), verified.epoch()).and_then(|()| {
                let (from, message) = verified.into_parts();
                self.on_message(from, message)
            }),
            Input::Word(word) => self
                .member
                .check_epoch(word.from(), word.epoch())
                .and_then(|()| self.on_word(word.from(), word.signed())),
            Input::Submit(item) => self.lanes.on_submit(item),
            Input::Withdraw(items) => {
                self.lanes.own.drop_pending(&items);
                Ok(())
            }
            Input::Read { reader, nonce } => self.on_read(reader, nonce),
            Input::Deadline(deadline) => {
                self.order.execution.deadline = deadline;
                Ok(())
            }
            Input::Oldest(oldest) => {
                self.order.oldest = oldest.max(self.order.oldest);
                Ok(())
            }
            Input::Executed(executed) => self.on_executed(executed),
            Input::Resign => {
                self.views.leave_office(&self.member, true);
                Ok(())
            }
        };
        if let Err(rejected) = outcome {
            self.member.out.push(Effect::Refused(rejected));
        }
        core::mem::swap(&mut self.member.out, out);
    }

    /// Does all that the inputs taken in so far have made possible, until nothing is left to do.
    pub fn advance(&mut self, out: &mut Effects) {
        core::mem::swap(&mut self.member.out, out);
        while !self.member.is_stopped() && !self.settle() {}
        invariants::check(self);
        core::mem::swap(&mut self.member.out, out);
    }

    /// When the next [`Input::Tick`] is due, if nothing else happens before.
    pub fn next_wakeup(&self) -> Option<Ticks> {
        if self.member.is_stopped() { None } else { self.member.wake }
    }

    fn on_tick(&mut self, now: Now) -> Result<(), Rejected> {
        self.member.now = Now { ticks: now.ticks.max(self.member.now.ticks), wall: now.wall };
        self.ask_for_recall();
        Ok(())
    }

    fn on_message(&mut self, from: ReplicaId, message: Message) -> Result<(), Rejected> {
        if let Some(peer) = self.peers.get_mut(from) {
            peer.heard = Some(self.member.now.ticks);
        }
        match message {
            Message::PrePrepare { statement, content, certificates } => {
                self.on_pre_prepare(from, statement, content, certificates)
            }
            Message::Prepare { statement, pre_prepare } => self.on_prepare(statement, pre_prepare),
            Message::Commit(signed) => self.on_commit(signed),
            Message::Ack(signed) => self.on_ack(signed),
            Message::LaneCert(claimed) => {
                self.learn_lane_cert(claimed.into_checked(&self.member.committee), false);
                Ok(())
            }
            Message::Checkpoint(signed) => self.on_checkpoint(signed),
            Message::StableCheckpoint(claimed) => {
                self.learn_stable(claimed.into_checked(&self.member.committee));
                Ok(())
            }
            Message::Status { statement, body } => self.on_status(from, statement, body),
            Message::Contradiction(signed) => {
                self.hear(&signed);
                Ok(())
            }
            Message::Evidence(evidence) => self.on_evidence(evidence),
            Message::Bundle(bundle) => self.on_bundle(bundle),
            Message::Content { content, certificates } => self.on_content(content, certificates),
            Message::Decided { certificate, content } => self.on_decided(from, certificate, content),
            Message::ViewChange { statement, body } => self.on_view_change(statement, body),
            Message::NewView { statement, body } => self.on_new_view(statement, body),
            Message::Ask(question) => self.on_ask(from, question),
            Message::Recalled { incarnation, statements } => self.on_recalled(from, incarnation, statements),
        }
    }

    /// Works once through all that may have become possible. Whether nothing more follows from it.
    fn settle(&mut self) -> bool {
        while let Some(message) = self.member.loopback.pop_front() {
            let message = Arc::unwrap_or_clone(message);
            if let Err(rejected) = self.on_message(self.member.me, message) {
                self.member.out.push(Effect::Refused(rejected));
            }
        }
        if self.member.is_stopped() {
            return true;
        }
        self.member.wake = None;
        let primary = self.primary();
        self.lanes.advance_lanes(&mut self.member, primary);
        let executed = self.order.executed();
        if !self.order.is_over() && !self.lanes.own.holds_back(executed, &self.peers, &self.member) {
            self.lanes.make_bundles(&mut self.member);
        }
        self.advance_views();
        self.advance_slots();
        self.propose();
        self.order.execute(&mut self.lanes, &mut self.pursuits, &mut self.member);
        let settled = self.member.loopback.is_empty() && self.lanes.touched.is_empty();
        if settled {
            self.order.tell_over(&mut self.member);
            self.pursue();
            self.tell_status();
        }
        settled
    }
}
