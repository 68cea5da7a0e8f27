//! `quorate cut plan`: commands after groups were restarted from their states of a cut.

use super::super::clock::date;
use super::super::failure::{Failure, Outcome};
use super::super::print::{self, plain};
use super::folder::{Member, document, states, verified, word};
use super::{Pair, parse_pair};
use quorate_ledger::cut::{Step, plan};
use quorate_pbft::Digest;
use quorate_service::replica::read_genesis;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Print the commands to give after groups were restarted from their states of a cut
///
/// Each group is restarted by itself before, as `quorate genesis restart` begins it, from its own snapshot of the cut.
#[derive(Debug, clap::Args)]
pub struct Plan {
    /// The folder of the cut, which is checked first
    dir: PathBuf,
    /// Genesis of a group in the cut, and of the group that goes on from it; given once for each that was restarted [default:
    /// all of them are to be]
    #[arg(long, value_parser = parse_pair, value_name = "OLD=NEW")]
    restarted: Vec<Pair>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs `quorate cut plan`.
pub fn run(args: &Plan) -> Outcome {
    let members = verified(&args.dir)?;
    let restarted = restarted(&args.restarted, &members)?;
    let steps = plan(&states(&members), &restarted.keys().copied().collect());
    let written: Vec<Value> = steps.iter().map(|step| written(step, (&members, &restarted))).collect();
    if args.json {
        return Ok(print::json(&json!({ "seal": document(&members)["seal"], "steps": written }))?);
    }
    print::say("# in this order, each with --node and --key of its group; `quorate approve` ends what is proposed")?;
    for step in written {
        let [group, command, note] = ["name", "command", "note"].map(|part| plain(word(&step[part])));
        let note = if note.is_empty() { note } else { format!(": {note}") };
        print::say(format_args!("{command}  # {group}{note}"))?;
    }
    Ok(())
}

/// Genesis that each restarted group goes on with.
fn restarted(pairs: &[Pair], members: &[Member]) -> Result<BTreeMap<Digest, String>, Failure> {
    if pairs.is_empty() {
        let placeholder = |member: &Member| (member.state.group, format!("GENESIS-AFTER-{}", member.state.group));
        return Ok(members.iter().map(placeholder).collect());
    }
    pairs.iter().map(|(old, new)| goes_on(old, new, members)).collect()
}

/// Checks that a group goes on from just its state in the cut.
fn goes_on(old: &Path, new: &str, members: &[Member]) -> Result<(Digest, String), Failure> {
    let group = read_genesis(old).map_err(Failure::usage)?.group();
    let member = members.iter().find(|member| member.state.group == group);
    let state = &member.ok_or_else(|| Failure::no(format!("{} is of no group in the cut", old.display())))?.state;
    let genesis = read_genesis(Path::new(new)).map_err(Failure::usage)?;
    let named = genesis.restarted().map(|(restart, _)| (restart.group, restart.seq, restart.state_root));
    match named == Some((group, state.seq.get(), state.state_root)) {
        true => Ok((group, new.to_owned())),
        false => Err(Failure::no(format!("{new} does not go on from slot {} of {}", state.seq, old.display()))
            .next("a group that goes on from another state can lack what the others of the cut know of it")),
    }
}

/// Step as the command for it.
fn written((at, step): &(Digest, Step), (members, restarted): (&[Member], &BTreeMap<Digest, String>)) -> Value {
    let member = members.iter().find(|member| member.state.group == *at).expect("steps are of groups in the cut");
    let name = |group: &Digest| member.state.known.get(group).map(|known| known.name.as_str()).unwrap_or_default();
    let (command, note) = match step {
        Step::Know(group) => {
            (format!("quorate groups know {} --name {}", restarted[group], name(group)), String::new())
        }
        Step::Forget(group) => (format!("quorate groups forget {group}"), String::new()),
        Step::Abort(id) => {
            let record = &member.state.branches[id];
            let until = date(record.until.get());
            let note = format!(
                "by {}, or wait: its lease ends at {until}. Where it is committed by now, settle the others so",
                record.organisation
            );
            (format!("quorate tx decide {id} --abort"), note)
        }
        Step::Follow(id, home) => (format!("quorate tx decide {id} --home URL"), format!("a node of {}", name(home))),
        Step::Settle(id, commit) => {
            (format!("quorate groups settle {id} {}", if *commit { "commit" } else { "abort" }), String::new())
        }
        Step::Decide(id) => (format!("quorate tx decide {id}"), String::new()),
        Step::Await(id) => {
            (format!("quorate tx show {id}"), "its home is not in the cut: settle it as that ends".into())
        }
    };
    json!({ "group": at.to_string(), "name": member.genesis.name(), "command": command, "note": note })
}
