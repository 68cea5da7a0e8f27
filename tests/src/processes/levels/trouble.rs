//! Trouble for the processes, one kind at a time: kills, stops, freezes.

use super::REPLICAS;
use crate::attacks::group::Group;
use crate::dice::Dice;
use crate::processes::kernel::signal;
use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

/// Time that a trouble lasts, and the calm after it, in milliseconds.
const LASTS_MS: (u64, u64) = (500, 4_000);

/// Maker of trouble.
pub(super) struct Trouble {
    dice: Dice,
    /// Replicas that were troubled, by what was done to them.
    pub(super) made: BTreeMap<&'static str, u64>,
}

impl Trouble {
    pub(super) fn new(dice: Dice) -> Self {
        Self { dice, made: BTreeMap::new() }
    }

    /// Makes one trouble, and mends it.
    pub(super) fn make(&mut self, group: &mut Group, tell: impl Fn(&str)) -> Result<(), String> {
        let seat = self.dice.below(REPLICAS as u64) as usize;
        let kind = *self.dice.weighted(&[(4, "killed"), (4, "frozen"), (2, "stopped"), (1, "killed together")]);
        tell(&format!("{kind}: {}", if kind == "killed together" { "all".to_owned() } else { seat.to_string() }));
        *self.made.entry(kind).or_default() += if kind == "killed together" { REPLICAS as u64 } else { 1 };
        match kind {
            "killed" => group.kill(seat),
            "stopped" => group.stop(seat)?,
            "killed together" => (0..REPLICAS).for_each(|seat| group.kill(seat)),
            _ => self.freeze(group, seat)?,
        }
        self.wait();
        group.revive()?;
        self.wait();
        Ok(())
    }

    fn freeze(&mut self, group: &mut Group, seat: usize) -> Result<(), String> {
        let Some(pid) = group.pids()[seat] else { return Ok(()) };
        signal(pid, libc::SIGSTOP).map_err(|error| error.to_string())?;
        self.wait();
        signal(pid, libc::SIGCONT).map_err(|error| error.to_string())
    }

    fn wait(&mut self) {
        sleep(Duration::from_millis(self.dice.between(LASTS_MS.0, LASTS_MS.1)));
    }
}
