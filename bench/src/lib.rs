//! Load and measurements of a running group, from outside: what its users feel and what its processes cost.
//!
//! The bench starts replicas of the program it is given, drives them through their HTTP API, reads their processor time
//! from the operating system, and measures in the same run the ceilings that no such system can pass on this machine.
#![forbid(unsafe_code)]

mod args;
mod ceilings;
mod group;
mod load;
mod outage;
mod report;
mod timeline;

pub use args::BenchArgs;
pub use outage::Outage;
pub use report::Report;
pub use timeline::Step;

use anyhow::Context as _;
use std::path::PathBuf;

/// Measures `program`, the path of a `quorate` executable.
pub async fn measure(args: &BenchArgs, program: PathBuf) -> anyhow::Result<Report> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let dir = args.dir.clone().unwrap_or_else(|| folder.path().join("group"));
    eprintln!("bench: starting {} replicas in {}", args.replicas, dir.display());
    let group = group::Group::start(args, program, dir).await?;
    eprintln!("bench: {} s of warm-up, {} s that count", args.warm_up, args.seconds);
    let result = load::run(args, &group).await?;
    let replicas = group.stop();
    eprintln!("bench: measuring this machine's ceilings");
    let ceilings = ceilings::measure(args.replicas)?;
    replicas?;
    Ok(Report::new(args, &result, &ceilings))
}

/// Kills the primary of a group of `program` under load and measures how long the others are silent.
pub async fn outage(args: &BenchArgs, program: PathBuf) -> anyhow::Result<Outage> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let dir = args.dir.clone().unwrap_or_else(|| folder.path().join("group"));
    eprintln!("bench: starting {} replicas in {}", args.replicas, dir.display());
    let mut group = group::Group::start(args, program, dir).await?;
    let outage = outage::run(args, &mut group).await?;
    group.stop()?;
    Ok(outage)
}
