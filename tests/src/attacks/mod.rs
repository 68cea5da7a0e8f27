//! Hostile clients and members against real processes: memory, latency of honest authors, and who lives.
//!
//! Four seats on loopback: three honest replicas, and one seat whose key an attacker holds. Honest authors write through
//! the attacked replica and through another one the whole time, so what an attack costs is a difference within one run.
//! Each attacker is a process of its own on a [`leash`]: all who attack at a time have half a core together. Without it
//! the machine would be measured.

pub mod attackers;
pub mod conduct;
pub mod disks;
pub mod group;
pub mod honest;
pub mod kernel;
pub mod leash;
pub mod meter;
pub mod summary;
pub mod target;

use attackers::Attack;
use group::Group;
use honest::Honest;
use leash::Leashed;
use meter::Meter;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use summary::{Outcome, Summary, Window};
use target::Target;

/// Share of a core that attackers may use, all that attack at a time.
pub const ATTACKER_CORES: f64 = 0.5;
/// The replica that clients attack.
pub const ATTACKED: usize = 0;
/// Another one, which should notice less.
pub const OTHER: usize = 1;
/// The replica that is silent where the attacker's votes must count.
const SILENT: usize = 2;
/// Between two looks at whether a turn is over.
const LOOK: Duration = Duration::from_millis(50);
/// Time after an attack for which authors are awaited that are not served again.
const SERVED_WITHIN: Duration = Duration::from_secs(30);
/// Between that and the look at what is left of the attack.
const SETTLES: Duration = Duration::from_secs(2);

/// Plan of a run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The `quorate` to run.
    pub program: PathBuf,
    /// Attacks, each alone, in their order.
    pub attacks: Vec<Attack>,
    /// Time that an author is measured before and after each attack.
    pub quiet: Duration,
    /// Time that each attack lasts; zero: none is played alone.
    pub each: Duration,
    /// Time that the attackers attack together in the end; zero: not at all.
    pub together: Duration,
    /// Whether delays count as harm; on a busy machine they are noise.
    pub delays_count: bool,
    /// Bytes of address space of each replica; none: as much as there is.
    pub address_space: Option<u64>,
}

/// Plays the plan; `tell` hears what is done next. In words, why there is no summary.
pub fn run(plan: &Plan, tell: impl Fn(&str)) -> Result<Summary, String> {
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    tell("a group, and a history of wide changes");
    let mut group = Group::start(&plan.program, folder.path(), plan.address_space)?;
    honest::write_history(&group)?;
    let mut summary = Summary::new(plan);
    for attack in plan.attacks.iter().filter(|_| !plan.each.is_zero()) {
        tell(&format!("{attack}: {}", attack.lie()));
        summary.attacks.push(play(plan, &mut group, &[*attack], plan.each)?);
    }
    if !plan.together.is_zero() {
        tell("all together");
        summary.attacks.push(play(plan, &mut group, &plan.attacks, plan.together)?);
    }
    Ok(summary)
}

/// Plays an attack, or several at once, between two quiet stretches.
fn play(plan: &Plan, group: &mut Group, attacks: &[Attack], lasts: Duration) -> Result<Outcome, String> {
    group.revive()?;
    let meter = Meter::of(group.pids());
    let honest = [ATTACKED, OTHER].map(|replica| Honest::start(group, replica));
    std::thread::sleep(SETTLES);
    let earned = attacks.first().filter(|_| attacks.len() == 1).and_then(|attack| attack.earns());
    if earned.is_some() {
        conduct::release(group.target())?;
    }
    let before = watch(plan.quiet, &meter, &honest);
    let begun = Instant::now();
    let attackers = Attackers::start(attacks, lasts, group.target())?;
    let unseated = earned.and_then(|_| conduct::await_seat(group.target()).err());
    if earned.is_some() {
        group.kill(SILENT);
    }
    let during = watch(lasts, &meter, &honest);
    let unearned = earned.and_then(|state| conduct::await_state(group.target(), state).err());
    let (had, idle) = attackers.end();
    let attacker_cores = had / begun.elapsed().as_secs_f64();
    let over = Instant::now();
    if earned.is_some() {
        group.revive()?;
    }
    let recovery = served_since(&honest, over);
    std::thread::sleep(SETTLES);
    let after = watch(plan.quiet, &meter, &honest);
    let ended = group.ended();
    let name = if let [one] = attacks { one.to_string() } else { "together".to_owned() };
    honest.into_iter().for_each(Honest::stop);
    let written_kib_max = attacks.iter().map(|attack| attack.written_kib_max(lasts.as_secs())).sum();
    let wronged = conduct::wronged(group.target());
    let ended = ended.into_iter().chain(idle).chain(unseated).chain(unearned).chain(wronged).collect();
    let outcome = Outcome::new(name, attacker_cores, [before, during, after], ended);
    Ok(outcome.bounded(written_kib_max).short(earned.is_some()).recovered(recovery).judged(plan.delays_count))
}

/// Waits until every author has had a change confirmed since a moment; the time from then until it was so, or that has passed in vain.
fn served_since(honest: &[Honest], moment: Instant) -> Duration {
    let is_served = |author: &Honest| author.between(moment, Instant::now()).changes > 0;
    while !honest.iter().all(is_served) && moment.elapsed() < SERVED_WITHIN {
        std::thread::sleep(LOOK);
    }
    moment.elapsed()
}

/// Attackers at work: all who need no member's key, and those who need it one after the other.
struct Attackers {
    strangers: Vec<Leashed>,
    members: JoinHandle<Vec<Result<f64, String>>>,
    over: Arc<AtomicBool>,
}

impl Attackers {
    /// Lets them attack for a time, held to their share of a core together.
    fn start(attacks: &[Attack], lasts: Duration, target: &Target) -> Result<Self, String> {
        let (members, strangers): (Vec<Attack>, Vec<Attack>) = attacks.iter().partition(|attack| attack.takes_seat());
        let at_a_time = strangers.len() + usize::from(!members.is_empty());
        let cores = ATTACKER_CORES / at_a_time.max(1) as f64;
        let strangers = strangers.into_iter().map(|attack| Leashed::start(attack, target, cores));
        let strangers = strangers.collect::<Result<Vec<_>, _>>()?;
        let over = Arc::new(AtomicBool::new(false));
        let seat =
            Seat { target: target.clone(), turn: lasts / members.len().max(1) as u32, cores, over: over.clone() };
        let members = std::thread::spawn(move || {
            let last = members.last().copied();
            members.into_iter().map(|attack| seat.lend(attack, Some(attack) == last)).collect()
        });
        Ok(Self { strangers, members, over })
    }

    /// Ends them; the processor seconds that they had, and in words who did not attack as it was to.
    fn end(self) -> (f64, Vec<String>) {
        self.over.store(true, Ordering::Relaxed);
        let members = self.members.join().unwrap_or_else(|_| vec![Err("a member's attacker panicked".into())]);
        let strangers = self.strangers.into_iter().map(Leashed::end);
        let (had, failed): (Vec<_>, Vec<_>) = strangers.chain(members).partition(Result::is_ok);
        (had.into_iter().flatten().sum(), failed.into_iter().filter_map(Result::err).collect())
    }
}

/// The member's key, lent to one attacker after the other.
struct Seat {
    target: Target,
    turn: Duration,
    cores: f64,
    over: Arc<AtomicBool>,
}

impl Seat {
    /// Lets one attack for its turn, and the last until all is over; the processor seconds that it had.
    fn lend(&self, attack: Attack, is_last: bool) -> Result<f64, String> {
        let end = Instant::now() + self.turn;
        let attacker = Leashed::start(attack, &self.target, self.cores)?;
        while !self.over.load(Ordering::Relaxed) && (is_last || Instant::now() < end) {
            std::thread::sleep(LOOK);
        }
        attacker.end()
    }
}

/// Lets a stretch of time pass and says what happened in it.
fn watch(lasts: Duration, meter: &Meter, honest: &[Honest]) -> Window {
    let begin = Instant::now();
    meter.begin();
    std::thread::sleep(lasts);
    let end = Instant::now();
    Window::of(meter.end(), honest.iter().map(|author| author.between(begin, end)).collect())
}
