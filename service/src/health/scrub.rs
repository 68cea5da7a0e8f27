//! Scrub: a walk through the stored state of a running replica, so that damage is found before anybody needs what it
//! has hit. A step reads a bounded part of one moment and lets it go.

use super::scrubbed::Findings;
use super::watch::Sources;
use crate::shelter::sheltered;
use quorate_ledger::StoreError;
use quorate_ledger::copy::{Damage, Fault, Survey, Walk};
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of a step: a moment is held for some milliseconds.
const STEP_BYTES: u64 = 1 << 20;
/// Bytes a second: a small store within a second, ten gigabytes within the hour.
const BYTES_PER_SECOND: u64 = 4 << 20;
/// Share of a thread's time that a walk takes at most, one in so many: where others need the processor, steps take longer.
const TIME_SHARE: u32 = 50;
/// Between two walks.
const REST: Duration = Duration::from_secs(30);
/// Damages of a walk that are logged one by one.
const LOGGED_MAX: usize = 100;

/// Walk that is under way.
#[derive(Debug, Default)]
struct Scrub {
    walk: Walk,
    state: Findings,
    history: Findings,
    /// Damages that this walk has named, and the one before.
    named: BTreeSet<String>,
    known: BTreeSet<String>,
}

/// Walks again and again until the core ends.
pub async fn scrub(sources: Arc<Sources>) {
    let mut scrub = Scrub::default();
    while sources.published.has_changed().is_ok() {
        let begun = scrub.walk.bytes;
        let around = sources.clone();
        // Rows are read: on a thread that may block.
        let stepped = tokio::task::spawn_blocking(move || {
            let started = Instant::now();
            let is_through = scrub.step(&around);
            (scrub, is_through, started.elapsed())
        });
        let Ok((stepped, is_through, took)) = stepped.await else { return };
        scrub = stepped;
        if is_through {
            scrub = Scrub { known: scrub.named, ..Scrub::default() };
            tokio::time::sleep(REST).await;
        } else {
            let read = scrub.walk.bytes.saturating_sub(begun);
            let pause = Duration::from_millis(1_000 * read / BYTES_PER_SECOND);
            tokio::time::sleep(pause.max(took * TIME_SHARE)).await;
        }
    }
}

impl Scrub {
    /// Looks at the next part; whether that was the last one.
    fn step(&mut self, sources: &Sources) -> bool {
        let moment = sources.published.borrow().moment.clone();
        let (before, mut found) = (self.walk.bytes, Vec::new());
        let walked = sheltered(|| {
            let mut note = |damage: Damage| found.push(damage);
            Survey::of(&moment.ledger).go_on(&moment.snapshot, &mut self.walk, STEP_BYTES, &mut note)
        });
        let walked = walked.unwrap_or_else(|| Err(StoreError("the structure of the database cannot be read".into())));
        let is_through = walked.unwrap_or_else(|error| {
            self.note_unreadable(error); // nothing behind it can be read
            true
        });
        found.into_iter().for_each(|damage| self.note(&damage));
        let mut told = sources.scrubbed.lock().unwrap_or_else(PoisonError::into_inner);
        told.bytes += self.walk.bytes - before;
        told.walks += u64::from(is_through);
        told.state.renew(&self.state, is_through);
        told.history.renew(&self.history, is_through);
        is_through
    }

    fn note(&mut self, damage: &Damage) {
        let (words, is_of_history) = (damage.to_string(), damage.fault == Fault::Receipt);
        let findings = if is_of_history { &mut self.history } else { &mut self.state };
        findings.note(&words, damage.kind == "file");
        self.log(words);
    }

    fn note_unreadable(&mut self, StoreError(why): StoreError) {
        self.state.note(&why, false);
        self.log(why);
    }

    fn log(&mut self, damage: String) {
        if self.is_news(&damage) {
            tracing::error!(event = "damage-found", %damage, "the disk has changed what was written");
        }
    }

    /// Whether neither this walk nor the one before has named a damage.
    fn is_news(&mut self, damage: &str) -> bool {
        let is_named = self.named.len() < LOGGED_MAX && self.named.insert(damage.to_owned());
        is_named && !self.known.contains(damage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_pbft::Digest;

    fn damage(kind: &'static str, name: &str, fault: Fault) -> Damage {
        Damage { domain: "main".to_owned(), kind, name: name.to_owned(), fault }
    }

    /// Entries stand in the order of their hashes, so that either may come first.
    #[test]
    fn a_damaged_file_is_named_before_another_entry_with_its_content() {
        for order in [[0, 1], [1, 0]] {
            let mut scrub = Scrub::default();
            for (kind, name) in order.map(|at| [("author's numbers", "8f63"), ("file", "ports")][at]) {
                scrub.note(&damage(kind, name, Fault::Content(Digest::ZERO)));
            }
            let told = scrub.state.in_words().expect("two damages");
            assert!(told.starts_with("file ports ") && told.ends_with("; and 1 more"), "{told}");
        }
    }

    #[test]
    fn a_damage_is_news_once_and_again_after_a_walk_that_did_not_find_it() {
        let mut scrub = Scrub::default();
        let mut next = |named: &[&str]| {
            let news: Vec<bool> = named.iter().map(|damage| scrub.is_news(damage)).collect();
            scrub = Scrub { known: std::mem::take(&mut scrub.named), ..Scrub::default() };
            news
        };
        assert_eq!(next(&["a", "a", "b"]), [true, false, true]);
        assert_eq!(next(&["a"]), [false]);
        assert_eq!(next(&["a", "b"]), [false, true]);
    }

    #[test]
    fn a_damaged_receipt_is_damage_of_history_alone() {
        let mut scrub = Scrub::default();
        scrub.note(&damage("receipt", "aa", Fault::Receipt));
        assert_eq!((scrub.state.count, scrub.history.count), (0, 1));
    }
}
