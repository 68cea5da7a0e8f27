//! Envelopes that the order can only refuse, because what they are based on was refused or given up.

use super::{Answer, Entry, Outbox, OutboxError};
use crate::api::Problem;
use quorate_ledger::{EnvelopeId, State};
use std::collections::BTreeSet;

/// Code of the answer to an envelope that was given up with its base: the one of the verdict that it would have.
const BASE_REFUSED: &str = "base-refused";

/// Code of the answer to an envelope that the owner of its key has given up, alone or with what it is based on.
pub const GIVEN_UP: &str = "given-up";

impl Entry {
    /// Whether nothing that is based on it can be accepted, whenever and wherever it is ordered.
    fn is_refused_for_good(&self) -> bool {
        match &self.answer {
            Some(Answer::Verdict(receipt)) => receipt.state == State::Refused,
            Some(Answer::Gate(problem)) => [BASE_REFUSED, GIVEN_UP].contains(&problem.code.as_str()),
            None => false,
        }
    }
}

impl Outbox {
    /// Gives up the envelopes without an answer that are based on one that was refused or given up, those whose numbers another
    /// one has used, and those based on them. Numbers that are not used are free: each takes the next attempt, and whatever a
    /// node still holds of the earlier one can only be refused.
    pub fn give_up_hopeless(&mut self) -> Result<Vec<EnvelopeId>, OutboxError> {
        let all = self.entries.values().flatten();
        let mut refused: BTreeSet<EnvelopeId> =
            all.filter(|entry| entry.is_refused_for_good()).map(|entry| entry.id).collect();
        let mut given_up = Vec::new();
        for name in self.unanswered() {
            let Some(entry) = self.entry(&name) else { continue };
            let (id, base) = (entry.id, entry.bases.iter().find(|base| refused.contains(base)).copied());
            let why = base.map(|base| format!("{id} is based on {base}, which was refused or given up"));
            let why = why.or_else(|| Some(format!("{} has used a number of {id}", self.user_of_numbers(entry)?)));
            if let Some(why) = why {
                let detail = format!("given up: {why}");
                self.answer(&name, Answer::Gate(Problem::refused(409, "sequence", BASE_REFUSED, detail)))?;
                refused.insert(id);
                given_up.push(id);
            }
        }
        Ok(given_up)
    }

    /// Envelopes without an answer that are based on one of these, or on another such one.
    pub fn based_on(&self, ids: &[EnvelopeId]) -> Vec<EnvelopeId> {
        let mut hang = ids.to_vec();
        for entry in self.entries.values().flatten().filter(|entry| entry.answer.is_none()) {
            if !ids.contains(&entry.id) && entry.bases.iter().any(|base| hang.contains(base)) {
                hang.push(entry.id);
            }
        }
        hang.split_off(ids.len())
    }

    /// The envelope that took effect under a number of this one.
    fn user_of_numbers(&self, of: &Entry) -> Option<EnvelopeId> {
        let meets = |other: &&Entry| other.name.from_seq <= of.to_seq && of.name.from_seq <= other.to_seq;
        let all = self.entries.get(&of.name.domain)?;
        all.iter().filter(|other| other.took_effect()).find(meets).map(|other| other.id)
    }

    /// Whether an envelope of this outbox was refused or given up: numbers that a node still holds for it are free.
    pub fn is_refused(&self, id: &EnvelopeId) -> bool {
        self.find(id).is_some_and(|entry| entry.state() == Some(State::Refused))
    }
}
