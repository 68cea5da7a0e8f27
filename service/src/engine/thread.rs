//! The one thread that owns the core: takes what came, runs a round, lets out what the round allows.

use super::drive::Engine;
use super::error::EngineError;
use super::inbox::{Inbox, Woken};
use super::published::Published;
use super::reception::Reception;
use super::report::Report;
use super::round::{Notice, Outgoing, Round};
use crate::api::AuthorPace;
use crate::clock::now_ms;
use crate::health::Outages;
use crate::membership::Membership;
use crate::metrics::{Kind, Metrics, reason_name, state_name};
use quorate_client::api::Healing;
use quorate_ledger::{Receipt, StoreError};
use quorate_pbft::{Certified, Now, Ticks, Time};
use quorate_storage::{Fold, Pulse};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{io, mem};
use tokio::sync::watch;
use tracing::field::display;

/// Name of the thread.
const NAME: &str = "core";
/// Longest sleep without news: the report says who was heard in the last 2 s.
const SLEEP_MAX: Duration = Duration::from_millis(500);

/// Lateness of a replica that lacks nothing which others have: it executes at once, and more than that is the clock's.
const LATE_MAX: Duration = Duration::from_secs(60);

/// Connections of the thread to the world.
pub struct Surroundings {
    /// Source of requests.
    pub inbox: Arc<Inbox>,
    /// Callers to be told.
    pub reception: Arc<Reception>,
    /// Snapshot for readers.
    pub published: watch::Sender<Published>,
    /// Outages, for readers.
    pub outages: watch::Sender<Outages>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Signs of life of the thread.
    pub pulse: Arc<Pulse>,
    /// Pace of authors, who pay for the work that their envelopes made; none where authors have none.
    pub author_pace: Option<Arc<AuthorPace>>,
    /// Digests that the core knows certified, for the pool.
    pub certified: Arc<RwLock<Arc<Certified>>>,
    /// Told when other member lists count.
    pub membership: Arc<Membership>,
    /// Lets messages out.
    pub send: Box<dyn FnMut(Outgoing) + Send>,
}

/// Starts the thread. The thread ends when the inbox is closed and empty, or with the error that stops the replica.
pub fn run(engine: Engine, around: Surroundings) -> io::Result<JoinHandle<Result<(), EngineError>>> {
    thread::Builder::new().name(NAME.to_owned()).spawn(move || {
        let inbox = around.inbox.clone();
        let outcome = work(engine, around);
        inbox.close(); // whoever waits for room learns that there will be none
        outcome
    })
}

fn work(mut engine: Engine, mut around: Surroundings) -> Result<(), EngineError> {
    let clock = Clock::new();
    if let Some(broken) = engine.broken() {
        tracing::error!(event = "took-no-part", %broken, "this replica took no part any more before it was started again, nor does it now");
    }
    let mut folder = Folder::default();
    loop {
        let patience = patience(&engine, clock.now());
        let Woken::Round(requests) = around.inbox.round(patience) else { return Ok(()) };
        around.metrics.inputs.inc_by(requests.len() as u64);
        let begun = Instant::now();
        let mut round = engine.round(clock.now(), requests)?;
        round.fold.take().map_or(Ok(()), |fold| folder.begin(fold))?;
        if round.committed {
            around.metrics.commits.inc();
            around.metrics.round_seconds.observe(begun.elapsed().as_secs_f64());
        }
        around.let_out(&engine, round);
    }
}

/// The thread that folds the state, while it does. Dropping it waits for the end: the database is closed then.
#[derive(Default)]
pub(crate) struct Folder(Option<JoinHandle<()>>);

impl Folder {
    /// Begins a fold; the one before has ended.
    pub(crate) fn begin(&mut self, fold: Fold) -> Result<(), EngineError> {
        self.end();
        let run = move || {
            if let Err(error) = fold.run() {
                tracing::error!(event = "fold-failed", %error, "the state cannot be folded"); // the next round fails by it
            }
        };
        let thread = thread::Builder::new().name("fold".to_owned()).spawn(run);
        self.0 = Some(thread.map_err(|error| StoreError(format!("no thread to fold the state: {error}")))?);
        Ok(())
    }

    /// Whether a fold runs, or merges behind it.
    pub(crate) fn is_at_work(&self) -> bool {
        self.0.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    fn end(&mut self) {
        if let Some(thread) = self.0.take() {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.end();
    }
}

fn patience(engine: &Engine, now: Now) -> Duration {
    let due = engine.next_wakeup(now).map(|ticks| Duration::from_millis(ticks.since(now.ticks)));
    due.map_or(SLEEP_MAX, |due| due.min(SLEEP_MAX))
}

impl Surroundings {
    /// Lets the results of a committed round out: messages first, for others wait for them; then readers; then callers.
    fn let_out(&mut self, engine: &Engine, mut round: Round) {
        let committees = engine.committees();
        if committees != self.membership.checker.committees() {
            self.membership.follow(&committees, &engine.published().moment);
            // What one epoch certified says nothing of the next.
            *self.certified.write().unwrap_or_else(PoisonError::into_inner) = Arc::default();
        }
        for outgoing in mem::take(&mut round.outbox) {
            (self.send)(outgoing);
        }
        self.membership.charge(&round.useless);
        engine.core().member().into_iter().for_each(|replica| self.tell_pool(replica.certified()));
        round.notices.iter().for_each(|notice| self.log(engine, notice)); // before it is forgotten which ones waited here
        self.charge(&round.notices);
        self.publish(engine, &round);
        round.notices.iter().for_each(|notice| self.reception.tell(notice));
        if !round.notices.is_empty() {
            let (notices, now) = (&round.notices, now_ms());
            let note = |outages: &mut Outages| notices.iter().filter(|notice| outages.note(notice, now)).count() > 0;
            self.outages.send_if_modified(note);
        }
    }

    /// Charges authors for work, before their next envelopes come in: from the slot's time on, for others have charged them then.
    fn charge(&self, notices: &[Notice]) {
        let Some(pace) = &self.author_pace else { return };
        let worked = notices.iter().filter_map(|notice| match notice {
            Notice::Worked { work, time } => Some((work, *time)),
            _ => None,
        });
        let Some((_, last)) = worked.clone().next_back() else { return };
        let (now, now_ms) = (Instant::now(), now_ms());
        for (work, slot) in worked {
            let late = lateness(now_ms, (slot, last), &self.published.borrow().report);
            let at = now.checked_sub(late).unwrap_or(now);
            work.iter().for_each(|(author, time)| pace.worked(author, *time, at));
        }
    }

    /// Lets the outages see a report that has changed, and tells of one that is over.
    fn look_for_outages(&self, report: &Report) {
        let before = self.outages.borrow().count();
        self.outages.send_if_modified(|outages| outages.observe(report, now_ms()));
        for (_, healing) in self.outages.borrow().since(before) {
            let Healing { began, ended, stopped_at, paused, resumed, .. } = healing;
            let Healing { applied, merged, conflicted, refused, recovery_ms, .. } = healing;
            let (lasted_ms, stopped_ms) = (ended - began, stopped_at.map(|at| ended.saturating_sub(at)));
            tracing::info!(
                event = "healed",
                lasted_ms,
                stopped_ms,
                paused,
                resumed,
                applied,
                merged,
                conflicted,
                refused,
                recovery_ms,
                "an outage is over"
            );
        }
    }

    fn tell_pool(&self, certified: &Certified) {
        let known = self.certified.read().unwrap_or_else(PoisonError::into_inner).count();
        if known != certified.count() {
            *self.certified.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(certified.clone());
        }
    }

    fn publish(&self, engine: &Engine, round: &Round) {
        let published = engine.published();
        self.metrics.slots.inc_by(round.slots as u64);
        round.receipts.iter().for_each(|(receipt, time)| self.metrics.verdicts.count(receipt, *time));
        self.metrics.observe(&published);
        self.pulse.beat();
        let report = published.report.clone();
        let has_changed = self.published.send_if_modified(|now| {
            let changed = round.slots > 0 || !now.says_the_same(&published);
            if changed {
                *now = published;
            }
            changed
        });
        engine.mempool().forget_ended();
        if has_changed {
            self.look_for_outages(&report);
        }
    }

    fn log(&self, engine: &Engine, notice: &Notice) {
        match notice {
            Notice::Verdict(receipt) => log_verdict(engine, receipt),
            Notice::Taken { id, place, .. } => {
                tracing::debug!(envelope = %id, place = place.name(), waits_for = place.waits_for(), "envelope taken")
            }
            Notice::Refused(rejected) => {
                self.metrics.refused.get_or_create(&Kind::of(reason_name(rejected))).inc();
                tracing::debug!(%rejected, "input refused");
            }
            Notice::Accused(evidence) => {
                self.metrics.evidence.inc();
                let (key, (view, seq)) = (evidence.key(), evidence.place());
                tracing::warn!(event = "evidence", signer = %key.signer, kind = ?key.kind, %view, %seq, id = %evidence.id(), "proof of a fault");
            }
            Notice::Broken(broken) => {
                tracing::error!(event = "takes-no-part", %broken, "this replica takes no part any more")
            }
            Notice::Expired(id) => tracing::info!(event = "envelope-expired", envelope = %id, "envelope expired"),
            Notice::Overtaken { id, next_seq } => {
                tracing::info!(event = "envelope-overtaken", envelope = %id, next_seq, "envelope overtaken")
            }
            Notice::NotTaken { .. } | Notice::Worked { .. } | Notice::Paused | Notice::Resumed { .. } => (),
            Notice::ReadReady { .. } | Notice::ReadRefused { .. } => (),
        }
    }
}

/// Time for which others have executed a slot of a round that ends with a slot of the time `last`, by the report before it. Between
/// two slots the group's clock counts, and after the last one this machine's: up to a bound, unless more was known to be lacked.
fn lateness(now_ms: u64, (slot, last): (Time, Time), before: &Report) -> Duration {
    let after = |earlier: Time, later: u64| Duration::from_millis(later.saturating_sub(earlier.get()));
    let lacks_more = before.behind > 1 || !before.knows_the_newest();
    let late = after(slot, now_ms);
    if lacks_more { late } else { late.min(LATE_MAX + after(slot, last.get())) }
}

/// Tells of the verdict of an envelope that waited here or was on the own lane; of others, those tell who took them.
fn log_verdict(engine: &Engine, receipt: &Receipt) {
    let is_ours = || receipt.lane == engine.number() || engine.mempool().known(&receipt.id).is_some();
    if !tracing::enabled!(tracing::Level::DEBUG) || !is_ours() {
        return;
    }
    let (state, revision) = (state_name(receipt.state), receipt.revision.map(display));
    let (stage, code) = (receipt.stage.map(display), receipt.code.map(display));
    tracing::debug!(envelope = %receipt.id, state, revision, stage, code, "envelope ordered");
}

/// Both clocks of this machine.
struct Clock {
    start: Instant,
}

impl Clock {
    fn new() -> Self {
        Self { start: Instant::now() }
    }

    fn now(&self) -> Now {
        Now { ticks: Ticks::new(self.start.elapsed().as_millis() as u64), wall: Time::new(now_ms()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_MS: u64 = 60_000;
    const SLOT: Time = Time::new(1_000_000);

    /// Lateness of a slot after so long, of a round that ends with it.
    fn alone(after_ms: u64, before: &Report) -> Duration {
        lateness(SLOT.get() + after_ms, (SLOT, SLOT), before)
    }

    /// The report of a replica that lacks so many slots, and has heard that from as many as count.
    fn lacking(behind: u64) -> Report {
        Report { behind, quorum: 1, ..Report::of_nobody() }
    }

    #[test]
    fn a_clock_that_goes_an_hour_ahead_makes_no_work_free() {
        assert_eq!(alone(60 * MINUTE_MS, &lacking(0)), LATE_MAX);
        assert_eq!(alone(60 * MINUTE_MS, &lacking(1)), LATE_MAX, "any replica lacks the next slot at times");
        assert_eq!(alone(7, &lacking(0)), Duration::from_millis(7));
        assert_eq!(lateness(SLOT.get() - 7, (SLOT, SLOT), &lacking(0)), Duration::ZERO);
    }

    #[test]
    fn work_is_not_owed_again_at_a_replica_that_was_away_while_others_had_few_slots() {
        let half_an_hour = Duration::from_secs(30 * 60);
        assert_eq!(alone(30 * MINUTE_MS, &lacking(2)), half_an_hour);
        assert_eq!(
            alone(30 * MINUTE_MS, &Report { quorum: 3, ..lacking(0) }),
            half_an_hour,
            "it has heard nobody since its start"
        );
    }

    #[test]
    fn slots_that_are_executed_in_one_round_are_paid_for_as_far_apart_as_they_were_ordered() {
        let last = Time::new(SLOT.get() + 10 * MINUTE_MS);
        let late = |slot| lateness(last.get() + 60 * MINUTE_MS, (slot, last), &lacking(0));
        assert_eq!([late(SLOT), late(last)], [LATE_MAX + Duration::from_secs(10 * 60), LATE_MAX]);
    }
}
