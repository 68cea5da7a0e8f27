//! `quorate import --git`: a git history into a domain, signed by one author.
//!
//! The import follows first parents: a merge is one change, its diff to its first parent, so after each commit the
//! domain has what git's tree has. The commits of other parents are counted as folded.

use super::change;
use super::failure::{Failure, Outcome};
use super::print::{self, plain};
use super::reach::{Reach, Scope, Signing};
use crate::counted::counted;
use quorate_client::api::GroupLimits;
use quorate_client::author::{Author, Draft, Streaming};
use quorate_client::content;
use quorate_client::http::{Client, ClientError};
use quorate_git::{self as git, Change, Operation, Repository, Step};
use quorate_ledger::{Limits, Mode, Op, Receipt, Revision, State};
use serde_json::{Value, json};
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::time::Instant;

/// Bring a git history in
#[derive(Debug, clap::Args)]
pub struct Import {
    /// The repository, or a folder in it
    #[arg(long, value_name = "PATH")]
    git: PathBuf,
    /// Only the newest N commits, on top of one change that brings in the tree below them
    #[arg(long, value_name = "N")]
    commits: Option<usize>,
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    signing: Signing,
    #[command(flatten)]
    reach: Reach,
}

/// Counts so far.
#[derive(Debug, Default)]
struct Tally {
    commits: usize,
    total: usize,
    changes: usize,
    split: usize,
    folded: usize,
    conflicts: usize,
    revision: Option<Revision>,
    skipped: Vec<Value>,
}

/// Runs the command.
pub async fn run(args: &Import) -> Outcome {
    let begun = Instant::now();
    let repository = Repository::open(&args.git).map_err(Failure::usage)?;
    let head = repository.head().map_err(Failure::usage)?;
    let plan = repository.plan(head.tip, args.commits.unwrap_or(usize::MAX)).map_err(Failure::usage)?;
    let client = args.reach.client()?;
    let limits = limits(&client).await?;
    let mut author = Author::open(args.signing.key()?, client, &args.scope.domain).await?;
    author.resend().await?.iter().for_each(change::tell_earlier);
    author.settle().await?;
    let counts = plan.counts();
    let mut tally = Tally { total: counts.line, folded: counts.sides + counts.folded, ..Tally::default() };
    let mut streaming = author.streaming().await?;
    for step in plan {
        let change = match step.map_err(Failure::usage)? {
            Step::Boundary(change) | Step::Commit(change) => change,
            Step::Close(closing) => closing.change,
            Step::Open { .. } | Step::Side { .. } => continue,
        };
        tally.send(&mut streaming, (&repository, &limits), &change).await?;
    }
    streaming.finish().await?.iter().try_for_each(|receipt| tally.judge(receipt))?;
    tally.report(args, &head.tip.to_string(), begun)
}

/// Limits of the group; the usual ones where the node is older than the question.
async fn limits(client: &Client) -> Result<Limits, ClientError> {
    match client.limits().await {
        Ok(GroupLimits { envelope_bytes_max, operations_max, .. }) => {
            Ok(Limits { envelope_bytes_max, operations_max, ..Limits::default() })
        }
        Err(ClientError::Refused(problem)) if problem.status == 404 => Ok(Limits::default()),
        Err(error) => Err(error),
    }
}

impl Tally {
    async fn send(
        &mut self,
        streaming: &mut Streaming<'_>,
        (repository, limits): (&Repository, &Limits),
        change: &Change,
    ) -> Outcome {
        let message = change.commit.described();
        let parts = git::pack(&change.operations, message.len(), limits);
        self.split += usize::from(parts.len() > 1);
        for part in parts {
            let draft = draft(repository, &change.operations[part], message.clone())?;
            streaming.send(&draft).await?;
            streaming.receipts().iter().try_for_each(|receipt| self.judge(receipt))?;
            self.changes += 1;
        }
        self.commits += 1;
        self.skipped.extend(change.skipped.iter().map(skipped));
        self.progress();
        Ok(())
    }

    fn judge(&mut self, receipt: &Receipt) -> Outcome {
        self.revision = self.revision.max(receipt.revision);
        self.conflicts += receipt.conflicts.len();
        match receipt.state {
            State::Refused => {
                let detail = receipt.detail.as_deref().map(plain).unwrap_or_default();
                let what = format!("number {} of this import was refused: {detail}", receipt.from_seq);
                Err(Failure::no(what).next(format!("`quorate receipt {}` tells more", receipt.id)))
            }
            _ => Ok(()),
        }
    }

    fn progress(&self) {
        if io::stderr().is_terminal() {
            eprint!("\r{} of {} commits", self.commits, self.total.max(self.commits));
        }
    }

    fn report(&self, args: &Import, tip: &str, begun: Instant) -> Outcome {
        if io::stderr().is_terminal() {
            eprintln!();
        }
        let seconds = begun.elapsed().as_secs_f64();
        if args.reach.json {
            print::json(&json!({
                "domain": args.scope.domain, "tip": tip, "commits": self.commits, "changes": self.changes,
                "folded": self.folded, "split": self.split, "skipped": self.skipped, "conflicts": self.conflicts,
                "revision": self.revision, "seconds": seconds,
            }))?;
        } else {
            self.words(args, tip, seconds).iter().try_for_each(print::say)?;
        }
        match self.conflicts {
            0 => Ok(()),
            count => Err(Failure::no(format!("{} with what others did", counted(count, "conflict")))
                .next("`quorate conflicts list` shows them")),
        }
    }

    fn words(&self, args: &Import, tip: &str, seconds: f64) -> Vec<String> {
        let (commits, domain) = (counted(self.commits, "commit"), &args.scope.domain);
        let mut words = vec![format!("{commits} up to {} in {domain}, in {seconds:.1} s", print::short(tip))];
        words.extend(self.revision.map(|revision| format!("newest revision {revision}")));
        if self.folded > 0 {
            words.push(format!("folded into their merges: {} of merged branches", counted(self.folded, "commit")));
        }
        if self.split > 0 {
            words.push(format!("too large for one envelope, sent as several: {}", counted(self.split, "commit")));
        }
        let left_out = |skipped: &Value| format!("left out: {}: {}", skipped["path"], skipped["reason"]);
        words.extend(self.skipped.iter().map(left_out));
        words
    }
}

fn draft(repository: &Repository, operations: &[Operation], message: String) -> Result<Draft, Failure> {
    let (mut ops, mut contents) = (Vec::new(), Vec::new());
    for operation in operations {
        ops.push(match operation {
            Operation::Delete { path } => Op::Delete { path: path.clone() },
            Operation::Put { path, entry } => {
                let bytes = repository.content(entry.blob).map_err(Failure::usage)?;
                let content = content::digest(&bytes);
                contents.push(bytes);
                Op::Put { path: path.clone(), mode: mode(entry.mode), content }
            }
        });
    }
    Ok(Draft { base: None, ops, contents, message })
}

fn mode(mode: git::Mode) -> Mode {
    match mode {
        git::Mode::File => Mode::File,
        git::Mode::Exec => Mode::Exec,
        git::Mode::Link => Mode::Link,
    }
}

fn skipped(skipped: &git::Skipped) -> Value {
    json!({ "path": skipped.path, "commit": skipped.commit.to_string(), "reason": skipped.reason.to_string() })
}
