//! Old certificates: as primary of a later epoch it cuts lanes by certificates of the epoch before, which it has kept.
//! Must survive: agreement; what no slot executed in its epoch is void, certified or not (M3).

use super::{Attacker, Mask, as_it_is};
use quorate_pbft::{ClaimedCert, Content, Epoch, Kind, Message, ReplicaId, Statement};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Lanes that every list has in which somebody lies.
const LANES: usize = 4;

pub(super) struct OldCertificates {
    mask: Mask,
    /// The newest certificate of each lane, by epoch.
    kept: BTreeMap<(Epoch, ReplicaId), ClaimedCert>,
}

impl OldCertificates {
    pub(super) fn new(mask: Mask) -> Self {
        Self { mask, kept: BTreeMap::new() }
    }

    fn keep(&mut self, message: &Message) {
        let certificates = match message {
            Message::LaneCert(claimed) => std::slice::from_ref(claimed),
            Message::PrePrepare { certificates, .. } | Message::Content { certificates, .. } => certificates,
            _ => return,
        };
        let lanes = certificates.iter().filter(|claimed| claimed.kind == Kind::Ack);
        for claimed in lanes.filter(|claimed| claimed.tip().0.index() < LANES) {
            self.kept.insert((claimed.epoch, claimed.tip().0), claimed.clone());
        }
    }

    fn of_epoch_before(&self, epoch: Epoch) -> Vec<ClaimedCert> {
        let before = |of: &Epoch| Some(*of) == epoch.previous();
        self.kept.iter().filter(|((of, _), _)| before(of)).map(|(_, claimed)| claimed.clone()).collect()
    }
}

impl Attacker for OldCertificates {
    fn outgoing(&mut self, _to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        self.keep(message);
        let Message::PrePrepare { statement, content, .. } = &**message else { return as_it_is(message) };
        let certificates = self.of_epoch_before(statement.statement.epoch);
        if certificates.is_empty() || statement.signer != self.mask.me {
            return as_it_is(message);
        }
        let content = Content { cut: certificates.iter().map(ClaimedCert::tip).collect(), ..content.clone() };
        let statement = self.mask.sign(Statement { digest: content.digest(), ..statement.statement });
        vec![Arc::new(Message::PrePrepare { statement, content, certificates })]
    }

    fn overhear(&mut self, message: &Arc<Message>) {
        self.keep(message);
    }
}
