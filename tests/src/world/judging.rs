//! Judges: they are shown facts as they happen, and asked at the end what they still wait for.

use super::World;
use crate::oracles::Oracle;
use crate::presets::SECOND;
use crate::run::Failure;
use crate::scene::{Fact, Scene, Standing, Survey};
use crate::weather::Micros;
use quorate_pbft::{ReplicaId, SeqNum};
use std::collections::{BTreeMap, BTreeSet};

/// Time after the calm by which a run must be over: two caps of the view timer and a second.
const PATIENCE: Micros = 61 * SECOND;

impl<'a> World<'a> {
    fn scene(&self) -> Scene<'_> {
        Scene { plan: self.plan, keys: &self.keys, now: self.now, calm_since: self.calm_since, clock: self.clock }
    }

    pub(super) fn judge(&mut self, fact: &Fact<'_>) {
        let mut oracles = std::mem::take(&mut self.oracles);
        self.show(&mut oracles, fact);
        self.oracles = oracles;
    }

    fn show(&mut self, oracles: &mut [Box<dyn Oracle>], fact: &Fact<'_>) {
        for oracle in oracles {
            if let Err(what) = oracle.watch(fact, &self.scene()) {
                self.fail(oracle.name(), what);
            }
        }
    }

    pub(super) fn judge_start(&mut self, replica: ReplicaId, executed: SeqNum) {
        let mut oracles = std::mem::take(&mut self.oracles);
        let machine = &*self.seats[replica.index()].machine;
        let receipts = machine.receipts();
        let fact = Fact::Started { replica, executed, receipts: &receipts, machine };
        let scene = self.scene();
        let wrong = oracles.iter_mut().find_map(|oracle| Some((oracle.name(), oracle.watch(&fact, &scene).err()?)));
        if let Some((oracle, what)) = wrong {
            self.fail(oracle, what);
        }
        self.oracles = oracles;
    }

    pub(super) fn judge_calm(&mut self) {
        let cores = || self.plan.honest().filter_map(|replica| self.seats[replica.index()].machine.replica());
        // Of the newest epoch: views of earlier ones are over.
        let epoch = cores().map(|core| core.executed_point().epoch).max().unwrap_or_default();
        let cores = cores().filter(|core| core.executed_point().epoch == epoch);
        let (views, slots): (Vec<_>, Vec<_>) = cores.map(|core| (core.view(), core.executed_point().seq)).unzip();
        let view = views.into_iter().max().unwrap_or_default();
        let executed = slots.into_iter().max().unwrap_or_default();
        self.judge(&Fact::Calm { view, executed });
    }

    pub(super) fn look_at_holdings(&mut self, of: ReplicaId) {
        let machine = &self.seats[of.index()].machine;
        let is_in_round = machine.is_in_round();
        let core = machine.replica().filter(|_| self.plan.is_honest(of));
        if let Some(mut holdings) = core.map(|core| core.holdings()) {
            holdings.loose_bundles *= usize::from(!is_in_round);
            self.judge(&Fact::Holds { by: of, holdings: &holdings });
        }
    }

    pub(super) fn is_done(&mut self) -> bool {
        let late = self.now > SECOND + self.plan.calm_at + PATIENCE;
        let survey = self.survey();
        let scene = self.scene();
        let waiting = self.oracles.iter().find_map(|oracle| Some((oracle.name(), oracle.waits_for(&survey, &scene)?)));
        match waiting {
            None => {
                self.plan.honest().for_each(|replica| self.look_at_holdings(replica));
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
        let (survey, scene) = (self.survey(), self.scene());
        let wrong = oracles.iter_mut().find_map(|oracle| {
            let what = oracle.look_back(&survey, &scene).err()?;
            Some((oracle.name(), what))
        });
        drop(survey);
        self.oracles = oracles;
        if let Some((oracle, what)) = wrong {
            self.fail(oracle, what);
        }
    }

    fn survey(&self) -> Survey<'_> {
        let standing = |replica: ReplicaId| {
            let machine = &*self.seats[replica.index()].machine;
            let progress = machine.progress()?;
            Some(Standing {
                replica,
                epoch: progress.epoch,
                is_member: progress.is_member,
                executed: progress.executed,
                stable: progress.stable,
                envelopes: machine.envelopes(),
                recorded: machine.recorded(),
                machine,
            })
        };
        let standings = self.plan.honest().filter_map(standing).collect();
        Survey { standings, following: self.following(), asked: &self.asked }
    }

    pub(super) fn fail(&mut self, oracle: &str, what: String) {
        self.failure.get_or_insert(Failure { oracle: oracle.to_owned(), what });
    }

    pub(super) fn count_at_the_end(&mut self) {
        let survey = self.survey();
        let keys: BTreeSet<_> =
            survey.standings.iter().flat_map(|standing| standing.recorded.iter().copied()).collect();
        let mut evidence = BTreeMap::new();
        keys.iter().for_each(|key| *evidence.entry(key.kind).or_default() += 1);
        self.stats.evidence = evidence;
        let cores = self.plan.honest().filter_map(|replica| self.seats[replica.index()].machine.replica());
        let views = cores.map(|core| core.view().get());
        // Views of epochs that are over were noted on the way.
        self.stats.view_changes = views.max().unwrap_or(0).max(self.stats.view_changes);
        self.stats.tallies = self.oracles.iter().flat_map(|oracle| oracle.tallies()).collect();
        self.stats.extremes = self.oracles.iter().flat_map(|oracle| oracle.extremes()).collect();
    }
}
