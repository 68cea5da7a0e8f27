//! A failing run made smaller: fewer faults, fewer requests, better weather, sooner over, and it still fails.

use crate::plan::{Clock, Plan};
use crate::run::run;
use crate::weather::Weather;
use std::time::{Duration, Instant};

/// Takes things out of a plan as long as the same oracle goes on complaining, and until the time is over.
pub fn shrink(plan: &Plan, oracle: &str, patience: Duration) -> Plan {
    let deadline = Instant::now() + patience;
    let mut shrinking = Shrinking { plan: plan.clone(), oracle, deadline };
    loop {
        let before = size(&shrinking.plan);
        shrinking.calm_sooner();
        shrinking.take_out(|plan| &mut plan.faults);
        shrinking.take_out(|plan| &mut plan.requests);
        shrinking.take_out(|plan| &mut plan.attackers);
        shrinking.take_out(|plan| &mut plan.onlookers);
        shrinking.better_weather();
        shrinking.true_clocks();
        if size(&shrinking.plan) == before || Instant::now() >= deadline {
            return shrinking.plan;
        }
    }
}

/// Rest of a shrunk plan, in a few words.
pub fn describe(plan: &Plan) -> String {
    let (faults, requests, attackers) = (plan.faults.len(), plan.requests.len(), plan.attackers.len());
    let calm = plan.calm_at / 1_000;
    format!("{faults} faults, {requests} requests, {attackers} attackers, calm after {calm} ms")
}

fn size(plan: &Plan) -> (usize, usize, usize, u64, Weather) {
    (plan.faults.len(), plan.requests.len(), plan.attackers.len(), plan.calm_at, plan.weather)
}

struct Shrinking<'a> {
    plan: Plan,
    oracle: &'a str,
    deadline: Instant,
}

impl Shrinking<'_> {
    /// Takes the candidate if it still fails in the same way.
    fn attempt(&mut self, candidate: Plan) -> bool {
        if Instant::now() >= self.deadline {
            return false;
        }
        let fails = run(&candidate, false).failure.is_some_and(|failure| failure.oracle == self.oracle);
        if fails {
            self.plan = candidate;
        }
        fails
    }

    /// Takes out halves, then quarters, down to single things.
    fn take_out<T: Clone>(&mut self, list: impl Fn(&mut Plan) -> &mut Vec<T>) {
        let mut chunk = list(&mut self.plan).len().div_ceil(2);
        while chunk > 0 {
            let mut at = 0;
            while at < list(&mut self.plan).len() {
                let mut candidate = self.plan.clone();
                let things = list(&mut candidate);
                things.drain(at..(at + chunk).min(things.len()));
                if !self.attempt(candidate) {
                    at += chunk;
                }
            }
            chunk = if chunk == 1 { 0 } else { chunk.div_ceil(2) };
        }
    }

    fn calm_sooner(&mut self) {
        for _ in 0..4 {
            let calm_at = self.plan.calm_at * 2 / 3;
            let mut candidate = Plan { calm_at, ..self.plan.clone() };
            candidate.faults.retain(|fault| fault.at < calm_at);
            candidate.requests.retain(|request| request.at < calm_at);
            if !self.attempt(candidate) {
                return;
            }
        }
    }

    fn true_clocks(&mut self) {
        let clocks = vec![Clock::default(); self.plan.people()];
        if self.plan.clocks != clocks {
            self.attempt(Plan { clocks, ..self.plan.clone() });
        }
    }

    fn better_weather(&mut self) {
        let calm = Weather::CALM;
        let better: [fn(&mut Weather, Weather); 4] = [
            |weather, calm| weather.lost_percent = calm.lost_percent,
            |weather, calm| weather.twice_percent = calm.twice_percent,
            |weather, calm| weather.late_percent = calm.late_percent,
            |weather, calm| (weather.delay_max, weather.commit_max) = (calm.delay_max, calm.commit_max),
        ];
        for improve in better {
            let mut candidate = self.plan.clone();
            improve(&mut candidate.weather, calm);
            if candidate.weather != self.plan.weather {
                self.attempt(candidate);
            }
        }
    }
}
