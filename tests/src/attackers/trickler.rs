//! Trickler: as a primary cuts one bundle of each lane every 900 ms, however many are certified; its other slots are empty.
//! Must survive: progress, after a view change within two time-outs (V1 a).

use super::rewriting::Rewriting;
use super::{Attacker, Mask};
use quorate_pbft::{ClaimedCert, Content, Message, Position, ReplicaId, SeqNum, Time, View};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Milliseconds between two cuts.
const PACE_MS: u64 = 900;
/// Certificates of a lane that it remembers.
const CERTIFICATES_MAX: usize = 4_096;

pub(super) struct Trickler {
    mask: Mask,
    rewriting: Rewriting,
    certificates: BTreeMap<ReplicaId, BTreeMap<Position, ClaimedCert>>,
    /// The highest position of each lane in anybody's cut.
    cut: BTreeMap<ReplicaId, Position>,
    cut_at: Time,
    /// Own proposals, the same for everybody.
    proposed: BTreeMap<(View, SeqNum), Content>,
}

impl Trickler {
    pub(super) fn new(mask: Mask) -> Self {
        let (certificates, cut, proposed) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { mask, rewriting: Rewriting::default(), certificates, cut, cut_at: Time::new(0), proposed }
    }

    fn note(&mut self, message: &Message) {
        match message {
            Message::LaneCert(claimed) => {
                let (lane, tip) = claimed.tip();
                let known = self.certificates.entry(lane).or_default();
                known.insert(tip.position, claimed.clone());
                if known.len() > CERTIFICATES_MAX {
                    known.pop_first();
                }
            }
            Message::PrePrepare { statement, content, .. } if statement.signer != self.mask.me => {
                self.note_cut(content)
            }
            _ => (),
        }
    }

    fn note_cut(&mut self, content: &Content) {
        for (lane, tip) in &content.cut {
            let reached = self.cut.entry(*lane).or_default();
            *reached = tip.position.max(*reached);
        }
    }

    /// The lowest certified tip of each lane above what is cut, or nothing before the time has come.
    fn trickle(&mut self, content: &Content) -> Content {
        let now = content.time.unwrap_or_default();
        let due = now.get() >= self.cut_at.get() + PACE_MS;
        let lowest = |(lane, known): (&ReplicaId, &BTreeMap<Position, ClaimedCert>)| {
            let reached = self.cut.get(lane).copied().unwrap_or_default();
            known.range(reached.next()..).next().map(|(_, claimed)| claimed.tip())
        };
        let cut: Vec<_> = self.certificates.iter().filter(|_| due).filter_map(lowest).collect();
        let trickled = Content { cut, ..content.clone() };
        if !trickled.cut.is_empty() {
            self.cut_at = now;
            self.note_cut(&trickled);
        }
        trickled
    }

    /// The own proposal with the certificates of whatever may be cut, in the order of lanes.
    fn with_certificates(&self, message: &Arc<Message>, content: &Content) -> Arc<Message> {
        let Message::PrePrepare { statement, content: own, .. } = &**message else { return message.clone() };
        let known =
            |(lane, tip): &(ReplicaId, quorate_pbft::Tip)| self.certificates.get(lane)?.get(&tip.position).cloned();
        let certificates = content.cut.iter().filter_map(known).collect();
        Arc::new(Message::PrePrepare { statement: *statement, content: own.clone(), certificates })
    }
}

impl Attacker for Trickler {
    fn outgoing(&mut self, _to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        self.note(message);
        let Message::PrePrepare { statement, content, .. } = &**message else {
            return vec![self.rewriting.rewrite(&self.mask, message, |_| None)];
        };
        let place = (statement.statement.view, statement.statement.seq);
        let trickled = match self.proposed.get(&place) {
            Some(trickled) => trickled.clone(),
            None => self.trickle(content),
        };
        self.proposed.insert(place, trickled.clone());
        let message = self.with_certificates(message, &trickled);
        vec![self.rewriting.rewrite(&self.mask, &message, |_| Some(trickled))]
    }

    fn overhear(&mut self, message: &Arc<Message>) {
        self.note(message);
    }

    fn may_hear(&mut self, message: &Arc<Message>) -> bool {
        self.rewriting.may_hear(&self.mask, message)
    }
}
