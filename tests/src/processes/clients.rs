//! Authors at work: each reads a register strongly at one replica and writes to it, based on what it read, at another.
//!
//! A register is a path. A write whose author had not seen the newest write or dispute comes into conflict, and the path
//! goes on serving what stood there: so a register is compare-and-set, and two authors at once are seen to be two.

use super::group::{Group, REPLICAS, node};
use super::history::{Action, History, Operation, Value, Written};
use crate::dice::Dice;
use quorate_client::api::AT_HEADER;
use quorate_client::author::{Author, Draft, Outcome, SubmitError};
use quorate_client::content;
use quorate_client::http::{Client, ClientError};
use quorate_ledger::{Base, EnvelopeId, Level, Mode, Op, Receipt, Revision, State};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Authors.
pub const AUTHORS: usize = 8;

/// Registers: fewer than authors, so that they meet.
pub const REGISTERS: usize = 5;

/// The domain of all registers.
pub const DOMAIN: &str = "main";

/// Time that a client waits at one replica before it tries another.
const PATIENCE: Duration = Duration::from_secs(2);

/// Between two operations of one author, in milliseconds.
const REST_MS: (u64, u64) = (20, 80);

/// Of a hundred reads, those that a write follows.
const WRITES_PERCENT: u64 = 60;

/// A verdict that was given to an author: it must never be lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    /// Envelope that was signed.
    pub id: EnvelopeId,
    /// Revision at which it took effect.
    pub revision: Option<Revision>,
}

/// State that the authors share.
pub struct Shared {
    /// A client for each replica.
    pub clients: Vec<Client>,
    /// Operations and their results.
    pub history: History,
    confirmed: Mutex<Vec<Confirmed>>,
    refused: Mutex<BTreeMap<String, u64>>,
    failures: Mutex<Vec<String>>,
    /// For each replica: when the newest write was called that was confirmed through it, in microseconds.
    newest: Vec<AtomicU64>,
    next_number: AtomicU64,
    stop: AtomicBool,
    give_up: AtomicBool,
}

/// Running authors.
pub struct Load {
    /// State that they share.
    pub shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

impl Load {
    /// Sets all authors of a group to work.
    pub fn start(runtime: &tokio::runtime::Handle, group: &Group, dice: &Dice) -> Result<Self, ClientError> {
        let clients = (0..REPLICAS).map(|replica| Client::new(&node(replica), PATIENCE)).collect::<Result<_, _>>()?;
        let shared = Arc::new(Shared {
            clients,
            history: History::new(),
            confirmed: Mutex::default(),
            refused: Mutex::default(),
            failures: Mutex::default(),
            newest: (0..REPLICAS).map(|_| AtomicU64::new(0)).collect(),
            next_number: AtomicU64::new(1),
            stop: AtomicBool::new(false),
            give_up: AtomicBool::new(false),
        });
        let work = |index| {
            let (shared, key) = (shared.clone(), group.author_key(index));
            Worker { index, key, dice: dice.fork(100 + index as u64), shared }.work()
        };
        let tasks = (0..AUTHORS).map(|index| runtime.spawn(work(index))).collect();
        Ok(Self { shared, tasks })
    }

    /// No author begins anything new; those that have no verdict yet go on asking for it until `limit`.
    pub async fn finish(self, limit: Duration) -> Arc<Shared> {
        self.shared.stop.store(true, Ordering::Relaxed);
        let shared = self.shared.clone();
        let end = tokio::time::Instant::now() + limit;
        for mut task in self.tasks {
            if tokio::time::timeout_at(end, &mut task).await.is_err() {
                shared.give_up.store(true, Ordering::Relaxed);
                if let Err(error) = task.await {
                    shared.fail(format!("an author: {error}"));
                }
            }
        }
        shared
    }
}

impl Shared {
    /// When the newest write was called that this replica confirmed, in the history's time; none if there was none.
    pub fn newest_confirmed(&self, replica: usize) -> Option<Duration> {
        let micros = self.newest[replica].load(Ordering::Relaxed);
        (micros > 0).then(|| Duration::from_micros(micros))
    }

    /// Confirmed changes.
    pub fn confirmed(&self) -> Vec<Confirmed> {
        locked(&self.confirmed).clone()
    }

    /// Refusals by code.
    pub fn refused(&self) -> BTreeMap<String, u64> {
        locked(&self.refused).clone()
    }

    /// Results that no honest group would give.
    pub fn failures(&self) -> Vec<String> {
        locked(&self.failures).clone()
    }

    fn fail(&self, what: String) {
        locked(&self.failures).push(what);
    }

    /// Reads a register strongly at a replica; its value and the revision of the answer. None if there is no answer.
    pub async fn read(&self, client: usize, register: usize, replica: usize) -> Option<(Value, Revision)> {
        let call = self.history.now();
        let path = path(register);
        let asked = ["domains", DOMAIN, "files", path.as_str()];
        let answer = self.clients[replica].renewed().get_bytes(&asked, &[("level", "strong")]).await;
        let (value, at) = match answer {
            Ok(answer) => {
                let number = number(&answer.body);
                let at = answer.header(AT_HEADER).and_then(|at| at.parse().ok());
                let (Some(number), Some(at)) = (number, at) else {
                    self.fail(format!("replica {replica} serves what nobody wrote at {path}: {:?}", answer.body));
                    return None;
                };
                (Some(number), at)
            }
            Err(ClientError::Refused(problem)) if problem.code == "missing-path" => (None, Revision::GENESIS),
            Err(ClientError::NoAnswer { .. }) => return None,
            Err(error) => {
                self.fail(format!("a read at replica {replica}: {error}"));
                return None;
            }
        };
        let answer = Some(self.history.now());
        self.history.record(register, Operation { client, action: Action::Read(value), call, answer });
        Some((value, at))
    }

    /// Notes a verdict; what it means for the register, if it was ordered.
    fn judge(&self, receipt: &Receipt, replica: usize, call: Duration) -> Option<Written> {
        let written = match receipt.state {
            State::Applied => Written::Applied,
            State::Conflict => Written::Disputed,
            State::Refused => {
                let code = receipt.code.map_or_else(String::new, |code| code.to_string());
                *locked(&self.refused).entry(code).or_default() += 1;
                return None;
            }
            other => {
                self.fail(format!("replica {replica} answers a plain write with {other:?}: {}", receipt.id));
                return None;
            }
        };
        locked(&self.confirmed).push(Confirmed { id: receipt.id, revision: receipt.revision });
        self.newest[replica].fetch_max(call.as_micros() as u64, Ordering::Relaxed);
        Some(written)
    }
}

/// Author at work.
struct Worker {
    index: usize,
    key: PathBuf,
    dice: Dice,
    shared: Arc<Shared>,
}

impl Worker {
    async fn work(mut self) {
        while !self.shared.stop.load(Ordering::Relaxed) {
            if let Err(error) = self.read_and_write().await {
                return self.shared.fail(format!("author {}: {error}", self.index));
            }
            let rest = self.dice.between(REST_MS.0, REST_MS.1);
            tokio::time::sleep(Duration::from_millis(rest)).await;
        }
    }

    fn any_replica(&mut self) -> usize {
        self.dice.below(REPLICAS as u64) as usize
    }

    async fn read_and_write(&mut self) -> Result<(), SubmitError> {
        let register = self.dice.below(REGISTERS as u64) as usize;
        let replica = self.any_replica();
        let Some((expected, at)) = self.shared.read(self.index, register, replica).await else { return Ok(()) };
        if self.dice.chance(WRITES_PERCENT) { self.write(register, expected, at).await } else { Ok(()) }
    }

    async fn write(&mut self, register: usize, expected: Value, at: Revision) -> Result<(), SubmitError> {
        let replica = self.any_replica();
        let number = self.shared.next_number.fetch_add(1, Ordering::Relaxed);
        let draft = draft(register, number, at);
        let call = self.shared.history.now();
        // The author is dropped here, and its outbox unlocked for the next one.
        let submitted = self.author(replica).await?.submit(&draft, Level::Sequential).await;
        let verdict = match submitted {
            Ok(Outcome::Verdict(receipt)) => Some((receipt, replica)),
            Err(SubmitError::Unanswered { receipt, .. }) => self.settle(receipt.id).await?,
            // Nothing was signed.
            Err(SubmitError::Client(ClientError::NoAnswer { .. })) => return Ok(()),
            Err(other) => return Err(other),
            Ok(Outcome::Ticket(ticket)) => {
                self.shared.fail(format!("a ticket where a verdict was asked for: {}", ticket.receipt.id));
                return Ok(());
            }
        };
        let (outcome, answer) = match verdict {
            Some((receipt, replica)) => match self.shared.judge(&receipt, replica, call) {
                Some(outcome) => (outcome, Some(self.shared.history.now())),
                None => return Ok(()),
            },
            None => (Written::Unknown, None),
        };
        let action = Action::Write { expected, number, outcome };
        self.shared.history.record(register, Operation { client: self.index, action, call, answer });
        Ok(())
    }

    /// Asks one replica after the other until there is a verdict; the replica that gave it. None when all is over.
    async fn settle(&mut self, id: EnvelopeId) -> Result<Option<(Receipt, usize)>, SubmitError> {
        while !self.shared.give_up.load(Ordering::Relaxed) {
            let replica = self.any_replica();
            let settled = self.author(replica).await?.settle().await;
            match settled {
                Ok(receipts) => {
                    let found = receipts.into_iter().find(|receipt| receipt.id == id);
                    return Ok(found.map(|receipt| (receipt, replica)));
                }
                Err(SubmitError::Client(ClientError::NoAnswer { .. })) => (),
                Err(other) => return Err(other),
            }
        }
        Ok(None)
    }

    async fn author(&self, replica: usize) -> Result<Author, SubmitError> {
        Author::open(&self.key, self.shared.clients[replica].renewed(), DOMAIN).await
    }
}

/// The file of a register.
pub fn path(register: usize) -> String {
    format!("register-{register}")
}

/// Write of a single line, so that no merge can make one of two.
fn draft(register: usize, number: u64, at: Revision) -> Draft {
    let text = format!("write {number}").into_bytes();
    let op = Op::Put { path: path(register), mode: Mode::File, content: content::digest(&text) };
    Draft { base: Some(Base::Revision(at)), ops: vec![op], contents: vec![text], message: format!("number {number}") }
}

/// The number of the write that left this content.
fn number(content: &[u8]) -> Option<u64> {
    std::str::from_utf8(content).ok()?.strip_prefix("write ")?.parse().ok()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
