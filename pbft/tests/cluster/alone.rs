//! One replica with its disk, and messages made by hand.

use super::{HashSigner, WALL, committee, config, context, id, key};
use quorate_pbft::{
    Broken, Bundle, BundleHeader, ClaimedCert, Committee, Constants, Content, Digest, Effect, Effects, Epoch, Executed,
    Handover, Input, Item, Journal, Kind, LaneStatus, Message, Now, Question, Record, Rejected, Replica, ReplicaConfig,
    ReplicaId, SeqNum, Signed, Statement, StatusBody, Ticks, Time, Tip, Unverified, View, Wanted, items_root,
};
use std::sync::Arc;

/// A statement of a member of any of these groups.
pub fn say(signer: usize, kind: Kind, view: u64, seq: u64, digest: Digest) -> Signed {
    say_in(&committee(signer + 1), signer, kind, view, seq, digest)
}

/// A statement of a member of this committee.
pub fn say_in(committee: &Committee, signer: usize, kind: Kind, view: u64, seq: u64, digest: Digest) -> Signed {
    let (view, seq) = (View::new(view), SeqNum::new(seq));
    let statement = Statement { group: committee.group(), epoch: committee.epoch(), kind, view, seq, digest };
    statement.sign(id(signer), &HashSigner(*committee.key(id(signer)).expect("a member")))
}

/// A certificate by these members of a committee, enough or not.
pub fn certificate_in(
    committee: &Committee,
    kind: Kind,
    view: u64,
    seq: u64,
    digest: Digest,
    signers: &[usize],
) -> ClaimedCert {
    let sign = |signer: &usize| (id(*signer), say_in(committee, *signer, kind, view, seq, digest).signature);
    let signatures = signers.iter().map(sign).collect();
    let (view, seq) = (View::new(view), SeqNum::new(seq));
    ClaimedCert { epoch: committee.epoch(), kind, view, seq, digest, signatures }
}

/// A certificate by these signers, enough or not.
pub fn certificate(kind: Kind, view: u64, seq: u64, digest: Digest, signers: &[usize]) -> ClaimedCert {
    certificate_in(&committee(signers.iter().max().map_or(1, |last| last + 1)), kind, view, seq, digest, signers)
}

/// The bundle of `owner` after `parent`, with one item.
pub fn bundle(owner: usize, parent: Tip, lane_bytes: u64, item: Item) -> Arc<Bundle> {
    let bytes = item.bytes.len() as u64;
    let items = vec![item];
    let header = BundleHeader {
        lane: id(owner),
        position: parent.position.next(),
        parent: parent.digest,
        items: 1,
        bytes,
        items_root: items_root(&items),
        lane_bytes: lane_bytes + bytes,
    };
    let statement = say(owner, Kind::Bundle, 0, header.position.get(), header.digest());
    Arc::new(Bundle { header, statement, items })
}

/// A content without a cut, as a primary proposes it at `millis` after the start of the clocks.
pub fn empty(millis: u64) -> Content {
    Content { cut: Vec::new(), time: Some(Time::new(WALL + millis)), mark: false }
}

/// A question of this epoch.
pub fn ask(wanted: Wanted) -> Message {
    Message::Ask(Question { epoch: Epoch::new(0), wanted })
}

/// What a member says of itself that knows these lanes and has executed so much, and nothing else.
pub fn status(lanes: Vec<(ReplicaId, LaneStatus)>, executed: u64) -> StatusBody {
    StatusBody {
        incarnation: 3,
        epoch: Epoch::new(0),
        view: View::new(0),
        changing: false,
        stable: SeqNum::new(0),
        executed: SeqNum::new(executed),
        oldest: SeqNum::new(1),
        slots: vec![],
        lanes,
        stuck: false,
        new_view: Digest::ZERO,
        view_changes: vec![],
        heard: vec![],
        program: quorate_pbft::Program::default(),
    }
}

pub struct Alone {
    pub replica: Replica,
    pub disk: Journal,
    pub now: u64,
    pub effects: Vec<Effect>,
    pub n: usize,
    me: usize,
    constants: Constants,
    pub committee: Committee,
    /// The next members, and the slot that names them.
    pub next: Option<(u64, Arc<Committee>)>,
}

impl Alone {
    /// A replica that has just started and waits for its recall.
    pub fn starting(n: usize, me: usize, constants: &Constants) -> Self {
        let replica = Replica::new(config(n, me, 9, constants));
        let constants = constants.clone();
        let mut alone = Self {
            replica,
            disk: Journal::new(n),
            now: 1_000,
            effects: Vec::new(),
            n,
            me,
            constants,
            committee: committee(n),
            next: None,
        };
        alone.tick(1);
        alone
    }

    /// The configuration of the member that it is now.
    pub fn config(&self, incarnation: u64) -> ReplicaConfig {
        ReplicaConfig {
            committee: self.committee.clone(),
            signer: Arc::new(HashSigner(*self.committee.key(id(self.me)).expect("a member"))),
            ..config(self.me + 1, self.me, incarnation, &self.constants)
        }
    }

    /// Enters the next epoch as this member of it, as the shell does when the core says that the epoch is over.
    pub fn enter(&mut self, me: usize) {
        let handover = self.replica.clone().hand_over();
        self.enter_from(me, handover);
    }

    /// Enters the next epoch as this member of it, with what another value left.
    pub fn enter_from(&mut self, me: usize, handover: Handover) {
        let (_, next) = self.next.take().expect("the next members are known");
        (self.committee, self.me, self.n) = (Committee::clone(&next), me, next.len());
        let mut out = Effects::new();
        self.replica = Replica::enter(self.config(9), handover, &mut out);
        self.work_off(out.take());
        self.tick(1);
    }

    /// Starts in another epoch from what a disk holds, and knows at once what it signed there.
    pub fn enter_at(&mut self, recovered: quorate_pbft::Recovered, committee: Committee) {
        self.committee = committee;
        self.replica = Replica::recover(self.config(9), recovered);
        self.tick(1);
        let me = self.me;
        (0..self.n).filter(|peer| *peer != me).for_each(|peer| self.recalled(peer, 9));
        self.effects.clear();
    }

    /// The epoch that is over, as the core said.
    pub fn over(&self) -> Option<ClaimedCert> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::EpochOver { certificate, .. } => Some(certificate.claim().clone()),
            _ => None,
        })
    }

    /// A replica that may sign.
    pub fn with(n: usize, me: usize, constants: &Constants) -> Self {
        let mut alone = Self::starting(n, me, constants);
        (0..n).filter(|peer| *peer != me).for_each(|peer| alone.recalled(peer, 9));
        alone.effects.clear();
        alone
    }

    pub fn new(n: usize, me: usize) -> Self {
        Self::with(n, me, &Constants::default())
    }

    pub fn recalled(&mut self, peer: usize, incarnation: u64) {
        self.hear(peer, Message::Recalled { incarnation, statements: Vec::new() });
    }

    /// A status of `peer` that says nothing.
    pub fn status(&mut self, peer: usize, counter: u64) {
        let body = status(Vec::new(), 0);
        let statement = say_in(&self.committee, peer, Kind::Status, 0, counter, body.digest());
        self.hear(peer, Message::Status { statement, body });
    }

    pub fn restart(&mut self) {
        self.replica = Replica::recover(self.config(77), self.disk.recovered());
        self.effects.clear();
        self.tick(1);
        let me = self.me;
        (0..self.n).filter(|peer| *peer != me).for_each(|peer| self.recalled(peer, 77));
    }

    pub fn tick(&mut self, millis: u64) {
        self.now += millis;
        self.step(Input::Tick(Now { ticks: Ticks::new(self.now), wall: Time::new(WALL + self.now) }));
    }

    /// The wall clock is at another time for a moment.
    pub fn leap(&mut self, millis: u64) {
        self.step(Input::Tick(Now { ticks: Ticks::new(self.now), wall: Time::new(WALL + millis) }));
    }

    /// A message that verifies.
    pub fn hear(&mut self, from: usize, message: Message) {
        let verified = self.verify(from, message).expect("a message that verifies");
        self.step(Input::Message(verified));
    }

    /// Messages that verify and arrive in one round.
    pub fn hear_together(&mut self, from: usize, messages: impl IntoIterator<Item = Message>) {
        let mut out = Effects::new();
        for message in messages {
            let verified = self.verify(from, message).expect("a message that verifies");
            self.replica.take_in(Input::Message(verified), &mut out);
        }
        self.replica.advance(&mut out);
        self.work_off(out.take());
    }

    pub fn verify(
        &self,
        from: usize,
        message: Message,
    ) -> Result<quorate_pbft::Verified<Message>, quorate_pbft::Invalid> {
        Unverified::new(id(from), message).verify(&context(&self.committee, &self.constants))
    }

    pub fn step(&mut self, input: Input) {
        let mut out = Effects::new();
        self.replica.step(input, &mut out);
        self.work_off(out.take());
    }

    fn work_off(&mut self, effects: Vec<Effect>) {
        for effect in &effects {
            if let Effect::Persist(record) = effect {
                self.disk.record(record);
            }
        }
        self.effects.extend(effects);
    }

    /// Executes what is handed out, with one state root for all.
    pub fn execute(&mut self) {
        let mut decided = self.effects.iter().filter_map(|effect| match effect {
            Effect::Execute(decided) => Some(decided.clone()),
            _ => None,
        });
        let decided = decided.find(|decided| decided.seq == self.replica.executed_point().seq.next());
        let Some(decided) = decided else { return };
        let (state_root, seq, recorded) = (Digest([66; 32]), decided.seq, Vec::new());
        let named = self.next.as_ref().filter(|(named, _)| *named <= seq.get());
        let next = named.map(|(_, next)| next.clone());
        let after = next.as_deref().filter(|next| next.base() == seq).unwrap_or(&self.committee);
        let members_after = after.digest();
        let executed = Executed { seq, state_root, members_after, recorded, deadline: None, next };
        self.disk.execute(&decided, &executed);
        self.step(Input::Executed(executed));
        self.execute();
    }

    /// Every message that left, to whomever.
    pub fn sent(&self) -> impl Iterator<Item = &Message> {
        self.effects.iter().filter_map(|effect| match effect {
            Effect::Broadcast(message) | Effect::Send { message, .. } => Some(&**message),
            _ => None,
        })
    }

    /// What left for one peer alone.
    pub fn sent_to(&self, peer: usize) -> Vec<&Message> {
        let to_peer = |effect: &&Effect| matches!(effect, Effect::Send { to, .. } if *to == id(peer));
        let sent = self.effects.iter().filter(to_peer).filter_map(|effect| match effect {
            Effect::Send { message, .. } => Some(&**message),
            _ => None,
        });
        sent.collect()
    }

    /// Own statements of a kind that left, by (view, seq, digest).
    pub fn said(&self, kind: Kind) -> Vec<(u64, u64, Digest)> {
        let statements = self.sent().filter_map(|message| match message {
            Message::PrePrepare { statement, .. }
            | Message::Prepare { statement, .. }
            | Message::ViewChange { statement, .. }
            | Message::NewView { statement, .. } => Some(*statement),
            Message::Commit(signed) | Message::Ack(signed) | Message::Checkpoint(signed) => Some(*signed),
            Message::Bundle(bundle) => Some(bundle.statement),
            _ => None,
        });
        let own = statements.filter(|signed| signed.signer == id(self.me) && signed.statement.kind == kind);
        own.map(|signed| (signed.statement.view.get(), signed.statement.seq.get(), signed.statement.digest)).collect()
    }

    pub fn refused(&self) -> Vec<&Rejected> {
        let refused = self.effects.iter().filter_map(|effect| match effect {
            Effect::Refused(rejected) => Some(rejected),
            _ => None,
        });
        refused.collect()
    }

    pub fn broken(&self) -> Vec<&Broken> {
        let broken = self.effects.iter().filter_map(|effect| match effect {
            Effect::Broken(broken) => Some(broken),
            _ => None,
        });
        broken.collect()
    }

    pub fn propose(&mut self, from: usize, view: u64, seq: u64, content: &Content) {
        let statement = say_in(&self.committee, view as usize % self.n, Kind::PrePrepare, view, seq, content.digest());
        self.hear(from, Message::PrePrepare { statement, content: content.clone(), certificates: Vec::new() });
    }

    pub fn prepare(&mut self, signer: usize, view: u64, seq: u64, digest: Digest) {
        let pre_prepare = say_in(&self.committee, view as usize % self.n, Kind::PrePrepare, view, seq, digest);
        self.hear(
            signer,
            Message::Prepare {
                statement: say_in(&self.committee, signer, Kind::Prepare, view, seq, digest),
                pre_prepare,
            },
        );
    }

    pub fn commit(&mut self, signer: usize, view: u64, seq: u64, digest: Digest) {
        self.hear(signer, Message::Commit(say_in(&self.committee, signer, Kind::Commit, view, seq, digest)));
    }

    /// A decision by the first q members.
    pub fn decide(&mut self, seq: u64, content: &Content) {
        let quorum: Vec<usize> = (0..self.committee.quorum()).collect();
        let certificate = certificate_in(&self.committee, Kind::Commit, 0, seq, content.digest(), &quorum);
        let from = usize::from(self.me == 0);
        self.hear(from, Message::Decided { certificate, content: content.clone() });
    }

    pub fn is_committed(&self, seq: u64) -> bool {
        let slots = self.replica.inspect().slots;
        self.replica.executed_point().seq.get() >= seq
            || slots.iter().any(|slot| slot.seq.get() == seq && slot.committed)
    }

    pub fn asks_for_view(&self) -> Option<u64> {
        self.replica.inspect().changing.then(|| self.replica.view().get())
    }

    pub fn demand(&mut self, signer: usize, view: u64) {
        let body = quorate_pbft::ViewChange {
            view: View::new(view),
            checkpoint: None,
            prepared: Vec::new(),
            voted: Vec::new(),
        };
        let statement = say_in(&self.committee, signer, Kind::ViewChange, view, 0, body.digest(self.constants.window));
        self.hear(signer, Message::ViewChange { statement, body: Arc::new(body) });
    }

    pub fn primary_of(&self, view: u64) -> ReplicaId {
        id(view as usize % self.n)
    }
}
