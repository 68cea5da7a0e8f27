//! From a proposal to a decision (N1 to N5, N8).

use crate::agreement::order::Order;
use crate::agreement::slot::{Prepared, Proposal, Slot, votes_for};
use crate::effects::{Broken, Record, Rejected};
use crate::evidence::witness::Subject;
use crate::lanes::Lanes;
use crate::member::Member;
use crate::replica::Replica;
use crate::views::Views;
use crate::wire::{ClaimedCert, Content, Digest, Kind, Message, QuorumCert, ReplicaId, SeqNum, Signed, Time, View};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

impl Replica {
    /// The primary's choice, straight from it: statement, content and certificates at once.
    pub(crate) fn on_pre_prepare(
        &mut self,
        from: ReplicaId,
        statement: Signed,
        content: Content,
        certificates: Vec<ClaimedCert>,
    ) -> Result<(), Rejected> {
        self.hear(&statement);
        let (view, seq) = (statement.statement.view, statement.statement.seq);
        let is_its = view >= self.views.number && statement.signer == self.member.committee.primary(view);
        self.learn_lane_certs(certificates, is_its && self.order.in_window(seq));
        if from == statement.signer && from != self.member.me {
            self.member.check_not_stale(&statement, &content)?;
        }
        self.views.keep_early(&self.member, &self.order, &statement, &content);
        self.receive_proposal(statement)?;
        self.order.keep_content(&mut self.lanes, content);
        Ok(())
    }

    /// Goes by a PrePrepare, wherever it was seen, unless another came first (N2).
    pub(crate) fn receive_proposal(&mut self, statement: Signed) -> Result<(), Rejected> {
        self.hear(&statement);
        let (view, seq, digest) = (statement.statement.view, statement.statement.seq, statement.statement.digest);
        let from = statement.signer;
        if self.views.active() != Some(view) {
            return Err(Rejected::OtherView { from, theirs: view, ours: self.views.number });
        }
        if from != self.member.committee.primary(view) {
            return Err(Rejected::NotPrimary { from, view });
        }
        if !self.order.in_window(seq) {
            return Err(Rejected::OutsideWindow { from, seq });
        }
        if self.order.is_closed(seq) {
            return Ok(());
        }
        if !self.views.may_propose_at(view, seq, digest) {
            return Err(Rejected::WrongNewView { from, view });
        }
        if let Some(first) = self.order.log.get(seq).and_then(Slot::proposed) {
            return if first == digest { Ok(()) } else { Err(Rejected::Equivocation { signer: from, seq }) };
        }
        let (arrived, null) = (self.member.now.ticks, self.order.null);
        let carried = self.views.is_carried(view, seq);
        self.pursuits.is_due = true;
        let slot = self.order.log.touch(seq);
        slot.proposal = Some(Proposal { statement, arrived, carried });
        if digest == null {
            slot.offer(Arc::new(Content::NULL), null);
        }
        Ok(())
    }

    pub(crate) fn on_prepare(&mut self, statement: Signed, pre_prepare: Signed) -> Result<(), Rejected> {
        self.hear(&statement);
        let proposal = self.receive_proposal(pre_prepare);
        let (ours, theirs) = (&statement.statement, &pre_prepare.statement);
        if (ours.view, ours.seq, ours.digest) != (theirs.view, theirs.seq, theirs.digest) {
            // Not counted, but heard above: a statement like any other (E2).
            return Err(Rejected::Unfit { from: statement.signer, seq: ours.seq });
        }
        self.order.keep_vote(statement)?;
        proposal
    }

    pub(crate) fn on_commit(&mut self, signed: Signed) -> Result<(), Rejected> {
        self.hear(&signed);
        self.order.keep_vote(signed)
    }

    /// A content that was asked for, with the certificates of its tips.
    pub(crate) fn on_content(&mut self, content: Content, certificates: Vec<ClaimedCert>) -> Result<(), Rejected> {
        let digest = content.digest();
        let is_named = self.order.log.iter().any(|(_, slot)| slot.names(&digest));
        self.learn_lane_certs(certificates, is_named);
        self.order.keep_content(&mut self.lanes, content);
        Ok(())
    }

    /// A decision, as others hold it (N8): accepted in any mode.
    pub(crate) fn on_decided(
        &mut self,
        from: ReplicaId,
        certificate: ClaimedCert,
        content: Content,
    ) -> Result<(), Rejected> {
        let seq = certificate.seq;
        let certificate = certificate.into_checked(&self.member.committee);
        let statements: Vec<Signed> = certificate.statements(self.member.committee.group()).collect();
        let open = seq > self.order.low() && !self.order.is_closed(seq);
        if open && self.order.in_reach(seq) {
            self.commit(certificate);
            self.order.keep_content(&mut self.lanes, content);
        }
        for statement in &statements {
            self.hear(statement);
        }
        if open && !self.order.in_reach(seq) {
            return Err(Rejected::OutsideWindow { from, seq });
        }
        Ok(())
    }

    /// Commit sink, for certificates from wherever they come (N4).
    pub(crate) fn commit(&mut self, certificate: QuorumCert) {
        let (seq, digest, now, null) =
            (certificate.seq(), certificate.digest(), self.member.now.ticks, self.order.null);
        let decides = certificate.kind() == Kind::Commit || certificate.signers().len() == self.member.committee.len();
        certificate.check_in(&self.member.committee);
        assert!(decides, "I14: slot {seq} decided by a certificate of {:?}", certificate.kind());
        let slot = self.order.log.touch(seq);
        if let Some(known) = &slot.committed {
            let first = known.digest();
            if first != digest {
                self.member.out.persist(Record::Conflicting(certificate));
                self.member.stop(Broken::TwoCommits { seq, first, second: digest });
            }
            return;
        }
        slot.committed = Some(Arc::new(certificate));
        slot.committed_at = now;
        if digest == null {
            slot.offer(Arc::new(Content::NULL), null);
        }
        self.pursuits.is_due = true;
        self.refer(Subject::Slot, seq, digest);
    }

    /// Looks again at every slot that something happened to.
    pub(crate) fn advance_slots(&mut self) {
        for seq in self.order.log.take_touched() {
            self.vote_prepare(seq);
            self.order.vote_commit(&self.views, &mut self.member, seq);
            self.count_commits(seq);
            self.record_decision(seq);
        }
    }

    /// Sends Prepare once everything that it promises is here (N2).
    fn vote_prepare(&mut self, seq: SeqNum) {
        let Some((proposal, content)) = self.order.votable(&self.lanes, &self.member, self.views.active(), seq) else {
            return;
        };
        let (view, digest) = (proposal.statement.statement.view, proposal.statement.statement.digest);
        if !proposal.carried && !self.order.is_timely(&self.lanes, &mut self.member, seq, &content) {
            return;
        }
        if !proposal.carried {
            let until = self.order.lacks_content_since().unwrap_or(self.member.now.ticks);
            self.views.judge_pace(&mut self.lanes, &self.peers, &self.member, (&content, until));
            self.views.judge_time(&self.order, &self.member, (seq, &content));
        }
        // A primary wrote its own proposal down when it made it, but not what its NewView carries: then it had no content.
        let is_new = proposal.carried || self.order.log.get(seq).is_some_and(|of| of.voted != Some(proposal.statement));
        let Some(statement) = self.member.promise(Kind::Prepare, view, seq, digest) else { return };
        if is_new {
            let content = Content::clone(&content);
            self.member.out.persist(Record::Accepted { pre_prepare: proposal.statement, content });
        }
        self.member.out.persist(Record::Statement(statement));
        self.order.note_vote(&self.member, seq, proposal.statement);
        self.member.broadcast(Message::Prepare { statement, pre_prepare: proposal.statement });
    }

    /// q Commits of one view decide (N4), and so do n Prepares of one view (N5); whichever is complete first.
    fn count_commits(&mut self, seq: SeqNum) {
        let Some(slot) = self.order.log.get(seq).filter(|slot| slot.committed.is_none()) else { return };
        let mut counts: BTreeMap<(View, Digest), usize> = BTreeMap::new();
        for vote in slot.commits.values() {
            *counts.entry((vote.statement.view, vote.statement.digest)).or_default() += 1;
        }
        let quorum = self.member.committee.quorum();
        if let Some(certificate) = self.order.fast_commit(&self.member, slot) {
            self.order.fast_commits += 1;
            self.commit(certificate);
            return;
        }
        let Some(((view, digest), _)) = counts.into_iter().find(|(_, count)| *count >= quorum) else { return };
        if let Some(certificate) = self.member.committee.assemble(votes_for(&slot.commits, view, digest).take(quorum)) {
            self.commit(certificate);
        }
    }

    /// Puts a decision on disk as soon as its content is here, and tells the lanes.
    fn record_decision(&mut self, seq: SeqNum) {
        let Some(slot) = self.order.log.get_mut(seq).filter(|slot| !slot.recorded) else { return };
        let (Some(certificate), Some(content)) = (slot.committed.clone(), slot.decided().cloned()) else { return };
        assert!(content.digest() == certificate.digest(), "I28: slot {seq} was decided with another content");
        slot.recorded = true;
        let record = Record::Committed { certificate: (*certificate).clone(), content: (*content).clone() };
        self.member.out.persist(record);
        let empty = self.order.is_empty_slot(&self.lanes, seq, &content);
        self.views.note_progress(&certificate, empty);
        for (lane, tip) in &content.cut {
            self.lanes.commit_tip(&self.member, *lane, *tip);
        }
    }
}

impl Order {
    /// Executed before a restart and not in memory any more: nothing about it is open.
    pub(crate) fn is_closed(&self, seq: SeqNum) -> bool {
        seq <= self.executed() && self.log.get(seq).is_none()
    }

    /// Keeps each signer's vote of its highest view.
    fn keep_vote(&mut self, signed: Signed) -> Result<(), Rejected> {
        let seq = signed.statement.seq;
        if !self.in_window(seq) {
            return Err(Rejected::OutsideWindow { from: signed.signer, seq });
        }
        if self.is_closed(seq) {
            return Ok(());
        }
        let slot = self.log.touch(seq);
        let votes = match signed.statement.kind {
            Kind::Prepare => &mut slot.prepares,
            kind => {
                assert!(kind == Kind::Commit, "I29: {kind:?} counted as a Commit");
                &mut slot.commits
            }
        };
        let vote = votes.entry(signed.signer).or_insert(signed);
        if vote.statement.view < signed.statement.view {
            *vote = signed;
        }
        Ok(())
    }

    /// Gives a content to every slot that names it.
    pub(crate) fn keep_content(&mut self, lanes: &mut Lanes, content: Content) {
        let digest = content.digest();
        let wanting: Vec<_> = self.log.iter().filter(|(_, slot)| slot.wants(&digest)).map(|(seq, _)| seq).collect();
        if wanting.is_empty() {
            return;
        }
        for (lane, tip) in &content.cut {
            lanes[*lane].cite(*tip);
        }
        let content = Arc::new(content);
        for seq in wanting {
            self.log.touch(seq).offer(content.clone(), digest);
        }
    }

    /// T2 ahead, and the pace of empty slots (N7). If not, the slot is looked at again when it may be.
    fn is_timely(&mut self, lanes: &Lanes, member: &mut Member, seq: SeqNum, content: &Content) -> bool {
        let earliest = content.time.unwrap_or_default().get().saturating_sub(member.constants.clock_ahead_ms);
        if !member.is_due_by_wall(Time::new(earliest)) {
            self.log.touch(seq);
            return false;
        }
        let pace = self.proposing.empty_vote_at.map(|at| at.after(member.constants.cut_delay_ms));
        // Slots that fill the epoch up are as many as they are, however fast they come (M1).
        if self.last().is_none() && self.is_empty_slot(lanes, seq, content) {
            if pace.is_some_and(|due| !member.is_due(due)) {
                self.log.touch(seq);
                return false;
            }
            self.proposing.empty_vote_at = Some(member.now.ticks);
        }
        true
    }

    /// Remembers what Q reports.
    fn note_vote(&mut self, member: &Member, seq: SeqNum, pre_prepare: Signed) {
        let now = member.now.ticks;
        let slot = self.log.touch(seq);
        let (view, digest) = (pre_prepare.statement.view, pre_prepare.statement.digest);
        assert!(slot.voted.is_none_or(|voted| voted.statement.view <= view), "I16: vote for {seq} in an earlier view");
        let agrees = slot.committed.as_ref().is_none_or(|certificate| certificate.digest() == digest);
        assert!(agrees, "I17: vote for {seq} against its commit certificate");
        slot.voted = Some(pre_prepare);
        slot.voted_at = now;
    }

    fn newly_prepared(&self, member: &Member, view: Option<View>, seq: SeqNum) -> Option<(Signed, QuorumCert)> {
        let view = view.filter(|_| member.may_sign())?;
        let slot = self.log.get(seq)?;
        let pre_prepare = slot.proposal?.statement;
        let digest = pre_prepare.statement.digest;
        let committed = member.promises.get(Kind::Commit, view, seq).is_some();
        let agrees = slot.committed.as_ref().is_none_or(|certificate| certificate.digest() == digest);
        if let Some(prepared) = slot.prepared.as_ref().filter(|prepared| prepared.certificate.view() == view) {
            // A crash between the certificate and the Commit leaves the first alone.
            return (!committed && agrees).then(|| (prepared.pre_prepare, prepared.certificate.clone()));
        }
        let known = slot.prepared.as_ref().is_some_and(|prepared| prepared.certificate.view() > view);
        let own = slot.prepares.get(&member.me).is_some_and(|own| own.statement.view == view);
        if known || !own || !agrees {
            return None;
        }
        let votes = votes_for(&slot.prepares, view, digest);
        let certificate = member.committee.assemble(votes.take(member.committee.quorum()))?;
        Some((pre_prepare, certificate))
    }

    /// N5: Prepares of one view from every member.
    fn fast_commit(&self, member: &Member, slot: &Slot) -> Option<QuorumCert> {
        let first = slot.prepares.values().next()?.statement;
        let all =
            slot.prepares.len() == member.committee.len() && slot.prepares.values().all(|vote| vote.statement == first);
        if all { member.committee.assemble(slot.prepares.values()) } else { None }
    }

    /// The proposal and its content, if this replica may vote for them and has not.
    pub(crate) fn votable(
        &self,
        lanes: &Lanes,
        member: &Member,
        active: Option<View>,
        seq: SeqNum,
    ) -> Option<(Proposal, Arc<Content>)> {
        let view = active?;
        let slot = self.log.get(seq)?;
        let proposal = slot.proposal?;
        let digest = proposal.statement.statement.digest;
        assert_eq!(proposal.statement.statement.view, view, "I3: a proposal of another view");
        let free = member.may_sign() && self.in_window(seq) && member.promises.get(Kind::Prepare, view, seq).is_none();
        // N8: never against a commit certificate.
        let agrees = slot.committed.as_ref().is_none_or(|certificate| certificate.digest() == digest);
        let content = slot.content(&digest)?;
        let vouched = proposal.carried || content.cut.iter().all(|(lane, tip)| lanes[*lane].vouches_for(*tip));
        (free && agrees && vouched).then(|| (proposal, content.clone()))
    }

    /// Sends Commit on q Prepares, the own among them (N3).
    fn vote_commit(&mut self, views: &Views, member: &mut Member, seq: SeqNum) {
        let Some((pre_prepare, certificate)) = self.newly_prepared(member, views.active(), seq) else {
            return;
        };
        let (view, digest) = (certificate.view(), certificate.digest());
        let own = member.promises.get(Kind::Prepare, view, seq);
        assert!(own.is_some_and(|own| own.statement.digest == digest), "I15: Commit of {seq} without an own Prepare");
        certificate.check_in(&member.committee);
        assert!(pre_prepare.statement.digest == digest, "I4: slot {seq} prepared without its proposal");
        member.out.persist(Record::Prepared(certificate.clone()));
        let now = member.now.ticks;
        let slot = self.log.touch(seq);
        let older = slot.prepared.as_ref().is_none_or(|prepared| prepared.certificate.view() <= view);
        assert!(older, "I16: slot {seq} prepared in an earlier view than before");
        slot.prepared = Some(Prepared { certificate, pre_prepare });
        slot.voted_at = now;
        if let Some(signed) = member.sign(Kind::Commit, view, seq, digest) {
            member.broadcast(Message::Commit(signed));
        }
    }
}

impl Member {
    /// T2, the bound behind: asked only of what comes straight from the primary.
    fn check_not_stale(&self, statement: &Signed, content: &Content) -> Result<(), Rejected> {
        let behind = self.constants.clock_behind_ms;
        let voted_long = self.recall.done_since.is_some_and(|since| self.now.ticks.since(since) > behind);
        let theirs = content.time.unwrap_or_default();
        let (from, ours) = (statement.signer, self.now.wall);
        if voted_long && theirs.get().saturating_add(behind) < ours.get() {
            return Err(Rejected::Clock { from, theirs, ours });
        }
        Ok(())
    }
}
