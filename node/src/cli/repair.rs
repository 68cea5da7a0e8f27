//! `quorate repair`: damage of a stopped replica's database named, and made good from peers.

use super::copy::{SILENT_MAX, failed, plan, teller};
use super::failure::{Exit, Failure, Outcome};
use super::print::{self, plain};
use super::reach::patience;
use quorate_service::copying::{self, Found, Repaired};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Find what the disk of a stopped replica has damaged, and put it back from other nodes
///
/// Looks at each entry, row, content, receipt and promise, and names each that is damaged. Contents are put back in their
/// place; other damage makes the state anew, at a slot that a quorum has signed, and keeps what the replica has promised: it
/// votes again. Where its promises are damaged too it follows without a vote. A replica without damage that lacks slots
/// which the others have forgotten goes on with --catch-up. Exit code 1 if something could not be had.
#[derive(Debug, clap::Args)]
pub struct Repair {
    /// The replica's or observer's folder
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// API address of a node to ask; may stand several times. Without it damage is named, and nothing changed
    #[arg(long, value_name = "URL")]
    from: Vec<String>,
    /// Where nothing is damaged: take the nodes' newest state in place of the slots that this replica lacks. It keeps its
    /// promises and its vote; history before that state is not here any more
    #[arg(long, requires = "from")]
    catch_up: bool,
    /// File with the secret of the nodes' `admin.token`
    #[arg(long, env = "QUORATE_TOKEN", value_name = "FILE")]
    token: Option<PathBuf>,
    /// PEM file with the authorities to trust with https:// nodes, instead of the system's
    #[arg(long, env = "QUORATE_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Seconds for which a node may be silent
    #[arg(long, default_value_t = SILENT_MAX.as_secs_f64(), value_name = "SECONDS")]
    timeout: f64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(args: &Repair) -> Outcome {
    let plan = plan(&args.dir, &args.from, (args.ca.as_deref(), args.token.as_deref()), patience(args.timeout)?)?;
    let done = copying::repair(plan, args.catch_up, teller()).await.map_err(failed)?;
    if args.json {
        print::json(&document(&done))?;
    } else {
        tell(&done)?;
    }
    if let Some(failure) = behind(args, &done) {
        return Err(failure);
    }
    if done.left.is_whole() && done.dropped.is_empty() {
        return Ok(());
    }
    if args.json {
        return Err(Failure::silent());
    }
    if done.left.is_whole() {
        let next = "start the replica: state and vote are whole, and it says that these are not there; \
                    `quorate receipt ID --node URL` asks a node that keeps the whole history";
        return Err(
            Failure::new(Exit::No, "receipts of history could not be had, and are not here any more").next(next)
        );
    }
    let next = match args.from.is_empty() {
        true if done.left.is_of_history() => {
            "state and promises are whole, and the replica may go on; with --from URL the damaged rows are left out"
        }
        true => "name nodes to ask with --from URL",
        false if done.is_unanswered => {
            "contents alone are damaged, and a node that may have them gave no answer (see `not had`): run again when it does, or \
             name others"
        }
        false => "name other nodes with --from, such as one that keeps the whole history; or `quorate copy`",
    };
    Err(Failure::new(Exit::No, "the database is not whole").next(next))
}

/// Failure of a repair that found no damage, where the replica lacks slots.
fn behind(args: &Repair, done: &Repaired) -> Option<Failure> {
    let failure = |what: String, next| Failure::new(Exit::No, what).next(next);
    if args.catch_up && done.left.is_whole() && done.anew.is_none() {
        let what = "no node gave a state that is newer than this replica's";
        return Some(failure(what.to_owned(), "name others with --from: the replica stays where it is"));
    }
    let seq = done.forgotten?;
    let what = format!(
        "nothing is damaged; slot {seq}, which this replica executes next, is forgotten by the nodes named that answer"
    );
    Some(failure(
        what,
        "name one that keeps more; or add --catch-up: the replica takes their newest state, keeps its promises and its vote, and \
         has no history before that state any more",
    ))
}

fn document(done: &Repaired) -> Value {
    let anew = done.anew.as_ref().map(|anew| {
        json!({
            "seq": anew.seq.get(),
            "state_root": anew.state_root.to_string(),
            "before": anew.before,
            "left_behind": anew.progress.left_behind,
            "votes": done.votes,
        })
    });
    json!({
        "whole": done.left.is_whole(),
        "found": findings(&done.found),
        "left": findings(&done.left),
        "answers": done.taken,
        "anew": anew,
        "dropped": done.dropped,
        "forgotten": done.forgotten.map(quorate_pbft::SeqNum::get),
        "failures": done.failures,
    })
}

fn findings(found: &Found) -> Value {
    let damage = |damage: &quorate_ledger::copy::Damage| {
        json!({
            "domain": damage.domain,
            "kind": damage.kind,
            "name": damage.name,
            "fault": damage.fault.to_string(),
        })
    };
    json!({
        "damaged": found.damages.iter().map(damage).collect::<Vec<_>>(),
        "more": found.more,
        "hidden": found.hidden,
        "unreadable": found.unreadable,
        "promises": found.promises,
    })
}

fn tell(done: &Repaired) -> std::io::Result<()> {
    tell_findings("damaged: ", &done.found)?;
    if done.found.is_whole() {
        print::say(format!("nothing is damaged; contents of {} files were looked at", done.found.files))?;
    }
    done.failures.iter().try_for_each(|failure| print::say(format!("not had: {}", plain(failure))))?;
    done.dropped.iter().try_for_each(|receipt| print::say(format!("dropped: the receipt of {receipt}")))?;
    if let Some(anew) = &done.anew {
        let made = match anew.progress.answers {
            0 => "ended the repair that was cut off, and that had made",
            _ => "made",
        };
        print::say(format!("{made} the state of slot {} anew; history before it is not here any more", anew.seq))?;
        for bundle in &anew.progress.left_behind {
            print::say(format!(
                "left behind: {bundle}, which is damaged; if it is ordered, the replica asks the others for it"
            ))?;
        }
        if let Some(before) = &anew.before {
            print::say(format!("the database before is in {}; remove it when you need it no more", before.display()))?;
        }
        print::say(match (done.votes, &done.found.promises) {
            (true, _) => "all promises are whole: the replica votes again",
            (false, None) => "the replica does not vote, as before the repair; `quorate doctor` says why",
            (false, Some(_)) => "promises are lost: the replica follows and does not vote until it has a new key",
        })?;
    }
    match done.left.is_whole() {
        true if done.found.is_whole() => Ok(()),
        true => print::say("all is whole"),
        false => tell_findings("still damaged: ", &done.left),
    }
}

fn tell_findings(word: &str, found: &Found) -> std::io::Result<()> {
    found.damages.iter().try_for_each(|damage| print::say(format!("{word}{}", plain(&damage.to_string()))))?;
    let more = (found.more > 0).then(|| format!("{} more", found.more));
    let promises = found.promises.iter().map(|why| format!("promises: {why}"));
    let others = more.into_iter().chain(found.unreadable.clone()).chain(promises).chain(found.hidden_in_words());
    others.into_iter().try_for_each(|other| print::say(format!("{word}{}", plain(&other))))
}
