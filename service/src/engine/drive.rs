//! The engine: a round from its first step to its commit.

use super::core::Core;
use super::dues::Dues;
use super::epochs::{Epochs, Identity};
use super::error::EngineError;
use super::folding::Folding;
use super::held::Held;
use super::history::History;
use super::mempool::Mempool;
use super::moment::Moment;
use super::pruning::Pruning;
use super::published::Published;
use super::replay::{self, Opened};
use super::report::{Report, Reporter};
use super::roots::Roots;
use super::round::{Mark, Notice, Outgoing, Request, Round};
use super::supplies::Supplies;
use super::waiting::Waiting;
use quorate_ledger::{Genesis, Ledger, StoreError};
use quorate_pbft::{
    Broken, BundleHeader, Committee, Constants, Decided, Digest, Effect, Effects, Executed, Input, Message, Now,
    PayloadCheck, Question, QuorumCert, ReaderId, Record, Recovered, Rejected, ReplicaId, SeqNum, Signer, Ticks, Time,
    Tip, Verify,
};
use quorate_storage::{Batch, Db, Fold, Pulse, Room, SupplyLimits};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Slots executed before a commit: while catching up, thousands wait, and nobody shall wait for all of them.
const SLOTS_PER_ROUND_MAX: usize = 64;
/// Milliseconds between two looks whether a fold has ended that execution waits for.
const FOLD_LOOK_MS: u64 = 20;
/// Milliseconds between two rounds that forget history for want of room.
const PRUNE_EVERY_MS: u64 = 20;
/// Bytes of bundles executed before a commit: what one commit to a slow disk writes in a fraction of a second.
const EXECUTED_BYTES_PER_ROUND_MAX: u64 = 16 << 20;

/// Identity and configuration of a replica.
pub struct Setup {
    /// Genesis of the group.
    pub genesis: Arc<Genesis>,
    /// Signs with its key.
    pub signer: Arc<dyn Signer>,
    /// Checks signatures.
    pub verify: Arc<dyn Verify>,
    /// Drawn at random at each start (E1, E7).
    pub incarnation: u64,
    /// Drawn at random at each start, told to nobody (E2).
    pub die: u64,
    /// History that this node keeps.
    pub history: History,
}

/// Replica with core, ledger and disk.
pub struct Engine {
    pub(super) db: Db,
    pub(super) core: Core,
    pub(super) epochs: Epochs,
    pub(super) ledger: Ledger,
    pub(super) mempool: Arc<Mutex<Mempool>>,
    pub(super) constants: Constants,
    /// Milliseconds by a clock of this replica alone, which never goes back: for pauses that concern nobody else.
    pub(super) own_clock: Time,
    /// The own clock as people read it: only for whether something is long past.
    pub(super) wall: Time,
    /// The earliest deadline on disk, until the core was told (T3); later ones come with what is executed.
    awaited: Option<Time>,
    effects: Effects,
    /// Slots that the core has handed out and that wait for the next round.
    deferred: VecDeque<Arc<Decided>>,
    pub(super) nonces: BTreeMap<ReaderId, Digest>,
    held: Held,
    moment: Arc<Moment>,
    pub(super) reporter: Reporter,
    pub(super) roots: Roots,
    /// Verdicts of slots that were executed again at the start, for the first round.
    replayed: Vec<Notice>,
    folding: Folding,
    pub(super) pruning: Pruning,
    /// The oldest slot that the disk can hand out.
    pub(super) oldest: SeqNum,
    pub(super) dues: Dues,
    /// Own analyses that wait.
    pub(super) analyses: Waiting,
    supplies: Supplies,
    /// Envelopes that need no place on the own lane any more, until the core hears of it.
    pub(super) withdrawn: BTreeSet<Vec<u8>>,
    pub(super) broken: Option<Broken>,
    /// Whether changes could be ordered when the last round ended.
    pub(super) could_order: bool,
}

/// A round in the making.
pub(super) struct Work {
    pub(super) batch: Batch,
    pub(super) round: Round,
    pub(super) executed_bytes: u64,
    /// The last slot executed is a checkpoint: the state after it is wanted as it is.
    pub(super) at_checkpoint: bool,
    /// Bundles that went into the core before it needed them, and who handed each over.
    pub(super) handed: Vec<(ReplicaId, BundleHeader)>,
    /// Bundles that the core keeps, as they are on the certified chain or hang on what it keeps.
    pub(super) stored: BTreeSet<(ReplicaId, Tip)>,
    /// Memory is full of what is being folded.
    waits_for_fold: bool,
    supplies: Vec<(Arc<Committee>, ReplicaId, Question)>,
    certificates: Vec<QuorumCert>,
}

impl Engine {
    /// Opens what the disk of a replica holds: it votes in the epochs of which it is a member, and follows in others. The
    /// database must have been made by `init`.
    pub fn open(setup: Setup, db: Db) -> Result<Self, EngineError> {
        let Setup { genesis, signer, verify, incarnation, die, history } = setup;
        Self::over(genesis, Some(Identity { signer, incarnation, die }), verify, db, history)
    }

    /// Opens what the disk of an observer holds; it keeps the whole history.
    pub fn observe(genesis: Arc<Genesis>, verify: Arc<dyn Verify>, db: Db) -> Result<Self, EngineError> {
        Self::over(genesis, None, verify, db, History::All)
    }

    /// The same, which checks every item that it executes as members do.
    pub fn checking(mut self, payload: Arc<dyn PayloadCheck>) -> Self {
        self.epochs.payload = Some(payload);
        if let Core::Observer(follower) = self.core {
            self.core = Core::Observer(Box::new(self.epochs.checking(*follower)));
        }
        self.reporter = Reporter::new(&self.core, self.broken.as_ref());
        self
    }

    fn over(
        genesis: Arc<Genesis>,
        identity: Option<Identity>,
        verify: Arc<dyn Verify>,
        db: Db,
        history: History,
    ) -> Result<Self, EngineError> {
        let Opened { ledger, snapshot, folded, roots, states, verdicts, opened } = replay::open(&db, &genesis)?;
        let constants = genesis.constants().clone();
        let (epochs, recovered) = Epochs::resume(identity, verify.clone(), (&ledger, &snapshot))?;
        let recovered = Recovered { states, ..recovered };
        let oldest = recovered.oldest;
        let mut held = Held::default();
        // The newest stable checkpoint may be the last one of the epoch before.
        let stable = recovered.stable.clone().and_then(|claimed| {
            let by = if claimed.epoch == ledger.voters().epoch() { ledger.voters() } else { &epochs.committee };
            by.check(claimed, &*verify).ok()
        });
        stable.into_iter().for_each(|certificate| held.stable(certificate));
        let limits = genesis.limits();
        let mut mempool = Mempool::new(limits.gap_max, limits.wait_ms);
        let awaited = ledger.view(&snapshot).next_deadline()?;
        let moment = Arc::new(Moment { ledger: ledger.clone(), snapshot: snapshot.apart() });
        held.hold(moment.clone());
        let (effects, deferred, nonces) = Default::default();
        let (recorded, bundles) = (recovered.broken.clone(), recovered.bundles.clone());
        let core = epochs.recover(recovered);
        let broken = core.broken(recorded);
        if let Some(replica) = core.member() {
            super::recall::recall(&mut mempool, &bundles, (&ledger, &moment.snapshot), replica.id())?;
        }
        super::recall::queued(&mut mempool, (&ledger, &snapshot))?;
        let mut batch = db.begin()?;
        let dropped = batch.drop_damaged_evidence(&snapshot)?;
        if dropped > 0 {
            tracing::error!(event = "evidence-damaged", dropped, "evidence cannot be read, and is dropped");
            batch.commit()?;
        }
        if core.member().is_none() {
            mempool.expire_all();
        }
        let reporter = Reporter::new(&core, broken.as_ref());
        let mut dues = Dues::default();
        opened.iter().for_each(|id| dues.begins(id, Time::default()));
        db.room().be_patient();
        Ok(Self {
            core,
            epochs,
            oldest,
            reporter,
            roots,
            replayed: verdicts,
            folding: Folding::default(),
            pruning: Pruning::new(history, folded),
            dues,
            analyses: Waiting::default(),
            supplies: Supplies::default(),
            withdrawn: BTreeSet::new(),
            mempool: Arc::new(Mutex::new(mempool)),
            broken,
            could_order: false,
            db,
            ledger,
            constants,
            own_clock: Time::default(),
            wall: Time::default(),
            awaited,
            effects,
            deferred,
            nonces,
            held,
            moment,
        })
    }

    /// Works off a round: time, then the requests in order, then one commit. Messages and notices in its result may
    /// leave.
    pub fn round(&mut self, now: Now, requests: Vec<Request>) -> Result<Round, EngineError> {
        let before = self.ledger.clone();
        let mut work = Work {
            batch: self.db.begin()?,
            round: Round { notices: std::mem::take(&mut self.replayed), ..Round::default() },
            executed_bytes: 0,
            at_checkpoint: false,
            handed: Vec::new(),
            stored: BTreeSet::new(),
            waits_for_fold: self.folding.is_behind(&self.db),
            supplies: Vec::new(),
            certificates: Vec::new(),
        };
        let outcome = self.work(now, requests, &mut work).and_then(|()| self.commit(work));
        if outcome.is_err() {
            self.ledger = before;
        }
        let round = outcome?;
        let is_waiting = self.mempool().has_orderable();
        self.reporter.observe(now, &self.core, (self.broken.as_ref(), is_waiting));
        Ok(round)
    }

    fn work(&mut self, now: Now, requests: Vec<Request>, work: &mut Work) -> Result<(), EngineError> {
        (self.own_clock, self.wall) = (Time::new(now.ticks.get()), now.wall);
        self.mempool().set_clock(now.wall);
        self.take_in(Input::Tick(now), work)?;
        if let Some(deadline) = self.awaited.take() {
            self.take_in(Input::Deadline(Some(deadline)), work)?;
        }
        if let Some(oldest) = self.pruning.take_oldest() {
            self.oldest = oldest;
            self.epochs.set_oldest(oldest);
            self.take_in(Input::Oldest(oldest), work)?;
        }
        while !work.is_full()
            && let Some(decided) = self.deferred.pop_front()
        {
            let executed = self.execute(&decided, work)?;
            self.take_in(Input::Executed(executed), work)?;
        }
        for request in requests {
            match request {
                Request::Message(message) => self.hear(message, work)?,
                Request::Holds { from, claims, leads } => {
                    self.core.take_claims(from, claims);
                    self.reporter.hears_of(claims.executed, self.core.executed());
                    if leads {
                        self.reporter.is_led(now);
                    }
                }
                Request::Leaves(other) => self.core.forget(other),
                Request::Submit { caller, envelope, queues } => self.submit(caller, envelope, queues, work)?,
                Request::Read { reader, nonce } => {
                    self.nonces.insert(reader, nonce);
                    self.take_in(Input::Read { reader, nonce }, work)?;
                }
                Request::Resign => self.take_in(Input::Resign, work)?,
            }
        }
        self.look_at_quorum(work)?;
        self.look_after_waiting(work)?;
        self.analyse_waiting(work)?;
        self.advance(work)?;
        self.charge_for_dropped(work);
        self.tell_of_the_end(work)
    }

    /// Hands an input to the core, which counts and decides once the round's inputs are all there.
    pub(super) fn take_in(&mut self, input: Input, work: &mut Work) -> Result<(), EngineError> {
        self.core.take_in(input, &mut self.effects);
        let executed = self.work_off_all(work)?;
        assert!(executed.is_empty(), "the core hands out slots when it advances");
        Ok(())
    }

    /// Lets the core do what the round's inputs have made possible, and works off all that it asks for, in order; into the
    /// next epoch, if this one ends.
    fn advance(&mut self, work: &mut Work) -> Result<(), EngineError> {
        loop {
            self.core.advance(&mut self.effects);
            let executed = self.work_off_all(work)?;
            let is_done = executed.is_empty();
            for outcome in executed {
                self.take_in(Input::Executed(outcome), work)?;
            }
            if !self.cross(work)? && is_done {
                return Ok(());
            }
        }
    }

    fn work_off_all(&mut self, work: &mut Work) -> Result<Vec<Executed>, EngineError> {
        let (effects, committee) = (self.effects.take(), self.epochs.committee.clone());
        let outcomes = effects.into_iter().map(|effect| self.work_off(effect, &committee, work));
        outcomes.filter_map(Result::transpose).collect()
    }

    /// Works off an effect of a core of this committee. The outcome, if it was to execute and there was room to.
    pub(super) fn work_off(
        &mut self,
        effect: Effect,
        committee: &Arc<Committee>,
        work: &mut Work,
    ) -> Result<Option<Executed>, EngineError> {
        let leave = |to, message| Outgoing { committee: committee.clone(), to, message };
        match effect {
            Effect::Persist(record) => {
                work.batch.record(&record)?;
                match record {
                    Record::Stable(certificate) => {
                        self.roots.stable(&mut work.batch, certificate.seq())?;
                        work.certificates.push(certificate);
                    }
                    Record::Broken(broken) => drop(self.broken.get_or_insert(broken)),
                    Record::Bundle(bundle) => drop(work.stored.insert((bundle.header.lane, bundle.header.tip()))),
                    _ => (),
                }
            }
            Effect::Send { to, message } => {
                if let Message::Ask(question) = &*message
                    && committee.epoch() == self.epochs.committee.epoch()
                {
                    self.dues.replies.ask(to, &question.wanted);
                }
                work.round.outbox.push(leave(Some(to), message));
            }
            Effect::Broadcast(message) => {
                if let Message::Status { body, .. } = &*message
                    && committee.epoch() == self.epochs.committee.epoch()
                {
                    self.dues.tell(committee.primary(body.view));
                }
                work.round.outbox.push(leave(None, message));
            }
            Effect::Execute(decided) if work.is_full() => self.deferred.push_back(decided),
            Effect::Execute(decided) => return Ok(Some(self.execute(&decided, work)?)),
            Effect::Supply { to, question } => work.supplies.push((committee.clone(), to, question)),
            Effect::ReadReady { readers, seq, position } => {
                let nonces = readers.iter().filter_map(|reader| self.nonces.remove(reader)).collect();
                let mark = Arc::new(Mark { seq, position, nonces });
                work.round.notices.push(Notice::ReadReady { readers, mark });
            }
            Effect::Refused(Rejected::Read { reader, why }) => {
                self.nonces.remove(&reader);
                work.round.notices.push(Notice::ReadRefused { reader, why });
            }
            Effect::EpochOver { certificate, next } => self.epochs.over = Some((certificate, next)),
            Effect::Accuse(evidence) => work.round.notices.push(Notice::Accused(evidence)),
            Effect::Refused(rejected) => work.round.notices.push(Notice::Refused(rejected)),
            Effect::Broken(broken) => {
                self.broken.get_or_insert_with(|| broken.clone());
                work.round.notices.push(Notice::Broken(broken));
            }
        }
        Ok(None)
    }

    /// Makes the round durable, then takes what may be known from it.
    fn commit(&mut self, work: Work) -> Result<Round, EngineError> {
        let Work { mut batch, mut round, at_checkpoint, supplies, certificates, .. } = work;
        self.mempool().take_unneeded().into_iter().for_each(|row| batch.unqueue(row));
        let (is_short, is_recovering) = (self.db.room().is_short(), self.core.is_recovering());
        if is_short || !is_recovering && !batch.is_empty() {
            let stable = self.core.stable().filter(|_| !is_recovering); // what is pruned counts as no loss (E7)
            let stable = stable.map_or(SeqNum::default(), QuorumCert::seq);
            let clock = (self.own_clock, is_short);
            self.pruning.prune(&mut batch, &mut self.ledger, (stable, &self.constants), clock)?;
            let damage = batch.damage().or_else(|| self.pruning.damage());
            damage.into_iter().for_each(|damage| self.reporter.note_damage(damage));
        }
        round.committed = !batch.is_empty();
        batch.commit()?;
        if round.slots > 0 {
            self.moment = self.next_moment()?;
        }
        if at_checkpoint {
            // The certificate may have come long before the slot: what waits for older ones makes room.
            self.core.newest_checkpoint().cloned().into_iter().for_each(|newest| self.held.stable(newest));
            self.held.hold(self.moment.clone());
        }
        for certificate in certificates {
            if certificate.seq() == self.moment.seq() {
                self.held.certify(self.moment.clone(), certificate.clone());
            }
            self.held.stable(certificate);
        }
        round.fold = self.fold(at_checkpoint)?;
        self.supply(supplies, &mut round)?;
        Ok(round)
    }

    /// Sets the state aside at a checkpoint; hands it out to be folded when a certified checkpoint covers it. Who catches
    /// up knows one far above what is executed.
    fn fold(&mut self, at_checkpoint: bool) -> Result<Option<Fold>, EngineError> {
        if let Some(folded) = self.folding.ended(&self.db) {
            self.pruning.folded(folded);
            self.db.unmerged().iter().for_each(|damage| self.reporter.note_damage(damage));
            self.renew()?;
            let near = self.ledger.executed().seq.get().saturating_add(self.constants.checkpoint_period);
            if self.core.newest_checkpoint().is_some_and(|newest| newest.seq().get() > near) {
                self.held.let_go_below(folded);
            }
        }
        let seq = self.ledger.executed().seq;
        let gives_space_back = self.db.gives_space_back();
        let has_forgotten = self.db.room().is_short() && self.pruning.has_forgotten();
        // Where nothing is executed, what is queued adds up all the same.
        let is_due = has_forgotten || gives_space_back || Folding::is_heavy(&self.db);
        if (at_checkpoint || is_due && self.roots.at(seq).is_some())
            && self.folding.at_checkpoint(&self.db, seq, self.own_clock)?
        {
            self.pruning.set_aside();
        }
        Ok(self.core.newest_checkpoint().and_then(|certified| self.folding.due(certified.seq())))
    }

    /// Lets readers go from the rows of before a fold, where no slot comes that would: they pin what was forgotten.
    fn renew(&mut self) -> Result<(), EngineError> {
        if self.db.room().is_short() && self.moment.seq() == self.ledger.executed().seq {
            self.moment = self.next_moment()?;
            self.held.renew(&self.moment);
        }
        Ok(())
    }

    /// The state as it is now; an error of a reader is the reader's alone.
    fn next_moment(&self) -> Result<Arc<Moment>, StoreError> {
        Ok(Arc::new(Moment { ledger: self.ledger.clone(), snapshot: self.db.snapshot()?.apart() }))
    }

    /// Answers peers from what is recorded (N9): certified, so that none of it rests on this disk. A row that cannot be
    /// read is not here; others have it. Questions beyond a peer's bytes are dropped.
    fn supply(
        &mut self,
        supplies: Vec<(Arc<Committee>, ReplicaId, Question)>,
        round: &mut Round,
    ) -> Result<(), EngineError> {
        if supplies.is_empty() {
            return Ok(());
        }
        let snapshot = self.db.snapshot()?.apart();
        for (committee, to, question) in supplies {
            let Some(peer) = committee.key(to).copied() else { continue };
            if !self.supplies.may_have(&peer, self.own_clock) {
                round.notices.push(Notice::Refused(Rejected::TooOften { from: to }));
                continue;
            }
            let answer = snapshot.supply(&question, SupplyLimits::default()).unwrap_or_else(|error| {
                self.reporter.note_damage(&error);
                Vec::new()
            });
            self.supplies.note(peer, answer.iter().map(weight).sum());
            let leave = |message| Outgoing { committee: committee.clone(), to: Some(to), message };
            round.outbox.extend(answer.into_iter().map(Arc::new).map(leave));
        }
        Ok(())
    }

    /// When the next round is due, if nothing comes before: at once while executed slots wait, soon while history is to
    /// be forgotten for want of room.
    pub fn next_wakeup(&self, now: Now) -> Option<Ticks> {
        let due = self.core.next_wakeup().into_iter().chain(self.next_telling()).min();
        match self.deferred.is_empty() {
            true if self.db.room().is_short() && (self.pruning.is_due() || self.db.gives_space_back()) => {
                let soon = now.ticks.after(PRUNE_EVERY_MS);
                Some(due.map_or(soon, |due| due.min(soon)))
            }
            true => due,
            false if self.folding.is_behind(&self.db) => Some(now.ticks.after(FOLD_LOOK_MS)),
            false => Some(now.ticks),
        }
    }

    /// Snapshot published to readers: the data of its slots is durable.
    pub fn published(&self) -> Published {
        let (base, first) = (self.epochs.committee.base(), self.ledger.genesis().founders().base());
        let report = self.reporter.report(&self.roots, &self.mempool(), base, first);
        let report = Report { oldest: self.oldest, ..report };
        let report = match self.ledger.unknown_rules() {
            Some(rules) => Reporter::before_rules(report, rules, self.epochs.over.is_some()),
            None => report,
        };
        Published { moment: self.moment.clone(), certified: self.held.certified().cloned(), report: Arc::new(report) }
    }

    /// Room on the disk, to share with the API.
    pub fn room(&self) -> Arc<Room> {
        self.db.room().clone()
    }

    /// Signs of life of the core's thread, to share with the API.
    pub fn pulse(&self) -> Arc<Pulse> {
        self.db.pulse().clone()
    }

    /// The mempool, to share with the API.
    pub fn shared_mempool(&self) -> Arc<Mutex<Mempool>> {
        self.mempool.clone()
    }

    /// The core, for questions.
    pub fn core(&self) -> &Core {
        &self.core
    }

    /// The state as executed: ahead of the disk while a round runs.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Why the replica takes no part any more, if it does not.
    pub fn broken(&self) -> Option<&Broken> {
        self.broken.as_ref()
    }

    pub(super) fn mempool(&self) -> MutexGuard<'_, Mempool> {
        self.mempool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn weight(message: &Message) -> usize {
    borsh::object_length(message).expect("counting in memory cannot fail")
}

impl Work {
    /// Whether execution waits for the next round: enough was done, or the state after a checkpoint is to be kept.
    fn is_full(&self) -> bool {
        let enough = self.round.slots >= SLOTS_PER_ROUND_MAX || self.executed_bytes >= EXECUTED_BYTES_PER_ROUND_MAX;
        enough || self.at_checkpoint || self.waits_for_fold
    }
}
