//! Several changes in one envelope: compositions, and transactions over domains of the group.

use super::{Author, Outcome, RACES_MAX, Sent, SubmitError, now_ms};
use crate::api::AuthorInfo;
use crate::outbox::Place;
use quorate_ledger::{Base, Body, Change, Dependency, Envelope, EnvelopeId, Level, Op, State, Wishes};
use quorate_pbft::Signer as _;

/// One change of a [`Plan`].
#[derive(Debug, Clone)]
pub struct Planned {
    /// What it is based on.
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
    /// Contents that the operations name and the group may not have.
    pub contents: Vec<Vec<u8>>,
}

impl Author {
    /// Signs the changes in one envelope, keeps it, sends it, and waits for its answer at that level. `signed` is told the
    /// envelope's id before it is sent; where that fails, nothing is.
    pub async fn transact(
        &mut self,
        plan: &Plan,
        level: Level,
        mut signed: impl FnMut(EnvelopeId) -> Result<(), SubmitError>,
    ) -> Result<Outcome, SubmitError> {
        let mut floor = 0;
        for _ in 0..RACES_MAX {
            let node = self.node_that_knows_us().await?;
            self.outbox.enter(node.group)?;
            let mut others = Vec::new();
            for (domain, _) in &plan.others {
                let info = self.info_in(domain).await?;
                others.push(self.outbox.next_place(domain, &info, 0, 1));
            }
            let envelope = self.sign_plan(plan, &node, floor, &others);
            signed(envelope.id(&node.group))?;
            match self.keep_and_send(&node.group, &envelope, level).await? {
                Sent::Answered(outcome) => return Ok(*outcome),
                Sent::LostRace(next_seq) => floor = next_seq.max(floor),
            }
        }
        Err(self.client.garbled("every number is taken; does another machine use this key?").into())
    }

    /// What became of an envelope of this outbox: accepted, refused, or not known yet.
    pub fn fate(&self, id: &EnvelopeId) -> Option<Option<State>> {
        self.outbox.find(id).map(crate::outbox::Entry::state)
    }

    fn sign_plan(&self, plan: &Plan, node: &AuthorInfo, floor: u64, others: &[Place]) -> Envelope {
        let count = (plan.own.len() + plan.others.len()) as u64;
        let place = self.outbox.next_place(&self.domain, node, floor, count);
        let own = plan.own.iter().map(|planned| self.own_change(planned, place.from_seq));
        let entered = plan.others.iter().zip(others).map(|((domain, planned), place)| {
            let enter = Op::Enter { domain: domain.clone(), seq: place.from_seq, attempt: place.attempt };
            let ops = std::iter::once(enter).chain(planned.ops.iter().cloned()).collect();
            Change::new(planned.base, ops, planned.message.clone(), now_ms())
        });
        let body = Body {
            author: self.key(),
            domain: self.domain.clone(),
            from_seq: place.from_seq,
            to_seq: place.to_seq,
            attempt: place.attempt,
            changes: own.chain(entered).collect(),
            carried: vec![],
        };
        Envelope::sign(&node.group, body, plan.contents.clone(), &self.signer)
    }

    fn own_change(&self, planned: &Planned, from_seq: u64) -> Change {
        let depends_on = planned.after.iter().map(|place| Dependency {
            author: self.signer.public_key(),
            domain: self.domain.clone(),
            seq: from_seq + *place as u64,
        });
        let wishes = Wishes { depends_on: depends_on.collect(), ..Wishes::default() };
        Change { wishes, ..Change::new(planned.base, planned.ops.clone(), planned.message.clone(), now_ms()) }
    }
}
