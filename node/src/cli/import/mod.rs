//! `quorate import --git`: a git history into a domain, signed by one author.
//!
//! The import follows first parents: a merge is one change, its diff to its first parent, so after each commit the
//! domain has what git's tree has. The commits of other parents are counted as folded. Changes say which commit they
//! are ([`Origin`](quorate_git::Origin)), so that the next import of the same branch goes on after the newest ([`earlier`]).

mod base;
mod earlier;
mod files;
mod others;
mod places;
mod rest;
mod seen;
mod sending;
mod standing;
mod tally;

use super::change;
use super::failure::{self, Failure, Outcome};
use super::identities;
use super::limits;
use super::listing::LIST_MAX;
use super::reach::{Reach, Scope, Signing};
use crate::counted::counted;
use crate::lines::{Branches, Line, alike, all_branches};
use base::Allowed;
use earlier::Trust;
use places::Places;
use quorate_client::api::Domain;
use quorate_client::author::Author;
use quorate_client::http::Client;
use quorate_git::Repository;
use quorate_ledger::{Base, Limits, Revision};
use rest::Rest;
use standing::Standing;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;
use tally::{Failed, Onward, Tally};
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};

/// Bring a git history in; run again, it goes on after the newest commit that is there
#[derive(Debug, clap::Args)]
pub struct Import {
    /// The repository, or a folder in it
    #[arg(long, value_name = "PATH")]
    git: PathBuf,
    /// Branch that goes into the domain [default: the one that is checked out]
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,
    /// `all`: each local branch into the domain of its name, whatever --domain says
    #[arg(long, value_enum, value_name = "WHICH", conflicts_with_all = ["branch", "after"])]
    branches: Option<Branches>,
    /// Of a history of which nothing is there yet, only the newest N commits, on top of one change that brings in the
    /// tree below them
    #[arg(long, value_name = "N")]
    commits: Option<usize>,
    /// Go on after this commit, or after a later one that is there: the domain has its files already
    #[arg(long, value_name = "COMMIT", conflicts_with = "commits")]
    after: Option<String>,
    /// Write over files that the domain has at the same paths, though no import brought them, or others have changed them too
    /// long ago to be merged with that
    #[arg(long)]
    over: bool,
    /// Another key whose word about commits counts, in hex or as a key file: a colleague's, or the own one before this
    #[arg(long, value_name = "KEY")]
    trust: Vec<String>,
    /// Changes a second at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: Option<u32>,
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    signing: Signing,
    #[command(flatten)]
    reach: Reach,
}

/// An import on its way.
struct Run<'a> {
    args: &'a Import,
    repository: Repository,
    limits: Limits,
    /// Ticks once for each change that may go out; none where they go as fast as they can.
    pace: Option<Interval>,
    /// Revision up to which others did nothing that is in the way, as --after says.
    accepted: Option<Revision>,
    /// Files of earlier imports that are not as in the commit that --after names.
    astray: BTreeSet<String>,
}

/// Advice where no repository is found.
const CLONE: &str = "--git PATH names a repository, or a folder in one";

/// Runs the command.
pub async fn run(args: &Import) -> Outcome {
    let repository = Repository::open(&args.git).map_err(|error| Failure::usage(error).next(CLONE))?;
    let (lines, broken) = args.lines(&repository)?;
    let client = args.reach.client()?;
    all_stand(&client, &lines).await?;
    let limits = limits::limits(&client).await?;
    let repository = repository.with_file_limit(limits.file_bytes_max);
    let mut run = Run { args, repository, limits, pace: args.rate.map(pace), accepted: None, astray: BTreeSet::new() };
    let (mut tallies, mut failed) = (Vec::new(), broken);
    for line in &lines {
        match run.import(line).await {
            Ok(tally) => tallies.push(tally),
            Err(failure) if args.branches.is_some() => {
                failed.push(Failed { branch: line.branch.clone(), domain: Some(line.domain.clone()), failure });
            }
            Err(failure) => return Err(failure),
        }
    }
    tally::report(&tallies, &failed, args.branches.is_some(), args.reach.json)
}

impl Import {
    /// Branches that go in, with their domains, and those that cannot be resolved.
    fn lines(&self, repository: &Repository) -> Result<(Vec<Line>, Vec<Failed>), Failure> {
        if self.branches.is_some() {
            let (mut lines, mut broken) = (Vec::new(), Vec::new());
            for line in all_branches(repository).map_err(Failure::usage)? {
                match line {
                    Ok(line) => lines.push(line),
                    Err(error) => broken.push(Failed::of(error)),
                }
            }
            if let Some((one, other)) = alike(&lines) {
                let what = format!("branches {} and {} have one name as domains", one.branch, other.branch);
                return Err(Failure::usage(what).next("--branch NAME --domain NAME brings in one of them"));
            }
            return Ok((lines, broken));
        }
        let branch = match &self.branch {
            None => repository.head().map_err(Failure::usage)?,
            Some(name) => {
                let named = repository.branch(name).map_err(Failure::usage)?;
                let none = || Failure::usage(format!("{}: no local branch {name}", self.git.display()));
                named.ok_or_else(|| none().next("`git branch` lists them"))?
            }
        };
        Ok((vec![Line::of(branch, &self.scope.domain)], Vec::new()))
    }
}

/// Refuses where a branch has no domain yet, before anything is signed.
async fn all_stand(client: &Client, lines: &[Line]) -> Outcome {
    let there: Vec<Domain> = client.list(&["domains"], &[], LIST_MAX).await?;
    let is_missing = |line: &&Line| there.iter().all(|domain| domain.name != line.domain);
    let missing: Vec<&str> = lines.iter().filter(is_missing).map(|line| line.domain.as_str()).collect();
    let Some(first) = missing.first() else { return Ok(()) };
    Err(Failure::no(format!("no domain {}: nothing was sent", missing.join(", "))).next(failure::absent(first)))
}

/// Ticks so many times a second; a late one does not hurry those after it.
fn pace(rate: u32) -> Interval {
    let mut ticks = interval(Duration::from_secs(1) / rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Time for which an import waits at first until its organisation owes less work; twice as long each time, so that others of it
/// come to theirs, and a minute at the most.
const A_WHILE: Duration = Duration::from_secs(2);
const A_MINUTE: Duration = Duration::from_secs(60);

/// Times that it does so for one change: half an hour.
const WAITS_MAX: u32 = 30;

/// Difference of a round of an import to the one before, whose refusal it answers.
#[derive(Debug, Clone, Copy, Default)]
struct Anew {
    /// Changes after which the base was refused: it goes on with a base of its own.
    unbased: Option<usize>,
    /// Operations that each change of the first commit may have.
    operations: Option<u32>,
    /// Changes after which one waits, and how often.
    waits: (usize, u32),
}

impl Anew {
    /// Time for which the next change waits once more, after so many changes.
    fn waits(&mut self, changes: usize) -> Option<Duration> {
        self.waits = if self.waits.0 == changes { (changes, self.waits.1 + 1) } else { (changes, 1) };
        (self.waits.1 <= WAITS_MAX).then(|| A_MINUTE.min(A_WHILE * (1 << (self.waits.1 - 1).min(8))))
    }
}

impl Run<'_> {
    /// Brings in what is missing of a line, and tells what became of earlier changes and of the notes of verdicts. Where the
    /// order takes no more changes on the last one, as so many are based on each other, it goes on with a base of its own; where
    /// it refuses one for the work that it asks for, with half as many operations in each change of that commit; and where its
    /// organisation has used its work, a while later.
    async fn import(&mut self, line: &Line) -> Result<Tally, Failure> {
        let client = self.args.reach.client()?;
        let mut author = Author::open(self.args.signing.key()?, client.clone(), &line.domain).await?;
        let (mut tally, mut anew) = (Tally::of(line), Anew::default());
        loop {
            let ended = self.bring(line, (&client, &mut author), &mut tally, anew).await;
            change::tell_unnoted(&mut author);
            match (ended, tally.unbased(), tally.onward()) {
                (Err(_), Some(changes), _) if anew.unbased != Some(changes) => anew.unbased = Some(changes),
                (Err(_), _, Some(Onward::Divided(operations))) => {
                    anew.operations = Some(operations as u32);
                    let files = counted(operations, "file");
                    tell!("a commit asks for more work than one change may: it goes in with {files} in each at most");
                }
                (ended @ Err(_), _, Some(Onward::Again(changes))) => match anew.waits(changes) {
                    Some(time) => {
                        tell!(
                            "the organisation has used the work that one may have done at a time: on in {} s",
                            time.as_secs()
                        );
                        sleep(time).await;
                    }
                    None => return ended.map(|()| tally),
                },
                (ended, ..) => return ended.map(|()| tally),
            }
        }
    }

    async fn bring(
        &mut self,
        line: &Line,
        (client, author): (&Client, &mut Author),
        tally: &mut Tally,
        anew: Anew,
    ) -> Outcome {
        let is_anew = anew.unbased == Some(tally.changes);
        author.renew();
        change::resend(author).await?;
        let settled = author.settle_telling(change::tell_earlier).await;
        settled.map_err(|error| author.earlier(error))?;
        let named = self.args.trust.iter().map(|key| identities::key_of(key)).collect::<Result<Vec<_>, _>>()?;
        let trust = Trust::of(client, author.key(), &named).await?;
        earlier::none_waits(client, &line.domain, &trust).await?;
        let executed = author.newest().await?; // before the log is read: it tells of what came up to here
        let places = Places::read(&self.repository, line).map_err(Failure::usage)?;
        let after = self.args.after.as_ref().map(|named| self.repository.resolve(named)).transpose();
        let after = after.map_err(Failure::usage)?;
        let found =
            earlier::find(client, &line.domain, &trust, (&places, after, self.accepted.unwrap_or_default())).await?;
        let is_first = self.accepted.is_none(); // later rounds have written over some of them
        let is_looked_at = is_first && (self.args.over || !found.is_come_to);
        if let Some(said) = found.earlier.as_ref().filter(|earlier| is_looked_at && after == Some(earlier.commit)) {
            let (domain, at) = ((client, line.domain.as_str(), executed), (&self.repository, said));
            let to = places.at(places.nearest(said.commit).map_err(Failure::usage)?).unwrap_or(line.tip);
            self.astray = files::astray(domain, at, (&found.brought, to), self.args.over).await?;
        }
        let earlier = found.earlier.as_ref();
        let rest = || Rest::of(&self.repository, (line, &places), (earlier, &self.astray), self.args.commits);
        if found.earlier.is_none() && !self.args.over {
            files::none_is_in_the_way(client, &line.domain, || rest()?.paths()).await?;
        }
        let allowed = Allowed { last: !is_anew, over: self.args.over };
        let coming = (&self.repository, || rest()?.paths());
        let base = base::of((client, &line.domain), (&found, executed), coming, allowed).await?;
        if let (Base::Revision(at), Some(earlier)) = (base, &found.earlier)
            && after == Some(earlier.commit)
        {
            self.accepted = Some(at);
        }
        let mut standing = match (base, self.accepted) {
            (Base::Revision(at), _) if is_anew || self.args.over || after.is_some() => {
                Standing::at(client, &line.domain, &at.to_string()).await?
            }
            _ if self.args.over => Standing::at(client, &line.domain, &executed.to_string()).await?,
            // A file that others have moved since the run began is deleted where it is now.
            (_, Some(accepted)) => {
                let begun = Standing::at(client, &line.domain, &accepted.to_string()).await?;
                begun.or(Standing::at(client, &line.domain, &executed.to_string()).await?)
            }
            _ => Standing::whatever(),
        };
        let mut base = Some(base);
        let mut rest = rest()?;
        if rest.is_moved {
            rest.pass(&mut Standing::at(client, &line.domain, &executed.to_string()).await?);
        }
        tally.begin(&rest);
        let mut streaming = author.streaming().await?;
        let operations_max = anew.operations.unwrap_or(self.limits.operations_max);
        let mut limits = Limits { operations_max, ..self.limits.clone() };
        for piece in rest {
            let mut piece = piece.map_err(Failure::usage)?;
            standing.pass(&mut piece.change.operations);
            let way = (&self.repository, &limits, &mut self.pace);
            sending::send(way, (&mut streaming, tally), &piece, &mut base).await?;
            if tally.waits() {
                break;
            }
            limits.operations_max = self.limits.operations_max; // only the commit that was refused is divided
        }
        let ended = streaming.wait().await;
        sending::judge(&mut streaming, tally)?;
        ended?;
        tally.end()
    }
}
