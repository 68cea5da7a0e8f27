//! `quorate genesis restart`, and what an organisation holds against its outcome: the newest state that is left, of one history.

use super::copy::failed;
use super::failure::{Failure, Outcome};
use super::{clock, document, known, print};
use quorate_ledger::proof::{ProofError, is_of_history, of_one_history, restarted_from};
use quorate_ledger::{Genesis, Restart};
use quorate_service::ceremony::Draft;
use quorate_service::copying::{self, CopyError, Left};
use quorate_service::replica::read_genesis;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Arguments of `quorate genesis restart`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Genesis of the group that is over
    #[arg(long, value_name = "FILE")]
    genesis: PathBuf,
    /// Snapshot or backup of its state; may stand several times: the newest that verifies is taken
    #[arg(long, value_name = "SNAPSHOT", required = true)]
    from: Vec<PathBuf>,
    /// Epochs that you have seen, as `quorate verify` keeps them: a state beside that history is refused
    #[arg(long, value_name = "FILE")]
    epochs: Option<PathBuf>,
    /// Name of the new group for people [default: the old one's, restarted]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The draft to make; a file that is there is never overwritten
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Outcome {
    let left = newest(args)?;
    let (restart, out) = (&left.restart, &args.out);
    let name = args.name.clone().unwrap_or_else(|| format!("{}, restarted", restart.genesis.name));
    let draft = Draft::restarted(name, restart.clone(), left.rules);
    document::write_new(out, &draft.map_err(|error| Failure::no(error).next("is the name too long? give --name"))?)?;
    if args.json {
        return Ok(print::json(&json!({
            "draft": out, "group": restart.group.to_string(), "epoch": restart.epoch, "seq": restart.seq,
            "time": restart.time, "state_root": restart.state_root.to_string(), "entries": left.entries,
            "organisations": left.organisations, "rules": left.rules,
        }))?);
    }
    scar(restart)?;
    print::say(format!("  it has {} entries; its members were of: {}", left.entries, left.organisations.join(", ")))?;
    print::say(format!("draft {}: each organisation that goes on adds its entry, without authors", out.display()))?;
    Ok(print::say(format!("  quorate genesis add {} ENTRY", out.display()))?)
}

/// The newest state that a file proves, by epoch before slot: keys of members that have left could sign any slot of theirs.
fn newest(args: &Args) -> Result<Left, Failure> {
    let group = read_genesis(&args.genesis).map_err(Failure::usage)?;
    let (mut found, mut faults): (Vec<(&Path, Left)>, Vec<String>) = (Vec::new(), Vec::new());
    for file in &args.from {
        match copying::left(file, &group) {
            Ok(left) => found.push((file, left)),
            Err(error @ (CopyError::Unsound { .. } | CopyError::Unproven(_))) => faults.push(error.to_string()),
            Err(error) => return Err(failed(error)),
        }
    }
    of_one(&found)?;
    if let Some(path) = &args.epochs {
        let seen = known::seen(path, &group)?;
        for (file, left) in &found {
            let known = is_of_history((&left.restart, &left.epochs), seen.epochs());
            known.map_err(|why| parted(file, path, &why))?;
        }
    }
    let newest = found.into_iter().map(|(_, left)| left).max_by_key(|left| (left.restart.epoch, left.restart.seq));
    let none = || {
        let why = format!("no file proves a state of group {}: {}", group.group(), faults.join("; "));
        let next = "a group goes on from a state that q of its members signed, and from nothing less; files that a folder still \
                    holds can be written into a new group, where no receipt, conflict or author of this one counts";
        Failure::no(why).next(next)
    };
    let newest = newest.ok_or_else(none)?;
    faults.iter().for_each(|fault| tell!("quorate: left out: {fault}"));
    Ok(newest)
}

/// Refuses files of two histories, each held against each.
fn of_one(found: &[(&Path, Left)]) -> Outcome {
    for (at, (file, left)) in found.iter().enumerate() {
        for (other, theirs) in &found[..at] {
            let held = of_one_history((&left.restart, &left.epochs), (&theirs.restart, &theirs.epochs));
            held.map_err(|why| parted(file, other, &why))?;
        }
    }
    Ok(())
}

fn parted(file: &Path, other: &Path, why: &ProofError) -> Failure {
    let what = format!("{} and {} are of two histories of the group: {why}", file.display(), other.display());
    Failure::no(what)
        .next("members that have left, or who has their keys, signed one of them: find out which, and leave it out")
}

/// Holds a genesis against an own snapshot of the group that it goes on from: nobody may have chosen an older state, or another
/// history, and where both are of one state, the group can begin with it.
pub fn compare(genesis: &Genesis, own: &Path) -> Outcome {
    let epochs = restarted_from(genesis).map_err(Failure::no)?;
    let Some(((named, before), epochs)) = genesis.restarted().zip(epochs) else {
        return Err(Failure::usage("this group goes on from no other: leave --from out"));
    };
    let left = copying::left(own, before).map_err(failed)?;
    let held = of_one_history((&left.restart, &left.epochs), (named, &epochs));
    held.map_err(|why| parted(own, Path::new("the genesis"), &why))?;
    let (ours, theirs) = ((left.restart.epoch, left.restart.seq), (named.epoch, named.seq));
    if ours > theirs {
        let what = format!("{} has slot {}, and the genesis goes on from slot {}", own.display(), ours.1, theirs.1);
        let next =
            "what was decided between would be lost: do not start it, and begin the draft anew with the newer file";
        return Err(Failure::no(what).next(next));
    }
    if ours == theirs {
        return copying::rehearse(own, genesis).map_err(Failure::no);
    }
    tell!(
        "quorate: {} is older than the state that is named: whether a group can begin with that is not tried",
        own.display()
    );
    Ok(())
}

/// Scar of a restart, for people: the state that a group goes on from, and what is lost.
pub fn scar(restart: &Restart) -> std::io::Result<()> {
    let Restart { group, epoch, seq, time, state_root, signers, genesis, .. } = restart;
    let (name, date) = (print::plain(&genesis.name), clock::date(*time));
    print::say(format!("goes on from slot {seq}, epoch {epoch}, of group {name} ({group})"))?;
    print::say(format!("  state root {state_root}, ledger time {date}, signed by {} of its members:", signers.len()))?;
    signers.iter().try_for_each(|signer| print::say(format!("    {signer}")))?;
    print::say(format!(
        "  lost: what that group decided above slot {seq}, also where it was confirmed; the log and receipts"
    ))?;
    print::say("  before it are with that group's nodes, and verify with its genesis alone")
}
