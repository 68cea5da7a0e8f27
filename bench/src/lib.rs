//! Load and measurements of a running group, from outside: what its users feel and what its processes cost.
//!
//! The bench starts replicas of the program it is given, drives them through their HTTP API, reads their processor time
//! from the operating system, and measures in the same run the ceilings that no such system can pass on this machine.
#![forbid(unsafe_code)]

mod ceilings;
mod group;
mod load;
mod outage;
mod report;
mod timeline;

pub use outage::Outage;
pub use report::Report;
pub use timeline::Step;

use anyhow::Context as _;
use std::path::PathBuf;
use std::time::Duration;

/// Measurement to run, with its load.
#[derive(Debug, Clone, clap::Args)]
pub struct BenchArgs {
    /// Replicas, all on this machine.
    #[arg(long, default_value_t = 4)]
    pub replicas: u16,
    /// Authors, each waiting for one answer before it sends its next envelope.
    #[arg(long, default_value_t = 64)]
    pub authors: usize,
    /// Changes in one envelope.
    #[arg(long, default_value_t = 1)]
    pub changes: u64,
    /// Bytes of one file.
    #[arg(long, default_value_t = 256)]
    pub bytes: usize,
    /// Seconds of load before counting begins.
    #[arg(long, default_value_t = 3)]
    pub warm_up: u64,
    /// Seconds that count.
    #[arg(long, default_value_t = 15)]
    pub seconds: u64,
    /// First of the replicas' ports; the API's follow after 100.
    #[arg(long, default_value_t = 23_400)]
    pub base_port: u16,
    /// Folder for the group; a temporary one by default.
    #[arg(long)]
    pub dir: Option<PathBuf>,
    /// Kill the primary in the middle of the load, and show the commits around it in steps of 100 ms.
    #[arg(long)]
    pub kill_primary: bool,
    /// Print a JSON document instead of words.
    #[arg(long)]
    pub json: bool,
}

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

/// Time that counts.
fn counted(args: &BenchArgs) -> Duration {
    Duration::from_secs(args.seconds)
}
