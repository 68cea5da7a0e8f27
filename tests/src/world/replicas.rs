//! Replicas at work: woken, fed, committed, killed, started again.

use super::World;
use super::queue::Event;
use crate::presets::MILLI;
use crate::scene::Fact;
use quorate_pbft::{Input, Now, ReplicaId};

impl World<'_> {
    pub(super) fn wake(&mut self, replica: ReplicaId) {
        let seat = &mut self.seats[replica.index()];
        if seat.wake_at.is_some_and(|at| at <= self.now) {
            seat.wake_at = None;
        }
        if seat.machine.is_up() {
            self.input(replica, None);
        }
    }

    pub(super) fn input(&mut self, to: ReplicaId, input: Option<Input>) {
        let now = self.read_clocks(to);
        let mut news = Vec::new();
        self.seats[to.index()].machine.input(now, input, &mut news);
        self.tell(to, news);
        self.schedule_machine(to);
    }

    fn read_clocks(&mut self, of: ReplicaId) -> Now {
        let now = self.seats[of.index()].clocks(self.now);
        if self.plan.is_honest(of) {
            self.clock = self.clock.max(now.wall);
        }
        now
    }

    fn schedule_machine(&mut self, of: ReplicaId) {
        let commit_in = 1 + self.dice.below(self.weather.commit_max);
        let seat = &mut self.seats[of.index()];
        let generation = seat.generation;
        let commit = (seat.commit_at.is_none() && seat.machine.is_busy()).then_some(self.now + commit_in);
        seat.commit_at = seat.commit_at.or(commit);
        let wake = seat.machine.next_wakeup().map(|at| seat.moment_of(at).max(self.now + MILLI));
        let wake = wake.filter(|at| seat.wake_at.is_none_or(|earlier| *at < earlier));
        seat.wake_at = wake.or(seat.wake_at);
        if let Some(at) = commit {
            self.queue.push(at, Event::Commit { of, generation });
        }
        if let Some(at) = wake {
            self.queue.push(at, Event::Wake(of));
        }
    }

    pub(super) fn commit(&mut self, of: ReplicaId, generation: u64) {
        let seat = &mut self.seats[of.index()];
        if seat.generation != generation || !seat.machine.is_up() {
            return;
        }
        seat.commit_at = None;
        let now = self.read_clocks(of);
        let mut news = Vec::new();
        let leaving = self.seats[of.index()].machine.commit(now, &mut news);
        self.transmit(of, leaving);
        self.tell(of, news);
        self.answer_sessions(of);
        self.schedule_machine(of);
    }

    pub(super) fn kill(&mut self, replica: ReplicaId) {
        let seat = &mut self.seats[replica.index()];
        seat.down += 1;
        if !seat.machine.is_up() {
            return;
        }
        seat.commit_at = None;
        seat.wake_at = None;
        seat.generation += 1;
        seat.forget();
        let mut news = Vec::new();
        let leaving = seat.machine.kill(&mut self.dice, &mut news);
        self.transmit(replica, leaving);
        self.tell(replica, news);
        self.sessions.hung_up(replica);
        self.trace.line(self.now, || format!("{replica} is killed"));
        if self.plan.is_honest(replica) {
            self.judge(&Fact::Killed { replica });
        }
    }

    pub(super) fn revive(&mut self, replica: ReplicaId) {
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
            self.judge_start(replica, executed);
        }
        self.queue.push(self.now, Event::Wake(replica));
    }
}
