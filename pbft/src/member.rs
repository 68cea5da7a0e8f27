//! The member that a replica is: name, key, clocks, promises, and the way out.

use crate::effects::{Broken, Effect, Effects, Question, Record, Rejected, Wanted};
use crate::input::Now;
use crate::limits::Constants;
use crate::recovery::promises::Promises;
use crate::recovery::recall::Recall;
use crate::replica::ReplicaConfig;
use crate::wire::{
    Committee, Digest, Epoch, Kind, Message, Program, PublicKey, ReplicaId, SeqNum, Signed, Signer, Statement, Ticks,
    Time, Verify, View,
};
use alloc::collections::VecDeque;
use alloc::sync::Arc;

/// Whether a replica takes part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Votes, once its recall is done.
    Member,
    /// Its disk is older than its promises, or a copy: it follows and signs nothing but Status (E7).
    Follower(Broken),
    /// Stopped for good.
    Stopped(Broken),
}

impl Standing {
    pub(crate) fn of(broken: Broken) -> Self {
        if broken.is_of_key() { Self::Follower(broken) } else { Self::Stopped(broken) }
    }
}

/// The own part of a replica: all that signing, sending and waking need.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) me: ReplicaId,
    pub(crate) committee: Arc<Committee>,
    pub(crate) constants: Arc<Constants>,
    signer: Arc<dyn Signer>,
    verify: Arc<dyn Verify>,
    pub(crate) incarnation: u64,
    pub(crate) program: Program,
    pub(crate) now: Now,
    pub(crate) standing: Standing,
    pub(crate) promises: Promises,
    /// The last slot of the epoch, once it is known (M1).
    pub(crate) last: Option<SeqNum>,
    pub(crate) recall: Recall,
    /// Own messages on their way back in: they pass the same handlers as others'.
    pub(crate) loopback: VecDeque<Arc<Message>>,
    pub(crate) wake: Option<Ticks>,
    /// Effects of the step at work, in order.
    pub(crate) out: Effects,
}

impl Member {
    /// # Panics
    ///
    /// If `me` is not in the member list, or the signer's key is not its key: a wrong configuration.
    pub(crate) fn new(config: ReplicaConfig) -> Self {
        let ReplicaConfig { me, committee, constants, signer, verify, incarnation, die: _, program } = config;
        assert_eq!(committee.key(me), Some(&signer.public_key()), "replica {me} has another key in the member list");
        assert!(constants.window >= 2 * constants.checkpoint_period, "the window must outlive a checkpoint period");
        assert!(constants.window <= Constants::WINDOW_MAX, "a status speaks of one window");
        Self {
            me,
            signer,
            verify,
            incarnation,
            program,
            now: Now::default(),
            standing: Standing::Member,
            promises: Promises::new(committee.base()),
            last: None,
            recall: Recall::new(committee.quorum()),
            committee: Arc::new(committee),
            constants: Arc::new(constants),
            loopback: VecDeque::new(),
            wake: None,
            out: Effects::new(),
        }
    }

    /// Its key in the member list.
    pub(crate) fn key(&self) -> Option<&PublicKey> {
        self.committee.key(self.me)
    }

    /// Whether anything but Status is signed (E7).
    pub(crate) fn may_sign(&self) -> bool {
        self.standing == Standing::Member && self.recall.is_done()
    }

    pub(crate) fn is_stopped(&self) -> bool {
        matches!(self.standing, Standing::Stopped(_))
    }

    /// The other members, beginning after this one, so that not all ask the same.
    pub(crate) fn others(&self) -> impl Iterator<Item = ReplicaId> + use<> {
        let (n, me) = (self.committee.len(), self.me.index());
        (1..n).map(move |step| ReplicaId::new(((me + step) % n) as u16))
    }

    /// Sends to all, and takes it in like everyone.
    pub(crate) fn broadcast(&mut self, message: Message) {
        let message = Arc::new(message);
        self.out.push(Effect::Broadcast(message.clone()));
        self.loopback.push_back(message);
    }

    /// Sends to one, who may be this replica.
    pub(crate) fn send(&mut self, to: ReplicaId, message: Message) {
        if to == self.me {
            self.loopback.push_back(Arc::new(message));
        } else {
            self.out.send(to, message);
        }
    }

    /// M3: signatures of another epoch's members make nothing of this one.
    pub(crate) fn check_epoch(&self, from: ReplicaId, theirs: Epoch) -> Result<(), Rejected> {
        let ours = self.committee.epoch();
        if theirs == ours { Ok(()) } else { Err(Rejected::OtherEpoch { from, theirs, ours }) }
    }

    /// Whether a statement's signature fits: asked only of words that were let in unchecked, when it comes to matter.
    pub(crate) fn is_genuine(&self, signed: &Signed) -> bool {
        signed.is_valid(&self.committee, &*self.verify)
    }

    /// Asks a peer, in this epoch.
    pub(crate) fn ask(&mut self, peer: ReplicaId, wanted: Wanted) {
        self.out.send(peer, Message::Ask(Question { epoch: self.committee.epoch(), wanted }));
    }

    /// Wants a tick at `ticks` or earlier.
    pub(crate) fn wake_at(&mut self, ticks: Ticks) {
        self.wake = Some(self.wake.map_or(ticks, |wake| wake.min(ticks)));
    }

    /// Whether a time has come; if not, a tick is wanted then.
    pub(crate) fn is_due(&mut self, due: Ticks) -> bool {
        if due > self.now.ticks {
            self.wake_at(due);
        }
        due <= self.now.ticks
    }

    /// The same by the wall clock.
    pub(crate) fn is_due_by_wall(&mut self, due: Time) -> bool {
        self.is_due(self.now.ticks.after(due.get().saturating_sub(self.now.wall.get())))
    }

    /// Old enough for what was sent then to have been lost.
    pub(crate) fn is_old(&self, since: Ticks) -> bool {
        self.now.ticks.since(since) >= self.constants.status_period_ms
    }

    fn statement(&self, kind: Kind, view: View, seq: SeqNum, digest: Digest) -> Statement {
        Statement { group: self.committee.group(), epoch: self.committee.epoch(), kind, view, seq, digest }
    }

    /// Signs and writes into the table; the caller persists it before it leaves. None while nothing may be signed.
    ///
    /// A statement signed before is returned as it was (E1).
    pub(crate) fn promise(&mut self, kind: Kind, view: View, seq: SeqNum, digest: Digest) -> Option<Signed> {
        if !self.may_sign() {
            return None;
        }
        let statement = self.statement(kind, view, seq, digest);
        if let Some(signed) = self.promises.get(kind, view, seq) {
            assert!(signed.statement == statement, "I1: {kind:?} at {view}, {seq} was signed for another digest");
            return Some(*signed);
        }
        if self.promises.is_pruned(&statement, self.me) {
            return None;
        }
        self.check_promise(&statement);
        let signed = statement.sign(self.me, &*self.signer);
        self.promises.write(signed);
        Some(signed)
    }

    /// Invariants of a new promise, whichever rule makes it: the last look before the signature.
    fn check_promise(&self, said: &Statement) {
        let Statement { kind, view, seq, .. } = *said;
        let asked = self.promises.highest_view(Kind::ViewChange);
        let last = self.promises.highest(kind, view).map(|row| row.statement.seq);
        match kind {
            Kind::ViewChange => {
                assert!(asked.is_none_or(|asked| asked < view), "I10: {view} asked for after {asked:?}")
            }
            Kind::Ack => assert!(last.is_none_or(|last| last < seq), "I24: Ack of {seq} after one of {last:?}"),
            Kind::Bundle => assert!(last.is_none_or(|last| last.next() == seq), "I24: bundle {seq} after {last:?}"),
            Kind::PrePrepare | Kind::NewView => {
                assert!(self.committee.primary(view) == self.me, "I25: {kind:?} in {view}, of another primary");
            }
            _ => (),
        }
        let beyond = kind.is_vote() && self.last.is_some_and(|last| seq > last);
        assert!(!beyond, "I33: {kind:?} for {seq}, above the end of the epoch at {:?}", self.last);
        let passed = kind.is_vote() && asked.is_some_and(|asked| view < asked);
        assert!(!passed, "I26: {kind:?} in {view} after asking for {asked:?}");
    }

    /// [`Self::promise`], persisted.
    pub(crate) fn sign(&mut self, kind: Kind, view: View, seq: SeqNum, digest: Digest) -> Option<Signed> {
        let signed = self.promise(kind, view, seq, digest)?;
        self.out.persist(Record::Statement(signed));
        Some(signed)
    }

    /// A Status, which no table holds (E1).
    pub(crate) fn sign_status(&self, counter: SeqNum, digest: Digest) -> Signed {
        self.statement(Kind::Status, View::new(0), counter, digest).sign(self.me, &*self.signer)
    }

    /// A statement in the own name that came with something stored. If another one was signed here for its place, the
    /// key is in use elsewhere: what the group decided in the own name is on the disk beside the own word (E7).
    pub(crate) fn resume_promise(&mut self, signed: Signed) {
        let said = &signed.statement;
        match self.promises.get(said.kind, said.view, said.seq) {
            Some(row) if row.statement != *said => {
                self.standing = Standing::Follower(Broken::OlderThanPromises(signed));
            }
            _ => self.promises.write(signed),
        }
    }

    /// E7: an own statement that is not on the disk says that the disk is older than its promises.
    pub(crate) fn meet_own(&mut self, signed: &Signed) {
        let statement = &signed.statement;
        let known = statement.kind == Kind::Status
            || self.promises.holds(statement)
            || self.promises.is_pruned(statement, self.me)
            || self.standing != Standing::Member;
        if !known {
            self.stop(Broken::OlderThanPromises(*signed));
        }
    }

    /// Takes no further part, for this reason.
    pub(crate) fn stop(&mut self, broken: Broken) {
        if self.is_stopped() {
            return;
        }
        self.standing = Standing::of(broken.clone());
        self.out.persist(Record::Broken(broken.clone()));
        self.out.push(Effect::Broken(broken));
    }
}
