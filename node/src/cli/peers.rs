//! `quorate peers`: the other members as a node hears them, how peers behave, and their release.

use super::clock;
use super::failure::Outcome;
use super::listing::list;
use super::print::{self, Table, plain};
use super::reach::Reach;
use quorate_client::api::{Conduct, ConductState, Peer};

/// List the other members as a node hears them, and peers that misbehave
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List them
    List {
        #[command(flatten)]
        reach: Reach,
    },
    /// End what restrains a peer for its conduct, before its time
    Release {
        /// Number of a member, or the libp2p name or key of any peer
        #[arg(value_name = "PEER")]
        peer: String,
        #[command(flatten)]
        reach: Reach,
    },
}

/// Runs the command.
pub async fn run(args: &Args) -> Outcome {
    match &args.command {
        None => peers(&args.reach).await,
        Some(Command::List { reach }) => peers(reach).await,
        Some(Command::Release { peer, reach }) => release(peer, reach).await,
    }
}

async fn peers(reach: &Reach) -> Outcome {
    let headings = ["replica", "connected", "heard", "executed", "view", "from", "address", "conduct"];
    list(reach, &["peers"], &headings, "no peers", row).await
}

fn row(table: &mut Table, peer: Peer) {
    let number = |value: Option<u64>| value.map_or("-".into(), |value| value.to_string());
    let named = || if peer.peer_id.is_empty() { "-".into() } else { plain(&peer.peer_id) };
    table.row([
        peer.replica.map_or_else(named, |replica| replica.to_string()),
        if peer.connected { "yes".into() } else { "no".into() },
        peer.heard_ms.map_or("never".into(), |ms| format!("{}.{} s ago", ms / 1_000, ms % 1_000 / 100)),
        number(peer.executed_seq),
        number(peer.view),
        origin(&peer),
        peer.address.as_deref().map_or("unknown".into(), plain),
        match &peer.lie {
            None => conduct(&peer.conduct),
            Some(lie) => format!("lied to a copy of this node: {}", plain(lie)),
        },
    ]);
}

/// Origin of a peer's address, and its age.
fn origin(peer: &Peer) -> String {
    match (peer.source.as_deref(), peer.told_ms) {
        (None, _) => "-".into(),
        (Some(source), None) => plain(source),
        (Some(source), Some(ms)) => format!("{}, {} s ago", plain(source), ms / 1_000),
    }
}

/// State, reason and end, and the offences by name.
fn conduct(conduct: &Conduct) -> String {
    let Conduct { state, reason, until, offences, .. } = conduct;
    let counts = offences.iter().map(|(name, count)| format!("{count} {}", plain(name))).collect::<Vec<_>>().join(", ");
    let counts = if counts.is_empty() { counts } else { format!(" ({counts})") };
    match (state, until) {
        (ConductState::Normal, _) | (_, None) => format!("{state}{counts}"),
        (_, Some(until)) => {
            let reason = reason.as_deref().map(|reason| format!(" for {}", plain(reason))).unwrap_or_default();
            format!("{state}{reason} until {}{counts}", clock::date(*until))
        }
    }
}

async fn release(peer: &str, reach: &Reach) -> Outcome {
    let released = reach.client()?.release(peer).await?;
    if reach.json {
        return Ok(print::json(&released)?);
    }
    Ok(print::say(format!("{} is {}", plain(peer), conduct(&released)))?)
}
