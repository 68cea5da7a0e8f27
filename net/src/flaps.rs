//! Ups and downs of a peer in the log: a few at once, and beyond that one line a minute with their count.

use std::time::{Duration, Instant};

/// Lines that may follow each other at once: a peer that restarts goes down and comes up.
const AT_ONCE: u32 = 4;
/// Time for which further lines wait then, and after which such lines may follow each other again.
const PAUSE: Duration = Duration::from_secs(60);

/// Ups and downs of one peer.
#[derive(Debug, Default)]
pub(crate) struct Flaps {
    is_up: bool,
    /// Lines since the pause began, and when that was.
    lines: u32,
    began: Option<Instant>,
    /// Changes since the last line.
    untold: u64,
}

/// Line to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) is_up: bool,
    /// Changes that it stands for, its own included.
    pub(crate) changes: u64,
}

impl Flaps {
    /// The peer came up or went down; a line, if it is written at once.
    pub(crate) fn on_change(&mut self, is_up: bool, now: Instant) -> Option<Line> {
        self.is_up = is_up;
        self.untold += 1;
        if self.began.is_none_or(|began| now.duration_since(began) >= PAUSE) {
            (self.began, self.lines) = (Some(now), 0);
        }
        (self.lines < AT_ONCE).then(|| self.line())
    }

    /// When a line that waits is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.began.filter(|_| self.untold > 0).map(|began| began + PAUSE)
    }

    /// The line that has waited, if it is due.
    pub(crate) fn on_due(&mut self, now: Instant) -> Option<Line> {
        self.due().filter(|due| *due <= now)?;
        // A peer that still flaps has one line in this pause too.
        (self.began, self.lines) = (Some(now), AT_ONCE);
        Some(self.line())
    }

    fn line(&mut self) -> Line {
        self.lines += 1;
        Line { is_up: self.is_up, changes: std::mem::take(&mut self.untold) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_restarts_is_told_at_once() {
        let (mut flaps, now) = (Flaps::default(), Instant::now());

        assert_eq!(flaps.on_change(true, now), Some(Line { is_up: true, changes: 1 }));
        assert_eq!(flaps.on_change(false, now), Some(Line { is_up: false, changes: 1 }));
        assert_eq!(flaps.on_change(true, now), Some(Line { is_up: true, changes: 1 }));
        assert_eq!(flaps.due(), None);
    }

    #[test]
    fn a_peer_that_flaps_has_a_line_a_minute_with_the_count_and_its_last_state() {
        let (mut flaps, begin) = (Flaps::default(), Instant::now());
        let mut lines = vec![];
        for second in 0..600 {
            let now = begin + Duration::from_secs(second);
            lines.extend(flaps.on_due(now));
            lines.extend(flaps.on_change(second % 2 == 0, now));
        }
        let ends = flaps.due().expect("a line waits");
        lines.extend(flaps.on_due(ends));

        assert!((13..=15).contains(&lines.len()), "{}", lines.len());
        assert_eq!(lines.iter().map(|line| line.changes).sum::<u64>(), 600);
        assert!(!lines.last().expect("lines").is_up);
    }
}
