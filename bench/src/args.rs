//! Arguments of a measurement.

use clap::builder::RangedU64ValueParser;
use quorate_client::calls::{level_name, level_named};
use quorate_ledger::Level;
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

/// Measurement to run, with its load.
#[derive(Debug, Clone, clap::Args)]
pub struct BenchArgs {
    /// Replicas, all on this machine; several numbers measure one group after the other, as 4,7,10
    #[arg(long, value_delimiter = ',', default_value = "4", value_parser = RangedU64ValueParser::<u16>::new().range(1..))]
    pub replicas: Vec<u16>,
    /// Authors, each waiting for one answer before it sends its next envelope, but for --stream
    #[arg(long, default_value_t = 64, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    pub authors: usize,
    /// Envelopes of an author that are under way at a time, over one connection
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=64), conflicts_with_all = ["rate", "ramp", "contention", "fault"])]
    pub stream: Option<u64>,
    /// Changes in one envelope
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub changes: u64,
    /// Bytes of one file
    #[arg(long, default_value_t = 256)]
    pub bytes: usize,
    /// Files that there are before the load begins, and over which it is spread; several numbers measure one group after
    /// the other, as 1000,1000000
    #[arg(long, value_delimiter = ',', value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    pub files: Vec<u64>,
    /// Envelopes of a hundred that edit a JSON file which others edit at the same time
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=100))]
    pub contention: u64,
    /// Level of the answers: causal, sequential or strong; given several times, authors take turns
    #[arg(long, value_parser = level, default_value = "sequential")]
    pub level: Vec<Level>,
    /// Seconds of load before counting begins
    #[arg(long, default_value_t = 3)]
    pub warm_up: u64,
    /// Seconds that count
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: u64,
    /// Minutes that count, instead of seconds; tells what the replicas take on the disk at the end of each
    #[arg(long, conflicts_with_all = ["seconds", "fault", "ramp"])]
    pub minutes: Option<u64>,
    /// Changes a second of all authors together; without it each sends as soon as it has its answer
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub rate: Option<u64>,
    /// Raise the rate, from --rate or 100, until the p99 passes --p99-ms, and look closer at the highest that keeps it
    #[arg(long, conflicts_with = "fault")]
    pub ramp: bool,
    /// Bound of --ramp
    #[arg(long, value_name = "MS", default_value_t = 1_000, requires = "ramp")]
    pub p99_ms: u64,
    /// History that the replicas keep: all, a time as 5m, or a size as 500MiB
    #[arg(long, default_value = "all")]
    pub history: String,
    /// First of the replicas' ports; those of their APIs follow
    #[arg(long, default_value_t = 23_400)]
    pub base_port: u16,
    /// Folder for the group; a temporary one by default
    #[arg(long)]
    pub dir: Option<PathBuf>,
    #[command(flatten)]
    faults: Faults,
    /// Load the systems beside this one in the same run, by the program `quorate-peers` of bench/peers
    #[arg(long, conflicts_with_all = ["fault", "ramp", "minutes", "rate", "stream", "contention", "files", "level"])]
    pub peers: bool,
    /// Rounds of --peers: systems take turns so many times, and the ratio of two is that within a round
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..), requires = "peers", conflicts_with = "dir")]
    pub rounds: u64,
    /// Print a JSON document instead of words
    #[arg(long)]
    pub json: bool,
    /// Write a page with tables and pictures
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
}

/// Flags of the faults.
#[derive(Debug, Clone, clap::Args)]
#[group(id = "fault", multiple = false)]
struct Faults {
    /// Kill the primary in the middle of the load, and show the commits around it in steps of 100 ms
    #[arg(long)]
    kill_primary: bool,
    /// Kill a replica that is not the primary
    #[arg(long)]
    kill_replica: bool,
    /// Stop the primary's process for three seconds, as SIGSTOP does
    #[arg(long)]
    pause_primary: bool,
    /// Stop a replica that is not the primary for three seconds
    #[arg(long)]
    pause_replica: bool,
    /// Stop as many replicas for three seconds that no quorum is left
    #[arg(long)]
    pause_quorum: bool,
    /// After the load kill all replicas at once under more of it, so many times, and look for what was acknowledged
    #[arg(long, value_name = "TIMES", value_parser = clap::value_parser!(u64).range(1..), conflicts_with_all = ["contention", "stream"])]
    kill_all: Option<u64>,
}

/// Fault in the middle of the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// `kill -9` of the primary.
    KillPrimary,
    /// `kill -9` of another replica.
    KillReplica,
    /// The primary stands still for a while.
    PausePrimary,
    /// Another replica stands still for a while.
    PauseReplica,
    /// So many stand still for a while that no quorum is left.
    PauseQuorum,
}

impl BenchArgs {
    /// Time that counts.
    pub(crate) fn counted(&self) -> Duration {
        Duration::from_secs(self.minutes.map_or(self.seconds, |minutes| 60 * minutes))
    }

    /// Time back to which a base may lie: the history, where that is a time, so that no version outlives it.
    pub(crate) fn horizon(&self) -> Option<&str> {
        Some(self.history.as_str()).filter(|history| history.ends_with(['s', 'm', 'h', 'd']))
    }

    /// Time from one envelope of an author to its next at a rate of all of them.
    pub(crate) fn pause(&self, rate: f64) -> Duration {
        Duration::from_secs_f64(self.authors as f64 * self.changes as f64 / rate)
    }

    /// Names of the levels, in turn.
    pub(crate) fn level_names(&self) -> Vec<String> {
        self.level.iter().map(|level| level_name(*level).to_owned()).collect()
    }

    /// Level at which an author asks for its answers.
    pub(crate) fn level_of(&self, author: usize) -> Level {
        self.level[author % self.level.len()]
    }

    /// Fault to do, if one was named.
    pub(crate) fn fault(&self) -> Option<Fault> {
        let Faults { kill_primary, kill_replica, pause_primary, pause_replica, pause_quorum, .. } = self.faults;
        let named = [
            (kill_primary, Fault::KillPrimary),
            (kill_replica, Fault::KillReplica),
            (pause_primary, Fault::PausePrimary),
            (pause_replica, Fault::PauseReplica),
            (pause_quorum, Fault::PauseQuorum),
        ];
        named.into_iter().find_map(|(is_named, fault)| is_named.then_some(fault))
    }

    /// How often all replicas are to be killed at once.
    pub(crate) fn kill_all(&self) -> Option<u64> {
        self.faults.kill_all
    }

    /// Files of each author, where a number of files was asked for.
    pub(crate) fn files_per_author(&self) -> Option<u64> {
        self.files.first().map(|files| files.div_ceil(self.authors as u64))
    }

    /// Each group that is to be measured: a number of replicas, and arguments with one number of files at most.
    pub(crate) fn groups(&self) -> Vec<(u16, Self)> {
        let files: Vec<Vec<u64>> = match &self.files[..] {
            [] => vec![Vec::new()],
            files => files.iter().map(|files| vec![*files]).collect(),
        };
        let with = |replicas: &u16| {
            let of = |files: &Vec<u64>| (*replicas, Self { files: files.clone(), ..self.clone() });
            files.iter().map(of).collect::<Vec<_>>()
        };
        self.replicas.iter().flat_map(with).collect()
    }
}

/// A level that waits for a verdict: without one an author does not know on what its next change is based.
fn level(name: &str) -> Result<Level, String> {
    let known = level_named(name).filter(|level| *level != Level::Eventual);
    known.ok_or_else(|| "causal, sequential or strong".to_owned())
}

#[cfg(test)]
impl BenchArgs {
    /// Arguments of a command line, which begins with the program's name.
    pub(crate) fn of_line(line: &str) -> Result<Self, clap::Error> {
        #[derive(clap::Parser)]
        struct Program {
            #[command(flatten)]
            args: BenchArgs,
        }
        <Program as clap::Parser>::try_parse_from(line.split(' ')).map(|program| program.args)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_systems_are_loaded_under_no_load_that_they_cannot_be_given() {
        let is_taken = |load| BenchArgs::of_line(&format!("bench --peers {load}")).is_ok();

        assert!(is_taken("--authors 8 --changes 2 --bytes 64 --seconds 2"));
        for load in ["--rate 100", "--stream 4", "--contention 20", "--files 1000", "--level strong"] {
            assert!(!is_taken(load), "{load}");
        }
    }
}
