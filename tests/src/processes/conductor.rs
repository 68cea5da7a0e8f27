//! Does one fault after the other to the group, and measures how long it is felt.

use super::clients::{AUTHORS, Load};
use super::faults::Fault;
use super::group::{Group, REPLICAS, node};
use super::summary::Episode;
use crate::dice::Dice;
use quorate_client::api::{Mode, Status};
use quorate_client::http::Client;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Time that a fault lasts.
const HOLD: Duration = Duration::from_secs(5);

/// Calm before the next one.
const REST: Duration = Duration::from_secs(1);

/// Within this time after a fault that leaves a quorum a write that was called after it is confirmed: ten base time-outs,
/// for several view changes on a machine whose cores have other work too.
const RESUME_LIMIT: Duration = Duration::from_secs(10);

/// Within this time after the end of a fault every replica has caught up, can vote and has confirmed a new write: TCP's
/// pauses between tries grow as long as a cut lasts, and the machine's cores have other work too.
const RECOVER_LIMIT: Duration = Duration::from_secs(20);

/// Time that the group may take until each replica can vote for the first time.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Time that a question about the group may take.
const ANSWER_LIMIT: Duration = Duration::from_millis(500);

/// Between two looks at something that is waited for.
const LOOK: Duration = Duration::from_millis(25);

/// Why a run ends before its time.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// SIGINT or SIGTERM.
    #[error("interrupted")]
    Interrupted,
    /// Run that can be judged no further.
    #[error("{0}")]
    Broken(String),
}

impl From<String> for Halt {
    fn from(what: String) -> Self {
        Self::Broken(what)
    }
}

impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

/// The group under load, and whoever troubles it.
pub struct Conductor {
    /// Ends before the group: its tasks stand in the clients' place.
    pub runtime: Runtime,
    /// Its authors.
    pub load: Load,
    /// Group under trouble.
    pub group: Group,
    /// Failures so far.
    pub failures: Vec<String>,
    pub(super) dice: Dice,
    interrupted: Arc<AtomicBool>,
}

impl Conductor {
    /// Starts the group, waits until all of it can vote, and sets the authors to work.
    ///
    /// Moves the calling thread to the clients' place. The replicas die with it.
    pub fn start(
        program: &Path,
        folder: &Path,
        dice: &Dice,
        interrupted: Arc<AtomicBool>,
    ) -> Result<Self, super::group::GroupError> {
        use super::group::GroupError::Broken;
        let mut group = Group::make(program, folder, AUTHORS, dice.fork(1))?;
        group.enter_clients().map_err(|error| Broken(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(|error| Broken(error.to_string()))?;
        for number in 0..REPLICAS {
            group.start(number).map_err(Broken)?;
        }
        let load = Load::start(runtime.handle(), &group, dice).map_err(|error| Broken(error.to_string()))?;
        Ok(Self { runtime, load, group, failures: Vec::new(), dice: dice.fork(2), interrupted })
    }

    /// Waits until the whole group can vote and has confirmed writes.
    pub fn await_start(&mut self) -> Result<(), Halt> {
        match self.until_recovered(Duration::ZERO, START_LIMIT)? {
            Some(_) => self.pause(REST),
            None => Err(Halt::Broken(format!("the group did not begin within {} s", START_LIMIT.as_secs()))),
        }
    }

    /// Plays a fault from its beginning until no client feels it any more.
    pub fn episode(&mut self, fault: Fault) -> Result<Episode, Halt> {
        let (view, primary) = self.primary()?;
        let mut episode = Episode::new(fault, fault.victim(primary, REPLICAS), view);
        let (begun, deadline) = (self.load.shared.history.now(), Instant::now() + HOLD);
        self.begin(fault, primary, &mut episode)?;
        if fault.leaves_a_quorum() {
            let resumed = self.until(RESUME_LIMIT, |conductor| {
                (0..REPLICAS).any(|replica| conductor.has_confirmed(replica, begun)).then_some(())
            })?;
            episode.resumed_ms = resumed.map(|()| self.since(begun));
            self.expect(resumed.is_some(), || format!("{fault}: nothing was confirmed within {RESUME_LIMIT:?}"));
        }
        self.pause(deadline.saturating_duration_since(Instant::now()))?;
        self.end(fault, primary)?;
        let ended = self.load.shared.history.now();
        let recovered = self.until_recovered(ended, RECOVER_LIMIT)?;
        episode.recovered_ms = recovered.map(|()| self.since(ended));
        if recovered.is_none() {
            let words = self.standing();
            self.failures.push(format!("{fault}: not all are back within {RECOVER_LIMIT:?}: {words}"));
        }
        episode.view_after = self.primary()?.0;
        self.pause(REST)?;
        Ok(episode)
    }

    /// Waits until every replica can vote, is not behind, and has confirmed a write that was called after `since`.
    fn until_recovered(&mut self, since: Duration, limit: Duration) -> Result<Option<()>, Halt> {
        let goal = (0..REPLICAS).filter_map(|number| self.status(number)).map(|status| status.executed_seq).max();
        self.until(limit, |conductor| {
            let fresh = |number| conductor.has_confirmed(number, since);
            let stands = |status: Status| status.mode == Mode::Active && Some(status.executed_seq) >= goal;
            let all = (0..REPLICAS).all(|number| fresh(number) && conductor.status(number).is_some_and(stands));
            all.then_some(())
        })
    }

    fn has_confirmed(&self, replica: usize, since: Duration) -> bool {
        self.load.shared.newest_confirmed(replica).is_some_and(|called| called > since)
    }

    fn since(&self, moment: Duration) -> u64 {
        (self.load.shared.history.now() - moment).as_millis() as u64
    }

    /// The view that most replicas are in, and its primary: one that hears nobody may ask for a later one alone.
    fn primary(&mut self) -> Result<(u64, usize), Halt> {
        let mut views: BTreeMap<(u64, usize), usize> = BTreeMap::new();
        for status in (0..REPLICAS).filter_map(|number| self.status(number)) {
            let primary = status.primary.map(|primary| (status.view, primary.into()));
            primary.into_iter().for_each(|found| *views.entry(found).or_default() += 1);
        }
        let most = views.into_iter().max_by_key(|(_, replicas)| *replicas);
        most.map(|(found, _)| found).ok_or_else(|| Halt::Broken("no replica answers".to_owned()))
    }

    /// Status that a replica reports, if it answers at once.
    fn status(&self, number: usize) -> Option<Status> {
        let client = Client::new(&node(number), ANSWER_LIMIT).ok()?;
        self.runtime.block_on(client.status()).ok()
    }

    /// Positions of the replicas, in words.
    fn standing(&mut self) -> String {
        let word = |number: usize| match (self.group.lost(number), self.status(number)) {
            (Some(lost), _) => format!("{lost}: {}", self.group.last_words(number)),
            (None, None) => format!("replica {number} is silent"),
            (None, Some(status)) => format!(
                "replica {number} is {} in view {}, executed {}, {}",
                status.mode, status.view, status.executed_seq, status.why
            ),
        };
        (0..REPLICAS).map(word).collect::<Vec<_>>().join("; ")
    }

    fn expect(&mut self, fine: bool, otherwise: impl FnOnce() -> String) {
        if !fine {
            self.failures.push(otherwise());
        }
    }

    /// Waits for something, at most so long; none if it did not come.
    pub(super) fn until<T>(
        &mut self,
        limit: Duration,
        mut look: impl FnMut(&mut Self) -> Option<T>,
    ) -> Result<Option<T>, Halt> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(found) = look(self) {
                return Ok(Some(found));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            self.pause(LOOK)?;
        }
    }

    /// Sleeps, unless somebody wants an end.
    pub(super) fn pause(&self, time: Duration) -> Result<(), Halt> {
        let deadline = Instant::now() + time;
        while !self.interrupted.load(Ordering::Relaxed) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(LOOK));
        }
        Err(Halt::Interrupted)
    }
}
