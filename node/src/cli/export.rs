//! `quorate export --git`: the history of a domain as a git repository.
//!
//! Each entry of the log makes one commit by a fixed rule, so that every replica and every run give the same commit ids.
//! At the end the files must be those of the domain at the revision that was exported; else nothing is published.

use super::failure::{Exit, Failure, Outcome};
use super::file_read;
use super::files;
use super::get;
use super::print::{self, plain};
use super::reach::{Reach, Scope};
use crate::counted::counted;
use quorate_client::api::{LogEntry, TreeEntry};
use quorate_client::calls::Log;
use quorate_client::content;
use quorate_client::http::Client;
use quorate_git::{self as git, GitError, Mirror, MirrorCommit, ObjectId, Origin, Person, Time};
use quorate_ledger::{Mode, Revision};
use quorate_pbft::Digest;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::time::Instant;

/// Branch of the mirror.
const BRANCH: &str = "main";

/// Paths that git refuses that are named on standard error.
const REFUSED_SHOWN_MAX: usize = 20;

/// Advice where the branch is of another history.
const OF_ITS_OWN: &str = "is --domain the one of this mirror, and is the node as far as it? Else give the folder of an \
                          export alone, or a new one; with --replace this export takes the place of what is there, \
                          and commits that nothing else in the repository leads to are lost";

/// Write the history of a domain as a git repository; every replica gives the same commit ids
#[derive(Debug, clap::Args)]
pub struct Export {
    /// The bare repository to make, or to bring up to date
    #[arg(long, value_name = "DIR")]
    git: PathBuf,
    /// Let `main` end in this export even if it ends in another history now, whose commits may then be lost
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    reach: Reach,
}

/// Change of a domain: what the commit says, and the paths that it may have touched.
struct Revised {
    commit: MirrorCommit,
    paths: BTreeSet<String>,
}

/// An export on its way.
struct Run<'a> {
    args: &'a Export,
    client: Client,
    group: String,
    /// Slot of the state that the group goes on from, where it was restarted.
    restarted: Option<u64>,
    mirror: Mirror,
    /// Files as the mirror has them.
    files: BTreeMap<String, (Mode, Digest)>,
    /// Paths of this history that git refuses to check out, each with the revision that brought it.
    refused: BTreeMap<String, Revision>,
    tip: Option<String>,
}

/// Runs the command.
pub async fn run(args: &Export) -> Outcome {
    let begun = Instant::now();
    let client = args.reach.client()?;
    let status = client.status().await?;
    let (group, restarted) = (status.group.to_string(), status.restarted_from.map(|before| before.seq));
    let last = files::newest(&client, &args.scope.domain, "strong").await?;
    let own = "give a new folder, or the repository of an earlier export";
    let mirror = Mirror::open(&args.git).map_err(|error| match Failure::met(error) {
        full if full.exit() == Exit::Disk => full,
        other => other.next(own),
    })?;
    let (files, refused) = (BTreeMap::new(), BTreeMap::new());
    let mut run = Run { args, client, group, restarted, mirror, files, refused, tip: None };
    let history = run.history(&last).await?;
    for (done, (revision, revised)) in history.iter().enumerate() {
        run.commit(revision, revised).await?;
        progress(done + 1, history.len());
    }
    run.check(&last).await?;
    let gave_up = run.publish()?;
    run.report(history.len(), &last, gave_up, begun)
}

impl Run<'_> {
    /// Revisions up to one, oldest first.
    async fn history(&self, last: &str) -> Result<BTreeMap<Revision, Revised>, Failure> {
        let last: Revision = last.parse().map_err(|error| self.client.garbled(format!("revision: {error}")))?;
        let domain = self.args.scope.domain.as_str();
        let (path, query) = (["domains", domain, "log"], [("level", "strong")]);
        let log: Log<LogEntry> = self.client.list_log(&path, &query, usize::MAX).await?;
        log.begins.map_or(Ok(()), |slot| Err(forgotten(domain, slot, self.restarted)))?;
        if log.gaps {
            return Err(full_of_gaps(domain));
        }
        let revised = log.items.iter().map(|entry| (entry.revision, self.revised(entry)));
        Ok(revised.filter(|(revision, _)| *revision <= last).collect())
    }

    fn revised(&self, entry: &LogEntry) -> Revised {
        let message = entry.message.trim_end().replace('\0', "\u{fffd}");
        let title = if message.trim().is_empty() { "(no message)" } else { &message };
        let (id, key, revision) = (entry.id, entry.author.to_string(), entry.revision);
        let trailers = format!("Quorate-Envelope: {id}\nQuorate-Author: {key}\nQuorate-Revision: {revision}\n");
        let host = format!("{}.quorate.invalid", print::short(&self.group));
        let signer = Person { name: print::short(&key), email: format!("{key}@{host}") };
        let committed = Time::new((entry.time / 1_000) as i64, 0);
        let (author, written) = match Origin::read(&message) {
            Some(origin) => (origin.author, origin.time.unwrap_or(committed)),
            None => (signer, committed),
        };
        let commit = MirrorCommit {
            author,
            written,
            committer: Person { name: "quorate".to_owned(), email: format!("quorate@{host}") },
            committed,
            message: format!("{title}\n\n{trailers}"),
        };
        Revised { commit, paths: entry.changes.iter().map(|change| change.path.clone()).collect() }
    }

    /// Brings the paths of a revision to its state and commits.
    async fn commit(&mut self, revision: &Revision, revised: &Revised) -> Outcome {
        let mut stand = Vec::new();
        for path in &revised.paths {
            match self.file(path, revision).await? {
                None => self.delete(path),
                Some((mode, bytes)) => stand.push((path, mode, bytes)),
            }
        }
        for (path, mode, bytes) in stand {
            if git::is_refused_by_git(path, mode.into()) {
                self.refused.entry(path.clone()).or_insert(*revision);
            }
            self.files.insert(path.clone(), (mode, content::digest(&bytes)));
            self.mirror.put(path, mode.into(), &bytes).map_err(Failure::met)?;
        }
        self.tip = Some(self.mirror.commit(&revised.commit).map_err(Failure::met)?.to_string());
        Ok(())
    }

    fn delete(&mut self, path: &str) {
        if self.files.remove(path).is_some() {
            self.mirror.delete(path);
        }
    }

    /// File at a path in the state of a revision, held against its hash; none where nothing stands.
    async fn file(&self, path: &str, revision: &Revision) -> Result<Option<(Mode, Vec<u8>)>, Failure> {
        let (client, domain) = (self.client.renewed(), &self.args.scope.domain);
        let file = file_read::at(&client, domain, path, &revision.to_string()).await?;
        file.map(|file| Ok((get::mode(&client, &file)?, file.body))).transpose()
    }

    /// Holds the mirror's files against the domain's.
    async fn check(&self, last: &str) -> Outcome {
        let tree: Vec<TreeEntry> = files::tree(&self.client.renewed(), &self.args.scope.domain, last, "").await?;
        let there: BTreeMap<String, (Mode, Digest)> =
            tree.into_iter().map(|entry| (entry.path, (entry.mode, entry.hash))).collect();
        let paths = there.keys().chain(self.files.keys()).collect::<BTreeSet<_>>();
        let differs = paths.into_iter().find(|path| there.get(*path) != self.files.get(*path));
        differs.map_or(Ok(()), |path| {
            let what = format!("{} is not in the mirror as it is in the domain at {last}", plain(path));
            Err(Failure::no(what).next("no branch was published; please report this with `quorate log` of that path"))
        })
    }

    /// Moves the branch; gives the commit of another history in which it ended.
    fn publish(&self) -> Result<Option<ObjectId>, Failure> {
        let published = match self.args.replace {
            true => self.mirror.replace(BRANCH),
            false => self.mirror.publish(BRANCH).map(|()| None),
        };
        published.map_err(|error| match error {
            GitError::Foreign { .. } => Failure::no(error).next(OF_ITS_OWN),
            error => Failure::met(error),
        })
    }

    /// Names the paths that keep a git from checking the mirror out.
    fn tell_refused(&self) {
        for (path, revision) in self.refused.iter().take(REFUSED_SHOWN_MAX) {
            tell!(
                "quorate: git checks this out nowhere, or not on every system: {}, since revision {revision}",
                plain(path)
            );
        }
        if self.refused.len() > REFUSED_SHOWN_MAX {
            tell!("quorate: {} such paths in all: --json names each", self.refused.len());
        }
    }

    fn report(&self, commits: usize, last: &str, gave_up: Option<ObjectId>, begun: Instant) -> Outcome {
        let (domain, tip) = (&self.args.scope.domain, self.tip.as_deref());
        let (files, seconds) = (self.files.len(), begun.elapsed().as_secs_f64());
        if io::stderr().is_terminal() {
            tell!();
        }
        self.tell_refused();
        if self.args.reach.json {
            return Ok(print::json(&json!({
                "domain": domain, "revision": last, "commits": commits, "files": files, "tip": tip,
                "branch": BRANCH, "gave_up": gave_up.map(|id| id.to_string()), "dir": self.args.git, "seconds": seconds,
                "unsafe": self.refused.iter().map(|(path, at)| json!({ "path": path, "revision": at })).collect::<Vec<_>>(),
            }))?);
        }
        let (commits, git) = (counted(commits, "commit"), self.args.git.display());
        print::say(format!("{domain} up to revision {last} is in {git}: {commits}"))?;
        if let Some(id) = gave_up {
            print::say(format!(
                "{BRANCH} ended in {id}: `git branch NAME {id}` keeps that history, until git tidies up"
            ))?;
        }
        Ok(print::say(match tip.map(print::short) {
            Some(at) => format!("{BRANCH} is at {at}: `git clone {git}`"),
            None => format!("nothing has changed in {domain} yet, so there is no {BRANCH}"),
        })?)
    }
}

/// Failure of an export from a node that has forgotten the beginning of the history, or whose group goes on from another one
/// that had it.
fn forgotten(domain: &str, slot: u64, restarted: Option<u64>) -> Failure {
    if let Some(last) = restarted.filter(|last| last + 1 == slot) {
        let what =
            format!("the group goes on from slot {last} of another one, which has the history of {domain} before");
        return Failure::no(what).next(
            "nothing is forgotten, and no member keeps more: a folder of the group before exports its own history, and a \
             domain in which nobody had written then is exported here",
        );
    }
    let what =
        format!("this node keeps the history of {domain} only from slot {slot} on, and a mirror needs all of it");
    Failure::no(what).next(
        "give --node URL of a member that keeps it whole (`history = \"all\"` in its config.toml); a mirror cannot begin \
         later: its commits would have other ids than those of other replicas",
    )
}

/// Failure of an export from a node whose log lacks entries that other nodes have.
fn full_of_gaps(domain: &str) -> Failure {
    let what = format!("a repair of this node has dropped receipts, and its log of {domain} lacks their changes");
    Failure::no(what).next("give --node URL of another member: without these commits, later ones would have other ids")
}

fn progress(done: usize, total: usize) {
    if io::stderr().is_terminal() {
        tell_part!("\r{done} of {total} commits");
    }
}
