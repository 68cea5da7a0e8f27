//! Bytes of the database that hold rows, counted while its files are above the quota.

use super::vitals::bytes_in;
use super::watch::Sources;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Between two looks at the files, and least time between two counts.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Least time between two counts.
const COUNT_EVERY: Duration = Duration::from_secs(10);
/// Share of the time that counting takes at most: one in so many.
const COUNT_SHARE: u32 = 4;
/// Counts one after the other for a number between two folds.
const COUNTS_MAX: usize = 3;

/// Counts again and again until the core ends; nothing where no quota is set.
pub async fn count_live(sources: Arc<Sources>) {
    let Some(quota) = sources.quota_bytes else { return };
    while sources.published.has_changed().is_ok() {
        if bytes_in(&sources.data) <= quota {
            sources.live_bytes.store(0, Ordering::Release);
            tokio::time::sleep(LOOK_EVERY).await;
            continue;
        }
        let (around, begun) = (sources.clone(), Instant::now());
        // All pages are read: on a thread that may block.
        let counted = tokio::task::spawn_blocking(move || live_bytes(&around));
        let Ok(counted) = counted.await else { return };
        if let Some(live) = counted {
            sources.live_bytes.store(live, Ordering::Release);
        }
        tokio::time::sleep(COUNT_EVERY.max(COUNT_SHARE * begun.elapsed())).await;
    }
}

/// Bytes of all tables, each counted in a moment of its own; a disk that fails is met elsewhere. Rows that are folded
/// meanwhile may be missed: then all is counted again, unless folds come too fast. None once the node stops.
fn live_bytes(sources: &Sources) -> Option<u64> {
    let now = || sources.published.borrow().moment.clone();
    let mut live = None;
    for _ in 0..COUNTS_MAX {
        let begun = now().snapshot.fold();
        let live_bytes_of = |table| {
            let _runs = sources.published.has_changed().ok()?;
            now().snapshot.live_bytes_of(table).ok()
        };
        let tables: Option<u64> = now().snapshot.tables().map(live_bytes_of).sum();
        let ended = now();
        live = Some(tables? + ended.snapshot.unfolded_bytes());
        if ended.snapshot.fold() == begun {
            break;
        }
    }
    live
}
