//! Executing a decided slot, and what it means for who waits here.

use super::drive::{Engine, Work};
use super::error::EngineError;
use super::mempool::{Lack, Stream};
use super::round::Notice;
use super::slot;
use quorate_ledger::{DeferReason, Deferred, Receipt};
use quorate_pbft::{Decided, Executed, Input};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Engine {
    /// Executes a slot inside the round's commit.
    pub(super) fn execute(&mut self, decided: &Decided, work: &mut Work) -> Result<Executed, EngineError> {
        let state = (&mut self.ledger, &mut self.roots);
        let outcome = slot::execute(state, &mut work.batch, decided, &self.constants)?;
        work.at_checkpoint |= decided.content.is_checkpoint(decided.seq, &self.constants);
        work.batch.vouch();
        work.round.slots += 1;
        work.executed_bytes += decided.bundles.iter().map(|bundle| bundle.header.bytes).sum::<u64>();
        let executed = Executed {
            seq: decided.seq,
            state_root: outcome.state_root,
            members_after: self.ledger.executed().members_after,
            recorded: outcome.recorded,
            next: self.ledger.executed().next.clone(),
            deadline: outcome.deadline,
        };
        for header in decided.bundles.iter().map(|bundle| &bundle.header) {
            self.dues.brought.executed(header.lane, header.position);
            self.dues.loose.get_mut(&header.lane).into_iter().for_each(|loose| loose.executed(header));
        }
        self.analyse(decided, &outcome.events, work)?;
        if !outcome.work.is_empty() {
            work.round.notices.push(Notice::Worked { work: outcome.work, time: self.ledger.executed().time });
        }
        let mut moved = self.settle(outcome.receipts, work);
        moved.extend(outcome.moved.into_iter().filter(|(author, domain)| {
            self.mempool().of(author, domain).next().is_some() // a transaction used a number there
        }));
        moved.extend(self.take_back(outcome.deferred, work)?);
        self.go_on(moved, work)?;
        self.withdraw(work)?;
        Ok(executed)
    }

    /// Verdicts end waiting. Returns whose numbers moved on, of those who wait here.
    fn settle(&mut self, receipts: Vec<Receipt>, work: &mut Work) -> BTreeSet<Stream> {
        let mut moved = BTreeSet::new();
        let (own, time) = (self.number(), self.ledger.executed().time);
        for receipt in receipts {
            let mut mempool = self.mempool();
            let elsewhere = mempool.end(&receipt.id).filter(|_| receipt.lane != own);
            if mempool.of(&receipt.author, &receipt.domain).next().is_some() {
                moved.insert((receipt.author, receipt.domain.clone()));
            }
            drop(mempool);
            self.withdrawn.extend(elsewhere);
            let receipt = Arc::new(receipt);
            work.round.receipts.push((receipt.clone(), time));
            work.round.notices.push(Notice::Verdict(receipt));
        }
        moved
    }

    /// Takes what had its verdict on another lane, or never will have one, from what waits for the own lane.
    pub(super) fn withdraw(&mut self, work: &mut Work) -> Result<(), EngineError> {
        match std::mem::take(&mut self.withdrawn) {
            none if none.is_empty() => Ok(()),
            withdrawn => self.take_in(Input::Withdraw(withdrawn), work),
        }
    }

    /// Takes envelopes that were ordered without a verdict back into the mempool, if they were taken here (A2). Returns
    /// whose it is.
    fn take_back(&mut self, deferred: Vec<Deferred>, work: &mut Work) -> Result<BTreeSet<Stream>, EngineError> {
        let now = self.own_clock;
        let mut moved = BTreeSet::new();
        for Deferred { id, author, domain, why, .. } in deferred {
            if self.mempool().place(&id).is_none() {
                continue;
            }
            tracing::debug!(envelope = %id, ?why, "envelope ordered without a verdict");
            match why {
                DeferReason::Gap { next } => self.mempool().came_back(&id, next),
                DeferReason::Dependency(_) => self.mempool().park(&id, Lack::Dependency, now),
                DeferReason::Content(_) => self.mempool().park(&id, Lack::Content, now),
                DeferReason::TooEarly => self.mempool().park(&id, Lack::Place, now),
                DeferReason::Taken => {
                    // Below the next number it ends with all others there. At it, its attempt was judged in another
                    // envelope: it would count as being on the lane, and let what follows it go there without end.
                    self.mempool().end(&id);
                    let next_seq = self.ledger.next_seq(&work.batch, &author, &domain)?;
                    work.round.notices.push(Notice::Overtaken { id, next_seq });
                }
                DeferReason::Copy => {
                    self.mempool().end(&id);
                    let receipt = self.ledger.receipt(&work.batch, &id)?;
                    work.round.notices.extend(receipt.map(|receipt| Notice::Verdict(Arc::new(receipt))));
                }
            }
            moved.insert((author, domain));
        }
        Ok(moved)
    }
}
