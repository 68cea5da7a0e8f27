//! Issues: what is wrong, the evidence, and what to do about it.

use super::facts::{BEHIND_SLOTS_MAX, BEHIND_SLOTS_USUAL, Facts, Standstill};
use super::space::NoRoom;
use quorate_client::api::Mode;
use quorate_pbft::{Digest, ReplicaId, Split};

/// Milliseconds without a new stable checkpoint that are too many while slots are executed.
const CHECKPOINT_AGE_MS_MAX: u64 = 60_000;
/// Milliseconds for which changes may wait while nothing is executed, or for an earlier number of their author.
const STALLED_MS_MAX: u64 = 10_000;
/// Milliseconds from a proposal to its execution that are slow.
const ORDER_MS_MAX: u64 = 2_000;
/// Changes of view in five minutes that are many.
const VIEW_CHANGES_MAX: u64 = 5;
/// Proposals refused for their time in five minutes that are many.
const CLOCK_REFUSALS_MAX: u64 = 10;
/// Seconds before the end of a certificate at which somebody should renew it: thirty days.
pub const RENEW_SECONDS: i64 = 30 * 86_400;

/// Ids of the issues, each with its page in `docs/runbooks`.
pub const RUNBOOKS: [(&str, &str); 28] = [
    ("no-quorum", "no-quorum"),
    ("member-silent", "lost-member"),
    ("no-votes", "lost-member"),
    ("stalled", "no-quorum"),
    ("numbers-missing", "numbers"),
    ("behind", "behind"),
    ("history-gone", "behind"),
    ("recovering", "behind"),
    ("following", "lost-disk"),
    ("diverged", "diverged"),
    ("states-differ", "diverged"),
    ("disk-damaged", "lost-disk"),
    ("history-damaged", "lost-disk"),
    ("disk-space", "disk-full"),
    ("disk-full", "disk-full"),
    ("standstill", "disk-full"),
    ("certificate", "certificate"),
    ("files", "limits"),
    ("checkpoint", "behind"),
    ("slow-order", "view-changes"),
    ("view-changes", "view-changes"),
    ("rules-unknown", "program"),
    ("clock", "clock"),
    ("conflicts", "conflicts"),
    ("evidence", "evidence"),
    ("peer-suspended", "conduct"),
    ("peer-strict", "conduct"),
    ("test-keys", "keys"),
];

/// Urgency of an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Changes cannot be ordered or this replica cannot take part: now.
    Critical,
    /// Trouble that becomes critical if nobody acts, or one of the f faults used up.
    Warning,
    /// Good to know.
    Notice,
}

impl Severity {
    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

/// Issue without the time of its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Stable name, one of [`RUNBOOKS`].
    pub id: &'static str,
    /// Urgency.
    pub severity: Severity,
    /// The issue in a sentence.
    pub what: &'static str,
    /// Measured facts.
    pub evidence: String,
    /// Next step.
    pub advice: &'static str,
}

/// Issues, the most urgent first.
pub fn issues(facts: &Facts<'_>) -> Vec<Fault> {
    let mut found: Vec<Fault> = [of_group(facts), of_core(facts), of_machine(facts), of_conduct(facts)].concat();
    found.sort_by_key(|fault| fault.severity as u8);
    found
}

fn fault(
    is_so: bool,
    id: &'static str,
    severity: Severity,
    what: &'static str,
    evidence: impl FnOnce() -> String,
    advice: &'static str,
) -> Option<Fault> {
    is_so.then(|| Fault { id, severity, what, evidence: evidence(), advice })
}

fn numbers<T: ToString>(replicas: impl IntoIterator<Item = T>) -> String {
    replicas.into_iter().map(|replica| replica.to_string()).collect::<Vec<_>>().join(", ")
}

/// `after slot 128: 1f0e2d3c… of 0, 1; 9a8b7c6d… of 2, 3`.
fn said((seq, digests): &Split) -> String {
    let of = |(digest, members): (&Digest, &Vec<ReplicaId>)| format!("{digest:?} of {}", numbers(members));
    format!("after slot {seq}: {}", digests.iter().map(of).collect::<Vec<_>>().join("; "))
}

/// Members and their agreement.
fn of_group(Facts { report, vitals, .. }: &Facts<'_>) -> Vec<Fault> {
    let hears = report.hears_quorum();
    let silent = numbers(report.silent());
    let (unheard, mended) = match report.observes {
        true => (
            "this observer hears nobody that serves it: whatever it says may be old",
            "mend the network between it and the members, or name another door: `--peer` of `quorate observe`, `follow` \
             in config.toml",
        ),
        false => (
            "changes cannot be ordered: too few members are heard",
            "start the silent members, or mend the network between you and them",
        ),
    };
    let found = [
        fault(
            !hears || report.mode == Mode::ReadOnly && report.unknown_rules.is_none(),
            "no-quorum",
            Severity::Critical,
            unheard,
            || report.why.clone(),
            mended,
        ),
        fault(
            hears && !silent.is_empty(),
            "member-silent",
            Severity::Warning,
            "members are not heard",
            || format!("not heard in the last 2 s: {silent}"),
            "ask who runs them; one more fault than the group bears stops it",
        ),
        fault(
            !report.voteless.is_empty(),
            "no-votes",
            if report.members - report.voteless.len() < report.quorum { Severity::Critical } else { Severity::Warning },
            "members are heard and cast no vote",
            || format!("no vote in the open slot, or in the last 64, of {}", numbers(&report.voteless)),
            "ask who runs them what `quorate status` says: a replica whose disk was copied or restored follows, and votes \
             again with a new key alone",
        ),
        fault(
            report.split.is_some(),
            "states-differ",
            Severity::Critical,
            "members have executed the same slots to different states, and none can be certified",
            || report.split.as_ref().map(said).unwrap_or_default(),
            "keep all folders as they are, and let `quorate diff-state` show where two of them part; the program of each is in \
             `GET /version`",
        ),
        fault(
            hears && vitals.stalled_ms > STALLED_MS_MAX,
            "stalled",
            Severity::Critical,
            "changes wait and nothing is executed, although a quorum is heard",
            || format!("{} wait here; no slot was executed for {} s", report.orderable(), vitals.stalled_ms / 1_000),
            "look at `quorate peers` for the views of the others, and at the log for `view`",
        ),
        fault(
            vitals.gapped_ms > STALLED_MS_MAX,
            "numbers-missing",
            Severity::Notice,
            "changes wait for an earlier number of their authors",
            || format!("{} wait here", report.gapped),
            "nothing is wrong here: the next command with the author's key sends what is missing, or they are forgotten",
        ),
        fault(
            vitals.view_changes > VIEW_CHANGES_MAX,
            "view-changes",
            Severity::Warning,
            "the primary changes often",
            || format!("{} changes of view in five minutes; now view {}", vitals.view_changes, report.view),
            "look for a primary that is slow, overloaded or far away",
        ),
        fault(
            vitals.order_ms.is_some_and(|ms| ms > ORDER_MS_MAX),
            "slow-order",
            Severity::Warning,
            "agreement is slow",
            || format!("{} ms from a proposal to its execution, median", vitals.order_ms.unwrap_or_default()),
            "compare the phases in `quorate_phase_seconds`: prepare is network, commit is network and disk",
        ),
    ];
    found.into_iter().flatten().collect()
}

/// Issues of this replica.
fn of_core(Facts { report, vitals, .. }: &Facts<'_>) -> Vec<Fault> {
    let behind = || format!("{} slots behind the others", report.behind);
    let why = || format!("{}: {}", report.mode, report.why);
    let far = if report.behind > BEHIND_SLOTS_MAX { Severity::Critical } else { Severity::Warning };
    let found = [
        fault(
            report.behind > BEHIND_SLOTS_USUAL,
            "behind",
            far,
            "this replica is behind the others",
            behind,
            "wait: it asks for the slots that it lacks and executes each; if the number grows, look at disk, processor and network",
        ),
        fault(
            report.unserved.is_some(),
            "history-gone",
            Severity::Critical,
            "the others have forgotten the slots that this replica needs",
            || format!("no member that is heard can still hand out slot {}", report.unserved.unwrap_or_default()),
            "waiting does not help: connect a member that keeps more, or stop it and run `quorate repair --dir DIR --from URL --catch-up`: it \
             takes their newest state and keeps its vote, without the history before",
        ),
        fault(
            report.unknown_rules.is_some(),
            "rules-unknown",
            Severity::Critical,
            "the next epoch executes by rules that this program does not know",
            || match report.mode {
                Mode::ReadOnly => report.why.clone(),
                _ => format!("from slot {} on", report.until.unwrap_or_default().next()),
            },
            "start a newer program on this disk: until then this replica votes in no slot of that epoch",
        ),
        fault(
            report.mode == Mode::Recovering,
            "recovering",
            Severity::Warning,
            "this replica restarted and does not vote yet",
            why,
            "wait until a quorum has told it what it had promised",
        ),
        fault(
            report.mode == Mode::Following && !report.observes,
            "following",
            Severity::Critical,
            "this replica follows and does not vote",
            why,
            "its disk is a copy, or older than its promises: to vote again its place needs a new key, which `quorate members \
             rekey` proposes",
        ),
        fault(
            report.mode == Mode::Diverged,
            "diverged",
            Severity::Critical,
            "the state of this replica is not the one that a quorum certified",
            why,
            "keep the folder for an analysis, and give the replica a new database",
        ),
        fault(
            vitals.checkpoint_age_ms > CHECKPOINT_AGE_MS_MAX,
            "checkpoint",
            Severity::Warning,
            "no checkpoint becomes stable",
            || {
                format!(
                    "executed slots wait for one for {} s; the newest is {}",
                    vitals.checkpoint_age_ms / 1_000,
                    report.stable
                )
            },
            "look for members that are behind: a quorum must reach the same slot",
        ),
    ];
    found.into_iter().flatten().collect()
}

/// Disk, files, keys.
fn of_machine(facts: &Facts<'_>) -> Vec<Fault> {
    let (Facts { vitals, standstill, has_test_keys, .. }, damage) = (facts, facts.damage_in_words());
    let disk = vitals.disk.filter(|disk| disk.is_short());
    let (no_room, of_history) = (vitals.no_room(), vitals.scrub.history.in_words());
    let found = [
        fault(
            damage.is_some(),
            "disk-damaged",
            Severity::Critical,
            "the disk gave back something else than was written",
            || damage.clone().unwrap_or_default(),
            "stop it: `quorate repair --dir DIR --from URL` puts back what is damaged, and keeps its vote",
        ),
        fault(
            of_history.is_some(),
            "history-damaged",
            Severity::Warning,
            "receipts of history cannot be read; state and vote are whole",
            || of_history.clone().unwrap_or_default(),
            "when it suits, stop it: `quorate repair --dir DIR --from URL` drops them; a node that keeps the whole history has \
             them, and look after the disk",
        ),
        fault(
            disk.is_some(),
            "disk-space",
            Severity::Warning,
            "the disk is nearly full",
            || {
                disk.map(|disk| format!("{} of {} MiB free", disk.free_bytes >> 20, disk.size_bytes >> 20))
                    .unwrap_or_default()
            },
            "make room: on a full disk the replica waits",
        ),
        fault(
            no_room.is_some(),
            "disk-full",
            Severity::Critical,
            "no new changes are taken here for want of room",
            || no_room.map(|why| why.to_string()).unwrap_or_default(),
            NoRoom::ADVICE,
        ),
        fault(
            standstill.is_some(),
            "standstill",
            Severity::Critical,
            "this replica stands still: it casts no vote",
            || standstill.map(Standstill::words).unwrap_or_default(),
            standstill.map(Standstill::advice).unwrap_or_default(),
        ),
        fault(
            vitals.is_short_of_files(),
            "files",
            Severity::Warning,
            "the process runs out of files and connections",
            || format!("{} of {} open", vitals.files_open, vitals.files_max),
            "raise LimitNOFILE of the unit, and look for clients that keep connections",
        ),
        fault(
            vitals.certificate_seconds.is_some_and(|left| left < RENEW_SECONDS),
            "certificate",
            if vitals.certificate_seconds.is_some_and(|left| left < 0) {
                Severity::Critical
            } else {
                Severity::Warning
            },
            "the certificate of the API ends soon, or has ended",
            || format!("{} days are left", vitals.certificate_seconds.unwrap_or_default().div_euclid(86_400)),
            "renew it and its key: the replica reads both again once they stand still",
        ),
        fault(
            *has_test_keys,
            "test-keys",
            Severity::Notice,
            "TEST KEYS: one command has held all keys of this group",
            || "the name of the group says so".to_owned(),
            "make a group by the ceremony for anything but tests",
        ),
    ];
    found.into_iter().flatten().collect()
}

/// Conduct of members and authors.
fn of_conduct(facts: &Facts<'_>) -> Vec<Fault> {
    let (vitals, conflicts) = (facts.vitals, facts.vitals.conflicts);
    let found = [
        fault(
            !vitals.accused.is_empty() || !vitals.garbled.is_empty(),
            "evidence",
            Severity::Warning,
            "a member has misbehaved",
            || match vitals.accused.is_empty() {
                true => format!("frames that are no messages from {}", numbers(&vitals.garbled)),
                false => format!("evidence against {} is recorded", numbers(&vitals.accused)),
            },
            "`quorate evidence list` shows the proofs; talk to who runs the member",
        ),
        fault(
            !vitals.suspended.is_empty(),
            "peer-suspended",
            Severity::Warning,
            "a member sends much garbage and is suspended; its votes still count",
            || vitals.suspended.join("; "),
            "ask who runs it; `quorate peers` shows the offences, `quorate peers release PEER --token FILE` ends it once it is mended",
        ),
        fault(
            !vitals.strict.is_empty(),
            "peer-strict",
            Severity::Warning,
            "a member sends garbage and is read at a lower rate",
            || vitals.strict.join("; "),
            "ask who runs it; it ends by itself a minute after the garbage does",
        ),
        fault(
            vitals.clock_refusals > CLOCK_REFUSALS_MAX,
            "clock",
            Severity::Warning,
            "clocks of members differ",
            || format!("{} proposals refused for their time in five minutes", vitals.clock_refusals),
            "synchronise the clocks, this machine's first",
        ),
        fault(
            facts.has_many_conflicts(),
            "conflicts",
            Severity::Warning,
            "many changes end in conflicts",
            || format!("{} of {} receipts in five minutes", conflicts.kept, conflicts.receipts),
            "`quorate conflicts report` says where and why, and writes a policy that the group can approve",
        ),
    ];
    found.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Report;
    use crate::health::vitals::Vitals;

    #[test]
    fn an_observer_that_hears_nobody_says_so_of_itself_and_nothing_of_the_group() {
        let (vitals, member) = (Vitals::default(), Report::of_nobody());
        let member = Report { can_order: false, quorum: 3, ..member };
        let told = |report: &Report| {
            let facts = Facts { report, vitals: &vitals, damage: None, standstill: None, has_test_keys: false };
            issues(&facts).into_iter().find(|fault| fault.id == "no-quorum").map(|fault| (fault.what, fault.advice))
        };
        let observer = Report { observes: true, me: None, mode: Mode::Following, ..member.clone() };

        assert!(told(&member).is_some_and(|(what, _)| what.contains("cannot be ordered")));
        let (what, advice) = told(&observer).expect("an issue");
        assert!(
            what.contains("observer") && !what.contains("ordered") && advice.contains("--peer"),
            "{what}: {advice}"
        );
    }
}
