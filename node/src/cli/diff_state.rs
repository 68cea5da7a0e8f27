//! `quorate diff-state`: where the states of two nodes part.

use super::failure::{Exit, Failure, Outcome};
use super::print::{self, plain};
use super::reach::{client, patience};
use quorate_client::api::{Mode, Page, SnapshotEntry, Status};
use quorate_client::http::{Client, ClientError};
use quorate_ledger::copy::{Comparison, Difference, Incomparable, Shown, Signed};
use quorate_ledger::{Genesis, Revision};
use quorate_service::replica::read_genesis;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Pause before two nodes that had no state of one slot at hand are asked again.
const PAUSE: Duration = Duration::from_millis(100);

/// Compare the states of two nodes: the last common checkpoint, and the first domain and path that differ
///
/// Both nodes are asked for their certified states after one slot. A node that has found itself diverged has none: its
/// state is compared as it has executed it, and so are two that differ after one executed slot. Exit 0 where the states
/// are the same, 1 where they differ.
#[derive(Debug, clap::Args)]
pub struct DiffState {
    /// API address of a node
    #[arg(value_name = "URL")]
    first: String,
    /// API address of another node
    #[arg(value_name = "URL")]
    second: String,
    /// The group's genesis: with it the signatures of the states are checked
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    /// PEM file with the authorities to trust with https:// nodes, instead of the system's
    #[arg(long, env = "QUORATE_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// File with the secret of the nodes' `admin.token`
    #[arg(long, env = "QUORATE_TOKEN", value_name = "FILE")]
    token: Option<PathBuf>,
    /// Seconds in which both nodes must have the state of one slot at hand
    #[arg(long, default_value_t = 30.0, value_name = "SECONDS")]
    timeout: f64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Two nodes, and which state of each is compared.
struct Pair {
    nodes: [Client; 2],
    statuses: [Status; 2],
    /// Queries that name the states.
    which: [Which; 2],
}

#[derive(Debug, Clone, Copy)]
enum Which {
    /// The certified state of this slot.
    Certified(u64),
    /// The first certified state from this slot on.
    After(u64),
    /// The state as it was executed up to this slot.
    Executed(u64),
}

/// Why there is no comparison yet, or none at all.
enum Stop {
    Again(String),
    Failed(Failure),
}

impl From<ClientError> for Stop {
    fn from(error: ClientError) -> Self {
        match &error {
            ClientError::Refused(problem) if problem.status == 404 => Self::Again(error.to_string()),
            _ => Self::Failed(error.into()),
        }
    }
}

/// Runs the command.
pub async fn run(args: &DiffState) -> Outcome {
    let patience = patience(args.timeout)?;
    let genesis = args.genesis.as_deref().map(read_genesis).transpose().map_err(Failure::usage)?;
    let node = |url: &str| client(url, patience, (args.ca.as_deref(), args.token.as_deref()));
    let nodes = [node(&args.first)?, node(&args.second)?];
    let until = Instant::now() + patience;
    loop {
        let why = match attempt(&nodes, genesis.as_ref()).await {
            Ok((pair, comparison)) => return tell(&pair, &comparison, args.json),
            Err(Stop::Failed(failure)) => return Err(failure),
            Err(Stop::Again(why)) => why,
        };
        if Instant::now() > until {
            let what = format!("no state of one slot is at hand at both nodes: {}", plain(&why));
            return Err(Failure::new(Exit::Unreachable, what));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn attempt(nodes: &[Client; 2], genesis: Option<&Genesis>) -> Result<(Pair, Comparison), Stop> {
    let mut pair = pair(nodes).await?;
    let mut comparison = Comparison::new(genesis.cloned());
    while let Some(ask) = comparison.ask() {
        let bytes = ask.encode();
        let answer = |side: usize| pair.answer(side, bytes.clone());
        let (left, right) = tokio::try_join!(answer(0), answer(1))?;
        comparison.take(&ask, [&left, &right]).map_err(|(side, why)| match why {
            Incomparable::Moved(_) => Stop::Again(why.to_string()),
            Incomparable::Refused(why) => {
                Stop::Failed(Failure::no(format!("{} gave a wrong answer: {why}", pair.nodes[side].node())))
            }
        })?;
        pair.stay(comparison.shown().expect("both have answered"))?;
    }
    Ok((pair, comparison))
}

async fn pair(nodes: &[Client; 2]) -> Result<Pair, Stop> {
    let nodes = nodes.each_ref().map(Client::renewed);
    let statuses: [Status; 2] = [nodes[0].status().await?, nodes[1].status().await?];
    if statuses[0].group != statuses[1].group {
        let what = format!("{} and {} are nodes of different groups", nodes[0].node(), nodes[1].node());
        return Err(Stop::Failed(Failure::usage(what)));
    }
    let newest = [newest(&nodes[0]).await?, newest(&nodes[1]).await?];
    let at = newest.iter().flatten().copied().max();
    // Where no state gets a quorum any more, the newest certified ones are those from before they parted.
    let [left, right] = &statuses;
    let have_parted = left.executed_seq == right.executed_seq
        && left.state_root != right.state_root
        && newest.iter().flatten().all(|certified| *certified < left.executed_seq);
    let is_apart = statuses.each_ref().map(|status| have_parted || status.mode == Mode::Diverged);
    let one = |side: usize| match (is_apart[side], newest[side]) {
        (true, _) => Ok(Which::Executed(statuses[side].executed_seq)),
        (false, Some(own)) if is_apart[1 - side] => Ok(Which::After(own)),
        (false, _) => at.map(Which::After).ok_or_else(|| Stop::Again("no state is certified yet".into())),
    };
    let which = [one(0)?, one(1)?];
    Ok(Pair { nodes, statuses, which })
}

async fn newest(node: &Client) -> Result<Option<u64>, ClientError> {
    let page: Page<SnapshotEntry> = node.get(&["snapshots"], &[]).await?;
    Ok(page.items.iter().map(|one| one.seq).max())
}

impl Pair {
    async fn answer(&self, side: usize, ask: Vec<u8>) -> Result<Vec<u8>, ClientError> {
        let (name, seq, executed) = match self.which[side] {
            Which::Certified(seq) => ("seq", seq, "false"),
            Which::After(seq) => ("after", seq, "false"),
            Which::Executed(seq) => ("seq", seq, "true"),
        };
        self.nodes[side].renewed().state_that(&[(name, &seq.to_string()), ("executed", executed)], ask).await
    }

    /// Stays with the states that the first answers came from; an error where both are certified and of two slots.
    fn stay(&mut self, shown: [Shown; 2]) -> Result<(), Stop> {
        let [left, right] = shown.map(|shown| shown.seq);
        let are_certified = self.which.iter().all(|which| !matches!(which, Which::Executed(_)));
        if are_certified && left != right {
            return Err(Stop::Again(format!("the newest states at hand are of slots {left} and {right}")));
        }
        for (which, shown) in self.which.iter_mut().zip(shown) {
            if let Which::After(_) = which {
                *which = Which::Certified(shown.seq.get());
            }
        }
        Ok(())
    }

    /// The last checkpoint that both states are known to have in common.
    fn common(&self, shown: &[Shown; 2]) -> Option<u64> {
        if shown[0].state_root == shown[1].state_root {
            return Some(shown[0].seq.get());
        }
        let sides = self.statuses.iter().zip(&self.which);
        let executed = sides.filter(|(_, which)| matches!(which, Which::Executed(_)));
        executed.map(|(status, _)| status.stable_checkpoint.seq).min()
    }
}

/// The first difference that is none of time alone: where the states are of two slots, one that was there at the older.
fn first(comparison: &Comparison, shown: &[Shown; 2]) -> Option<(Difference, bool)> {
    let newer = usize::from(shown[1].seq > shown[0].seq);
    let older = shown[1 - newer].seq;
    let is_old = |at: Option<Revision>| at.is_some_and(|at| at.seq() <= older);
    let is_true = |one: &Difference| shown[newer].seq == older || is_old(one.revisions[newer]);
    let found = comparison.found().0.find(|one| is_true(one)).map(|one| (one.clone(), true));
    found.or_else(|| comparison.found().0.next().map(|one| (one.clone(), false)))
}

fn tell(pair: &Pair, comparison: &Comparison, as_json: bool) -> Outcome {
    let shown = comparison.shown().expect("both nodes have answered");
    let (first, common) = (first(comparison, &shown), pair.common(&shown));
    let (found, is_cut) = comparison.found();
    let count = found.count();
    if as_json {
        let nodes = [0, 1].map(|side| document(pair, &shown[side], side));
        print::json(&json!({
            "equal": first.is_none(),
            "common_checkpoint": common,
            "nodes": nodes,
            "differences": count,
            "more": is_cut,
            "first": first.as_ref().map(|(one, sure)| difference(one, *sure)),
        }))?;
    } else {
        (0..2).try_for_each(|side| print::say(line(pair, &shown[side], side)))?;
        said(first.as_ref(), common).iter().try_for_each(print::say)?;
        if count > 1 {
            print::say(format!("differences {}{count} entries", if is_cut { "at least " } else { "" }))?;
        }
    }
    if first.is_none() { Ok(()) } else { Err(Failure::silent()) }
}

fn document(pair: &Pair, shown: &Shown, side: usize) -> Value {
    json!({
        "node": pair.nodes[side].node(),
        "mode": pair.statuses[side].mode,
        "seq": shown.seq.get(),
        "state_root": shown.state_root.to_string(),
        "signed": match shown.signed {
            Signed::Nobody => "nobody",
            Signed::Unchecked => "unchecked",
            Signed::Quorum => "quorum",
        },
    })
}

fn difference(one: &Difference, is_sure: bool) -> Value {
    let revisions = one.revisions.map(|at| at.map(|at| at.to_string()));
    json!({ "domain": one.domain, "kind": one.kind, "path": one.name, "revisions": revisions, "sure": is_sure })
}

fn line(pair: &Pair, shown: &Shown, side: usize) -> String {
    let signed = match shown.signed {
        Signed::Nobody => "which nobody has signed",
        Signed::Unchecked => "whose signatures were not checked, for want of --genesis",
        Signed::Quorum => "signed by a quorum",
    };
    let node = pair.nodes[side].node();
    format!("{node} ({}): slot {}, state root {}, {signed}", pair.statuses[side].mode, shown.seq, shown.state_root)
}

fn said(first: Option<&(Difference, bool)>, common: Option<u64>) -> Vec<String> {
    let Some((one, is_sure)) = first else { return vec!["the states are the same".into()] };
    let path = plain(&one.name);
    let place = format!("{} {path}", one.kind);
    let mut lines = vec![format!("first difference: domain {}, {}", plain(&one.domain), place.trim_end())];
    let revision = |at: Option<Revision>| at.map_or_else(|| "nothing".into(), |at| at.to_string());
    if one.kind == "file" {
        lines.push(format!("  there: {} and {}", revision(one.revisions[0]), revision(one.revisions[1])));
    }
    if !is_sure {
        lines.push("  the states are of two slots: it may have changed between them".into());
    }
    lines.push(match common {
        Some(seq) => format!("last common checkpoint: slot {seq}"),
        None => "last common checkpoint: none is at hand; both states are certified, or claim to be".into(),
    });
    lines
}
