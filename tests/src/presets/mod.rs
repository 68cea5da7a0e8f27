//! Kinds of trouble. Each turns a seed's dice into a plan.

mod changes;
mod onlookers;
mod rogues;
mod sessions;

use crate::attackers::Attack;
use crate::dice::Dice;
use crate::keys::Signatures;
use crate::plan::{Clock, Fault, FaultKind, Onlooker, Plan, Request, RequestKind};
use crate::weather::{Micros, Weather};
use quorate_ledger::RULES;
use quorate_pbft::{Constants, ReplicaId};
use std::fmt;
use std::str::FromStr;

/// Microseconds of a millisecond.
pub const MILLI: Micros = 1_000;
/// Microseconds of a second.
pub const SECOND: Micros = 1_000 * MILLI;

/// A kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Preset {
    /// No fault; the attacker has good weather too.
    Calm,
    /// Loss, copies, late messages.
    Lossy,
    /// The group falls apart and heals, links work in one direction.
    Partitions,
    /// Processes are killed and start again, the primary too.
    Crashes,
    /// Loss, partitions and crashes at once.
    Storm,
    /// The members stand on four continents.
    Regions,
    /// Wall clocks are off and jump.
    Clocks,
    /// Checkpoints every few slots and a small window, under load, so that everything is pruned all the time.
    Small,
    /// A short schedule: four replicas, a handful of requests, bad links.
    Short,
    /// The node's own engine: core, ledger and database, over disks whose power is cut in the middle of a commit.
    Disk,
    /// The member list changes, under crashes and partitions; checkpoints come every few slots.
    Epochs,
    /// A hundred replicas and few requests, in good weather.
    Large,
    /// Clients with sessions read and write at every level, at the node's own engine, under crashes and partitions.
    Levels,
    /// As many liars as the group bears, each of whom says two things, under partitions, and most of it in the calm.
    Liars,
}

/// Each preset, its name, and how often a seed has it.
const PRESETS: &[(Preset, &str, u64)] = &[
    (Preset::Calm, "calm", 4),
    (Preset::Lossy, "lossy", 12),
    (Preset::Partitions, "partitions", 14),
    (Preset::Crashes, "crashes", 18),
    (Preset::Storm, "storm", 20),
    (Preset::Regions, "regions", 4),
    (Preset::Clocks, "clocks", 6),
    (Preset::Small, "small", 12),
    (Preset::Short, "short", 10),
    (Preset::Disk, "disk", 8),
    (Preset::Epochs, "epochs", 8),
    (Preset::Large, "large", 0),
    (Preset::Levels, "levels", 0),
    (Preset::Liars, "liars", 0),
];

/// Group sizes and how often a seed has them, of 1,000.
const SIZES: &[(u64, usize)] = &[(40, 1), (500, 4), (120, 5), (100, 6), (140, 7), (91, 10), (7, 31), (2, 100)];

/// From this size on a run is kept short: each slot costs the square of it.
pub const LARGE: usize = 31;

/// To how many replicas of a large group a client hands what it hands to everybody elsewhere.
const EVERYWHERE_IN_LARGE_GROUPS: usize = 3;

/// Liars of a group of [`LARGE`] that talk, and of larger ones fewer, but one. The evidence against a single one costs
/// the cube of the group in messages: each lane carries it, to everybody, and everybody acknowledges it to everybody.
/// The others, up to f, are silent.
const LOUD_IN_LARGE_GROUPS: usize = 3;

/// Seeds of 100 that sign with ed25519.
const ED25519_PERCENT: u64 = 6;

/// Seeds of 100 whose genesis names the newest rules; the others' names none.
const NEWEST_RULES_PERCENT: u64 = 50;

/// Seeds of 100 in which somebody lies, where the group bears it.
const LIAR_PERCENT: u64 = 75;

/// Liars of 100 that are of those that were thought of later; they have dice of their own, so that old seeds keep
/// their runs.
const LATER_PERCENT: u64 = 30;

/// Liars of 100 that are of those that were thought of later still, with dice of their own again.
const NEWEST_PERCENT: u64 = 10;

/// Liars of 100 that are the newest of all, with dice of their own once more.
const LATEST_PERCENT: u64 = 5;

/// Liars of 100 that repeat what others signed, with dice of their own; where there is a ledger, replicas remember what
/// they have checked.
const REPEATERS_PERCENT: u64 = 4;
const REPEATERS_WITH_LEDGER_PERCENT: u64 = 20;

/// Liars of 100 that are about changes of the member list, where it changes.
const OF_EPOCHS_PERCENT: u64 = 40;

impl Preset {
    /// Presets in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        PRESETS.iter().map(|(preset, ..)| *preset)
    }

    /// The one that a seed has by itself.
    pub fn of(dice: &mut Dice) -> Self {
        let weights: Vec<(u64, Self)> = PRESETS.iter().map(|(preset, _, weight)| (*weight, *preset)).collect();
        *dice.weighted(&weights)
    }

    /// Plan that this kind of trouble makes with these dice.
    pub fn plan(self, seed: u64, dice: &Dice) -> Plan {
        let n = self.size(&mut dice.fork(2));
        let mut planner = Planner {
            preset: self,
            n,
            people: n,
            dice: dice.fork(3),
            drift: dice.fork(4),
            later: dice.fork(5),
            rogue: dice.fork(6),
            newest: dice.fork(7),
            latest: dice.fork(8),
            onlookers: dice.fork(9),
            changes: dice.fork(11),
            sessions: dice.fork(12),
            joiners: dice.fork(13),
            rules: dice.fork(14),
            crafted: dice.fork(15),
            repeaters: dice.fork(16),
        };
        planner.plan(seed)
    }

    fn size(self, dice: &mut Dice) -> usize {
        match self {
            Self::Short => 4,
            Self::Large => 100,
            Self::Epochs => *dice.pick(&[1, 4, 4, 4, 5, 6, 7, 7]),
            Self::Disk | Self::Levels => *dice.pick(&[1, 4, 4, 4, 4, 5, 7]),
            Self::Liars => *dice.pick(&[4, 7, 7, 10]),
            _ => *dice.weighted(SIZES),
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = PRESETS.iter().find(|(preset, ..)| preset == self).map_or("?", |(_, name, _)| *name);
        f.write_str(name)
    }
}

impl FromStr for Preset {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = PRESETS.iter().find(|(_, known, _)| *known == name).map(|(preset, ..)| *preset);
        let names = || PRESETS.iter().map(|(_, name, _)| *name).collect::<Vec<_>>().join(", ");
        found.ok_or_else(|| format!("there is no preset `{name}`; there are {}", names()))
    }
}

struct Planner {
    preset: Preset,
    n: usize,
    /// Members, and those who join later.
    people: usize,
    dice: Dice,
    /// For rates of clocks.
    drift: Dice,
    /// For liars that were thought of later.
    later: Dice,
    /// For authors who lie.
    rogue: Dice,
    /// For liars that were thought of later still.
    newest: Dice,
    /// For the newest liars of all.
    latest: Dice,
    /// For followers and those who lie to them.
    onlookers: Dice,
    /// For changes of the member list.
    changes: Dice,
    /// For clients with sessions.
    sessions: Dice,
    /// For the newest liars where the member list changes.
    joiners: Dice,
    /// For the rules of the genesis.
    rules: Dice,
    /// For authors with tools for signatures.
    crafted: Dice,
    /// For liars that repeat what others signed.
    repeaters: Dice,
}

impl Planner {
    fn plan(&mut self, seed: u64) -> Plan {
        let calm_at = self.calm_at();
        let mut attackers = self.attackers();
        let lists = self.lists(&attackers);
        if self.preset == Preset::Epochs {
            changes::liars(&mut self.joiners, self.n, &lists, &mut attackers);
        }
        self.people = lists.iter().flatten().map(|place| place.index() + 1).max().unwrap_or_default().max(self.n);
        Plan {
            seed,
            preset: self.preset,
            n: self.n,
            lists,
            constants: self.constants(),
            signatures: self.signatures(),
            rules: self.rules.chance(NEWEST_RULES_PERCENT).then_some(RULES.newest),
            weather: self.weather(),
            faults: self.faults(calm_at, &attackers),
            requests: self.all_requests(if self.preset == Preset::Liars { 2 * SECOND } else { calm_at }, &attackers),
            clocks: self.clocks(),
            onlookers: self.onlookers(calm_at, &attackers),
            attackers,
            calm_at,
        }
    }

    /// Member lists after the first.
    fn lists(&mut self, attackers: &[(ReplicaId, Attack)]) -> Vec<Vec<ReplicaId>> {
        if self.preset != Preset::Epochs {
            return Vec::new();
        }
        let liars: Vec<ReplicaId> = attackers.iter().map(|(liar, _)| *liar).collect();
        changes::lists(&mut self.changes, self.n, &liars)
    }

    /// Followers of the core alone: their book executes what the group's books do.
    fn onlookers(&mut self, calm_at: Micros, attackers: &[(ReplicaId, Attack)]) -> Vec<Onlooker> {
        match self.preset {
            Preset::Disk | Preset::Levels | Preset::Epochs => Vec::new(),
            _ if self.n >= LARGE => Vec::new(),
            _ => onlookers::onlookers(self.onlookers.clone(), self.n, attackers, calm_at),
        }
    }

    /// The node's own engine knows ed25519 only.
    fn signatures(&mut self) -> Signatures {
        let real = self.dice.chance(ED25519_PERCENT) || matches!(self.preset, Preset::Disk | Preset::Levels);
        if real { Signatures::Ed25519 } else { Signatures::Keyed }
    }

    fn calm_at(&mut self) -> Micros {
        match self.preset {
            _ if self.n >= LARGE => self.dice.between(500 * MILLI, SECOND),
            Preset::Short => self.dice.between(300 * MILLI, SECOND),
            Preset::Liars => self.dice.between(MILLI, SECOND),
            Preset::Calm | Preset::Regions | Preset::Disk | Preset::Levels => self.dice.between(SECOND, 2 * SECOND),
            _ => self.dice.between(SECOND, 5 * SECOND),
        }
    }

    fn constants(&mut self) -> Constants {
        let mut constants = Constants::default();
        if matches!(self.preset, Preset::Small | Preset::Epochs | Preset::Levels) || self.dice.chance(30) {
            constants.checkpoint_period = *self.dice.pick(&[2, 4, 8, 16]);
            constants.window = constants.checkpoint_period * self.dice.between(2, 4);
        }
        if self.dice.chance(50) {
            constants.base_timeout_ms = self.dice.between(100, 500);
            constants.timeout_cap_ms = constants.base_timeout_ms * self.dice.between(4, 30);
        }
        constants
    }

    /// Up to f of them, the first primary as often as anybody.
    fn attackers(&mut self) -> Vec<(ReplicaId, Attack)> {
        let most = (self.n - 1) / 3;
        if self.preset == Preset::Liars {
            return self.liars(most);
        }
        if most == 0 || !self.dice.chance(LIAR_PERCENT) {
            return Vec::new();
        }
        let repeaters_percent = match self.preset {
            Preset::Disk | Preset::Levels => REPEATERS_WITH_LEDGER_PERCENT,
            _ => REPEATERS_PERCENT,
        };
        let count = self.dice.between(1, most as u64);
        let mut others: Vec<ReplicaId> = self.all().collect();
        let mut attackers = Vec::new();
        for _ in 0..count {
            let liar = others.swap_remove(self.dice.below(others.len() as u64) as usize);
            let attack = *self.dice.weighted(Attack::ALL);
            let later = self.later.chance(LATER_PERCENT).then(|| *self.later.weighted(Attack::LATER));
            let newest = self.newest.chance(NEWEST_PERCENT).then(|| *self.newest.weighted(Attack::NEWEST));
            let latest = self.latest.chance(LATEST_PERCENT).then(|| *self.latest.weighted(Attack::LATEST));
            let repeater = self.repeaters.chance(repeaters_percent).then_some(Attack::Repeater);
            let later = repeater.or(latest).or(newest).or(later);
            let of_epochs = self.preset == Preset::Epochs && self.changes.chance(OF_EPOCHS_PERCENT);
            let later = if of_epochs { Some(*self.changes.weighted(Attack::OF_EPOCHS)) } else { later };
            let loud = self.n < LARGE || attackers.len() < (LOUD_IN_LARGE_GROUPS * LARGE / self.n).max(1);
            attackers.push((liar, if loud { later.unwrap_or(attack) } else { Attack::Silent }));
        }
        attackers.sort_unstable_by_key(|(liar, _)| *liar);
        attackers
    }

    /// The first primary, and others as far as the group bears them; often an equivocator and its accomplice.
    fn liars(&mut self, count: usize) -> Vec<(ReplicaId, Attack)> {
        let mut others: Vec<ReplicaId> = self.all().skip(1).collect();
        let mut liars = vec![(ReplicaId::new(0), *self.dice.weighted(Attack::OF_TWO_WORDS))];
        for _ in 1..count {
            let liar = others.swap_remove(self.dice.below(others.len() as u64) as usize);
            liars.push((liar, *self.dice.weighted(Attack::OF_TWO_WORDS)));
        }
        if count > 1 && self.dice.chance(40) {
            (liars[0].1, liars[1].1) = (Attack::Equivocator, Attack::Accomplice);
        }
        liars.sort_unstable_by_key(|(liar, _)| *liar);
        liars
    }

    fn weather(&mut self) -> Weather {
        let calm = Weather::CALM;
        let dice = &mut self.dice;
        match self.preset {
            Preset::Calm | Preset::Large => calm,
            Preset::Regions => Weather { regions: true, late_percent: dice.below(3), ..calm },
            Preset::Lossy | Preset::Storm | Preset::Short => Weather {
                delay_max: dice.between(2, 80) * MILLI,
                late_percent: dice.below(8),
                lost_percent: dice.below(30),
                twice_percent: dice.below(30),
                commit_max: dice.between(1, 20) * MILLI,
                ..calm
            },
            Preset::Partitions
            | Preset::Crashes
            | Preset::Clocks
            | Preset::Small
            | Preset::Epochs
            | Preset::Disk
            | Preset::Levels
            | Preset::Liars => Weather {
                delay_max: dice.between(1, 20) * MILLI,
                late_percent: dice.below(3),
                lost_percent: if dice.chance(50) { 0 } else { dice.below(10) },
                twice_percent: dice.below(10),
                commit_max: dice.between(1, 20) * MILLI,
                ..calm
            },
        }
    }

    fn faults(&mut self, calm_at: Micros, attackers: &[(ReplicaId, Attack)]) -> Vec<Fault> {
        let kinds: &[(u64, Break)] = match self.preset {
            Preset::Calm | Preset::Lossy | Preset::Regions | Preset::Large => &[],
            Preset::Partitions | Preset::Liars => &[(3, Break::Partition), (2, Break::OneWay)],
            Preset::Crashes | Preset::Disk => &[(6, Break::Crash), (1, Break::Blackout)],
            Preset::Clocks => &[(3, Break::Clock), (1, Break::Crash)],
            Preset::Small => &[(2, Break::Crash), (1, Break::Partition), (1, Break::OneWay)],
            Preset::Epochs | Preset::Levels => {
                &[(4, Break::Crash), (1, Break::Blackout), (2, Break::Partition), (1, Break::OneWay)]
            }
            Preset::Storm | Preset::Short => {
                &[(5, Break::Crash), (1, Break::Blackout), (2, Break::Partition), (2, Break::OneWay), (1, Break::Clock)]
            }
        };
        if kinds.is_empty() {
            return Vec::new();
        }
        let count = if self.preset == Preset::Short { self.dice.below(4) } else { self.dice.between(1, 10) };
        let honest = |replica: ReplicaId| attackers.iter().all(|(liar, _)| *liar != replica);
        let mut faults: Vec<Fault> = (0..count)
            .map(|_| {
                let kind = *self.dice.weighted(kinds);
                Fault {
                    at: self.dice.below(calm_at),
                    lasts: self.dice.between(10 * MILLI, calm_at),
                    kind: self.fault(kind, &honest),
                }
            })
            .collect();
        faults.sort_by_key(|fault| fault.at);
        faults
    }

    fn fault(&mut self, kind: Break, honest: &impl Fn(ReplicaId) -> bool) -> FaultKind {
        match kind {
            Break::Crash => {
                let honest: Vec<ReplicaId> = self.all().filter(|replica| honest(*replica)).collect();
                FaultKind::Crash(*self.dice.pick(&honest))
            }
            Break::Blackout => FaultKind::Blackout,
            Break::Partition => {
                let side = self.all().filter(|_| self.dice.chance(40)).collect();
                FaultKind::Partition(side)
            }
            Break::OneWay => FaultKind::OneWay { from: self.any(), to: self.any() },
            Break::Clock => FaultKind::Clock(self.any(), self.dice.between(0, 10_000) as i64 - 5_000),
        }
    }

    fn all_requests(&mut self, calm_at: Micros, attackers: &[(ReplicaId, Attack)]) -> Vec<Request> {
        if self.preset == Preset::Levels {
            let is_honest = |replica: &ReplicaId| attackers.iter().all(|(liar, _)| liar != replica);
            let honest: Vec<ReplicaId> = self.all().filter(is_honest).collect();
            let mut requests = sessions::requests(&mut self.sessions, &honest, calm_at);
            requests.sort_by_key(|request| request.at);
            return requests;
        }
        let mut requests = self.requests(calm_at);
        requests.extend(rogues::requests(self.preset, self.n, self.rogue.clone(), calm_at));
        let liars: Vec<ReplicaId> = attackers.iter().map(|(liar, _)| *liar).collect();
        requests.extend(rogues::crafted(self.preset, self.n, self.crafted.clone(), calm_at, &liars));
        if self.preset == Preset::Epochs {
            requests.extend(changes::requests(&mut self.changes, self.n, calm_at));
        }
        requests.sort_by_key(|request| request.at);
        requests
    }

    fn requests(&mut self, calm_at: Micros) -> Vec<Request> {
        let count = match self.preset {
            _ if self.n >= LARGE => self.dice.between(2, 6),
            Preset::Short => self.dice.between(1, 6),
            Preset::Small => self.dice.between(20, 120),
            _ => self.dice.between(4, 40),
        };
        let mut requests: Vec<Request> = (0..count)
            .map(|_| {
                let kind = if self.dice.chance(15) { RequestKind::Read(self.any()) } else { self.write() };
                Request { at: self.dice.below(calm_at), kind }
            })
            .collect();
        requests.sort_by_key(|request| request.at);
        requests
    }

    fn write(&mut self) -> RequestKind {
        let everywhere = self.dice.chance(25);
        let to = match everywhere {
            true if self.n >= LARGE => (0..EVERYWHERE_IN_LARGE_GROUPS).map(|_| self.any()).collect(),
            true => self.all().collect(),
            false => vec![self.any()],
        };
        let bytes = if self.dice.chance(5) { 100_000 } else { self.dice.between(1, 300) as u32 };
        RequestKind::Write { author: self.dice.below(4) as u16, to, bytes }
    }

    /// Apart so little, and drifting so slowly, that until the end of a run no two wall clocks differ by more than what
    /// T2 bears; the clocks that timers run by may.
    fn clocks(&mut self) -> Vec<Clock> {
        let bad = self.preset == Preset::Clocks;
        let (ahead, wall, ticks) = if bad { (600, 10_000, 200_000) } else { (300, 400, 400) };
        let mut rates = self.drift.clone();
        let about = |dice: &mut Dice, most: u64| dice.below(most) as i64 - most as i64 / 2;
        (0..self.people)
            .map(|_| Clock {
                ahead_ms: about(&mut self.dice, ahead),
                wall_ppm: about(&mut rates, wall),
                ticks_ppm: about(&mut rates, ticks),
            })
            .collect()
    }

    fn all(&self) -> impl Iterator<Item = ReplicaId> + use<> {
        (0..self.people as u16).map(ReplicaId::new)
    }

    fn any(&mut self) -> ReplicaId {
        ReplicaId::new(self.dice.below(self.people as u64) as u16)
    }
}

#[derive(Clone, Copy)]
enum Break {
    Crash,
    Blackout,
    Partition,
    OneWay,
    Clock,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_alone_fixes_the_plan() {
        let plan = |seed| format!("{:?}", Plan::of(seed, None));
        assert_eq!(plan(5), plan(5));
        assert_ne!(plan(5), plan(6));
    }

    #[test]
    fn never_more_than_f_lie_and_a_group_has_every_size() {
        let plans: Vec<Plan> = (0..2_000).map(|seed| Plan::of(seed, None)).collect();
        assert!(plans.iter().all(|plan| plan.attackers.len() <= plan.faulty_max()));
        for (_, size) in SIZES {
            assert!(plans.iter().any(|plan| plan.n == *size), "no group of {size}");
        }
    }

    #[test]
    fn every_preset_is_found_by_its_name() {
        for preset in Preset::all() {
            assert_eq!(preset.to_string().parse(), Ok(preset));
        }
        assert!("sunshine".parse::<Preset>().is_err());
    }
}
