//! Scrub: a walk through the stored state of a running replica, so that damage is found before anybody needs what it
//! has hit. A step reads a bounded part of one moment and lets it go.

use super::watch::Sources;
use crate::shelter::sheltered;
use quorate_ledger::StoreError;
use quorate_ledger::copy::{Damage, Survey, Walk};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// Bytes of a step: a moment is held for some milliseconds.
const STEP_BYTES: u64 = 1 << 20;
/// Bytes a second: a small store within a second, ten gigabytes within the hour.
const BYTES_PER_SECOND: u64 = 4 << 20;
/// Between two walks.
const REST: Duration = Duration::from_secs(30);
/// Damages of a walk that are logged one by one.
const LOGGED_MAX: u64 = 100;

/// Walk that is under way.
#[derive(Debug, Default)]
struct Scrub {
    walk: Walk,
    damages: u64,
    first: Option<String>,
}

/// Walks again and again until the core ends.
pub async fn scrub(sources: Arc<Sources>) {
    let mut scrub = Scrub::default();
    while sources.published.has_changed().is_ok() {
        let begun = scrub.walk.bytes;
        let around = sources.clone();
        // Rows are read: on a thread that may block.
        let stepped = tokio::task::spawn_blocking(move || {
            let is_through = scrub.step(&around);
            (scrub, is_through)
        });
        let Ok((stepped, is_through)) = stepped.await else { return };
        scrub = stepped;
        if is_through {
            scrub = Scrub::default();
            tokio::time::sleep(REST).await;
        } else {
            let read = scrub.walk.bytes.saturating_sub(begun);
            tokio::time::sleep(Duration::from_millis(1_000 * read / BYTES_PER_SECOND)).await;
        }
    }
}

impl Scrub {
    /// Looks at the next part; whether that was the last one.
    fn step(&mut self, sources: &Sources) -> bool {
        let moment = sources.published.borrow().moment.clone();
        let (snapshot, before, mut found) = (moment.snapshot.apart(), self.walk.bytes, Vec::new());
        let walked = sheltered(|| {
            let mut note = |damage: Damage| found.push(damage.to_string());
            Survey::of(&moment.ledger).go_on(&snapshot, &mut self.walk, STEP_BYTES, &mut note)
        });
        let walked = walked.unwrap_or_else(|| Err(StoreError("the structure of the database cannot be read".into())));
        let is_through = walked.unwrap_or_else(|error| {
            found.push(error.0); // nothing behind it can be read
            true
        });
        found.into_iter().for_each(|damage| self.note(damage));
        let mut told = sources.scrubbed.lock().unwrap_or_else(PoisonError::into_inner);
        told.bytes += self.walk.bytes - before;
        told.walks += u64::from(is_through);
        if is_through || self.damages >= told.damages {
            (told.damages, told.first) = (self.damages, self.first.clone());
        }
        is_through
    }

    fn note(&mut self, damage: String) {
        self.damages += 1;
        if self.damages <= LOGGED_MAX {
            tracing::error!(event = "damage-found", %damage, "the disk has changed what was written");
        }
        self.first.get_or_insert(damage);
    }
}
