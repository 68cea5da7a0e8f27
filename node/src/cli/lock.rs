//! `quorate lock`: paths that others keep away from for a while.

use super::advice;
use super::change;
use super::clock;
use super::failure::{Exit, Failure, Outcome};
use super::listing::{LIST_MAX, page};
use super::print::{self, Table, plain, quoted, short};
use super::reach::{Reach, Scope, parse_level};
use super::sending::{SignedRequest, submit};
use quorate_client::api::{AuthorLocks, LockEntry, named};
use quorate_client::author::{self, SubmitError};
use quorate_client::calls::level_name;
use quorate_client::http::Client;
use quorate_ledger::{
    LEASE_MS_MAX, LEASE_MS_MIN, Level, LockEnd, LockMode, Op, PathOutcome, Receipt, State, WAIT_MS_MAX,
};
use quorate_pbft::PublicKey;
use serde::Serialize;
use serde_json::Value;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

/// Delay at least of the end of a wait before it counts as none: nothing may be ordered for so long while a view changes.
const ENDS_LATE: Duration = Duration::from_secs(10);
/// Between two looks at the line.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Lock paths, and see who has
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Lock a file or folder, or stand in line for it; with a lock already, ask for more or renew the lease
    Acquire(Acquire),
    /// Begin the lease of a lock again; refused once somebody waits for it
    Renew(Renew),
    /// Give back a lock or a place in line
    Release(Release),
    /// List locks and who waits for them
    List(List),
}

/// Runs the command.
pub async fn run(command: &Command) -> Outcome {
    match command {
        Command::Acquire(args) => acquire(args).await,
        Command::Renew(args) => renew(args).await,
        Command::Release(args) => release(args).await,
        Command::List(args) => list(args).await,
    }
}

#[derive(Debug, clap::Args)]
pub struct Acquire {
    /// A file or folder; `.` is the whole domain
    path: String,
    /// IS, IX (intentions), S (shared), SIX, X (exclusive)
    #[arg(long, default_value = "X", value_parser = parse_mode, value_name = "MODE")]
    mode: LockMode,
    /// Seconds of ledger time from the grant to the end of the lease
    #[arg(long, default_value_t = 60.0, value_name = "SECONDS")]
    lease: f64,
    /// Seconds of ledger time to stand in line; 0 refuses what cannot be had at once
    #[arg(long, default_value_t = 30.0, value_name = "SECONDS")]
    wait: f64,
    /// Do not stay: say where the request stands in line and end
    #[arg(long)]
    detach: bool,
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    word: SignedRequest,
}

#[derive(Debug, clap::Args)]
pub struct Renew {
    /// A file or folder; `.` is the whole domain
    path: String,
    /// Seconds of ledger time from now to the end of the lease
    #[arg(long, default_value_t = 60.0, value_name = "SECONDS")]
    lease: f64,
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    word: SignedRequest,
}

#[derive(Debug, clap::Args)]
pub struct Release {
    /// A file or folder; `.` is the whole domain
    path: String,
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    word: SignedRequest,
}

#[derive(Debug, clap::Args)]
pub struct List {
    /// Only here and below
    path: Option<String>,
    /// Consistency of the answer: strong sees every write confirmed before, at any replica
    #[arg(long, default_value = "strong", value_parser = parse_level, value_name = "LEVEL")]
    level: Level,
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    reach: Reach,
}

/// Output with `--json` about a request: the receipt of the change, and the request's state.
#[derive(Serialize)]
struct Requested<'a> {
    #[serde(flatten)]
    receipt: &'a Receipt,
    path: &'a str,
    /// `held`, `waiting`, `gone`, or `unknown` where no answer tells.
    lock: &'a str,
    mode: Option<LockMode>,
    token: Option<u64>,
    until: Option<u64>,
    place: Option<u32>,
    why: Option<LockEnd>,
}

async fn acquire(args: &Acquire) -> Outcome {
    let (lease_ms, wait_ms) = (lease(args.lease)?, wait(args.wait)?);
    let op = Op::Acquire { path: in_ledger(&args.path)?, mode: args.mode, lease_ms, wait_ms };
    let stays = (!args.detach).then(|| Duration::from_millis(wait_ms));
    request(&args.word, &args.scope.domain, &args.path, vec![op], stays).await
}

async fn renew(args: &Renew) -> Outcome {
    let lease_ms = lease(args.lease)?;
    let (client, key) = (args.word.reach.client()?, args.word.signing.public()?);
    let known = mine(&client, &args.scope.domain, &key, Level::Strong).await?;
    let held = known.locks.iter().find(|lock| lock.path == args.path);
    let Some((mode, token)) = held.and_then(|lock| Some((lock.mode?, lock.token?))) else {
        return Err(Failure::no(format!("{key} holds no lock on {}", plain(&args.path)))
            .next(format!("`quorate lock list{}` shows who does", advice::option(&args.scope.domain))));
    };
    let again = Op::Acquire { path: in_ledger(&args.path)?, mode, lease_ms, wait_ms: 0 };
    request(&args.word, &args.scope.domain, &args.path, vec![Op::Fence { token }, again], None).await
}

async fn release(args: &Release) -> Outcome {
    let op = Op::Release { path: in_ledger(&args.path)? };
    let answer = submit(&args.word, &args.scope.domain, vec![op]).await?;
    change::report(answer, args.word.reach.json)
}

/// Asks for a lock and stays with it; a stop from the keyboard leaves the request where it is, and says so.
async fn request(word: &SignedRequest, domain: &str, path: &str, ops: Vec<Op>, stays: Option<Duration>) -> Outcome {
    let answer = submit(word, domain, ops).await?;
    let Some(stays) = stays else { return stay(word, answer, path, None).await };
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        ended = stay(word, answer, path, Some(stays)) => ended,
        _ = interrupt.recv() => {
            let what = format!("stopped: the request stays in line for up to {} s of ledger time, and may be granted", stays.as_secs());
            Err(Failure::new(Exit::Unreachable, what).next(format!("`{}` gives it back", giving_back(word, domain, path)?)))
        }
    }
}

/// Command that gives back a lock or a place in line.
fn giving_back(word: &SignedRequest, domain: &str, path: &str) -> Result<String, Failure> {
    let (key, node) = (word.signing.key()?.to_string_lossy(), word.reach.client()?.node().to_owned());
    let (path, key, node) = (quoted(path), quoted(&key), quoted(&node));
    Ok(format!("quorate lock release {path}{} --key {key} --node {node}", advice::option(domain)))
}

/// Stays with a request until the lock is there or gone, or until it has stood at one place for so long and the patience with a
/// node: ledger time stands still where nothing is ordered. Without a time to stay it is not waited for.
async fn stay(
    word: &SignedRequest,
    answer: Result<author::Outcome, SubmitError>,
    path: &str,
    stays: Option<Duration>,
) -> Outcome {
    let Ok(author::Outcome::Verdict(receipt)) = &answer else { return change::report(answer, word.reach.json) };
    if receipt.state != State::Applied {
        return change::report(answer, word.reach.json);
    }
    let (client, key) = (word.reach.client()?, receipt.author);
    let queued = receipt.changes.iter().any(|change| change.outcome == PathOutcome::Queued);
    let (mut told, mut since, patience) = (None, Instant::now(), word.reach.patience()?);
    loop {
        let known = match mine(&client.renewed(), &receipt.domain, &key, Level::Sequential).await {
            Ok(known) => known,
            Err(failure) => return tell(word, receipt, path, Stands::Unknown(failure)),
        };
        let lock = known.locks.iter().find(|lock| lock.path == path);
        let stands = match lock {
            Some(lock) if lock.wants.is_none() => Stands::Held(lock),
            Some(lock) => Stands::Waits(lock),
            None => Stands::Gone(known.left.iter().rev().find(|left| left.path == path).map(|left| left.why)),
        };
        // A conversion that left the line leaves the lock as it was.
        let stayed = queued && lock.is_some_and(|lock| lock.since.is_some() && lock.since < receipt.revision);
        match stands {
            Stands::Waits(lock) if stays.is_some() => {
                if told != lock.place {
                    (told, since) = (lock.place, Instant::now());
                    tell!("quorate: {}", waits(lock));
                }
                if since.elapsed() > stays.unwrap_or_default() + patience.max(ENDS_LATE) {
                    tell(word, receipt, path, Stands::Waits(lock))?;
                    return Err(Failure::new(
                        Exit::Unreachable,
                        "its time in line does not end: nothing may be ordered now",
                    )
                    .next(format!(
                        "`quorate status --explain` says why; `{}` gives the place back",
                        giving_back(word, &receipt.domain, path)?
                    )));
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
            Stands::Held(_) if stayed => {
                let why = known.left.iter().rev().find(|left| left.path == path).map(|left| left.why);
                return tell(word, receipt, path, Stands::Gone(why));
            }
            stands => return tell(word, receipt, path, stands),
        }
    }
}

/// State of a request.
enum Stands<'a> {
    Held(&'a LockEntry),
    Waits(&'a LockEntry),
    Gone(Option<LockEnd>),
    /// The request was made, and a look at it failed.
    Unknown(Failure),
}

fn tell(word: &SignedRequest, receipt: &Receipt, path: &str, stands: Stands) -> Outcome {
    if word.reach.json {
        let (lock, entry, why) = match &stands {
            Stands::Held(entry) => ("held", Some(*entry), None),
            Stands::Waits(entry) => ("waiting", Some(*entry), None),
            Stands::Gone(why) => ("gone", None, *why),
            Stands::Unknown(_) => ("unknown", None, None),
        };
        let mode = entry.and_then(|entry| entry.mode.or(entry.wants));
        let (token, until) = (entry.and_then(|entry| entry.token), entry.and_then(|entry| entry.until));
        let place = entry.and_then(|entry| entry.place);
        print::json(&Requested { receipt, path, lock, mode, token, until, place, why })?;
    } else {
        change::lines(receipt).iter().try_for_each(print::say)?;
    }
    match stands {
        Stands::Held(lock) if !word.reach.json => Ok(print::say(held(lock))?),
        Stands::Waits(lock) if !word.reach.json => Ok(print::say(format_args!("  {}", waits(lock)))?),
        Stands::Held(_) | Stands::Waits(_) => Ok(()),
        Stands::Unknown(failure) => {
            let what = format!("the lock on {} was asked for, and how it stands is unknown", plain(path));
            let domain = advice::option(&receipt.domain);
            Err(failure.after(what).next(format!("`quorate lock list{domain}` shows who holds it and who waits")))
        }
        Stands::Gone(why) => {
            let why = match why {
                Some(LockEnd::Waited) => "it waited for as long as it was to",
                Some(LockEnd::Deadlock) => "it was the youngest of a circle of requests that waited for each other",
                Some(LockEnd::Lease) => "its lease is over already",
                None => "its author gave it back",
            };
            Err(Failure::no(format!("the lock on {} is not held: {why}", plain(path))))
        }
    }
}

fn held(lock: &LockEntry) -> String {
    let mode = lock.mode.map(change::word).unwrap_or_default();
    let (token, until) = (lock.token.unwrap_or_default(), clock::date(lock.until.unwrap_or_default()));
    format!("  {mode} with token {token} until {until}")
}

fn waits(lock: &LockEntry) -> String {
    let whom: Vec<String> = lock.waits_for.iter().map(short).collect();
    let mode = lock.wants.map(change::word).unwrap_or_default();
    let place = lock.place.unwrap_or_default();
    format!("{mode} on {} waits at place {place} for {}", plain(&lock.path), whom.join(", "))
}

async fn list(args: &List) -> Outcome {
    let client = args.reach.client()?;
    let query = [("path", args.path.as_deref().unwrap_or("")), ("level", level_name(args.level))];
    let raw: Vec<Value> = client.list(&["domains", &args.scope.domain, "locks"], &query, LIST_MAX).await?;
    if args.reach.json {
        return Ok(print::json(&page(&raw))?);
    }
    let mut table = Table::new(&["path", "holder", "of", "mode", "token", "until", "in line"]);
    for value in &raw {
        let lock: LockEntry = client.read(value)?;
        let is_of_transaction = lock.mode.is_some() && lock.until.is_none();
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        table.row([
            plain(&lock.path),
            if is_of_transaction { lock.author.to_string() } else { short(lock.author) },
            plain(&lock.organisation),
            or_dash(lock.mode.map(change::word)),
            or_dash(lock.token.map(|token| token.to_string())),
            or_dash(lock.mode.map(|_| lock.until.map_or_else(|| "its decision".into(), clock::date))),
            or_dash(lock.wants.map(|mode| format!("{} at {}", change::word(mode), lock.place.unwrap_or_default()))),
        ]);
    }
    Ok(table.print("nothing is locked")?)
}

async fn mine(client: &Client, domain: &str, key: &PublicKey, level: Level) -> Result<AuthorLocks, Failure> {
    let path = ["domains", domain, "authors", &key.to_string(), "locks"];
    Ok(client.get(&path, &[("level", level_name(level))]).await?)
}

/// A path as the ledger names it; a typing mistake is told before it is signed.
fn in_ledger(path: &str) -> Result<String, Failure> {
    if path == "." { Ok(String::new()) } else { change::checked(path) }
}

fn millis(option: &str, seconds: f64) -> Result<u64, Failure> {
    let duration =
        Duration::try_from_secs_f64(seconds).map_err(|error| Failure::usage(format!("{option}: {error}")))?;
    Ok(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// A lease that the ledger takes; a typing mistake is told before it is signed.
pub fn lease(seconds: f64) -> Result<u64, Failure> {
    within("--lease", seconds, LEASE_MS_MIN..=LEASE_MS_MAX)
}

/// A time in line that the ledger takes.
fn wait(seconds: f64) -> Result<u64, Failure> {
    within("--wait", seconds, 0..=WAIT_MS_MAX)
}

fn within(option: &str, seconds: f64, allowed: RangeInclusive<u64>) -> Result<u64, Failure> {
    let asked = millis(option, seconds)?;
    let (from, to) = (*allowed.start() as f64 / 1e3, *allowed.end() as f64 / 1e3);
    let fault = || Failure::usage(format!("{option}: from {from} to {to} seconds, not {seconds}; nothing was signed"));
    allowed.contains(&asked).then_some(asked).ok_or_else(fault)
}

fn parse_mode(text: &str) -> Result<LockMode, String> {
    named(&text.to_uppercase()).ok_or_else(|| "modes are IS, IX, S, SIX, X".into())
}
