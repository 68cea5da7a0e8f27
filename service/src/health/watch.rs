//! The watch: once a second it measures, and tells the log when an issue begins or ends.

use super::actions::Actions;
use super::disk::Disk;
use super::facts::{Facts, Standstill};
use super::issues::{Fault, Severity, issues};
use super::score::assess;
use super::scrubbed::Scrubbed;
use super::space::Space;
use super::vitals::{Vitals, bytes_in, files_max, files_open};
use crate::clock::now_ms;
use crate::conduct::{Conduct, Offence, Seen, State, Who};
use crate::engine::{Published, Report};
use crate::membership::Membership;
use crate::metrics::Metrics;
use quorate_pbft::SeqNum;
use quorate_storage::{Pulse, Room};
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch::{Receiver, Sender};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looks that a rate is taken over: five minutes.
const LOOKS: usize = 300;
/// Looks after a start in which it is no news that nobody was heard yet: two seconds.
const LOOKS_AT_START: u64 = 2;
/// Issues that every start has until the others have answered it.
const OF_START: [&str; 2] = ["no-quorum", "recovering"];
/// Looks between two that read the ledger.
const READ_EVERY: u64 = 10;
/// Restrained peers that an issue names at most.
const RESTRAINED_NAMED_MAX: usize = 8;
/// Silence of the core's thread after which it counts as stuck: it looks around twice a second, and each envelope that it
/// executes is a sign of life.
pub const CORE_SILENT_MAX: Duration = Duration::from_secs(10);
/// The same while a write waits for room. It may be one of a fold alone, and then the core goes on.
const ROOM_SILENT_MAX: Duration = Duration::from_secs(2);
/// Open conflicts that are counted at most.
const CONFLICTS_COUNTED_MAX: usize = 1_000;

/// Sources of the measurements.
pub struct Sources {
    /// State that the core's thread last published.
    pub published: Receiver<Published>,
    /// Conduct of peers.
    pub conduct: Arc<Conduct>,
    /// Members by their keys.
    pub membership: Arc<Membership>,
    /// Counters, and the gauges that the watch sets.
    pub metrics: Arc<Metrics>,
    /// The first damage that was met on the disk, in words.
    pub damage: OnceLock<String>,
    /// Progress and findings of the scrub.
    pub scrubbed: Mutex<Scrubbed>,
    /// Bytes of the database that hold rows, as they were last counted; 0 before.
    pub live_bytes: AtomicU64,
    /// Folder of the database.
    pub data: PathBuf,
    /// Room on its disk.
    pub room: Arc<Room>,
    /// Signs of life of the core's thread.
    pub pulse: Arc<Pulse>,
    /// Bytes that the database may take; none where no quota is set.
    pub quota_bytes: Option<u64>,
    /// Whether one command has held all keys of the group.
    pub has_test_keys: bool,
    /// Seconds since 1970 at which the certificate of the API ends; 0 without one.
    pub certificate_ends: Arc<AtomicU64>,
}

impl Sources {
    /// Facts from which issues and health are made.
    pub fn facts<'a>(&'a self, report: &'a Report, vitals: &'a Vitals) -> Facts<'a> {
        let damage = self.damage.get().map(String::as_str);
        Facts { report, vitals, damage, standstill: self.standstill(), has_test_keys: self.has_test_keys }
    }

    /// Why the core's thread stands still: what it published last is all that it knows. None while it works.
    pub fn standstill(&self) -> Option<Standstill> {
        let silence = self.pulse.silence();
        let (silent_max, why) = match (self.room.is_awaited(), self.pulse.is_at_disk()) {
            (true, _) => (ROOM_SILENT_MAX, Standstill::Room),
            (false, true) => (CORE_SILENT_MAX, Standstill::Disk(silence.as_secs())),
            (false, false) => (CORE_SILENT_MAX, Standstill::Step(silence.as_secs())),
        };
        (silence >= silent_max).then_some(why)
    }

    /// Seconds until the certificate of the API ends, negative when it has; none without one.
    fn certificate_seconds(&self) -> Option<i64> {
        let ends = Some(self.certificate_ends.load(Ordering::Relaxed)).filter(|ends| *ends > 0);
        ends.map(|ends| ends as i64 - (now_ms() / 1_000) as i64)
    }
}

/// Findings of a look.
#[derive(Debug, Clone, Default)]
pub struct Watched {
    /// Measurements.
    pub vitals: Vitals,
    /// Milliseconds since 1970 at which each issue began, by its id.
    pub since: BTreeMap<&'static str, u64>,
    /// Actions against what is wrong.
    pub actions: Actions,
}

/// Counters at one look.
#[derive(Debug, Clone, Default)]
struct Sample {
    view_changes: u64,
    clock_refusals: u64,
    garbled: BTreeMap<u16, u64>,
}

struct Watch {
    sources: Arc<Sources>,
    looks: u64,
    samples: VecDeque<Sample>,
    /// The highest executed slot, and when it was first seen.
    executed: (SeqNum, Instant),
    /// When nothing waited last for an earlier number of its author.
    numbered: Instant,
    /// The newest stable checkpoint, and when executed slots were last all covered or it last moved.
    covered: (SeqNum, Instant),
    last: Watched,
    /// Slot at which the ledger was read last.
    read_at: Option<SeqNum>,
}

/// Looks until nobody listens.
pub async fn watch(sources: Arc<Sources>, tell: Sender<Arc<Watched>>) {
    let now = Instant::now();
    let begun = (SeqNum::default(), now);
    let mut watch = Watch {
        sources,
        looks: 0,
        samples: VecDeque::new(),
        executed: begun,
        numbered: now,
        covered: begun,
        last: Watched::default(),
        read_at: None,
    };
    while !tell.is_closed() {
        // The ledger is read, and the disk asked: on a thread that may block.
        let looked = tokio::task::spawn_blocking(move || {
            watch.look();
            watch
        });
        let Ok(looked) = looked.await else { return };
        watch = looked;
        tell.send_replace(Arc::new(watch.last.clone()));
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

impl Watch {
    fn look(&mut self) {
        let published = self.sources.published.borrow().clone();
        let mut vitals = self.measure(&published);
        if self.looks.is_multiple_of(READ_EVERY) && self.read_at != Some(published.moment.seq()) {
            self.read_at = Some(published.moment.seq());
            read(&published, &mut vitals);
        }
        self.looks += 1;
        let facts = self.sources.facts(&published.report, &vitals);
        let faults = issues(&facts);
        self.sources.metrics.watched(&facts, &assess(&facts, &faults), &faults);
        let since = self.tell(&news(faults, self.looks));
        let mut actions = std::mem::take(&mut self.last.actions);
        actions.note(&facts, now_ms());
        self.last = Watched { vitals, since, actions };
    }

    fn measure(&mut self, published: &Published) -> Vitals {
        let (report, now) = (&published.report, Instant::now());
        let executed = published.moment.seq();
        if executed != self.executed.0 || report.orderable() == 0 {
            self.executed = (executed, now);
        }
        if report.gapped == 0 {
            self.numbered = now;
        }
        if report.stable != self.covered.0 || report.stable >= executed {
            self.covered = (report.stable, now);
        }
        let sample = self.sample(published);
        let first = self.samples.front().cloned().unwrap_or_else(|| sample.clone());
        let grew = |peer: &u16, count: u64| count > first.garbled.get(peer).copied().unwrap_or_default();
        let (disk, database_bytes) = (Disk::of(&self.sources.data), bytes_in(&self.sources.data));
        let space = self.space(database_bytes);
        let scrub = self.sources.scrubbed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.lay_ballast(disk);
        let vitals = Vitals {
            disk,
            scrub,
            database_bytes,
            space,
            files_open: files_open(),
            files_max: files_max(),
            checkpoint_age_ms: self.covered.1.elapsed().as_millis() as u64,
            stalled_ms: self.executed.1.elapsed().as_millis() as u64,
            gapped_ms: self.numbered.elapsed().as_millis() as u64,
            order_ms: self.sources.metrics.order_ms(),
            view_changes: sample.view_changes.saturating_sub(first.view_changes),
            clock_refusals: sample.clock_refusals - first.clock_refusals,
            conflicts: self.sources.metrics.verdicts.conflicts(now_ms()),
            accused: self.last.vitals.accused.clone(),
            conflicts_open: self.last.vitals.conflicts_open,
            certificate_seconds: self.sources.certificate_seconds(),
            suspended: self.restrained(State::Suspended),
            strict: self.restrained(State::Strict),
            garbled: sample.garbled.iter().filter(|(peer, count)| grew(peer, **count)).map(|(peer, _)| *peer).collect(),
        };
        // Forgotten rows make room within the database, and none on the disk before it is compacted.
        self.sources.room.note_short(vitals.space.is_over_quota());
        self.samples.push_back(sample);
        if self.samples.len() > LOOKS {
            self.samples.pop_front();
        }
        vitals
    }

    /// Space of the database. Above its quota, only what holds rows counts: new rows go where nothing is.
    fn space(&self, database_bytes: u64) -> Space {
        let quota_bytes = self.sources.quota_bytes;
        let is_over = quota_bytes.is_some_and(|quota| database_bytes > quota);
        // Not counted yet is 0: a start with a long file is no reason to refuse.
        let live_bytes = self.sources.live_bytes.load(Ordering::Acquire);
        let used_bytes = if is_over { live_bytes.min(database_bytes) } else { database_bytes };
        Space { used_bytes, quota_bytes, is_awaited: self.sources.room.is_awaited() }
    }

    /// Members in a state, in words. Others come with ever new keys, and raise no alarm.
    fn restrained(&self, state: State) -> Vec<String> {
        let is_meant = |seen: &Seen| seen.record.state == state && matches!(seen.who, Who::Member(_));
        let committees = self.sources.membership.checker.committees();
        let all = self.sources.conduct.all().into_iter().filter(is_meant);
        let words = all.map(|seen| {
            let name = seen.who.name(|key| committees.number(key));
            let left = seen.record.until.saturating_sub(now_ms()).div_ceil(1_000);
            format!("{name} ({}, {left} s left)", seen.record.reason.map_or("", Offence::name))
        });
        words.take(RESTRAINED_NAMED_MAX).collect()
    }

    /// Puts the ballast back once there is room; without one, the next write that finds none waits a little earlier.
    fn lay_ballast(&self, disk: Option<Disk>) {
        let Some(disk) = disk else { return };
        if let Err(error) = self.sources.room.lay_ballast(disk.free_bytes) {
            tracing::debug!(%error, "no ballast");
        }
    }

    fn sample(&self, published: &Published) -> Sample {
        let metrics = &self.sources.metrics;
        let peers = published.report.peers.iter().map(|peer| peer.replica);
        Sample {
            view_changes: metrics.views_unplanned(),
            clock_refusals: metrics.refused_for("clock"),
            garbled: peers.map(|peer| (peer.get(), metrics.frames_invalid_of(peer))).collect(),
        }
    }

    /// Tells issues that began or ended; when each began.
    fn tell(&self, faults: &[Fault]) -> BTreeMap<&'static str, u64> {
        let known = &self.last.since;
        for Fault { id, severity, what, evidence, advice } in
            faults.iter().filter(|fault| !known.contains_key(fault.id))
        {
            match severity {
                Severity::Notice => tracing::info!(event = "notice", id, evidence, advice, what, "notice"),
                _ => tracing::warn!(event = "issue", id, severity = severity.name(), what, evidence, advice, "issue"),
            }
        }
        for id in known.keys().filter(|id| faults.iter().all(|fault| fault.id != **id)) {
            tracing::info!(event = "issue-over", id, "issue over");
        }
        let began = |fault: &Fault| (fault.id, known.get(fault.id).copied().unwrap_or_else(now_ms));
        faults.iter().map(began).collect()
    }
}

/// Issues that are worth a line at this look since the start, which counts from 1.
fn news(mut faults: Vec<Fault>, look: u64) -> Vec<Fault> {
    faults.retain(|fault| look > LOOKS_AT_START || !OF_START.contains(&fault.id));
    faults
}

/// Evidence and open conflicts, as the ledger has them; a disk that fails is met elsewhere.
fn read(published: &Published, vitals: &mut Vitals) {
    let view = published.moment.view();
    if let Ok(members) = view.members() {
        vitals.accused =
            members.iter().filter(|member| member.evidence > 0).map(|member| member.replica.get()).collect();
    }
    if let Ok(page) = view.conflicts(None, Some(true), None, CONFLICTS_COUNTED_MAX) {
        vitals.conflicts_open = page.items.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_client::api::Mode;

    #[test]
    fn that_nobody_was_heard_yet_is_told_once_it_has_lasted_after_a_start() {
        let (vitals, report) = (Vitals::default(), Report { quorum: 3, mode: Mode::Recovering, ..Report::of_nobody() });
        let facts = Facts { report: &report, vitals: &vitals, damage: None, standstill: None, has_test_keys: true };
        let told = |look| news(issues(&facts), look).iter().map(|fault| fault.id).collect::<Vec<_>>();

        assert_eq!(told(LOOKS_AT_START), ["test-keys"]);
        assert_eq!(told(LOOKS_AT_START + 1), ["no-quorum", "recovering", "test-keys"]);
    }
}
