//! Outages of the group as this replica meets them, and the report after each: what had to wait, and what became of it.
//!
//! An outage begins when members are apart or nothing can be ordered here. One that stopped this replica ends when it
//! hears a quorum again; any other when all members are linked. Changes that could be ordered and had no verdict at that
//! moment were paused; the report is complete once all of them have theirs and the replica has caught up.

use super::components::{Component, components};
use crate::engine::{Notice, Report};
use quorate_client::api::{Estimate, Healing};
use quorate_ledger::{EnvelopeId, Receipt, State};
use quorate_pbft::ReplicaId;
use std::collections::{BTreeSet, VecDeque};

/// Reports that are kept: enough to guess from, and a page for people.
const HEALED_MAX: usize = 16;
/// Of them, those of outages that stopped nothing here: a member that comes and goes as it likes fills no more.
const HARMLESS_MAX: usize = 8;
/// Milliseconds below which a separation that stopped nothing is no outage: statuses cross each other on their way.
const OUTAGE_MS_MIN: u64 = 1_000;

/// Outages since the start.
#[derive(Debug, Clone)]
pub struct Outages {
    /// None at an observer, which meets no outages: it takes no part in ordering.
    me: Option<ReplicaId>,
    current: Option<Outage>,
    recovery: Option<Recovery>,
    /// Complete reports with their numbers from 1, the newest first.
    healed: VecDeque<(u64, Healing)>,
    /// Count of complete reports.
    count: u64,
}

/// Outage that lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// Milliseconds since 1970.
    pub began: u64,
    /// Moment from which it keeps this replica from having anything ordered; none while it does not.
    stopped: Option<u64>,
    /// Whether it began with the replica itself, which hears nobody at first.
    at_start: bool,
    components: Vec<Component>,
}

/// Recovery from an outage.
#[derive(Debug, Clone)]
struct Recovery {
    report: Healing,
    paused: BTreeSet<EnvelopeId>,
}

impl Outages {
    /// None yet: the replica starts, and has heard nobody.
    pub fn new(me: Option<ReplicaId>, now: u64) -> Self {
        let current = me.map(|_| Outage { began: now, stopped: Some(now), at_start: true, components: Vec::new() });
        Self { me, current, recovery: None, healed: VecDeque::new(), count: 0 }
    }

    /// The outage that lasts now.
    pub fn current(&self) -> Option<&Outage> {
        self.current.as_ref()
    }

    /// Reports, the newest first; the first may still be open.
    pub fn healed(&self) -> impl Iterator<Item = &Healing> {
        self.recovery
            .as_ref()
            .map(|recovery| &recovery.report)
            .into_iter()
            .chain(self.healed.iter().map(|(_, report)| report))
    }

    /// Count of complete reports.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Kept reports after the first `seen` of them with their numbers, the oldest first.
    pub fn since(&self, seen: u64) -> impl Iterator<Item = &(u64, Healing)> {
        self.healed.iter().rev().filter(move |(number, _)| *number > seen)
    }

    /// Takes the newest report of the replica; true if something changed.
    pub fn observe(&mut self, report: &Report, now: u64) -> bool {
        self.me = report.me;
        let Some(me) = self.me else { return false };
        let (found, before) = (components(report, me), self.current.clone());
        match &mut self.current {
            Some(outage) if found.len() > 1 => outage.components = found,
            Some(outage) if outage.stopped.is_none() => self.end(BTreeSet::new(), now),
            None if found.len() > 1 => {
                self.current = Some(Outage { began: now, stopped: None, at_start: false, components: found });
            }
            Some(_) | None => (),
        }
        let is_over = self.recovery.as_ref().is_some_and(|recovery| recovery.paused.is_empty() && report.behind == 0);
        if is_over {
            self.complete(Some(now));
        }
        is_over || self.current != before
    }

    /// Takes a notice of the core; true if it concerns an outage.
    pub fn note(&mut self, notice: &Notice, now: u64) -> bool {
        match notice {
            Notice::Paused if self.me.is_none() => false, // who is no member meets no outages
            Notice::Paused => {
                if self.recovery.is_some() {
                    self.complete(None); // what is not done waits again
                }
                let begins = Outage { began: now, stopped: None, at_start: false, components: Vec::new() };
                self.current.get_or_insert(begins).stopped.get_or_insert(now);
                true
            }
            Notice::Resumed { paused, since } => {
                if let Some((outage, since)) = self.current.as_mut().filter(|outage| outage.at_start).zip(*since) {
                    outage.began = outage.began.min(since.get());
                    outage.stopped = Some(outage.began);
                }
                self.end(paused.iter().copied().collect(), now);
                true
            }
            Notice::Verdict(receipt) => self.recovery.as_mut().is_some_and(|recovery| recovery.settle(receipt)),
            Notice::Overtaken { id, .. } | Notice::Expired(id) => {
                self.recovery.as_mut().is_some_and(|recovery| recovery.give_up(id))
            }
            Notice::Taken { .. } | Notice::NotTaken { .. } | Notice::Worked { .. } | Notice::Refused(_) => false,
            Notice::ReadReady { .. } | Notice::ReadRefused { .. } | Notice::Accused(_) | Notice::Broken(_) => false,
        }
    }

    fn end(&mut self, paused: BTreeSet<EnvelopeId>, now: u64) {
        let Some(outage) = self.current.take() else { return };
        let is_short = outage.stopped.is_none() && now.saturating_sub(outage.began) < OUTAGE_MS_MIN;
        if is_short || outage.at_start && paused.is_empty() {
            return;
        }
        if self.recovery.is_some() {
            self.complete(None);
        }
        let numbers = |component: &Component| component.members.iter().map(|member| member.get()).collect();
        let report = Healing {
            began: outage.began,
            ended: now.max(outage.began), // a clock may be set back
            stopped: outage.stopped.is_some(),
            stopped_at: outage.stopped,
            components: outage.components.iter().map(numbers).collect(),
            paused: paused.len() as u64,
            ..Healing::default()
        };
        self.recovery = Some(Recovery { report, paused });
    }

    fn complete(&mut self, at: Option<u64>) {
        let Some(Recovery { mut report, .. }) = self.recovery.take() else { return };
        report.recovery_ms = at.map(|at| at.saturating_sub(report.ended));
        self.count += 1;
        self.healed.push_front((self.count, report));
        let harmless = |(_, report): &&(u64, Healing)| !report.stopped;
        if self.healed.iter().filter(harmless).count() > HARMLESS_MAX {
            let oldest = self.healed.iter().rposition(|entry| harmless(&entry)).expect("there are several");
            self.healed.remove(oldest);
        }
        self.healed.truncate(HEALED_MAX);
    }

    /// Time until changes can be ordered again, by the outages that this replica has seen: the median of what those stopped it for
    /// that took longer than this one. None while everything is ordered.
    pub fn estimate(&self, now: u64) -> Option<Estimate> {
        let lasts = now.saturating_sub(self.current.as_ref()?.stopped?);
        let took = |healing: &Healing| Some(healing.ended.saturating_sub(healing.stopped_at?));
        let seen: Vec<u64> = self.healed().filter_map(took).collect();
        let mut longer: Vec<u64> = seen.iter().copied().filter(|took| *took > lasts).collect();
        longer.sort_unstable();
        let left_ms = longer.get(longer.len() / 2).map(|took| took - lasts);
        let rests_on = match (seen.len(), longer.len()) {
            (0, _) => "no outage that stopped this replica was seen here since the start".to_owned(),
            (seen, 0) => format!("it lasts longer than each of the {seen} such seen here since the start"),
            (seen, longer) => {
                format!("the median of the {longer} that lasted longer, of {seen} such seen here since the start")
            }
        };
        Some(Estimate { left_ms, rests_on })
    }
}

impl Recovery {
    fn give_up(&mut self, id: &EnvelopeId) -> bool {
        let was_paused = self.paused.remove(id);
        self.report.given_up += u64::from(was_paused);
        was_paused
    }

    fn settle(&mut self, receipt: &Receipt) -> bool {
        if !self.paused.remove(&receipt.id) {
            return false;
        }
        self.report.resumed += 1;
        let count = match receipt.state {
            State::Applied => &mut self.report.applied,
            State::Merged => &mut self.report.merged,
            State::Conflict => &mut self.report.conflicted,
            State::Refused => &mut self.report.refused,
            State::Pending | State::Waiting | State::Queued | State::Expired => &mut self.report.pending,
        };
        *count += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_pbft::{Digest, Time};
    use std::sync::Arc;

    fn id(number: u8) -> EnvelopeId {
        EnvelopeId(Digest([number; 32]))
    }

    fn verdict(number: u8, state: State) -> Notice {
        let receipt = Receipt {
            id: id(number),
            domain: "main".into(),
            author: quorate_pbft::PublicKey([1; 32]),
            from_seq: 1,
            to_seq: 1,
            state,
            revision: None,
            lane: None,
            stage: None,
            code: None,
            detail: None,
            conflicts: vec![],
            changes: vec![],
        };
        Notice::Verdict(Arc::new(receipt))
    }

    fn resumed(paused: &[u8]) -> Notice {
        Notice::Resumed { paused: paused.iter().copied().map(id).collect(), since: None }
    }

    /// Outages of a replica that has started and hears a group of its own.
    fn outages() -> Outages {
        let mut outages = Outages::new(Some(ReplicaId::new(0)), 0);
        outages.note(&resumed(&[]), 10);
        outages
    }

    #[test]
    fn a_start_with_nothing_to_resume_is_no_outage() {
        let outages = outages();
        assert!(outages.current().is_none() && outages.healed().next().is_none());
    }

    #[test]
    fn a_report_counts_the_verdicts_of_what_was_paused_and_of_nothing_else() {
        let mut outages = outages();
        outages.note(&Notice::Paused, 1_000);
        outages.note(&resumed(&[1, 2, 3, 4, 5]), 61_000);
        let states = [State::Applied, State::Merged, State::Conflict, State::Refused];
        assert!((1..).zip(states).all(|(number, state)| outages.note(&verdict(number, state), 61_100)));
        assert!(!outages.note(&verdict(9, State::Applied), 61_100), "it was not paused");
        assert!(!outages.note(&verdict(1, State::Applied), 61_100), "once");
        assert!(!outages.observe(&Report::of_nobody(), 61_200), "one has no verdict yet");
        outages.note(&Notice::Overtaken { id: id(5), next_seq: 2 }, 61_300);

        assert!(outages.observe(&Report::of_nobody(), 61_400));

        let report = &outages.since(0).next().expect("a report").1;
        let counts = (report.applied, report.merged, report.conflicted, report.refused, report.given_up);
        assert_eq!((report.paused, report.resumed, counts), (5, 4, (1, 1, 1, 1, 1)));
        assert_eq!((report.began, report.ended, report.recovery_ms), (1_000, 61_000, Some(400)));
        assert_eq!(outages.since(1).count(), 0);
    }

    #[test]
    fn what_waited_since_before_the_start_makes_the_outage_older() {
        let mut outages = Outages::new(Some(ReplicaId::new(0)), 50_000);
        outages.note(&Notice::Resumed { paused: vec![id(1)], since: Some(Time::new(7_000)) }, 60_000);
        assert_eq!(outages.healed().next().map(|report| report.began), Some(7_000));
    }

    #[test]
    fn what_came_before_an_outage_does_not_make_it_older() {
        let mut outages = outages();
        outages.note(&Notice::Paused, 50_000);
        outages.note(&Notice::Resumed { paused: vec![id(1)], since: Some(Time::new(7_000)) }, 60_000);
        assert_eq!(outages.healed().next().map(|report| report.began), Some(50_000));
    }

    #[test]
    fn a_second_outage_ends_the_report_of_the_first() {
        let mut outages = outages();
        outages.note(&Notice::Paused, 1_000);
        outages.note(&resumed(&[1]), 2_000);
        outages.note(&Notice::Paused, 3_000);
        assert_eq!(outages.healed().map(|report| (report.resumed, report.recovery_ms)).next(), Some((0, None)));
    }

    /// An outage of two seconds, with its report.
    fn outage(outages: &mut Outages, began: u64, stopped: bool) {
        let stopped = stopped.then_some(began);
        outages.current = Some(Outage { began, stopped, at_start: false, components: vec![] });
        outages.end(BTreeSet::new(), began + 2_000);
        outages.complete(None);
    }

    #[test]
    fn who_is_far_behind_is_told_each_kept_report_once() {
        let mut outages = outages();
        (1..=40).for_each(|number| outage(&mut outages, 10_000 * number, true));
        let (mut told, mut seen) = (vec![], 3);
        while let Some((number, report)) = outages.since(seen).next() {
            told.push(report.began / 10_000);
            seen = *number;
        }
        assert_eq!(told, (25..=40).collect::<Vec<u64>>());
    }

    #[test]
    fn a_member_that_comes_and_goes_leaves_the_reports_of_real_outages() {
        let mut outages = outages();
        outage(&mut outages, 1_000, true);
        (1..=40).for_each(|number| outage(&mut outages, 10_000 * number, false));
        let kept: Vec<u64> = outages.healed().map(|report| report.began).collect();
        assert_eq!(kept.len(), HARMLESS_MAX + 1);
        assert_eq!(kept.last(), Some(&1_000));
    }

    #[test]
    fn an_estimate_rests_on_the_outages_that_lasted_longer() {
        let mut outages = outages();
        assert_eq!(outages.estimate(0), None);
        for (began, ended) in [(1_000, 2_000), (10_000, 40_000), (50_000, 60_000)] {
            outages.note(&Notice::Paused, began);
            outages.note(&resumed(&[]), ended);
            outages.observe(&Report::of_nobody(), ended);
        }
        outages.note(&Notice::Paused, 100_000);
        let left = |now| outages.estimate(now).expect("an outage").left_ms;
        assert_eq!((left(102_000), left(115_000), left(140_000)), (Some(28_000), Some(15_000), None));
    }

    #[test]
    fn the_time_in_which_everything_was_ordered_is_no_part_of_what_an_outage_stopped() {
        let mut outages = outages();
        outages.current = Some(Outage { began: 1_000, stopped: None, at_start: false, components: vec![] });
        outages.note(&Notice::Paused, 600_000);
        assert_eq!(outages.estimate(601_000).map(|estimate| estimate.left_ms), Some(None));
        outages.note(&resumed(&[]), 610_000);

        let report = outages.healed().next().expect("a report");
        assert_eq!((report.began, report.stopped_at, report.ended), (1_000, Some(600_000), 610_000));
        outages.note(&Notice::Paused, 700_000);
        assert_eq!(outages.estimate(704_000).map(|estimate| estimate.left_ms), Some(Some(6_000)));
    }

    #[test]
    fn what_stopped_nothing_is_in_no_estimate_and_has_none() {
        let mut outages = outages();
        outage(&mut outages, 1_000, false);
        outages.current = Some(Outage { began: 10_000, stopped: None, at_start: false, components: vec![] });
        assert_eq!(outages.estimate(10_500), None);

        outages.note(&Notice::Paused, 11_000);
        let rests_on = "no outage that stopped this replica was seen here since the start".to_owned();
        assert_eq!(outages.estimate(11_500), Some(Estimate { left_ms: None, rests_on }));
    }
}
