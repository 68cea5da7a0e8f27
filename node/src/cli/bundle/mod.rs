//! `quorate bundle`: what the group has decided, carried as files to a place without a network, and changes back.

mod told;

use super::copy::{failed as copy_failed, teller};
use super::failure::{Failure, Outcome};
use super::observe::given_genesis;
use super::output;
use super::print;
use super::reach::Reach;
use super::snapshot;
use quorate_pbft::SeqNum;
use quorate_service::copying::{self, Files};
use quorate_service::parcel::{self, Exported, Imported, Plan, TAG, Verified};
use quorate_service::replica::read_genesis;
use serde_json::json;
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use told::{failed, told, unverified};

/// Carry what the group decides to a place without a network, and changes back
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Write decided slots with their changes and proofs into a file; run again it goes on from where it was
    Export {
        /// The first slot: the one after the last that the other place has; 0 is from genesis
        #[arg(long, value_name = "SEQ")]
        from: u64,
        /// The last slot [default: that of the newest certified state]
        #[arg(long, value_name = "SEQ")]
        to: Option<u64>,
        /// The file to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The group's genesis: with it signatures are checked while the file is written
        #[arg(long, value_name = "FILE")]
        genesis: Option<PathBuf>,
        #[command(flatten)]
        reach: Reach,
    },
    /// Write the group's state, as a quorum has signed it, into a file: where slots are forgotten, or for a new place
    Snapshot {
        /// The file to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The group's genesis: the answers of the node are checked with it
        #[arg(long, value_name = "FILE")]
        genesis: PathBuf,
        #[command(flatten)]
        reach: Reach,
    },
    /// Check a file offline: each byte and signature, and that nothing was left out between its first and last slot
    Verify {
        /// The file
        file: PathBuf,
        /// The group's genesis: what you trust
        #[arg(long, value_name = "FILE")]
        genesis: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Take a file: slots or a state into the folder of a stopped observer
    Import(Import),
}

/// File to take, and the place that takes it.
#[derive(Debug, clap::Args)]
pub struct Import {
    /// The file
    file: PathBuf,
    /// Slots or a state: the folder of the observer, which `quorate observe` serves; made where there is none
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The group's genesis: what you trust, where the folder has none
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    #[command(flatten)]
    reach: Reach,
}

/// Runs `quorate bundle`.
pub async fn run(command: &Command) -> Outcome {
    match command {
        Command::Export { from, to, out, genesis, reach } => {
            output::check(out, TAG)?;
            let genesis = genesis.as_deref().map(read_genesis).transpose().map_err(Failure::usage)?;
            let (from, to) = (SeqNum::new(*from), to.map(SeqNum::new));
            let plan = Plan { from, to, out: out.clone(), genesis: genesis.as_ref() };
            let tell = seldom(|so_far: Exported| eprintln!("quorate: slot {} of {}", so_far.last, so_far.to));
            exported(out, &parcel::export(&reach.client()?, plan, tell).await.map_err(failed)?, reach.json)
        }
        Command::Snapshot { out, genesis, reach } => {
            let genesis = read_genesis(genesis).map_err(Failure::usage)?;
            let exported = copying::export(reach.client()?, out, &genesis, Files::new(), teller()).await;
            snapshot::tell((out, reach.json), &exported.map_err(copy_failed)?, "exported")
        }
        Command::Verify { file, genesis, json } => verify(file, genesis, *json),
        Command::Import(args) => import(args),
    }
}

/// Tells of progress once a second.
fn seldom<T>(tell: impl Fn(T)) -> impl Fn(T) {
    let last = Cell::new(Instant::now());
    move |progress| {
        if last.get().elapsed() >= Duration::from_secs(1) {
            last.set(Instant::now());
            tell(progress);
        }
    }
}

fn exported(out: &Path, exported: &Exported, as_json: bool) -> Outcome {
    let Exported { first, last, resumed, bytes, .. } = exported;
    if as_json {
        let resumed = resumed.map(SeqNum::get);
        let document = json!({ "first": first.get(), "last": last.get(), "bytes": bytes, "resumed_after": resumed });
        return Ok(print::json(&document)?);
    }
    if let Some(resumed) = resumed {
        print::say(format!("went on after slot {resumed}, which an earlier run had written"))?;
    }
    print::say(format!("packed slots {first} to {last} into {}, {}", out.display(), print::size(*bytes)))?;
    Ok(print::say(format!("next: quorate bundle export --from {}, when there is more", last.next()))?)
}

fn verify(file: &Path, genesis: &Path, as_json: bool) -> Outcome {
    if copying::is_snapshot(file) {
        return snapshot::verify((file, as_json), genesis);
    }
    let genesis = read_genesis(genesis).map_err(Failure::usage)?;
    match parcel::verify(file, &genesis) {
        Ok(verified) => told(file, &verified, as_json),
        Err(error) => unverified(error, as_json),
    }
}

fn import(args: &Import) -> Outcome {
    let Import { file, dir, genesis, reach } = args;
    let Some(dir) = dir else {
        return Err(Failure::usage("no place that takes the file").next("give --dir DIR, the folder of an observer"));
    };
    let genesis = Arc::new(given_genesis(dir, genesis.as_deref())?);
    let tell = seldom(|slot| eprintln!("quorate: executed up to slot {slot}"));
    let Imported { before, seq, state_root, certified } =
        parcel::import(file, dir, &genesis, tell).map_err(failed)?;
    if reach.json {
        return Ok(print::json(&json!({
            "before": before.get(),
            "seq": seq.get(),
            "state_root": state_root.to_string(),
            "certified": certified,
        }))?);
    }
    if seq == before {
        return Ok(print::say(format!("nothing is new: {} stands at slot {seq}", dir.display()))?);
    }
    let whose = if certified { "as a quorum has signed it" } else { "which the next file's certificate is to confirm" };
    print::say(format!("{} went from slot {before} to {seq}", dir.display()))?;
    print::say(format!("state root {state_root}, {whose}"))?;
    Ok(print::say(format!("next: quorate observe --dir {} serves it", dir.display()))?)
}
