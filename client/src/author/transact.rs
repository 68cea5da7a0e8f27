//! Several changes in one envelope: compositions, and transactions over domains of the group.

use super::{Author, Outcome, SubmitError, now_ms};
use crate::api::AuthorInfo;
use crate::keys::KeyError;
use crate::outbox::Place;
use quorate_ledger::{Base, Change, Dependency, Envelope, EnvelopeId, Level, Op, State, Wishes};

/// Change of a [`Plan`].
#[derive(Debug, Clone)]
pub struct Planned {
    /// Revision or envelope that it is based on.
    pub base: Base,
    /// In order.
    pub ops: Vec<Op>,
    /// For people.
    pub message: String,
    /// Changes of the same plan and domain that it depends on, by their place from 0: it makes the plan a composition.
    pub after: Vec<usize>,
}

/// Changes that take effect together or not at all.
#[derive(Debug, Clone)]
pub struct Plan {
    /// In the author's domain: at least one.
    pub own: Vec<Planned>,
    /// In other domains: one change for each. Its base is a revision.
    pub others: Vec<(String, Planned)>,
    /// Contents that the operations name, as in a [`Draft`](super::Draft).
    pub contents: Vec<Vec<u8>>,
}

impl Author {
    /// Signs the changes in one envelope, keeps it, sends it, and waits for its answer at that level. `signed` is told the
    /// envelope's id before it is sent; where that fails, nothing is.
    pub async fn transact(
        &mut self,
        plan: &Plan,
        level: Level,
        signed: impl FnMut(EnvelopeId) -> Result<(), SubmitError>,
    ) -> Result<Outcome, SubmitError> {
        let domains: Vec<&str> = plan.others.iter().map(|(domain, _)| domain.as_str()).collect();
        let sign =
            |author: &Self, node: &AuthorInfo, floor, others: &[Place]| author.sign_plan(plan, node, floor, others);
        self.sign_and_send(&domains, level, sign, signed).await
    }

    /// State of an envelope of this outbox: accepted, refused, or none yet; none at all if it is unknown.
    pub fn fate(&self, id: &EnvelopeId) -> Option<Option<State>> {
        self.outbox.find(id).map(crate::outbox::Entry::state)
    }

    fn sign_plan(&self, plan: &Plan, node: &AuthorInfo, floor: u64, others: &[Place]) -> Result<Envelope, KeyError> {
        let count = (plan.own.len() + plan.others.len()) as u64;
        let place = self.outbox.next_place(&self.domain, node, floor, count);
        let own = plan.own.iter().map(|planned| self.own_change(planned, place.from_seq));
        let entered = plan.others.iter().zip(others).map(|((domain, planned), place)| {
            let enter = Op::Enter { domain: domain.clone(), seq: place.from_seq, attempt: place.attempt };
            let ops = std::iter::once(enter).chain(planned.ops.iter().cloned()).collect();
            Change::new(planned.base, ops, planned.message.clone(), now_ms())
        });
        self.enclose(&node.group, place, own.chain(entered).collect(), &plan.contents)
    }

    fn own_change(&self, planned: &Planned, from_seq: u64) -> Change {
        let depends_on = planned.after.iter().map(|place| Dependency {
            author: self.key(),
            domain: self.domain.clone(),
            seq: from_seq + *place as u64,
        });
        let wishes = Wishes { depends_on: depends_on.collect(), ..Wishes::default() };
        Change { wishes, ..Change::new(planned.base, planned.ops.clone(), planned.message.clone(), now_ms()) }
    }
}
