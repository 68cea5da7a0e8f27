//! Summary of a demo: for people as text, for scripts as JSON.

use super::books::Books;
use super::cluster::Cluster;
use super::judgement::{Caught, Verdict};
use crate::counted::counted;
use quorate_client::verify::kind_words;
use quorate_ledger::Rung;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Skipped paths that are told one by one to people; programs get all.
const SKIPPED_SHOWN: usize = 5;

/// Summary of a demo.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Count of the replicas.
    pub replicas: u16,
    /// Commits that went in as changes of their own.
    pub commits_replayed: usize,
    /// Merges with a side that was replayed.
    pub merges_replayed: usize,
    /// Envelopes ordered and executed.
    pub changes_ordered: usize,
    /// Paths that both the domain and a side had changed when a merge began.
    pub paths_both_sides: usize,
    /// Of these, made one without a conflict.
    pub merged_clean: usize,
    /// Of these, kept as conflicts.
    pub conflicts: usize,
    /// These by class: `value`, `structural`, `semantic`.
    pub conflict_classes: BTreeMap<String, usize>,
    /// Conflict for an example: `quorate conflicts show` tells its story.
    pub conflict_example: Option<String>,
    /// Of the clean ones, as git's merge commit has them.
    pub merged_equal: usize,
    /// Paths that merges' own changes had to set.
    pub corrected: usize,
    /// Clean merges by the rung of the ladder that answered.
    pub rungs: BTreeMap<Rung, usize>,
    /// Commits whose content arrived with a merge.
    pub folded: usize,
    /// Commits that went in as several envelopes.
    pub split: usize,
    /// Paths in git that a group cannot hold.
    pub skipped: Vec<SkippedPath>,
    /// Proofs of the liar's faults.
    pub evidence: Vec<Caught>,
    /// Root of each honest replica after `executed_seq`.
    pub state_roots: BTreeMap<u16, String>,
    /// The slot of these roots.
    pub executed_seq: u64,
    /// Whether the roots are one.
    pub agreed: bool,
    /// Whether every honest replica has git's files.
    pub files_equal: bool,
    /// First path at which a domain differs from git.
    pub difference: Option<String>,
    /// Whether the liar was caught, and nobody else accused; null where nobody lied or was accused.
    pub caught: Option<bool>,
    /// Envelopes a second, one at a time.
    pub changes_per_second: f64,
    /// Half of the envelopes were executed within.
    pub p50_ms: f64,
    /// 99 of 100 were.
    pub p99_ms: f64,
    /// The whole demo.
    pub seconds: f64,
    /// Folder that the demo leaves.
    pub dir: String,
    /// URL of the first honest replica's API.
    pub node: String,
}

/// A path that was left out.
#[derive(Debug, Clone, Serialize)]
pub struct SkippedPath {
    /// Path in git's tree.
    pub path: String,
    /// By which commit it would have come.
    pub commit: String,
    /// Why not.
    pub reason: String,
}

impl Summary {
    pub(super) fn new(cluster: &Cluster, books: &Books, verdict: Verdict, elapsed: Duration) -> Self {
        let (tally, counts) = (books.tally(), books.counts());
        let busy: Duration = tally.latencies.iter().sum();
        let skipped = tally.skipped.iter().map(|skipped| SkippedPath {
            path: skipped.path.clone(),
            commit: skipped.commit.to_string(),
            reason: skipped.reason.to_string(),
        });
        Self {
            replicas: cluster.replicas(),
            commits_replayed: counts.line + counts.sides,
            merges_replayed: counts.merges,
            changes_ordered: tally.changes,
            paths_both_sides: tally.both_sides,
            merged_clean: tally.clean,
            conflicts: tally.conflicts,
            conflict_classes: tally.classes,
            conflict_example: tally.example.map(|id| id.to_string()),
            merged_equal: tally.clean_equal,
            corrected: tally.corrected,
            folded: counts.folded,
            split: tally.split,
            skipped: skipped.collect(),
            evidence: verdict.evidence,
            state_roots: verdict.state_roots,
            executed_seq: verdict.executed_seq,
            agreed: verdict.agreed,
            files_equal: verdict.files_equal,
            difference: verdict.difference,
            caught: verdict.caught,
            changes_per_second: tally.changes as f64 / busy.as_secs_f64().max(f64::MIN_POSITIVE),
            p50_ms: percentile_ms(&tally.latencies, 50),
            p99_ms: percentile_ms(&tally.latencies, 99),
            rungs: tally.rungs,
            seconds: elapsed.as_secs_f64(),
            dir: cluster.dir().display().to_string(),
            node: cluster.first_honest_api().to_owned(),
        }
    }

    /// Whether everything came out as it must.
    pub fn is_good(&self) -> bool {
        self.agreed && self.files_equal && self.caught != Some(false)
    }
}

/// Of sorted times; 0 of none.
fn percentile_ms(sorted: &[Duration], percent: usize) -> f64 {
    let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(index).map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tell_order(f)?;
        self.tell_merges(f)?;
        self.tell_liar(f)?;
        self.tell_agreement(f)?;
        self.tell_ways_on(f)
    }
}

impl Summary {
    fn tell_order(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} became {} in one agreed order",
            counted(self.commits_replayed, "commit"),
            counted(self.changes_ordered, "signed change")
        )?;
        writeln!(
            f,
            "  {:.0} a second one after another, p50 {:.1} ms, p99 {:.1} ms to executed and durable",
            self.changes_per_second, self.p50_ms, self.p99_ms
        )?;
        if self.folded + self.split > 0 {
            writeln!(
                f,
                "  {} came with the merge that holds them, {} took several envelopes",
                counted(self.folded, "commit"),
                self.split
            )?;
        }
        for skipped in self.skipped.iter().take(SKIPPED_SHOWN) {
            writeln!(f, "  left out: {} ({})", skipped.path, skipped.reason)?;
        }
        if self.skipped.len() > SKIPPED_SHOWN {
            writeln!(f, "  and {} more left out; --json has them all", self.skipped.len() - SKIPPED_SHOWN)?;
        }
        Ok(())
    }

    fn tell_merges(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (merges, paths) = (counted(self.merges_replayed, "merge"), counted(self.paths_both_sides, "path"));
        writeln!(f, "{merges} met {paths} that both sides had changed")?;
        if self.paths_both_sides > 0 {
            writeln!(f, "  {} merged, {} of them as people had merged them", self.merged_clean, self.merged_equal)?;
            let rungs: Vec<String> =
                self.rungs.iter().map(|(rung, count)| format!("{} {count}", name(*rung))).collect();
            if !rungs.is_empty() {
                writeln!(f, "  by rung of the merge ladder: {}", rungs.join(", "))?;
            }
            writeln!(
                f,
                "  {} kept as conflicts with all sides, each settled by the merge's own change",
                self.conflicts
            )?;
            for (class, count) in &self.conflict_classes {
                writeln!(f, "    {count} {class}: {}", meaning(class))?;
            }
        }
        Ok(())
    }

    fn tell_liar(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.evidence.is_empty() {
            return writeln!(f, "nobody was accused of anything");
        }
        for caught in &self.evidence {
            let proved = if caught.verified { "proved by the file alone" } else { "NOT proved by its file" };
            let did = kind_words(&caught.kind).unwrap_or(&caught.kind);
            writeln!(f, "replica {} {did} (at {}): {proved}", caught.signer, caught.seq)?;
        }
        Ok(())
    }

    fn tell_agreement(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (replica, root) in &self.state_roots {
            writeln!(f, "replica {replica} after slot {}: state {root}", self.executed_seq)?;
        }
        let agreed = if self.agreed { "all honest replicas agree" } else { "THE REPLICAS DISAGREE" };
        let equal = match &self.difference {
            None => "every file on each is as git has it".to_owned(),
            Some(difference) => format!("BUT {difference}"),
        };
        writeln!(f, "{agreed}, and {equal}; {:.1} s in all", self.seconds)
    }

    fn tell_ways_on(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dir = &self.dir;
        writeln!(f)?;
        writeln!(f, "look around:")?;
        writeln!(f, "  for i in {}; do quorate start --dir {dir}/replica-$i & done", self.honest_list())?;
        if let Some(caught) = self.evidence.first() {
            writeln!(f, "  quorate evidence verify {} --genesis {dir}/genesis.json", caught.file)?;
        }
        writeln!(
            f,
            "  export QUORATE_NODE={}; quorate ls; quorate log; quorate conflicts list; quorate status",
            self.node
        )?;
        if let Some(id) = &self.conflict_example {
            writeln!(f, "  quorate conflicts show {id}   (one of the conflicts, as a story)")?;
        }
        write!(f, "  rm -r {dir}")
    }

    fn honest_list(&self) -> String {
        let numbers: Vec<String> = self.state_roots.keys().map(u16::to_string).collect();
        numbers.join(" ")
    }
}

/// Meaning of a class of conflict, for people.
fn meaning(class: &str) -> &'static str {
    match class {
        "value" => "the same thing was given two values",
        "structural" => "deleted, moved or reshaped on one side, edited on the other",
        "semantic" => "merges as text, but a check says that it would be wrong",
        _ => "of another kind",
    }
}

fn name(rung: Rung) -> &'static str {
    match rung {
        Rung::OneSided => "same or one-sided edits",
        Rung::Text => "lines",
        Rung::Data => "keys of data",
        Rung::Imports => "import sets",
        Rung::Code => "declarations",
        Rung::None => "nothing",
    }
}
