//! `quorate tx show ID`, `tx list` and `tx decide`: a group's branches of transactions over several groups, for everybody.

use super::super::branch::words;
use super::super::change::word;
use super::super::clock::date;
use super::super::failure::{Failure, Outcome};
use super::super::listing;
use super::super::output;
use super::super::print::{self, plain};
use super::super::reach::Reach;
use super::super::sending::{SignedRequest, change};
use quorate_client::api::{TransactionEntry, TransactionState};
use quorate_client::author::proof_for;
use quorate_client::http::Client;
use quorate_ledger::{BranchState, Level, Op, TransactionId};
use std::path::Path;

/// End a branch that waits: as its home has decided, or by aborting it at the home
#[derive(Debug, clap::Args)]
pub struct Decide {
    /// The transaction, as `commit --with` and `show` name it
    id: TransactionId,
    /// Node of the home, whose decision is carried to the group of --node
    #[arg(long, value_name = "URL", conflicts_with = "abort")]
    home: Option<String>,
    /// Abort it at its home, a node of which is --node, before its lease does: only its author's organisation may
    #[arg(long)]
    abort: bool,
    #[command(flatten)]
    word: SignedRequest,
}

/// End of a branch whose group is not the home, in place of a time.
const BY_HOME: &str = "its home's decision";

/// Runs `quorate tx decide`.
pub async fn decide(args: &Decide) -> Outcome {
    let Decide { id, word, .. } = args;
    let client = word.reach.client()?;
    let entry = known(&client, id).await?;
    let (commit, proofs) = match (entry.state, &args.home) {
        (TransactionState::Aborted | TransactionState::Committed, Some(home)) if !entry.home => {
            tell(&entry, word.reach.json)?;
            return alike(&entry, &word.reach.client_elsewhere(home)?).await;
        }
        (TransactionState::Aborted, _) => return tell(&entry, word.reach.json),
        (TransactionState::Committed, _) if !args.abort => return tell(&entry, word.reach.json),
        (TransactionState::Committed, _) => return Err(Failure::no("it took effect, which nothing takes back")),
        (_, None) if args.abort && entry.home => (false, vec![]),
        (TransactionState::Settled, None) if !args.abort => (entry.settled == Some(true), vec![]),
        _ if entry.home => return Err(undecided("this group is its home, which", &entry)),
        (_, Some(home)) => decision(&word.reach.client_elsewhere(home)?, &client, &entry).await?,
        (_, None) => {
            let what = "the home of this branch decides it, which is another group, or its author";
            return Err(
                Failure::usage(what).next("give --home URL to carry its decision, or --abort with --node of the home")
            );
        }
    };
    change(word, &entry.domain, Op::Decide { transaction: *id, commit, proofs }).await
}

/// Runs `quorate tx show ID`.
pub async fn show(id: &TransactionId, out: Option<&Path>, reach: &Reach) -> Outcome {
    let client = reach.client()?;
    let entry = known(&client, id).await?;
    if let Some(out) = out {
        output::write_branch(out, &client.renewed().branch_proof(id).await?)?;
    }
    tell(&entry, reach.json)
}

/// Runs `quorate tx list`.
pub async fn list(reach: &Reach) -> Outcome {
    let headings = ["transaction", "state", "domain", "of", "prepared", "until"];
    listing::list(reach, &["transactions"], &headings, "no branch waits", |table, entry: TransactionEntry| {
        let until = entry.until.map_or_else(|| BY_HOME.to_owned(), date);
        let (domain, organisation) = (plain(&entry.domain), plain(&entry.organisation));
        let state = words((entry.state, entry.settled));
        table.row([entry.id.to_string(), state, domain, organisation, entry.prepared.to_string(), until]);
    })
    .await
}

async fn known(client: &Client, id: &TransactionId) -> Result<TransactionEntry, Failure> {
    let none = || Failure::no(format!("{}: no transaction {id} was prepared in its group", client.node()));
    client.renewed().transaction(id, Level::Strong).await?.ok_or_else(none)
}

/// Decision of the home, and the proof of it for the group of a branch.
async fn decision(home: &Client, reader: &Client, entry: &TransactionEntry) -> Result<(bool, Vec<Vec<u8>>), Failure> {
    let decided = known(home, &entry.id).await?;
    let state = match decided.state {
        _ if !decided.home => return Err(not_home(home)),
        TransactionState::Prepared | TransactionState::Settled => return Err(undecided(home.node(), &decided)),
        TransactionState::Committed => BranchState::Committed,
        TransactionState::Aborted => BranchState::Aborted,
    };
    let group = decided.home_group().unwrap_or_default();
    let proof = proof_for(&reader.renewed(), (&home.renewed(), &group), &entry.id, state).await?;
    Ok((state == BranchState::Committed, vec![proof.encode()]))
}

/// Refuses a branch that has ended otherwise than the home says; one whose home says nothing has its end all the same.
async fn alike(entry: &TransactionEntry, home: &Client) -> Outcome {
    let state = match known(home, &entry.id).await {
        Ok(at_home) if !at_home.home => return Err(not_home(home)),
        Ok(at_home) if at_home.state == entry.state => return Ok(()),
        Ok(at_home) => at_home.state,
        Err(failure) => {
            tell!("quorate: how its home has ended it is not known: {failure}");
            return Ok(());
        }
    };
    let here = format!("{} here, as the organisations of this group have settled", word(entry.state));
    Err(Failure::no(format!("{} by its home, and {here}", word(state))).next(match state {
        TransactionState::Committed => "what it was to write here is lost, and can be made anew as a change of its own",
        TransactionState::Aborted => "what took effect here can be taken back with a change of its own: `quorate log` shows it",
        _ => "its home can still end it otherwise: its author goes on with `quorate tx commit --with`, or its author's organisation ends it there with `quorate tx decide ID --abort`",
    }))
}

fn not_home(node: &Client) -> Failure {
    Failure::usage(format!("{} is no node of its home", node.node()))
}

/// Failure where a home has not decided.
fn undecided(home: &str, entry: &TransactionEntry) -> Failure {
    let until = entry.until.map(date).unwrap_or_default();
    Failure::no(format!("{home} has not decided it: it can be committed until {until}, and is aborted by itself then"))
        .next("its author goes on with `quorate tx commit --with`; its author's organisation ends it before with `quorate tx decide ID --abort` there")
}

fn tell(entry: &TransactionEntry, as_json: bool) -> Outcome {
    if as_json {
        return Ok(print::json(entry)?);
    }
    let (domain, organisation) = (plain(&entry.domain), plain(&entry.organisation));
    let at = entry.decided.map(|at| format!(" at {at}")).unwrap_or_default();
    print::say(format_args!("{}{at}  {}", words((entry.state, entry.settled)), entry.id))?;
    print::say(format_args!("  prepared in {domain} by {organisation} at {}", entry.prepared))?;
    if let Some(commit) = entry.settled {
        let end = if commit { "committed" } else { "aborted" };
        print::say(format_args!(
            "  the organisations have settled that it is {end}: `quorate tx decide {}`",
            entry.id
        ))?;
    }
    match (entry.home, entry.until) {
        (true, Some(until)) => {
            print::say(format_args!("  this group is its home, and can commit it until {}", date(until)))?
        }
        (true, None) => print::say("  this group is its home")?,
        (false, _) => print::say(format_args!("  its home is the group {}", entry.home_group().unwrap_or_default()))?,
    }
    if !entry.home && entry.state == TransactionState::Prepared {
        print::say(format_args!(
            "  once that has decided, anybody ends it here: `quorate tx decide {} --home URL`",
            entry.id
        ))?;
    }
    let path = |(path, is_gone): (&String, bool)| format!("  {} {}", if is_gone { "rm" } else { "put" }, plain(path));
    let paths = entry.paths.iter().map(|promised| path((&promised.path, promised.hash.is_none())));
    Ok(paths.into_iter().try_for_each(print::say)?)
}
