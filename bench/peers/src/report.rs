//! Figures of a system, as `quorate bench` reads them.

use serde::Serialize;
use std::time::Duration;

/// Figures of a system.
#[derive(Debug, Serialize)]
pub struct Peer {
    /// Name of the system.
    pub name: String,
    /// Version that it tells.
    pub version: String,
    /// Changes answered to their authors.
    pub changes_per_second: f64,
    /// Half of them were answered within.
    pub p50_ms: f64,
    /// 99 of 100 were.
    pub p99_ms: f64,
    /// Processor time of all its processes for one change.
    pub cpu_us_per_change: f64,
    /// Services of quorate's answer that its answer lacks.
    pub leaves_out: Vec<String>,
}

/// Milliseconds within which a share of times lies; 0 of none.
pub fn percentile_ms(sorted: &[Duration], percent: usize) -> f64 {
    let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(index).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}
