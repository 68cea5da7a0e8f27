//! Asking for another primary, and starting its view (V1 to V6).

use crate::cert::QuorumCert;
use crate::committee::Committee;
use crate::content::Content;
use crate::effects::{Broken, Effect, Effects, Record, Rejected, Wanted};
use crate::evidence::Evidence;
use crate::ids::{Digest, ReplicaId, SeqNum, Ticks, View};
use crate::message::Message;
use crate::replica::{CurrentView, Replica};
use crate::slot::Proposal;
use crate::statement::{Kind, Signed};
use crate::view_change::{NewView, PreparedEntry, ViewChange, VotedEntry, recompute};
use crate::view_evidence::{InvalidDemand, InvalidStart, Omission};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Views above the expected one of which statements are remembered: fewer than the smallest window keeps.
const VIEWS_AHEAD_MAX: u64 = 4;

/// A demand with its statement.
pub(crate) type Demand = (Signed, Arc<ViewChange>);
/// A start with its statement.
pub(crate) type Start = (Signed, Arc<NewView>);

/// What is known of views and their changes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Views {
    /// Each member's demand of its highest view, the own one too.
    latest: BTreeMap<ReplicaId, Demand>,
    /// Verified starts by digest.
    starts: BTreeMap<Digest, Start>,
    /// The start by which this replica entered a view: one for each view (V4).
    entered: BTreeMap<View, Digest>,
    /// A start of a view not below the own one that waits for the starts that its demands name.
    waiting: Option<Digest>,
    /// Proposals of the next view that came before its start: the two travel on different streams.
    early: BTreeMap<(View, SeqNum), (Signed, Content)>,
    /// The view to leave at once: its primary is proved to have equivocated in it (V3), or is too slow (V7).
    leave: Option<View>,
    /// When the current view was entered, or asked for.
    pub(crate) since: Ticks,
    /// When q demands for the asked view or later were there (V3).
    pub(crate) quorum_at: Option<Ticks>,
    /// Views in a row without a commit that is not of an empty slot: the exponent of the back-off (V2).
    pub(crate) failures: u32,
}

impl Views {
    /// The start of the current view, if it has one.
    pub(crate) fn start_of(&self, view: View) -> Option<&Start> {
        self.starts.get(self.entered.get(&view)?)
    }

    pub(crate) fn start(&self, digest: &Digest) -> Option<&Start> {
        self.starts.get(digest)
    }

    pub(crate) fn demand_of(&self, member: ReplicaId) -> Option<&Demand> {
        self.latest.get(&member)
    }

    pub(crate) fn demands(&self) -> impl Iterator<Item = &Demand> {
        self.latest.values()
    }

    /// Members that ask for `view` or a later one.
    pub(crate) fn asking_for(&self, view: View) -> usize {
        self.latest.values().filter(|(_, body)| body.view >= view).count()
    }

    /// V3: the smallest of the `weak` highest views that members ask for.
    fn pull(&self, weak: usize) -> Option<View> {
        let mut views: Vec<View> = self.latest.values().map(|(_, body)| body.view).collect();
        views.sort_unstable_by(|a, b| b.cmp(a));
        views.get(weak - 1).copied()
    }

    /// The highest view of which statements are remembered: a little above what f + 1 members ask for.
    pub(crate) fn expected(&self, own: View, committee: &Committee) -> View {
        own.max(self.pull(committee.weak()).unwrap_or_default()).plus(VIEWS_AHEAD_MAX)
    }

    /// Whether every start that a demand names is here and agrees with its entries (V4). `Err` if one disagrees.
    fn counts(&self, body: &ViewChange) -> Result<bool, ()> {
        let mut complete = true;
        let prepared = body.prepared.iter().map(|entry| (&entry.pre_prepare, entry.new_view));
        let voted = body.voted.iter().map(|entry| (&entry.pre_prepare, entry.new_view));
        for (pre_prepare, named) in prepared.chain(voted) {
            let statement = &pre_prepare.statement;
            if statement.view.get() == 0 {
                continue;
            }
            match self.starts.get(&named) {
                None => complete = false,
                Some((_, start)) if start.view != statement.view => return Err(()),
                Some((_, start)) if statement.seq <= start.last() => {
                    if start.carries(statement.seq) != Some(statement.digest) {
                        return Err(());
                    }
                }
                Some(_) => (),
            }
        }
        Ok(complete)
    }

    /// Starts that are named by a latest demand, or by a demand of the waiting start, and are not here.
    pub(crate) fn lacking(&self) -> BTreeMap<(View, Digest), Vec<ReplicaId>> {
        let mut lacking: BTreeMap<(View, Digest), Vec<ReplicaId>> = BTreeMap::new();
        let waiting = self.waiting.and_then(|digest| self.starts.get(&digest));
        let carried = waiting.into_iter().flat_map(|(signed, start)| {
            start.view_changes.iter().map(move |(of, body)| (of.signer, signed.signer, body))
        });
        let latest = self.latest.iter().map(|(member, (_, body))| (*member, *member, body));
        for (member, server, body) in latest.chain(carried) {
            // One at a time for each member (V4).
            for named in body.named().filter(|(_, digest)| !self.starts.contains_key(digest)).take(1) {
                let from = lacking.entry(named).or_default();
                from.extend([member, server].into_iter().filter(|peer| !from.contains(peer)).collect::<BTreeSet<_>>());
            }
        }
        lacking
    }
}

impl Replica {
    /// The time-out of this moment (V2).
    pub(crate) fn timeout_ms(&self) -> u64 {
        let doubled = self.constants.base_timeout_ms.checked_shl(self.views.failures.min(20)).unwrap_or(u64::MAX);
        doubled.min(self.constants.timeout_cap_ms)
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

    pub(crate) fn on_new_view(
        &mut self,
        statement: Signed,
        body: Arc<NewView>,
        out: &mut Effects,
    ) -> Result<(), Rejected> {
        self.hear(&statement, out);
        let (from, digest, view) = (statement.signer, statement.statement.digest, body.view);
        let computed = body.recompute(&self.committee, self.null);
        let carried: Vec<_> =
            body.pre_prepares.iter().map(|signed| (signed.statement.seq, signed.statement.digest)).collect();
        if computed != carried {
            let window = self.constants.window;
            if let Some(proof) = InvalidStart::find(&statement, &body, &self.committee, self.null, window) {
                self.accuse(Evidence::InvalidStart(Box::new(proof)), out);
            }
            return Err(Rejected::WrongNewView { from, view });
        }
        let wanted = self.views.lacking().contains_key(&(view, digest));
        let current = view > self.view.number || (view == self.view.number && self.view.changing);
        if !wanted && !current {
            return Ok(());
        }
        for signed in &body.pre_prepares {
            self.hear(signed, out);
        }
        self.views.starts.insert(digest, (statement, body));
        self.find_contradictions(digest, out);
        self.pursuits.is_due = true;
        if current {
            let better = self.views.waiting.and_then(|of| self.views.start(&of)).is_none_or(|(_, at)| at.view < view);
            if better {
                self.views.waiting = Some(digest);
            }
        }
        self.drop_unnamed_starts();
        Ok(())
    }

    /// E3: the newest demand of a member against every vote of it that was heard.
    fn find_omissions(&mut self, member: ReplicaId, out: &mut Effects) {
        let Some((demand, body)) = self.views.latest.get(&member).filter(|_| member != self.me) else { return };
        let window = self.constants.window;
        let proof = self.witness.votes_of(member).find_map(|vote| Omission::find(vote, demand, body, window));
        if let Some(proof) = proof {
            self.accuse(Evidence::Omission(Box::new(proof)), out);
        }
    }

    /// E3: a vote that came after its signer's demand.
    pub(crate) fn compare_with_demand(&mut self, vote: &Signed, out: &mut Effects) {
        let Some((demand, body)) = self.views.latest.get(&vote.signer) else { return };
        if let Some(proof) = Omission::find(vote, demand, body, self.constants.window) {
            self.accuse(Evidence::Omission(Box::new(proof)), out);
        }
    }

    /// E3: demands that the starts which they name contradict.
    fn find_contradictions(&mut self, digest: Digest, out: &mut Effects) {
        let Some((start, named)) = self.views.start(&digest) else { return };
        let window = self.constants.window;
        let demands = self.views.latest.values();
        let proofs: Vec<InvalidDemand> =
            demands.filter_map(|(demand, body)| InvalidDemand::against(demand, body, start, named, window)).collect();
        for proof in proofs {
            self.accuse(Evidence::InvalidDemand(Box::new(proof)), out);
        }
    }

    /// Does what demands and starts have made possible.
    pub(crate) fn advance_views(&mut self, out: &mut Effects) {
        if self.standing != crate::replica::Standing::Member {
            self.enter_waiting(out);
            return;
        }
        self.join_later_view(out);
        if self.may_sign()
            && let Some(view) = self.views.leave.take()
            && self.active_view() == Some(view)
        {
            self.ask_for_view(view.next(), out);
        }
        self.demand_view(out);
        self.start_own_view(out);
        self.enter_waiting(out);
        self.watch_timers(out);
    }

    /// V3: f + 1 members ask for later views.
    fn join_later_view(&mut self, out: &mut Effects) {
        if let Some(view) = self.views.pull(self.committee.weak()).filter(|view| *view > self.view.number)
            && self.may_sign()
        {
            self.ask_for_view(view, out);
        }
    }

    /// V5, as the primary of the view that is asked for: q demands that count, and what follows from them.
    fn start_own_view(&mut self, out: &mut Effects) {
        let view = self.view.number;
        let mine = self.view.changing && self.committee.primary(view) == self.me && self.may_sign();
        let started = self.promises.get(Kind::NewView, view, SeqNum::new(0)).is_some();
        if !mine || started {
            return;
        }
        let counted = |demand: &&Demand| demand.1.view == view && self.views.counts(&demand.1) == Ok(true);
        let demands: Vec<Demand> = self.views.demands().filter(counted).cloned().collect();
        let own = demands.iter().position(|(signed, _)| signed.signer == self.me);
        if demands.len() < self.committee.quorum() || own.is_none() {
            return;
        }
        let mut view_changes = demands;
        view_changes.truncate(self.committee.quorum());
        let bodies: Vec<&ViewChange> = view_changes.iter().map(|(_, body)| &**body).collect();
        let slots = recompute(&bodies, &self.committee, self.null);
        // What it signs now it must be able to report later (V4): nothing beyond the own window.
        if slots.last().is_some_and(|(seq, _)| *seq > self.low().plus(self.constants.window)) {
            return;
        }
        let promised: Option<Vec<Signed>> =
            slots.into_iter().map(|(seq, digest)| self.promise(Kind::PrePrepare, view, seq, digest)).collect();
        let Some(pre_prepares) = promised else { return };
        let body = Arc::new(NewView { view, view_changes, pre_prepares });
        let digest = body.digest(self.constants.window);
        let Some(statement) = self.promise(Kind::NewView, view, SeqNum::new(0), digest) else { return };
        // V4: whoever sends a start serves those that its demands name, also after a restart.
        let named: BTreeSet<(View, Digest)> = body.view_changes.iter().flat_map(|(_, of)| of.named()).collect();
        for (of, digest) in named.into_iter().filter(|(of, _)| !self.views.entered.contains_key(of)) {
            if let Some((statement, body)) = self.views.start(&digest).filter(|(_, start)| start.view == of) {
                out.persist(Record::NewView { statement: *statement, body: body.clone() });
            }
        }
        // The start first: its statements' rows mean nothing without it.
        out.persist(Record::NewView { statement, body: body.clone() });
        for signed in &body.pre_prepares {
            out.persist(Record::Statement(*signed));
        }
        out.persist(Record::Statement(statement));
        self.note_started(&body);
        self.views.entered.insert(view, digest);
        self.views.starts.insert(digest, (statement, body.clone()));
        self.broadcast(Message::NewView { statement, body }, out);
    }

    /// V4, V5: enters the waiting start's view once everything that it rests on is here and agrees.
    fn enter_waiting(&mut self, out: &mut Effects) {
        let Some((statement, start)) = self.views.waiting.and_then(|digest| self.views.start(&digest)).cloned() else {
            return;
        };
        let passed = start.view < self.view.number || (start.view == self.view.number && !self.view.changing);
        let counted: Result<Vec<bool>, ()> =
            start.view_changes.iter().map(|(_, body)| self.views.counts(body)).collect();
        match counted {
            _ if passed => self.views.waiting = None,
            Err(()) => {
                self.views.waiting = None;
                out.push(Effect::Refused(Rejected::WrongNewView { from: statement.signer, view: start.view }));
            }
            Ok(counted) if counted.contains(&false) => (),
            Ok(_) => self.enter_view(statement, start, out),
        }
    }

    fn enter_view(&mut self, statement: Signed, start: Arc<NewView>, out: &mut Effects) {
        let (view, epoch) = (start.view, self.committee.epoch());
        for signed in &start.pre_prepares {
            let (seq, carried) = (signed.statement.seq, signed.statement.digest);
            let committed = self.log.get(seq).and_then(|slot| slot.committed.as_ref());
            if let Some(committed) = committed.map(|certificate| certificate.digest()).filter(|of| *of != carried) {
                self.stop(Broken::NewViewAgainstCommit { view, seq, committed, carried }, out);
                return;
            }
        }
        out.persist(Record::NewView { statement, body: start.clone() });
        out.persist(Record::View { epoch, view, changing: false });
        self.log.forget_proposals();
        self.view = CurrentView { number: view, changing: false };
        self.views.entered.insert(view, statement.statement.digest);
        self.views.waiting = None;
        self.pace.enter();
        self.views.since = self.now.ticks;
        self.views.quorum_at = None;
        self.proposing.carried = start.last();
        if let Some(claimed) = start.checkpoint() {
            self.learn_stable(claimed.clone().into_checked(epoch), out);
        }
        self.carry_slots();
        self.hear_early_votes(view, out);
        self.take_early(view, out);
        self.log.touch_all();
        self.touched_lanes.extend(self.committee.replicas());
        self.drop_unnamed_starts();
    }

    /// V6: the slots of the current view's start, as far as the window reaches; again when it has moved (S2).
    pub(crate) fn carry_slots(&mut self) {
        let Some(view) = self.active_view() else { return };
        let Some((_, start)) = self.views.start_of(view).cloned() else { return };
        let (arrived, null) = (self.now.ticks, self.null);
        for statement in &start.pre_prepares {
            let (seq, digest) = (statement.statement.seq, statement.statement.digest);
            if !self.in_window(seq) || self.is_settled(seq) {
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

    /// Keeps what the next view's primary proposes until its start is here.
    pub(crate) fn keep_early(&mut self, statement: &Signed, content: &Content) {
        let (view, seq) = (statement.statement.view, statement.statement.seq);
        let asked = self.view.changing && view == self.view.number;
        let next = asked || view == self.view.number.next();
        if next && statement.signer == self.committee.primary(view) && self.in_window(seq) {
            self.views.early.entry((view, seq)).or_insert_with(|| (*statement, content.clone()));
        }
    }

    /// The view has started: what came too early for it is taken up.
    fn take_early(&mut self, view: View, out: &mut Effects) {
        for ((of, _), (statement, content)) in core::mem::take(&mut self.views.early) {
            if of == view && self.receive_proposal(statement, out).is_ok() {
                self.keep_content(content);
            }
        }
    }

    /// E2: votes of a view are compared from when it is entered; those that came before it are in the slots.
    fn hear_early_votes(&mut self, view: View, out: &mut Effects) {
        let votes = self.log.iter().flat_map(|(_, slot)| slot.prepares.values().chain(slot.commits.values()));
        let early: Vec<Signed> = votes.filter(|vote| vote.statement.view == view).copied().collect();
        for vote in early {
            self.hear(&vote, out);
        }
    }

    /// Whether the view's start carries the slot.
    pub(crate) fn is_carried(&self, view: View, seq: SeqNum) -> bool {
        self.views.start_of(view).is_some_and(|(_, start)| start.carries(seq).is_some())
    }

    /// V6: in the slots that the start of a view covers, only what it carries is accepted.
    pub(crate) fn may_propose_at(&self, view: View, seq: SeqNum, digest: Digest) -> bool {
        view.get() == 0
            || self
                .views
                .start_of(view)
                .is_some_and(|(_, start)| seq > start.last() || start.carries(seq) == Some(digest))
    }

    /// B, V4: starts stay while the current view, an own entry, or a member's latest demand rests on them.
    fn drop_unnamed_starts(&mut self) {
        let own = self.log.iter().flat_map(|(_, slot)| {
            let prepared = slot.prepared.as_ref().map(|prepared| prepared.certificate.view());
            let voted = slot.voted.map(|voted| voted.statement.view);
            prepared.into_iter().chain(voted)
        });
        let mut views: BTreeSet<View> = own.collect();
        views.insert(self.view.number);
        let mut named: BTreeSet<Digest> =
            views.iter().filter_map(|view| self.views.entered.get(view)).copied().collect();
        named.extend(self.views.latest.values().flat_map(|(_, body)| body.named().map(|(_, digest)| digest)));
        if let Some(digest) = self.views.waiting {
            named.insert(digest);
            let (_, start) = &self.views.starts[&digest];
            named.extend(start.view_changes.iter().flat_map(|(_, body)| body.named().map(|(_, digest)| digest)));
        }
        self.views.starts.retain(|digest, _| named.contains(digest));
        let oldest = views.first().copied().unwrap_or_default();
        self.views.entered.retain(|view, digest| *view >= oldest || named.contains(digest));
        assert!(self.views.waiting.is_none() || !self.views.starts.is_empty(), "B: the waiting start is kept");
    }

    /// Whoever sends a demand, or a start that carries it, serves the starts that it names.
    pub(crate) fn answer_new_view(&self, to: ReplicaId, view: View, digest: Digest, out: &mut Effects) {
        let by_view = self.views.start_of(view);
        let found = self.views.start(&digest).or_else(|| by_view.filter(|_| digest == Digest::ZERO));
        match found {
            Some((statement, body)) => {
                out.send(to, Message::NewView { statement: *statement, body: body.clone() });
            }
            None => out.push(Effect::Supply { to, wanted: Wanted::NewView { view, digest } }),
        }
    }

    /// What a start that this replica entered says about itself, for Status.
    pub(crate) fn start_digest(&self) -> Digest {
        let active = self.active_view();
        active.and_then(|view| self.views.start_of(view)).map_or(Digest::ZERO, |(signed, _)| signed.statement.digest)
    }

    /// After a restart: what was stored of views.
    pub(crate) fn resume_views(&mut self, demand: Option<Demand>, starts: Vec<Start>) {
        for (statement, body) in starts {
            let (view, digest) = (body.view, statement.statement.digest);
            if statement.signer == self.me {
                self.promises.write(statement);
                body.pre_prepares.iter().for_each(|signed| self.promises.write(*signed));
            }
            // An own start that was stored and not entered is entered when it comes back.
            let entered = view < self.view.number || (view == self.view.number && !self.view.changing);
            // Own entries name an own start even if the crash came before it was entered.
            if entered || statement.signer == self.me {
                self.views.entered.insert(view, digest);
            }
            if !entered {
                self.views.waiting = Some(digest);
            }
            if statement.signer == self.me {
                self.note_started(&body);
            }
            self.views.starts.insert(digest, (statement, body));
        }
        if let Some((statement, body)) = demand {
            self.promises.write(statement);
            self.views.latest.insert(self.me, (statement, body));
        }
        if let Some((_, start)) = self.active_view().and_then(|view| self.views.start_of(view)) {
            self.proposing.carried = start.last();
        }
    }

    /// Q reports what this replica started a view with, whether it holds the contents or not.
    fn note_started(&mut self, start: &NewView) {
        for signed in &start.pre_prepares {
            let seq = signed.statement.seq;
            if !self.in_window(seq) || self.is_settled(seq) {
                continue;
            }
            let slot = self.log.touch(seq);
            if slot.voted.is_none_or(|voted| voted.statement.view < start.view) {
                slot.voted = Some(*signed);
            }
        }
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
}
