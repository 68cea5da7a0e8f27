//! Figures of a run: how fast, over how many hops, for how many bytes.

use super::archive::Archive;
use super::world::{Crowd, Load, SECOND, World};
use crate::weather::Micros;
use quorate_pbft::SeqNum;
use quorate_spread::ROUND_MS;
use serde::Serialize;
use std::fmt;

/// Time after which a healed group must agree.
pub(super) const HEALED_WITHIN: Micros = 10 * SECOND;

/// Slots that count: those decided in this time.
pub(super) struct Window {
    pub(super) begins: Micros,
    pub(super) ends: Micros,
}

/// Way of news to the honest followers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct News {
    /// Followers that are honest.
    pub followers: usize,
    /// Slots that count.
    pub slots: usize,
    /// Milliseconds until half of the followers had executed a slot, in the middle of all slots and at worst.
    pub half_ms: (u64, u64),
    /// The same for 99 of a hundred.
    pub most_ms: (u64, u64),
    /// The same for all.
    pub all_ms: (u64, u64),
    /// Milliseconds of 99 % of all slots at all followers.
    pub p99_ms: u64,
    /// Followers that lack a slot in the end, summed over all slots.
    pub missing: usize,
    /// Hops of pushed news: middle and most.
    pub hops: (u8, u8),
    /// Bytes that a follower sends, and takes in, for each slot.
    pub bytes_out: u64,
    /// The same.
    pub bytes_in: u64,
    /// Bytes of a slot's decision and bundles, once.
    pub bytes_of_slot: u64,
    /// Frames of the whole run.
    pub frames: u64,
}

/// Load of a voter by its audience.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VoterLoad {
    /// Followers that it feeds in the end.
    pub fed: usize,
    /// Messages that it sends in a second.
    pub messages_out: u64,
    /// Bytes that it sends in a second.
    pub bytes_out: u64,
    /// Bytes that it takes in.
    pub bytes_in: u64,
}

/// Counts over the window.
pub(super) struct Counted {
    out: Vec<Load>,
    taken: Vec<Load>,
    pub(super) loads: Vec<VoterLoad>,
}

impl Counted {
    /// Counts since a moment's loads; called at the end of the window.
    pub(super) fn since(world: &World<'_>, crowd: Crowd, (out, taken): (Vec<Load>, Vec<Load>), seconds: u64) -> Self {
        let since = |now: &[Load], before: &[Load]| -> Vec<Load> {
            let pairs = now.iter().zip(before);
            pairs.map(|(a, b)| Load { messages: a.messages - b.messages, bytes: a.bytes - b.bytes }).collect()
        };
        let (out, taken) = (since(&world.sent, &out), since(&world.received, &taken));
        let load = |voter: usize| VoterLoad {
            fed: world.fed(voter),
            messages_out: out[voter].messages / seconds,
            bytes_out: out[voter].bytes / seconds,
            bytes_in: taken[voter].bytes / seconds,
        };
        let loads = (0..crowd.voters).map(load).collect();
        Self { out, taken, loads }
    }
}

fn slots<'a>(archive: &'a Archive, window: &'a Window) -> impl Iterator<Item = (SeqNum, Micros)> + 'a {
    let within = |at: &Micros| (window.begins..window.ends).contains(at);
    archive.decided_at().iter().filter(move |(_, at)| within(at)).map(|(seq, at)| (*seq, *at))
}

/// Times from the first decision of a slot to its execution, of the honest followers, ascending; none of those who lack it.
fn waits(world: &World<'_>, honest: &[usize], (seq, decided): (SeqNum, Micros)) -> Vec<Option<Micros>> {
    let row = world.executed_at.get(&seq);
    let at = |number: &usize| row.and_then(|row| row[*number]).map(|at| at.saturating_sub(decided));
    let mut waits: Vec<Option<Micros>> = honest.iter().map(at).collect();
    waits.sort_unstable_by_key(|wait| wait.unwrap_or(Micros::MAX));
    waits
}

/// Whether every honest follower has every slot of the window.
pub(super) fn all_have(world: &World<'_>, archive: &Archive, window: &Window) -> bool {
    let honest = world.honest();
    slots(archive, window).all(|slot| waits(world, &honest, slot).iter().all(Option::is_some))
}

/// The newest slot that any voter decided before.
pub(super) fn newest(archive: &Archive, before: Micros) -> SeqNum {
    let decided = archive.decided_at().iter().filter(|(_, at)| **at < before);
    decided.map(|(seq, _)| *seq).max().unwrap_or_default()
}

/// The first slot that was decided at a moment or later.
pub(super) fn next(archive: &Archive, from: Micros) -> Option<SeqNum> {
    archive.decided_at().iter().find(|(_, at)| **at >= from).map(|(seq, _)| *seq)
}

/// Whether no voter decided anything between two moments.
pub(super) fn stood_still(archive: &Archive, begin: Micros, end: Micros) -> bool {
    slots(archive, &Window { begins: begin, ends: end }).next().is_none()
}

/// Followers that lack a slot.
pub(super) fn behind(world: &World<'_>, seq: SeqNum) -> usize {
    waits(world, &world.honest(), (seq, 0)).iter().filter(|wait| wait.is_none()).count()
}

fn nth(sorted: &[Option<Micros>], percent: usize) -> Micros {
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied().flatten().unwrap_or(Micros::MAX)
}

fn middle_and_most<T: Copy + Ord + Default>(mut values: Vec<T>) -> (T, T) {
    values.sort_unstable();
    (values.get(values.len() / 2).copied().unwrap_or_default(), values.last().copied().unwrap_or_default())
}

impl News {
    pub(super) fn of(world: &World<'_>, archive: &Archive, window: &Window, crowd: Crowd, counted: &Counted) -> Self {
        let honest = world.honest();
        let rows: Vec<Vec<Option<Micros>>> = slots(archive, window).map(|slot| waits(world, &honest, slot)).collect();
        let ms = |percent| middle_and_most(rows.iter().map(|row| nth(row, percent) / 1_000).collect());
        let mut all: Vec<Option<Micros>> = rows.concat();
        all.sort_unstable_by_key(|wait| wait.unwrap_or(Micros::MAX));
        let of_followers = |loads: &[Load]| honest.iter().map(|at| loads[crowd.voters + at].bytes).sum::<u64>();
        let shares = (rows.len() * honest.len()).max(1) as u64;
        let weights: Vec<usize> = slots(archive, window).map(|(seq, _)| archive.weight(seq)).collect();
        Self {
            followers: honest.len(),
            slots: rows.len(),
            half_ms: ms(50),
            most_ms: ms(99),
            all_ms: ms(100),
            p99_ms: nth(&all, 99) / 1_000,
            missing: all.iter().filter(|wait| wait.is_none()).count(),
            hops: middle_and_most(world.hops()),
            bytes_out: of_followers(&counted.out) / shares,
            bytes_in: of_followers(&counted.taken) / shares,
            bytes_of_slot: (weights.iter().sum::<usize>() / weights.len().max(1)) as u64,
            frames: world.frames,
        }
    }
}

/// Milliseconds in rounds of anti-entropy, rounded up.
pub(super) fn rounds(ms: u64) -> u64 {
    ms.div_ceil(ROUND_MS)
}

/// A time in words.
pub(super) fn words(ms: u64) -> String {
    if ms >= Micros::MAX / 1_000 { "never".to_owned() } else { format!("{ms} ms") }
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { followers, slots, half_ms, most_ms, all_ms, p99_ms, hops, .. } = self;
        write!(f, "{slots} slots at {followers} honest followers (in the middle of all slots, at worst)")?;
        for (share, (middle, most)) in [("50 %", half_ms), ("99 %", most_ms), ("all", all_ms)] {
            write!(f, "; {share} {}, {}", words(*middle), words(*most))?;
        }
        write!(f, "; p99 {}; hops {}, at most {}", words(*p99_ms), hops.0, hops.1)?;
        let Self { bytes_out, bytes_in, bytes_of_slot, missing, frames, .. } = self;
        write!(
            f,
            "; bytes for each follower and slot: {bytes_in} in, {bytes_out} out, the slot itself {bytes_of_slot}"
        )?;
        write!(f, "; missing {missing}; {frames} frames")
    }
}
