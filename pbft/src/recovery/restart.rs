//! Recovery of a replica from its disk (E1, E7, V6).

use crate::agreement::slot::{Prepared, Proposal};
use crate::evidence::witness::{Subject, Witness};
use crate::member::Member;
use crate::member::Standing;
use crate::recovery::recovered::{Recovered, RecoveredSlot};
use crate::replica::{Replica, ReplicaConfig};
use crate::wire::{ClaimedCert, Content, Kind, QuorumCert, SeqNum, Signed, Ticks, Verify, View};
use alloc::sync::Arc;
use alloc::vec::Vec;

impl Replica {
    /// The replica that wrote these records. Nothing is signed until others have told it what it signed (E7).
    ///
    /// # Panics
    ///
    /// On a wrong configuration, as [`Replica::new`], or when the records contradict themselves.
    pub fn recover(config: ReplicaConfig, recovered: Recovered) -> Self {
        let verify = config.verify.clone();
        let mut replica = Self::new(config);
        replica.resume(recovered, &*verify);
        replica
    }

    fn resume(&mut self, recovered: Recovered, verify: &dyn Verify) {
        (self.views.number, self.views.changing) = (recovered.view, recovered.changing);
        let stable = recovered.stable.and_then(|claimed| self.witness.recheck(&self.member, claimed, verify));
        let stable = stable.filter(|stable| stable.seq() <= recovered.executed.seq);
        let executed = recovered.executed.seq;
        self.order.execution.resume(recovered.executed);
        self.order.oldest = recovered.oldest.max(self.order.oldest);
        self.order.checkpoints.resume(stable, executed);
        let lanes = self.member.committee.replicas().zip(self.order.execution.point.lanes());
        let lanes = lanes.map(|(lane, (tip, _))| (lane, SeqNum::new(tip.position.get())));
        let reached = (self.order.low(), lanes.collect());
        self.member.recall.reached = recovered.floors.as_ref().map(|_| reached.clone());
        let (votes, lanes) = recovered.floors.unwrap_or(reached);
        self.member.promises.raise_floors(votes, lanes);
        // What was signed in an epoch that is over binds nobody in this one, where numbers have other owners (M3).
        let epoch = self.member.committee.epoch();
        for signed in recovered.statements.into_iter().filter(|signed| signed.statement.epoch == epoch) {
            self.member.promises.write(signed);
        }
        self.order.note_last(&mut self.member, None);
        self.witness.resume(&self.member, &recovered.headers, recovered.certificates, verify);
        self.resume_lanes(&recovered.bundles);
        for claimed in recovered.lane_certs {
            if let Some(certificate) = self.witness.recheck(&self.member, claimed, verify)
                && let Some(lane) = certificate.lane()
            {
                // A fork among our own certificates shows itself again as soon as anything depends on it.
                let _ = self.lanes[lane].certify(certificate, true, Ticks::new(0));
            }
        }
        self.lanes.resume_acks(&self.member);
        for slot in recovered.slots {
            self.resume_slot(slot, verify);
        }
        self.resume_views(recovered.view_change, recovered.new_views, recovered.named_new_views);
        if let Some(broken) = recovered.broken {
            self.member.standing = Standing::of(broken); // It was found out before the restart.
        }
        for evidence in recovered.evidence {
            self.accusations.add(evidence);
        }
        self.accusations.accuse_again(&mut self.lanes);
        self.accusations.held().for_each(|proof| self.views.note_equivocator(&self.member, proof));
        self.order.resume_checkpoints(&self.member, recovered.states);
        self.order.drop_long_executed(&self.member);
        self.order.carry_slots(&self.views, &self.member);
        self.lanes.touched.extend(self.member.committee.replicas());
        self.order.log.touch_all();
    }

    fn resume_lanes(&mut self, bundles: &[Arc<crate::wire::Bundle>]) {
        for (lane, (tip, bytes)) in self.member.committee.replicas().zip(self.order.execution.point.lanes()) {
            self.lanes[lane].executed_up_to(tip, bytes);
        }
        let own = &self.lanes[self.member.me];
        (self.lanes.own.tip, self.lanes.own.lane_bytes) = (own.executed, own.executed_bytes);
        for bundle in bundles {
            let header = &bundle.header;
            if header.lane == self.member.me {
                self.member.resume_promise(bundle.statement);
                if header.position > self.lanes.own.tip.position {
                    (self.lanes.own.tip, self.lanes.own.lane_bytes) = (header.tip(), header.lane_bytes);
                }
            } else {
                self.witness.hear(&bundle.statement);
            }
            if header.position > self.lanes[header.lane].executed.position {
                self.lanes[header.lane].hold(bundle.clone(), true, Ticks::new(0));
            }
        }
    }

    fn resume_slot(&mut self, recovered: RecoveredSlot, verify: &dyn Verify) {
        let seq = recovered.seq;
        let active = self.views.active();
        let prepared = recovered.prepared.and_then(|claimed| self.witness.recheck(&self.member, claimed, verify));
        let committed = recovered
            .committed
            .and_then(|(claimed, content)| Some((self.witness.recheck(&self.member, claimed, verify)?, content)));
        if !self.order.in_reach(seq) {
            return;
        }
        for (signed, content) in recovered.accepted {
            self.resume_accepted(seq, signed, content, active, prepared.as_ref());
        }
        let own_votes = [Kind::Prepare, Kind::Commit]
            .map(|kind| active.and_then(|view| self.member.promises.get(kind, view, seq)).copied());
        let slot = self.order.log.touch(seq);
        let [prepare, commit] = own_votes;
        slot.prepares.extend(prepare.map(|vote| (vote.signer, vote)));
        slot.commits.extend(commit.map(|vote| (vote.signer, vote)));
        if let Some((certificate, content)) = committed {
            let digest = certificate.digest();
            self.witness.refer(Subject::Slot, seq, digest);
            slot.committed = Some(Arc::new(certificate));
            slot.recorded = true;
            slot.offer(Arc::new(content.clone()), digest);
            for (lane, tip) in content.cut {
                self.lanes[lane].commit(tip.position, Ticks::new(0));
            }
        }
    }

    fn resume_accepted(
        &mut self,
        seq: SeqNum,
        signed: Signed,
        content: Content,
        active: Option<View>,
        prepared: Option<&QuorumCert>,
    ) {
        let (view, digest) = (signed.statement.view, signed.statement.digest);
        if signed.signer == self.member.me {
            // Written before the statement's own row; a crash can part them.
            self.member.resume_promise(signed);
        } else {
            self.witness.hear(&signed);
        }
        let voted = signed.signer == self.member.me || self.member.promises.get(Kind::Prepare, view, seq).is_some();
        let slot = self.order.log.touch(seq);
        if active == Some(view) {
            // Its certificates were here before it was accepted, and its time was judged then.
            slot.proposal = Some(Proposal { statement: signed, arrived: Ticks::new(0), carried: true });
        }
        if voted && slot.voted.is_none_or(|last| last.statement.view <= view) {
            slot.voted = Some(signed);
        }
        if let Some(certificate) = prepared.filter(|certificate| certificate.view() == view) {
            slot.prepared = Some(Prepared { certificate: certificate.clone(), pre_prepare: signed });
        }
        if slot.wants(&digest) {
            slot.offer(Arc::new(content), digest);
        }
    }
}

impl Witness {
    /// E7: others' words from before the restart, for when they ask.
    fn resume(&mut self, member: &Member, headers: &[Signed], certificates: Vec<ClaimedCert>, verify: &dyn Verify) {
        let others = headers.iter().filter(|signed| signed.signer != member.me);
        for signed in others.filter(|signed| signed.is_valid(&member.committee, verify)) {
            self.hear(signed);
        }
        for claimed in certificates {
            self.recheck(member, claimed, verify);
        }
    }

    /// A certificate from the own disk, checked like anyone's; its statements are remembered (E7: others ask for them).
    fn recheck(&mut self, member: &Member, claimed: ClaimedCert, verify: &dyn Verify) -> Option<QuorumCert> {
        let certificate = member.committee.check(claimed, verify).ok()?;
        for signed in certificate.statements(member.committee.group()).filter(|signed| signed.signer != member.me) {
            self.hear(&signed);
        }
        Some(certificate)
    }
}
