//! Worker: asks one node, as long as it answers and tells the truth.

use super::load::{Load, Task};
use super::outcome::{CopyError, Progress};
use quorate_client::http::{Client, ClientError};
use quorate_ledger::copy::{Errand, Refused, TakeError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Pause of a worker that has nothing to ask.
const PAUSE: Duration = Duration::from_millis(20);

/// Pause of a worker whose node was too slow or lies behind: others go on meanwhile.
pub(super) const REST: Duration = Duration::from_secs(1);

/// Times that a node may lie behind before it is of no use.
const BEHIND_MAX: u32 = 30;

/// Times in a row that a node which has answered may be silent: it, or this machine, had something else to do.
pub(super) const SILENCES_MAX: u32 = 2;

/// Parts that a node may call changed while it was asked: one that always says so serves nothing.
const MOVED_MAX: u32 = 4_096;

pub(super) fn lock(load: &Mutex<Load>) -> MutexGuard<'_, Load> {
    load.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks until the copy is whole, or the node is of no use; then says why.
pub(super) async fn work(
    load: Arc<Mutex<Load>>,
    (number, node): (usize, Client),
    tell: Arc<dyn Fn(&Progress) + Send + Sync>,
) -> Result<Option<String>, CopyError> {
    let (mut moved, mut behind, mut silent) = (0, 0, SILENCES_MAX); // one that never answers is no node
    loop {
        let task = lock(&load).task(number)?;
        let mut errand = match task {
            Task::Ask(errand) => errand,
            Task::End => return Ok(None),
            Task::Wait => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let why = match bring(&load, &node, (&mut errand, &mut silent), &*tell).await? {
            Brought::All => {
                moved += errand.moved();
                let is_of_use = moved <= MOVED_MAX;
                if is_of_use {
                    let mut load = lock(&load);
                    load.install(errand)?;
                    tell(&load.progress);
                    continue;
                }
                format!("{} moves on faster than it can be copied", node.node())
            }
            Brought::TooSlow => {
                lock(&load).give_back_late(errand);
                tokio::time::sleep(REST).await;
                continue;
            }
            Brought::Behind(_) if behind < BEHIND_MAX && lock(&load).has_others() => {
                behind += 1;
                lock(&load).give_back(errand);
                tokio::time::sleep(REST).await;
                continue;
            }
            Brought::Behind(why) => format!("{} lies behind: {why}", node.node()),
            Brought::Nothing(why) => why,
        };
        return Ok(Some(ended(&load, number, errand, why)));
    }
}

/// Outcome of an errand.
enum Brought {
    All,
    /// The node took longer than others may have to wait.
    TooSlow,
    /// The node answers from a state that another one has left behind: no lie.
    Behind(Refused),
    /// No answer, or a wrong one.
    Nothing(String),
}

/// Asks for all parts of an errand. A node that has answered may be silent some times in a row, in whatever errands: its
/// question is asked again, for a record holds the answers before it.
async fn bring(
    load: &Mutex<Load>,
    node: &Client,
    (errand, silent): (&mut Errand, &mut u32),
    tell: &(dyn Fn(&Progress) + Send + Sync),
) -> Result<Brought, CopyError> {
    let begun = Instant::now();
    while let Some(ask) = errand.ask() {
        if lock(load).is_late(begun.elapsed()) {
            return Ok(Brought::TooSlow);
        }
        let answer = match node.renewed().state(ask.encode()).await {
            Ok(answer) => answer,
            Err(ClientError::NoAnswer { .. }) if *silent < SILENCES_MAX => {
                *silent += 1;
                tell(&lock(load).progress);
                tokio::time::sleep(REST).await;
                continue;
            }
            Err(error) => return Ok(Brought::Nothing(error.to_string())),
        };
        let taken = lock(load).take(errand, &answer); // a guard in the match would hold the lock for all of its arms
        match taken {
            Ok(()) => *silent = 0,
            Err(TakeError::Store(error)) => return Err(error.into()),
            Err(TakeError::Refused(why)) if !why.is_lie() => return Ok(Brought::Behind(why)),
            Err(TakeError::Refused(why)) => {
                lock(load).refuse(node.node(), why.clone());
                return Ok(Brought::Nothing(format!("{}: {why}", node.node())));
            }
        }
    }
    Ok(Brought::All)
}

fn ended(load: &Mutex<Load>, number: usize, errand: Errand, why: String) -> String {
    let mut load = lock(load);
    load.give_back(errand);
    load.leave(number);
    why
}
