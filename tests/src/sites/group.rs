//! The voters: real replicas over the wide area, played before the audience comes; all that they did is written down.

use super::archive::{Archive, Did};
use super::sides::Partition;
use crate::clients::{Clients, ItemCheck};
use crate::dice::Dice;
use crate::keys::Keys;
use crate::machine::Book;
use crate::weather::{Micros, Weather};
use quorate_pbft::{
    Constants, Effect, Effects, Input, Journal, Message, Now, Record, Replica, ReplicaConfig, ReplicaId, Ticks, Time,
    Unverified, VerifyContext,
};
use std::collections::BTreeMap;
use std::sync::Arc;

const MILLI: Micros = 1_000;
/// Time of a commit to disk: what came meanwhile is taken in together.
const COMMIT: Micros = 2 * MILLI;
/// The wall clock at the beginning.
const WALL: u64 = 1_700_000_000_000;
/// Bytes of a change's text.
const TEXT_BYTES: u32 = 400;
/// Authors, in turns.
const AUTHORS: u64 = 64;

enum Event {
    Arrives(ReplicaId, ReplicaId, Arc<Message>),
    Round(ReplicaId),
    Change,
}

struct Seat {
    replica: Replica,
    book: Book,
    journal: Journal,
    inbox: Vec<Input>,
    /// When its next round is, if one is on its way.
    round_at: Option<Micros>,
}

/// The group while it is played.
pub(super) struct Group<'a> {
    keys: &'a Keys,
    constants: Constants,
    weather: Weather,
    partition: Option<&'a Partition>,
    now: Micros,
    queue: BTreeMap<(Micros, u64), Event>,
    queued: u64,
    seats: Vec<Seat>,
    dice: Dice,
    clients: Clients,
    changes: u64,
    change_every: Micros,
    archive: Archive,
}

impl<'a> Group<'a> {
    /// A group that has not begun; authors hand in a change each `change_every`.
    pub(super) fn new(
        keys: &'a Keys,
        weather: Weather,
        partition: Option<&'a Partition>,
        change_every: Micros,
        seed: u64,
    ) -> Self {
        let constants = Constants::STANDARD;
        let seats: Vec<Seat> = keys.committee.replicas().map(|me| Seat::new(me, keys, &constants)).collect();
        let archive = Archive::new(seats.len());
        let mut group = Self {
            keys,
            constants,
            weather,
            partition,
            now: 0,
            queue: BTreeMap::new(),
            queued: 0,
            seats,
            dice: Dice::new(seed).fork(1),
            clients: Clients::default(),
            changes: 0,
            change_every,
            archive,
        };
        keys.committee.replicas().for_each(|me| group.wake(me, COMMIT));
        group.push(change_every, Event::Change);
        group
    }

    /// Plays until then, and hands out all that was written down.
    pub(super) fn play(mut self, end: Micros) -> Archive {
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= end) {
            let ((at, _), event) = entry.remove_entry();
            self.now = at;
            match event {
                Event::Arrives(from, to, message) => self.arrive(from, to, &message),
                Event::Round(me) => {
                    if self.seats[me.index()].round_at == Some(at) {
                        self.round(me);
                    }
                }
                Event::Change => self.change(),
            }
        }
        self.archive
    }

    fn push(&mut self, at: Micros, event: Event) {
        self.queued += 1;
        self.queue.insert((at, self.queued), event);
    }

    fn change(&mut self) {
        let author = (self.changes % AUTHORS) as u16;
        let to = ReplicaId::new((self.changes % self.seats.len() as u64) as u16);
        self.changes += 1;
        let (_, item) = self.clients.write(author, TEXT_BYTES);
        self.input(to, Input::Submit(item));
        self.push(self.now + self.change_every, Event::Change);
    }

    fn arrive(&mut self, from: ReplicaId, to: ReplicaId, message: &Message) {
        let context = VerifyContext {
            committee: &self.keys.committee,
            verify: &*self.keys.verify,
            payload: &ItemCheck,
            constants: &self.constants,
        };
        let certified = self.seats[to.index()].replica.certified();
        let admitted = Unverified::new(from, message.clone()).admit(&context, certified);
        self.input(to, Input::from(admitted.expect("an honest replica's message is valid")));
    }

    fn input(&mut self, to: ReplicaId, input: Input) {
        self.seats[to.index()].inbox.push(input);
        self.wake(to, COMMIT);
    }

    /// Begins a round that late at the latest.
    fn wake(&mut self, me: ReplicaId, within: Micros) {
        let at = self.now + within;
        let seat = &mut self.seats[me.index()];
        if seat.round_at.is_none_or(|earlier| at < earlier) {
            seat.round_at = Some(at);
            self.push(at, Event::Round(me));
        }
    }

    fn round(&mut self, me: ReplicaId) {
        let ticks = self.now / MILLI;
        let now = Now { ticks: Ticks::new(ticks), wall: Time::new(WALL + ticks) };
        let seat = &mut self.seats[me.index()];
        seat.round_at = None;
        let mut effects = Effects::new();
        let inputs = std::mem::take(&mut seat.inbox);
        [Input::Tick(now)].into_iter().chain(inputs).for_each(|input| seat.replica.take_in(input, &mut effects));
        loop {
            self.seats[me.index()].replica.advance(&mut effects);
            let effects_now = effects.take();
            let executed: Vec<Input> = effects_now.into_iter().filter_map(|effect| self.work_off(me, effect)).collect();
            if executed.is_empty() {
                break;
            }
            let replica = &mut self.seats[me.index()].replica;
            executed.into_iter().for_each(|outcome| replica.take_in(outcome, &mut effects));
        }
        if let Some(due) = self.seats[me.index()].replica.next_wakeup() {
            self.wake(me, (due.get() * MILLI).saturating_sub(self.now).max(MILLI));
        }
    }

    fn work_off(&mut self, me: ReplicaId, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Persist(record) => {
                self.note(me, &record);
                self.seats[me.index()].journal.record(&record);
            }
            Effect::Send { to, message } => self.send(me, to, &message),
            Effect::Broadcast(message) => {
                let others: Vec<ReplicaId> = self.keys.committee.replicas().filter(|to| *to != me).collect();
                others.into_iter().for_each(|to| self.send(me, to, &message));
            }
            Effect::Execute(decided) => {
                let context = VerifyContext {
                    committee: &self.keys.committee,
                    verify: &*self.keys.verify,
                    payload: &ItemCheck,
                    constants: &self.constants,
                };
                let seat = &mut self.seats[me.index()];
                let executed = seat.book.execute(&decided, &context);
                seat.journal.execute(&decided, &executed);
                self.archive.note(me, self.now, Did::Executed(decided.seq));
                return Some(Input::Executed(executed));
            }
            Effect::Supply { to, question } => {
                let answer = self.seats[me.index()].journal.supply(&question.wanted);
                answer.into_iter().for_each(|message| self.send(me, to, &Arc::new(message)));
            }
            Effect::Broken(broken) => panic!("a healthy group breaks: {broken}"),
            Effect::Accuse(evidence) => panic!("a healthy group accuses: {:?}", evidence.key()),
            Effect::ReadReady { .. } | Effect::EpochOver { .. } | Effect::Refused(_) => (),
        }
        None
    }

    fn note(&mut self, me: ReplicaId, record: &Record) {
        match record {
            Record::Committed { certificate, content } => {
                self.archive.keep_decision(certificate, content);
                self.archive.note(me, self.now, Did::Decided(certificate.seq()));
            }
            Record::Bundle(bundle) => self.archive.keep_bundle(bundle),
            Record::Stable(certificate) => {
                self.archive.keep_checkpoint(certificate);
                self.archive.note(me, self.now, Did::Stable(certificate.seq()));
            }
            _ => (),
        }
    }

    fn send(&mut self, from: ReplicaId, to: ReplicaId, message: &Arc<Message>) {
        let cut = |partition: &&Partition| partition.parts(self.now, from.index(), to.index());
        if self.partition.is_some_and(|partition| cut(&partition)) {
            return;
        }
        for delay in self.weather.arrivals(from, to, &mut self.dice) {
            self.push(self.now + delay, Event::Arrives(from, to, message.clone()));
        }
    }
}

impl Seat {
    fn new(me: ReplicaId, keys: &Keys, constants: &Constants) -> Self {
        let replica = Replica::new(ReplicaConfig {
            me,
            committee: keys.committee.clone(),
            constants: constants.clone(),
            signer: keys.signers[me.index()].clone(),
            verify: keys.verify.clone(),
            incarnation: 1,
            die: 1,
            program: quorate_pbft::Program::default(),
        });
        let journal = Journal::new(keys.committee.len());
        Self { replica, book: Book::default(), journal, inbox: Vec::new(), round_at: None }
    }
}
