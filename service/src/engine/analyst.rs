//! The replica's analyser: looks at conflicts as they begin, and puts its proposals on the own lane. While its member owes too
//! much work for them to have an effect they wait (docs/adr/work-of-one-member.md).

use super::drive::{Engine, Work};
use super::error::EngineError;
use super::slot::{ANALYSES_PER_SLOT_MAX, opened};
use borsh::BorshDeserialize as _;
use quorate_ledger::{Analysis, ConflictId, Event, StoreError};
use quorate_pbft::{Bundle, Decided, Input, Item, ItemKind, PublicKey, SeqNum, Time};
use std::collections::BTreeSet;

impl Engine {
    /// Proposes for the conflicts that a slot opened, or for one that waits. Whether the core takes the items is no matter: a replica
    /// that may not sign, or whose lane is full, has nothing to say. Others' proposals are wanted from now on, however old the slot is.
    /// Members who were there have spoken of conflicts in a slot that no primary could propose now; a replica that is behind sees first
    /// whether they have.
    pub(super) fn analyse(&mut self, decided: &Decided, events: &[Event], work: &mut Work) -> Result<(), EngineError> {
        self.analyses.executed_at = self.own_clock;
        let opened: Vec<ConflictId> = opened(events).collect();
        opened.iter().for_each(|id| self.dues.begins(id, self.own_clock));
        self.drop_settled(events);
        self.look_at_executed(decided, work)?;
        let is_old = decided.time.get().saturating_add(self.constants.clock_behind_ms) < self.wall.get();
        let Some(own) = self.own_key().filter(|_| !is_old) else { return Ok(()) };
        let waits = self.reporter.is_behind() || self.ledger.view(&work.batch).owes_too_much(&own, decided.time)?;
        if waits || !self.analyses.is_empty() {
            opened.iter().try_for_each(|id| self.let_wait(id, work))?;
        } else {
            opened.iter().try_for_each(|id| self.bring(id, &own, work).map(drop))?;
        }
        if waits { Ok(()) } else { self.bring_next(decided.seq, &own, work) }
    }

    /// Brings the first analysis that waits once time has paid for it: where nobody changes anything no slot is due that would. Ledger
    /// time is taken to have passed as the own clock has since the newest slot, whatever wall clocks say.
    pub(super) fn analyse_waiting(&mut self, work: &mut Work) -> Result<(), EngineError> {
        let (own, executed) = (self.own_key(), self.ledger.executed());
        let waits = self.analyses.is_empty() || self.reporter.is_behind();
        let Some(own) = own.filter(|_| !waits) else { return Ok(()) };
        let passed_ms = self.own_clock.get().saturating_sub(self.analyses.executed_at.get());
        let now = Time::new(executed.time.get().saturating_add(passed_ms));
        let owes = self.ledger.view(&work.batch).owes_too_much(&own, now)?;
        if owes { Ok(()) } else { self.bring_next(executed.seq, &own, work) }
    }

    /// Lets an analysis wait behind the others of its domain.
    fn let_wait(&mut self, id: &ConflictId, work: &Work) -> Result<(), StoreError> {
        let domain = self.ledger.view(&work.batch).domain_of(id)?;
        domain.into_iter().for_each(|domain| self.analyses.push(domain, *id));
        Ok(())
    }

    /// Takes own analyses of conflicts that a slot settled from what waits for the own lane: they would be of no use there.
    fn drop_settled(&mut self, events: &[Event]) {
        let settled = events.iter().filter_map(|event| match event {
            Event::Settled { id, .. } => Some(*id),
            _ => None,
        });
        let settled: BTreeSet<ConflictId> = settled.collect();
        let Some(replica) = self.core.member().filter(|_| !settled.is_empty()) else { return };
        let analyses = replica.pending().filter(|item| item.kind == ItemKind::Analysis);
        let is_of = |item: &&Item| ConflictId::deserialize(&mut &*item.bytes).is_ok_and(|id| settled.contains(&id));
        self.withdrawn.extend(analyses.filter(is_of).map(|item| item.bytes.clone()));
    }

    fn own_key(&self) -> Option<PublicKey> {
        self.number().and_then(|own| self.epochs.committee.key(own)).copied()
    }

    /// Lets the analyses of a slot come again that did nothing there, as their members owed too much work; the own ones wait.
    fn look_at_executed(&mut self, decided: &Decided, work: &Work) -> Result<(), StoreError> {
        let is_analysed = |bundle: &&Bundle| bundle.items.iter().any(|item| item.kind == ItemKind::Analysis);
        for bundle in decided.bundles.iter().map(|bundle| &**bundle).filter(is_analysed) {
            let lane = bundle.header.lane;
            let is_own = self.number() == Some(lane);
            self.analyses.out.take_if(|_| is_own);
            for id in self.in_vain((bundle, is_own), work)? {
                if is_own {
                    self.dues.begins(&id, self.own_clock); // a start, or many others, may have made it unknown
                }
                if self.dues.brought.comes_again(lane, &id) && is_own {
                    self.let_wait(&id, work)?;
                }
            }
        }
        Ok(())
    }

    /// Conflicts that still await the analyses of an executed bundle and may have them again, if its owner owes too much work now.
    fn in_vain(&self, (bundle, is_own): (&Bundle, bool), work: &Work) -> Result<Vec<ConflictId>, StoreError> {
        let (view, lane) = (self.ledger.view(&work.batch), bundle.header.lane);
        let Some(owner) = self.epochs.committee.key(lane) else { return Ok(vec![]) };
        if !view.owes_too_much(owner, self.ledger.executed().time)? {
            return Ok(vec![]);
        }
        let analyses = bundle.items.iter().filter(|item| item.kind == ItemKind::Analysis);
        let conflicts = analyses.filter_map(|item| Analysis::decode(&item.bytes)).map(|of| of.conflict);
        let may_again = |id: &_| is_own || self.dues.brought.may_come_again(lane, id);
        let once: BTreeSet<ConflictId> = conflicts.filter(may_again).collect();
        let awaited = |id| view.awaits_analysis(&id, owner).map(|awaits| awaits.then_some(id)).transpose();
        once.into_iter().filter_map(awaited).collect()
    }

    /// Brings the first analysis that waits, unless one is out; of conflicts for which there is nothing to say it passes over a few.
    fn bring_next(&mut self, now: SeqNum, own: &PublicKey, work: &mut Work) -> Result<(), EngineError> {
        if self.analyses.is_out(now) {
            return Ok(());
        }
        for _ in 0..ANALYSES_PER_SLOT_MAX {
            let Some(id) = self.analyses.pop() else { break };
            if self.bring(&id, own, work)? {
                self.analyses.out = Some(now);
                break;
            }
        }
        Ok(())
    }

    /// Brings an analysis, if the conflict awaits it; whether there was one.
    fn bring(&mut self, id: &ConflictId, own: &PublicKey, work: &mut Work) -> Result<bool, EngineError> {
        self.db.pulse().beat();
        let view = self.ledger.view(&work.batch);
        let analysis = if view.awaits_analysis(id, own)? { view.analyse(id)? } else { None };
        let Some(item) = analysis.and_then(|analysis| analysis.item()) else { return Ok(false) };
        self.take_in(Input::Submit(item), work)?;
        Ok(true)
    }
}
