//! What arrives for lanes: bundles, acknowledgements, certificates (L2, L3).

use crate::effects::{Broken, Effects, Record, Rejected};
use crate::evidence::proof::EvidenceKind;
use crate::lanes::lane::Fork;
use crate::replica::Replica;
use crate::wire::bundle::{Bundle, Tip};
use crate::wire::cert::{ClaimedCert, QuorumCert};
use crate::wire::ids::{Position, ReplicaId, SeqNum, View};
use crate::wire::message::Message;
use crate::wire::statement::{Kind, Signed};
use alloc::sync::Arc;
use alloc::vec::Vec;

impl Replica {
    pub(crate) fn on_bundle(&mut self, bundle: Arc<Bundle>, out: &mut Effects) -> Result<(), Rejected> {
        self.hear(&bundle.statement, out);
        let header = &bundle.header;
        let (id, position, tip) = (header.lane, header.position, header.tip());
        let lane = &self.lanes[id.index()];
        if position <= lane.executed.position || lane.held(tip).is_some() {
            self.repeat_ack(id, tip, out);
            return Ok(());
        }
        let last = lane.executed.position.plus(self.constants.lane_ahead_bundles_max);
        let bytes_max = lane.executed_bytes.saturating_add(self.constants.lane_ahead_bytes_max);
        let chained = lane.on_chain(position) == Some(tip.digest);
        let next = self.next_tip(id).unwrap_or_default().max(lane.executed.position.next());
        if position > last || (header.lane_bytes > bytes_max && position > next) {
            return Err(Rejected::Bundle { lane: id, position, why: "too far ahead of execution" });
        }
        let lane = &mut self.lanes[id.index()];
        lane.hold(bundle, false, self.now.ticks);
        self.pursuits.is_due = true;
        if chained && let Err(fork) = lane.walk(tip) {
            self.stop_at_fork(id, fork, out);
        }
        self.touched_lanes.insert(id);
        Ok(())
    }

    /// L2: the Ack goes out again whenever the bundle comes again.
    fn repeat_ack(&mut self, lane: ReplicaId, tip: Tip, out: &mut Effects) {
        let view = View::new(u64::from(lane.get()));
        let same = self.promises.get(Kind::Ack, view, SeqNum::new(tip.position.get()));
        let row = same.or_else(|| {
            let covers = self.lanes[lane.index()].acked.position >= tip.position;
            self.promises.highest(Kind::Ack, view).filter(|_| covers)
        });
        if let Some(signed) = row.copied().filter(|_| self.may_sign()) {
            self.send_ack(lane, signed, out);
        }
    }

    fn send_ack(&mut self, lane: ReplicaId, signed: Signed, out: &mut Effects) {
        let primary = self.committee.primary(self.view.number);
        self.send(lane, Message::Ack(signed), out);
        if primary != lane {
            self.send(primary, Message::Ack(signed), out);
        }
    }

    pub(crate) fn on_ack(&mut self, signed: Signed, out: &mut Effects) -> Result<(), Rejected> {
        let statement = signed.statement;
        let id = ReplicaId::new(u16::try_from(statement.view.get()).unwrap_or(u16::MAX));
        let tip = Tip { position: Position::new(statement.seq.get()), digest: statement.digest };
        let Some(lane) = self.lanes.get_mut(id.index()) else {
            return Err(Rejected::Unknown { from: signed.signer, what: "lane" });
        };
        let last = lane.executed.position.plus(self.constants.lane_ahead_bundles_max);
        if tip.position > last {
            return Err(Rejected::Bundle { lane: id, position: tip.position, why: "acknowledged too far ahead" });
        }
        self.hear(&signed, out);
        let concerned = id == self.me || self.committee.primary(self.view.number) == self.me;
        let lane = &mut self.lanes[id.index()];
        if !concerned || !lane.add_ack(tip.position, signed) {
            return Ok(());
        }
        if let Some(certificate) = self.committee.assemble(lane.acks(tip)) {
            self.learn_lane_cert(certificate, false, out);
        }
        Ok(())
    }

    pub(crate) fn on_lane_cert(&mut self, claimed: ClaimedCert, out: &mut Effects) -> Result<(), Rejected> {
        self.learn_lane_cert(claimed.into_checked(self.committee.epoch()), false, out);
        Ok(())
    }

    /// Certificates that travel beside a content (L4).
    pub(crate) fn learn_lane_certs(&mut self, claimed: Vec<ClaimedCert>, out: &mut Effects) {
        for claimed in claimed {
            self.learn_lane_cert(claimed.into_checked(self.committee.epoch()), true, out);
        }
    }

    fn learn_lane_cert(&mut self, certificate: QuorumCert, cited: bool, out: &mut Effects) {
        let Some(id) = certificate.lane() else { return };
        let statements: Vec<Signed> = certificate.statements(self.committee.group()).collect();
        let (lane, seq) = (certificate.view(), certificate.seq());
        match self.lanes[id.index()].certify(certificate.clone(), cited, self.now.ticks) {
            Err(fork) => {
                self.keep_conflict(&certificate, out);
                self.stop_at_fork(id, fork, out);
            }
            Ok(false) => (),
            Ok(true) => {
                self.touched_lanes.insert(id);
                self.pursuits.is_due = true;
                self.log.touch_all();
                out.persist(Record::LaneCert(certificate.clone()));
                if id == self.me {
                    self.broadcast(Message::LaneCert(certificate.claim().clone()), out);
                }
                self.review_all(EvidenceKind::Ack, lane, seq, out);
            }
        }
        for statement in &statements {
            self.hear(statement, out);
        }
    }

    /// A committed slot names this tip. Whether it is on the chain is known only when the slot is the next (L4): below
    /// the tips executed by then, any digest may stand in a cut.
    pub(crate) fn commit_tip(&mut self, id: ReplicaId, tip: Tip) {
        let now = self.now.ticks;
        self.lanes[id.index()].commit(tip.position, now);
        self.touched_lanes.insert(id);
    }

    /// The next slot to execute advances a lane to this tip: its voters saw its certificate.
    pub(crate) fn want_tip(&mut self, id: ReplicaId, tip: Tip, out: &mut Effects) {
        if self.lanes[id.index()].on_chain(tip.position) == Some(tip.digest) {
            return;
        }
        if let Err(fork) = self.lanes[id.index()].want(tip) {
            self.stop_at_fork(id, fork, out);
        }
        self.touched_lanes.insert(id);
        self.pursuits.is_due = true;
    }

    fn stop_at_fork(&mut self, lane: ReplicaId, fork: Fork, out: &mut Effects) {
        let Fork { position, first, second } = fork;
        self.stop(Broken::LaneFork { lane, position, first, second }, out);
    }

    /// Stores and acknowledges what has become possible, and drops what does not fit.
    pub(crate) fn advance_lanes(&mut self, out: &mut Effects) {
        for id in core::mem::take(&mut self.touched_lanes) {
            let lane = &mut self.lanes[id.index()];
            for tip in lane.unstored() {
                if let Some(bundle) = lane.store(tip) {
                    out.persist(Record::Bundle(bundle));
                }
            }
            self.acknowledge(id, out);
            self.lanes[id.index()].trim(u64::from(self.constants.bundle_bytes_max));
        }
    }

    /// L2: one Ack for the highest bundle that is held together with everything between it and an anchor.
    fn acknowledge(&mut self, id: ReplicaId, out: &mut Effects) {
        let lane = &mut self.lanes[id.index()];
        let bytes_max = lane.executed_bytes.saturating_add(self.constants.lane_ahead_bytes_max);
        let (mut tip, mut bytes) = lane.anchor();
        let from = tip;
        while let Some(held) = lane.extends(tip, bytes) {
            let header = &held.bundle.header;
            if header.lane_bytes > bytes_max && header.position > lane.executed.position.next() {
                break;
            }
            (tip, bytes) = (header.tip(), header.lane_bytes);
            if let Some(bundle) = lane.store(tip) {
                out.persist(Record::Bundle(bundle));
            }
        }
        if tip == from || tip.position <= lane.acked.position {
            return;
        }
        let view = View::new(u64::from(id.get()));
        if let Some(signed) = self.sign(Kind::Ack, view, SeqNum::new(tip.position.get()), tip.digest, out) {
            self.lanes[id.index()].acked = tip;
            self.send_ack(id, signed, out);
        }
    }
}
