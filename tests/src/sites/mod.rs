//! Hundreds of sites in virtual time: real replicas decide, real followers spread what was decided, some of them lie, and
//! the bounds of `docs/scale.md` are held against what came of it.
//!
//! The group is played first and written down ([`group`]); no follower can touch it, and so the same slots come to every
//! audience. Then the audience is played ([`world`]): each follower is the real core with its part in spreading.

mod archive;
mod frames;
mod group;
mod lies;
mod measure;
mod sides;
mod site;
mod summary;
mod voter;
mod world;

pub use lies::Lie;
pub use measure::{News, VoterLoad};
pub use sides::Shape;
pub use summary::{Healed, Summary, Sybils};

use crate::keys::{Keys, Signatures};
use crate::weather::{Micros, Weather};
use archive::Archive;
use group::Group;
use measure::Window;
use quorate_pbft::SeqNum;
use sides::Partition;
use std::time::Instant;
use world::{Crowd, SECOND, World};

/// Sites to play.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Replicas.
    pub voters: usize,
    /// Followers.
    pub observers: usize,
    /// Whether nodes stand in five regions.
    pub regions: bool,
    /// Followers in a hundred that lie, where some do.
    pub liars: u64,
    /// Strangers at two doors.
    pub sybils: usize,
    /// Virtual seconds that count.
    pub seconds: u64,
    /// Milliseconds between two changes.
    pub change_every_ms: u64,
    /// Shapes of partitions.
    pub shapes: Vec<Shape>,
    /// Seed of everything.
    pub seed: u64,
}

/// Time before anything counts: the audience joins.
const WARM_UP: Micros = 15 * SECOND;
/// A partition lasts so long; then the healing counts.
const PARTED: Micros = 30 * SECOND;
/// The audience is watched so long after the last slot that counts: eight rounds of anti-entropy.
const PATIENCE: Micros = 80 * SECOND;

/// Plays all runs of a plan.
pub fn sites(plan: &Plan, tell: impl Fn(&str)) -> Summary {
    let began = Instant::now();
    let keys = Keys::new(plan.voters, Signatures::Keyed);
    let weather = Weather { regions: plan.regions, ..Weather::CALM };
    let sites = Sites { plan, keys: &keys, weather };
    let archive = sites.group(None, WARM_UP + plan.seconds * SECOND);
    tell("the voters are played");
    let audience = |observers, liars, sybils| Crowd { voters: plan.voters, observers, liars, sybils };
    let (calm, loads) = sites.news(&archive, audience(plan.observers, 0, 0));
    tell(&format!("calm: {calm}"));
    let (_, loads_of_half) = sites.news(&archive, audience(plan.observers / 2, 0, 0));
    tell("half of the audience is played");
    let (lied, _) = sites.news(&archive, audience(plan.observers, plan.liars, 0));
    tell(&format!("{} % liars: {lied}", plan.liars));
    let sybils = sites.sybils(&archive, audience(plan.observers, 0, plan.sybils));
    tell(&format!("sybils: {sybils}"));
    let healed = plan.shapes.iter().map(|shape| {
        let healed = sites.healed(*shape, audience(plan.observers, 0, 0));
        tell(&healed.to_string());
        healed
    });
    let healed = healed.collect();
    let seconds = began.elapsed().as_secs_f64();
    Summary::of(plan, calm, lied, (loads, loads_of_half), sybils, healed, seconds)
}

struct Sites<'a> {
    plan: &'a Plan,
    keys: &'a Keys,
    weather: Weather,
}

impl Sites<'_> {
    fn group(&self, partition: Option<&Partition>, until: Micros) -> Archive {
        let every = self.plan.change_every_ms * 1_000;
        Group::new(self.keys, self.weather, partition, every, self.plan.seed).play(until)
    }

    fn world<'a>(&'a self, archive: &'a Archive, partition: Option<&'a Partition>, crowd: Crowd) -> World<'a> {
        World::new(self.keys, self.weather, archive, partition, crowd, self.plan.seed)
    }

    fn news(&self, archive: &Archive, crowd: Crowd) -> (News, Vec<VoterLoad>) {
        let mut world = self.world(archive, None, crowd);
        let end = WARM_UP + self.plan.seconds * SECOND;
        world.play(WARM_UP);
        let before = (world.sent.clone(), world.received.clone());
        world.play(end);
        let window = Window { begins: WARM_UP, ends: end };
        let counted = measure::Counted::since(&world, crowd, before, self.plan.seconds);
        let mut at = end;
        while at < end + PATIENCE && !measure::all_have(&world, archive, &window) {
            at += SECOND;
            world.play(at);
        }
        (News::of(&world, archive, &window, crowd, &counted), counted.loads)
    }

    fn sybils(&self, archive: &Archive, crowd: Crowd) -> Sybils {
        let mut world = self.world(archive, None, crowd);
        world.play(WARM_UP);
        let inside = world.sybils_inside();
        world.play(WARM_UP + self.plan.seconds * SECOND);
        Sybils {
            sybils: crowd.sybils,
            inside_early: inside,
            inside_late: world.sybils_inside(),
            kept_out: world.kept_out,
        }
    }

    /// Cuts the world apart, heals it, and looks when everybody has what was decided before the healing, and the first slot after it.
    fn healed(&self, shape: Shape, crowd: Crowd) -> Healed {
        let (begins, heals) = (WARM_UP, WARM_UP + PARTED);
        let nodes = crowd.voters + crowd.observers;
        let partition = Partition::new(shape, (crowd.voters, nodes), (begins, heals), self.plan.seed);
        let archive = self.group(Some(&partition), heals + 3 * measure::HEALED_WITHIN);
        let mut world = self.world(&archive, Some(&partition), crowd);
        world.play(heals);
        let newest = measure::newest(&archive, heals);
        let behind = measure::behind(&world, newest);
        let limit = heals + 3 * measure::HEALED_WITHIN;
        let at = until_all_have(&mut world, newest, heals, limit);
        let still_behind = measure::behind(&world, newest);
        let next = measure::next(&archive, heals);
        let next_at = next.map(|next| until_all_have(&mut world, next, at, limit));
        let next_at = next_at.filter(|_| next.is_some_and(|next| measure::behind(&world, next) == 0));
        let (ms, next_ms) = ((at - heals) / 1_000, next_at.map(|at| (at - heals) / 1_000));
        let stood_still = measure::stood_still(&archive, begins + PARTED / 2, heals);
        Healed { shape, slots: newest.get(), behind, still_behind, stood_still, ms, next_ms }
    }
}

/// Plays on until every honest follower has a slot, or a moment has come; when that is.
fn until_all_have(world: &mut World<'_>, seq: SeqNum, mut at: Micros, limit: Micros) -> Micros {
    while at < limit && measure::behind(world, seq) > 0 {
        at += SECOND / 10;
        world.play(at);
    }
    at
}
