//! Times of answers, as percentiles.

use serde::Serialize;
use std::time::Duration;

/// Percentiles that a report tells.
const PERCENTILES: &[f64] = &[10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9, 100.0];

/// Time within which a share of the answers came.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Percentile {
    /// Share of the answers, of a hundred.
    pub percent: f64,
    /// Milliseconds.
    pub ms: f64,
}

/// Percentiles of sorted times.
pub fn percentiles(sorted: &[Duration]) -> Vec<Percentile> {
    PERCENTILES.iter().map(|&percent| Percentile { percent, ms: percentile_ms(sorted, percent) }).collect()
}

/// Milliseconds within which a share of sorted times lies; 0 of none.
pub fn percentile_ms(sorted: &[Duration], percent: f64) -> f64 {
    let index = (sorted.len() as f64 * percent / 100.0) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_a_hundred_times_are_the_times_in_their_places() {
        let times: Vec<Duration> = (0..100).map(Duration::from_millis).collect();
        assert_eq!((percentile_ms(&times, 50.0), percentile_ms(&times, 99.0)), (50.0, 99.0));
        assert_eq!(percentile_ms(&times, 100.0), 99.0, "the longest");
    }

    #[test]
    fn percentiles_of_nothing_are_zero() {
        assert_eq!(percentile_ms(&[], 99.0), 0.0);
    }
}
