//! Plays a plan: one queue of events in virtual time, one thread, no other source of order.

mod asking;
mod audience;
mod joiners;
mod judging;
mod network;
mod news;
mod queue;
mod replicas;
mod seat;
mod serving;
mod sessions;
mod trouble;

use crate::clients::{Clients, EnvelopeName, ItemCheck};
use crate::dice::Dice;
use crate::keys::Keys;
use crate::oracles::{self, Oracle};
use crate::plan::Plan;
use crate::presets::{MILLI, SECOND};
use crate::run::{Failure, Stats};
use crate::trace::Trace;
use crate::weather::{Cuts, Micros, Weather};
use audience::Onlooked;
use queue::{Event, Queue};
use quorate_ledger::EnvelopeCheck;
use quorate_pbft::{PayloadCheck, ReaderId, Time};
use seat::Seat;
pub(crate) use serving::forged;
use sessions::Sessions;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Events of one run. No run that makes progress comes near.
const EVENTS_MAX: u64 = 5_000_000;

/// A group, its network, its clients and its judges.
pub struct World<'a> {
    plan: &'a Plan,
    keys: Keys,
    now: Micros,
    queue: Queue,
    seats: Vec<Seat>,
    onlookers: Vec<Onlooked>,
    cuts: Cuts,
    weather: Weather,
    /// When everything healed; none during the storm.
    calm_since: Option<Micros>,
    /// The highest wall clock that an honest replica has shown.
    clock: Time,
    dice: Dice,
    payload: Arc<dyn PayloadCheck>,
    clients: Clients,
    asked: BTreeSet<EnvelopeName>,
    readers: ReaderId,
    sessions: Sessions,
    oracles: Vec<Box<dyn Oracle>>,
    failure: Option<Failure>,
    stats: Stats,
    trace: Trace,
}

impl<'a> World<'a> {
    /// The group before anything happened.
    pub fn new(plan: &'a Plan, trace: Trace) -> Self {
        let (keys, genesis) = if plan.has_ledger() {
            let (keys, genesis) = Keys::with_genesis(plan.n, &plan.constants, plan.rules);
            (keys, Some(genesis))
        } else if plan.lists.is_empty() {
            (Keys::new(plan.n, plan.signatures), None)
        } else {
            (Keys::with_epochs(plan.n, plan.people(), plan.signatures, &plan.constants, plan.rules), None)
        };
        let payload: Arc<dyn PayloadCheck> = match &genesis {
            Some(genesis) => Arc::new(EnvelopeCheck::new(genesis)),
            None => Arc::new(ItemCheck),
        };
        let checked = genesis.is_some().then_some(&payload);
        let seats = plan.replicas().map(|me| Seat::new(me, plan, &keys, genesis.clone(), checked)).collect();
        let onlookers = (0..plan.onlookers.len()).map(|number| Onlooked::new(number, plan, &keys)).collect();
        let clients = genesis.map(|genesis| Clients::enrolled(&keys, genesis)).unwrap_or_default();
        let mut world = Self {
            plan,
            keys,
            now: SECOND,
            queue: Queue::default(),
            seats,
            onlookers,
            cuts: Cuts::default(),
            weather: plan.weather,
            calm_since: None,
            clock: Time::default(),
            dice: Dice::new(plan.seed).fork(10),
            payload,
            clients,
            asked: BTreeSet::new(),
            readers: 0,
            sessions: Sessions::default(),
            oracles: oracles::all(),
            failure: None,
            stats: Stats::default(),
            trace,
        };
        world.schedule_plan();
        world.schedule_onlookers();
        world
    }

    fn schedule_plan(&mut self) {
        let begin = self.now;
        for replica in self.plan.replicas() {
            self.queue.push(begin, Event::Wake(replica));
        }
        for (index, fault) in self.plan.faults.iter().enumerate() {
            self.queue.push(begin + fault.at, Event::Break(index));
            self.queue.push(begin + (fault.at + fault.lasts).min(self.plan.calm_at), Event::Mend(index));
        }
        for (index, request) in self.plan.requests.iter().enumerate() {
            self.queue.push(begin + request.at, Event::Ask(index));
        }
        self.queue.push(begin + self.plan.calm_at, Event::Calm);
    }

    /// Plays to the end: everything done, or something wrong.
    pub fn play(&mut self) {
        while let Some((at, event)) = self.queue.pop() {
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

    /// Failure, counts and trace of the run.
    pub fn into_parts(self) -> (Option<Failure>, Stats, Trace) {
        (self.failure, self.stats, self.trace)
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Deliver { to, parcel } => self.deliver(to, &parcel),
            Event::Wake(replica) => self.wake(replica),
            Event::Asked { of, by, question } => self.answer_follower(of, by, &question),
            Event::Commit { of, generation } => self.commit(of, generation),
            Event::Break(index) => self.break_(index),
            Event::Mend(index) => self.mend(index),
            Event::Ask(index) => self.ask(index),
            Event::Calm => self.become_calm(),
            Event::AskAgain => self.ask_again(),
            Event::Onlook(number, event) => self.onlook(number, event),
            Event::Look => self.queue.push(self.now + asking::LOOK, Event::Look),
        }
    }
}
