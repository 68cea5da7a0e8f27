//! The score: five parts from 0 to 1, and their weighted geometric mean, so that one part at 0 makes the whole 0.

use super::disk::Disk;
use super::facts::{BEHIND_SLOTS_MAX, BEHIND_SLOTS_USUAL, Facts};
use super::issues::{Fault, Severity};
use quorate_client::api::{Health, HealthPart, Mode};

/// Milliseconds from a proposal to its execution that cost nothing.
const ORDER_MS_USUAL: u64 = 1_000;
/// Milliseconds from a proposal to its execution at which nothing is left.
const ORDER_MS_MAX: u64 = 10_000;
/// Thousandths that a member which is not heard leaves, where the quorum has none to spare.
const NONE_TO_SPARE: u64 = 600;

/// A replica's opinion of itself: the parts, their mean, and each issue but notices as a reason.
pub fn assess(facts: &Facts<'_>, faults: &[Fault]) -> Health {
    let part = |name: &str, weight: u64, thousandths: u64| HealthPart {
        name: name.to_owned(),
        score: rounded(thousandths as f64 / 1_000.0),
        weight: weight as f64 / 100.0,
    };
    let parts = vec![
        part("sync_lag", 20, sync_lag(facts)),
        part("partition_status", 30, partition(facts)),
        part("conflict_rate", 10, 1_000 - 10 * facts.vitals.conflicts.percent().min(100)),
        part("consensus_time", 20, consensus_time(facts)),
        part("node_health", 20, node(facts)),
    ];
    let score = rounded(parts.iter().map(|part| part.score.powf(part.weight)).product());
    let counts = faults.iter().filter(|fault| fault.severity != Severity::Notice);
    let reasons = counts.map(|fault| format!("{}: {}", fault.what, fault.evidence)).collect();
    Health { score, parts, reasons, actions: Vec::new() }
}

fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

/// Thousandths that are left of a measure between what costs nothing and what costs all.
fn left(value: u64, usual: u64, most: u64) -> u64 {
    1_000 - 1_000 * value.clamp(usual, most).saturating_sub(usual) / (most - usual)
}

fn sync_lag(Facts { report, .. }: &Facts<'_>) -> u64 {
    left(report.behind, BEHIND_SLOTS_USUAL, BEHIND_SLOTS_MAX)
}

/// Members heard: 1 with all of them, 0 below a quorum. An observer misses none of those that do not serve it.
fn partition(Facts { report, .. }: &Facts<'_>) -> u64 {
    if !report.hears_quorum() {
        return 0;
    }
    let spare = (report.peers.len() + 1 - report.quorum).max(1) as u64;
    1_000 - (1_000 - NONE_TO_SPARE) * report.silent().count() as u64 / spare
}

fn consensus_time(Facts { vitals, .. }: &Facts<'_>) -> u64 {
    let waited = vitals.order_ms.unwrap_or_default().max(vitals.stalled_ms);
    left(waited, ORDER_MS_USUAL, ORDER_MS_MAX)
}

fn node(facts: &Facts<'_>) -> u64 {
    let Facts { report, vitals, .. } = facts;
    let damage = facts.damage_in_words();
    match report.mode {
        Mode::Following if report.observes && damage.is_none() && facts.standstill.is_none() => 1_000,
        Mode::Diverged | Mode::Following => 0,
        _ if damage.is_some() || facts.standstill.is_some() => 0,
        Mode::Recovering => 300,
        _ if vitals.no_room().is_some() => 300,
        _ if vitals.disk.is_some_and(Disk::is_short) || vitals.is_short_of_files() => 700,
        Mode::Active | Mode::ReadOnly => 1_000,
    }
}

#[cfg(test)]
mod tests {
    use super::super::issues::issues;
    use super::super::vitals::Vitals;
    use super::*;
    use crate::engine::{PeerFacts, Report};
    use quorate_pbft::{Digest, ReplicaId, SeqNum};

    #[test]
    fn states_of_which_none_can_be_certified_are_urgent_and_told_with_who_said_which() {
        let vitals = Vitals::default();
        let said = [(1, vec![0, 1]), (2, vec![2, 3])];
        let said = said.map(|(byte, of)| (Digest([byte; 32]), of.into_iter().map(ReplicaId::new).collect::<Vec<_>>()));
        let split = Some((SeqNum::new(128), said.into()));
        let report = Report { quorum: 1, split, can_order: true, ..Report::of_nobody() };
        let facts = Facts { report: &report, vitals: &vitals, damage: None, standstill: None, has_test_keys: false };

        let found = issues(&facts);

        let told: Vec<_> = found.iter().map(|fault| (fault.id, fault.severity, fault.evidence.as_str())).collect();
        let evidence = "after slot 128: 01010101… of 0, 1; 02020202… of 2, 3";
        assert_eq!(told, [("states-differ", Severity::Critical, evidence)]);
    }

    #[test]
    fn changes_that_wait_for_an_earlier_number_are_a_notice_and_cost_no_health() {
        let vitals = Vitals { gapped_ms: 20_000, ..Vitals::default() };
        let report = Report { quorum: 1, pending: 6, gapped: 6, can_order: true, ..Report::of_nobody() };
        let facts = Facts { report: &report, vitals: &vitals, damage: None, standstill: None, has_test_keys: false };

        let found = issues(&facts);

        let told: Vec<_> = found.iter().map(|fault| (fault.id, fault.severity, fault.evidence.as_str())).collect();
        assert_eq!(told, [("numbers-missing", Severity::Notice, "6 wait here")]);
        assert_eq!((report.orderable(), assess(&facts, &found).score), (0, 1.0));
    }

    #[test]
    fn a_notice_is_no_reason_of_the_health() {
        let vitals = Vitals { gapped_ms: 20_000, ..Vitals::default() };
        let report = Report { quorum: 1, pending: 6, gapped: 6, can_order: true, ..Report::of_nobody() };
        let facts = Facts { report: &report, vitals: &vitals, damage: None, standstill: None, has_test_keys: false };

        assert_eq!(assess(&facts, &issues(&facts)).reasons, Vec::<String>::new());
    }

    #[test]
    fn an_observer_is_well_while_members_that_do_not_serve_it_are_not_heard() {
        let peer = |number: u16| PeerFacts {
            replica: ReplicaId::new(number),
            heard_at: None,
            is_heard: number < 2,
            executed: None,
            view: None,
            hears: None,
            program: None,
            oldest: None,
        };
        let (vitals, peers, me) = (Vitals::default(), (0..4).map(peer).collect(), None);
        let report =
            Report { me, peers, mode: Mode::Following, observes: true, can_order: true, ..Report::of_nobody() };
        let facts = Facts { report: &report, vitals: &vitals, damage: None, standstill: None, has_test_keys: false };

        assert_eq!(assess(&facts, &issues(&facts)).score, 1.0);
    }

    #[test]
    fn who_is_far_behind_has_no_health_left_and_an_issue_that_is_urgent() {
        let (vitals, behind) = (Vitals::default(), BEHIND_SLOTS_MAX + 1);
        let report = Report { quorum: 1, behind, can_order: true, ..Report::of_nobody() };
        let facts = Facts { report: &report, vitals: &vitals, damage: None, standstill: None, has_test_keys: false };

        let found = issues(&facts);

        let lag = found.iter().find(|fault| fault.id == "behind").expect("an issue");
        assert_eq!(lag.severity, Severity::Critical);
        assert_eq!(assess(&facts, &found).score, 0.0);
        let near = Report { behind: BEHIND_SLOTS_USUAL, ..report.clone() };
        assert!(issues(&Facts { report: &near, ..facts }).iter().all(|fault| fault.id != "behind"));
    }
}
