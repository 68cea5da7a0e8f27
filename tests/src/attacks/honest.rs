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
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two changes.
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

#[derive(Default)]
struct Waits {
    over: AtomicBool,
    changes: Mutex<Vec<Served>>,
    health: Mutex<Vec<Served>>,
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
    /// Milliseconds that half of them took at most.
    pub p50_ms: u64,
    /// Milliseconds that 99 of a hundred took at most.
    pub p99_ms: u64,
    /// Milliseconds of the longest wait for `/healthz`.
    pub health_max_ms: u64,
}

impl Honest {
    /// Sets both to work at a replica; the author is the one with the replica's number.
    pub fn start(group: &Group, replica: usize) -> Self {
        let waits = Arc::new(Waits::default());
        let (target, shared) = (group.target().clone(), waits.clone());
        let author = std::thread::spawn(move || alone(write(&target, replica, &shared)));
        let (target, shared) = (group.target().clone(), waits.clone());
        let health = std::thread::spawn(move || alone(ask_health(&target, replica, &shared)));
        Self { waits, threads: vec![author, health] }
    }

    /// Service between two moments. A wait that began in it and has not ended counts as long as it lasts.
    pub fn between(&self, begin: Instant, end: Instant) -> Service {
        let times = |served: &Mutex<Vec<Served>>, rest: Duration, patience: Duration| {
            let served = served.lock().expect("nothing panics with it");
            let within = served.iter().filter(|one| one.ended >= begin && one.ended < end);
            let mut times: Vec<Duration> = within.map(|one| one.ended - one.begun).collect();
            let newest = served.iter().rev().find(|one| one.ended < end).map_or(begin, |one| one.ended + rest);
            times.extend(end.checked_duration_since(newest).filter(|open| *open > patience));
            times.sort_unstable();
            times
        };
        let changes = times(&self.waits.changes, REST, PATIENCE);
        let health = times(&self.waits.health, HEALTH_REST, HEALTH_PATIENCE);
        let confirmed = self.waits.changes.lock().expect("nothing panics with it");
        Service {
            changes: confirmed.iter().filter(|one| one.ended >= begin && one.ended < end).count(),
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

/// Writes one change after another; a change that has no verdict is asked for until there is one. The author stays open, for to
/// open one reads its outbox: twelve times a second that is a tenth of a core, taken from those who are measured.
async fn write(target: &Target, replica: usize, waits: &Waits) {
    let Ok(client) = Client::new(&target.node(replica), PATIENCE) else { return };
    let (mut author, mut number) = (None, 0);
    while !waits.over.load(Ordering::Relaxed) {
        number += 1;
        let begun = Instant::now();
        let open = match author.take() {
            Some(open) => Ok(open),
            None => Author::open(&target.author_key(replica), client.renewed(), "main").await,
        };
        if let Ok(mut open) = open
            && confirm(&mut open, &draft(replica, number), waits).await.is_ok()
        {
            waits.changes.lock().expect("nothing panics with it").push(Served { begun, ended: Instant::now() });
            author = Some(open);
        }
        tokio::time::sleep(REST).await;
    }
}

fn draft(author: usize, number: u64) -> Draft {
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
