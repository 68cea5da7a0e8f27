//! Load and measurements of a running group, from outside: what its users feel and what its processes cost.
//!
//! The bench starts replicas of the program it is given, drives them through their HTTP API, reads their processor time
//! from the operating system, and measures in the same run the ceilings that no such system can pass on this machine.
#![forbid(unsafe_code)]

mod args;
mod author;
mod ceilings;
mod failure;
mod fault;
mod figures;
mod files;
mod group;
mod load;
mod machine;
mod peers;
mod ramp;
mod report;
mod restarts;
mod rounds;
mod shared;
mod threads;
mod timeline;
mod times;

pub use args::BenchArgs;
pub use failure::Failure;
pub use report::{Report, page};

use anyhow::Context as _;
use figures::Figures;
use group::Group;
use load::{Measured, Pace};
use machine::Machine;
use peers::Peer;
use report::Size;
use rounds::Rounds;
use std::fs;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

/// Measures `program`, the path of a `quorate` executable.
pub fn measure<'a>(
    args: &'a BenchArgs,
    program: &'a Path,
) -> Pin<Box<dyn Future<Output = anyhow::Result<Report>> + 'a>> {
    Box::pin(measured(args, program)) // here, so that the program does not compile it once more
}

async fn measured(args: &BenchArgs, program: &Path) -> anyhow::Result<Report> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let dir = args.dir.clone().unwrap_or_else(|| folder.path().join("group"));
    let (machine, groups) = (Machine::with(program)?, args.groups());
    let (replicas, first) = &groups[0];
    let (mut loads, mut turns) = (Vec::new(), Vec::new());
    for round in 1..=args.rounds {
        if round > 1 {
            eprintln!("bench: round {round} of {}", args.rounds);
            fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
        }
        let seen = loaded(first, *replicas, program, dir.clone()).await?;
        turns.push(turn(args, Peer::own(&machine, &Figures::of(first, &seen.measured)))?);
        loads.push(seen);
    }
    eprintln!("bench: measuring this machine's ceilings");
    let middle = rounds::middle(&turns);
    let seen = loads.swap_remove(middle);
    let ceilings = ceilings::measure(*replicas, first.changes, &dir)?;
    let report = Report::new(first, *replicas, &seen.measured, ceilings, machine);
    let mut report = report.of_kind(seen.outage, seen.restarts, seen.ramp);
    report.rounds = (args.rounds > 1).then(|| Rounds::of(&turns));
    report.peers = turns.swap_remove(middle).split_off(1);
    if groups.len() > 1 {
        report.sizes = sizes(&groups, report.figures.clone(), program, &dir).await?;
    }
    Ok(report)
}

/// Load of a group that is started for it and stopped then.
async fn loaded(args: &BenchArgs, replicas: u16, program: &Path, dir: PathBuf) -> anyhow::Result<Seen> {
    let mut group = start(args, replicas, program, dir).await?;
    let seen = under_load(args, &mut group).await?;
    group.stop()?;
    seen.measured.ensure_answered()?;
    Ok(seen)
}

/// All systems of a round: quorate, and the others where they are asked for.
fn turn(args: &BenchArgs, own: Peer) -> anyhow::Result<Vec<Peer>> {
    let others = if args.peers { peers::measure(args)? } else { Vec::new() };
    Ok([vec![own], others].concat())
}

/// Load with what belongs to its kind.
struct Seen {
    measured: Measured,
    outage: Option<fault::Outage>,
    restarts: Option<restarts::Restarts>,
    ramp: Option<ramp::Ramp>,
}

async fn start(args: &BenchArgs, replicas: u16, program: &Path, dir: PathBuf) -> anyhow::Result<Group> {
    eprintln!("bench: starting {replicas} replicas in {}", dir.display());
    Group::start(args, replicas, program, dir).await
}

impl From<Measured> for Seen {
    fn from(measured: Measured) -> Self {
        Self { measured, outage: None, restarts: None, ramp: None }
    }
}

async fn under_load(args: &BenchArgs, group: &mut Group) -> anyhow::Result<Seen> {
    if let Some(fault) = args.fault() {
        let (measured, outage) = fault::run(args, fault, group).await?;
        return Ok(Seen { outage: Some(outage), ..measured.into() });
    }
    if let Some(times) = args.kill_all() {
        let (measured, restarts) = restarts::run(args, times, group).await?;
        return Ok(Seen { restarts: Some(restarts), ..measured.into() });
    }
    if args.ramp {
        let (measured, ramp) = ramp::run(args, group).await?;
        return Ok(Seen { ramp: Some(ramp), ..measured.into() });
    }
    Ok(at_pace(args, group).await?.into())
}

async fn at_pace(args: &BenchArgs, group: &Group) -> anyhow::Result<Measured> {
    let nodes: Vec<usize> = (0..group.nodes.len()).collect();
    let authors = load::authors(args, group, &nodes).await?;
    eprintln!("bench: {} s of warm-up, {} s that count", args.warm_up, args.counted().as_secs());
    let (_, measured) = load::run(args, group, authors, Pace::of(args), Duration::from_secs(args.warm_up)).await?;
    Ok(measured)
}

/// The other groups, beside the first.
async fn sizes(groups: &[(u16, BenchArgs)], first: Figures, program: &Path, dir: &Path) -> anyhow::Result<Vec<Size>> {
    let size =
        |(replicas, args): &(u16, BenchArgs), figures| Size::new(*replicas, args.files.first().copied(), figures);
    let mut sizes = vec![size(&groups[0], first)];
    for (number, of) in groups.iter().enumerate().skip(1) {
        let (replicas, args) = of;
        let group = start(args, *replicas, program, dir.with_extension(number.to_string())).await?;
        let measured = at_pace(args, &group).await?;
        group.stop()?;
        measured.ensure_answered()?;
        sizes.push(size(of, Figures::of(args, &measured)));
    }
    Ok(sizes)
}
