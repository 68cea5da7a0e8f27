//! Feeder: the thread of an observer that follows some domains alone.

use super::heard::Heard;
use super::members::Members;
use super::turn::Turn;
use crate::clock::now_ms;
use crate::engine::thread::{Folder, Surroundings};
use crate::engine::{Certified, Committees, EngineError, Mempool, Moment, Published, Report, Woken};
use crate::observing::wire::words;
use quorate_ledger::copy::{Errand, Fed, Feed, TakeError};
use quorate_ledger::proof::Checkpoint;
use quorate_ledger::{Genesis, Scope, Sweep};
use quorate_pbft::{PublicKey, Time};
use quorate_storage::{Batch, Db, Pulse, Room};
use std::io;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// Time between the beginnings of two differences, at least: members hand out the same state for as long.
const PACE_MIN: Duration = Duration::from_millis(250);
/// The same where differences take long: up to a third of the time is spent on them.
const PACE_MAX: Duration = Duration::from_secs(1);
const REST: u32 = 3;
/// Longest sleep without news.
const SLEEP_MAX: Duration = Duration::from_millis(500);
/// Time that a member has for an answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);
/// Time between two looks at what has come while an answer is awaited.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Bytes of answers after which a difference is folded, in the middle of an errand too: memory, and what is lost by a stop.
const FOLD_BYTES: usize = 16 << 20;
/// Time after which a whole state is folded: a stop loses what has come since, and it is asked for again.
const FOLD_EVERY: Duration = Duration::from_secs(10);
/// Bytes in memory after which a whole state is folded at once.
const HEAVY_BYTES: u64 = 4 << 20;
/// Time between two looks whether a fold has ended.
const FOLD_LOOK: Duration = Duration::from_millis(20);
/// Time between two sweeps for contents that no entry names any more.
const SWEEP_EVERY: Duration = Duration::from_secs(600);
/// Rows that a sweep looks at before it looks at the clock of others.
const SWEPT_ROWS: usize = 4_096;
/// Parts that a member may call changed while it was asked: one that always says so serves nothing.
const MOVED_MAX: u32 = 4_096;

/// Observer of some domains, with its disk.
pub(crate) struct Feeder {
    db: Db,
    genesis: Arc<Genesis>,
    feed: Feed,
    /// Rows of a difference that is not whole yet.
    batch: Option<Batch>,
    /// Bytes of answers in it.
    unfolded: usize,
    /// Bytes of answers since the last whole state.
    taken: u64,
    moment: Arc<Moment>,
    certified: Option<Certified>,
    /// Whether the disk holds a state that readers may see.
    is_whole: bool,
    /// Damage that keeps rows from being merged.
    damage: Option<String>,
    heard: Heard,
    members: Members,
    /// When the last difference began, or the last try failed.
    begun: Option<Instant>,
    /// Time from that to the next.
    pace: Duration,
    folded: Instant,
    /// Walk for contents without a name, of which one goes through a range at a time.
    sweep: Sweep,
    /// When it was through all ranges.
    swept: Instant,
}

/// Outcome of what a member was asked for.
enum Brought {
    All,
    Nothing(String),
}

impl Feeder {
    /// Takes up what a database holds of these domains.
    pub(crate) fn open(db: Db, genesis: Arc<Genesis>, scope: &Scope) -> Result<Self, EngineError> {
        let mut batch = db.begin()?;
        let (feed, fed) = Feed::open(&mut batch, &genesis, scope)?;
        batch.commit()?;
        db.fold()?;
        let (is_whole, snapshot, now) = (fed.is_some(), db.snapshot()?.apart(), Instant::now());
        let fed =
            fed.map_or_else(|| Ok(Fed { ledger: feed.before_all()?, certificate: None }), Ok::<_, EngineError>)?;
        let moment = Arc::new(Moment { ledger: fed.ledger, snapshot });
        let certified =
            fed.certificate.map(|certificate| Certified { moment: moment.clone(), certificate: Arc::new(certificate) });
        db.room().be_patient();
        let (batch, heard, members, begun, sweep) = Default::default();
        let damage = db.unmerged().map(|damage| damage.to_string());
        let (unfolded, taken, folded, swept) = (0, 0, now, now);
        Ok(Self {
            db,
            genesis,
            feed,
            batch,
            unfolded,
            taken,
            moment,
            certified,
            is_whole,
            damage,
            heard,
            members,
            begun,
            pace: PACE_MIN,
            folded,
            sweep,
            swept,
        })
    }

    /// Snapshot published to readers.
    pub(crate) fn published(&self) -> Published {
        let growing = (!self.is_whole).then(|| {
            let mebibytes = self.taken >> 20;
            format!("the state of its domains is still on its way: {mebibytes} MiB have come since the start")
        });
        let (committees, clocks) = (self.committees(), (Instant::now(), Time::new(now_ms())));
        let known = (self.certified.is_some(), growing);
        let report = self.heard.report(&self.moment, committees.current(), known, clocks);
        let report = Report { damage: self.damage.clone(), ..report };
        Published { moment: self.moment.clone(), certified: self.certified.clone(), report: Arc::new(report) }
    }

    /// A mempool to share with the API: no envelope ever waits in it.
    pub(crate) fn shared_mempool(&self) -> Arc<Mutex<Mempool>> {
        let limits = self.genesis.limits();
        Arc::new(Mutex::new(Mempool::new(limits.gap_max, limits.wait_ms)))
    }

    /// Room on the disk, to share with the API.
    pub(crate) fn room(&self) -> Arc<Room> {
        self.db.room().clone()
    }

    /// Signs of life of its thread, to share with the API.
    pub(crate) fn pulse(&self) -> Arc<Pulse> {
        self.db.pulse().clone()
    }

    /// Member lists by which words count: of the epoch that the state is in, and the next once it is known.
    pub(crate) fn committees(&self) -> Committees {
        let ledger = &self.moment.ledger;
        let (voters, next) = (Arc::new(ledger.voters().clone()), ledger.next_voters().cloned().map(Arc::new));
        match next {
            Some(next) if ledger.executed().is_last() => Committees::new(next, vec![voters]),
            next => Committees::new(voters, next.into_iter().collect()),
        }
    }

    /// Starts the thread. The thread ends when the inbox is closed, or with the error that stops the observer.
    pub(crate) fn run(self, around: Surroundings) -> io::Result<JoinHandle<Result<(), EngineError>>> {
        let handle = Handle::current();
        thread::Builder::new().name("core".to_owned()).spawn(move || {
            let inbox = around.inbox.clone();
            let outcome = self.work(&around, &handle);
            inbox.close();
            outcome
        })
    }

    fn work(mut self, around: &Surroundings, handle: &Handle) -> Result<(), EngineError> {
        while self.look(around, self.patience()) {
            if self.is_due(Instant::now()) {
                let begun = Instant::now();
                self.begun = Some(begun);
                self.go_on(around, handle)?;
                self.pace = (begun.elapsed() * REST).clamp(PACE_MIN, PACE_MAX);
            }
            if self.is_whole && self.batch.is_none() && self.swept.elapsed() >= SWEEP_EVERY {
                self.sweep(around)?;
            }
            self.publish(around);
        }
        if self.batch.is_none() {
            self.db.fold()?;
        }
        Ok(())
    }

    /// Takes in what has come; false once the observer is to stop.
    fn look(&mut self, around: &Surroundings, patience: Duration) -> bool {
        let Woken::Round(requests) = around.inbox.round(patience) else { return false };
        let committees = self.committees();
        self.heard.take(requests, committees.current(), (Instant::now(), Time::new(now_ms())));
        true
    }

    fn is_due(&self, now: Instant) -> bool {
        let is_wanted = self.batch.is_some() || self.heard.newest() > self.moment.seq();
        is_wanted && self.begun.is_none_or(|begun| now.duration_since(begun) >= self.pace)
    }

    fn patience(&self) -> Duration {
        let due = self.begun.map_or(SLEEP_MAX, |begun| (begun + self.pace).saturating_duration_since(Instant::now()));
        due.clamp(Duration::from_millis(1), SLEEP_MAX)
    }

    /// Asks one member after the other until the newest state is here.
    fn go_on(&mut self, around: &Surroundings, handle: &Handle) -> Result<(), EngineError> {
        let serving = around.membership.relay.serving();
        for member in self.members.in_turn(&serving, Instant::now()) {
            match self.take_from(member, around, handle)? {
                Brought::All => return Ok(()),
                Brought::Nothing(why) => {
                    tracing::info!(event = "member-of-no-use", %member, why, "the next member is asked for the state");
                }
            }
        }
        Ok(())
    }

    /// Takes the difference to a certified state from one member.
    fn take_from(&mut self, member: PublicKey, around: &Surroundings, handle: &Handle) -> Result<Brought, EngineError> {
        let mut batch = match self.batch.take() {
            Some(batch) => batch,
            None => {
                let mut batch = self.db.begin()?;
                self.feed.begin(&mut batch)?;
                batch
            }
        };
        let mut turn = Turn::new(Instant::now(), self.feed.passes(), self.heard.overdue());
        let (mut pass, mut begun) = (0, None);
        loop {
            let next = begun.take().map_or_else(|| self.feed.next(&batch), |errand| Ok(Ok(errand)))?;
            let mut errand = match next {
                Ok(errand) => errand,
                Err(checkpoint) => {
                    let short = turn.falls_short(checkpoint.head().seq);
                    self.settle(batch, &checkpoint, around)?;
                    return Ok(short.map_or_else(|| self.answered(member), Brought::Nothing));
                }
            };
            let is_first = std::mem::replace(&mut pass, self.feed.passes()) != self.feed.passes();
            let brought = self.bring(&mut errand, &mut batch, (member, is_first, &mut turn), (around, handle))?;
            if let Brought::Nothing(_) = brought {
                self.feed.give_back(errand);
                self.batch = Some(batch);
                return Ok(brought);
            }
            match errand.ask() {
                Some(_) => begun = Some(errand), // contents are proved by themselves: what it has brought may stay
                None => self.feed.install(errand, &mut batch)?,
            }
            if self.unfolded >= FOLD_BYTES {
                batch.commit()?;
                self.fold(around)?;
                batch = self.db.begin()?;
            }
        }
    }

    fn answered(&mut self, member: PublicKey) -> Brought {
        self.members.answered(member);
        Brought::All
    }

    /// Asks a member for all that an errand needs, or for as much as is folded at once; the first question of a pass is
    /// about the newest state.
    fn bring(
        &mut self,
        errand: &mut Errand,
        batch: &mut Batch,
        (member, mut is_first, turn): (PublicKey, bool, &mut Turn),
        (around, handle): (&Surroundings, &Handle),
    ) -> Result<Brought, EngineError> {
        while let Some(ask) = errand.ask() {
            if let Some(why) = turn.is_over(self.feed.passes(), Instant::now()) {
                return Ok(Brought::Nothing(why));
            }
            let at = self.feed.shown().filter(|_| !std::mem::take(&mut is_first));
            let relay = &around.membership.relay;
            let mut asking = Box::pin(relay.state(member, at, ask.encode()));
            let asked_at = Instant::now();
            let answer = loop {
                let looked = handle.block_on(async { timeout(LOOK_EVERY, &mut asking).await });
                if !self.look(around, Duration::ZERO) {
                    return Ok(Brought::Nothing("the observer is stopping".to_owned()));
                }
                self.publish(around);
                match looked {
                    Ok(answer) => break answer,
                    Err(_) if asked_at.elapsed() > ANSWERS_WITHIN => break None,
                    Err(_) => (),
                }
            };
            let answer = match answer {
                Some(Ok(answer)) => answer,
                Some(Err(why)) => return Ok(Brought::Nothing(words(&why))),
                None => return Ok(Brought::Nothing("it does not answer".to_owned())),
            };
            match self.feed.take(errand, batch, &answer) {
                Ok(()) => {
                    turn.took(answer.len());
                    (self.unfolded, self.taken) = (self.unfolded + answer.len(), self.taken + answer.len() as u64)
                }
                Err(TakeError::Store(error)) => return Err(error.into()),
                Err(TakeError::Refused(why)) => {
                    if why.is_lie() {
                        self.members.shun(member, &why, Instant::now());
                    }
                    return Ok(Brought::Nothing(why.to_string()));
                }
            }
            if errand.moved() > MOVED_MAX {
                return Ok(Brought::Nothing("its state moves on faster than it can be taken".to_owned()));
            }
            if self.unfolded >= FOLD_BYTES {
                break;
            }
        }
        Ok(Brought::All)
    }

    /// Shows readers the state that is here whole.
    fn settle(&mut self, mut batch: Batch, checkpoint: &Checkpoint, around: &Surroundings) -> Result<(), EngineError> {
        let epoch = self.moment.ledger.executed().epoch;
        let Fed { ledger, certificate } = self.feed.finish(&mut batch, checkpoint)?;
        batch.commit()?;
        let moment = Arc::new(Moment { ledger, snapshot: self.db.snapshot()?.apart() });
        self.certified =
            certificate.map(|certificate| Certified { moment: moment.clone(), certificate: Arc::new(certificate) });
        (self.moment, self.is_whole, self.taken) = (moment, true, 0);
        if self.moment.ledger.executed().epoch != epoch {
            self.heard.forget();
        }
        if self.folded.elapsed() >= FOLD_EVERY || self.db.unfolded_bytes() >= HEAVY_BYTES {
            self.fold(around)?;
        }
        Ok(())
    }

    /// Folds on a thread of its own, and takes in what comes meanwhile: the merges behind a fold may take long.
    fn fold(&mut self, around: &Surroundings) -> Result<(), EngineError> {
        (self.unfolded, self.folded) = (0, Instant::now());
        let mut folder = Folder::default();
        self.db.freeze()?.map_or(Ok(()), |fold| folder.begin(fold))?;
        while folder.is_at_work() && self.look(around, FOLD_LOOK) {
            self.publish(around);
        }
        drop(folder); // a stop waits for its end
        self.db.failure().map_or(Ok(()), Err)?; // its thread has told of it
        self.damage = self.db.unmerged().map(|damage| damage.to_string()).or(self.damage.take());
        if self.certified.is_none() {
            // Readers wait for the first whole state: one of before it would keep the pages that folds on the way free.
            let (ledger, snapshot) = (self.moment.ledger.clone(), self.db.snapshot()?.apart());
            (self.moment, self.is_whole) = (Arc::new(Moment { ledger, snapshot }), false);
        }
        Ok(())
    }

    /// Drops contents that no entry names any more, and rows beyond the horizon. What comes meanwhile is taken in.
    fn sweep(&mut self, around: &Surroundings) -> Result<(), EngineError> {
        let mut ledger = self.moment.ledger.clone();
        let mut batch = self.db.begin()?;
        let oldest = self.moment.seq().next();
        while !ledger.forget(&mut batch, &mut self.sweep, oldest, SWEPT_ROWS)? {
            if !self.look(around, Duration::ZERO) {
                return Ok(());
            }
            self.publish(around);
        }
        batch.commit()?;
        if self.sweep.is_anew() {
            self.swept = Instant::now();
        }
        Ok(())
    }

    fn publish(&self, around: &Surroundings) {
        let published = self.published();
        let committees = self.committees();
        if committees != around.membership.checker.committees() {
            around.membership.follow(&committees, &published.moment);
        }
        around.metrics.observe(&published);
        around.pulse.beat();
        around.published.send_if_modified(|now| {
            let has_changed = !now.says_the_same(&published);
            if has_changed {
                *now = published;
            }
            has_changed
        });
    }
}

#[cfg(test)]
mod tests;
