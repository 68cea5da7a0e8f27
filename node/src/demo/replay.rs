//! Walks the plan of one branch: signs what each commit does, and holds the domain against git after each.

use super::DemoError;
use super::author::{Author, Ordered};
use super::books::{Replayed, Tally};
use super::cluster::Cluster;
use super::domain::{Contents, DomainReader};
use super::progress::Progress;
use crate::lines::Line;
use quorate_client::api::{ConflictEntry, TreeEntry};
use quorate_git::{
    Base, Change, Closing, Commit, Counts, Entry, Merge, ObjectId, Operation, Plan, Repository, Step, sort_operations,
};
use quorate_ledger::{EnvelopeId, PathOutcome, Receipt, Revision, Rung};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

/// After so many commits of the first-parent line the whole tree is compared.
const WHOLE_TREE_EVERY: usize = 100;

/// Branch on its way into its domain.
pub struct Replay<'r> {
    repository: &'r Repository,
    plan: Plan<'r>,
    line: &'r Line,
    contents: Contents<'r>,
    reader: DomainReader,
    authors: Vec<Author>,
    reached: HashMap<ObjectId, Revision>,
    envelopes: HashMap<ObjectId, EnvelopeId>,
    newest: Revision,
    open: Option<OpenMerge>,
    tally: Tally,
    on_line: usize,
    started: Instant,
}

/// A merge whose sides go in.
struct OpenMerge {
    merge: Merge,
    /// The rung that answered last at each of them.
    rungs: BTreeMap<String, Rung>,
}

impl<'r> Replay<'r> {
    /// A replay of the newest `commits` of the line into its domain, by one author of each organisation.
    pub fn new(
        repository: &'r Repository,
        cluster: &Cluster,
        line: &'r Line,
        commits: usize,
    ) -> Result<Self, DemoError> {
        let (genesis, honest) = (cluster.genesis(), cluster.honest());
        let keys = cluster.author_keys();
        let author = |(index, key): (usize, &std::path::PathBuf)| {
            let client = cluster.client(honest[index % honest.len()])?;
            Author::new(key, genesis.group(), genesis.limits(), client, &line.domain)
        };
        Ok(Self {
            repository,
            plan: repository.plan(line.tip, commits)?,
            line,
            contents: Contents::new(repository),
            reader: DomainReader::new(cluster.client(honest[0])?, &line.domain, honest[0]),
            authors: keys.iter().enumerate().map(author).collect::<Result<_, _>>()?,
            reached: HashMap::new(),
            envelopes: HashMap::new(),
            newest: Revision::GENESIS,
            open: None,
            tally: Tally::default(),
            on_line: 0,
            started: Instant::now(),
        })
    }

    /// Replays everything; errs where the domain is not what git has.
    pub async fn run(mut self, progress: &Progress) -> Result<Replayed, DemoError> {
        let counts = self.plan.counts();
        while let Some(step) = self.plan.next() {
            self.step(step?).await?;
            self.tell(progress, counts);
        }
        let tree = self.repository.tree(&self.repository.commit(self.line.tip)?)?;
        let Self { line, tally, .. } = self;
        Ok(Replayed { domain: line.domain.clone(), tip: line.tip, tree, counts, tally })
    }

    fn tell(&self, progress: &Progress, counts: Counts) {
        let (done, all) = (self.reached.len(), counts.line + counts.sides);
        let rate = self.tally.changes as f64 / self.started.elapsed().as_secs_f64();
        let (clean, conflicts) = (self.tally.clean, self.tally.conflicts);
        progress.at(format_args!(
            "{}: {done} of {all} commits, {rate:.0} a second, {clean} paths merged, {conflicts} in conflict",
            self.line.domain
        ));
    }

    async fn step(&mut self, step: Step) -> Result<(), DemoError> {
        match step {
            Step::Boundary(change) => {
                let commit = self.on_line(change).await?;
                self.check_whole(&commit).await
            }
            Step::Commit(change) => {
                let touched = targets(&change.operations);
                let commit = self.on_line(change).await?;
                self.check(&commit, &touched).await
            }
            Step::Open(merge) => {
                self.open = Some(OpenMerge { merge, rungs: BTreeMap::new() });
                Ok(())
            }
            Step::Side { side, change } => self.side(side, change).await,
            Step::Close(closing) => self.close(closing).await,
        }
    }

    /// A commit by author 0.
    async fn on_line(&mut self, change: Change) -> Result<Commit, DemoError> {
        self.submit(0, &change.commit, change.base, &change.operations).await?;
        self.tally.skipped.extend(change.skipped);
        self.on_line += 1;
        Ok(change.commit)
    }

    /// The touched paths each time, the whole tree now and then.
    async fn check(&self, commit: &Commit, touched: &BTreeMap<String, Option<Entry>>) -> Result<(), DemoError> {
        if self.on_line.is_multiple_of(WHOLE_TREE_EVERY) {
            return self.check_whole(commit).await;
        }
        self.reader.check_paths(&self.contents, commit.id, touched).await
    }

    async fn check_whole(&self, commit: &Commit) -> Result<(), DemoError> {
        self.reader.check_tree(&self.contents, commit.id, &self.repository.tree(commit)?).await
    }

    async fn submit(
        &mut self,
        author: usize,
        commit: &Commit,
        base: Base,
        operations: &[Operation],
    ) -> Result<Vec<Receipt>, DemoError> {
        let base = self.base(commit, base)?;
        let author = &mut self.authors[author];
        let ordered = author.submit(self.repository, commit, base, operations).await?;
        let Ordered { envelope, revision, receipts, latencies } = ordered;
        self.tally.changes += receipts.len();
        self.tally.split += usize::from(receipts.len() > 1);
        self.tally.latencies.extend(latencies);
        self.reached.insert(commit.id, revision);
        self.envelopes.insert(commit.id, envelope);
        self.newest = self.newest.max(revision);
        Ok(receipts)
    }

    fn base(&self, commit: &Commit, base: Base) -> Result<quorate_ledger::Base, DemoError> {
        let unknown = || DemoError::Change { commit: commit.id.to_string(), what: "its base was not replayed".into() };
        Ok(match base {
            Base::Genesis => quorate_ledger::Base::Revision(Revision::GENESIS),
            Base::Revision(id) => quorate_ledger::Base::Revision(*self.reached.get(&id).ok_or_else(unknown)?),
            Base::Envelope(id) => quorate_ledger::Base::Envelope(*self.envelopes.get(&id).ok_or_else(unknown)?),
        })
    }

    async fn side(&mut self, side: usize, change: Change) -> Result<(), DemoError> {
        let authors = self.authors.len();
        let author = self.open.as_ref().map_or(0, |open| open.merge.sides[side].author(authors));
        let receipts = self.submit(author, &change.commit, change.base, &change.operations).await?;
        self.tally.skipped.extend(change.skipped);
        if let Some(open) = &mut self.open {
            let merged = receipts.iter().flat_map(|receipt| &receipt.changes);
            let merged = merged.filter(|change| change.outcome == PathOutcome::Merged);
            open.rungs.extend(merged.map(|change| (change.path.clone(), change.rung)));
        }
        Ok(())
    }

    /// The merge's own change: sets what still differs from git, and settles every conflict.
    async fn close(&mut self, closing: Closing) -> Result<(), DemoError> {
        self.reader.catch_up(self.newest).await?;
        let ours = self.reader.entries(closing.target.keys(), None).await?;
        let mut conflicts = BTreeMap::new();
        if let Some(open) = self.open.take() {
            conflicts = self.reader.open_conflicts().await?;
            let both = self.both_sides(&open.merge, &closing).await?;
            self.count(&both, &open.rungs, &conflicts, &ours, &closing.target)?;
        }
        let Closing { change, target, .. } = closing;
        let mut operations = Vec::new();
        for (path, theirs) in &target {
            if conflicts.contains_key(path) || !self.contents.agree(ours.get(path), theirs.as_ref())? {
                operations.push(set(path, *theirs));
            }
        }
        sort_operations(&mut operations);
        self.tally.corrected += operations.len();
        self.submit(0, &change.commit, change.base, &operations).await?;
        self.tally.skipped.extend(change.skipped);
        self.on_line += 1;
        self.check(&change.commit, &target).await
    }

    /// Paths that both the domain and a side had changed when the merge began, since the side's base.
    async fn both_sides(&self, merge: &Merge, closing: &Closing) -> Result<BTreeSet<String>, DemoError> {
        let mut both = BTreeSet::new();
        for (side, written) in merge.sides.iter().zip(&closing.written) {
            let base = match side.base {
                Base::Genesis => BTreeMap::new(),
                Base::Revision(id) | Base::Envelope(id) => {
                    let at = self.reached.get(&id).copied();
                    self.reader.entries(written.keys(), at).await?
                }
            };
            for (path, theirs) in written {
                let (base, before) = (base.get(path), closing.before.get(path).and_then(Option::as_ref));
                if !self.contents.agree(base, theirs.as_ref())? && !self.contents.agree(base, before)? {
                    both.insert(path.clone());
                }
            }
        }
        Ok(both)
    }

    fn count(
        &mut self,
        both: &BTreeSet<String>,
        rungs: &BTreeMap<String, Rung>,
        conflicts: &BTreeMap<String, ConflictEntry>,
        ours: &BTreeMap<String, TreeEntry>,
        target: &BTreeMap<String, Option<Entry>>,
    ) -> Result<(), DemoError> {
        self.tally.both_sides += both.len();
        for path in both {
            let entry = ours.get(path);
            if let Some(conflict) = conflicts.get(path) {
                self.tally.conflicts += 1;
                *self.tally.classes.entry(conflict.class.clone()).or_default() += 1;
                self.tally.example = Some(conflict.id);
                continue;
            }
            self.tally.clean += 1;
            let theirs = target.get(path).and_then(Option::as_ref);
            self.tally.clean_equal += usize::from(self.contents.agree(entry, theirs)?);
            let rung = rungs.get(path).copied().unwrap_or(Rung::OneSided);
            *self.tally.rungs.entry(rung).or_default() += 1;
        }
        Ok(())
    }
}

fn set(path: &str, entry: Option<Entry>) -> Operation {
    match entry {
        Some(entry) => Operation::Put { path: path.to_owned(), entry },
        None => Operation::Delete { path: path.to_owned() },
    }
}

/// Entries that the touched paths must hold afterwards.
fn targets(operations: &[Operation]) -> BTreeMap<String, Option<Entry>> {
    operations.iter().map(|operation| (operation.path().to_owned(), operation.entry())).collect()
}
