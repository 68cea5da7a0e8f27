//! Followers beside the group: members serve them from their disks, some with lies. They have dice and events of their own,
//! so that the group's run is the same with and without them.

use super::World;
use super::network::Parcel;
use super::queue::Event;
use super::serving::Serving;
use crate::dice::Dice;
use crate::keys::Keys;
use crate::machine::{FollowerMachine, FollowerNews};
use crate::plan::{Onlooker, Plan};
use crate::presets::MILLI;
use crate::scene::{Fact, Following};
use quorate_pbft::{FollowerConfig, Input, Message, Now, ReplicaId, Ticks, Time, Wanted};
use std::rc::Rc;
use std::sync::Arc;

/// Event of a follower, by its place among them.
pub(super) enum Onlooking {
    Hear(Rc<Parcel>),
    /// A question reaches a member.
    Asked(ReplicaId, Wanted),
    Wake,
    Kill,
    Start,
}

/// A follower, and the lies that it is told.
pub(super) struct Onlooked {
    pub(super) machine: FollowerMachine,
    serving: Serving,
    dice: Dice,
    wake_at: Option<u64>,
    /// Faults that keep it down.
    down: u32,
}

impl Onlooked {
    pub(super) fn new(number: usize, plan: &Plan, keys: &Keys) -> Self {
        let onlooker = &plan.onlookers[number];
        let config = FollowerConfig {
            committee: keys.committee.clone(),
            constants: plan.constants.clone(),
            verify: keys.verify.clone(),
        };
        Self {
            machine: FollowerMachine::new(config, onlooker.spoiled_at),
            serving: Serving::new(onlooker, keys),
            dice: Dice::new(plan.seed).fork(1_000 + number as u64),
            wake_at: None,
            down: 1, // until it joins
        }
    }
}

impl World<'_> {
    pub(super) fn schedule_onlookers(&mut self) {
        let begin = self.now;
        for (number, Onlooker { joins_at, crashes, .. }) in self.plan.onlookers.iter().enumerate() {
            self.queue.push(begin + joins_at, Event::Onlook(number, Onlooking::Start));
            for (at, lasts) in crashes {
                self.queue.push(begin + at, Event::Onlook(number, Onlooking::Kill));
                let mended = (at + lasts).min(self.plan.calm_at.max(at + 1));
                self.queue.push(begin + mended, Event::Onlook(number, Onlooking::Start));
            }
        }
    }

    pub(super) fn onlook(&mut self, number: usize, event: Onlooking) {
        match event {
            Onlooking::Hear(parcel) => {
                if let Ok(heard) = &parcel.verified {
                    self.input_onlooker(number, Some(Input::Message(heard.clone())));
                }
            }
            Onlooking::Asked(member, wanted) => self.serve(number, member, &wanted),
            Onlooking::Wake => {
                let onlooked = &mut self.onlookers[number];
                if onlooked.wake_at.is_some_and(|at| at <= self.now) {
                    onlooked.wake_at = None;
                }
                self.input_onlooker(number, None);
            }
            Onlooking::Kill => {
                let onlooked = &mut self.onlookers[number];
                onlooked.down += 1;
                onlooked.machine.kill();
            }
            Onlooking::Start => {
                let onlooked = &mut self.onlookers[number];
                onlooked.down -= 1;
                if onlooked.down == 0 {
                    onlooked.machine.start();
                    self.input_onlooker(number, None);
                }
            }
        }
    }

    fn input_onlooker(&mut self, number: usize, input: Option<Input>) {
        let now = Now { ticks: Ticks::new(self.now / MILLI), wall: Time::new(self.now / MILLI) };
        let news = self.onlookers[number].machine.input(now, input);
        for news in news {
            self.tell_of_onlooker(number, news);
        }
        let onlooked = &mut self.onlookers[number];
        let wake = onlooked.machine.next_wakeup().map(|ticks| (ticks.get() * MILLI).max(self.now + MILLI));
        if let Some(at) = wake.filter(|at| onlooked.wake_at.is_none_or(|earlier| *at < earlier)) {
            onlooked.wake_at = Some(at);
            self.queue.push(at, Event::Onlook(number, Onlooking::Wake));
        }
    }

    fn tell_of_onlooker(&mut self, number: usize, news: FollowerNews) {
        self.trace.line(self.now, || match &news {
            FollowerNews::Asks(member, wanted) => format!("follower {number} asks {member} for {wanted:?}"),
            FollowerNews::Executed(decided, executed) => {
                format!("follower {number} executes {}, root {}", decided.seq, executed.state_root)
            }
            FollowerNews::Broke(why) => format!("follower {number} has stopped: {why}"),
            FollowerNews::Forbidden(what) => format!("follower {number} {what}"),
        });
        match news {
            FollowerNews::Asks(member, wanted) => {
                let onlooked = &mut self.onlookers[number];
                let me = ReplicaId::new((self.plan.n + number) as u16);
                for delay in self.weather.arrivals(me, member, &mut onlooked.dice) {
                    let event = Onlooking::Asked(member, wanted.clone());
                    self.queue.push(self.now + delay, Event::Onlook(number, event));
                }
            }
            FollowerNews::Executed(decided, executed) => {
                self.judge(&Fact::Followed { by: number, decided: &decided, executed: &executed });
            }
            FollowerNews::Broke(why) => self.judge(&Fact::FollowerBroke { by: number, why: &why }),
            FollowerNews::Forbidden(what) => self.fail("followers", format!("follower {number} {what}")),
        }
    }

    /// A member answers from its disk, or with its lie.
    fn serve(&mut self, number: usize, member: ReplicaId, wanted: &Wanted) {
        let machine = &self.seats[member.index()].machine;
        if machine.replica().is_none() {
            return;
        }
        let answer = machine.supplied(wanted);
        let onlooked = &mut self.onlookers[number];
        let answer = onlooked.serving.bend(member, wanted, answer, &mut onlooked.dice);
        answer.into_iter().for_each(|message| self.hand_over(number, member, message));
    }

    /// Members tell followers what they tell each other of themselves, and the newest that they executed.
    pub(super) fn show_onlookers(&mut self, member: ReplicaId, message: &Message) {
        for number in 0..self.onlookers.len() {
            let onlooked = &mut self.onlookers[number];
            let told = onlooked.serving.tell(member, message, &mut onlooked.dice);
            told.into_iter().for_each(|message| self.hand_over(number, member, message));
        }
    }

    fn hand_over(&mut self, number: usize, from: ReplicaId, message: Message) {
        if self.onlookers[number].machine.follower().is_none() {
            return;
        }
        let committee = Arc::new(self.keys.committee.clone());
        let parcel = Rc::new(self.parcel(from, &committee, Arc::new(message)));
        let me = ReplicaId::new((self.plan.n + number) as u16);
        for delay in self.weather.arrivals(from, me, &mut self.onlookers[number].dice) {
            self.queue.push(self.now + delay, Event::Onlook(number, Onlooking::Hear(parcel.clone())));
        }
    }

    pub(super) fn following(&self) -> Vec<Following> {
        let following = self.onlookers.iter().zip(&self.plan.onlookers).map(|(onlooked, onlooker)| {
            let core = onlooked.machine.follower();
            Following {
                executed: onlooked.machine.executed(),
                stable: core.and_then(|core| core.stable()).map(|stable| stable.seq()).unwrap_or_default(),
                is_broken: core.is_some_and(|core| core.broken().is_some()),
                held_bytes: core.map_or(0, |core| core.held_bytes()),
                spoiled_at: onlooker.spoiled_at,
            }
        });
        following.collect()
    }
}
