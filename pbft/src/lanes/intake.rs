//! Messages about lanes: bundles, acknowledgements, certificates (L2, L3).

use crate::effects::{Broken, Record, Rejected};
use crate::evidence::witness::Subject;
use crate::lanes::Lanes;
use crate::lanes::lane::Fork;
use crate::member::Member;
use crate::recovery::pursuits::Pursuits;
use crate::replica::Replica;
use crate::wire::{
    Bundle, BundleHeader, ClaimedCert, Kind, Message, QuorumCert, ReplicaId, SeqNum, Signed, Ticks, Tip, View,
};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::LazyCell;

impl Replica {
    pub(crate) fn on_bundle(&mut self, bundle: Arc<Bundle>) -> Result<(), Rejected> {
        self.hear(&bundle.statement);
        let header = &bundle.header;
        let (id, position, tip) = (header.lane, header.position, header.tip());
        let lane = &self.lanes[id];
        if position <= lane.executed.position || lane.held(tip).is_some() {
            let primary = self.primary();
            self.lanes.repeat_ack(&mut self.member, primary, id, tip);
            return Ok(());
        }
        let last = lane.last_taken(&self.member.constants);
        let bytes_max = lane.executed_bytes.saturating_add(self.member.constants.lane_ahead_bytes_max);
        let chained = lane.on_chain(position) == Some(tip.digest);
        let next = self.order.next_tip(id).unwrap_or_default().max(lane.executed.position.next());
        let is_heavy = header.lane_bytes > bytes_max && position > next;
        let constants = &self.member.constants;
        let is_fetched = || position <= lane.furthest(constants.bundles_ahead(), constants.lane_ahead_bytes_max);
        if chained && is_heavy && is_fetched() {
            self.lanes[id].refuse_heavy(header);
            self.pursuits.is_due = true;
        }
        if position > last || is_heavy {
            return Err(Rejected::Bundle { lane: id, position, why: "too far ahead of execution" });
        }
        let lane = &mut self.lanes[id];
        lane.hold(bundle, false, self.member.now.ticks);
        self.pursuits.is_due = true;
        if chained && let Err(fork) = lane.walk(tip) {
            self.member.stop_at_fork(id, fork);
        }
        self.lanes.touched.insert(id);
        Ok(())
    }

    /// Use of a bundle that a peer hands over: none if it is executed, held here, or more bundles ahead of execution
    /// than a lane may be, and whether execution will need it, as it lies on the certified chain or the lane is the own one.
    pub fn needs_bundle(&self, header: &BundleHeader) -> Option<bool> {
        let lane = self.lanes.get(header.lane)?;
        let is_new = header.position > lane.executed.position && lane.held(header.tip()).is_none();
        let is_in_reach = header.position <= lane.last_taken(&self.member.constants);
        (is_new && is_in_reach).then(|| header.lane == self.member.me || self.lanes.is_certified(header))
    }

    pub(crate) fn on_ack(&mut self, signed: Signed) -> Result<(), Rejected> {
        let statement = signed.statement;
        let id = statement.view.lane();
        let tip = statement.tip();
        let Some(lane) = self.lanes.get(id) else {
            return Err(Rejected::Unknown { from: signed.signer, what: "lane" });
        };
        if tip.position > lane.last_taken(&self.member.constants) {
            return Err(Rejected::Bundle { lane: id, position: tip.position, why: "acknowledged too far ahead" });
        }
        self.hear(&signed);
        let concerned = id == self.member.me || self.member.committee.primary(self.views.number) == self.member.me;
        let lane = &mut self.lanes[id];
        if !concerned || !lane.add_ack(tip.position, signed) {
            return Ok(());
        }
        if let Some(certificate) = self.member.committee.assemble(lane.acks(tip)) {
            self.learn_lane_cert(certificate, false);
        }
        Ok(())
    }

    /// Certificates that travel beside a content (L4).
    pub(crate) fn learn_lane_certs(&mut self, claimed: Vec<ClaimedCert>, cited: bool) {
        for claimed in claimed {
            self.learn_lane_cert(claimed.into_checked(&self.member.committee), cited);
        }
    }

    pub(crate) fn learn_lane_cert(&mut self, certificate: QuorumCert, cited: bool) {
        let Some(id) = certificate.lane() else { return };
        certificate.check_in(&self.member.committee);
        let statements: Vec<Signed> = certificate.statements(self.member.committee.group()).collect();
        match self.lanes[id].certify(certificate.clone(), cited, self.member.now.ticks) {
            Err(fork) => {
                self.member.out.persist(Record::Conflicting(certificate));
                self.member.stop_at_fork(id, fork);
            }
            Ok(false) => (),
            Ok(true) => {
                self.lanes.touched.insert(id);
                self.pursuits.is_due = true;
                self.order.log.touch_all();
                self.member.out.persist(Record::LaneCert(certificate.clone()));
                if id == self.member.me {
                    let made = self.lanes[id].held(certificate.tip()).map(|held| held.since);
                    let made = made.filter(|at| *at > Ticks::default());
                    made.into_iter().for_each(|at| self.views.pace.note_certified(self.member.now.ticks.since(at)));
                    self.member.broadcast(Message::LaneCert(certificate.claim().clone()));
                }
                self.refer(Subject::Lane(id), certificate.seq(), certificate.digest());
            }
        }
        for statement in &statements {
            self.hear(statement);
        }
    }
}

impl Lanes {
    fn is_certified(&self, header: &BundleHeader) -> bool {
        self.get(header.lane).is_some_and(|lane| lane.on_chain(header.position) == Some(header.digest()))
    }

    /// L2: the Ack goes out again whenever the bundle comes again, if it and all between it and an anchor are stored or executed.
    fn repeat_ack(&mut self, member: &mut Member, primary: ReplicaId, lane: ReplicaId, tip: Tip) {
        let same = member.promises.get(Kind::Ack, View::of_lane(lane), SeqNum::new(tip.position.get()));
        let (of, same) = (&self[lane], same.filter(|row| row.statement.tip() == tip));
        let covers = of.acked.position >= tip.position;
        let is_stored = covers && of.held(tip).is_some_and(|held| held.stored);
        let same = same.filter(|_| is_stored || tip.position <= of.executed.position);
        let row = same.or_else(|| self.own_ack(member, lane).filter(|_| covers));
        if let Some(signed) = row.copied().filter(|_| member.may_sign()) {
            self.send_ack(member, primary, lane, signed);
        }
    }

    /// The newest own Ack of a lane, if its bundle is here or executed.
    pub(crate) fn own_ack<'a>(&self, member: &'a Member, lane: ReplicaId) -> Option<&'a Signed> {
        let row = member.promises.highest(Kind::Ack, View::of_lane(lane));
        row.filter(|row| row.statement.tip() == self[lane].acked)
    }

    /// The newest own Acks, at a start. A repair may have left bundles behind: where one is missing below an Ack, the lane goes on
    /// below it.
    pub(crate) fn resume_acks(&mut self, member: &Member) {
        for id in member.committee.replicas() {
            let (lane, row) = (&mut self[id], member.promises.highest(Kind::Ack, View::of_lane(id)));
            if let Some(row) = row.filter(|row| lane.is_whole(row.statement.tip())) {
                lane.acked = row.statement.tip();
                lane.add_ack(lane.acked.position, *row);
            }
        }
    }

    fn send_ack(&mut self, member: &mut Member, primary: ReplicaId, lane: ReplicaId, signed: Signed) {
        member.send(lane, Message::Ack(signed));
        if primary != lane {
            member.send(primary, Message::Ack(signed));
        }
    }

    /// A committed slot names this tip. Whether it is on the chain is known only when the slot is the next (L4): below
    /// the tips executed by then, any digest may stand in a cut.
    pub(crate) fn commit_tip(&mut self, member: &Member, id: ReplicaId, tip: Tip) {
        let now = member.now.ticks;
        self[id].commit(tip.position, now);
        self.touched.insert(id);
    }

    /// Stores and acknowledges what has become possible, and drops what does not fit.
    pub(crate) fn advance_lanes(&mut self, member: &mut Member, primary: ReplicaId) {
        for id in core::mem::take(&mut self.touched) {
            let lane = &mut self[id];
            for tip in lane.unstored() {
                if let Some(bundle) = lane.store(tip) {
                    member.out.persist(Record::Bundle(bundle));
                }
            }
            self.acknowledge(member, primary, id);
            self[id].trim(u64::from(member.constants.bundle_bytes_max));
        }
    }

    /// L2: one Ack for the highest bundle that is held together with everything between it and an anchor. Below the newest own Ack,
    /// which a repair left bundles behind, none is signed, and no rival of a bundle that was acknowledged is followed.
    fn acknowledge(&mut self, member: &mut Member, primary: ReplicaId, id: ReplicaId) {
        let (lane, view) = (&mut self[id], View::of_lane(id));
        let newest = LazyCell::new(|| member.promises.highest(Kind::Ack, view).map(|row| row.statement.tip().position));
        let fits = |tip: Tip| {
            let own = || member.promises.get(Kind::Ack, view, SeqNum::new(tip.position.get()));
            Some(tip.position) > *newest || own().is_none_or(|own| own.statement.tip() == tip)
        };
        let bytes_max = lane.executed_bytes.saturating_add(member.constants.lane_ahead_bytes_max);
        let (mut tip, mut bytes) = lane.anchor();
        let from = tip;
        while let Some(held) = lane.extends(tip, bytes, fits) {
            let header = &held.bundle.header;
            if header.lane_bytes > bytes_max && header.position > lane.executed.position.next() {
                break;
            }
            (tip, bytes) = (header.tip(), header.lane_bytes);
            if let Some(bundle) = lane.store(tip) {
                member.out.persist(Record::Bundle(bundle));
            }
        }
        if tip == from || tip.position <= lane.acked.position {
            return;
        }
        if Some(tip.position) < *newest {
            lane.acked = tip;
            return;
        }
        assert!(lane.held(tip).is_some_and(|held| held.stored), "I7: Ack of a bundle that is not stored");
        if let Some(signed) = member.sign(Kind::Ack, view, SeqNum::new(tip.position.get()), tip.digest) {
            self[id].acked = tip;
            self.send_ack(member, primary, id, signed);
        }
    }

    /// The next slot to execute advances a lane to this tip: its voters saw its certificate.
    pub(crate) fn want_tip(&mut self, pursuits: &mut Pursuits, member: &mut Member, id: ReplicaId, tip: Tip) {
        if self[id].on_chain(tip.position) == Some(tip.digest) {
            return;
        }
        if let Err(fork) = self[id].want(tip) {
            member.stop_at_fork(id, fork);
        }
        self.touched.insert(id);
        pursuits.is_due = true;
    }
}

impl Member {
    fn stop_at_fork(&mut self, lane: ReplicaId, fork: Fork) {
        let Fork { position, first, second } = fork;
        self.stop(Broken::LaneFork { lane, position, first, second });
    }
}
