//! Asking for another primary (V1 to V4).

use crate::effects::{Effects, Record, Rejected};
use crate::evidence::proof::Evidence;
use crate::replica::{CurrentView, Replica};
use crate::views::view_change::{PreparedEntry, ViewChange, VotedEntry};
use crate::wire::cert::QuorumCert;
use crate::wire::ids::{SeqNum, View};
use crate::wire::message::Message;
use crate::wire::statement::{Kind, Signed};
use alloc::sync::Arc;

impl Replica {
    /// The time-out of this moment (V2).
    pub(crate) fn timeout_ms(&self) -> u64 {
        let doubled = self.constants.base_timeout_ms.checked_shl(self.views.failures.min(20)).unwrap_or(u64::MAX);
        doubled.min(self.constants.timeout_cap_ms)
    }

    /// V2: a commit of the current view that is not of an empty slot ends the back-off.
    pub(crate) fn note_progress(&mut self, certificate: &QuorumCert, empty: bool) {
        if !empty && self.active_view() == Some(certificate.view()) {
            self.views.failures = 0;
        }
    }

    /// V3: evidence that the current primary equivocated in this view.
    pub(crate) fn leave_equivocator(&mut self, evidence: &Evidence) {
        let key = evidence.key();
        let Some(view) = self.active_view() else { return };
        let about_view = matches!(key.kind, crate::EvidenceKind::Proposal | crate::EvidenceKind::NewView);
        if about_view && key.signer == self.committee.primary(view) && evidence.place().0 == view {
            self.leave_view(view);
        }
    }

    /// The next view is asked for as soon as this step's inputs are worked off.
    pub(crate) fn leave_view(&mut self, view: View) {
        self.views.leave = Some(view);
    }

    /// V3: f + 1 members ask for later views.
    pub(crate) fn join_later_view(&mut self, out: &mut Effects) {
        if let Some(view) = self.views.pull(self.committee.weak()).filter(|view| *view > self.view.number)
            && self.may_sign()
        {
            self.ask_for_view(view, out);
        }
    }

    /// Asks for a view above the own one. The drafts of the old one are dropped (pitfall 25).
    pub(crate) fn ask_for_view(&mut self, view: View, out: &mut Effects) {
        assert!(view > self.view.number, "V3: views only go up");
        self.view = CurrentView { number: view, changing: true };
        self.views.since = self.now.ticks;
        self.views.quorum_at = None;
        self.views.early.retain(|(of, _), _| *of >= view);
        self.log.forget_proposals();
        out.persist(Record::View { epoch: self.committee.epoch(), view, changing: true });
        self.demand_view(out);
    }

    /// Signs the demand for the view that is asked for, once; what was signed before stays as it was (E1).
    pub(crate) fn demand_view(&mut self, out: &mut Effects) {
        let view = self.view.number;
        if !self.view.changing
            || !self.may_sign()
            || self.promises.get(Kind::ViewChange, view, SeqNum::new(0)).is_some()
        {
            return;
        }
        let body = Arc::new(self.view_change(view));
        let digest = body.digest(self.constants.window);
        let Some(statement) = self.promise(Kind::ViewChange, view, SeqNum::new(0), digest) else { return };
        out.persist(Record::ViewChange { statement, body: body.clone() });
        out.persist(Record::Statement(statement));
        self.broadcast(Message::ViewChange { statement, body }, out);
    }

    /// V4: everything that this replica has promised above its stable checkpoint.
    fn view_change(&self, view: View) -> ViewChange {
        let named = |of: View| self.views.entered.get(&of).copied().unwrap_or_default();
        let prepared = self.log.iter().filter_map(|(_, slot)| slot.prepared.as_ref()).map(|prepared| PreparedEntry {
            certificate: prepared.certificate.claim().clone(),
            pre_prepare: prepared.pre_prepare,
            new_view: named(prepared.certificate.view()),
        });
        let voted = self
            .log
            .iter()
            .filter_map(|(_, slot)| slot.voted)
            .map(|pre_prepare| VotedEntry { pre_prepare, new_view: named(pre_prepare.statement.view) });
        let in_window = |seq: SeqNum| self.in_window(seq);
        ViewChange {
            view,
            checkpoint: self.checkpoints.stable().map(|certificate| certificate.claim().clone()),
            prepared: prepared.filter(|entry| in_window(entry.seq())).collect(),
            voted: voted.filter(|entry| in_window(entry.seq())).collect(),
        }
    }

    pub(crate) fn on_view_change(
        &mut self,
        statement: Signed,
        body: Arc<ViewChange>,
        out: &mut Effects,
    ) -> Result<(), Rejected> {
        self.hear(&statement, out);
        let proposed = body.prepared.iter().map(|entry| &entry.pre_prepare);
        let proposed = proposed.chain(body.voted.iter().map(|entry| &entry.pre_prepare));
        proposed.for_each(|signed| self.hear(signed, out));
        let from = statement.signer;
        let newer = self.views.latest.get(&from).is_none_or(|(_, last)| last.view < body.view);
        if !newer {
            return Ok(());
        }
        if let Some(claimed) = &body.checkpoint {
            self.learn_stable(claimed.clone().into_checked(self.committee.epoch()), out);
        }
        self.views.latest.insert(from, (statement, body));
        self.find_omissions(from, out);
        self.pursuits.is_due = true;
        self.drop_unnamed_starts();
        Ok(())
    }
}
