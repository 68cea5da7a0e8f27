//! The door: one input in, effects out.

use crate::agreement::checkpoint::Checkpoints;
use crate::agreement::execution::Execution;
use crate::agreement::proposing::Proposing;
use crate::agreement::slot::Log;
use crate::effects::{Broken, Effect, Effects, Record, Rejected};
use crate::evidence::accusation::Accusations;
use crate::evidence::witness::Witness;
use crate::input::{Input, Now};
use crate::invariants;
use crate::lanes::lane::Lane;
use crate::lanes::own_lane::OwnLane;
use crate::lanes::reading::Reads;
use crate::limits::Constants;
use crate::recovery::fetch::Pursuits;
use crate::recovery::peer::Peer;
use crate::recovery::promises::Promises;
use crate::recovery::recall::Recall;
use crate::recovery::repair::OwnStatus;
use crate::views::Views;
use crate::views::slow_primary::Pace;
use crate::views::timers::Timers;
use crate::wire::cert::QuorumCert;
use crate::wire::committee::Committee;
use crate::wire::content::Content;
use crate::wire::crypto::{Signer, Verify};
use crate::wire::ids::{Digest, ReplicaId, SeqNum, Ticks, View};
use crate::wire::message::Message;
use crate::wire::statement::{Kind, Signed, Statement};
use alloc::collections::{BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Who a replica is and what its group agreed on.
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
}

/// Whether a replica takes part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It votes, once its recall is done.
    Member,
    /// Its disk is older than its promises: it follows and signs nothing but Status (E7).
    Follower(Signed),
    /// It has stopped.
    Stopped(Broken),
}

impl Standing {
    pub(crate) fn of(broken: Broken) -> Self {
        match broken {
            Broken::OlderThanPromises(signed) => Self::Follower(signed),
            _ => Self::Stopped(broken),
        }
    }
}

/// The view that a replica is in or asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CurrentView {
    /// The highest view ever asked for or entered.
    pub(crate) number: View,
    /// Whether it has not started yet.
    pub(crate) changing: bool,
}

/// One replica: a value. Cloning it forks its future.
#[derive(Clone)]
pub struct Replica {
    pub(crate) me: ReplicaId,
    pub(crate) committee: Arc<Committee>,
    pub(crate) constants: Arc<Constants>,
    signer: Arc<dyn Signer>,
    pub(crate) incarnation: u64,
    pub(crate) now: Now,
    pub(crate) standing: Standing,
    pub(crate) promises: Promises,
    pub(crate) view: CurrentView,
    pub(crate) views: Views,
    pub(crate) timers: Timers,
    pub(crate) pace: Pace,
    pub(crate) log: Log,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) touched_lanes: BTreeSet<ReplicaId>,
    pub(crate) own: OwnLane,
    pub(crate) proposing: Proposing,
    pub(crate) execution: Execution,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) peers: Vec<Peer>,
    pub(crate) own_status: OwnStatus,
    pub(crate) pursuits: Pursuits,
    pub(crate) witness: Witness,
    pub(crate) accusations: Accusations,
    pub(crate) reads: Reads,
    pub(crate) recall: Recall,
    /// Slots decided by n Prepares (N5).
    pub(crate) fast_commits: u64,
    /// Digest of the null content.
    pub(crate) null: Digest,
    loopback: VecDeque<Arc<Message>>,
    wake: Option<Ticks>,
}

impl core::fmt::Debug for Replica {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "replica {} in view {}, executed {}", self.me, self.view.number, self.executed())
    }
}

impl Replica {
    /// A replica of a new group, before slot 1.
    ///
    /// # Panics
    ///
    /// If `me` is not in the member list, or the signer's key is not its key: a wrong configuration.
    pub fn new(config: ReplicaConfig) -> Self {
        let ReplicaConfig { me, committee, constants, signer, verify: _, incarnation } = config;
        assert_eq!(committee.key(me), Some(&signer.public_key()), "replica {me} has another key in the member list");
        assert!(constants.window >= 2 * constants.checkpoint_period, "the window must outlive a checkpoint period");
        assert!(constants.window <= Constants::WINDOW_MAX, "a status speaks of one window");
        let n = committee.len();
        Self {
            me,
            signer,
            incarnation,
            now: Now::default(),
            standing: Standing::Member,
            promises: Promises::new(),
            view: CurrentView { number: View::new(0), changing: false },
            views: Views::default(),
            timers: Timers::default(),
            pace: Pace::default(),
            log: Log::default(),
            lanes: (0..n).map(|_| Lane::default()).collect(),
            touched_lanes: BTreeSet::new(),
            own: OwnLane::default(),
            proposing: Proposing::default(),
            execution: Execution::new(n),
            checkpoints: Checkpoints::default(),
            peers: (0..n).map(|_| Peer::new(n)).collect(),
            own_status: OwnStatus::default(),
            pursuits: Pursuits::default(),
            witness: Witness::new(constants.window),
            accusations: Accusations::default(),
            reads: Reads::default(),
            recall: Recall::new(committee.quorum()),
            fast_commits: 0,
            null: Content::NULL.digest(),
            committee: Arc::new(committee),
            constants: Arc::new(constants),
            loopback: VecDeque::new(),
            wake: None,
        }
    }

    /// Advances by one input; everything the world must do is appended to `out`, in the order it must happen.
    ///
    /// Same state, same input, same effects: replaying inputs replays the run.
    pub fn step(&mut self, input: Input, out: &mut Effects) {
        if matches!(self.standing, Standing::Stopped(_)) {
            return;
        }
        let outcome = match input {
            Input::Tick(now) => self.on_tick(now, out),
            Input::Message(verified) => {
                let (from, message) = verified.into_parts();
                self.on_message(from, message, out)
            }
            Input::Submit(item) => self.on_submit(item),
            Input::Read { reader, nonce } => self.on_read(reader, nonce),
            Input::Deadline(deadline) => {
                self.execution.set_deadline(deadline);
                Ok(())
            }
            Input::Executed(executed) => self.on_executed(executed, out),
        };
        if let Err(rejected) = outcome {
            out.push(Effect::Refused(rejected));
        }
        self.settle(out);
        invariants::check(self);
    }

    /// When the next [`Input::Tick`] is due, if nothing else happens before.
    pub fn next_wakeup(&self) -> Option<Ticks> {
        if matches!(self.standing, Standing::Stopped(_)) { None } else { self.wake }
    }

    fn on_tick(&mut self, now: Now, out: &mut Effects) -> Result<(), Rejected> {
        self.now = Now { ticks: now.ticks.max(self.now.ticks), wall: now.wall };
        self.ask_for_recall(out);
        Ok(())
    }

    fn on_message(&mut self, from: ReplicaId, message: Message, out: &mut Effects) -> Result<(), Rejected> {
        if let Some(peer) = self.peers.get_mut(from.index()) {
            peer.heard = Some(self.now.ticks);
        }
        match message {
            Message::PrePrepare { statement, content, certificates } => {
                self.on_pre_prepare(from, statement, content, certificates, out)
            }
            Message::Prepare { statement, pre_prepare } => self.on_prepare(statement, pre_prepare, out),
            Message::Commit(signed) => self.on_commit(signed, out),
            Message::Ack(signed) => self.on_ack(signed, out),
            Message::LaneCert(claimed) => self.on_lane_cert(claimed, out),
            Message::Checkpoint(signed) => self.on_checkpoint(signed, out),
            Message::StableCheckpoint(claimed) => self.on_stable_checkpoint(claimed, out),
            Message::Status { statement, body } => self.on_status(from, statement, body, out),
            Message::Half(signed) => self.on_half(signed, out),
            Message::Evidence(evidence) => self.on_evidence(evidence, out),
            Message::Bundle(bundle) => self.on_bundle(bundle, out),
            Message::Content { content, certificates } => self.on_content(content, certificates, out),
            Message::Decided { certificate, content } => self.on_decided(from, certificate, content, out),
            Message::ViewChange { statement, body } => self.on_view_change(statement, body, out),
            Message::NewView { statement, body } => self.on_new_view(statement, body, out),
            Message::Ask(wanted) => self.on_ask(from, wanted, out),
            Message::Recalled { incarnation, statements } => self.on_recalled(from, incarnation, statements, out),
        }
    }

    /// Does everything that has become possible, until nothing is left to do.
    fn settle(&mut self, out: &mut Effects) {
        loop {
            while let Some(message) = self.loopback.pop_front() {
                let message = Arc::unwrap_or_clone(message);
                if let Err(rejected) = self.on_message(self.me, message, out) {
                    out.push(Effect::Refused(rejected));
                }
            }
            if matches!(self.standing, Standing::Stopped(_)) {
                return;
            }
            self.wake = None;
            self.advance_lanes(out);
            self.make_bundles(out);
            self.advance_views(out);
            self.advance_slots(out);
            self.propose(out);
            self.execute(out);
            if self.loopback.is_empty() && self.touched_lanes.is_empty() {
                break;
            }
        }
        self.pursue(out);
        self.tell_status(out);
    }

    /// Sends to all, and takes it in like everyone.
    pub(crate) fn broadcast(&mut self, message: Message, out: &mut Effects) {
        let message = Arc::new(message);
        out.push(Effect::Broadcast(message.clone()));
        self.loopback.push_back(message);
    }

    /// Sends to one, who may be this replica.
    pub(crate) fn send(&mut self, to: ReplicaId, message: Message, out: &mut Effects) {
        if to == self.me {
            self.loopback.push_back(Arc::new(message));
        } else {
            out.send(to, message);
        }
    }

    /// Wants a tick at `ticks` or earlier.
    pub(crate) fn wake_at(&mut self, ticks: Ticks) {
        self.wake = Some(self.wake.map_or(ticks, |wake| wake.min(ticks)));
    }

    /// Wants a tick when the wall clock shows `wall`.
    pub(crate) fn wake_at_wall(&mut self, wall: crate::wire::ids::Time) {
        self.wake_at(self.now.ticks.after(wall.get().saturating_sub(self.now.wall.get())));
    }

    /// Whether this replica signs anything but Status (E7).
    pub(crate) fn may_sign(&self) -> bool {
        self.standing == Standing::Member && self.recall.is_done()
    }

    /// The view in which this replica votes; none while it changes (V3).
    pub(crate) fn active_view(&self) -> Option<View> {
        (!self.view.changing).then_some(self.view.number)
    }

    pub(crate) fn statement(&self, kind: Kind, view: View, seq: SeqNum, digest: Digest) -> Statement {
        Statement { group: self.committee.group(), epoch: self.committee.epoch(), kind, view, seq, digest }
    }

    /// Signs and writes into the table; the caller persists it before it leaves. None while nothing may be signed.
    ///
    /// What was signed before is returned as it was (E1).
    pub(crate) fn promise(&mut self, kind: Kind, view: View, seq: SeqNum, digest: Digest) -> Option<Signed> {
        if !self.may_sign() {
            return None;
        }
        let statement = self.statement(kind, view, seq, digest);
        if let Some(signed) = self.promises.get(kind, view, seq) {
            assert!(signed.statement == statement, "E1: {kind:?} at {view}, {seq} was signed for another digest");
            return Some(*signed);
        }
        if self.promises.is_pruned(&statement, self.me) {
            return None;
        }
        let signed = statement.sign(self.me, &*self.signer);
        self.promises.write(signed);
        Some(signed)
    }

    /// [`Self::promise`], persisted.
    pub(crate) fn sign(
        &mut self,
        kind: Kind,
        view: View,
        seq: SeqNum,
        digest: Digest,
        out: &mut Effects,
    ) -> Option<Signed> {
        let signed = self.promise(kind, view, seq, digest)?;
        out.persist(Record::Statement(signed));
        Some(signed)
    }

    /// A Status, which no table holds (E1).
    pub(crate) fn sign_status(&self, counter: SeqNum, digest: Digest) -> Signed {
        self.statement(Kind::Status, View::new(0), counter, digest).sign(self.me, &*self.signer)
    }

    /// The certificate of statements that were each verified.
    pub(crate) fn certify<'a>(&self, statements: impl IntoIterator<Item = &'a Signed>) -> Option<QuorumCert> {
        self.committee.assemble(statements)
    }

    /// Takes no further part, for this reason.
    pub(crate) fn stop(&mut self, broken: Broken, out: &mut Effects) {
        if matches!(self.standing, Standing::Stopped(_)) {
            return;
        }
        self.standing = Standing::of(broken.clone());
        out.persist(Record::Broken(broken.clone()));
        out.push(Effect::Broken(broken));
    }

    /// The highest stable checkpoint that this replica has executed.
    pub(crate) fn low(&self) -> SeqNum {
        self.checkpoints.low()
    }

    /// The highest executed slot.
    pub(crate) fn executed(&self) -> SeqNum {
        self.execution.point().seq
    }

    /// Whether votes for a slot are of use (N2).
    pub(crate) fn in_window(&self, seq: SeqNum) -> bool {
        self.low() < seq && seq <= self.low().plus(self.constants.window)
    }

    /// Whether a decision for a slot is kept: a replica that is behind keeps a window above what it has executed.
    pub(crate) fn in_reach(&self, seq: SeqNum) -> bool {
        self.low() < seq && seq <= self.executed().max(self.low()).plus(self.constants.window)
    }
}
