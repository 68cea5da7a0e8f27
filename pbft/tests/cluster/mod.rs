//! A small group in memory: seeded delivery, loss, duplication, crashes, and a disk that forgets what was not committed.
//!
//! The replicas are real; signatures are keyed hashes behind the same doors, so that thousands of runs take seconds.
#![allow(dead_code)] // Each test file uses its part.

pub mod alone;

use quorate_pbft::{
    Committee, Constants, Decided, Digest, Effect, Effects, Epoch, Evidence, EvidenceKey, Executed, Input, Item,
    ItemKind, Journal, Message, Now, PayloadCheck, PublicKey, Rejected, Replica, ReplicaConfig, ReplicaId, SeqNum,
    Signature, Signed, Signer, Ticks, Time, Unverified, Verify, VerifyContext, hash_parts,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A xorshift generator: small, seeded, good enough to shuffle.
#[derive(Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    pub fn below(&mut self, sides: u64) -> u64 {
        self.roll() % sides
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// Signs with a keyed hash. Whoever knows the key can forge; nobody here does.
pub struct HashSigner(pub PublicKey);

fn tag(key: &PublicKey, bytes: &[u8]) -> Signature {
    let first = hash_parts("test/signature", &[&key.0, bytes]);
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&first.0);
    Signature(signature)
}

impl Signer for HashSigner {
    fn public_key(&self) -> PublicKey {
        self.0
    }

    fn sign(&self, bytes: &[u8]) -> Signature {
        tag(&self.0, bytes)
    }
}

pub struct HashVerify;

impl Verify for HashVerify {
    fn verify(&self, key: &PublicKey, bytes: &[u8], signature: &Signature) -> bool {
        tag(key, bytes) == *signature
    }
}

pub struct AnyItem;

impl PayloadCheck for AnyItem {
    fn is_valid(&self, item: &Item) -> bool {
        !item.bytes.is_empty()
    }
}

pub fn key(index: usize) -> PublicKey {
    PublicKey([index as u8 + 1; 32])
}

pub fn committee(n: usize) -> Committee {
    Committee::new(Digest([7; 32]), Epoch::new(0), (0..n).map(key).collect()).expect("distinct keys")
}

pub fn config(n: usize, me: usize, incarnation: u64, constants: &Constants) -> ReplicaConfig {
    ReplicaConfig {
        me: ReplicaId::new(me as u16),
        committee: committee(n),
        constants: constants.clone(),
        signer: Arc::new(HashSigner(key(me))),
        verify: Arc::new(HashVerify),
        incarnation,
    }
}

pub fn envelope(text: &str) -> Item {
    Item { kind: ItemKind::Envelope, bytes: text.as_bytes().to_vec() }
}

/// What execution leaves: a root over everything executed, and the evidence that was recorded.
#[derive(Clone, Default, Debug)]
pub struct Ledger {
    pub root: Digest,
    pub recorded: BTreeSet<EvidenceKey>,
    pub items: Vec<Vec<u8>>,
    pub history: BTreeMap<SeqNum, (Digest, Digest)>,
}

impl Ledger {
    fn execute(&mut self, decided: &Decided) -> Executed {
        let mut recorded = Vec::new();
        for item in decided.bundles.iter().flat_map(|bundle| &bundle.items) {
            match item.kind {
                ItemKind::Envelope => self.items.push(item.bytes.clone()),
                ItemKind::Evidence => {
                    if let Ok(evidence) = borsh::from_slice::<Evidence>(&item.bytes)
                        && self.recorded.insert(evidence.key())
                    {
                        recorded.push(evidence.key());
                    }
                }
                _ => (),
            }
        }
        let time = decided.time.get().to_le_bytes();
        self.root = hash_parts("test/root", &[&self.root.0, &decided.lane_hash.0, &time]);
        self.history.insert(decided.seq, (decided.content.digest(), self.root));
        let recorded = recorded.into_iter().chain(self.already(decided)).collect();
        Executed { seq: decided.seq, state_root: self.root, recorded, deadline: None }
    }

    /// Evidence in this slot that was recorded before: whoever still holds it may forget it as well.
    fn already(&self, decided: &Decided) -> Vec<EvidenceKey> {
        let items = decided.bundles.iter().flat_map(|bundle| &bundle.items);
        let evidence = items.filter(|item| item.kind == ItemKind::Evidence);
        let keys = evidence.filter_map(|item| Some(borsh::from_slice::<Evidence>(&item.bytes).ok()?.key()));
        keys.filter(|key| self.recorded.contains(key)).collect()
    }
}

enum Write {
    Record(Box<quorate_pbft::Record>),
    Execute(Arc<Decided>, Executed),
}

/// One process: a replica, its disk and its queue of messages that wait for the disk.
pub struct Node {
    pub replica: Option<Replica>,
    pub disk: Journal,
    pub ledger: Ledger,
    disk_ledger: Ledger,
    unwritten: Vec<Write>,
    outbox: Vec<(ReplicaId, Arc<Message>)>,
    supplies: Vec<(ReplicaId, quorate_pbft::Wanted)>,
    /// Commits are done up to this time.
    commit_at: Option<u64>,
    executes_late: bool,
    /// Slots handed out and to be executed later.
    late: Vec<Arc<Decided>>,
    /// When this replica wants to be woken; wakes at other times are out of date.
    wake_at: Option<u64>,
    incarnation: u64,
    pub refused: Vec<Rejected>,
    pub accused: Vec<Evidence>,
    pub broken: Vec<quorate_pbft::Broken>,
    pub reads: BTreeMap<u64, SeqNum>,
}

/// What may go wrong.
#[derive(Clone, Debug)]
pub struct Weather {
    pub delay_ms: u64,
    pub drop_percent: u64,
    pub twice_percent: u64,
    pub commit_ms: u64,
    /// How late a slot is executed at most; 0: at once, in the step that hands it out.
    pub execute_ms: u64,
}

impl Weather {
    pub const CALM: Self = Self { delay_ms: 5, drop_percent: 0, twice_percent: 0, commit_ms: 2, execute_ms: 0 };
    pub const STORM: Self = Self { delay_ms: 60, drop_percent: 15, twice_percent: 10, commit_ms: 10, execute_ms: 0 };
}

enum Event {
    Deliver { from: ReplicaId, to: ReplicaId, message: Arc<Message> },
    Wake(ReplicaId),
    Commit(ReplicaId),
    Execute { at: ReplicaId, incarnation: u64, decided: Arc<Decided> },
}

/// Changes what one replica sends: (to, message) to what is sent instead.
pub type Liar = Box<dyn FnMut(ReplicaId, &Arc<Message>, u64) -> Vec<Arc<Message>>>;

pub struct Cluster {
    pub n: usize,
    pub now: u64,
    pub nodes: Vec<Node>,
    pub weather: Weather,
    pub cut: BTreeSet<(ReplicaId, ReplicaId)>,
    pub constants: Constants,
    pub dice: Dice,
    pub liars: BTreeMap<ReplicaId, Liar>,
    pub delivered: u64,
    committee: Committee,
    queue: BTreeMap<(u64, u64), Event>,
    ticket: u64,
    /// The first statement of each honest replica for each position on the wire.
    wire: BTreeMap<(ReplicaId, u8, u64, u64), Signed>,
}

/// Wall clocks begin here.
pub const WALL: u64 = 1_700_000_000_000;

pub fn id(index: usize) -> ReplicaId {
    ReplicaId::new(index as u16)
}

impl Cluster {
    pub fn new(n: usize, seed: u64) -> Self {
        Self::with(n, seed, Constants::default())
    }

    pub fn with(n: usize, seed: u64, constants: Constants) -> Self {
        let node = |me: usize| Node {
            replica: Some(Replica::new(config(n, me, me as u64 + 1, &constants))),
            disk: Journal::new(n),
            ledger: Ledger::default(),
            disk_ledger: Ledger::default(),
            unwritten: Vec::new(),
            outbox: Vec::new(),
            supplies: Vec::new(),
            commit_at: None,
            executes_late: false,
            late: Vec::new(),
            wake_at: Some(1_000),
            incarnation: me as u64 + 1,
            refused: Vec::new(),
            accused: Vec::new(),
            broken: Vec::new(),
            reads: BTreeMap::new(),
        };
        let mut cluster = Self {
            n,
            now: 1_000,
            nodes: (0..n).map(node).collect(),
            weather: Weather::CALM,
            cut: BTreeSet::new(),
            committee: committee(n),
            constants: constants.clone(),
            dice: Dice::new(seed),
            liars: BTreeMap::new(),
            delivered: 0,
            queue: BTreeMap::new(),
            ticket: 0,
            wire: BTreeMap::new(),
        };
        for index in 0..n {
            cluster.schedule(cluster.now, Event::Wake(id(index)));
        }
        cluster
    }

    pub fn replica(&self, index: usize) -> &Replica {
        self.nodes[index].replica.as_ref().expect("up")
    }

    /// One line for each replica: where it stands.
    pub fn brief(&self) -> String {
        let line = |index: usize| match &self.nodes[index].replica {
            None => format!("{index}: down\n"),
            Some(replica) => {
                let r = replica.report();
                let lanes: Vec<String> = r
                    .lanes
                    .iter()
                    .map(|lane| {
                        let positions =
                            [lane.executed, lane.certified, lane.acknowledged].map(|tip| tip.position.get());
                        format!("{positions:?}/{}", lane.held)
                    })
                    .collect();
                let slots: Vec<String> = r
                    .slots
                    .iter()
                    .map(|slot| {
                        let content = if slot.has_content { "+" } else { "-" };
                        format!(
                            "{}{content}p{}c{}{}",
                            slot.seq,
                            slot.prepares,
                            slot.commits,
                            if slot.committed { "!" } else { "" }
                        )
                    })
                    .collect();
                format!(
                    "{index}: view {}{} demands {:?} timeout {} low {} executed {} recall {:?} follows {} broken {:?} waits {:?} pending {} asks {} lanes (exec, cert, ack) {lanes:?} slots {slots:?}\n",
                    r.view,
                    if r.changing { "?" } else { "" },
                    r.demands,
                    r.timeout_ms,
                    r.stable,
                    r.executed.seq,
                    r.recovering,
                    r.following,
                    r.broken,
                    r.waiting,
                    r.pending_bytes,
                    r.asking,
                )
            }
        };
        format!("at {}:\n{}", self.now, (0..self.n).map(line).collect::<String>())
    }

    pub fn executed(&self, index: usize) -> u64 {
        self.nodes[index].ledger.history.keys().next_back().map_or(0, |seq| seq.get())
    }

    pub fn submit(&mut self, index: usize, text: &str) {
        self.input(id(index), Input::Submit(envelope(text)));
    }

    pub fn read(&mut self, index: usize, reader: u64) {
        self.input(id(index), Input::Read { reader, nonce: Digest([reader as u8; 32]) });
    }

    /// Whether a text was executed at a node.
    pub fn has(&self, index: usize, text: &str) -> bool {
        self.nodes[index].ledger.items.iter().any(|item| item == text.as_bytes())
    }

    /// Stops a process: what its disk had not committed is gone.
    pub fn crash(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        node.replica = None;
        node.unwritten.clear();
        node.outbox.clear();
        node.supplies.clear();
        node.late.clear();
        node.commit_at = None;
        node.ledger = node.disk_ledger.clone();
    }

    pub fn restart(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        assert!(node.replica.is_none(), "is up");
        node.incarnation += 1_000;
        let config = config(self.n, index, node.incarnation, &self.constants);
        node.replica = Some(Replica::recover(config, node.disk.recovered()));
        node.wake_at = Some(self.now);
        self.schedule(self.now, Event::Wake(id(index)));
    }

    pub fn run_for(&mut self, millis: u64) {
        let end = self.now + millis;
        while let Some((&(at, _), _)) = self.queue.first_key_value()
            && at <= end
        {
            let ((at, _), event) = self.queue.pop_first().expect("just seen");
            self.now = at;
            self.happen(event);
        }
        self.now = end;
    }

    /// Runs until the condition holds; false if it does not within `millis`.
    pub fn run_until(&mut self, millis: u64, mut done: impl FnMut(&Self) -> bool) -> bool {
        let end = self.now + millis;
        while !done(self) {
            if self.now >= end {
                return false;
            }
            self.run_for(5);
        }
        true
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Deliver { from, to, message } => {
                if self.nodes[to.index()].replica.is_none() {
                    return;
                }
                self.delivered += 1;
                let context = VerifyContext {
                    committee: &self.committee,
                    verify: &HashVerify,
                    payload: &AnyItem,
                    constants: &self.constants,
                };
                let message = Message::clone(&message);
                match Unverified::new(from, message).verify(&context) {
                    Ok(verified) => self.input(to, Input::Message(verified)),
                    Err(invalid) => {
                        assert!(self.liars.contains_key(&from), "an honest {from} sent something invalid: {invalid}");
                    }
                }
            }
            Event::Wake(to) => {
                let node = &self.nodes[to.index()];
                if node.replica.is_some() && node.wake_at == Some(self.now) {
                    self.step(to, None);
                }
            }
            Event::Commit(at) => self.commit(at),
            Event::Execute { at, incarnation, decided } => {
                let node = &mut self.nodes[at.index()];
                if node.replica.is_some() && node.incarnation == incarnation {
                    let executed = node.ledger.execute(&decided);
                    node.unwritten.push(Write::Execute(decided, executed.clone()));
                    self.step(at, Some(Input::Executed(executed)));
                }
            }
        }
    }

    pub fn input(&mut self, to: ReplicaId, input: Input) {
        if self.nodes[to.index()].replica.is_some() {
            self.step(to, Some(input));
        }
    }

    fn step(&mut self, to: ReplicaId, input: Option<Input>) {
        let now = Now { ticks: Ticks::new(self.now), wall: Time::new(WALL + self.now) };
        let executes_late = self.weather.execute_ms > 0;
        let node = &mut self.nodes[to.index()];
        node.executes_late = executes_late;
        let replica = node.replica.as_mut().expect("up");
        let mut out = Effects::new();
        replica.step(Input::Tick(now), &mut out);
        node.work_off(&mut out, self.n, to);
        if let Some(input) = input {
            node.replica.as_mut().expect("up").step(input, &mut out);
            node.work_off(&mut out, self.n, to);
        }
        let (late, incarnation) = (core::mem::take(&mut node.late), node.incarnation);
        for decided in late {
            let at = self.now + 1 + self.dice.below(self.weather.execute_ms);
            self.schedule(at, Event::Execute { at: to, incarnation, decided });
        }
        let node = &mut self.nodes[to.index()];
        let busy = !node.outbox.is_empty() || !node.unwritten.is_empty() || !node.supplies.is_empty();
        let wake = node.replica.as_ref().expect("up").next_wakeup();
        if busy && self.nodes[to.index()].commit_at.is_none() {
            let at = self.now + 1 + self.dice.below(self.weather.commit_ms);
            self.nodes[to.index()].commit_at = Some(at);
            self.schedule(at, Event::Commit(to));
        }
        let wake = wake.map(|at| at.get().max(self.now + 1));
        if wake != self.nodes[to.index()].wake_at {
            self.nodes[to.index()].wake_at = wake;
            wake.into_iter().for_each(|at| self.schedule(at, Event::Wake(to)));
        }
    }

    /// The disk is done with everything so far; what waited for it leaves.
    fn commit(&mut self, at: ReplicaId) {
        let node = &mut self.nodes[at.index()];
        if node.commit_at != Some(self.now) || node.replica.is_none() {
            return;
        }
        node.commit_at = None;
        for write in node.unwritten.drain(..) {
            match write {
                Write::Record(record) => node.disk.record(&record),
                Write::Execute(decided, executed) => {
                    node.disk.execute(&decided, &executed);
                    node.disk_ledger.execute(&decided);
                }
            }
        }
        let mut leaving = core::mem::take(&mut node.outbox);
        for (to, wanted) in core::mem::take(&mut node.supplies) {
            leaving.extend(node.disk.supply(to, &wanted).into_iter().map(|message| (to, Arc::new(message))));
        }
        for (to, message) in leaving {
            self.transmit(at, to, message);
        }
    }

    fn transmit(&mut self, from: ReplicaId, to: ReplicaId, message: Arc<Message>) {
        let messages = match self.liars.get_mut(&from) {
            Some(liar) => liar(to, &message, self.now),
            None => {
                self.watch_wire(from, &message);
                vec![message]
            }
        };
        for message in messages {
            self.deliver_later(from, to, message);
        }
    }

    pub fn deliver_later(&mut self, from: ReplicaId, to: ReplicaId, message: Arc<Message>) {
        if self.cut.contains(&(from, to)) || self.dice.chance(self.weather.drop_percent) {
            return;
        }
        let times = 1 + u64::from(self.dice.chance(self.weather.twice_percent));
        for _ in 0..times {
            let at = self.now + 1 + self.dice.below(self.weather.delay_ms);
            self.schedule(at, Event::Deliver { from, to, message: message.clone() });
        }
    }

    /// Pitfall 1: the wire never carries two different statements of one honest replica for one position.
    fn watch_wire(&mut self, from: ReplicaId, message: &Message) {
        let Some(signed) = statement_of(message) else { return };
        if signed.signer != from {
            return;
        }
        let statement = &signed.statement;
        let kind = if statement.kind.is_vote() { 0 } else { statement.kind as u8 };
        let position = (from, kind, statement.view.get(), statement.seq.get());
        let first = self.wire.entry(position).or_insert(signed);
        assert_eq!(first.statement.digest, statement.digest, "{from} said two things at {position:?}");
    }

    fn schedule(&mut self, at: u64, event: Event) {
        self.ticket += 1;
        self.queue.insert((at, self.ticket), event);
    }

    pub fn partition(&mut self, side: &[usize]) {
        for a in 0..self.n {
            for b in 0..self.n {
                if side.contains(&a) != side.contains(&b) {
                    self.cut.insert((id(a), id(b)));
                }
            }
        }
    }

    pub fn heal(&mut self) {
        self.cut.clear();
    }

    fn honest(&self) -> impl Iterator<Item = (ReplicaId, &Node)> {
        let all = self.nodes.iter().enumerate().map(|(index, node)| (id(index), node));
        all.filter(|(id, _)| !self.liars.contains_key(id))
    }

    /// Agreement, integrity, and that no honest replica is accused or broken.
    pub fn judge(&self) {
        let mut order: BTreeMap<SeqNum, (Digest, Digest)> = BTreeMap::new();
        for (id, node) in self.honest() {
            assert!(node.broken.is_empty(), "{id} broke: {:?}\n{}", node.broken, self.brief());
            let replica_stopped = node.replica.as_ref().and_then(|replica| replica.broken());
            assert!(replica_stopped.is_none(), "{id} stopped: {replica_stopped:?}");
            for (seq, executed) in &node.ledger.history {
                let first = order.entry(*seq).or_insert(*executed);
                assert_eq!(first, executed, "{id} executed something else at {seq}");
            }
            let distinct: BTreeSet<_> = node.ledger.items.iter().collect();
            assert_eq!(distinct.len(), node.ledger.items.len(), "{id} executed something twice");
            for evidence in &node.accused {
                let signer = evidence.key().signer;
                assert!(self.liars.contains_key(&signer), "{id} accuses the honest {signer}: {evidence:?}");
            }
        }
    }
}

impl Node {
    /// E1: whatever own statement leaves was asked to be written before, in the order of effects.
    fn check_written(&self, me: ReplicaId, message: &Message) {
        let Some(signed) = statement_of(message).filter(|signed| signed.signer == me) else { return };
        let same = |write: &Write| {
            let Write::Record(record) = write else { return false };
            matches!(&**record, quorate_pbft::Record::Statement(written) if *written == signed)
        };
        let written = self.unwritten.iter().any(same) || self.disk.statements().any(|written| *written == signed);
        assert!(written, "{me} sends what it has not written: {signed:?}");
    }

    fn work_off(&mut self, out: &mut Effects, n: usize, me: ReplicaId) {
        let mut effects: std::collections::VecDeque<Effect> = out.take().into();
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Persist(record) => self.unwritten.push(Write::Record(Box::new(record))),
                Effect::Send { to, message } => {
                    self.check_written(me, &message);
                    self.outbox.push((to, message));
                }
                Effect::Broadcast(message) => {
                    self.check_written(me, &message);
                    let others = (0..n).map(id).filter(|to| *to != me);
                    self.outbox.extend(others.map(|to| (to, message.clone())));
                }
                Effect::Execute(decided) if self.executes_late => self.late.push(decided),
                Effect::Execute(decided) => {
                    let executed = self.ledger.execute(&decided);
                    self.unwritten.push(Write::Execute(decided, executed.clone()));
                    self.replica.as_mut().expect("up").step(Input::Executed(executed), out);
                    effects.extend(out.take());
                }
                Effect::Supply { to, wanted } => self.supplies.push((to, wanted)),
                Effect::ReadReady { readers, seq, .. } => {
                    self.reads.extend(readers.into_iter().map(|reader| (reader, seq)));
                }
                Effect::Accuse(evidence) => self.accused.push(evidence),
                Effect::Refused(rejected) => self.refused.push(rejected),
                Effect::Broken(broken) => self.broken.push(broken),
            }
        }
    }
}

/// The statement that a message is about, but for Status.
pub fn statement_of(message: &Message) -> Option<Signed> {
    match message {
        Message::PrePrepare { statement, .. }
        | Message::Prepare { statement, .. }
        | Message::ViewChange { statement, .. }
        | Message::NewView { statement, .. } => Some(*statement),
        Message::Commit(signed) | Message::Ack(signed) | Message::Checkpoint(signed) => Some(*signed),
        Message::Bundle(bundle) => Some(bundle.statement),
        _ => None,
    }
}
