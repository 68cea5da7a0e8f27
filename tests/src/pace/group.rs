//! Four healthy replicas as the engine runs them: a round takes in all that came, its commit ends before anything leaves.

use super::counting::{Counted, Counting, Own};
use crate::clients::{Clients, EnvelopeName, ItemCheck};
use crate::dice::Dice;
use crate::keys::{Keys, Signatures};
use crate::machine::Book;
use crate::weather::Micros;
use quorate_pbft::{
    Constants, Effect, Effects, Input, Message, Now, Replica, ReplicaConfig, ReplicaId, Ticks, Time, Unverified,
    VerifyContext,
};
use std::collections::BTreeMap;
use std::sync::Arc;

const REPLICAS: u16 = 4;
/// Bytes of a change's text.
const TEXT_BYTES: u32 = 64;
/// The wall clock at the beginning.
const WALL: u64 = 1_700_000_000_000;

/// Least and greatest delays, evenly drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Delays {
    pub(super) hop: (Micros, Micros),
    pub(super) commit: (Micros, Micros),
}

/// Work of the whole group.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) changes: u64,
    pub(super) messages: u64,
    pub(super) statuses: u64,
    pub(super) commits: u64,
    /// Of agreement, in the journals.
    pub(super) rows: u64,
    pub(super) bundles: u64,
    pub(super) slots: u64,
}

impl Counts {
    pub(super) fn since(&self, before: &Self) -> Self {
        Self {
            changes: self.changes - before.changes,
            messages: self.messages - before.messages,
            statuses: self.statuses - before.statuses,
            commits: self.commits - before.commits,
            rows: self.rows - before.rows,
            bundles: self.bundles - before.bundles,
            slots: self.slots - before.slots,
        }
    }
}

enum Event {
    Arrives { to: ReplicaId, from: ReplicaId, message: Arc<Message> },
    Round(ReplicaId),
    Committed(ReplicaId),
    Due(ReplicaId),
}

struct Seat {
    replica: Replica,
    book: Book,
    verify: Arc<Counting>,
    inbox: Vec<Input>,
    /// A round or a commit is on its way.
    busy: bool,
    /// When the core wants to be woken.
    due: Option<Micros>,
    leaving: Vec<(Option<ReplicaId>, Arc<Message>)>,
    executed: Vec<EnvelopeName>,
}

/// The group, its network and its authors.
pub(super) struct Group {
    keys: Keys,
    constants: Constants,
    delays: Delays,
    now: Micros,
    queue: BTreeMap<(Micros, u64), Event>,
    queued: u64,
    seats: Vec<Seat>,
    dice: Dice,
    clients: Clients,
    /// Authors who write on when they have their answer.
    closed_loop: bool,
    written: BTreeMap<EnvelopeName, Micros>,
    waits: Vec<Micros>,
    counts: Counts,
}

impl Group {
    pub(super) fn new(delays: Delays) -> Self {
        let (keys, constants) = (Keys::new(usize::from(REPLICAS), Signatures::Keyed), Constants::STANDARD);
        let seats = (0..REPLICAS).map(|me| Seat::new(ReplicaId::new(me), &keys, &constants)).collect();
        let mut group = Self {
            keys,
            constants,
            delays,
            now: 0,
            queue: BTreeMap::new(),
            queued: 0,
            seats,
            dice: Dice::new(1),
            clients: Clients::default(),
            closed_loop: false,
            written: BTreeMap::new(),
            waits: Vec::new(),
            counts: Counts::default(),
        };
        (0..REPLICAS).for_each(|me| group.wake(ReplicaId::new(me)));
        group
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) fn verified(&self) -> Counted {
        self.seats.iter().fold(Counted::default(), |sum, seat| sum.and(&seat.verify.counted()))
    }

    /// Times from a change to its answer.
    pub(super) fn waits(&self) -> &[Micros] {
        &self.waits
    }

    pub(super) fn forget_waits(&mut self) {
        self.waits.clear();
    }

    /// Begins a closed loop of an author's changes.
    pub(super) fn write_on(&mut self, author: u16) {
        self.closed_loop = true;
        self.write(author);
    }

    /// Hands an author's next change to its replica.
    pub(super) fn write(&mut self, author: u16) {
        let (name, item) = self.clients.write(author, TEXT_BYTES);
        self.written.insert(name, self.now);
        self.input(ReplicaId::new(author % REPLICAS), Input::Submit(item));
    }

    pub(super) fn play_until(&mut self, end: Micros) {
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= end) {
            let ((at, _), event) = entry.remove_entry();
            self.now = at;
            match event {
                Event::Arrives { to, from, message } => self.arrive(to, from, &message),
                Event::Round(at) => self.round(at),
                Event::Committed(at) => self.let_out(at),
                Event::Due(at) if self.seats[at.index()].due == Some(self.now) => self.wake(at),
                Event::Due(_) => (),
            }
        }
        self.now = end;
    }

    fn push(&mut self, at: Micros, event: Event) {
        self.queued += 1;
        self.queue.insert((at, self.queued), event);
    }

    fn drawn(&mut self, (least, greatest): (Micros, Micros)) -> Micros {
        self.dice.between(least, greatest)
    }

    fn arrive(&mut self, to: ReplicaId, from: ReplicaId, message: &Message) {
        let context = VerifyContext {
            committee: &self.keys.committee,
            verify: &*self.seats[to.index()].verify,
            payload: &ItemCheck,
            constants: &self.constants,
        };
        let certified = self.seats[to.index()].replica.certified();
        let admitted = Unverified::new(from, message.clone()).admit(&context, certified);
        self.input(to, Input::from(admitted.expect("an honest replica's message is valid")));
    }

    fn input(&mut self, to: ReplicaId, input: Input) {
        self.seats[to.index()].inbox.push(input);
        self.wake(to);
    }

    /// A round begins when all that comes at this moment is there, unless one is on its way.
    fn wake(&mut self, at: ReplicaId) {
        if !std::mem::replace(&mut self.seats[at.index()].busy, true) {
            self.push(self.now, Event::Round(at));
        }
    }

    fn round(&mut self, at: ReplicaId) {
        let ticks = self.now / super::MILLI;
        let now = Now { ticks: Ticks::new(ticks), wall: Time::new(WALL + ticks) };
        let context = VerifyContext {
            committee: &self.keys.committee,
            verify: &*self.keys.verify,
            payload: &ItemCheck,
            constants: &self.constants,
        };
        let seat = &mut self.seats[at.index()];
        let inputs = std::mem::take(&mut seat.inbox);
        let news = seat.work(now, inputs, &context);
        self.counts.bundles += news.bundles;
        self.counts.rows += news.rows;
        self.counts.slots += if at.index() == 0 { news.slots } else { 0 };
        if news.wrote {
            self.counts.commits += 1;
            let commit = self.drawn(self.delays.commit);
            self.push(self.now + commit, Event::Committed(at));
        } else {
            self.let_out(at);
        }
    }

    fn let_out(&mut self, from: ReplicaId) {
        let seat = &mut self.seats[from.index()];
        seat.busy = false;
        let (leaving, executed) = (std::mem::take(&mut seat.leaving), std::mem::take(&mut seat.executed));
        let due = seat.replica.next_wakeup().map(|due| due.get() * super::MILLI);
        let waiting = !seat.inbox.is_empty();
        for (to, message) in leaving {
            let others = (0..REPLICAS).map(ReplicaId::new).filter(|other| *other != from);
            others.filter(|other| to.is_none_or(|to| to == *other)).for_each(|to| self.send(from, to, &message));
        }
        executed.into_iter().for_each(|name| self.answer(from, name));
        if waiting {
            self.wake(from);
        } else if let Some(due) = due {
            let due = due.max(self.now + super::MILLI);
            self.seats[from.index()].due = Some(due);
            self.push(due, Event::Due(from));
        }
    }

    fn send(&mut self, from: ReplicaId, to: ReplicaId, message: &Arc<Message>) {
        match **message {
            Message::Status { .. } => self.counts.statuses += 1,
            _ => self.counts.messages += 1,
        }
        let hop = self.drawn(self.delays.hop);
        self.push(self.now + hop, Event::Arrives { to, from, message: message.clone() });
    }

    fn answer(&mut self, by: ReplicaId, name: EnvelopeName) {
        if name.0 % REPLICAS != by.get() {
            return;
        }
        let Some(at) = self.written.remove(&name) else { return };
        self.waits.push(self.now - at);
        self.counts.changes += 1;
        if self.closed_loop {
            self.write(name.0);
        }
    }
}

/// Outcome of a round.
#[derive(Default)]
struct News {
    wrote: bool,
    rows: u64,
    bundles: u64,
    slots: u64,
}

impl Seat {
    fn new(me: ReplicaId, keys: &Keys, constants: &Constants) -> Self {
        let verify = Arc::new(Counting::new(keys.verify.clone()));
        let replica = Replica::new(ReplicaConfig {
            me,
            committee: keys.committee.clone(),
            constants: constants.clone(),
            signer: Arc::new(Own { signer: keys.signers[me.index()].clone(), known: verify.clone() }),
            verify: verify.clone(),
            incarnation: 1,
            die: 1,
            program: quorate_pbft::Program::default(),
        });
        let (inbox, leaving, executed) = Default::default();
        Self { replica, book: Book::default(), verify, inbox, busy: false, due: None, leaving, executed }
    }

    fn work(&mut self, now: Now, inputs: Vec<Input>, context: &VerifyContext<'_>) -> News {
        let (mut news, mut effects) = (News::default(), Effects::new());
        let inputs = [Input::Tick(now)].into_iter().chain(inputs);
        inputs.for_each(|input| self.replica.take_in(input, &mut effects));
        loop {
            self.replica.advance(&mut effects);
            let executed: Vec<Input> =
                effects.take().into_iter().filter_map(|effect| self.work_off(effect, &mut news, context)).collect();
            if executed.is_empty() {
                return news;
            }
            executed.into_iter().for_each(|outcome| self.replica.take_in(outcome, &mut effects));
        }
    }

    /// Input that follows in the same round, if the effect was to execute.
    fn work_off(&mut self, effect: Effect, news: &mut News, context: &VerifyContext<'_>) -> Option<Input> {
        match effect {
            Effect::Persist(_) => (news.wrote, news.rows) = (true, news.rows + 1),
            Effect::Send { to, message } => self.leaving.push((Some(to), message)),
            Effect::Broadcast(message) => {
                news.bundles += u64::from(matches!(*message, Message::Bundle(_)));
                self.leaving.push((None, message));
            }
            Effect::Execute(decided) => {
                (news.slots, news.wrote) = (news.slots + 1, true);
                let executed = self.book.execute(&decided, context);
                self.executed.extend(self.book.newest());
                return Some(Input::Executed(executed));
            }
            Effect::Broken(broken) => panic!("a healthy group breaks: {broken}"),
            Effect::Accuse(evidence) => panic!("a healthy group accuses: {:?}", evidence.key()),
            Effect::Supply { .. } | Effect::ReadReady { .. } | Effect::EpochOver { .. } | Effect::Refused(_) => (),
        }
        None
    }
}
