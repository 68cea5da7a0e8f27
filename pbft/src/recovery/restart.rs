//! From what the disk holds to a replica that goes on where it was (E1, E7, V6).

use crate::agreement::slot::{Prepared, Proposal};
use crate::recovery::recovered::{Recovered, RecoveredSlot};
use crate::replica::{CurrentView, Replica, ReplicaConfig, Standing};
use crate::wire::bundle::Tip;
use crate::wire::cert::{ClaimedCert, QuorumCert};
use crate::wire::content::Content;
use crate::wire::crypto::Verify;
use crate::wire::ids::{Position, SeqNum, Ticks, View};
use crate::wire::statement::{Kind, Signed};
use alloc::sync::Arc;

impl Replica {
    /// The replica that wrote these records. It signs nothing until others have told it what it signed (E7).
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
        self.view = CurrentView { number: recovered.view, changing: recovered.changing };
        let stable = recovered.stable.and_then(|claimed| self.recheck(claimed, verify));
        let stable = stable.filter(|stable| stable.seq() <= recovered.executed.seq);
        let executed = recovered.executed.seq;
        self.execution.resume(recovered.executed);
        self.checkpoints.resume(stable, executed);
        self.promises.raise_floors(self.low(), []);
        for signed in recovered.statements {
            self.promises.write(signed);
        }
        self.resume_lanes(&recovered.bundles);
        for claimed in recovered.lane_certs {
            if let Some(certificate) = self.recheck(claimed, verify)
                && let Some(lane) = certificate.lane()
            {
                // A fork among our own certificates shows itself again as soon as anything depends on it.
                let _ = self.lanes[lane.index()].certify(certificate, true, Ticks::new(0));
            }
        }
        for slot in recovered.slots {
            self.resume_slot(slot, verify);
        }
        self.resume_views(recovered.view_change, recovered.new_views, recovered.named_starts);
        if let Some(broken) = recovered.broken {
            self.standing = Standing::of(broken); // It was found out before the restart.
        }
        for signed in recovered.kept.into_iter().filter(|signed| signed.signer != self.me) {
            self.witness.hear(&signed);
            self.witness.keep(&signed, false);
            self.witness.found(&signed);
        }
        for evidence in recovered.evidence {
            self.accusations.add(evidence);
        }
        self.accuse_again();
        self.resume_checkpoints();
        self.drop_long_executed();
        self.carry_slots();
        self.touched_lanes.extend(self.committee.replicas());
        self.log.touch_all();
    }

    /// A certificate from the own disk, checked like anyone's; its statements are remembered (E7: others ask for them).
    fn recheck(&mut self, claimed: ClaimedCert, verify: &dyn Verify) -> Option<QuorumCert> {
        let certificate = self.committee.check(claimed, verify).ok()?;
        for signed in certificate.statements(self.committee.group()).filter(|signed| signed.signer != self.me) {
            self.witness.hear(&signed);
        }
        Some(certificate)
    }

    fn resume_lanes(&mut self, bundles: &[Arc<crate::wire::bundle::Bundle>]) {
        for lane in self.committee.replicas() {
            let (tip, bytes) =
                (self.execution.point().tips[lane.index()], self.execution.point().lane_bytes[lane.index()]);
            self.lanes[lane.index()].executed_up_to(tip, bytes);
            self.promises.raise_floors(SeqNum::new(0), [(lane, SeqNum::new(tip.position.get()))]);
            if let Some(row) = self.promises.highest(Kind::Ack, View::new(u64::from(lane.get()))) {
                let position = Position::new(row.statement.seq.get());
                self.lanes[lane.index()].acked = Tip { position, digest: row.statement.digest };
                self.lanes[lane.index()].add_ack(position, *row);
            }
        }
        let own = &self.lanes[self.me.index()];
        (self.own.tip, self.own.lane_bytes) = (own.executed, own.executed_bytes);
        for bundle in bundles {
            let header = &bundle.header;
            if header.lane == self.me {
                self.resume_promise(bundle.statement);
                if header.position > self.own.tip.position {
                    (self.own.tip, self.own.lane_bytes) = (header.tip(), header.lane_bytes);
                }
            } else {
                self.witness.hear(&bundle.statement);
            }
            if header.position > self.lanes[header.lane.index()].executed.position {
                self.lanes[header.lane.index()].hold(bundle.clone(), true, Ticks::new(0));
            }
        }
    }

    /// A statement in the own name that came with something stored. If another one was signed here for its place, the
    /// key is in use elsewhere: what the group decided in the own name is on the disk beside the own word (E7).
    fn resume_promise(&mut self, signed: Signed) {
        let said = &signed.statement;
        match self.promises.get(said.kind, said.view, said.seq) {
            Some(row) if row.statement != *said => self.standing = Standing::Follower(signed),
            _ => self.promises.write(signed),
        }
    }

    fn resume_slot(&mut self, recovered: RecoveredSlot, verify: &dyn Verify) {
        let seq = recovered.seq;
        let active = self.active_view();
        let prepared = recovered.prepared.and_then(|claimed| self.recheck(claimed, verify));
        let committed =
            recovered.committed.and_then(|(claimed, content)| Some((self.recheck(claimed, verify)?, content)));
        if !self.in_reach(seq) {
            return;
        }
        for (signed, content) in recovered.accepted {
            self.resume_accepted(seq, signed, content, active, prepared.as_ref());
        }
        let own_votes = [Kind::Prepare, Kind::Commit]
            .map(|kind| active.and_then(|view| self.promises.get(kind, view, seq)).copied());
        let slot = self.log.touch(seq);
        let [prepare, commit] = own_votes;
        slot.prepares.extend(prepare.map(|vote| (vote.signer, vote)));
        slot.commits.extend(commit.map(|vote| (vote.signer, vote)));
        if let Some((certificate, content)) = committed {
            let digest = certificate.digest();
            slot.committed = Some(Arc::new(certificate));
            slot.recorded = true;
            slot.offer(Arc::new(content.clone()), digest);
            for (lane, tip) in content.cut {
                self.lanes[lane.index()].commit(tip.position, Ticks::new(0));
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
        if signed.signer == self.me {
            // Written before the statement's own row; a crash can part them.
            self.resume_promise(signed);
        } else {
            self.witness.hear(&signed);
        }
        let voted = signed.signer == self.me || self.promises.get(Kind::Prepare, view, seq).is_some();
        let slot = self.log.touch(seq);
        let mut named = false;
        if active == Some(view) {
            // Its certificates were here before it was accepted, and its time was judged then.
            slot.proposal = Some(Proposal { statement: signed, arrived: Ticks::new(0), carried: true });
            named = true;
        }
        if voted && slot.voted.is_none_or(|last| last.statement.view <= view) {
            slot.voted = Some(signed);
            named = true;
        }
        if let Some(certificate) = prepared.filter(|certificate| certificate.view() == view) {
            slot.prepared = Some(Prepared { certificate: certificate.clone(), pre_prepare: signed });
            named = true;
        }
        if named {
            slot.offer(Arc::new(content), digest);
        }
    }
}
