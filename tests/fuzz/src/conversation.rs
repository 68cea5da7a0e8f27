//! Messages that verify, made of few bytes: digests fit their contents, certificates have their signatures, and few
//! numbers are used, so that messages meet.

use crate::{Source, committee, signed};
use quorate_pbft::{
    Bundle, BundleHeader, ClaimedCert, Content, Digest, Epoch, Evidence, Item, ItemKind, Kind, LaneStatus, Message,
    NewView, Position, PreparedEntry, Question, ReplicaId, SeqNum, Signature, Signed, SlotStatus, StatusBody, Time,
    Tip, View, ViewChange, VotedEntry, Wanted, checkpoint_digest, hash_parts, items_root,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Slots and positions that are spoken of, but for the ends of their range.
const SLOTS: u64 = 12;
/// Views that are spoken of.
const VIEWS: u64 = 4;
/// Water mark of the group.
const WINDOW: u64 = 8;

/// Demands and starts so far, which later messages carry.
#[derive(Default)]
pub struct Conversation {
    demands: BTreeMap<(View, ReplicaId), (Signed, Arc<ViewChange>)>,
    starts: BTreeMap<View, Digest>,
}

impl Conversation {
    /// The next message.
    pub fn message(&mut self, source: &mut Source<'_>) -> Message {
        match source.below(18) {
            0 | 1 => pre_prepare(source),
            2 | 3 => prepare(source),
            4 => Message::Commit(vote(source, Kind::Commit)),
            5 => Message::Ack(ack(source)),
            6 => Message::LaneCert(lane_cert(&tip(source))),
            7 | 8 => Message::Bundle(Arc::new(bundle(source))),
            9 => checkpoint(source),
            10 => status(source),
            11 => decided(source),
            12 => Message::Ask(question(source)),
            13 => self.demand(source),
            14 => self.start(source),
            15 => Message::Contradiction(vote(source, Kind::Prepare)),
            16 => evidence(source),
            _ => other(source),
        }
    }

    fn demand(&mut self, source: &mut Source<'_>) -> Message {
        // Not the last of all numbers: f + 1 members, one of them honest, would have to ask for it, and there is no next.
        let view = View::new(1 + source.below(VIEWS));
        let checkpoint = source.coin().then(|| stable(source.below(3) * 4));
        let checkpoint = checkpoint.filter(|certificate| certificate.seq.get() > 0);
        let base = checkpoint.as_ref().map_or(0, |certificate| certificate.seq.get());
        let mut body = ViewChange { view, checkpoint, prepared: vec![], voted: vec![] };
        for seq in (base + 1..=base + WINDOW).take(source.below(4) as usize) {
            self.claims(&mut body, seq, source);
        }
        let signer = source.below(4) as u16;
        let statement = signed(Kind::ViewChange, view.get(), 0, body.digest(WINDOW), signer);
        let body = Arc::new(body);
        self.demands.insert((view, ReplicaId::new(signer)), (statement, body.clone()));
        Message::ViewChange { statement, body }
    }

    fn claims(&self, body: &mut ViewChange, seq: u64, source: &mut Source<'_>) {
        let view = source.below(VIEWS);
        let new_view = self.starts.get(&View::new(view)).copied().unwrap_or_default();
        let digest = content(source).digest();
        let pre_prepare = signed(Kind::PrePrepare, view, seq, digest, (view % 4) as u16);
        if source.coin() {
            let certificate = certificate(Kind::Prepare, view, seq, digest, 3);
            body.prepared.push(PreparedEntry { certificate, pre_prepare, new_view });
        }
        if source.coin() {
            body.voted.push(VotedEntry { pre_prepare, new_view });
        }
    }

    fn start(&mut self, source: &mut Source<'_>) -> Message {
        let view = View::new(1 + source.below(VIEWS));
        let primary = (view.get() % 4) as u16;
        let demands = (0..4).filter_map(|signer| self.demands.get(&(view, ReplicaId::new(signer))).cloned());
        let view_changes: Vec<_> = demands.take(3).collect();
        let base = view_changes.iter().map(|(_, demand)| demand.base().get()).max().unwrap_or(0);
        let slots = base + 1..=base + source.below(4);
        let digest = |source: &mut Source<'_>| match source.coin() {
            true => Content::NULL.digest(),
            false => content(source).digest(),
        };
        let pre_prepares =
            slots.map(|seq| signed(Kind::PrePrepare, view.get(), seq, digest(source), primary)).collect();
        let body = NewView { view, view_changes, pre_prepares };
        let said = body.digest(WINDOW);
        self.starts.insert(view, said);
        Message::NewView { statement: signed(Kind::NewView, view.get(), 0, said, primary), body: Arc::new(body) }
    }
}

fn certificate(kind: Kind, view: u64, seq: u64, digest: Digest, count: u16) -> ClaimedCert {
    let signatures = (0..count).map(|signer| (ReplicaId::new(signer), Signature([0; 64]))).collect();
    ClaimedCert { epoch: Epoch::new(0), kind, view: View::new(view), seq: SeqNum::new(seq), digest, signatures }
}

fn lane_cert((lane, tip): &(ReplicaId, Tip)) -> ClaimedCert {
    certificate(Kind::Ack, u64::from(lane.get()), tip.position.get(), tip.digest, 3)
}

fn item(position: u64, variant: u64) -> Item {
    Item { kind: ItemKind::Envelope, bytes: vec![position as u8, variant as u8] }
}

/// Bundle `position` of one of two chains of a lane; beyond the last it names something that is not there.
fn header(lane: u16, position: u64, variant: u64) -> BundleHeader {
    let before = position.saturating_sub(1);
    let parent = match before {
        0 => Digest::ZERO,
        before if before < SLOTS => header(lane, before, variant).digest(),
        _ => Digest([9; 32]),
    };
    let items = [item(position, variant)];
    BundleHeader {
        lane: ReplicaId::new(lane),
        position: Position::new(position),
        parent,
        items: 1,
        bytes: 2,
        items_root: items_root(&items),
        lane_bytes: position.saturating_mul(2).max(2),
    }
}

fn place(source: &mut Source<'_>) -> (u16, u64, u64) {
    let (lane, position) = (source.below(4) as u16, source.number(SLOTS).max(1));
    (lane, position, u64::from(source.below(8) == 0))
}

fn bundle(source: &mut Source<'_>) -> Bundle {
    let (lane, position, variant) = place(source);
    let header = header(lane, position, variant);
    let statement = signed(Kind::Bundle, 0, position, header.digest(), lane);
    Bundle { header, statement, items: vec![item(position, variant)] }
}

fn tip(source: &mut Source<'_>) -> (ReplicaId, Tip) {
    let (lane, position, variant) = place(source);
    (ReplicaId::new(lane), header(lane, position, variant).tip())
}

fn ack(source: &mut Source<'_>) -> Signed {
    let (lane, tip) = tip(source);
    signed(Kind::Ack, u64::from(lane.get()), tip.position.get(), tip.digest, source.below(4) as u16)
}

fn content(source: &mut Source<'_>) -> Content {
    let mut cut: BTreeMap<ReplicaId, Tip> = BTreeMap::new();
    for _ in 0..source.below(4) {
        let (lane, tip) = tip(source);
        cut.insert(lane, tip);
    }
    let time = Some(Time::new(1_700_000_000_000 + source.number(200) / 2));
    Content { cut: cut.into_iter().collect(), time, mark: source.below(4) == 0 }
}

fn with_certificates(content: &Content) -> Vec<ClaimedCert> {
    content.cut.iter().map(lane_cert).collect()
}

fn pre_prepare(source: &mut Source<'_>) -> Message {
    let (view, seq) = (source.below(VIEWS), source.number(SLOTS));
    let content = content(source);
    let signer = if source.below(8) == 0 { source.below(4) } else { view % 4 };
    let statement = signed(Kind::PrePrepare, view, seq, content.digest(), signer as u16);
    Message::PrePrepare { statement, certificates: with_certificates(&content), content }
}

fn vote(source: &mut Source<'_>, kind: Kind) -> Signed {
    let (view, seq, signer) = (source.number(VIEWS), source.number(SLOTS), source.below(4) as u16);
    signed(kind, view, seq, content(source).digest(), signer)
}

fn prepare(source: &mut Source<'_>) -> Message {
    let statement = vote(source, Kind::Prepare);
    let said = &statement.statement;
    let digest = if source.below(8) == 0 { Digest([3; 32]) } else { said.digest };
    let primary = (said.view.get() % 4) as u16;
    let pre_prepare = signed(Kind::PrePrepare, said.view.get(), said.seq.get(), digest, primary);
    Message::Prepare { statement, pre_prepare }
}

fn state_after(seq: u64) -> Digest {
    checkpoint_digest(&Digest([1; 32]), &hash_parts("fuzz/state", &[&seq.to_le_bytes()]), &committee().digest())
}

fn stable(seq: u64) -> ClaimedCert {
    certificate(Kind::Checkpoint, 0, seq, state_after(seq), 3)
}

fn checkpoint(source: &mut Source<'_>) -> Message {
    let seq = source.number(SLOTS);
    if source.coin() {
        return Message::StableCheckpoint(stable(seq));
    }
    let digest = if source.coin() { state_after(seq) } else { Digest([4; 32]) };
    Message::Checkpoint(signed(Kind::Checkpoint, 0, seq, digest, source.below(4) as u16))
}

fn status(source: &mut Source<'_>) -> Message {
    let (signer, counter) = (source.below(4) as u16, source.number(200));
    let says = |source: &mut Source<'_>| LaneStatus { acknowledged: tip(source).1, certified: tip(source).1 };
    let slot = |source: &mut Source<'_>| match source.below(3) {
        0 => SlotStatus::Accepted,
        1 => SlotStatus::Prepared,
        _ => SlotStatus::Committed,
    };
    let body = StatusBody {
        incarnation: source.below(3),
        epoch: Epoch::new(u64::from(source.below(16) == 0)),
        view: View::new(source.number(VIEWS)),
        changing: source.coin(),
        stable: SeqNum::new(source.number(SLOTS)),
        executed: SeqNum::new(source.number(SLOTS)),
        oldest: SeqNum::new(source.number(SLOTS)),
        slots: (0..source.below(4)).map(|_| (SeqNum::new(source.number(SLOTS)), slot(source))).collect(),
        lanes: (0..source.below(4)).map(|_| (ReplicaId::new(source.below(6) as u16), says(source))).collect(),
        stuck: source.coin(),
        new_view: Digest([source.below(2) as u8; 32]),
        view_changes: (0..source.below(3)).map(|_| named(source)).collect(),
        heard: (0..source.below(4)).map(|_| ReplicaId::new(source.below(6) as u16)).collect(),
        program: quorate_pbft::Program::default(),
    };
    Message::Status { statement: signed(Kind::Status, 0, counter, body.digest(), signer), body }
}

fn named(source: &mut Source<'_>) -> (ReplicaId, View, Digest) {
    (ReplicaId::new(source.below(6) as u16), View::new(source.number(VIEWS)), Digest([source.below(2) as u8; 32]))
}

fn decided(source: &mut Source<'_>) -> Message {
    let (view, seq) = (source.below(VIEWS), source.number(SLOTS));
    let content = content(source);
    if source.below(4) == 0 {
        return Message::Content { certificates: with_certificates(&content), content };
    }
    let (kind, count) = if source.coin() { (Kind::Commit, 3) } else { (Kind::Prepare, 4) };
    Message::Decided { certificate: certificate(kind, view, seq, content.digest(), count), content }
}

fn question(source: &mut Source<'_>) -> Question {
    let epoch = Epoch::new(u64::from(source.below(16) == 0));
    Question { epoch, wanted: wanted(source) }
}

fn wanted(source: &mut Source<'_>) -> Wanted {
    let (from, to) = (source.number(SLOTS), source.number(SLOTS));
    match source.below(6) {
        0 => Wanted::Slots { from: SeqNum::new(from), to: SeqNum::new(to) },
        1 => Wanted::Content { seq: SeqNum::new(from), digest: content(source).digest() },
        2 => Wanted::Bundles {
            lane: ReplicaId::new(source.below(6) as u16),
            from: Position::new(from),
            to: Position::new(to),
        },
        3 => Wanted::StableCheckpoint,
        4 => Wanted::NewView { view: View::new(from), digest: Digest([source.below(2) as u8; 32]) },
        _ => Wanted::Recall { incarnation: from },
    }
}

fn evidence(source: &mut Source<'_>) -> Message {
    let kinds = [Kind::Bundle, Kind::Ack, Kind::PrePrepare, Kind::Prepare, Kind::Commit, Kind::Checkpoint];
    let kind = kinds[source.below(6) as usize];
    let (view, seq, signer) = (source.number(VIEWS), source.number(SLOTS), source.below(4) as u16);
    let half = |byte| signed(kind, view, seq, Digest([byte; 32]), signer);
    match Evidence::pair(&half(1), &half(2)) {
        Some(evidence) => Message::Evidence(evidence),
        None => Message::Contradiction(half(1)),
    }
}

/// Statement that this replica is said to have promised (E7), or one more loose statement of any kind.
fn other(source: &mut Source<'_>) -> Message {
    let kinds = [Kind::Prepare, Kind::Commit, Kind::Checkpoint, Kind::ViewChange, Kind::NewView, Kind::Bundle];
    let kind = kinds[source.below(6) as usize];
    let statement = vote(source, kind);
    match source.below(4) {
        0 => Message::Recalled { incarnation: 1 + source.below(3), statements: vec![statement] },
        _ => Message::Contradiction(statement),
    }
}
