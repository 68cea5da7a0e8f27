//! A small group in memory: seeded delivery, loss, duplication, crashes, and a disk that forgets what was not committed.
//!
//! The replicas are real; signatures are keyed hashes behind the same doors, so that thousands of runs take seconds.
#![allow(dead_code, unused_imports)] // Each test file uses its part.

pub mod alone;
mod dice;
mod keys;
mod ledger;
mod node;
mod trace;

pub use self::dice::Dice;
pub use self::keys::{AnyItem, HashSigner, HashVerify, committee, config, context, envelope, id, key};
pub use self::ledger::Ledger;
pub use self::node::Node;
pub use self::trace::Trace;

use self::node::Write;
use quorate_pbft::{
    Committee, Constants, Decided, Digest, Effects, Input, Message, Now, Replica, ReplicaId, SeqNum, Signed, Ticks,
    Time, Unverified,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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
    /// A message takes two milliseconds and a commit one: conversations that people can follow.
    pub const EVEN: Self = Self { delay_ms: 1, drop_percent: 0, twice_percent: 0, commit_ms: 1, execute_ms: 0 };
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
    /// What is recorded, if anything is.
    pub trace: Option<Trace>,
    committee: Committee,
    queue: BTreeMap<(u64, u64), Event>,
    ticket: u64,
    /// The first statement of each honest replica for each position on the wire.
    wire: BTreeMap<(ReplicaId, u8, u64, u64), Signed>,
}

/// Wall clocks begin here.
pub const WALL: u64 = 1_700_000_000_000;

impl Cluster {
    pub fn new(n: usize, seed: u64) -> Self {
        Self::with(n, seed, Constants::default())
    }

    pub fn with(n: usize, seed: u64, constants: Constants) -> Self {
        let node = |me: usize| Node::new(n, me, &constants);
        let mut cluster = Self {
            n,
            now: 1_000,
            nodes: (0..n).map(node).collect(),
            weather: Weather::CALM,
            cut: BTreeSet::new(),
            committee: committee(n),
            constants,
            dice: Dice::new(seed),
            liars: BTreeMap::new(),
            delivered: 0,
            trace: None,
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
                let (r, inside, holds) = (replica.report(), replica.inspect(), replica.holdings());
                let lanes: Vec<String> = inside
                    .lanes
                    .iter()
                    .map(|lane| {
                        let positions =
                            [lane.executed, lane.certified, lane.acknowledged].map(|tip| tip.position.get());
                        format!("{positions:?}/{}", lane.held)
                    })
                    .collect();
                let slots: Vec<String> = inside
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
                    "{index}: view {}{} demands {:?} timeout {} low {} executed {} recall {:?} follows {} broken {:?} waits since {:?} pending {} asks {} lanes (exec, cert, ack) {lanes:?} slots {slots:?}\n",
                    r.view,
                    if inside.changing { "?" } else { "" },
                    inside.view_changes,
                    inside.timeout_ms,
                    r.stable,
                    r.executed.seq,
                    r.recovering,
                    r.following,
                    r.broken,
                    inside.waits_since,
                    holds.pending_bytes,
                    holds.asking,
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
            if let Some(mut trace) = self.trace.take() {
                trace.look(self);
                self.trace = Some(trace);
            }
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
                let context = context(&self.committee, &self.constants);
                let message = Message::clone(&message);
                let certified = self.nodes[to.index()].replica.as_ref().map(Replica::certified).expect("it is up");
                match Unverified::new(from, message).admit(&context, certified) {
                    Ok(admitted) => self.input(to, Input::from(admitted)),
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
                    let executed = node.ledger.execute(&decided, self.committee.digest());
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
                    node.disk_ledger.execute(&decided, self.committee.digest());
                }
            }
        }
        let mut leaving = core::mem::take(&mut node.outbox);
        for (to, wanted) in core::mem::take(&mut node.supplies) {
            leaving.extend(node.disk.supply(&wanted).into_iter().map(|message| (to, Arc::new(message))));
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
            if let Some(trace) = &mut self.trace {
                trace.sent(self.now, from, to, &message);
            }
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
