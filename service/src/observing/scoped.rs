//! Parts of a certified state for observers that follow some domains alone: the group's own tree and those of their domains,
//! as long as everyone may read these, and all others too or the observer is enrolled.

use crate::api::Service;
use crate::engine::Certified;
use crate::tasks::spawn;
use quorate_ledger::StateView;
use quorate_ledger::copy::{self, Ask, SCOPE_MAX};
use quorate_pbft::SeqNum;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Time for which a state is at hand, so that the last questions of a difference meet the state of the first.
const HELD_FOR: Duration = Duration::from_secs(5);
/// Time for which a state counts as the newest: observers that ask at once are given the same.
const NEWEST_FOR: Duration = Duration::from_millis(250);
/// States that are held at once: while one is, no page that it can see is used again.
const HELD_MAX: usize = 10;

/// States that observers are given parts of.
#[derive(Default)]
pub struct States(Arc<Mutex<VecDeque<(Instant, Certified)>>>);

impl States {
    /// The state of a slot if it is at hand, else the newest.
    fn state(&self, at: Option<SeqNum>, newest: impl FnOnce() -> Option<Certified>) -> Option<Certified> {
        let mut held = lock(&self.0);
        let wanted = |(since, state): &&(Instant, Certified)| match at {
            Some(at) => state.moment.seq() == at,
            None => since.elapsed() < NEWEST_FOR,
        };
        if let Some((_, state)) = held.iter().rev().find(wanted) {
            return Some(state.clone());
        }
        let newest = newest()?;
        if held.back().is_none_or(|(_, last)| last.moment.seq() != newest.moment.seq()) {
            if held.len() >= HELD_MAX {
                held.pop_front();
            }
            held.push_back((Instant::now(), newest.clone()));
            let held = self.0.clone();
            spawn(async move {
                sleep(HELD_FOR).await;
                lock(&held).retain(|(since, _)| since.elapsed() < HELD_FOR);
            });
        }
        Some(newest)
    }
}

fn lock(held: &Mutex<VecDeque<(Instant, Certified)>>) -> MutexGuard<'_, VecDeque<(Instant, Certified)>> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why an observer of these domains is not served. The group's own tree comes whole, and names the paths that authors have
/// locked in every domain: while one is closed, it is for enrolled observers.
pub fn refusal(view: &StateView<'_>, domains: &[String], is_enrolled: bool) -> Option<String> {
    if domains.len() > SCOPE_MAX {
        return Some(format!("{SCOPE_MAX} domains at most are followed by one observer"));
    }
    let fault = domains.iter().find_map(|domain| match view.is_open(domain) {
        Some(true) => None,
        Some(false) => Some(format!("not everyone may read domain {domain:?}")),
        None => Some(format!("the group has no domain {domain:?}")),
    });
    let closed = || view.closed_domain().filter(|_| !is_enrolled);
    let of_others = |name| format!("not everyone may read domain {name:?}, so an observer of others must be enrolled");
    fault.or_else(|| closed().map(of_others))
}

/// Answers a question about the certified state from what an observer of these domains may have, and says the bytes as which
/// the rows count that were read in vain.
pub async fn answer(
    service: &Arc<Service>,
    states: &States,
    domains: &[String],
    (at, ask): (Option<SeqNum>, Vec<u8>),
) -> Result<(Vec<u8>, usize), String> {
    let ask = Ask::decode(&ask).filter(|ask| ask.is_within(domains));
    let ask = ask.ok_or_else(|| "no question about the domains that were named".to_owned())?;
    let state = states.state(at, || service.now().certified);
    let Certified { moment, certificate } = state.ok_or_else(|| "no state is signed yet".to_owned())?;
    let make = move || copy::answer_at_cost(&moment.ledger, &moment.snapshot, &certificate, &ask);
    let made = tokio::task::spawn_blocking(make).await.map_err(|_| "the member is stopping".to_owned())?;
    made.map_err(|error| error.to_string())
}
