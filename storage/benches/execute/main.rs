//! Cost of executing a change: with few and many files in state, in memory and over the database, and with open
//! conflicts elsewhere. `cargo bench -p quorate-storage --bench execute [rounds]`
//!
//! A change is a signed envelope with one put of 256 bytes, checked before. Machines are noisy: the groups that are
//! compared take turns, and the medians of all turns are told. `executing` is what comes before the commit.
//! `memory|redb FILES CHANGES SLOTS` runs that alone, for a profiler.

mod group;
mod meter;
#[path = "../../../ledger/tests/support/mod.rs"]
mod support;

use group::{Group, Place};
use meter::{Cost, median};
use std::path::{Path, PathBuf};

/// Turns of each group, if nobody asks for more.
const ROUNDS: usize = 9;
/// Files in state, the first being what the others are compared with.
const FILES: [usize; 3] = [1_000, 100_000, 1_000_000];
/// (changes in a slot, slots in a turn).
const SLOTS: [(usize, usize); 3] = [(1, 200), (100, 10), (1_000, 2)];
/// Files, and paths in conflict beside them.
const ELSEWHERE: (usize, usize) = (100_000, 10_000);
/// Conflicts on a page.
const PAGES: [usize; 2] = [100, 1_000];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let numbers: Vec<usize> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let folder = std::env::var_os("TMPDIR").map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from);
    let place = if words.iter().any(|word| word == "redb") { Place::Redb } else { Place::Memory };
    match numbers[..] {
        [files, changes, slots] => alone(place, files, changes, slots, &folder),
        _ => {
            let rounds = numbers.first().copied().unwrap_or(ROUNDS);
            scale(Place::Memory, rounds, &folder);
            scale(Place::Redb, rounds, &folder);
            conflicts(rounds, &folder);
        }
    }
}

fn alone(place: Place, files: usize, changes: usize, slots: usize, folder: &Path) {
    let cost = Group::loaded(place, files, folder).change(slots, changes);
    let each = |cpu| cpu / (changes * slots) as u64;
    println!("{} ns of processor time a change, {} of it executing", each(cost.cpu), each(cost.executing));
}

/// A change with few and many files.
fn scale(place: Place, rounds: usize, folder: &Path) {
    let mut groups = FILES.map(|files| Group::loaded(place, files, folder));
    println!(
        "| {} | files | executing us | cpu us | wall us | bytes written | executing, cpu, wall, bytes: times {} files |",
        place.name(),
        FILES[0]
    );
    println!("|---|---|---|---|---|---|---|");
    for (changes, slots) in SLOTS {
        let medians = medians(&mut groups, rounds, changes, slots);
        for (files, cost) in FILES.iter().zip(&medians) {
            println!("| {changes} a slot | {files} | {} |", told(cost, &medians[0]));
        }
    }
    println!();
}

/// A change elsewhere with and without open conflicts, and the page that lists them.
fn conflicts(rounds: usize, folder: &Path) {
    let (files, paths) = ELSEWHERE;
    println!(
        "| {files} files | open conflicts | executing us | cpu us | wall us | bytes written | executing, cpu, wall, bytes: times 0 open |"
    );
    println!("|---|---|---|---|---|---|---|");
    for place in [Place::Memory, Place::Redb] {
        let mut groups = [false, true].map(|are_open| {
            let mut group = Group::loaded(place, files, folder);
            group.write_elsewhere(paths, are_open);
            group
        });
        for (changes, slots) in SLOTS {
            let medians = medians(&mut groups, rounds, changes, slots);
            for (open, cost) in [0, paths].iter().zip(&medians) {
                println!("| {}, {changes} a slot | {open} | {} |", place.name(), told(cost, &medians[0]));
            }
        }
        for limit in PAGES {
            let (costs, shown): (Vec<Cost>, Vec<usize>) = (0..rounds).map(|_| groups[1].list(limit)).unzip();
            assert!(shown.iter().all(|shown| *shown == limit));
            println!("| {}, a page of {limit} | {paths} | | {:.1} | | | |", place.name(), us(median_of(&costs, 1).cpu));
        }
    }
}

/// Nanoseconds and bytes a change of each group, which take turns after one turn that does not count.
fn medians<const N: usize>(groups: &mut [Group; N], rounds: usize, changes: usize, slots: usize) -> [Cost; N] {
    let mut costs = [const { Vec::new() }; N];
    for round in 0..=rounds {
        for (group, costs) in groups.iter_mut().zip(&mut costs) {
            let cost = group.change(slots, changes);
            if round > 0 {
                costs.push(cost);
            }
        }
    }
    costs.map(|costs| median_of(&costs, (changes * slots) as u64))
}

fn median_of(costs: &[Cost], of: u64) -> Cost {
    let middle = |part: fn(&Cost) -> u64| median(costs.iter().map(part).collect()) / of;
    Cost {
        cpu: middle(|cost| cost.cpu),
        executing: middle(|cost| cost.executing),
        wall: middle(|cost| cost.wall),
        written: middle(|cost| cost.written),
    }
}

fn told(cost: &Cost, least: &Cost) -> String {
    let times = |part: fn(&Cost) -> u64| match part(least) {
        0 => "-".to_owned(),
        least => format!("{:.2}", part(cost) as f64 / least as f64),
    };
    let parts: [fn(&Cost) -> u64; 4] = [|cost| cost.executing, |cost| cost.cpu, |cost| cost.wall, |cost| cost.written];
    let [executing, cpu, wall] = [cost.executing, cost.cpu, cost.wall].map(us);
    format!("{executing:.1} | {cpu:.1} | {wall:.1} | {} | {}", cost.written, parts.map(times).join(", "))
}

fn us(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1_000.0
}
