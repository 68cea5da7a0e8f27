//! Starting a view, and entering the one that somebody started (V4 to V6).

use crate::agreement::order::Order;
use crate::agreement::slot::Proposal;
use crate::effects::{Broken, Effect, Record, Rejected};
use crate::evidence::proof::Evidence;
use crate::evidence::view_evidence::InvalidNewView;
use crate::member::Member;
use crate::replica::Replica;
use crate::views::view_change::{NewView, ViewChange, recompute};
use crate::views::{ViewChangeMsg, Views};
use crate::wire::{Content, Digest, Kind, Message, QuorumCert, SeqNum, Signed, View};
use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

impl Replica {
    pub(crate) fn on_new_view(&mut self, statement: Signed, body: Arc<NewView>) -> Result<(), Rejected> {
        let news = !self.witness.has(&statement);
        let demands: Vec<_> = body.view_changes.iter().filter(|(of, _)| !self.witness.has(of)).cloned().collect();
        self.hear(&statement);
        // Statements like any other, whatever becomes of the start that carries them (E2).
        body.view_changes.iter().for_each(|(signed, _)| self.hear(signed));
        body.pre_prepares.iter().for_each(|signed| self.hear(signed));
        let (from, digest, view) = (statement.signer, statement.statement.digest, body.view);
        let carried = body.pre_prepares.iter().map(|of| (of.statement.seq, of.statement.digest));
        let follows = body.recompute(&self.member.committee, self.order.null).into_iter().eq(carried);
        let window = self.member.constants.window;
        let wrong = !follows && !self.accusations.is_proved(from);
        if wrong && let Some(proof) = InvalidNewView::find(&statement, &body, &self.member.committee, window) {
            self.accuse(Evidence::InvalidNewView(Box::new(proof)));
        }
        demands.iter().for_each(|demand| self.find_omissions(demand, None));
        let is_late = self.order.is_late(&body);
        let current = self.views.may_enter(view) && !is_late;
        let wanted = current || self.views.lacking().contains_key(&(view, digest));
        if !follows || !wanted {
            if news {
                self.witness.pass_on_new_view(&mut self.member, &self.accusations, &self.views, &statement);
            }
            return if follows && !is_late { Ok(()) } else { Err(Rejected::WrongNewView { from, view }) };
        }
        self.views.new_views.insert(digest, (statement, body));
        self.find_contradictions(&self.views.latest.values().cloned().collect::<Vec<_>>());
        self.pursuits.is_due = true;
        if current {
            // One of the same view that still waits may name what nobody has. It stays if more peers say that they are in it.
            let rank = |of: Digest| {
                let (_, start) = self.views.new_views.get(&of)?;
                let is_here = start.view_changes.iter().all(|(_, of)| self.views.counts(of) == Ok(true));
                let entered = self.peers.iter().filter(|peer| peer.has_entered(of)).count();
                Some((start.view, is_here && !self.order.is_late(start), entered))
            };
            self.views.waiting = self.views.waiting.filter(|of| rank(*of) > rank(digest)).or(Some(digest));
        }
        self.views.drop_unnamed(&self.order);
        Ok(())
    }

    /// V4, V5: enters the waiting start's view once everything that it rests on is here and agrees. One against a decision of its
    /// own view or a later one is not what others went by; f faulty ones suffice for it (N8).
    pub(crate) fn enter_waiting(&mut self) {
        let Some((statement, start)) = self.views.waiting.and_then(|digest| self.views.new_views.get(&digest)).cloned()
        else {
            return;
        };
        let counted: Result<Vec<bool>, ()> = start.view_changes.iter().map(|(_, of)| self.views.counts(of)).collect();
        match counted.and_then(|counted| if self.order.is_late(&start) { Err(()) } else { Ok(counted) }) {
            _ if !self.views.may_enter(start.view) => self.views.waiting = None,
            Ok(counted) if counted.contains(&false) => (),
            Ok(_) => self.enter_view(statement, start),
            Err(()) => {
                let wrong = Rejected::WrongNewView { from: statement.signer, view: start.view };
                self.views.waiting = None;
                self.find_contradictions(&start.view_changes);
                self.witness.pass_on_new_view(&mut self.member, &self.accusations, &self.views, &statement);
                self.member.out.push(Effect::Refused(wrong));
            }
        }
    }

    fn enter_view(&mut self, statement: Signed, start: Arc<NewView>) {
        let (view, epoch) = (start.view, self.member.committee.epoch());
        assert!(self.views.may_enter(view), "I10: view {view} entered from {}", self.views.number);
        let askers: BTreeSet<_> = start.view_changes.iter().map(|(signed, _)| signed.signer).collect();
        assert!(3 * askers.len() > 2 * self.member.committee.len(), "I31: {} ViewChanges start {view}", askers.len());
        for signed in &start.pre_prepares {
            let (seq, carried) = (signed.statement.seq, signed.statement.digest);
            if let Some(committed) = self.order.decision_against(seq, carried).map(QuorumCert::digest) {
                self.views.keep_named(&mut self.member, &start);
                self.member.out.persist(Record::NamedNewView { statement, body: start.clone() });
                return self.member.stop(Broken::NewViewAgainstCommit { view, seq, committed, carried });
            }
        }
        self.views.keep_named(&mut self.member, &start);
        self.member.out.persist(Record::NewView { statement, body: start.clone() });
        self.member.out.persist(Record::View { epoch, view, changing: false });
        self.order.log.forget_proposals();
        self.witness.pass_on_new_views(&mut self.member, &self.accusations, &self.views, view);
        self.views.cause = self.views.cause.filter(|_| self.views.number == view);
        (self.views.number, self.views.changing) = (view, false);
        self.views.entered.insert(view, statement.statement.digest);
        self.views.waiting = None;
        self.views.pace.enter();
        self.views.timers.behind.clear();
        self.lanes.enter_view();
        self.views.since = self.member.now.ticks;
        self.views.quorum_at = None;
        self.order.proposing.carried = start.last();
        self.accusations.held().for_each(|proof| self.views.note_equivocator(&self.member, proof));
        if let Some(stable) = start.checkpoint().and_then(|claimed| self.member.committee.certified(claimed)) {
            self.learn_stable(stable);
        }
        self.order.carry_slots(&self.views, &self.member);
        start.pre_prepares.iter().for_each(|signed| self.hear(signed));
        self.hear_early_votes(view);
        self.take_early(view);
        self.order.log.touch_all();
        self.lanes.touched.extend(self.member.committee.replicas());
        self.views.drop_unnamed(&self.order);
    }

    /// The view has started: what came too early for it is taken up.
    fn take_early(&mut self, view: View) {
        for ((of, _), (statement, content)) in core::mem::take(&mut self.views.early) {
            if of == view && self.receive_proposal(statement).is_ok() {
                self.order.keep_content(&mut self.lanes, content);
            }
        }
    }

    /// E2: votes of a view are compared from when it is entered; those that came before it are in the slots.
    fn hear_early_votes(&mut self, view: View) {
        let votes = self.order.log.iter().flat_map(|(_, slot)| slot.prepares.values().chain(slot.commits.values()));
        let early: Vec<Signed> = votes.filter(|vote| vote.statement.view == view).copied().collect();
        for vote in early {
            self.hear(&vote);
        }
    }
}

impl Views {
    /// V4, E4: whoever goes by a start serves those that its ViewChanges name, also after a restart, and can show them
    /// to who asks later which of the ViewChanges was wrong.
    fn keep_named(&self, member: &mut Member, start: &NewView) {
        let named: BTreeSet<(View, Digest)> = start.view_changes.iter().flat_map(|(_, of)| of.named()).collect();
        for (view, digest) in named.into_iter().filter(|(view, digest)| self.entered.get(view) != Some(digest)) {
            if let Some((statement, body)) = self.new_views.get(&digest).filter(|(_, start)| start.view == view) {
                member.out.persist(Record::NamedNewView { statement: *statement, body: body.clone() });
            }
        }
    }

    /// Whether the view's start carries the slot.
    pub(crate) fn is_carried(&self, view: View, seq: SeqNum) -> bool {
        self.new_view_of(view).is_some_and(|(_, start)| start.carries(seq).is_some())
    }

    /// V6: in the slots that the NewView covers, only what it carries is accepted.
    pub(crate) fn may_propose_at(&self, view: View, seq: SeqNum, digest: Digest) -> bool {
        view.get() == 0
            || self.new_view_of(view).is_some_and(|(_, start)| seq > start.last() || start.carries(seq) == Some(digest))
    }

    /// Keeps what the next view's primary proposes until its start is here.
    pub(crate) fn keep_early(&mut self, member: &Member, order: &Order, statement: &Signed, content: &Content) {
        let (view, seq) = (statement.statement.view, statement.statement.seq);
        let next = self.changing && view == self.number || view == self.number.next();
        if next && statement.signer == member.committee.primary(view) && order.in_window(seq) {
            self.early.entry((view, seq)).or_insert_with(|| (*statement, content.clone()));
        }
    }

    /// Digest of the NewView that this replica entered, for Status.
    pub(crate) fn new_view_digest(&self) -> Digest {
        let active = self.active();
        active.and_then(|view| self.new_view_of(view)).map_or(Digest::ZERO, |(signed, _)| signed.statement.digest)
    }

    /// V5, as the primary of the view that is asked for: q ViewChanges that count, and what follows from them.
    pub(crate) fn send_new_view(&mut self, order: &mut Order, member: &mut Member) {
        let view = self.number;
        let mine = self.changing && member.committee.primary(view) == member.me && member.may_sign();
        let started = member.promises.get(Kind::NewView, view, SeqNum::new(0)).is_some();
        if !mine || started {
            return;
        }
        let counted = |of: &&ViewChangeMsg| of.1.view == view && self.counts(&of.1) == Ok(true);
        let mut view_changes: Vec<ViewChangeMsg> = self.latest.values().filter(counted).cloned().collect();
        let has_own = view_changes.iter().any(|(signed, _)| signed.signer == member.me);
        if view_changes.len() < member.committee.quorum() || !has_own {
            return;
        }
        view_changes.truncate(member.committee.quorum());
        let bodies: Vec<&ViewChange> = view_changes.iter().map(|(_, body)| &**body).collect();
        let slots = recompute(&bodies, &member.committee, order.null);
        // What it signs now it must be able to report later (V4): no slot beyond the own window, or executed and forgotten. A
        // late primary may know what a later view has decided (N8).
        let (low, last) = (order.low(), order.low().plus(member.constants.window));
        let cannot_sign = |(seq, digest): &(SeqNum, Digest)| {
            let is_late = order.decision_against(*seq, *digest).is_some_and(|decided| decided.view() >= view);
            *seq > last || *seq > low && order.is_closed(*seq) || is_late
        };
        if slots.iter().any(cannot_sign) {
            return;
        }
        let promised: Option<Vec<Signed>> =
            slots.into_iter().map(|(seq, digest)| member.promise(Kind::PrePrepare, view, seq, digest)).collect();
        let Some(pre_prepares) = promised else { return };
        let body = Arc::new(NewView { view, view_changes, pre_prepares });
        let is_sound = body.is_well_formed(&member.committee, member.constants.window);
        assert!(is_sound, "I19: an own NewView that others refuse");
        let digest = body.digest(member.constants.window);
        let Some(statement) = member.promise(Kind::NewView, view, SeqNum::new(0), digest) else { return };
        self.keep_named(member, &body);
        // The start first: its statements' rows mean nothing without it.
        member.out.persist(Record::NewView { statement, body: body.clone() });
        for signed in &body.pre_prepares {
            member.out.persist(Record::Statement(*signed));
        }
        member.out.persist(Record::Statement(statement));
        order.note_started(&body);
        self.entered.insert(view, digest);
        self.new_views.insert(digest, (statement, body.clone()));
        member.broadcast(Message::NewView { statement, body });
    }

    /// B, V4: starts stay while the current view, an own entry, or a member's latest ViewChange rests on them.
    pub(crate) fn drop_unnamed(&mut self, order: &Order) {
        let own = order.log.iter().flat_map(|(_, slot)| {
            let prepared = slot.prepared.as_ref().map(|prepared| prepared.certificate.view());
            let voted = slot.voted.map(|voted| voted.statement.view);
            prepared.into_iter().chain(voted)
        });
        let mut views: BTreeSet<View> = own.collect();
        views.insert(self.number);
        let mut named: BTreeSet<Digest> = views.iter().filter_map(|view| self.entered.get(view)).copied().collect();
        named.extend(self.latest.values().flat_map(|(_, body)| body.named().map(|(_, digest)| digest)));
        if let Some(digest) = self.waiting {
            named.insert(digest);
            let (_, start) = &self.new_views[&digest];
            named.extend(start.view_changes.iter().flat_map(|(_, body)| body.named().map(|(_, digest)| digest)));
        }
        self.new_views.retain(|digest, _| named.contains(digest));
        let oldest = views.first().copied().unwrap_or_default();
        self.entered.retain(|view, digest| *view >= oldest || named.contains(digest));
        assert!(self.waiting.is_none() || !self.new_views.is_empty(), "I11: the waiting start is dropped");
    }
}

impl Order {
    /// N8: the decision of a slot that another digest there contradicts.
    fn decision_against(&self, seq: SeqNum, digest: Digest) -> Option<&QuorumCert> {
        self.log.get(seq)?.committed.as_deref().filter(|certificate| certificate.digest() != digest)
    }

    /// N8: whether a start is against a decision of its own view or a later one.
    fn is_late(&self, start: &NewView) -> bool {
        let of_slot = |of: &Signed| self.decision_against(of.statement.seq, of.statement.digest);
        start.pre_prepares.iter().filter_map(of_slot).any(|decided| decided.view() >= start.view)
    }

    /// Q reports what this replica started a view with, whether it holds the contents or not.
    pub(crate) fn note_started(&mut self, start: &NewView) {
        for signed in &start.pre_prepares {
            let seq = signed.statement.seq;
            if !self.in_window(seq) || self.is_closed(seq) {
                continue;
            }
            let slot = self.log.touch(seq);
            if slot.voted.is_none_or(|voted| voted.statement.view < start.view) {
                slot.voted = Some(*signed);
            }
        }
    }

    /// V6: the slots of the current view's start, as far as the window reaches; again when it has moved (S2).
    pub(crate) fn carry_slots(&mut self, views: &Views, member: &Member) {
        let Some(view) = views.active() else { return };
        let Some((_, start)) = views.new_view_of(view).cloned() else { return };
        let (arrived, null) = (member.now.ticks, self.null);
        for statement in &start.pre_prepares {
            let (seq, digest) = (statement.statement.seq, statement.statement.digest);
            if !self.in_window(seq) || self.is_closed(seq) {
                continue;
            }
            let slot = self.log.touch(seq);
            if slot.proposal.is_none() {
                slot.proposal = Some(Proposal { statement: *statement, arrived, carried: true });
                if digest == null {
                    slot.offer(Arc::new(Content::NULL), null);
                }
            }
        }
    }
}
