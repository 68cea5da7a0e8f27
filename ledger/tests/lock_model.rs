//! The lock manager against a plain reference: one list for all, every question asked of every pair.

mod support;

use proptest::prelude::*;
use quorate_ledger::{Ledger, LockMode, PathOutcome, RULES, State};
use std::collections::{BTreeMap, BTreeSet};
use support::locks::{acquire_for, release};
use support::world::{World, write};

const DOMAINS: [&str; 2] = ["main", "other"];
const PATHS: [&str; 7] = ["", "a", "a/b", "a/b/c", "a/d", "e", "e/f"];

/// Act of an author.
#[derive(Debug, Clone)]
enum Deed {
    Acquire { who: u8, place: (usize, usize), mode: LockMode, lease: u64, wait: u64 },
    Release { who: u8, place: (usize, usize) },
    Write { who: u8, place: (usize, usize) },
    Pass(u64),
}

/// A request: who, where.
type Key = (u8, usize, usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wants {
    mode: LockMode,
    /// Counted over everything: larger is later.
    asked: u64,
    until: u64,
    lease: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Request {
    held: Option<(LockMode, u64, u64)>,
    wants: Option<Wants>,
}

#[derive(Debug, Default, Clone)]
struct Model {
    requests: BTreeMap<Key, Request>,
    tokens: [u64; 2],
    asked: u64,
    now: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum Said {
    Held,
    Queued,
    Done,
    Refused,
}

/// Gray's table, row by row.
fn compatible(a: LockMode, b: LockMode) -> bool {
    let row = |mode| LockMode::ALL.iter().position(|known| *known == mode).expect("a mode");
    const TABLE: [[u8; 5]; 5] = [[1, 1, 1, 1, 0], [1, 1, 0, 0, 0], [1, 0, 1, 0, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]];
    TABLE[row(a)][row(b)] == 1
}

/// The locks that a request stands for: its own, and an intention on each folder above.
fn footprint(path: usize, mode: LockMode) -> Vec<(String, LockMode)> {
    let reads = matches!(mode, LockMode::Is | LockMode::S);
    let intention = if reads { LockMode::Is } else { LockMode::Ix };
    let parts: Vec<&str> = PATHS[path].split('/').filter(|part| !part.is_empty()).collect();
    let mut all: Vec<(String, LockMode)> = (0..parts.len()).map(|n| (parts[..n].join("/"), intention)).collect();
    all.push((PATHS[path].to_owned(), mode));
    all
}

fn clash(a: (usize, LockMode), b: (usize, LockMode)) -> bool {
    let (a, b) = (footprint(a.0, a.1), footprint(b.0, b.1));
    a.iter().any(|(path, mode)| b.iter().any(|(other, with)| path == other && !compatible(*mode, *with)))
}

fn joined(a: LockMode, b: LockMode) -> LockMode {
    let gives = |mode: LockMode| LockMode::ALL.map(|other| !compatible(mode, other));
    let (a, b) = (gives(a), gives(b));
    let enough = |mode: &LockMode| gives(*mode).iter().zip(a.iter().zip(&b)).all(|(g, (a, b))| *g || (!a && !b));
    let count = |mode: &LockMode| gives(*mode).iter().filter(|gives| **gives).count();
    LockMode::ALL.into_iter().filter(enough).min_by_key(count).expect("X gives all")
}

impl Model {
    fn turn(&self, key: &Key, asked: u64) -> (bool, u64) {
        (self.requests.get(key).is_none_or(|request| request.held.is_none()), asked)
    }

    /// Requests that a request stands behind.
    fn blockers(&self, key: &Key, mode: LockMode, asked: u64) -> BTreeSet<u8> {
        let mine = self.turn(key, asked);
        let others = self.requests.iter().filter(|(other, _)| other.0 != key.0 && other.1 == key.1);
        let blocking = others.filter(|(other, request)| {
            let held = request.held.is_some_and(|(held, ..)| clash((key.2, mode), (other.2, held)));
            let first = request.wants.is_some_and(|wants| {
                self.turn(other, wants.asked) < mine && clash((key.2, mode), (other.2, wants.mode))
            });
            held || first
        });
        blocking.map(|(other, _)| other.0).collect()
    }

    fn grant(&mut self, key: Key, mode: LockMode, lease: u64) {
        self.tokens[key.1] += 1;
        let request = self.requests.entry(key).or_default();
        let until = request.held.map_or(0, |(.., until)| until).max(self.now + lease);
        *request = Request { held: Some((mode, self.tokens[key.1], until)), wants: None };
    }

    fn promote(&mut self) {
        let mut line: Vec<(usize, (bool, u64), Key, Wants)> = Vec::new();
        for (key, request) in &self.requests {
            line.extend(request.wants.map(|wants| (key.1, self.turn(key, wants.asked), *key, wants)));
        }
        line.sort_unstable_by_key(|(domain, turn, ..)| (*domain, *turn));
        for (_, _, key, wants) in line {
            if wants.until > self.now && self.blockers(&key, wants.mode, wants.asked).is_empty() {
                self.grant(key, wants.mode, wants.lease);
            }
        }
    }

    fn forget_wish(&mut self, key: &Key) {
        let request = self.requests.get_mut(key).expect("it waits");
        request.wants = None;
        if request.held.is_none() {
            self.requests.remove(key);
        }
    }

    /// Ends the requests whose time is over, in the order of time, then of domain and the order in which the ledger
    /// keeps them.
    fn passes(&mut self, now: u64, order: impl Fn(&Key) -> (u32, Vec<u8>, Vec<u8>)) {
        self.now = now;
        loop {
            let ends = self.requests.iter().flat_map(|(key, request)| {
                let lease = request.held.map(|(.., until)| (until, *key));
                lease.into_iter().chain(request.wants.map(|wants| (wants.until, *key)))
            });
            let Some((_, key)) =
                ends.filter(|(until, _)| *until <= now).min_by_key(|(until, key)| (*until, order(key)))
            else {
                return;
            };
            match self.requests[&key].held {
                Some((.., until)) if until <= now => drop(self.requests.remove(&key)),
                _ => self.forget_wish(&key),
            }
            self.promote();
        }
    }

    fn edges(&self) -> Vec<(Key, u64, BTreeSet<u8>)> {
        let waiting = self.requests.iter().filter_map(|(key, request)| Some((key, request.wants?)));
        waiting.map(|(key, wants)| (*key, wants.asked, self.blockers(key, wants.mode, wants.asked))).collect()
    }

    /// Whether one author waits for another, directly or not.
    fn reaches(edges: &[(Key, u64, BTreeSet<u8>)], from: u8, to: u8) -> bool {
        let mut seen = BTreeSet::from([from]);
        loop {
            let next: BTreeSet<u8> =
                edges.iter().filter(|(key, ..)| seen.contains(&key.0)).flat_map(|(.., whom)| whom.clone()).collect();
            if next.contains(&to) {
                return true;
            }
            let before = seen.len();
            seen.extend(next);
            if seen.len() == before {
                return false;
            }
        }
    }

    /// The youngest request that lies on a circle.
    fn victim(&self) -> Option<(Key, u64)> {
        let edges = self.edges();
        let on_circle = edges
            .iter()
            .filter(|(key, _, whom)| whom.iter().any(|whom| *whom == key.0 || Self::reaches(&edges, *whom, key.0)));
        on_circle.map(|(key, asked, _)| (*key, *asked)).max_by_key(|(_, asked)| *asked)
    }

    fn acquire(&mut self, key: Key, mode: LockMode, lease: u64, wait: u64) -> Said {
        let before = self.clone();
        let known = self.requests.get(&key).copied().unwrap_or_default();
        if let Some(wants) = known.wants {
            return if joined(wants.mode, mode) == wants.mode { Said::Queued } else { Said::Refused };
        }
        if let Some((held, token, until)) = known.held
            && joined(held, mode) == held
        {
            let waited_for = self.requests.iter().any(|(other, request)| {
                let wants = request.wants.filter(|_| other.0 != key.0 && other.1 == key.1);
                wants.is_some_and(|wants| clash((other.2, wants.mode), (key.2, held)))
            });
            if waited_for {
                return Said::Refused;
            }
            self.requests.insert(key, Request { held: Some((held, token, until.max(self.now + lease))), wants: None });
            return Said::Held;
        }
        let mode = known.held.map_or(mode, |(held, ..)| joined(held, mode));
        let free = self.blockers(&key, mode, u64::MAX).is_empty();
        if !free && wait == 0 {
            return Said::Refused;
        }
        if free {
            self.grant(key, mode, lease);
        } else {
            self.asked += 1;
            let wants = Wants { mode, asked: self.asked, until: self.now + wait, lease };
            self.requests.insert(key, Request { held: known.held, wants: Some(wants) });
        }
        while let Some((victim, _)) = self.victim() {
            if victim == key {
                *self = before;
                return Said::Refused;
            }
            self.forget_wish(&victim);
            self.promote();
        }
        if free { Said::Held } else { Said::Queued }
    }

    fn release(&mut self, key: Key) -> Said {
        match self.requests.remove(&key) {
            None => Said::Refused,
            Some(_) => {
                self.promote();
                Said::Done
            }
        }
    }

    fn write(&self, key: Key) -> Said {
        let clashing = self.requests.iter().filter(|(other, _)| other.0 != key.0 && other.1 == key.1);
        let kept_out = clashing.filter_map(|(other, request)| Some((other.2, request.held?.0))).any(|(path, mode)| {
            let above = footprint(key.2, LockMode::X).iter().any(|(folder, _)| folder == PATHS[path]);
            above && !compatible(mode, LockMode::Ix)
        });
        if kept_out { Said::Refused } else { Said::Done }
    }
}

fn any_place() -> impl Strategy<Value = (usize, usize)> {
    (prop_oneof![3 => Just(0usize), 1 => Just(1usize)], 0..PATHS.len())
}

fn any_deed() -> impl Strategy<Value = Deed> {
    let mode = prop::sample::select(LockMode::ALL.to_vec());
    let (lease, wait) =
        (prop::sample::select(vec![100u64, 150, 400]), prop::sample::select(vec![0u64, 60, 300, 1_000]));
    prop_oneof![
        8 => (0u8..4, any_place(), mode, lease, wait)
            .prop_map(|(who, place, mode, lease, wait)| Deed::Acquire { who, place, mode, lease, wait }),
        3 => (0u8..4, any_place()).prop_map(|(who, place)| Deed::Release { who, place }),
        2 => (0u8..4, any_place()).prop_map(|(who, place)| Deed::Write { who, place }),
        1 => (1u64..200).prop_map(Deed::Pass),
    ]
}

fn any_rules() -> impl Strategy<Value = u32> {
    prop::sample::select(vec![RULES.oldest, RULES.newest])
}

/// The place of an end among those of one moment, as the ledger keeps it.
fn order(key: &Key) -> (u32, Vec<u8>, Vec<u8>) {
    use quorate_pbft::Signer as _;
    let name = [b"k", PATHS[key.2].as_bytes()].concat();
    (key.1 as u32, support::digest(&name).0.to_vec(), support::author(key.0).public_key().0.to_vec())
}

fn said(world: &mut World, deed: &Deed, count: usize) -> Said {
    let (who, domain, edit) = match deed {
        Deed::Acquire { who, place, mode, lease, wait } => {
            (*who, place.0, acquire_for(PATHS[place.1], *mode, *lease, *wait))
        }
        Deed::Release { who, place } => (*who, place.0, release(PATHS[place.1])),
        // A file of its own for each path, so that no file stands where a folder does.
        Deed::Write { who, place } => (*who, place.0, write(PATHS[place.1], &count.to_string())),
        Deed::Pass(_) => unreachable!("nobody's deed"),
    };
    let receipt = world.does_in(DOMAINS[domain], who, &[edit]);
    match (receipt.state, receipt.changes.first().map(|change| change.outcome)) {
        (State::Refused, _) => Said::Refused,
        (_, Some(PathOutcome::Locked)) => Said::Held,
        (_, Some(PathOutcome::Queued)) => Said::Queued,
        _ => Said::Done,
    }
}

/// Lock that is held (mode, token, end), lock that is awaited (mode, end), and the authors waited for.
type Shown = (Option<(LockMode, u64, u64)>, Option<(LockMode, u64)>, BTreeSet<u8>);

/// Locks that are held or awaited, as the ledger shows them.
fn shown(world: &World) -> BTreeMap<Key, Shown> {
    use quorate_pbft::Signer as _;
    let mut found = BTreeMap::new();
    let who = |key| (0..4).find(|who| support::author(*who).public_key() == key).expect("an author");
    for (number, domain) in DOMAINS.iter().enumerate() {
        for lock in world.view().locks(domain, "", None, 1_000).expect("known").items {
            let path = PATHS.iter().position(|path| *path == lock.path).expect("a path");
            let held = lock.held.map(|held| (held.mode, held.token, held.until.get()));
            let wants = lock.wants.map(|wants| (wants.mode, wants.until.get()));
            let whom = lock.waits_for.into_iter().map(who).collect();
            found.insert((who(lock.author), number, path), (held, wants, whom));
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_lock_manager_answers_as_the_plain_reference_does(
        rules in any_rules(),
        deeds in proptest::collection::vec(any_deed(), 1..60)
    ) {
        let (mut world, mut model) = (World::of(support::genesis_by(Some(rules))), Model::default());
        for (count, deed) in deeds.iter().enumerate() {
            let expected = match deed {
                Deed::Pass(ms) => {
                    world.passes(*ms);
                    model.passes(world.time, order);
                    continue;
                }
                Deed::Write { place, .. } if !matches!(PATHS[place.1], "a/b/c" | "a/d" | "e/f") => continue,
                deed => {
                    model.passes(world.time + 2, order);
                    match deed {
                        Deed::Acquire { who, place, mode, lease, wait } => {
                            model.acquire((*who, place.0, place.1), *mode, *lease, *wait)
                        }
                        Deed::Release { who, place } => model.release((*who, place.0, place.1)),
                        Deed::Write { who, place } => model.write((*who, place.0, place.1)),
                        Deed::Pass(_) => unreachable!("handled above"),
                    }
                }
            };
            prop_assert_eq!(said(&mut world, deed, count), expected, "deed {} {:?}", count, deed);
            let mut wanted = BTreeMap::new();
            for (key, request) in &model.requests {
                let whom = request.wants.map(|wants| model.blockers(key, wants.mode, wants.asked)).unwrap_or_default();
                wanted.insert(*key, (request.held, request.wants.map(|wants| (wants.mode, wants.until)), whom));
            }
            prop_assert_eq!(shown(&world), wanted, "after deed {} {:?}", count, deed);
        }
        let reopened = Ledger::open(&world.store, &world.genesis).expect("it was written");
        prop_assert_eq!(reopened.state_root(), world.ledger.state_root());
    }

    /// Whatever is asked for, in whatever order: nobody holds what clashes, nobody waits without a reason, nobody waits
    /// in a circle, and when time has passed everything is free again.
    #[test]
    fn locks_are_safe_and_nobody_waits_for_ever(
        rules in any_rules(),
        deeds in proptest::collection::vec(any_deed(), 1..60)
    ) {
        let mut world = World::of(support::genesis_by(Some(rules)));
        for (count, deed) in deeds.iter().enumerate() {
            match deed {
                Deed::Pass(ms) => world.passes(*ms),
                deed => drop(said(&mut world, deed, count)),
            }
            let all = shown(&world);
            for ((who, domain, path), (held, wants, whom)) in &all {
                for ((other, its_domain, its_path), (theirs, ..)) in &all {
                    if let (Some((a, ..)), Some((b, ..))) = (held, theirs)
                        && who != other && domain == its_domain
                    {
                        prop_assert!(!clash((*path, *a), (*its_path, *b)));
                    }
                }
                prop_assert_eq!(wants.is_some(), !whom.is_empty());
            }
            let edges: Vec<(Key, u64, BTreeSet<u8>)> =
                all.iter().map(|(key, (.., whom))| (*key, 0, whom.clone())).collect();
            prop_assert!((0..4).all(|who| !Model::reaches(&edges, who, who)));
        }
        for _ in 0..40 {
            world.passes(1_000);
        }
        prop_assert!(shown(&world).is_empty());
        prop_assert_eq!(world.view().next_deadline(), Ok(None));
    }
}
