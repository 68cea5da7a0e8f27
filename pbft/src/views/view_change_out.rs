//! Asking for another primary (V1 to V4).

use crate::agreement::order::Order;
use crate::effects::{Record, Rejected};
use crate::evidence::proof::Evidence;
use crate::member::Member;
use crate::replica::Replica;
use crate::views::cause::Cause;
use crate::views::view_change::{PreparedEntry, ViewChange, VotedEntry};
use crate::views::{PROVED_MAX, Views};
use crate::wire::{Kind, Message, QuorumCert, SeqNum, Signed, View};
use alloc::sync::Arc;

impl Replica {
    pub(crate) fn on_view_change(&mut self, statement: Signed, body: Arc<ViewChange>) -> Result<(), Rejected> {
        self.hear(&statement);
        body.entries().for_each(|(pre_prepare, _)| self.hear(pre_prepare));
        let from = statement.signer;
        let newer = self.views.latest.get(&from).is_none_or(|(_, last)| last.view < body.view);
        if !newer {
            return Ok(());
        }
        if let Some(stable) = body.checkpoint.as_ref().and_then(|claimed| self.member.committee.certified(claimed)) {
            self.learn_stable(stable);
        }
        let demand = (statement, body);
        self.views.latest.insert(from, demand.clone());
        self.find_omissions(&demand, None);
        self.find_contradictions(&[demand]);
        self.pursuits.is_due = true;
        self.views.drop_unnamed(&self.order);
        Ok(())
    }
}

impl Views {
    /// The time-out of this moment (V2).
    pub(crate) fn timeout_ms(&self, member: &Member) -> u64 {
        let doubled = member.constants.base_timeout_ms.checked_shl(self.failures.min(20)).unwrap_or(u64::MAX);
        doubled.min(member.constants.timeout_cap_ms)
    }

    /// V2: a commit of the current view that is not of an empty slot ends the back-off.
    pub(crate) fn note_progress(&mut self, certificate: &QuorumCert, empty: bool) {
        if !empty && self.active() == Some(certificate.view()) {
            self.failures = 0;
        }
    }

    /// V3: evidence that a primary equivocated in its view. A member's number in another epoch is not this one's.
    pub(crate) fn note_equivocator(&mut self, member: &Member, evidence: &Evidence) {
        let (key, view) = (evidence.key(), evidence.place().0);
        let about_view = matches!(key.kind, crate::EvidenceKind::Proposal | crate::EvidenceKind::NewView);
        let is_its = (key.signer, key.epoch) == (member.committee.primary(view), member.committee.epoch());
        if about_view && is_its && view <= self.expected(&member.committee) {
            self.proved.insert(view, evidence.clone());
            drop((self.proved.len() > PROVED_MAX).then(|| self.proved.pop_first()));
        }
    }

    /// V3: a primary that is proved to have equivocated in this view, is to stop, or has asked for a later view: nobody waits
    /// for a timer.
    pub(crate) fn leave_office(&mut self, member: &Member, is_stopping: bool) {
        let Some(view) = self.active() else { return };
        let primary = member.committee.primary(view);
        let asks = self.latest.get(&primary).is_some_and(|(_, body)| body.view > view);
        let resigned = (asks || is_stopping && primary == member.me).then_some(Cause::Resigned);
        let cause = self.proved.get(&view).map(|_| Cause::Equivocation).or(resigned);
        cause.into_iter().for_each(|cause| self.leave_view(view, cause));
    }

    /// The next view is asked for as soon as this step's inputs are worked off.
    pub(crate) fn leave_view(&mut self, view: View, cause: Cause) {
        self.leave = Some((view, cause));
    }

    /// V3: f + 1 members ask for later views.
    pub(crate) fn join_later_view(&mut self, order: &mut Order, member: &mut Member) {
        let pulled = self.pull(member.committee.weak()).filter(|view| *view > self.number);
        if let Some(view) = pulled.filter(|_| member.may_sign()) {
            // All back off, not the one alone whose timer it was.
            self.failures = self.failures.saturating_add(u32::from(self.leave.is_none()));
            self.ask_for_view(order, member, view, Cause::Others);
        }
    }

    /// Asks for a view above the own one. The drafts of the old one are dropped (pitfall 25).
    pub(crate) fn ask_for_view(&mut self, order: &mut Order, member: &mut Member, view: View, cause: Cause) {
        assert!(view > self.number, "I10: {view} asked for in {}", self.number);
        (self.number, self.changing) = (view, true);
        self.cause = Some(cause);
        self.since = member.now.ticks;
        self.quorum_at = None;
        self.early.retain(|(of, _), _| *of >= view);
        order.log.forget_proposals();
        member.out.persist(Record::View { epoch: member.committee.epoch(), view, changing: true });
        self.send_view_change(order, member);
    }

    /// Signs the ViewChange that is asked for, once; what was signed before stays as it was (E1).
    pub(crate) fn send_view_change(&mut self, order: &Order, member: &mut Member) {
        let view = self.number;
        if !self.changing || !member.may_sign() || member.promises.get(Kind::ViewChange, view, SeqNum::new(0)).is_some()
        {
            return;
        }
        let body = Arc::new(self.view_change(order, view));
        let is_sound = body.is_well_formed(&member.committee, member.constants.window);
        assert!(is_sound, "I19: an own ViewChange that others refuse");
        let digest = body.digest(member.constants.window);
        let Some(statement) = member.promise(Kind::ViewChange, view, SeqNum::new(0), digest) else { return };
        member.out.persist(Record::ViewChange { statement, body: body.clone() });
        member.out.persist(Record::Statement(statement));
        member.broadcast(Message::ViewChange { statement, body });
    }

    /// V4: everything that this replica has promised above its stable checkpoint.
    pub(crate) fn view_change(&self, order: &Order, view: View) -> ViewChange {
        let named = |of: View| self.entered.get(&of).copied().unwrap_or_default();
        let slots = || order.log.iter().filter(|(seq, _)| order.in_window(*seq)).map(|(_, slot)| slot);
        let prepared = slots().filter_map(|slot| slot.prepared.as_ref()).map(|prepared| PreparedEntry {
            certificate: prepared.certificate.claim().clone(),
            pre_prepare: prepared.pre_prepare,
            new_view: named(prepared.certificate.view()),
        });
        let entry = |pre_prepare: Signed| VotedEntry { pre_prepare, new_view: named(pre_prepare.statement.view) };
        let voted = slots().filter_map(|slot| slot.voted).map(entry);
        ViewChange { view, checkpoint: order.checkpoints.rest(), prepared: prepared.collect(), voted: voted.collect() }
    }
}
