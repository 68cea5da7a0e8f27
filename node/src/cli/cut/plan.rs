//! `quorate cut plan`: commands after groups were restarted from their states of a cut.

use super::super::clock::date;
use super::super::failure::{Failure, Outcome};
use super::super::print::{self, plain, quoted};
use super::super::reach::{Pair, parse_pair};
use super::folder::{Member, states, verified};
use quorate_ledger::TransactionId;
use quorate_ledger::cut::{Step, plan, seal};
use quorate_pbft::Digest;
use quorate_service::replica::read_genesis;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Print the commands to give after groups were restarted from their states of a cut
///
/// Each group is restarted by itself before, as `quorate genesis restart` begins it, from its own snapshot of the cut.
#[derive(Debug, clap::Args)]
pub struct Plan {
    /// The folder of the cut, which is checked first
    dir: PathBuf,
    /// Genesis of a group in the cut, and of the group that goes on from it; given once for each that was restarted
    #[arg(long, value_parser = parse_pair, value_name = "OLD=NEW", required = true)]
    restarted: Vec<Pair>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Command of a plan, for one group.
#[derive(Serialize)]
struct Line<'a> {
    group: String,
    name: &'a str,
    command: String,
    note: String,
}

/// Runs `quorate cut plan`.
pub fn run(args: &Plan) -> Outcome {
    let members = verified(&args.dir)?;
    let mut restarted = BTreeMap::new();
    for (old, new) in &args.restarted {
        let (group, new) = goes_on(old, new, &members)?;
        if let Some(other) = restarted.insert(group, new) {
            return Err(Failure::usage(format!("--restarted {}: its group goes on as {other} already", old.display())));
        }
    }
    let steps = plan(&states(&members), &restarted.keys().copied().collect());
    let lines: Vec<Line<'_>> = steps.iter().map(|step| line(step, (&members, &restarted))).collect();
    if args.json {
        return Ok(print::json(&json!({ "seal": seal(&states(&members)).to_string(), "steps": lines }))?);
    }
    print::say("# in this order, each with --node and --key of its group; `quorate approve` ends what is proposed")?;
    for Line { name, command, note, .. } in lines {
        let note = if note.is_empty() { note } else { format!(": {note}") };
        print::say(format_args!("{command}  # {}{note}", plain(name)))?;
    }
    Ok(())
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
fn line<'a>((at, step): &(Digest, Step), cut: (&'a [Member], &BTreeMap<Digest, String>)) -> Line<'a> {
    let (members, restarted) = cut;
    let member = members.iter().find(|member| member.state.group == *at).expect("steps are of groups in the cut");
    let name = |group: &Digest| member.state.known.get(group).map(|known| known.name.as_str()).unwrap_or_default();
    let (command, note) = match step {
        Step::Know(group) => {
            (format!("quorate groups know {} --name {}", quoted(&restarted[group]), name(group)), String::new())
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
        Step::Follow(id, home) => {
            (format!("quorate tx decide {id} --home URL"), format!("a node of {}, once that has decided", name(home)))
        }
        Step::Settle(id, commit) => {
            let end = if *commit { "commit" } else { "abort" };
            (format!("quorate groups settle {id} {end}"), first_look(member, id, cut))
        }
        Step::Decide(id) => (format!("quorate tx decide {id}"), String::new()),
        Step::Otherwise(id, commit) => (format!("quorate tx show {id}"), otherwise(*commit)),
        Step::Await(id) => (
            format!("quorate tx show {id}"),
            "the cut does not tell how its home ends: settle it so, or carry out what is settled".into(),
        ),
    };
    Line { group: at.to_string(), name: member.genesis.name(), command, note }
}

/// Advice on a branch that was settled otherwise than its home ends.
pub fn otherwise(commit: bool) -> String {
    let end = if commit { "commits" } else { "aborts after a restart" };
    format!(
        "settled otherwise than its home ends, which {end}: carry the home's proof before the restart (`quorate tx decide ID --home URL`), \
         or accept it (`quorate tx decide ID`)"
    )
}

/// Advice where a group that takes part goes on living: it may have ended its branch after the cut.
fn first_look(
    member: &Member,
    id: &TransactionId,
    (members, restarted): (&[Member], &BTreeMap<Digest, String>),
) -> String {
    let went_on = |group: &Digest| {
        members.iter().any(|member| restarted.contains_key(&member.state.group) && member.state.is_of(group))
    };
    let branches = &member.state.branches[id].transaction.branches;
    match branches.iter().all(|branch| went_on(&branch.group)) {
        true => String::new(),
        false => {
            format!("look with `quorate tx show {id}` in every living group first, and settle as they have ended it")
        }
    }
}
