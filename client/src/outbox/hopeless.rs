//! Envelopes that the order can only refuse, because what they are based on was refused.

use super::{Answer, Entry, Outbox, OutboxError};
use crate::api::Problem;
use quorate_ledger::{Base, Body, EnvelopeId, State};
use std::collections::BTreeSet;

/// Code of the answer to an envelope that was given up: the one of the verdict that it would have.
const GIVEN_UP: &str = "base-refused";

/// Envelopes that the changes of a body are based on.
pub(super) fn bases(body: &Body) -> Vec<EnvelopeId> {
    let named = |base| if let Base::Envelope(id) = base { Some(id) } else { None };
    body.changes.iter().filter_map(|change| named(change.base)).collect()
}

impl Entry {
    /// Whether nothing that is based on it can be accepted, whenever and wherever it is ordered.
    fn is_refused_for_good(&self) -> bool {
        match &self.answer {
            Some(Answer::Verdict(receipt)) => receipt.state == State::Refused,
            Some(Answer::Gate(problem)) => problem.code == GIVEN_UP,
            None => false,
        }
    }
}

impl Outbox {
    /// Gives up the envelopes without an answer that are based on a refused one, and those based on them. Their numbers are
    /// free: each takes the next attempt, and whatever a node still holds of the earlier one can only be refused.
    pub fn give_up_hopeless(&mut self) -> Result<Vec<EnvelopeId>, OutboxError> {
        let all = self.entries.values().flatten();
        let mut refused: BTreeSet<EnvelopeId> =
            all.filter(|entry| entry.is_refused_for_good()).map(|entry| entry.id).collect();
        let mut given_up = Vec::new();
        for name in self.unanswered() {
            let Some(entry) = self.entry(&name) else { continue };
            let (id, base) = (entry.id, entry.bases.iter().find(|base| refused.contains(base)).copied());
            if let Some(base) = base {
                let detail = format!("given up: {id} is based on {base}, which was refused");
                self.answer(&name, Answer::Gate(Problem::refused(409, "sequence", GIVEN_UP, detail)))?;
                refused.insert(id);
                given_up.push(id);
            }
        }
        Ok(given_up)
    }

    /// Whether an envelope of this outbox was refused or given up: numbers that a node still holds for it are free.
    pub fn is_refused(&self, id: &EnvelopeId) -> bool {
        self.find(id).is_some_and(|entry| entry.state() == Some(State::Refused))
    }
}
