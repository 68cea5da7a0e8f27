//! Honest authors at work, and how long they wait.

use super::group::Group;
use super::target::Target;
use quorate_client::author::{Author, Draft, SubmitError};
use quorate_client::content;
use quorate_client::http::{Client, ClientError};
use quorate_ledger::{Level, Mode, Op};
use serde::Serialize;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Time that a try may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// From one change to the next, whatever became of the one before: a stall is felt by all who would have come meanwhile.
const EVERY: Duration = Duration::from_millis(80);
/// Between two tries of a change that was refused.
const REST: Duration = Duration::from_millis(40);
/// Between two looks at `/healthz`.
const HEALTH_REST: Duration = Duration::from_millis(250);
/// Time after which a look counts although it is not answered yet.
const HEALTH_PATIENCE: Duration = Duration::from_secs(1);
/// Envelopes of the history that pages and streams are made of.
const HISTORY_ENVELOPES: usize = 12;
/// Paths of each.
const HISTORY_PATHS: usize = 6_000;

/// Wait for an answer, from its begin to its end.
#[derive(Debug, Clone, Copy)]
struct Served {
    begun: Instant,
    ended: Instant,
}

struct Waits {
    over: AtomicBool,
    /// When the first change was due.
    begun: Instant,
    /// When each change was confirmed, in their order.
    confirmed: Mutex<Vec<Instant>>,
    health: Mutex<Vec<Served>>,
}

impl Waits {
    fn new() -> Self {
        Self { over: false.into(), begun: Instant::now(), confirmed: Mutex::default(), health: Mutex::default() }
    }

    /// When a change is due.
    fn due(&self, number: usize) -> Instant {
        self.begun + EVERY * number as u32
    }

    /// Waits of the changes that were due between two moments. One without a verdict has waited until the end, at least.
    fn of_changes(&self, begin: Instant, end: Instant) -> Vec<Duration> {
        let confirmed = self.confirmed.lock().expect("nothing panics with it");
        let numbers = (0..).skip_while(|number| self.due(*number) < begin).take_while(|number| self.due(*number) < end);
        numbers.map(|number| *confirmed.get(number).unwrap_or(&end) - self.due(number)).collect()
    }

    /// Waits for `/healthz` that ended between two moments, and one that lasts.
    fn of_health(&self, begin: Instant, end: Instant) -> Vec<Duration> {
        let served = self.health.lock().expect("nothing panics with it");
        let within = served.iter().filter(|one| one.ended >= begin && one.ended < end);
        let newest = served.iter().rev().find(|one| one.ended < end).map_or(begin, |one| one.ended + HEALTH_REST);
        let lasts = end.checked_duration_since(newest).filter(|open| *open > HEALTH_PATIENCE);
        within.map(|one| one.ended - one.begun).chain(lasts).collect()
    }

    /// Changes that were confirmed between two moments.
    fn confirmed(&self, begin: Instant, end: Instant) -> usize {
        let confirmed = self.confirmed.lock().expect("nothing panics with it");
        confirmed.iter().filter(|at| (begin..end).contains(at)).count()
    }
}

/// An author with a replica, and somebody who asks for its health.
pub struct Honest {
    waits: Arc<Waits>,
    threads: Vec<JoinHandle<()>>,
}

/// Waits of a stretch of time.
#[derive(Debug, Clone, Serialize)]
pub struct Service {
    /// Changes that were confirmed.
    pub changes: usize,
    /// Changes that were due.
    pub due: usize,
    /// Milliseconds that half of those that were due took at most.
    pub p50_ms: u64,
    /// Milliseconds that 99 of a hundred took at most; of fewer than a hundred, the longest.
    pub p99_ms: u64,
    /// Milliseconds of the longest wait for `/healthz`.
    pub health_max_ms: u64,
}

impl Honest {
    /// Sets both to work at a replica; the author is the one with the replica's number.
    pub fn start(group: &Group, replica: usize) -> Self {
        let waits = Arc::new(Waits::new());
        let (target, shared) = (group.target().clone(), waits.clone());
        let author = std::thread::spawn(move || alone(write(&target, replica, &shared)));
        let (target, shared) = (group.target().clone(), waits.clone());
        let health = std::thread::spawn(move || alone(ask_health(&target, replica, &shared)));
        Self { waits, threads: vec![author, health] }
    }

    /// Service between two moments. A wait that began in it and has not ended counts as long as it lasts.
    pub fn between(&self, begin: Instant, end: Instant) -> Service {
        let [changes, health] =
            [self.waits.of_changes(begin, end), self.waits.of_health(begin, end)].map(|mut waits| {
                waits.sort_unstable();
                waits
            });
        Service {
            changes: self.waits.confirmed(begin, end),
            due: changes.len(),
            p50_ms: percentile(&changes, 50),
            p99_ms: percentile(&changes, 99),
            health_max_ms: percentile(&health, 100),
        }
    }

    /// Ends their work.
    pub fn stop(self) {
        self.waits.over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

fn percentile(sorted: &[Duration], percent: usize) -> u64 {
    let at = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(at).map_or(u64::MAX, |time| time.as_millis() as u64)
}

fn alone(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(work);
}

/// Writes each change when it is due, and those that are late one after another; a change that has no verdict is asked for until
/// there is one. The author stays open, for to open one reads its outbox: twelve times a second that is a tenth of a core, taken
/// from those who are measured.
async fn write(target: &Target, replica: usize, waits: &Waits) {
    let Ok(client) = Client::new(&target.node(replica), PATIENCE) else { return };
    let (mut author, mut number) = (None, 0);
    while !waits.over.load(Ordering::Relaxed) {
        tokio::time::sleep_until(waits.due(number).into()).await;
        let open = match author.take() {
            Some(open) => Ok(open),
            None => Author::open(&target.author_key(replica), client.renewed(), "main").await,
        };
        if let Ok(mut open) = open
            && confirm(&mut open, &draft(replica, number), waits).await.is_ok()
        {
            waits.confirmed.lock().expect("nothing panics with it").push(Instant::now());
            (author, number) = (Some(open), number + 1);
        } else {
            tokio::time::sleep(REST).await;
        }
    }
}

fn draft(author: usize, number: usize) -> Draft {
    let text = format!("{number} of {author}").into_bytes();
    let op = Op::Put { path: format!("honest/{author}"), mode: Mode::File, content: content::digest(&text) };
    Draft { base: None, ops: vec![op], contents: vec![text], message: String::new() }
}

async fn confirm(author: &mut Author, draft: &Draft, waits: &Waits) -> Result<(), SubmitError> {
    author.renew();
    let mut outcome = author.submit(draft, Level::Sequential).await.map(drop);
    while let Err(SubmitError::Unanswered { .. } | SubmitError::Client(ClientError::NoAnswer { .. })) = outcome {
        if waits.over.load(Ordering::Relaxed) {
            return outcome;
        }
        author.renew();
        outcome = author.settle().await.map(drop);
    }
    outcome
}

async fn ask_health(target: &Target, replica: usize, waits: &Waits) {
    let address = (Ipv4Addr::LOCALHOST, target.api_port + replica as u16).into();
    let mut begun = Instant::now();
    while !waits.over.load(Ordering::Relaxed) {
        let asked = tokio::time::timeout(PATIENCE, super::attackers::wire::get(address, "/healthz")).await;
        let ended = Instant::now();
        let is_answered = matches!(asked, Ok(Ok(200)));
        if is_answered {
            waits.health.lock().expect("nothing panics with it").push(Served { begun, ended });
        }
        tokio::time::sleep(HEALTH_REST).await;
        if is_answered {
            begun = Instant::now();
        }
    }
}

/// Wide changes by the last two authors at all replicas, so that there is something to page through, and no author comes
/// faster than a replica lets in.
pub fn write_history(group: &Group) -> Result<(), String> {
    let (target, mut outcome) = (group.target().clone(), Ok(()));
    alone(async {
        outcome = write_wide(&target).await.map_err(|error| format!("the history: {error}"));
    });
    outcome
}

async fn write_wide(target: &Target) -> Result<(), SubmitError> {
    for number in 0..HISTORY_ENVELOPES {
        let client = Client::new(&target.node(number / 2 % 3), Duration::from_secs(60))?;
        let mut author = Author::open(&target.author_key(2 + number % 2), client, "main").await?;
        author.submit(&wide(&format!("history/{number}"), HISTORY_PATHS), Level::Sequential).await?;
    }
    Ok(())
}

/// A change of many paths.
pub fn wide(folder: &str, paths: usize) -> Draft {
    let content = content::digest(b"x");
    let put = |path: usize| Op::Put { path: format!("{folder}/{path}"), mode: Mode::File, content };
    Draft { base: None, ops: (0..paths).map(put).collect(), contents: vec![b"x".to_vec()], message: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Service of eight seconds, in which a change that was due at a moment was confirmed at another, if at all.
    fn service(confirmed: impl Fn(Duration) -> Option<Duration>) -> Service {
        let waits = Waits::new();
        let dues = (0..100).map_while(|number| confirmed(EVERY * number));
        *waits.confirmed.lock().unwrap() = dues.map(|at| waits.begun + at).collect();
        let (begin, threads) = (waits.begun, vec![]);
        Honest { waits: waits.into(), threads }.between(begin, begin + 8 * SECOND)
    }

    #[test]
    fn an_outage_weighs_in_the_waits_what_it_lasted() {
        let Service { due, changes, p50_ms, p99_ms, .. } = service(|due| Some(due.max(7 * SECOND) + SECOND / 100));
        assert_eq!((due, changes), (100, 100));
        assert!(p50_ms > 2_900 && p99_ms > 6_800, "{p50_ms}, {p99_ms}");
    }

    #[test]
    fn changes_that_are_not_confirmed_have_waited_until_the_end() {
        let Service { due, changes, p99_ms, .. } = service(|due| Some(due + SECOND / 100).filter(|_| due < 6 * SECOND));
        assert_eq!((due, changes, p99_ms), (100, 75, 1_920));
    }

    #[test]
    fn a_wait_that_nothing_disturbs_is_short() {
        let Service { changes, p99_ms, .. } = service(|due| Some(due + SECOND / 100));
        assert_eq!((changes, p99_ms), (100, 10));
    }
}
