//! Summary of a run of attacks, for people and as JSON.

use super::honest::Service;
use super::meter::Taken;
use super::{ATTACKED, ATTACKER_CORES, OTHER, Plan};
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// MiB of resident memory that no replica may pass.
pub const RSS_MAX_MIB: u64 = 512;
/// Factor by which an author may wait longer at the attacked replica than in quiet. This and the next were set when an author sent one
/// change after another, so that a stall was one wait of many: they are stricter now.
const SLOWER_ATTACKED: u64 = 4;
/// Factor for another replica, in tenths.
const SLOWER_OTHER_TENTHS: u64 = 15;
/// Milliseconds of wait that are not worth a word, whatever quiet was.
const SLACK_MS: u64 = 50;
/// Factor of slack for what honest authors write: a change costs more when fewer share a slot.
const HONEST_SLACK: u64 = 2;
/// Milliseconds from the end of an attack within which authors are served again.
const RECOVERY_MAX_MS: u64 = 5_000;
/// The same where another member was killed and started again: a view change, with time-outs that the attack doubled.
const SHORT_RECOVERY_MAX_MS: u64 = 20_000;
/// Milliseconds within which `/healthz` answers.
const HEALTH_MAX_MS: u64 = 1_000;

/// A stretch of time.
#[derive(Debug, Clone, Serialize)]
pub struct Window {
    /// By replica.
    pub taken: Vec<Taken>,
    /// An author at the attacked replica.
    pub attacked: Service,
    /// An author at another replica.
    pub other: Service,
}

impl Window {
    /// Of what the meter and both authors saw.
    pub fn of(taken: Vec<Taken>, mut services: Vec<Service>) -> Self {
        let other = services.pop().expect("two authors");
        let attacked = services.pop().expect("two authors");
        Self { taken, attacked, other }
    }

    fn rss_max(&self) -> u64 {
        self.taken.iter().map(|taken| taken.rss_peak_mib).max().unwrap_or(0)
    }

    fn written_max(&self) -> u64 {
        self.taken.iter().map(|taken| taken.written_kib).max().unwrap_or(0)
    }
}

/// A number before, under and after an attack.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Three {
    before: u64,
    during: u64,
    after: u64,
}

impl fmt::Display for Three {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&[self.before, self.during, self.after].map(shown).join("/"))
    }
}

/// Outcome of an attack.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// Its name, or all names.
    pub name: String,
    /// Cores that the attackers used, of those that they were held to.
    pub attacker_cores: f64,
    /// Whether it did no harm.
    pub held: bool,
    /// Harm in words.
    pub harm: Vec<String>,
    /// The most resident memory of any replica, in MiB.
    pub rss_mib: Three,
    /// An author at the attacked replica: 99 of a hundred changes took so many milliseconds at most.
    pub honest_p99_ms: Three,
    /// An author at another replica.
    pub other_p99_ms: Three,
    /// Whether all honest replicas still run.
    pub alive: bool,
    /// In quiet.
    pub before: Window,
    /// Under attack.
    pub during: Window,
    /// Afterwards.
    pub after: Window,
    /// Replicas that ended.
    pub ended: Vec<String>,
    /// KiB that it may make a replica write beside what honest authors write; none where nothing is said of it.
    pub written_kib_max: Option<u64>,
    /// Whether a replica was killed meanwhile: all wait for the votes of the attacker then.
    pub is_short: bool,
    /// Milliseconds from the end of the attack until both authors had a change confirmed.
    pub recovery_ms: u64,
}

impl Outcome {
    /// Of what was seen in three stretches of time.
    pub fn new(name: String, attacker_cores: f64, [before, during, after]: [Window; 3], ended: Vec<String>) -> Self {
        let three = |of: fn(&Window) -> u64| Three { before: of(&before), during: of(&during), after: of(&after) };
        Self {
            name,
            attacker_cores,
            held: true,
            harm: vec![],
            rss_mib: three(Window::rss_max),
            honest_p99_ms: three(|window| window.attacked.p99_ms),
            other_p99_ms: three(|window| window.other.p99_ms),
            alive: ended.is_empty(),
            before,
            during,
            after,
            ended,
            written_kib_max: None,
            is_short: false,
            recovery_ms: 0,
        }
    }

    /// With a bound for what is written.
    pub fn bounded(mut self, written_kib_max: Option<u64>) -> Self {
        self.written_kib_max = written_kib_max;
        self
    }

    /// With a replica killed meanwhile.
    pub fn short(mut self, is_short: bool) -> Self {
        self.is_short = is_short;
        self
    }

    /// With the time that it took afterwards until both authors were served.
    pub fn recovered(mut self, recovery: Duration) -> Self {
        self.recovery_ms = recovery.as_millis() as u64;
        self
    }

    /// With the harm that it did; delays count where others could be served in time.
    pub fn judged(mut self, delays_count: bool) -> Self {
        let delays = if delays_count && !self.is_short { self.delays() } else { vec![] };
        let late = self.late_recovery().filter(|_| delays_count);
        self.harm = self.lasting_harm().into_iter().chain(late).chain(delays).collect();
        self.held = self.harm.is_empty();
        self
    }

    /// Harm that does not depend on how busy the machine is: who ended, memory, bytes on disks, and who was not served
    /// at all.
    fn lasting_harm(&self) -> Vec<String> {
        let rss = self.during.rss_max().max(self.after.rss_max());
        let mut found = self.ended.clone();
        found.extend((rss > RSS_MAX_MIB).then(|| format!("{rss} MiB resident, at most {RSS_MAX_MIB}")));
        found.extend(self.unserved());
        found.extend(self.disk_harm());
        found
    }

    /// Authors who were not served at all: under the attack, afterwards, or even before, so that there is nothing to compare with.
    fn unserved(&self) -> Vec<String> {
        let windows = [("before", &self.before), ("during", &self.during), ("after", &self.after)];
        let authors = windows.into_iter().flat_map(|(when, window)| {
            [(when, "the attacked replica", &window.attacked), (when, "another replica", &window.other)]
        });
        let unserved = authors.filter(|(_, _, author)| author.changes == 0);
        unserved.map(|(when, who, _)| format!("no change of an author at {who} was confirmed {when}")).collect()
    }

    /// Authors who were served again too late.
    fn late_recovery(&self) -> Option<String> {
        let (took, allowed) = (self.recovery_ms, if self.is_short { SHORT_RECOVERY_MAX_MS } else { RECOVERY_MAX_MS });
        (took > allowed).then(|| format!("authors are served {took} ms after the attack, allowed {allowed}"))
    }

    /// Written beyond the bound, and beyond what as many honest changes cost in quiet.
    fn disk_harm(&self) -> Option<String> {
        let changes = |window: &Window| (window.attacked.changes + window.other.changes) as u64;
        let honest = self.before.written_max() * changes(&self.during) / changes(&self.before).max(1);
        let (written, allowed) = (self.during.written_max(), self.written_kib_max? + honest * HONEST_SLACK);
        (written > allowed).then(|| format!("{written} KiB written, at most {allowed}"))
    }

    /// Harm to those who wait.
    fn delays(&self) -> Vec<String> {
        let (before, during) = (&self.before, &self.during);
        let slow = |who: &str, before: &Service, during: &Service, tenths: u64| {
            let allowed = before.p99_ms.saturating_mul(tenths) / 10 + SLACK_MS;
            (during.p99_ms > allowed)
                .then(|| format!("an author at {who} waits {} ms, allowed {allowed}", shown(during.p99_ms)))
        };
        let health = during.attacked.health_max_ms.max(during.other.health_max_ms);
        let attacked = slow("the attacked replica", &before.attacked, &during.attacked, 10 * SLOWER_ATTACKED);
        let other = slow("another replica", &before.other, &during.other, SLOWER_OTHER_TENTHS);
        let probe = (health > HEALTH_MAX_MS).then(|| format!("/healthz takes {} ms", shown(health)));
        attacked.into_iter().chain(other).chain(probe).collect()
    }
}

/// A run.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Cores that all attackers at a time may use.
    pub attacker_cores: f64,
    /// Seconds of each attack.
    pub seconds: u64,
    /// Bytes of address space of each replica.
    pub address_space: Option<u64>,
    /// Whether delays count as harm.
    pub delays_count: bool,
    /// In their order.
    pub attacks: Vec<Outcome>,
}

impl Summary {
    /// Of a plan, with nothing in it yet.
    pub fn new(plan: &Plan) -> Self {
        let seconds = plan.each.as_secs();
        Self {
            attacker_cores: ATTACKER_CORES,
            seconds,
            address_space: plan.address_space,
            delays_count: plan.delays_count,
            attacks: vec![],
        }
    }

    /// Attacks that did harm.
    pub fn failed(&self) -> usize {
        self.attacks.iter().filter(|outcome| !outcome.held).count()
    }
}

fn shown(ms: u64) -> String {
    if ms == u64::MAX { "forever".to_owned() } else { ms.to_string() }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "attackers at {ATTACKER_CORES} cores together, {} s each", self.seconds)?;
        writeln!(f, "replica {ATTACKED} is attacked, replica {OTHER} serves another author; p99 in ms, memory in MiB")?;
        writeln!(
            f,
            "{:<20} {:>5} {:>20} {:>20} {:>7} {:>15} {:>9}",
            "attack", "cores", "attacked b/d/a", "other b/d/a", "healthz", "rss b/d/a", "disk KiB"
        )?;
        for outcome in &self.attacks {
            let Outcome { name, attacker_cores, rss_mib, honest_p99_ms, other_p99_ms, during, .. } = outcome;
            let (name, disk): (String, u64) = (name.chars().take(20).collect(), during.written_max());
            let health = shown(during.attacked.health_max_ms);
            writeln!(
                f,
                "{name:<20} {attacker_cores:>5.2} {honest_p99_ms:>20} {other_p99_ms:>20} {health:>7} {rss_mib:>15} {disk:>9}"
            )?;
            outcome.harm.iter().try_for_each(|what| writeln!(f, "    HARM {what}"))?;
        }
        write!(f, "{} attacks, {} did harm", self.attacks.len(), self.failed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> Window {
        let quiet = Service { changes: 1, due: 1, p50_ms: 1, p99_ms: 1, health_max_ms: 1 };
        Window { taken: vec![], attacked: quiet.clone(), other: quiet }
    }

    #[test]
    fn an_author_who_is_not_served_after_an_attack_was_harmed_by_it() {
        let mut after = window();
        after.other.changes = 0;

        let outcome = Outcome::new("floods".into(), 0.5, [window(), window(), after], vec![]).judged(false);

        assert_eq!(outcome.harm, ["no change of an author at another replica was confirmed after"]);
    }

    #[test]
    fn an_author_who_is_served_late_after_an_attack_was_harmed_by_it_unless_a_member_was_killed_too() {
        let harm = |is_short, ms| {
            let outcome = Outcome::new("floods".into(), 0.5, [window(), window(), window()], vec![]).short(is_short);
            outcome.recovered(Duration::from_millis(ms)).judged(true).harm
        };

        assert_eq!(harm(false, 5_001), ["authors are served 5001 ms after the attack, allowed 5000"]);
        assert_eq!((harm(false, 5_000), harm(true, 20_000)), (vec![], vec![]));
        assert_eq!(harm(true, 20_001).len(), 1);
    }

    fn outcome(ended: &[&str]) -> Outcome {
        let window = window();
        let ended = ended.iter().map(|who| (*who).to_owned()).collect();
        Outcome::new("floods".into(), 0.5, [window.clone(), window.clone(), window], ended).judged(true)
    }

    #[test]
    fn an_attack_that_did_harm_says_in_its_document_that_and_which() {
        let document = |ended: &[&str]| serde_json::to_value(outcome(ended)).expect("plain data");
        let (held, harmed) = (document(&[]), document(&["replica 1 ended"]));

        assert_eq!((&held["held"], &held["harm"]), (&true.into(), &serde_json::json!([])));
        assert_eq!((&harmed["held"], &harmed["harm"]), (&false.into(), &serde_json::json!(["replica 1 ended"])));
        assert_eq!(harmed["attacker_cores"], 0.5);
    }
}
