//! The records of one replica in memory, for simulators and embedders' tests.

use crate::effects::{Broken, Decided, Record, Wanted};
use crate::evidence::forensics::Remains;
use crate::evidence::proof::{Evidence, EvidenceKey};
use crate::input::Executed;
use crate::recovery::recovered::{ExecutedPoint, REMEMBERED_SLOTS, Recovered, RecoveredSlot};
use crate::views::view_change::{NewView, ViewChange};
use crate::wire::{
    Bundle, ClaimedCert, Content, Digest, Epoch, Kind, Message, Position, ReplicaId, SeqNum, Signed, View,
};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Bundles in one answer, as from memory.
const BUNDLES_PER_ANSWER_MAX: usize = 64;

#[derive(Debug, Clone, Default)]
struct SlotRecords {
    accepted: BTreeMap<View, (Signed, Content)>,
    prepared: Option<ClaimedCert>,
    committed: Option<(ClaimedCert, Content)>,
}

/// A disk that forgets nothing: what [`crate::Effect::Persist`] and [`crate::Effect::Execute`] left behind.
///
/// A simulator clones it at each commit; a crash goes back to the last clone.
#[derive(Debug, Clone)]
pub struct Journal {
    /// The journal of the epoch before.
    elder: Option<Arc<Journal>>,
    epoch: Epoch,
    view: View,
    changing: bool,
    executed: ExecutedPoint,
    states: Vec<(SeqNum, Digest)>,
    stable: Option<ClaimedCert>,
    statements: BTreeMap<(Kind, View, SeqNum), Signed>,
    bundles: BTreeMap<(ReplicaId, Position, Digest), Arc<Bundle>>,
    lane_certs: BTreeMap<(ReplicaId, Position), ClaimedCert>,
    slots: BTreeMap<SeqNum, SlotRecords>,
    conflicting: Vec<ClaimedCert>,
    evidence: BTreeMap<EvidenceKey, Evidence>,
    view_change: Option<(Signed, Arc<ViewChange>)>,
    new_views: BTreeMap<View, (Signed, Arc<NewView>)>,
    named_new_views: BTreeMap<(View, Digest), (Signed, Arc<NewView>)>,
    broken: Option<Broken>,
}

impl Journal {
    /// The empty disk of one of `n` replicas.
    pub fn new(n: usize) -> Self {
        Self {
            elder: None,
            epoch: Epoch::new(0),
            view: View::new(0),
            changing: false,
            executed: ExecutedPoint::genesis(n),
            states: Vec::new(),
            stable: None,
            statements: BTreeMap::new(),
            bundles: BTreeMap::new(),
            lane_certs: BTreeMap::new(),
            slots: BTreeMap::new(),
            conflicting: Vec::new(),
            evidence: BTreeMap::new(),
            view_change: None,
            new_views: BTreeMap::new(),
            named_new_views: BTreeMap::new(),
            broken: None,
        }
    }

    /// Writes one record.
    ///
    /// # Panics
    ///
    /// When a statement would replace a different one (E1).
    pub fn record(&mut self, record: &Record) {
        match record {
            Record::Statement(signed) => self.write_statement(*signed),
            Record::View { epoch, view, changing } => {
                if *epoch > self.epoch {
                    self.enter();
                }
                assert!(*epoch == self.epoch, "the journal is of epoch {}", self.epoch);
                (self.epoch, self.view, self.changing) = (*epoch, *view, *changing);
            }
            Record::Bundle(bundle) => {
                let tip = bundle.header.tip();
                self.bundles.insert((bundle.header.lane, tip.position, tip.digest), bundle.clone());
            }
            Record::LaneCert(certificate) => {
                let (lane, tip) = certificate.claim().tip();
                self.lane_certs.insert((lane, tip.position), certificate.claim().clone());
            }
            Record::Accepted { pre_prepare, content } => {
                let slot = self.slot(pre_prepare.statement.seq);
                slot.accepted.insert(pre_prepare.statement.view, (*pre_prepare, content.clone()));
            }
            Record::Prepared(certificate) => self.slot(certificate.seq()).prepared = Some(certificate.claim().clone()),
            Record::Committed { certificate, content } => {
                self.slot(certificate.seq()).committed = Some((certificate.claim().clone(), content.clone()));
            }
            Record::Stable(certificate) => self.stable = Some(certificate.claim().clone()),
            Record::ViewChange { statement, body } => self.view_change = Some((*statement, body.clone())),
            Record::NewView { statement, body } => {
                self.new_views.insert(body.view, (*statement, body.clone()));
            }
            Record::NamedNewView { statement, body } => {
                self.named_new_views.insert((body.view, statement.statement.digest), (*statement, body.clone()));
            }
            Record::Broken(broken) => self.broken = Some(broken.clone()),
            Record::Conflicting(certificate) => self.conflicting.push(certificate.claim().clone()),
            Record::Evidence(evidence) => {
                self.evidence.insert(evidence.key(), evidence.clone());
            }
        }
    }

    /// Begins anew after the last slot of an epoch; evidence outlives it, and so does the reason to have
    /// stopped. What concerns one key is written again by who enters under that key (E7).
    fn enter(&mut self) {
        let executed = self.executed.entered().expect("an epoch begins after the last slot of the one before");
        let (epoch, evidence) = (executed.epoch, core::mem::take(&mut self.evidence));
        let broken = self.broken.clone().filter(|broken| !broken.is_of_key());
        let elder = core::mem::replace(self, Self::new(0));
        *self = Self { elder: Some(Arc::new(elder)), epoch, executed, evidence, broken, ..Self::new(0) };
    }

    /// The journal of an epoch that this replica has gone through.
    pub fn of(&self, epoch: Epoch) -> Option<&Self> {
        if epoch == self.epoch { Some(self) } else { self.elder.as_ref()?.of(epoch) }
    }

    /// Epoch of the journal.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The journals of all epochs, the newest first.
    pub fn epochs(&self) -> impl Iterator<Item = &Self> {
        core::iter::successors(Some(self), |journal| journal.elder.as_deref())
    }

    /// The newest stable checkpoint.
    pub fn stable(&self) -> Option<&ClaimedCert> {
        self.stable.as_ref()
    }

    /// Writes the outcome of a slot.
    pub fn execute(&mut self, decided: &Decided, executed: &Executed) {
        for bundle in &decided.bundles {
            let index = bundle.header.lane.index();
            self.executed.tips[index] = bundle.header.tip();
            self.executed.lane_bytes[index] = bundle.header.lane_bytes;
        }
        self.executed.seq = decided.seq;
        self.executed.time = decided.time;
        self.executed.lane_hash = decided.lane_hash;
        self.executed.state_root = executed.state_root;
        self.executed.members_after = executed.members_after;
        self.executed.next.clone_from(&executed.next);
        self.states.push((decided.seq, self.executed.checkpoint_digest()));
        for key in &executed.recorded {
            self.evidence.remove(key);
        }
    }

    /// Records that a restart finds.
    pub fn recovered(&self) -> Recovered {
        let above = |lane: ReplicaId, position: Position| position > self.executed.tips[lane.index()].position;
        let stable = self.stable.as_ref().map_or(SeqNum::new(0), |claimed| claimed.seq);
        let slots = self.slots.range(stable.next()..);
        Recovered {
            epoch: self.epoch,
            view: self.view,
            changing: self.changing,
            executed: self.executed.clone(),
            states: self.states.clone(),
            oldest: self.oldest(),
            stable: self.stable.clone(),
            statements: self.statements.values().copied().collect(),
            floors: None,
            bundles: self.bundles.iter().filter(|(key, _)| above(key.0, key.1)).map(|(_, b)| b.clone()).collect(),
            lane_certs: self.lane_certs.iter().filter(|(key, _)| above(key.0, key.1)).map(|(_, c)| c.clone()).collect(),
            headers: self.newest_headers(),
            certificates: self.newest_certificates(),
            slots: slots.map(|(seq, slot)| slot.recovered(*seq)).collect(),
            evidence: self.evidence.values().cloned().collect(),
            view_change: self.view_change.clone(),
            new_views: self.new_views.values().cloned().collect(),
            named_new_views: self.named_new_views.values().cloned().collect(),
            broken: self.broken.clone(),
        }
    }

    fn oldest(&self) -> SeqNum {
        let decided = self.slots.iter().find(|(_, slot)| slot.committed.is_some());
        decided.map_or(SeqNum::new(1), |(seq, _)| *seq).min(self.executed.seq.next())
    }

    fn newest_headers(&self) -> Vec<Signed> {
        let newest: BTreeMap<ReplicaId, Signed> =
            self.bundles.iter().map(|((lane, ..), bundle)| (*lane, bundle.statement)).collect();
        newest.into_values().collect()
    }

    fn newest_certificates(&self) -> Vec<ClaimedCert> {
        let lanes: BTreeMap<ReplicaId, &ClaimedCert> =
            self.lane_certs.iter().map(|((lane, ..), claimed)| (*lane, claimed)).collect();
        let decided = self.slots.values().rev().filter_map(|slot| slot.committed.as_ref());
        let decided = decided.take(REMEMBERED_SLOTS).map(|(claimed, _)| claimed);
        lanes.into_values().chain(decided).cloned().collect()
    }

    /// Answers [`crate::Effect::Supply`].
    pub fn supply(&self, wanted: &Wanted) -> Vec<Message> {
        match wanted {
            Wanted::Slots { from, to } if from <= to => {
                let decided = self.slots.range(*from..=*to).filter_map(|(_, slot)| slot.committed.clone());
                decided.map(|(certificate, content)| Message::Decided { certificate, content }).collect()
            }
            Wanted::Content { seq, digest } => self.content(*seq, *digest).into_iter().collect(),
            Wanted::Bundles { lane, from, to } if from <= to => {
                let range = (*lane, *from, Digest::ZERO)..=(*lane, *to, Digest([0xff; 32]));
                let bundles = self.bundles.range(range).rev().take(BUNDLES_PER_ANSWER_MAX);
                bundles.map(|(_, bundle)| Message::Bundle(bundle.clone())).collect()
            }
            Wanted::NewView { view, digest } => {
                let entered = self.new_views.get(view).filter(|(of, _)| of.statement.digest == *digest);
                let found = entered.or_else(|| self.named_new_views.get(&(*view, *digest)));
                let message = |(statement, body): &(Signed, Arc<NewView>)| Message::NewView {
                    statement: *statement,
                    body: body.clone(),
                };
                found.map(message).into_iter().collect()
            }
            Wanted::StableCheckpoint => self.stable.clone().map(Message::StableCheckpoint).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    /// Remains for an investigation (E4).
    pub fn remains(&self) -> Remains {
        let slots = || self.slots.values();
        let proposed = slots().flat_map(|slot| slot.accepted.values()).map(|(signed, _)| *signed);
        let bundles = self.bundles.values().map(|bundle| bundle.statement);
        let own = self.statements.values().copied();
        let prepared = slots().filter_map(|slot| slot.prepared.clone());
        let committed = slots().filter_map(|slot| slot.committed.as_ref()).map(|(claimed, _)| claimed.clone());
        let lanes = self.lane_certs.values().cloned();
        Remains {
            statements: own.chain(proposed).chain(bundles).collect(),
            certificates: [
                prepared.chain(committed).chain(lanes).chain(self.stable.clone()).collect(),
                self.conflicting.clone(),
            ]
            .concat(),
            view_changes: self.view_change.clone().into_iter().collect(),
            new_views: self.new_views.values().chain(self.named_new_views.values()).cloned().collect(),
            evidence: self.evidence.values().cloned().collect(),
        }
    }

    /// The decision of a slot, for judges.
    pub fn decision(&self, seq: SeqNum) -> Option<&(ClaimedCert, Content)> {
        self.slots.get(&seq)?.committed.as_ref()
    }

    /// The executed point, for judges.
    pub fn executed(&self) -> &ExecutedPoint {
        &self.executed
    }

    /// Every own statement, for judges.
    pub fn statements(&self) -> impl Iterator<Item = &Signed> {
        self.statements.values()
    }

    fn write_statement(&mut self, signed: Signed) {
        let statement = signed.statement;
        let key = (statement.kind, statement.view, statement.seq);
        let row = self.statements.entry(key).or_insert(signed);
        assert_eq!(row.statement, statement, "I1: two statements for one position");
    }

    fn slot(&mut self, seq: SeqNum) -> &mut SlotRecords {
        self.slots.entry(seq).or_default()
    }

    fn content(&self, seq: SeqNum, digest: Digest) -> Option<Message> {
        let slot = self.slots.get(&seq)?;
        let accepted = slot.accepted.values().map(|(_, content)| content);
        let mut all = accepted.chain(slot.committed.iter().map(|(_, content)| content));
        let content = all.find(|content| content.digest() == digest).cloned()?;
        let certificate = |(lane, tip): &(ReplicaId, crate::wire::Tip)| {
            let claimed = self.lane_certs.get(&(*lane, tip.position))?;
            (claimed.digest == tip.digest).then(|| claimed.clone())
        };
        let certificates = content.cut.iter().filter_map(certificate).collect();
        Some(Message::Content { content, certificates })
    }
}

impl SlotRecords {
    fn recovered(&self, seq: SeqNum) -> RecoveredSlot {
        RecoveredSlot {
            seq,
            accepted: self.accepted.values().cloned().collect(),
            prepared: self.prepared.clone(),
            committed: self.committed.clone(),
        }
    }
}
