//! `quorate conflicts propose`, `vote`, `resolve`: one signed change each.

use super::super::change::{self, send_unless};
use super::super::failure::{Failure, Outcome};
use super::super::listing::LIST_MAX;
use super::super::print;
use super::super::sending::{SignedRequest, applied};
use super::{find, told, words};
use quorate_client::api::{ConflictEntry, ConflictSide, ConflictStory, Identity};
use quorate_client::author::Draft;
use quorate_client::content;
use quorate_client::http::Client;
use quorate_ledger::{Base, ConflictId, Level, Mode, Op, Principal, Receipt, Revision};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Propose how a conflict could end: one more side to vote for
#[derive(Debug, clap::Args)]
pub struct Propose {
    /// The conflict's id, or the beginning of it
    id: String,
    /// Content proposed for its path; `-` reads standard input
    #[arg(required_unless_present = "delete", conflicts_with = "delete")]
    file: Option<PathBuf>,
    /// Propose that no file stands there
    #[arg(long)]
    delete: bool,
    /// Why, for those who vote
    #[arg(long, default_value = "", value_name = "TEXT")]
    reason: String,
    /// Kind of file [default: as FILE is]
    #[arg(long, value_parser = change::parse_mode, value_name = "file|exec|link")]
    mode: Option<Mode>,
    #[command(flatten)]
    word: SignedRequest,
}

/// Vote for a side or a proposal, for your organisation; the last vote counts
#[derive(Debug, clap::Args)]
pub struct Vote {
    /// The conflict's id, or the beginning of it
    id: String,
    /// Number of the side or proposal, as `show` prints it
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    number: u32,
    #[command(flatten)]
    word: SignedRequest,
}

/// End a conflict with a change of your own
#[derive(Debug, clap::Args)]
pub struct Resolve {
    /// The conflict's id, or the beginning of it
    id: String,
    /// Content for its path; `-` reads standard input
    #[arg(required_unless_present_any = ["delete", "side"], conflicts_with_all = ["delete", "side"])]
    file: Option<PathBuf>,
    /// This side or proposal is to stand
    #[arg(long, conflicts_with = "delete", value_name = "NUMBER")]
    side: Option<u32>,
    /// Settle it without a file there
    #[arg(long)]
    delete: bool,
    /// Kind of file [default: as FILE is]
    #[arg(long, value_parser = change::parse_mode, value_name = "file|exec|link")]
    mode: Option<Mode>,
    /// Revision at which the sides were read, as `show` prints it: where another side came later nothing is ended, and this is
    /// one more side [default: the newest revision]
    #[arg(long, value_name = "REV")]
    base: Option<Revision>,
    #[command(flatten)]
    word: SignedRequest,
}

/// Output with `--json`: the receipt, and the conflict's state.
#[derive(Serialize)]
struct Answered<'a> {
    #[serde(flatten)]
    receipt: &'a Receipt,
    conflict: ConflictId,
    conflict_state: &'a str,
    /// The number of the side or proposal that the change speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u32>,
    /// Organisations that voted for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    votes: Option<usize>,
    /// Votes that are needed; null where an arbiter decides, or it is over.
    needed: Option<u32>,
    /// The receipt of the settlement.
    settled: Option<String>,
    /// Revisions of the sides, which a settlement ends.
    sides: BTreeMap<u32, Revision>,
}

/// Runs `quorate conflicts propose`.
pub async fn propose(args: &Propose) -> Outcome {
    let (client, conflict) = known(&args.word, &args.id).await?;
    let (file, contents) = match &args.file {
        Some(file) => {
            let (mode, bytes) = change::given(Some(file), args.mode, args.word.reach.patience()?)?;
            (Some((mode, content::digest(&bytes))), vec![bytes])
        }
        None => (None, vec![]),
    };
    let hash = file.map(|(_, hash)| hash);
    let op = Op::Suggest { conflict: conflict.id, file, reason: args.reason.clone() };
    let number = |now: &ConflictEntry| {
        let side = now.sides.iter().find(|side| side.hash == hash && side.path == now.path);
        let proposal = now.proposals.iter().find(|proposal| proposal.hash == hash);
        side.map(|side| side.number).or(proposal.map(|proposal| proposal.number))
    };
    say(&args.word, &client, &conflict, (None, vec![op], contents), number).await
}

/// Runs `quorate conflicts vote`.
pub async fn vote(args: &Vote) -> Outcome {
    let (client, conflict) = known(&args.word, &args.id).await?;
    arbiter(&conflict).map_or(Ok(()), |arbiter| Err(left_to(arbiter, &conflict)))?;
    let op = Op::Vote { conflict: conflict.id, side: args.number - 1 };
    say(&args.word, &client, &conflict, (None, vec![op], vec![]), |_| Some(args.number)).await
}

/// Runs `quorate conflicts resolve`.
pub async fn resolve(args: &Resolve) -> Outcome {
    let (client, conflict) = known(&args.word, &args.id).await?;
    may_settle(&args.word, &client, &conflict).await?;
    let (ops, contents) = match (&args.file, args.side) {
        (Some(file), _) => {
            let (mode, bytes) = change::given(Some(file), args.mode, args.word.reach.patience()?)?;
            put(&conflict.path, mode, bytes)
        }
        (None, Some(number)) => match side(&client, &conflict, number).await {
            Ok(side) => side,
            // Contents of a conflict that is over are kept for a while only.
            Err(failure) => return is_open(&client, &conflict.id).await.and(Err(failure)),
        },
        (None, None) => (vec![Op::Delete { path: conflict.path.clone() }], vec![]),
    };
    say(&args.word, &client, &conflict, (args.base, ops, contents), |_| args.side).await
}

/// Refuses to sign for anybody but the arbiter: the change would not settle the conflict but join it.
async fn may_settle(word: &SignedRequest, client: &Client, conflict: &ConflictEntry) -> Outcome {
    let Some(arbiter) = arbiter(conflict) else { return Ok(()) };
    let key = word.signing.public()?;
    let authors: Vec<Identity> = client.list(&["identities"], &[], LIST_MAX).await?;
    let organisation = authors.into_iter().find(|author| author.key == key).map(|author| author.organisation);
    if arbiter.covers(&key, &organisation.unwrap_or_default()) {
        return Ok(());
    }
    Err(left_to(arbiter, conflict))
}

/// Principal that alone may settle the conflict.
fn arbiter(conflict: &ConflictEntry) -> Option<&Principal> {
    conflict.decider.as_ref().and_then(|decider| decider.arbiter.as_ref())
}

fn left_to(arbiter: &Principal, conflict: &ConflictEntry) -> Failure {
    let why = format!("{} decides this conflict, and nobody else; nothing was signed", words::principal(arbiter));
    Failure::no(why).next(format!("`quorate conflicts propose {}` puts your side before them", conflict.id))
}

type Change = (Vec<Op>, Vec<Vec<u8>>);

fn put(path: &str, mode: Mode, bytes: Vec<u8>) -> Change {
    (vec![Op::Put { path: path.into(), mode, content: content::digest(&bytes) }], vec![bytes])
}

/// The change that makes a side stand; one that its author has at another path leaves the conflict's path empty.
async fn side(client: &Client, conflict: &ConflictEntry, number: u32) -> Result<Change, Failure> {
    let side = conflict.sides.iter().find(|side| side.number == number);
    let proposal = conflict.proposals.iter().find(|proposal| proposal.number == number);
    let (path, file) = match (side, proposal) {
        (Some(side), _) => (side.path.as_str(), side.mode.zip(side.hash)),
        (None, Some(proposal)) => (conflict.path.as_str(), proposal.mode.zip(proposal.hash)),
        (None, None) => {
            return Err(Failure::no(format!("the conflict has no side {number}"))
                .next(format!("`quorate conflicts show {}` numbers them", conflict.id)));
        }
    };
    let mut change: Change = (vec![], vec![]);
    if path != conflict.path || file.is_none() {
        change.0.push(Op::Delete { path: conflict.path.clone() });
    }
    if let Some((mode, hash)) = file {
        let address = ["conflicts", &conflict.id.to_string(), "contents", &hash.to_string()];
        let bytes = client.get_bytes(&address, &[("level", "sequential")]).await?.body;
        let (ops, contents) = put(path, mode, bytes);
        change.0.extend(ops);
        change.1.extend(contents);
    }
    Ok(change)
}

/// The conflict, which may be over by a change of which the answer was lost.
async fn known(word: &SignedRequest, id: &str) -> Result<(Client, ConflictEntry), Failure> {
    let client = word.reach.client()?;
    let id = find(&client, id, Level::Strong).await?;
    let (ConflictStory { conflict, .. }, _) = told(&client, &id, Level::Strong).await?;
    Ok((client, conflict))
}

/// Refuses to say anything of a conflict that is over.
async fn is_open(client: &Client, id: &ConflictId) -> Outcome {
    let (ConflictStory { conflict, .. }, _) = told(&client.renewed(), &id.to_string(), Level::Strong).await?;
    let Some(end) = &conflict.settled else { return Ok(()) };
    Err(Failure::no(format!("the conflict is over: {}", words::end(&conflict, end)))
        .next(format!("`quorate conflicts show {id}` tells the story")))
}

/// Signs a change, and prints its receipt and where the conflict stands.
async fn say(
    word: &SignedRequest,
    client: &Client,
    conflict: &ConflictEntry,
    (base, ops, contents): (Option<Revision>, Vec<Op>, Vec<Vec<u8>>),
    number: impl FnOnce(&ConflictEntry) -> Option<u32>,
) -> Outcome {
    let draft = Draft { base: base.map(Base::Revision), ops, contents, message: word.message.clone() };
    let (domain, is_open) = (&conflict.domain, async |_: &_| is_open(client, &conflict.id).await);
    let answer = send_unless(&word.reach, &word.signing, domain, &draft, word.level, is_open).await?;
    let Some(receipt) = applied(&answer) else { return change::report(answer, word.reach.json) };
    // The change is ordered, whatever this look says.
    let id = conflict.id.to_string();
    let Ok((ConflictStory { conflict: now, .. }, _)) = told(&client.renewed(), &id, Level::Sequential).await else {
        return change::report(answer, word.reach.json);
    };
    let number = number(&now);
    let votes = number.map(|number| now.votes.iter().filter(|vote| vote.number == number).count());
    if word.reach.json {
        return Ok(print::json(&Answered {
            receipt,
            conflict: now.id,
            conflict_state: &now.state,
            number,
            votes,
            needed: now.decider.as_ref().and_then(|decider| decider.needed),
            settled: now.settled.as_ref().map(|end| end.receipt.to_string()),
            sides: now.sides.iter().map(|side| (side.number, side.revision)).collect(),
        })?);
    }
    change::lines(receipt).iter().try_for_each(print::say)?;
    Ok(standing(&now, number, votes).iter().try_for_each(print::say)?)
}

fn standing(now: &ConflictEntry, number: Option<u32>, votes: Option<usize>) -> Vec<String> {
    let mut lines = Vec::new();
    let needed = now.decider.as_ref().and_then(|decider| decider.needed);
    if let (Some(number), Some(votes), Some(needed)) = (number, votes, needed) {
        lines.push(format!("  {}: {votes} of {needed} votes", words::numbered(now, number)));
    }
    match &now.settled {
        Some(end) => {
            lines.push(format!("  the conflict is over: {}", words::end(now, end)));
            let side = |side: &ConflictSide| format!("side {} at {}", side.number, side.revision);
            lines.push(format!("  its sides: {}", now.sides.iter().map(side).collect::<Vec<_>>().join(", ")));
        }
        None => lines.push(format!("  the conflict is open  {}", now.id)),
    }
    lines
}
