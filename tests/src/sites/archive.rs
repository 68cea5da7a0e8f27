//! Decisions, bundles and checkpoints of the voters, and when each voter had what.

use crate::weather::Micros;
use quorate_pbft::{Bundle, Content, Message, Position, QuorumCert, ReplicaId, SeqNum, Wanted};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Step of a voter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Did {
    Decided(SeqNum),
    Executed(SeqNum),
    Stable(SeqNum),
}

/// Record of what the voters did.
#[derive(Default)]
pub(super) struct Archive {
    decisions: BTreeMap<SeqNum, Arc<Message>>,
    bundles: BTreeMap<(ReplicaId, Position), Arc<Bundle>>,
    checkpoints: BTreeMap<SeqNum, Arc<Message>>,
    steps: Vec<Vec<(Micros, Did)>>,
    decided_at: BTreeMap<SeqNum, Micros>,
}

impl Archive {
    pub(super) fn new(voters: usize) -> Self {
        Self { steps: vec![Vec::new(); voters], ..Self::default() }
    }

    pub(super) fn note(&mut self, voter: ReplicaId, now: Micros, did: Did) {
        if let Did::Decided(seq) = did {
            self.decided_at.entry(seq).or_insert(now);
        }
        self.steps[voter.index()].push((now, did));
    }

    pub(super) fn keep_decision(&mut self, certificate: &QuorumCert, content: &Content) {
        self.decisions.entry(certificate.seq()).or_insert_with(|| {
            Arc::new(Message::Decided { certificate: certificate.claim().clone(), content: content.clone() })
        });
    }

    pub(super) fn keep_bundle(&mut self, bundle: &Arc<Bundle>) {
        self.bundles.insert((bundle.header.lane, bundle.header.position), bundle.clone());
    }

    pub(super) fn keep_checkpoint(&mut self, certificate: &QuorumCert) {
        let message = || Arc::new(Message::StableCheckpoint(certificate.claim().clone()));
        self.checkpoints.entry(certificate.seq()).or_insert_with(message);
    }

    /// Steps of a voter, in order.
    pub(super) fn steps(&self, voter: usize) -> &[(Micros, Did)] {
        &self.steps[voter]
    }

    /// When the first voter decided each slot.
    pub(super) fn decided_at(&self) -> &BTreeMap<SeqNum, Micros> {
        &self.decided_at
    }

    pub(super) fn decision(&self, seq: SeqNum) -> &Arc<Message> {
        &self.decisions[&seq]
    }

    pub(super) fn checkpoint(&self, seq: SeqNum) -> Option<&Arc<Message>> {
        self.checkpoints.get(&seq)
    }

    /// Bytes of the decision of a slot and of the bundles that it cuts.
    pub(super) fn weight(&self, seq: SeqNum) -> usize {
        let mut reached: BTreeMap<ReplicaId, Position> = BTreeMap::new();
        for message in self.decisions.range(..seq).map(|(_, message)| message) {
            reached.extend(cut(message));
        }
        let decision = self.decision(seq);
        let bundles = cut(decision).flat_map(|(lane, tip)| {
            let from = reached.get(&lane).map_or(Position::new(1), |tip| tip.next());
            (from.get()..=tip.get()).filter_map(move |position| self.bundles.get(&(lane, Position::new(position))))
        });
        let bytes = |bundle: &Arc<Bundle>| encoded(&Message::Bundle(bundle.clone()));
        encoded(decision) + bundles.map(bytes).sum::<usize>()
    }

    /// Answer of a voter that has decided and executed so much.
    pub(super) fn answer(&self, wanted: &Wanted, decided: SeqNum, stable: SeqNum) -> Vec<Arc<Message>> {
        match wanted {
            Wanted::Slots { from, to } if from <= to => self
                .decisions
                .range(*from..=(*to).min(decided).max(*from))
                .map(|(_, message)| message.clone())
                .collect(),
            Wanted::Bundles { lane, from, to } if from <= to => {
                let bundles = self.bundles.range((*lane, *from)..=(*lane, *to)).rev();
                bundles.map(|(_, bundle)| Arc::new(Message::Bundle(bundle.clone()))).collect()
            }
            Wanted::StableCheckpoint => self.checkpoints.get(&stable).cloned().into_iter().collect(),
            _ => Vec::new(),
        }
    }
}

fn cut(decision: &Message) -> impl Iterator<Item = (ReplicaId, Position)> {
    let content = match decision {
        Message::Decided { content, .. } => Some(content),
        _ => None,
    };
    content.into_iter().flat_map(|content| content.cut.iter().map(|(lane, tip)| (*lane, tip.position)))
}

/// Bytes of a message on the wire.
pub(super) fn encoded(message: &impl borsh::BorshSerialize) -> usize {
    borsh::object_length(message).expect("counting cannot fail")
}
