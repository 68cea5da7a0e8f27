//! The replica's analyser: looks at conflicts as they begin, and puts its proposals on the own lane.

use super::drive::{Engine, Work};
use super::error::EngineError;
use super::slot::opened;
use quorate_ledger::{ConflictId, Event};
use quorate_pbft::{Decided, Input};

/// A slot older than this by the own clock is caught up with: whoever was there then has proposed.
const FRESH_MS: u64 = 30_000;

impl Engine {
    /// Proposes for the conflicts that a slot opened. Whether the core takes the items is no matter: a replica that may
    /// not sign, or whose lane is full, has nothing to say. Others' proposals are wanted from now on, however old the slot is.
    pub(super) fn analyse(&mut self, decided: &Decided, events: &[Event], work: &mut Work) -> Result<(), EngineError> {
        let opened: Vec<ConflictId> = opened(events).collect();
        opened.iter().for_each(|id| self.dues.begins(id, self.own_clock));
        let is_old = decided.time.get().saturating_add(FRESH_MS) < self.wall.get();
        if is_old || self.core.member().is_none() {
            return Ok(());
        }
        for id in opened {
            self.db.pulse().beat();
            let analysis = self.ledger.view(&work.batch).analyse(&id)?;
            if let Some(item) = analysis.and_then(|analysis| analysis.item()) {
                self.take_in(Input::Submit(item), work)?;
            }
        }
        Ok(())
    }
}
