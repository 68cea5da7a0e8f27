//! Seat of a group member: a machine, perhaps a liar around it, and clocks of its own.

use crate::attackers::Attacker;
use crate::keys::Keys;
use crate::machine::{CoreMachine, EngineMachine, Machine};
use crate::plan::{Clock, Plan};
use crate::presets::MILLI;
use crate::weather::Micros;
use quorate_ledger::Genesis;
use quorate_pbft::{Item, Now, PayloadCheck, ReplicaId, Ticks, Time};
use quorate_service::pool::CachedPayload;
use std::sync::Arc;

/// Wall clocks begin here: milliseconds since 1970.
const WALL: u64 = 1_700_000_000_000;

/// Divisor of clock rates, which are in parts of a million.
const MILLION: i128 = 1_000_000;

pub(super) struct Seat {
    pub(super) machine: Box<dyn Machine>,
    pub(super) attacker: Option<Box<dyn Attacker>>,
    /// Counts starts; also tells events of a killed process from those of its successor.
    pub(super) generation: u64,
    pub(super) commit_at: Option<Micros>,
    pub(super) wake_at: Option<Micros>,
    pub(super) down: u32,
    /// Messages that it heard.
    pub(super) heard: u64,
    /// Check of the items on lanes, which remembers those that were valid; where there is a ledger.
    pub(super) payload: Option<CachedPayload>,
    checked: Option<Arc<dyn PayloadCheck>>,
    clock: Clock,
    /// Milliseconds by which faults have moved its wall clock.
    jumped: i64,
}

impl Seat {
    /// Seat at the table, with a check of items of its own where there is one to be `checked` by.
    pub(super) fn new(
        me: ReplicaId,
        plan: &Plan,
        keys: &Keys,
        genesis: Option<Arc<Genesis>>,
        checked: Option<&Arc<dyn PayloadCheck>>,
    ) -> Self {
        let attack = plan.attackers.iter().find(|(liar, _)| *liar == me).map(|(_, attack)| *attack);
        Self {
            machine: match genesis {
                Some(genesis) => Box::new(EngineMachine::new(me, keys, genesis)),
                None => Box::new(CoreMachine::new(me, plan, keys)),
            },
            attacker: attack.map(|attack| attack.attacker(me, keys, plan)),
            generation: 0,
            commit_at: None,
            wake_at: None,
            down: 0,
            heard: 0,
            payload: checked.cloned().map(CachedPayload::new),
            checked: checked.cloned(),
            clock: plan.clocks[me.index()],
            jumped: 0,
        }
    }

    /// Notes an item that its gate has let in.
    pub(super) fn remember(&self, item: &Item) {
        self.payload.iter().for_each(|payload| payload.remember(item));
    }

    /// Loses what a process remembers.
    pub(super) fn forget(&mut self) {
        self.payload = self.checked.clone().map(CachedPayload::new);
    }

    /// Its clocks.
    pub(super) fn clocks(&self, now: Micros) -> Now {
        let wall = WALL + scaled(now, self.clock.wall_ppm) / MILLI;
        let off = self.clock.ahead_ms + self.jumped;
        Now { ticks: Ticks::new(self.ticks(now)), wall: Time::new(wall.saturating_add_signed(off)) }
    }

    /// Moves its wall clock.
    pub(super) fn jump(&mut self, millis: i64) {
        self.jumped += millis;
    }

    /// When its own clock shows `ticks`.
    pub(super) fn moment_of(&self, ticks: Ticks) -> Micros {
        let micros = i128::from(ticks.get()) * i128::from(MILLI) * MILLION;
        let about = micros / (MILLION + i128::from(self.clock.ticks_ppm));
        let mut at = u64::try_from(about).unwrap_or(u64::MAX);
        while self.ticks(at) < ticks.get() {
            at += 1;
        }
        at
    }

    fn ticks(&self, now: Micros) -> u64 {
        scaled(now, self.clock.ticks_ppm) / MILLI
    }
}

/// Time shown by a clock that gains this many parts in a million.
fn scaled(now: Micros, ppm: i64) -> Micros {
    let shown = i128::from(now) * (MILLION + i128::from(ppm)) / MILLION;
    u64::try_from(shown).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_gains_shows_more_and_is_waited_for_less() {
        assert_eq!(scaled(1_000_000, 100_000), 1_100_000);
        assert_eq!(scaled(1_000_000, -100_000), 900_000);
        assert_eq!(scaled(1_000_000, 0), 1_000_000);
    }
}
