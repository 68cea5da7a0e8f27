//! Noticing two different words, making the halves meet, and bringing the proof to the ledger (E2, E5).

use crate::effects::{Broken, Effect, Effects, Record, Rejected};
use crate::evidence::proof::{Evidence, EvidenceKey, EvidenceKind};
use crate::replica::Replica;
use crate::wire::bundle::{Item, ItemKind};
use crate::wire::cert::QuorumCert;
use crate::wire::ids::{ReplicaId, SeqNum, View};
use crate::wire::message::Message;
use crate::wire::statement::{Kind, Signed, Statement};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

/// Positions above a lane's certified tip at which statements are remembered: an owner has eight out (L1), and whoever
/// has not heard of that many certificates lags. Less than what is remembered, so that nobody's flood pushes out the rest.
const POSITIONS_AHEAD_MAX: u64 = 512;

/// Pieces of evidence against one replica; further pairs are refused unread (E5).
const PER_SIGNER_MAX: usize = 8;

/// Evidence that this replica holds or knows recorded.
#[derive(Debug, Clone, Default)]
pub(crate) struct Accusations {
    held: BTreeMap<EvidenceKey, Evidence>,
    recorded: BTreeSet<EvidenceKey>,
}

impl Accusations {
    /// Evidence that is not yet on the ledger.
    pub(crate) fn held(&self) -> impl Iterator<Item = &Evidence> {
        self.held.values()
    }

    pub(crate) fn recorded(&self) -> impl Iterator<Item = &EvidenceKey> {
        self.recorded.iter()
    }

    pub(crate) fn is_known(&self, key: &EvidenceKey) -> bool {
        self.held.contains_key(key) || self.recorded.contains(key)
    }

    fn is_recorded(&self, key: &EvidenceKey) -> bool {
        self.recorded.contains(key)
    }

    pub(crate) fn add(&mut self, evidence: Evidence) {
        self.held.insert(evidence.key(), evidence);
    }

    /// The ledger has it: nothing more to do about it.
    pub(crate) fn record(&mut self, key: EvidenceKey) {
        self.held.remove(&key);
        self.recorded.insert(key);
    }

    pub(crate) fn against(&self, signer: ReplicaId) -> usize {
        let of = |key: &&EvidenceKey| key.signer == signer;
        self.held.keys().filter(of).count() + self.recorded.iter().filter(of).count()
    }
}

impl Replica {
    /// Takes in a valid statement of anybody, wherever it was found.
    pub(crate) fn hear(&mut self, signed: &Signed, out: &mut Effects) {
        if signed.signer == self.me {
            self.meet_own(signed, out);
            return;
        }
        let statement = &signed.statement;
        if !self.is_heard(signed) {
            return;
        }
        let opens = matches!(statement.kind, Kind::PrePrepare | Kind::Bundle) && !self.witness.has(signed);
        if let Some(evidence) = self.witness.hear(signed) {
            self.leave_equivocator(&evidence);
            self.accuse(evidence, out);
            self.split_position(signed, out);
        }
        if let Some((kind, view)) = self.said_about(signed).filter(|_| opens) {
            self.review_all(kind, view, statement.seq, out);
        }
        if statement.kind.is_vote() {
            self.compare_with_demand(signed, out);
        }
        self.review(signed, out);
    }

    /// B: whether a statement lies where an honest one can; what lies elsewhere would only push that out of memory.
    fn is_heard(&self, signed: &Signed) -> bool {
        let statement = &signed.statement;
        let (view, seq) = (statement.view, statement.seq);
        let near = |lane: usize| {
            let certified = self.lanes.get(lane).map(|lane| lane.certified().position.get());
            certified.is_some_and(|certified| seq.get() <= certified.saturating_add(POSITIONS_AHEAD_MAX))
        };
        match statement.kind {
            Kind::PrePrepare | Kind::Prepare | Kind::Commit => view <= self.view.number && self.is_remembered(seq),
            Kind::Bundle => near(signed.signer.index()),
            Kind::Ack => near(usize::try_from(view.get()).unwrap_or(usize::MAX)),
            Kind::Checkpoint => seq <= self.executed().plus(2 * self.constants.window),
            Kind::ViewChange | Kind::NewView => view <= self.views.expected(self.view.number, &self.committee),
            Kind::Status => false,
        }
    }

    /// E5: statements are of use from two periods below the stable checkpoint to the end of the window.
    fn is_remembered(&self, seq: SeqNum) -> bool {
        let oldest = self.low().get().saturating_sub(2 * self.constants.checkpoint_period);
        seq.get() >= oldest && (self.in_reach(seq) || seq <= self.low())
    }

    /// E7: an own statement that is not on the disk says that the disk is older than its promises.
    fn meet_own(&mut self, signed: &Signed, out: &mut Effects) {
        let statement = &signed.statement;
        let known = statement.kind == Kind::Status
            || self.promises.holds(statement)
            || self.promises.is_pruned(statement, self.me)
            || self.standing != crate::replica::Standing::Member;
        if !known {
            self.stop(Broken::OlderThanPromises(*signed), out);
        }
    }

    /// Keeps a statement apart if its digest is not the one that this replica goes by, or if there are two. It sends the
    /// former on, but not where everybody knows of two: sent by everybody to everybody they would cost the cube of the
    /// group. All hold the same there, and who does not learns so from a status.
    pub(crate) fn review(&mut self, signed: &Signed, out: &mut Effects) {
        let statement = &signed.statement;
        let reference = match statement.kind {
            Kind::PrePrepare | Kind::Prepare | Kind::Commit => {
                let open = self.log.get(statement.seq).and_then(|slot| slot.reference(statement.view));
                open.or_else(|| self.voted_for(statement.view, statement.seq))
                    .or_else(|| self.proposed_at(statement.view, statement.seq))
            }
            Kind::Ack => self.goes_by_in_lane(statement.view, statement.seq),
            Kind::Checkpoint => self.checkpoints.goes_by(statement.seq).or_else(|| self.signed_at(statement.seq)),
            _ => None,
        };
        let (kind, at) = (EvidenceKind::of(statement.kind), (statement.view, statement.seq));
        let split = self.witness.is_split(kind, self.said_first(kind, statement.view), at);
        let unfit = reference.is_some_and(|digest| digest != statement.digest);
        if unfit {
            self.keep_apart(signed, split, out);
        } else if split {
            self.keep_fitting(signed);
        }
    }

    /// What this replica voted for, also where a stable checkpoint has taken the slot from memory: votes that come late
    /// are statements like any other (E5).
    fn voted_for(&self, view: View, seq: SeqNum) -> Option<crate::wire::ids::Digest> {
        self.promises.get(Kind::Prepare, view, seq).map(|row| row.statement.digest)
    }

    /// What this replica signed after a slot, also where a later checkpoint has taken it from memory.
    fn signed_at(&self, seq: SeqNum) -> Option<crate::wire::ids::Digest> {
        self.promises.get(Kind::Checkpoint, View::new(0), seq).map(|row| row.statement.digest)
    }

    /// What the primary of a view was first heard to propose, though nobody here voted for it.
    fn proposed_at(&self, view: View, seq: SeqNum) -> Option<crate::wire::ids::Digest> {
        Some(self.witness.proposed_at(self.committee.primary(view), view, seq)?.statement.digest)
    }

    /// The certified bundle, the one that this replica acknowledged, or the first of which it heard.
    fn goes_by_in_lane(&self, lane: View, position: SeqNum) -> Option<crate::wire::ids::Digest> {
        let at = crate::wire::ids::Position::new(position.get());
        let of = self.lanes.get(lane.get() as usize)?;
        let acked = || (of.acked.position == at).then_some(of.acked.digest);
        let owner = ReplicaId::new(lane.get() as u16);
        let heard = || Some(self.witness.bundle_at(owner, position)?.statement.digest);
        of.on_chain(at).or_else(acked).or_else(heard)
    }

    /// All statements heard at a position, once it is known what this replica goes by there.
    pub(crate) fn review_all(&mut self, kind: EvidenceKind, view: View, seq: SeqNum, out: &mut Effects) {
        for signed in self.witness.heard_at(self.committee.replicas(), kind, view, seq) {
            self.review(&signed, out);
        }
    }

    /// Two proposals at one position, or two headers: whoever voted there may have done so for both.
    fn split_position(&mut self, signed: &Signed, out: &mut Effects) {
        let seq = signed.statement.seq;
        let Some((kind, view)) = self.said_about(signed) else { return };
        if self.witness.mark_split(kind, self.said_first(kind, view), (view, seq)) {
            self.review_all(kind, view, seq, out);
        }
    }

    /// What others say about a proposal or a header: of which kind it is, and in which view; that of an Ack names the lane.
    fn said_about(&self, signed: &Signed) -> Option<(EvidenceKind, View)> {
        let Statement { kind, view, .. } = signed.statement;
        match kind {
            Kind::PrePrepare if signed.signer == self.committee.primary(view) => Some((EvidenceKind::Proposal, view)),
            Kind::Bundle => Some((EvidenceKind::Ack, View::new(u64::from(signed.signer.get())))),
            _ => None,
        }
    }

    /// Whose proposal, or header, the statements of a kind and view are about.
    fn said_first(&self, kind: EvidenceKind, view: View) -> ReplicaId {
        match kind {
            EvidenceKind::Ack => ReplicaId::new(u16::try_from(view.get()).unwrap_or(u16::MAX)),
            _ => self.committee.primary(view),
        }
    }

    /// A start that this replica did not enter: whoever entered another one of that view holds the other half (E2).
    pub(crate) fn pass_on_start(&mut self, signed: &Signed, out: &mut Effects) {
        let ours = signed.signer == self.me
            || self.views.entered.get(&signed.statement.view) == Some(&signed.statement.digest);
        if !ours
            && !self.accusations.is_known(&key_of(signed))
            && self.witness.may_send(signed.signer, self.now.ticks.get())
        {
            out.push(Effect::Broadcast(alloc::sync::Arc::new(Message::Half(*signed))));
        }
    }

    /// Starts of views that are passed, on the way to `next`, without being entered.
    pub(crate) fn pass_on_starts(&mut self, next: View, out: &mut Effects) {
        let entered = self.views.entered.range(..next).next_back().map_or(View::new(0), |(view, _)| *view);
        for signed in self.witness.starts_between(self.committee.replicas(), entered.next(), next) {
            self.pass_on_start(&signed, out);
        }
    }

    fn keep_apart(&mut self, signed: &Signed, split: bool, out: &mut Effects) {
        let wanted = signed.signer != self.me && !self.accusations.is_recorded(&key_of(signed));
        if wanted && self.witness.keep(signed, false) && self.witness.may_send(signed.signer, self.now.ticks.get()) {
            out.persist(Record::Kept(*signed));
            self.witness.wrote(signed).into_iter().for_each(|old| out.persist(Record::Dropped(old)));
            if !split {
                out.push(Effect::Broadcast(alloc::sync::Arc::new(Message::Half(*signed))));
            }
        }
    }

    /// Not written down: an owner or a primary that goes on saying two things would fill the disk with honest words.
    fn keep_fitting(&mut self, signed: &Signed) {
        if signed.signer != self.me && !self.accusations.is_recorded(&key_of(signed)) {
            self.witness.keep(signed, true);
        }
    }

    /// E4: a certificate against what this replica goes by is the word of its signers; whoever asks later who lied finds
    /// it on the disk.
    pub(crate) fn keep_conflict(&mut self, certificate: &QuorumCert, out: &mut Effects) {
        let others = certificate.statements(self.committee.group()).filter(|signed| signed.signer != self.me);
        others.for_each(|signed| out.persist(Record::Kept(signed)));
    }

    /// The other half of something: a statement like any other (E2).
    pub(crate) fn on_half(&mut self, signed: Signed, out: &mut Effects) -> Result<(), Rejected> {
        self.hear(&signed, out);
        Ok(())
    }

    pub(crate) fn on_evidence(&mut self, evidence: Evidence, out: &mut Effects) -> Result<(), Rejected> {
        let signer = evidence.key().signer;
        if self.accusations.is_known(&evidence.key()) {
            return Ok(());
        }
        if self.accusations.against(signer) >= PER_SIGNER_MAX {
            return Err(Rejected::EnoughEvidence { signer });
        }
        let statements = evidence.statements();
        self.accuse(evidence, out);
        // Whoever hears of a split position from its proof compares there like all others.
        statements.iter().for_each(|signed| self.hear(signed, out));
        Ok(())
    }

    /// E5: gossip it and put it on the own lane, once.
    pub(crate) fn accuse(&mut self, evidence: Evidence, out: &mut Effects) {
        let key = evidence.key();
        if self.accusations.is_known(&key) || self.accusations.against(key.signer) >= PER_SIGNER_MAX {
            return;
        }
        self.accusations.add(evidence.clone());
        out.persist(Record::Evidence(evidence.clone()));
        out.push(Effect::Accuse(evidence.clone()));
        self.own.push(item_of(&evidence));
        self.leave_equivocator(&evidence);
        out.push(Effect::Broadcast(alloc::sync::Arc::new(Message::Evidence(evidence))));
    }

    /// After a restart: what was not recorded goes on the lane again.
    pub(crate) fn accuse_again(&mut self) {
        let items: Vec<Item> = self.accusations.held().map(item_of).collect();
        items.into_iter().for_each(|item| self.own.push(item));
    }
}

fn key_of(signed: &Signed) -> EvidenceKey {
    let Statement { epoch, kind, .. } = signed.statement;
    EvidenceKey { signer: signed.signer, epoch, kind: EvidenceKind::of(kind) }
}

fn item_of(evidence: &Evidence) -> Item {
    let bytes = borsh::to_vec(evidence).expect("writing into memory cannot fail");
    Item { kind: ItemKind::Evidence, bytes }
}
