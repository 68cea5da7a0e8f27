//! Causal order (A4): derived from the bases of changes, claimed by nobody.

use super::StateView;
use crate::format::receipt::State;
use crate::state::record::Verdict;
use crate::state::store::StoreError;
use crate::vocabulary::ids::EnvelopeId;
use crate::vocabulary::revision::Revision;

/// Links of a chain that one answer follows.
const LINKS_MAX: usize = 100_000;

/// Causal relation of two envelopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The second was made by somebody who had seen the first.
    Before,
    /// The first was made by somebody who had seen the second.
    After,
    /// Neither author had seen the other's.
    Concurrent,
    /// They are one envelope.
    Same,
}

/// Causal relation of two envelopes, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Causality {
    /// The first to the second.
    pub order: Order,
    /// For people.
    pub why: String,
}

impl<'a> StateView<'a> {
    /// Causal relation of two envelopes; none if one of them had no verdict, or was refused: it changed nothing.
    ///
    /// The executed cut of the revision that a change names is its vector clock. The clock covers every lane position
    /// that was executed up to that revision, and for a chain also the chain's own, never the cuts at which those were
    /// executed.
    pub fn causality(&self, first: &EnvelopeId, second: &EnvelopeId) -> Result<Option<Causality>, StoreError> {
        let verdicts = (self.ledger.verdict(self.read, first)?, self.ledger.verdict(self.read, second)?);
        let (Some(a), Some(b)) = verdicts else {
            return Ok(None);
        };
        if [&a, &b].iter().any(|verdict| verdict.receipt.state == State::Refused) {
            return Ok(None);
        }
        if first == second {
            return Ok(Some(Causality { order: Order::Same, why: "they are one envelope".into() }));
        }
        let (order, why) = if let Some(why) = self.covers(&b, &a)? {
            (Order::Before, why)
        } else if let Some(why) = self.covers(&a, &b)? {
            (Order::After, why)
        } else {
            let told = |verdict: &Verdict| format!("{} is based on {}", verdict.receipt.id, verdict.first);
            let place = |verdict: &Verdict| verdict.receipt.revision.unwrap_or(Revision::GENESIS);
            let why = format!("{}, {}; they were executed at {} and {}", told(&a), told(&b), place(&a), place(&b));
            (Order::Concurrent, why)
        };
        Ok(Some(Causality { order, why }))
    }

    /// Why the clock of `later` covers `earlier`; none if it does not.
    fn covers(&self, later: &Verdict, earlier: &Verdict) -> Result<Option<String>, StoreError> {
        let (Some(made), seen) = (earlier.receipt.revision, later.first) else {
            return Ok(None);
        };
        let (early, late) = (&earlier.receipt, &later.receipt);
        if made <= seen {
            let lane = early.lane.map_or(0, |lane| lane.get());
            let place = format!("lane {lane}, bundle {}", earlier.position);
            return Ok(Some(format!("{} is based on {seen}, which covers {} at {made} ({place})", late.id, early.id)));
        }
        let mut parent = later.parent;
        for _ in 0..LINKS_MAX {
            match parent {
                Some(id) if id == early.id => {
                    return Ok(Some(format!("{} is in the chain below {}", early.id, late.id)));
                }
                Some(id) => parent = self.ledger.verdict(self.read, &id)?.and_then(|verdict| verdict.parent),
                None => break,
            }
        }
        Ok(None)
    }
}
