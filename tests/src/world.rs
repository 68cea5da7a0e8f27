//! Plays a plan: one queue of events in virtual time, one thread, no other source of order.

use crate::attackers::Attacker;
use crate::clients::{Clients, EnvelopeName, ItemCheck};
use crate::dice::Dice;
use crate::keys::{AUTHORS, Keys};
use crate::machine::{CoreMachine, EngineMachine, Machine, News, Outgoing};
use crate::oracles::{self, Oracle};
use crate::plan::{FaultKind, Plan, RequestKind};
use crate::presets::{MILLI, SECOND};
use crate::run::{Failure, Stats};
use crate::scene::{Fact, Scene, Standing, Survey};
use crate::trace::{Trace, words};
use crate::weather::{Cuts, Micros, Weather};
use quorate_ledger::{EnvelopeCheck, Genesis};
use quorate_pbft::{
    Digest, Input, Invalid, Item, Message, Now, PayloadCheck, ReaderId, ReplicaConfig, ReplicaId, Ticks, Time,
    Unverified, Verified, VerifyContext,
};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::rc::Rc;
use std::sync::Arc;

/// Wall clocks begin here: milliseconds since 1970.
const WALL: u64 = 1_700_000_000_000;

/// How long after the calm everything must be done: two caps of the view timer and a second.
const PATIENCE: Micros = 61 * SECOND;

/// How often somebody looks whether everything is done.
const LOOK: Micros = 20 * MILLI;

/// How long clients wait before they ask again, once it is calm.
const ASK_AGAIN: Micros = 2 * SECOND;

/// Events of one run. No run that makes progress comes near.
const EVENTS_MAX: u64 = 5_000_000;

/// The author who asks each replica for one more change once it is calm.
const PROBE: u16 = AUTHORS - 1;

enum Event {
    Deliver { to: ReplicaId, parcel: Rc<Parcel> },
    Wake(ReplicaId),
    Commit { of: ReplicaId, generation: u64 },
    Break(usize),
    Mend(usize),
    Ask(usize),
    Calm,
    AskAgain,
    Look,
}

/// A message on its way, verified once for all who get it.
struct Parcel {
    from: ReplicaId,
    message: Arc<Message>,
    verified: Result<Verified<Message>, Invalid>,
}

/// One place in the group.
struct Seat {
    machine: Box<dyn Machine>,
    attacker: Option<Box<dyn Attacker>>,
    /// Counts starts; also tells events of a killed process from those of its successor.
    generation: u64,
    commit_at: Option<Micros>,
    wake_at: Option<Micros>,
    down: u32,
    clock: i64,
}

/// A group, its network, its clients and its judges.
pub struct World<'a> {
    plan: &'a Plan,
    keys: Keys,
    now: Micros,
    queue: BinaryHeap<Reverse<Scheduled>>,
    scheduled: u64,
    seats: Vec<Seat>,
    cuts: Cuts,
    weather: Weather,
    calm: bool,
    dice: Dice,
    payload: Box<dyn PayloadCheck>,
    clients: Clients,
    asked: BTreeSet<EnvelopeName>,
    readers: ReaderId,
    oracles: Vec<Box<dyn Oracle>>,
    failure: Option<Failure>,
    stats: Stats,
    trace: Trace,
}

struct Scheduled(Micros, u64, Event);

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.1 == other.1
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

impl<'a> World<'a> {
    /// The group before anything happened.
    pub fn new(plan: &'a Plan, trace: Trace) -> Self {
        let (keys, genesis) = if plan.has_ledger() {
            let (keys, genesis) = Keys::with_genesis(plan.n, &plan.constants);
            (keys, Some(genesis))
        } else {
            (Keys::new(plan.n, plan.signatures), None)
        };
        let seats = plan.replicas().map(|me| Seat::new(me, plan, &keys, genesis.clone())).collect();
        let clients = genesis.clone().map(|genesis| Clients::enrolled(&keys, genesis)).unwrap_or_default();
        let payload: Box<dyn PayloadCheck> = match genesis {
            Some(genesis) => Box::new(EnvelopeCheck::new(&genesis)),
            None => Box::new(ItemCheck),
        };
        let mut world = Self {
            plan,
            keys,
            now: SECOND,
            queue: BinaryHeap::new(),
            scheduled: 0,
            seats,
            cuts: Cuts::default(),
            weather: plan.weather,
            calm: false,
            dice: Dice::new(plan.seed).fork(10),
            payload,
            clients,
            asked: BTreeSet::new(),
            readers: 0,
            oracles: oracles::all(),
            failure: None,
            stats: Stats::default(),
            trace,
        };
        world.schedule_plan();
        world
    }

    fn schedule_plan(&mut self) {
        let begin = self.now;
        for replica in self.plan.replicas() {
            self.schedule(begin, Event::Wake(replica));
        }
        for (index, fault) in self.plan.faults.iter().enumerate() {
            self.schedule(begin + fault.at, Event::Break(index));
            self.schedule(begin + (fault.at + fault.lasts).min(self.plan.calm_at), Event::Mend(index));
        }
        for (index, request) in self.plan.requests.iter().enumerate() {
            self.schedule(begin + request.at, Event::Ask(index));
        }
        self.schedule(begin + self.plan.calm_at, Event::Calm);
    }

    /// Plays to the end: everything done, or something wrong.
    pub fn play(&mut self) {
        while let Some(Reverse(Scheduled(at, _, event))) = self.queue.pop() {
            self.now = at;
            self.stats.events += 1;
            if self.stats.events > EVENTS_MAX {
                self.fail("events", format!("more than {EVENTS_MAX} events"));
            }
            if matches!(event, Event::Look) && self.failure.is_none() && self.is_done() {
                break;
            }
            self.happen(event);
            if self.failure.is_some() {
                break;
            }
        }
        self.stats.virtual_millis = self.now / MILLI;
        self.count_at_the_end();
    }

    /// What went wrong, what was counted, and the lines of the run.
    pub fn into_parts(self) -> (Option<Failure>, Stats, Trace) {
        (self.failure, self.stats, self.trace)
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Deliver { to, parcel } => self.deliver(to, &parcel),
            Event::Wake(replica) => self.wake(replica),
            Event::Commit { of, generation } => self.commit(of, generation),
            Event::Break(index) => self.break_(index),
            Event::Mend(index) => self.mend(index),
            Event::Ask(index) => self.ask(index),
            Event::Calm => self.become_calm(),
            Event::AskAgain => self.ask_again(),
            Event::Look => self.schedule(self.now + LOOK, Event::Look),
        }
    }

    // ---- messages

    fn deliver(&mut self, to: ReplicaId, parcel: &Parcel) {
        let seat = &self.seats[to.index()];
        let Some(replica) = seat.machine.replica() else { return };
        let heard = match &parcel.verified {
            Ok(heard) => heard,
            Err(invalid) => {
                if self.plan.is_honest(parcel.from) {
                    let said = words(&parcel.message);
                    self.fail("valid", format!("the honest {} sent something invalid, {invalid}: {said}", parcel.from));
                }
                return;
            }
        };
        let (view, stable) = (replica.view(), replica.stable().map(|cert| cert.seq()).unwrap_or_default());
        let attacker = &mut self.seats[to.index()].attacker;
        if attacker.as_mut().is_some_and(|attacker| !attacker.may_hear(&parcel.message)) {
            return;
        }
        self.trace.line(self.now, || format!("{to} <- {}: {}", parcel.from, words(&parcel.message)));
        self.stats.messages += 1;
        if self.plan.is_honest(to) {
            self.judge(&Fact::Heard { by: to, message: &parcel.message, view, stable });
        }
        self.input(to, Some(Input::Message(heard.clone())));
    }

    fn transmit(&mut self, from: ReplicaId, leaving: Vec<Outgoing>) {
        for outgoing in leaving {
            match outgoing {
                Outgoing::To(to, message) => self.transmit_to(from, &[to], &message),
                Outgoing::All(message) => {
                    let others: Vec<ReplicaId> = self.plan.replicas().filter(|to| *to != from).collect();
                    self.transmit_to(from, &others, &message);
                }
            }
        }
    }

    fn transmit_to(&mut self, from: ReplicaId, to: &[ReplicaId], message: &Arc<Message>) {
        if self.plan.is_honest(from) {
            self.judge(&Fact::Sent { from, message });
            let parcel = Rc::new(self.parcel(from, message.clone()));
            to.iter().for_each(|to| self.post(*to, &parcel, 0));
            return;
        }
        for to in to {
            let Some(attacker) = &mut self.seats[from.index()].attacker else { continue };
            let delay = attacker.delay(message);
            for message in attacker.outgoing(*to, message) {
                let parcel = Rc::new(self.parcel(from, message));
                self.post(*to, &parcel, delay);
            }
        }
    }

    fn parcel(&self, from: ReplicaId, message: Arc<Message>) -> Parcel {
        let context = VerifyContext {
            committee: &self.keys.committee,
            verify: &*self.keys.verify,
            payload: &*self.payload,
            constants: &self.plan.constants,
        };
        let verified = Unverified::new(from, Message::clone(&message)).verify(&context);
        Parcel { from, message, verified }
    }

    fn post(&mut self, to: ReplicaId, parcel: &Rc<Parcel>, held_back: Micros) {
        if self.cuts.is_cut(parcel.from, to) {
            return;
        }
        for delay in self.weather.arrivals(parcel.from, to, &mut self.dice) {
            self.schedule(self.now + held_back + delay, Event::Deliver { to, parcel: parcel.clone() });
        }
    }

    // ---- replicas

    fn wake(&mut self, replica: ReplicaId) {
        let seat = &mut self.seats[replica.index()];
        if seat.wake_at.is_some_and(|at| at <= self.now) {
            seat.wake_at = None;
        }
        if seat.machine.replica().is_some() {
            self.input(replica, None);
        }
    }

    fn input(&mut self, to: ReplicaId, input: Option<Input>) {
        let now = self.clock_of(to);
        let mut news = Vec::new();
        self.seats[to.index()].machine.input(now, input, &mut news);
        self.tell(to, news);
        self.schedule_machine(to);
    }

    fn schedule_machine(&mut self, of: ReplicaId) {
        let commit_in = 1 + self.dice.below(self.weather.commit_max);
        let seat = &mut self.seats[of.index()];
        let generation = seat.generation;
        let commit = (seat.commit_at.is_none() && seat.machine.is_busy()).then_some(self.now + commit_in);
        seat.commit_at = seat.commit_at.or(commit);
        let wake = seat.machine.next_wakeup().map(|at| (at.get() * MILLI).max(self.now + MILLI));
        let wake = wake.filter(|at| seat.wake_at.is_none_or(|earlier| *at < earlier));
        seat.wake_at = wake.or(seat.wake_at);
        if let Some(at) = commit {
            self.schedule(at, Event::Commit { of, generation });
        }
        if let Some(at) = wake {
            self.schedule(at, Event::Wake(of));
        }
    }

    fn commit(&mut self, of: ReplicaId, generation: u64) {
        let now = self.clock_of(of);
        let seat = &mut self.seats[of.index()];
        if seat.generation != generation || seat.machine.replica().is_none() {
            return;
        }
        seat.commit_at = None;
        let mut news = Vec::new();
        let leaving = seat.machine.commit(now, &mut news);
        self.transmit(of, leaving);
        self.tell(of, news);
        self.schedule_machine(of);
    }

    fn tell(&mut self, by: ReplicaId, news: Vec<News>) {
        for news in news {
            self.count(by, &news);
            self.trace_news(by, &news);
            if !self.plan.is_honest(by) {
                continue;
            }
            match &news {
                News::Executed(decided, executed) => self.judge(&Fact::Executed { by, decided, executed }),
                News::Reached { point, slots, recorded } => {
                    self.judge(&Fact::Reached { by, point, slots: *slots, recorded });
                }
                News::Verdict(name, receipt) => self.judge(&Fact::Verdict { by, name: *name, receipt: *receipt }),
                News::Accused(evidence) => self.judge(&Fact::Accused { by, evidence }),
                News::Broke(why) => self.judge(&Fact::Broke { replica: by, why }),
                News::ReadAnswered(reader, seq) => self.judge(&Fact::ReadAnswered { by, reader: *reader, seq: *seq }),
                News::Refused(_) | News::Decided { .. } => (),
            }
        }
    }

    fn trace_news(&mut self, by: ReplicaId, news: &News) {
        self.trace.line(self.now, || match news {
            News::Executed(decided, executed) => {
                format!(
                    "{by} executes {} with {} bundles, root {}",
                    decided.seq,
                    decided.bundles.len(),
                    executed.state_root
                )
            }
            News::Reached { point, slots, .. } => {
                format!("{by} executes {slots} slots to {}, root {}", point.seq, point.state_root)
            }
            News::Verdict((author, number), receipt) => {
                format!("{by} has a receipt for {number} of author {author}: {receipt}")
            }
            News::Accused(evidence) => format!("{by} accuses {:?} at {:?}", evidence.key(), evidence.place()),
            News::Broke(why) => format!("{by} takes no part any more: {why}"),
            News::Refused(why) => format!("{by} refuses: {why}"),
            News::ReadAnswered(reader, seq) => format!("{by} answers read {reader} from {seq}"),
            News::Decided { fast } => format!("{by} knows a decision, {}", if *fast { "fast" } else { "slow" }),
        });
    }

    fn kill(&mut self, replica: ReplicaId) {
        let seat = &mut self.seats[replica.index()];
        seat.down += 1;
        if seat.machine.replica().is_none() {
            return;
        }
        seat.commit_at = None;
        seat.wake_at = None;
        seat.generation += 1;
        let mut news = Vec::new();
        let leaving = seat.machine.kill(&mut self.dice, &mut news);
        self.transmit(replica, leaving);
        self.tell(replica, news);
        self.trace.line(self.now, || format!("{replica} is killed"));
        if self.plan.is_honest(replica) {
            self.judge(&Fact::Killed { replica });
        }
    }

    fn revive(&mut self, replica: ReplicaId) {
        let seat = &mut self.seats[replica.index()];
        seat.down -= 1;
        if seat.down > 0 {
            return;
        }
        let incarnation = replica.get() as u64 + 1 + seat.generation * 1_000;
        let executed = seat.machine.start(incarnation);
        self.stats.restarts += 1;
        self.trace.line(self.now, || format!("{replica} starts from slot {executed}"));
        if self.plan.is_honest(replica) {
            let receipts = self.seats[replica.index()].machine.receipts();
            self.judge(&Fact::Started { replica, executed, receipts: &receipts });
        }
        self.schedule(self.now, Event::Wake(replica));
    }

    // ---- trouble

    fn break_(&mut self, index: usize) {
        let fault = &self.plan.faults[index];
        self.trace.line(self.now, || format!("breaks: {:?}", fault.kind));
        match &fault.kind {
            FaultKind::Crash(replica) => self.kill(*replica),
            FaultKind::Blackout => self.plan.honest().for_each(|replica| self.kill(replica)),
            FaultKind::Partition(side) => self.between(side, Cuts::cut),
            FaultKind::OneWay { from, to } => self.cuts.cut(*from, *to),
            FaultKind::Clock(replica, millis) => self.seats[replica.index()].clock += millis,
        }
    }

    fn mend(&mut self, index: usize) {
        let fault = &self.plan.faults[index];
        self.trace.line(self.now, || format!("mended: {:?}", fault.kind));
        match &fault.kind {
            FaultKind::Crash(replica) => self.revive(*replica),
            FaultKind::Blackout => self.plan.honest().for_each(|replica| self.revive(replica)),
            FaultKind::Partition(side) => self.between(side, Cuts::mend),
            FaultKind::OneWay { from, to } => self.cuts.mend(*from, *to),
            FaultKind::Clock(replica, millis) => self.seats[replica.index()].clock -= millis,
        }
    }

    fn between(&mut self, side: &[ReplicaId], change: fn(&mut Cuts, ReplicaId, ReplicaId)) {
        for a in self.plan.replicas().filter(|a| side.contains(a)) {
            for b in self.plan.replicas().filter(|b| !side.contains(b)) {
                change(&mut self.cuts, a, b);
                change(&mut self.cuts, b, a);
            }
        }
    }

    // ---- clients

    fn ask(&mut self, index: usize) {
        match &self.plan.requests[index].kind {
            RequestKind::Write { author, to, bytes } => {
                let (name, item) = self.clients.write(*author, *bytes);
                self.asked.insert(name);
                self.trace.line(self.now, || format!("author {} writes {} to {to:?}", name.0, name.1));
                to.iter().for_each(|to| self.submit(*to, &item));
            }
            RequestKind::Read(of) => self.read(*of),
        }
    }

    fn submit(&mut self, to: ReplicaId, item: &Item) {
        if self.seats[to.index()].machine.replica().is_some() {
            self.input(to, Some(Input::Submit(item.clone())));
        }
    }

    fn read(&mut self, of: ReplicaId) {
        if self.seats[of.index()].machine.replica().is_none() {
            return;
        }
        self.readers += 1;
        let reader = self.readers;
        self.trace.line(self.now, || format!("read {reader} at {of}"));
        if self.plan.is_honest(of) {
            self.judge(&Fact::ReadAsked { of, reader });
        }
        let nonce = Digest([reader as u8; 32]);
        self.input(of, Some(Input::Read { reader, nonce }));
    }

    fn become_calm(&mut self) {
        self.trace.line(self.now, || "calm".to_owned());
        self.calm = true;
        self.weather = Weather { regions: self.weather.regions, ..Weather::CALM };
        for replica in self.plan.honest().collect::<Vec<_>>() {
            let (name, item) = self.clients.write(PROBE, 8);
            self.asked.insert(name);
            self.submit(replica, &item);
        }
        self.schedule(self.now, Event::AskAgain);
        self.schedule(self.now + LOOK, Event::Look);
    }

    fn ask_again(&mut self) {
        for replica in self.plan.honest().collect::<Vec<_>>() {
            let executed = self.seats[replica.index()].machine.envelopes();
            let missing: Vec<Item> = self.clients.missing(executed).cloned().collect();
            missing.iter().for_each(|item| self.submit(replica, item));
        }
        self.schedule(self.now + ASK_AGAIN, Event::AskAgain);
    }

    // ---- judging

    fn judge(&mut self, fact: &Fact<'_>) {
        let scene = Scene { plan: self.plan, keys: &self.keys };
        for oracle in &mut self.oracles {
            if let Err(what) = oracle.watch(fact, &scene)
                && self.failure.is_none()
            {
                self.failure = Some(Failure { oracle: oracle.name().to_owned(), what });
            }
        }
    }

    fn is_done(&mut self) -> bool {
        let late = self.now > SECOND + self.plan.calm_at + PATIENCE;
        let scene = Scene { plan: self.plan, keys: &self.keys };
        let survey = self.survey();
        let waiting = self.oracles.iter().find_map(|oracle| Some((oracle.name(), oracle.waits_for(&survey, &scene)?)));
        match waiting {
            None => {
                self.look_back();
                true
            }
            Some((oracle, what)) if late => {
                self.fail(oracle, what);
                true
            }
            Some(_) => false,
        }
    }

    fn look_back(&mut self) {
        let mut oracles = std::mem::take(&mut self.oracles);
        let scene = Scene { plan: self.plan, keys: &self.keys };
        let survey = self.survey();
        let wrong = oracles.iter_mut().find_map(|oracle| {
            let what = oracle.look_back(&survey, &scene).err()?;
            Some(Failure { oracle: oracle.name().to_owned(), what })
        });
        drop(survey);
        self.oracles = oracles;
        self.failure = self.failure.take().or(wrong);
    }

    fn survey(&self) -> Survey<'_> {
        let standing = |replica: ReplicaId| {
            let machine = &*self.seats[replica.index()].machine;
            let core = machine.replica()?;
            Some(Standing {
                replica,
                executed: core.executed_point().seq,
                stable: core.stable().map(|cert| cert.seq()).unwrap_or_default(),
                envelopes: machine.envelopes(),
                recorded: machine.recorded(),
                machine,
            })
        };
        Survey { standings: self.plan.honest().filter_map(standing).collect(), asked: &self.asked }
    }

    fn fail(&mut self, oracle: &str, what: String) {
        self.failure.get_or_insert(Failure { oracle: oracle.to_owned(), what });
    }

    fn count(&mut self, by: ReplicaId, news: &News) {
        match news {
            News::Decided { fast: true } => self.stats.fast_commits += 1,
            News::Decided { fast: false } => self.stats.slow_commits += 1,
            News::Executed(..) if self.plan.is_honest(by) => self.stats.executed += 1,
            News::Reached { slots, .. } if self.plan.is_honest(by) => self.stats.executed += slots,
            _ => (),
        }
    }

    fn count_at_the_end(&mut self) {
        let survey = self.survey();
        let keys: BTreeSet<_> =
            survey.standings.iter().flat_map(|standing| standing.recorded.iter().copied()).collect();
        let mut evidence = BTreeMap::new();
        keys.iter().for_each(|key| *evidence.entry(key.kind).or_default() += 1);
        self.stats.evidence = evidence;
        let cores = self.plan.honest().filter_map(|replica| self.seats[replica.index()].machine.replica());
        self.stats.view_changes = cores.map(|core| core.view().get()).max().unwrap_or(0);
    }

    // ---- time

    fn schedule(&mut self, at: Micros, event: Event) {
        self.scheduled += 1;
        self.queue.push(Reverse(Scheduled(at, self.scheduled, event)));
    }

    fn clock_of(&self, replica: ReplicaId) -> Now {
        let millis = self.now / MILLI;
        let off = self.plan.clocks[replica.index()] + self.seats[replica.index()].clock;
        Now { ticks: Ticks::new(millis), wall: Time::new((WALL + millis).saturating_add_signed(off)) }
    }
}

impl Seat {
    fn new(me: ReplicaId, plan: &Plan, keys: &Keys, genesis: Option<Arc<Genesis>>) -> Self {
        let config = ReplicaConfig {
            me,
            committee: keys.committee.clone(),
            constants: plan.constants.clone(),
            signer: keys.signers[me.index()].clone(),
            verify: keys.verify.clone(),
            incarnation: me.get() as u64 + 1,
        };
        let attack = plan.attackers.iter().find(|(liar, _)| *liar == me).map(|(_, attack)| *attack);
        Self {
            machine: match genesis {
                Some(genesis) => Box::new(EngineMachine::new(me, keys, genesis)),
                None => Box::new(CoreMachine::new(config)),
            },
            attacker: attack.map(|attack| attack.attacker(me, keys, &plan.constants)),
            generation: 0,
            commit_at: None,
            wake_at: None,
            down: 0,
            clock: 0,
        }
    }
}
