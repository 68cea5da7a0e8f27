//! Noticing two different words, making the halves meet, and bringing the proof to the ledger (E2, E5).

use crate::agreement::order::Order;
use crate::effects::{Effect, Record, Rejected};
use crate::evidence::proof::{Evidence, EvidenceKey, EvidenceKind};
use crate::evidence::witness::{POSITIONS_REMEMBERED_MAX, Witness};
use crate::lanes::Lanes;
use crate::member::Member;
use crate::replica::Replica;
use crate::wire::{Item, ItemKind, Kind, Message, QuorumCert, ReplicaId, SeqNum, Signed, Statement, View};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Positions above a lane's certified tip at which statements are remembered: an owner has eight out (L1), and whoever
/// has not heard of that many certificates lags. Less than what is remembered, so that nobody's flood pushes out the
/// rest.
const POSITIONS_AHEAD_MAX: u64 = 512;
const _: () = assert!(POSITIONS_AHEAD_MAX < POSITIONS_REMEMBERED_MAX as u64);

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

    fn is_known(&self, key: &EvidenceKey) -> bool {
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
    pub(crate) fn hear(&mut self, signed: &Signed) {
        if signed.signer == self.member.me {
            self.member.meet_own(signed);
            return;
        }
        let statement = &signed.statement;
        if !self.is_heard(signed) {
            return;
        }
        let opens = matches!(statement.kind, Kind::PrePrepare | Kind::Bundle) && !self.witness.has(signed);
        if let Some(evidence) = self.witness.hear(signed) {
            self.views.leave_equivocator(&self.member, &evidence);
            self.accuse(evidence);
            self.split_position(signed);
        }
        if let Some((kind, view)) = self.member.said_about(signed).filter(|_| opens) {
            self.review_all(kind, view, statement.seq);
        }
        if statement.kind.is_vote() {
            self.compare_with_view_change(signed);
        }
        self.review(signed);
    }

    /// B: whether a statement lies where an honest one can; what lies elsewhere would only push that out of memory.
    fn is_heard(&self, signed: &Signed) -> bool {
        let statement = &signed.statement;
        let (view, seq) = (statement.view, statement.seq);
        let near = |lane: ReplicaId| {
            let certified = self.lanes.get(lane).map(|lane| lane.certified().position.get());
            certified.is_some_and(|certified| seq.get() <= certified.saturating_add(POSITIONS_AHEAD_MAX))
        };
        match statement.kind {
            Kind::PrePrepare | Kind::Prepare | Kind::Commit => {
                view <= self.views.number && self.order.is_remembered(&self.member, seq)
            }
            Kind::Bundle => near(signed.signer),
            Kind::Ack => near(view.lane()),
            Kind::Checkpoint => seq <= self.order.executed().plus(2 * self.member.constants.window),
            Kind::ViewChange | Kind::NewView => view <= self.views.expected(self.views.number, &self.member.committee),
            Kind::Status => false,
        }
    }

    /// Keeps a statement apart if its digest is not the one that this replica goes by, or if there are two. It sends
    /// the former on, but not where everybody knows of two: sent by everybody to everybody they would cost the cube of
    /// the group. All hold the same there, and who does not learns so from a status.
    fn review(&mut self, signed: &Signed) {
        let statement = &signed.statement;
        let reference = match statement.kind {
            Kind::PrePrepare | Kind::Prepare | Kind::Commit => {
                let open = self.order.log.get(statement.seq).and_then(|slot| slot.reference(statement.view));
                open.or_else(|| self.member.voted_for(statement.view, statement.seq)).or_else(|| {
                    self.witness
                        .proposed_at(self.member.committee.primary(statement.view), statement.view, statement.seq)
                        .map(|signed| signed.statement.digest)
                })
            }
            Kind::Ack => self.witness.goes_by_in_lane(&self.lanes, statement.view, statement.seq),
            Kind::Checkpoint => {
                self.order.checkpoints.goes_by(statement.seq).or_else(|| self.member.signed_at(statement.seq))
            }
            _ => None,
        };
        let (kind, at) = (EvidenceKind::of(statement.kind), (statement.view, statement.seq));
        let split = self.witness.is_split(kind, self.member.said_first(kind, statement.view), at);
        let unfit = reference.is_some_and(|digest| digest != statement.digest);
        if unfit {
            self.witness.keep_apart(&self.accusations, &mut self.member, signed, split);
        } else if split {
            self.witness.keep_fitting(&self.accusations, &self.member, signed);
        }
    }

    /// Reviews the statements heard at a position, once its reference digest is known.
    pub(crate) fn review_all(&mut self, kind: EvidenceKind, view: View, seq: SeqNum) {
        for signed in self.witness.heard_at(self.member.committee.replicas(), kind, view, seq) {
            self.review(&signed);
        }
    }

    /// Two proposals at one position, or two headers: whoever voted there may have done so for both.
    fn split_position(&mut self, signed: &Signed) {
        let seq = signed.statement.seq;
        let Some((kind, view)) = self.member.said_about(signed) else { return };
        if self.witness.mark_split(kind, self.member.said_first(kind, view), (view, seq)) {
            self.review_all(kind, view, seq);
        }
    }

    pub(crate) fn on_evidence(&mut self, evidence: Evidence) -> Result<(), Rejected> {
        let signer = evidence.key().signer;
        if self.accusations.is_known(&evidence.key()) {
            return Ok(());
        }
        if self.accusations.against(signer) >= PER_SIGNER_MAX {
            return Err(Rejected::EnoughEvidence { signer });
        }
        let statements = evidence.statements();
        self.accuse(evidence);
        // Whoever hears of a split position from its proof compares there like all others.
        statements.iter().for_each(|signed| self.hear(signed));
        Ok(())
    }

    /// E5: gossip it and put it on the own lane, once.
    pub(crate) fn accuse(&mut self, evidence: Evidence) {
        let key = evidence.key();
        if self.accusations.is_known(&key) || self.accusations.against(key.signer) >= PER_SIGNER_MAX {
            return;
        }
        assert!(evidence.is_well_formed(), "I21: an accusation that proves nothing");
        self.accusations.add(evidence.clone());
        self.member.out.persist(Record::Evidence(evidence.clone()));
        self.member.out.push(Effect::Accuse(evidence.clone()));
        self.lanes.own.push(item_of(&evidence));
        self.views.leave_equivocator(&self.member, &evidence);
        self.member.out.push(Effect::Broadcast(Arc::new(Message::Evidence(evidence))));
    }

    /// A NewView that this replica did not enter: who entered another one of that view lacks this contradiction (E2).
    pub(crate) fn pass_on_new_view(&mut self, signed: &Signed) {
        let entered = self.views.entered.get(&signed.statement.view) == Some(&signed.statement.digest);
        let known = signed.signer == self.member.me || entered || self.accusations.is_known(&key_of(signed));
        if !known && self.witness.may_send(signed.signer, self.member.now.ticks.get()) {
            self.member.out.push(Effect::Broadcast(Arc::new(Message::Contradiction(*signed))));
        }
    }

    /// NewViews of views that are passed, on the way to `next`, without being entered.
    pub(crate) fn pass_on_new_views(&mut self, next: View) {
        let entered = self.views.entered.range(..next).next_back().map_or(View::new(0), |(view, _)| *view);
        for signed in self.witness.new_views_between(self.member.committee.replicas(), entered.next(), next) {
            self.pass_on_new_view(&signed);
        }
    }
}

impl Witness {
    /// The certified bundle, the one that this replica acknowledged, or the first of which it heard.
    fn goes_by_in_lane(&self, lanes: &Lanes, lane: View, position: SeqNum) -> Option<crate::wire::Digest> {
        let at = crate::wire::Position::new(position.get());
        let of = lanes.get(lane.lane())?;
        let acked = || (of.acked.position == at).then_some(of.acked.digest);
        let owner = lane.lane();
        let heard = || Some(self.bundle_at(owner, position)?.statement.digest);
        of.on_chain(at).or_else(acked).or_else(heard)
    }

    fn keep_apart(&mut self, accusations: &Accusations, member: &mut Member, signed: &Signed, split: bool) {
        let wanted = signed.signer != member.me && !accusations.is_recorded(&key_of(signed));
        if wanted && self.keep(signed, false) && self.may_send(signed.signer, member.now.ticks.get()) {
            member.out.persist(Record::Kept(*signed));
            self.wrote(signed).into_iter().for_each(|old| member.out.persist(Record::Dropped(old)));
            if !split {
                member.out.push(Effect::Broadcast(Arc::new(Message::Contradiction(*signed))));
            }
        }
    }

    /// Not written down: an owner or a primary that goes on saying two things would fill the disk with honest words.
    fn keep_fitting(&mut self, accusations: &Accusations, member: &Member, signed: &Signed) {
        if signed.signer != member.me && !accusations.is_recorded(&key_of(signed)) {
            self.keep(signed, true);
        }
    }
}

impl Order {
    /// E5: statements are of use from two periods below the stable checkpoint to the end of the window.
    fn is_remembered(&self, member: &Member, seq: SeqNum) -> bool {
        let oldest = self.low().get().saturating_sub(2 * member.constants.checkpoint_period);
        seq.get() >= oldest && (self.in_reach(seq) || seq <= self.low())
    }
}

impl Member {
    /// Digest that this replica voted for, also where a stable checkpoint has taken the slot from memory: votes that
    /// come late are statements like any other (E5).
    fn voted_for(&self, view: View, seq: SeqNum) -> Option<crate::wire::Digest> {
        self.promises.get(Kind::Prepare, view, seq).map(|row| row.statement.digest)
    }

    /// Digest that this replica signed after a slot, also where a later checkpoint has taken it from memory.
    fn signed_at(&self, seq: SeqNum) -> Option<crate::wire::Digest> {
        self.promises.get(Kind::Checkpoint, View::new(0), seq).map(|row| row.statement.digest)
    }

    /// Kind and view of the votes or Acks about a proposal or a header; the view of an Ack names the lane.
    fn said_about(&self, signed: &Signed) -> Option<(EvidenceKind, View)> {
        let Statement { kind, view, .. } = signed.statement;
        match kind {
            Kind::PrePrepare if signed.signer == self.committee.primary(view) => Some((EvidenceKind::Proposal, view)),
            Kind::Bundle => Some((EvidenceKind::Ack, View::of_lane(signed.signer))),
            _ => None,
        }
    }

    /// Proposer, or lane owner, that the statements of a kind and view are about.
    fn said_first(&self, kind: EvidenceKind, view: View) -> ReplicaId {
        match kind {
            EvidenceKind::Ack => view.lane(),
            _ => self.committee.primary(view),
        }
    }

    /// E4: a certificate against what this replica goes by is the word of its signers; whoever asks later who lied
    /// finds it on the disk.
    pub(crate) fn keep_conflict(&mut self, certificate: &QuorumCert) {
        let others = certificate.statements(self.committee.group()).filter(|signed| signed.signer != self.me);
        others.for_each(|signed| self.out.persist(Record::Kept(signed)));
    }
}

impl Accusations {
    /// After a restart: what was not recorded goes on the lane again.
    pub(crate) fn accuse_again(&mut self, lanes: &mut Lanes) {
        let items: Vec<Item> = self.held().map(item_of).collect();
        items.into_iter().for_each(|item| lanes.own.push(item));
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
