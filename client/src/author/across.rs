//! Transactions over several groups: authors, one for each group, carry proofs between the groups until each has ended its branch.
//!
//! All that was done stands in the groups. Each step follows from what they say, so that the same again goes on after a crash,
//! and beside others who carry the decision.

use super::{Author, Draft, Outcome, SubmitError};
use crate::api::{TransactionEntry, TransactionState, named};
use crate::http::{Client, ClientError};
use crate::outbox::OutboxError;
use quorate_ledger::proof::BranchProof;
use quorate_ledger::{Branch, BranchState, Code, GlobalTransaction, Level, Op, Receipt, State, TransactionId};
use quorate_pbft::{Digest, Epoch};

/// Part that one group has in a transaction: an author at a node of it, and the operations of the branch.
pub struct Side {
    /// Author in the branch's domain. The key is that of no other side: an outbox is of one group.
    pub author: Author,
    /// Operations with their base; none of them where the branch was prepared before.
    pub draft: Draft,
}

/// Why a transaction stands still. Its groups keep what was done.
#[derive(Debug, thiserror::Error)]
pub enum AcrossError {
    /// Step without a verdict.
    #[error("{step} at {node}: {cause}")]
    Open {
        /// Node that was asked.
        node: String,
        /// Step in one word.
        step: &'static str,
        /// Error that ended the step.
        cause: Box<SubmitError>,
    },
    /// Decision that a group refuses.
    #[error("{} refuses to {step}: {}", .refusal.node, .refusal.why)]
    Refused {
        /// Step in one word.
        step: &'static str,
        /// Refusal of the step.
        refusal: Refusal,
    },
    /// Branch that its node does not know, although the home has committed with its promise.
    #[error(
        "{node}, the node of the group {group}, is behind: it does not know the branch whose promise the home has committed with"
    )]
    Behind {
        /// Node that was asked.
        node: String,
        /// Group of the branch.
        group: Digest,
    },
    /// Operations of which the branch's terms do not speak.
    #[error("the change for {0} is not the one that the groups were told of")]
    OtherChange(String),
    /// Sides that are not those of the branches.
    #[error("the transaction is of {branches} groups, one node of each; {sides} of them have a node here")]
    OtherGroups {
        /// Branches of the transaction.
        branches: usize,
        /// Branches with a side.
        sides: usize,
    },
}

/// Refusal of a step by a group.
#[derive(Debug)]
pub struct Refusal {
    /// Node that was asked.
    pub node: String,
    /// As the group says it.
    pub why: String,
    /// Code of the refusal, where the group gives one.
    pub code: Option<Code>,
}

/// End of a transaction.
#[derive(Debug)]
pub struct Ended {
    /// Record of each group, in the order of the branches; none where a group was never asked to prepare.
    pub branches: Vec<Option<TransactionEntry>>,
    /// Refusal for which it was aborted.
    pub refused: Option<Refusal>,
}

/// Next step of a transaction, at the side with this place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Prepare(usize),
    Decide(usize, bool),
    /// Wait for a node that does not know of its group's promise.
    Behind(usize),
    Over,
}

impl Step {
    /// The step that the states of the branches lead to, the home's first; `is_refused` where a group would not take part.
    fn after(states: &[Option<TransactionState>], is_refused: bool) -> Self {
        use TransactionState::{Aborted, Committed, Prepared, Settled};
        let place =
            |is: fn(&Option<TransactionState>) -> bool| states.iter().skip(1).position(is).map(|place| place + 1);
        match states.first().copied().flatten() {
            None if is_refused => Self::Over,
            None => Self::Prepare(0),
            Some(Prepared | Settled) => {
                let is_ended = place(|state| matches!(state, Some(Settled | Committed | Aborted))).is_some();
                match place(Option::is_none) {
                    _ if is_refused || is_ended => Self::Decide(0, false),
                    Some(place) => Self::Prepare(place),
                    None => Self::Decide(0, true),
                }
            }
            Some(end @ (Committed | Aborted)) => {
                let unknown = place(Option::is_none).filter(|_| end == Committed);
                match (place(|state| matches!(state, Some(Prepared | Settled))), unknown) {
                    (Some(place), _) => Self::Decide(place, end == Committed),
                    (None, Some(place)) => Self::Behind(place),
                    (None, None) => Self::Over,
                }
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Prepare(_) => "prepare",
            Self::Decide(_, true) => "commit",
            Self::Decide(_, false) => "abort",
            Self::Behind(_) | Self::Over => "look",
        }
    }
}

/// Transaction over several groups on its way.
pub struct Across<'a> {
    transaction: &'a GlobalTransaction,
    sides: Vec<Side>,
}

impl<'a> Across<'a> {
    /// Brings the sides into the order of the branches, once everything that their authors had sent before has a verdict.
    pub async fn open(transaction: &'a GlobalTransaction, sides: Vec<Side>) -> Result<Self, AcrossError> {
        let (branches, mut known) = (transaction.branches.len(), Vec::new());
        for mut side in sides {
            let settled = side.author.settle().await;
            let group = side.author.group_of_node().await;
            let group = settled.and(group).map_err(|cause| side.author.open_at(Step::Over, cause))?;
            known.extend(transaction.branches.iter().position(|branch| branch.group == group).map(|at| (at, side)));
        }
        known.sort_by_key(|(place, _)| *place);
        known.dedup_by_key(|(place, _)| *place);
        match known.len() == branches {
            true => Ok(Self { transaction, sides: known.into_iter().map(|(_, side)| side).collect() }),
            false => Err(AcrossError::OtherGroups { branches, sides: known.len() }),
        }
    }

    /// Goes from step to step until every group has ended its branch.
    pub async fn run(&mut self) -> Result<Ended, AcrossError> {
        let mut refused: Option<Refusal> = None;
        loop {
            let branches = self.look().await?;
            let step = Step::after(&states(&branches), refused.is_some());
            let done = match step {
                Step::Over => return Ok(Ended { branches, refused }),
                Step::Behind(at) => return Err(self.behind(at)),
                Step::Prepare(at) => self.prepare(at).await,
                Step::Decide(at, commit) => self.decide(at, commit).await,
            };
            let mut refusal = match done {
                Ok(()) => continue,
                Err(AcrossError::Refused { refusal, .. }) => refusal,
                Err(open) => return Err(open),
            };
            if Step::after(&states(&self.look().await?), refused.is_some()) != step {
                continue; // somebody else has done it
            }
            if let (Step::Prepare(_) | Step::Decide(0, true), None) = (step, &refused) {
                refused = Some(refusal);
                continue;
            }
            if let Some(Refusal { node, why, .. }) = &refused {
                refusal.why += &format!("; it is to be aborted since {node} refuses: {why}");
            }
            return Err(AcrossError::Refused { step: step.name(), refusal });
        }
    }

    /// Records of all groups, from nodes that know every confirmed one.
    async fn look(&self) -> Result<Vec<Option<TransactionEntry>>, AcrossError> {
        let (id, mut branches) = (self.transaction.id(), Vec::new());
        for Side { author, .. } in &self.sides {
            let found = author.client.renewed().transaction(&id, Level::Strong).await;
            branches.push(found.map_err(|error| author.open_at(Step::Over, error.into()))?);
        }
        Ok(branches)
    }

    fn behind(&self, at: usize) -> AcrossError {
        let node = self.sides[at].author.client.node().to_owned();
        AcrossError::Behind { node, group: self.transaction.branches[at].group }
    }

    /// Lets a group promise its branch.
    async fn prepare(&mut self, at: usize) -> Result<(), AcrossError> {
        let (step, Draft { base, ops, contents, message }) = (Step::Prepare(at), self.sides[at].draft.clone());
        if Branch::change_of(&ops) != self.transaction.branches[at].change {
            return Err(AcrossError::OtherChange(self.sides[at].author.client.node().to_owned()));
        }
        let proof = if at == 0 { Vec::new() } else { self.proof(0, at, BranchState::Prepared, step).await? };
        let prepare = Op::Prepare { transaction: self.transaction.clone(), proof };
        let ops = std::iter::once(prepare).chain(ops).collect();
        self.sides[at].author.step(step, &Draft { base, ops, contents, message }).await
    }

    /// Lets a group end its branch.
    async fn decide(&mut self, at: usize, commit: bool) -> Result<(), AcrossError> {
        let (step, mut proofs) = (Step::Decide(at, commit), Vec::new());
        if at > 0 {
            let decided = if commit { BranchState::Committed } else { BranchState::Aborted };
            proofs.push(self.proof(0, at, decided, step).await?);
        } else if commit {
            for other in 1..self.sides.len() {
                proofs.push(self.proof(other, 0, BranchState::Prepared, step).await?);
            }
        }
        let decide = Op::Decide { transaction: self.transaction.id(), commit, proofs };
        self.sides[at]
            .author
            .step(step, &Draft { base: None, ops: vec![decide], contents: vec![], message: String::new() })
            .await
    }

    /// Proof for the group `reader`; a refusal where the branch has come to be otherwise.
    async fn proof(&self, of: usize, reader: usize, state: BranchState, step: Step) -> Result<Vec<u8>, AcrossError> {
        let (author, group) = (&self.sides[of].author, &self.transaction.branches[of].group);
        let (of, reader) = (author.client.renewed(), self.sides[reader].author.client.renewed());
        let proof = proof_for(&reader, (&of, group), &self.transaction.id(), state).await;
        let proof = proof.map_err(|error| author.open_at(step, error.into()))?;
        match proof.record().state {
            found if found == state => Ok(proof.encode()),
            found => Err(author.refused_at(step, format!("its branch is {found:?}"), None)),
        }
    }
}

/// Proof of a group's branch in this state, or in one that never leads there, for another group: without the steps to the epoch that is
/// known there.
pub async fn proof_for(
    reader: &Client,
    (of, group): (&Client, &Digest),
    id: &TransactionId,
    state: BranchState,
) -> Result<BranchProof, ClientError> {
    let known = reader.known_groups().await?;
    let known = known.iter().find(|known| known.group == *group).map_or(0, |known| known.epoch);
    Ok(of.transaction_proof(id, state).await?.after(Epoch::new(known)))
}

impl Author {
    /// Group of the author's node; an error where the outbox is of another one.
    pub async fn group_of_node(&self) -> Result<Digest, SubmitError> {
        let theirs = self.client.renewed().status().await?.group;
        match self.group() {
            Some(ours) if ours != theirs => Err(OutboxError::OtherGroup { ours, theirs }.into()),
            _ => Ok(theirs),
        }
    }

    /// Submits a step; a verdict that is none of its effects is a refusal.
    async fn step(&mut self, step: Step, draft: &Draft) -> Result<(), AcrossError> {
        self.renew();
        match self.submit(draft, Level::Sequential).await {
            Ok(Outcome::Verdict(receipt)) if receipt.state != State::Applied => {
                Err(self.refused_at(step, words(&receipt), receipt.code))
            }
            Ok(_) => Ok(()), // the next look tells
            Err(SubmitError::Gate { problem, .. }) => {
                Err(self.refused_at(step, problem.to_string(), named(&problem.code)))
            }
            Err(cause) => Err(self.open_at(step, cause)),
        }
    }

    fn refused_at(&self, step: Step, why: String, code: Option<Code>) -> AcrossError {
        let node = self.client.node().to_owned();
        AcrossError::Refused { step: step.name(), refusal: Refusal { node, why, code } }
    }

    fn open_at(&self, step: Step, cause: SubmitError) -> AcrossError {
        AcrossError::Open { node: self.client.node().to_owned(), step: step.name(), cause: Box::new(cause) }
    }
}

fn states(branches: &[Option<TransactionEntry>]) -> Vec<Option<TransactionState>> {
    branches.iter().map(|branch| branch.as_ref().map(|branch| branch.state)).collect()
}

fn words(receipt: &Receipt) -> String {
    let code = receipt.code.map_or_else(|| format!("{:?}", receipt.state), |code| code.to_string());
    receipt.detail.as_ref().map_or(code.clone(), |detail| format!("{code}: {detail}"))
}

#[cfg(test)]
mod tests {
    use super::Step::{Behind, Decide, Over, Prepare};
    use super::TransactionState::{Aborted, Committed, Prepared, Settled};
    use super::*;

    fn after(states: &[Option<TransactionState>]) -> [Step; 2] {
        [false, true].map(|is_refused| Step::after(states, is_refused))
    }

    #[test]
    fn the_home_prepares_first_and_commits_last_before_the_others() {
        assert_eq!(after(&[None, None, None]), [Prepare(0), Over]);
        assert_eq!(after(&[Some(Prepared), None, None])[0], Prepare(1));
        assert_eq!(after(&[Some(Prepared), Some(Prepared), None])[0], Prepare(2));
        assert_eq!(after(&[Some(Prepared); 3])[0], Decide(0, true));
    }

    #[test]
    fn the_home_aborts_once_a_group_refuses_or_has_ended_its_branch_without_it() {
        assert_eq!(after(&[Some(Prepared), None, None])[1], Decide(0, false));
        assert_eq!(after(&[Some(Prepared); 3])[1], Decide(0, false));
        assert_eq!(after(&[Some(Prepared), Some(Prepared), Some(Settled)])[0], Decide(0, false));
        assert_eq!(after(&[Some(Prepared), Some(Committed), None])[0], Decide(0, false));
    }

    #[test]
    fn the_decision_of_the_home_is_carried_to_those_that_wait_for_it() {
        assert_eq!(after(&[Some(Committed), Some(Prepared), Some(Settled)]), [Decide(1, true); 2]);
        assert_eq!(after(&[Some(Committed), Some(Committed), Some(Settled)]), [Decide(2, true); 2]);
        assert_eq!(after(&[Some(Aborted), None, Some(Prepared)]), [Decide(2, false); 2]);
        assert_eq!(after(&[Some(Aborted), None, Some(Aborted)]), [Over; 2]);
        assert_eq!(after(&[Some(Committed); 3]), [Over; 2]);
    }

    #[test]
    fn a_transaction_that_its_home_has_committed_is_not_over_where_a_node_knows_of_no_promise() {
        assert_eq!(after(&[Some(Committed), None]), [Behind(1); 2]);
        assert_eq!(after(&[Some(Committed), None, Some(Prepared)]), [Decide(2, true); 2]);
        assert_eq!(after(&[Some(Aborted), None]), [Over; 2], "nobody promises it any more");
    }
}
