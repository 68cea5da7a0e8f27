//! `quorate bundle`: what the group has decided, carried as files to a place without a network, and changes back.

mod told;

use super::failure::{Failure, Outcome};
use super::known::Known;
use super::observe::given_genesis;
use super::output::free;
use super::print;
use super::reach::{Reach, Scope, Signing};
use super::{receipt, snapshot, trusted};
use crate::counted::counted;
use quorate_client::keys;
use quorate_client::outbox::Outbox;
use quorate_ledger::{EnvelopeId, Receipt, State};
use quorate_pbft::SeqNum;
use quorate_service::copying;
use quorate_service::parcel::{self, Delivered, Draft, Exported, Imported, Kind, Packed, Parcel, Plan, Settled};
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
        /// Only the receipts of a domain's changes, each with its proof, for an auditor: they cannot be executed
        #[arg(long, value_name = "DOMAIN")]
        domain: Option<String>,
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
        /// The group's genesis: the answers of the node are checked with it [default: genesis.json in the current folder; where
        /// there is none, nothing is checked]
        #[arg(long, value_name = "FILE")]
        genesis: Option<PathBuf>,
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
        #[command(flatten)]
        known: Known,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Take a file: slots or a state into the folder of a stopped observer, changes at a node, receipts into an outbox
    Import(Import),
    /// Pack the changes of a key that have no answer, as they were signed, for a place with a network
    Outbox {
        #[command(flatten)]
        signing: Signing,
        /// The file to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Write a domain's history into a file that an auditor checks with the genesis alone
#[derive(Debug, clap::Subcommand)]
pub enum Audit {
    /// Write the receipt of each accepted change with its proof: `quorate bundle verify` checks and lists them
    Export {
        #[command(flatten)]
        scope: Scope,
        /// The first slot
        #[arg(long, value_name = "SEQ", default_value_t = 0)]
        from: u64,
        /// The last slot [default: the newest]
        #[arg(long, value_name = "SEQ")]
        to: Option<u64>,
        /// The file to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        reach: Reach,
    },
}

/// File to take, and the place that takes it.
#[derive(Debug, clap::Args)]
pub struct Import {
    /// The file
    file: PathBuf,
    /// For slots or a state: the folder of the observer, which `quorate observe` serves; made where there is none
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The group's genesis: what you trust, where the folder has none [default for receipts without --dir: genesis.json in the
    /// current folder]
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    /// For changes: the file to write, with the proved receipts that the node gave
    #[arg(long, value_name = "FILE")]
    receipts: Option<PathBuf>,
    /// For receipts: a change that the node did not order, which you give up. Nothing proves that it never will be
    #[arg(long, value_name = "ID")]
    give_up: Vec<EnvelopeId>,
    #[command(flatten)]
    known: Known,
    #[command(flatten)]
    signing: Signing,
    #[command(flatten)]
    reach: Reach,
}

/// Runs `quorate bundle`.
pub async fn run(command: &Command) -> Outcome {
    match command {
        Command::Export { from, to, domain: Some(domain), out, reach, .. } => {
            history(domain, (*from, *to), out, reach).await
        }
        Command::Export { from, to, out, genesis, reach, .. } => {
            free(out, Kind::Slots)?;
            let genesis = genesis.as_deref().map(read_genesis).transpose().map_err(Failure::usage)?;
            let (from, to) = (SeqNum::new(*from), to.map(SeqNum::new));
            let plan = Plan { from, to, out: out.clone(), genesis: genesis.as_ref() };
            let tell = seldom(|so_far: Exported| tell!("quorate: slot {} of {}", so_far.last, so_far.to));
            exported(out, &parcel::export(&reach.client()?, plan, tell).await.map_err(failed)?, reach.json)
        }
        Command::Snapshot { out, genesis, reach } => snapshot::export(out, genesis.as_deref(), reach).await,
        Command::Verify { file, genesis, known, json } => verify(file, (genesis, known), *json),
        Command::Import(args) => import(args).await,
        Command::Outbox { signing, out, json } => {
            free(out, Kind::Outbox)?;
            let outbox = Outbox::open(&keys::home(signing.key()?)?).map_err(|error| failed(error.into()))?;
            packed(out, &parcel::pack_outbox(&outbox, out).map_err(failed)?, "changes", *json)
        }
    }
}

/// Runs `quorate audit`.
pub async fn audit(command: &Audit) -> Outcome {
    let Audit::Export { scope, from, to, out, reach } = command;
    history(&scope.domain, (*from, *to), out, reach).await
}

async fn history(domain: &str, (from, to): (u64, Option<u64>), out: &Path, reach: &Reach) -> Outcome {
    free(out, Kind::History)?;
    let range = (SeqNum::new(from), to.map(SeqNum::new));
    let written = parcel::export_history(&reach.client()?, domain, range, out).await.map_err(told::unlisted)?;
    if from > 1 && !reach.json {
        print::say(format!("the history begins at slot {from}, not at genesis"))?;
    }
    packed(out, &written, "receipts", reach.json)
}

fn packed(out: &Path, written: &Packed, what: &str, as_json: bool) -> Outcome {
    let Packed { count, bytes } = written;
    if as_json {
        return Ok(print::json(&json!({ "count": count, "bytes": bytes }))?);
    }
    Ok(print::say(format!("packed {count} {what} into {}, {}", out.display(), print::size(*bytes)))?)
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

#[allow(clippy::result_large_err)] // an error ends the command
fn verify(file: &Path, (genesis, known): (&Path, &Known), as_json: bool) -> Outcome {
    if copying::is_snapshot(file) {
        return snapshot::verify((file, as_json), (genesis, known));
    }
    let genesis = read_genesis(genesis).map_err(Failure::usage)?;
    let mut items = Vec::new();
    let each = |receipt: &Receipt| match as_json {
        true => items.push(serde_json::to_value(receipt).expect("plain data with string keys")),
        // Whoever reads the lines may have gone; the rest is checked all the same.
        false => {
            let domain = format!("  domain {}", print::plain(&receipt.domain));
            drop(receipt::lines(receipt).into_iter().chain([domain]).try_for_each(print::say));
        }
    };
    match known.check(&genesis, |epochs| parcel::verify(file, (&genesis, epochs), each))? {
        Ok(verified) => told(file, &verified, items, as_json),
        Err(error) => unverified(error, as_json),
    }
}

/// Takes a file where what it holds belongs.
async fn import(args: &Import) -> Outcome {
    let kind =
        if copying::is_snapshot(&args.file) { Kind::State } else { Parcel::open(&args.file).map_err(failed)?.kind };
    let lacking = |what: &str, next: &str| Failure::usage(format!("{}: {what}", args.file.display())).next(next);
    match (kind, &args.dir, &args.receipts) {
        (Kind::Slots | Kind::State | Kind::Outbox | Kind::History, ..) if !args.give_up.is_empty() => {
            Err(lacking(&format!("it holds {kind}"), "--give-up is for receipts"))
        }
        (Kind::Outbox, ..) if args.known.are_given() => {
            Err(lacking(&format!("it holds {kind}"), "--epochs is for slots, a state and receipts"))
        }
        (Kind::Slots | Kind::State, Some(dir), None) => execute(args, dir),
        (Kind::Slots | Kind::State, ..) => {
            Err(lacking(&format!("it holds {kind}"), "give --dir DIR alone, the folder of an observer that is stopped"))
        }
        (Kind::Outbox, None, Some(receipts)) => deliver(args, receipts).await,
        (Kind::Outbox, ..) => Err(lacking(
            &format!("it holds {kind}"),
            "give --receipts FILE and --node URL; the receipts go home in FILE",
        )),
        (Kind::Receipts, _, None) => settle(args),
        (Kind::Receipts, ..) => {
            Err(lacking(&format!("it holds {kind}"), "give --key FILE, the key that signed, alone"))
        }
        (Kind::History, ..) => Err(lacking(
            &format!("it holds {kind}, which is for reading"),
            "`quorate bundle verify` checks and lists it",
        )),
    }
}

async fn deliver(args: &Import, receipts: &Path) -> Outcome {
    free(receipts, Kind::Receipts)?;
    // The file grows beside its name.
    let is_input =
        |path: PathBuf| path.canonicalize().is_ok_and(|path| args.file.canonicalize().is_ok_and(|file| file == path));
    if is_input(Draft::place(receipts)) {
        let what = format!("{} is where {} would grow", args.file.display(), receipts.display());
        return Err(Failure::usage(what).next("give another name for the receipts"));
    }
    let delivered = parcel::deliver(&args.file, &args.reach.client()?, receipts).await.map_err(failed)?;
    let Delivered { receipts: verdicts, unanswered, too_large } = delivered;
    answers(&args.reach, &verdicts, &unanswered, &[])?;
    if !args.reach.json {
        let what = format!("{} receipts go home in {}", verdicts.len(), receipts.display());
        print::say(format!("{what}; there: quorate bundle import {} --key KEY", receipts.display()))?;
    }
    if too_large.is_empty() { all_went_well(&verdicts, &unanswered) } else { Err(undelivered(&too_large)) }
}

/// Fails where a change was refused, is in conflict, or has no verdict: as the command ends that sends a change.
fn all_went_well(receipts: &[Receipt], unanswered: &[(EnvelopeId, String)]) -> Outcome {
    let is_no = |receipt: &&Receipt| matches!(receipt.state, State::Refused | State::Conflict);
    match (receipts.iter().filter(is_no).count(), unanswered.len()) {
        (0, 0) => Ok(()),
        (no, open) => Err(Failure::no(format!(
            "of {} {no} refused or in conflict, and {open} without a verdict",
            counted(receipts.len() + open, "change")
        ))),
    }
}

fn undelivered(too_large: &[EnvelopeId]) -> Failure {
    let ids: Vec<String> = too_large.iter().map(ToString::to_string).collect();
    let what = format!("larger than what this node takes, as an observer does, and not delivered: {}", ids.join(", "));
    Failure::no(what).next(
        "run it again with --node URL of a member, and carry home its receipts: what was ordered is not ordered twice",
    )
}

#[allow(clippy::result_large_err)] // an error ends the command
fn settle(args: &Import) -> Outcome {
    let trusted = match (&args.dir, &args.genesis) {
        (Some(dir), named) => given_genesis(dir, named.as_deref()),
        (None, named) => read_genesis(&trusted::genesis(named.as_deref())?).map_err(Failure::usage),
    };
    let genesis = trusted?;
    let mut outbox = Outbox::open(&keys::home(args.signing.key()?)?).map_err(|error| failed(error.into()))?;
    let take = |known: &_| parcel::settle(&mut outbox, &args.file, (&genesis, known), &args.give_up);
    let Settled { receipts, others, unanswered, given_up } = args.known.check(&genesis, take)?.map_err(failed)?;
    if args.reach.json {
        answers(&args.reach, &receipts, &unanswered, &given_up)?;
        return all_went_well(&receipts, &unanswered);
    }
    answers(&args.reach, &receipts, &unanswered, &given_up)?;
    let file = |id: &EnvelopeId| Some(outbox.file(&outbox.find(id)?.name));
    told::left(&unanswered, file, |id| outbox.based_on(&[id]).len()).iter().try_for_each(print::say)?;
    print::say(format!(
        "{} changes have their receipts now; {others} receipts were known or of other keys",
        receipts.len()
    ))?;
    all_went_well(&receipts, &unanswered)
}

/// Prints receipts, and what a node said of envelopes without one.
fn answers(
    reach: &Reach,
    receipts: &[Receipt],
    unanswered: &[(EnvelopeId, String)],
    given_up: &[(EnvelopeId, String)],
) -> Outcome {
    if reach.json {
        let list = |of: &[(EnvelopeId, String)]| {
            of.iter().map(|(id, why)| json!({ "id": id.to_string(), "why": why })).collect::<Vec<_>>()
        };
        let (unanswered, given_up) = (list(unanswered), list(given_up));
        return Ok(print::json(&json!({ "receipts": receipts, "unanswered": unanswered, "given_up": given_up }))?);
    }
    receipts.iter().flat_map(receipt::lines).try_for_each(print::say)?;
    let words =
        |what: &str, (id, why): &(EnvelopeId, String)| print::say(format!("{what}  {id}: {}", print::plain(why)));
    unanswered.iter().try_for_each(|one| words(told::fate(one), one))?;
    Ok(given_up.iter().try_for_each(|one| words("given up", one))?)
}

#[allow(clippy::result_large_err)] // an error ends the command
fn execute(args: &Import, dir: &Path) -> Outcome {
    let Import { file, genesis, known, reach, .. } = args;
    let genesis = Arc::new(given_genesis(dir, genesis.as_deref())?);
    let tell = seldom(|slot| tell!("quorate: executed up to slot {slot}"));
    let take = |known: &_| parcel::import(file, dir, (&genesis, known), tell);
    let Imported { before, seq, state_root, certified } = known.check(&genesis, take)?.map_err(failed)?;
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
