//! `quorate-peers`: the load of `quorate bench` on systems beside quorate.
//!
//! Prints a JSON list with an object for each. Every system gets the same closed-loop authors, who sign what they send;
//! the load generator verifies each signature as often as there are members, where the system itself verifies none.

mod author;
mod etcd;
mod load;
mod process;
mod report;
mod simplex;

use anyhow::bail;
use clap::{Parser, Subcommand, ValueEnum};
use report::Peer;
use tokio::signal::unix::{SignalKind, signal};

/// Load on systems beside quorate.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(flatten)]
    args: Args,
    #[command(subcommand)]
    role: Option<Role>,
}

/// Load to give, and to whom.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Members of a system.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub members: u16,
    /// Authors, each waiting for one answer before it sends what comes next.
    #[arg(long, default_value_t = 64)]
    pub authors: usize,
    /// Changes in one request.
    #[arg(long, default_value_t = 1)]
    pub changes: u64,
    /// Bytes of one value.
    #[arg(long, default_value_t = 256)]
    pub bytes: usize,
    /// Seconds of load before counting begins.
    #[arg(long, default_value_t = 3)]
    pub warm_up: u64,
    /// Seconds that count.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: u64,
    /// First port.
    #[arg(long, default_value_t = 24_400)]
    pub base_port: u16,
    /// Systems to load, instead of all.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<System>,
}

/// System that can be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum System {
    Etcd,
    Simplex,
}

/// Process that this program starts of itself.
#[derive(Debug, Subcommand)]
enum Role {
    /// Member of a group of simplex.
    #[command(hide = true)]
    Member(simplex::MemberArgs),
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    match cli.role {
        Some(Role::Member(member)) => simplex::run_member(member),
        None => measure(&cli.args),
    }
}

/// Prints the figures. A signal ends the members as well, since all that runs them is dropped.
#[tokio::main]
async fn measure(args: &Args) -> anyhow::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    let peers = tokio::select! {
        peers = measure_all(args) => peers?,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
        _ = terminated.recv() => bail!("terminated"),
    };
    println!("{}", serde_json::to_string_pretty(&peers)?);
    Ok(())
}

async fn measure_all(args: &Args) -> anyhow::Result<Vec<Peer>> {
    let mut peers = Vec::new();
    for system in System::value_variants() {
        if args.only.is_empty() || args.only.contains(system) {
            peers.push(system.measure(args).await?);
        }
    }
    Ok(peers)
}

impl System {
    async fn measure(self, args: &Args) -> anyhow::Result<Peer> {
        match self {
            Self::Etcd => etcd::measure(args).await,
            Self::Simplex => simplex::measure(args).await,
        }
    }
}
