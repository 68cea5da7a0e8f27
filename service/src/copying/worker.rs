//! Worker: asks one node, as long as it answers and tells the truth.

use super::load::{Load, Task};
use super::outcome::{CopyError, Progress};
use super::source::Source;
use quorate_ledger::copy::TakeError;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Pause of a worker that has nothing to ask.
const PAUSE: Duration = Duration::from_millis(20);

/// Parts that a node may call changed while it was asked: one that always says so serves nothing.
const MOVED_MAX: u32 = 4_096;

pub(super) fn lock(load: &Mutex<Load>) -> MutexGuard<'_, Load> {
    load.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks until the copy is whole, or the node is of no use; then says why.
pub(super) async fn work(
    load: Arc<Mutex<Load>>,
    (number, mut source): (usize, Source),
    tell: Arc<dyn Fn(&Progress) + Send + Sync>,
) -> Result<Option<String>, CopyError> {
    let mut moved = 0;
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
        while let Some(ask) = errand.ask() {
            let why = match source.answer(ask.encode()).await {
                Err(why) => why,
                Ok(answer) => match lock(&load).take(&mut errand, &answer) {
                    Ok(()) => continue,
                    Err(TakeError::Store(error)) => return Err(error.into()),
                    Err(TakeError::Refused(why)) => {
                        lock(&load).refuse(source.name(), why.clone());
                        format!("{}: {why}", source.name())
                    }
                },
            };
            return Ok(Some(ended(&load, number, errand, why)));
        }
        moved += errand.moved();
        if moved > MOVED_MAX {
            let why = format!("{} moves on faster than it can be copied", source.name());
            return Ok(Some(ended(&load, number, errand, why)));
        }
        let mut load = lock(&load);
        load.install(errand)?;
        tell(&load.progress);
    }
}

fn ended(load: &Mutex<Load>, number: usize, errand: quorate_ledger::copy::Errand, why: String) -> String {
    let mut load = lock(load);
    load.give_back(errand);
    load.leave(number);
    why
}
