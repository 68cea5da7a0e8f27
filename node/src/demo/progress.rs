//! Progress on standard error: a line that is written over at a terminal, whole lines elsewhere.

use std::fmt;
use std::io::{IsTerminal as _, Write as _, stderr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Between two updates of the line at a terminal, and between two lines elsewhere.
const PACE_TERMINAL: Duration = Duration::from_millis(100);
const PACE_LOG: Duration = Duration::from_secs(10);

/// Tells people how far it is.
pub struct Progress {
    terminal: bool,
    told: Mutex<Option<Instant>>,
}

impl Progress {
    pub fn new() -> Self {
        Self { terminal: stderr().is_terminal(), told: Mutex::new(None) }
    }

    /// A line that stays.
    pub fn say(&self, line: fmt::Arguments<'_>) {
        let clear = if self.terminal { "\r\x1b[K" } else { "" };
        // Nobody may be there to read it.
        let _ = writeln!(stderr(), "{clear}demo: {line}");
    }

    /// Shows the progress now and then.
    pub fn at(&self, line: fmt::Arguments<'_>) {
        let pace = if self.terminal { PACE_TERMINAL } else { PACE_LOG };
        let mut told = self.told.lock().expect("nothing panics while it is held");
        if told.is_some_and(|at| at.elapsed() < pace) {
            return;
        }
        *told = Some(Instant::now());
        let _ = match self.terminal {
            true => write!(stderr(), "\r\x1b[Kdemo: {line}"),
            false => writeln!(stderr(), "demo: {line}"),
        };
    }

    /// Leaves the line.
    pub fn end(&self) {
        if self.terminal {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}
