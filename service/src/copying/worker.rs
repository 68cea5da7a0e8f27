//! Worker: asks one node, as long as it answers and tells the truth.

use super::load::{Load, Task};
use super::outcome::{CopyError, Progress, Tell};
use quorate_client::http::{Client, ClientError};
use quorate_ledger::copy::{Ask, Errand, TakeError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Pause of a worker that has nothing to ask.
const PAUSE: Duration = Duration::from_millis(20);

/// Pause of a worker whose node was too slow or lies behind: others go on meanwhile.
const REST: Duration = Duration::from_secs(1);

/// Times in a row that a node may lie behind before it is of no use.
const BEHIND_MAX: u32 = 30;

/// The same for the last node: it may have been started again, and catches up, or give up the state that it answers from.
const BEHIND_ALONE_MAX: u32 = 15;

/// Answer of a node whose state has no such domain.
const NOT_FOUND: u16 = 404;

/// Pause of a worker whose node has fallen silent while others answer, in steps of a rest.
const AWAY: u32 = 10;

/// Such pauses without an answer after which the node is of no use.
const AWAY_MAX: u32 = 12;

/// The same where no other node answers either: this machine may have been cut off for a moment.
const AWAY_ALONE_MAX: u32 = 1;

/// Times in a row that a node which has answered may be silent: it, or this machine, had something else to do.
const SILENCES_MAX: u32 = 2;

/// Parts in a row that a node may call changed while it was asked: one that always says so serves nothing.
const MOVED_MAX: u32 = 4_096;

pub(super) fn lock(load: &Mutex<Load>) -> MutexGuard<'_, Load> {
    load.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks until the copy is whole, or the node is of no use; then says why, and whether it refuses.
pub(super) async fn work(
    load: Arc<Mutex<Load>>,
    (number, node): (usize, Client),
    tell: Tell,
) -> Result<Option<(String, bool)>, CopyError> {
    let (mut moved, mut behind) = (0, 0);
    let (mut silent, mut away) = (SILENCES_MAX, AWAY_MAX); // one that never answers is no node
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
        let begun = Instant::now();
        let brought = bring(&load, &node, (&mut errand, &mut silent, begun), &*tell).await?;
        let refuses = matches!(brought, Brought::Refusal(_));
        let why = match brought {
            Brought::All => {
                moved = if errand.moved() == 0 { 0 } else { moved + errand.moved() };
                (away, behind) = (0, 0);
                let is_of_use = moved <= MOVED_MAX;
                if is_of_use {
                    let mut load = lock(&load);
                    load.install(errand, (number, begun.elapsed()))?;
                    tell(&load.progress);
                    continue;
                }
                format!("{} moves on faster than it can be copied", node.node())
            }
            Brought::TooSlow => {
                lock(&load).give_back_late(number, errand);
                tokio::time::sleep(REST).await;
                continue;
            }
            Brought::Behind(_) if behind < lock(&load).pauses(BEHIND_MAX, BEHIND_MAX).max(BEHIND_ALONE_MAX) => {
                behind += 1;
                lock(&load).give_back(errand);
                tokio::time::sleep(REST).await;
                continue;
            }
            Brought::Silence(_) if away < lock(&load).pauses(AWAY_MAX, AWAY_ALONE_MAX) => {
                away += 1;
                if rest_of(&load, number, errand).await {
                    return Ok(None);
                }
                continue;
            }
            Brought::Behind(why) => format!("{} lies behind: {why}", node.node()),
            Brought::Silence(why) | Brought::Refusal(why) | Brought::Nothing(why) => why,
        };
        lock(&load).leave(number, errand);
        return Ok(Some((why, refuses)));
    }
}

/// Outcome of an errand.
enum Brought {
    All,
    /// The node took longer than others may have to wait.
    TooSlow,
    /// The node answers from a state that another one has left behind, or that has no such domain yet: no lie.
    Behind(String),
    /// No answer, however often it was asked: it may have been stopped and started.
    Silence(String),
    /// The node says no.
    Refusal(String),
    /// A wrong answer.
    Nothing(String),
}

/// Asks for all parts of an errand. A node that has answered may be silent some times in a row, in whatever errands: its
/// question is asked again, for a record holds the answers before it.
async fn bring(
    load: &Mutex<Load>,
    node: &Client,
    (errand, silent, begun): (&mut Errand, &mut u32, Instant),
    tell: &(dyn Fn(&Progress) + Send + Sync),
) -> Result<Brought, CopyError> {
    while let Some(ask) = errand.ask() {
        if lock(load).is_late(begun.elapsed()) {
            return Ok(Brought::TooSlow);
        }
        let asked = Instant::now();
        let answer = match answer(node, &ask, silent).await {
            Ok(Some(answer)) => answer,
            Ok(None) => {
                tell(&lock(load).progress);
                continue;
            }
            Err(error @ ClientError::NoAnswer { .. }) => return Ok(Brought::Silence(error.to_string())),
            Err(ClientError::Refused(problem)) if problem.status == NOT_FOUND => {
                return Ok(Brought::Behind(problem.to_string()));
            }
            Err(error @ ClientError::Refused(_)) => {
                return Ok(Brought::Refusal(format!("{} refuses: {error}", node.node())));
            }
            Err(error) => return Ok(Brought::Nothing(error.to_string())),
        };
        let pause = lock(load).left_alone(asked.elapsed());
        if !pause.is_zero() {
            tokio::time::sleep(pause).await; // of no time it would take a millisecond
        }
        let taken = lock(load).take(errand, &answer); // a guard in the match would hold the lock for all of its arms
        match taken {
            Ok(()) => (),
            Err(TakeError::Store(error)) => return Err(error.into()),
            Err(TakeError::Refused(why)) if !why.is_lie() => return Ok(Brought::Behind(why.to_string())),
            Err(TakeError::Refused(why)) => {
                lock(load).refuse(node.node(), why.clone());
                return Ok(Brought::Nothing(format!("{}: {why}", node.node())));
            }
        }
    }
    Ok(Brought::All)
}

/// Asks a node once; none where it was silent, and is to be asked the same again. Answers reset its count of silences.
pub(super) async fn answer(node: &Client, ask: &Ask, silent: &mut u32) -> Result<Option<Vec<u8>>, ClientError> {
    match node.renewed().state(ask.encode()).await {
        Ok(answer) => {
            *silent = 0;
            Ok(Some(answer))
        }
        Err(ClientError::NoAnswer { .. }) if *silent < SILENCES_MAX => {
            *silent += 1;
            tokio::time::sleep(REST).await;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Leaves a silent node's errand and turn to others for a while. Whether the copy is whole by then.
async fn rest_of(load: &Mutex<Load>, number: usize, errand: Errand) -> bool {
    lock(load).rest(number, errand);
    for _ in 0..AWAY {
        tokio::time::sleep(REST).await;
        if lock(load).is_over() {
            return true;
        }
    }
    lock(load).enter(number);
    false
}
