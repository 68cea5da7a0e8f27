//! Replica with its disk, and the watch over its statements.

use crate::{Anybody, committee, config};
use quorate_pbft::{
    Constants, Decided, Digest, Effect, Effects, Executed, Input, Item, ItemKind, Journal, Kind, Message, Now,
    PublicKey, Record, Replica, ReplicaId, SeqNum, Signed, Ticks, Time, Unverified, VerifyContext, View, hash_parts,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Wall clock at the start, milliseconds since the Unix epoch.
const START: u64 = 1_700_000_000_000;

/// A replica between the fuzzer and a disk in memory.
pub struct Shell {
    me: u16,
    replica: Replica,
    journal: Journal,
    millis: u64,
    incarnation: u64,
    root: Digest,
    to_execute: VecDeque<Arc<Decided>>,
    said: BTreeMap<(Kind, View, SeqNum), Digest>,
}

impl Shell {
    /// Replica `me` on an empty disk.
    pub fn new(me: u16) -> Self {
        let replica = Replica::new(config(me, 1));
        let (journal, to_execute, said) = (Journal::new(committee().len()), VecDeque::new(), BTreeMap::new());
        let mut shell =
            Self { me, replica, journal, millis: 1_000, incarnation: 1, root: Digest::ZERO, to_execute, said };
        shell.wait(1);
        shell
    }

    /// The others know of no promise of this replica (E7).
    pub fn finish_recall(&mut self) {
        let me = self.me;
        for peer in (0..4).filter(|peer| *peer != me) {
            let answer = Message::Recalled { incarnation: self.incarnation, statements: vec![] };
            self.receive(ReplicaId::new(peer), answer);
        }
    }

    /// Time goes on, with the wake-ups that the replica asks for on the way.
    pub fn wait(&mut self, millis: u64) {
        let until = self.millis + millis;
        for _ in 0..64 {
            let due = self.replica.next_wakeup().map_or(until, Ticks::get).clamp(self.millis, until);
            self.tick(due.max(self.millis + 1));
            if self.millis >= until {
                return;
            }
        }
        self.tick(until.max(self.millis + 1));
    }

    fn tick(&mut self, millis: u64) {
        self.millis = millis;
        self.step(Input::Tick(Now { ticks: Ticks::new(millis), wall: Time::new(START + millis) }));
    }

    /// A message arrives; one that does not verify goes no further.
    pub fn receive(&mut self, from: ReplicaId, message: Message) {
        let (committee, all) = (committee(), Anybody(PublicKey([1; 32])));
        let constants = Constants { checkpoint_period: 4, window: 8, ..Constants::default() };
        let context = VerifyContext { committee: &committee, verify: &all, payload: &all, constants: &constants };
        if let Ok(verified) = Unverified::new(from, message).verify(&context) {
            self.step(Input::Message(verified));
        }
    }

    /// An item for the own lane.
    pub fn submit(&mut self, byte: u8) {
        self.step(Input::Submit(Item { kind: ItemKind::Envelope, bytes: vec![byte & 127; 1 + byte as usize] }));
    }

    /// The oldest slot handed out is executed.
    pub fn execute_next(&mut self) {
        let Some(decided) = self.to_execute.pop_front() else { return };
        self.root = hash_parts("fuzz/root", &[&self.root.0, &decided.lane_hash.0]);
        let (seq, members_after) = (decided.seq, committee().digest());
        let executed =
            Executed { seq, state_root: self.root, members_after, recorded: vec![], deadline: None, next: None };
        self.journal.execute(&decided, &executed);
        self.step(Input::Executed(executed));
    }

    /// The process dies and comes back with what was durable.
    pub fn restart(&mut self, recalled: bool) {
        self.incarnation += 1;
        self.to_execute.clear();
        self.root = self.journal.executed().state_root;
        self.replica = Replica::recover(config(self.me, self.incarnation), self.journal.recovered());
        self.wait(1);
        if recalled {
            self.finish_recall();
        }
    }

    /// Steps through an input, and works off its effects.
    pub fn step(&mut self, input: Input) {
        let mut out = Effects::new();
        self.replica.step(input, &mut out);
        for effect in out.take() {
            self.take(effect);
        }
    }

    fn take(&mut self, effect: Effect) {
        match effect {
            Effect::Persist(record) => {
                if let Record::Statement(signed) = &record {
                    self.hear(signed);
                }
                self.journal.record(&record);
            }
            Effect::Execute(decided) => self.to_execute.push_back(decided),
            Effect::Supply { question, .. } => drop(self.journal.supply(&question.wanted)),
            _ => (),
        }
    }

    /// E1: one digest for each place.
    fn hear(&mut self, signed: &Signed) {
        let said = &signed.statement;
        let before = self.said.insert((said.kind, said.view, said.seq), said.digest);
        assert!(before.is_none_or(|digest| digest == said.digest), "two statements for {said:?}");
    }
}
