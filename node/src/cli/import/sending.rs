//! Envelopes of one commit.

use super::super::failure::{Failure, Outcome};
use super::super::print;
use super::rest::Piece;
use super::tally::Tally;
use quorate_client::author::{Draft, Streaming};
use quorate_client::content;
use quorate_git::{self as git, Operation, Origin, Part, Reason, Repository, Skipped};
use quorate_ledger::{Base, Limits, Op};
use tokio::time::Interval;

/// Sends a commit, in as many envelopes as it takes, until one of the import waits for approvals; the first of all has this base.
pub async fn send(
    (repository, limits, pace): (&Repository, &Limits, &mut Option<Interval>),
    (streaming, tally): (&mut Streaming<'_>, &mut Tally),
    piece: &Piece,
    base: &mut Option<Base>,
) -> Outcome {
    let Piece { change, is_whole, .. } = piece;
    if let Some(missing) = change.skipped.iter().find(|skipped| skipped.reason == Reason::ObjectMissing) {
        return Err(self::missing(missing, "the commit was not sent"));
    }
    let part = |number, of| Part { number, of, is_whole: *is_whole };
    let described = |number: usize, of: usize| match &piece.from {
        Some(from) if number < of => from.described(part(number, of)),
        Some(_) => change.commit.described(Part::ONLY),
        None => change.commit.described(part(number, of)),
    };
    let longest = described(1, usize::MAX).len().max(described(1, 1).len());
    let ranges = git::pack(&change.operations, longest, limits);
    let of = ranges.len();
    for (at, range) in ranges.into_iter().enumerate() {
        let operations = &change.operations[range];
        let draft = draft(repository, base.take(), operations, described(at + 1, of))?;
        if let Some(ticks) = pace {
            ticks.tick().await;
        }
        tally.sends(piece, part(at + 1, of), operations.len());
        let sent = streaming.send(&draft).await;
        judge(streaming, tally)?;
        sent?;
        if tally.waits() {
            break;
        }
    }
    Ok(())
}

/// Failure of an import whose clone lacks something.
pub fn missing(Skipped { path, commit, .. }: &Skipped, end: &str) -> Failure {
    let path = if path.is_empty() { "the root folder".to_owned() } else { print::plain(path) };
    let commit = print::short(commit);
    Failure::usage(format!("{path} of commit {commit} is missing in the repository: {end}"))
        .next("a clone that was made without --filter has everything")
}

/// Counts the verdicts that have come; ends where one is a refusal.
pub fn judge(streaming: &mut Streaming<'_>, tally: &mut Tally) -> Outcome {
    for receipt in streaming.receipts() {
        let origin = || Origin::read(&streaming.message(&receipt.id)?);
        tally.judge(&receipt, || origin().map(|origin| origin.commit))?;
    }
    Ok(())
}

fn draft(
    repository: &Repository,
    base: Option<Base>,
    operations: &[Operation],
    message: String,
) -> Result<Draft, Failure> {
    let (mut ops, mut contents) = (Vec::new(), Vec::new());
    for operation in operations {
        ops.push(match operation {
            Operation::Delete { path } => Op::Delete { path: path.clone() },
            Operation::Put { path, entry } => {
                let bytes = repository.content(entry.blob).map_err(Failure::usage)?;
                let content = content::digest(&bytes);
                contents.push(bytes);
                Op::Put { path: path.clone(), mode: entry.mode.into(), content }
            }
        });
    }
    Ok(Draft { base, ops, contents, message })
}
