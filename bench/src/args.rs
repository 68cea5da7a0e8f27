//! Arguments of a measurement.

use std::path::PathBuf;
use std::time::Duration;

/// Measurement to run, with its load.
#[derive(Debug, Clone, clap::Args)]
pub struct BenchArgs {
    /// Replicas, all on this machine.
    #[arg(long, default_value_t = 4)]
    pub replicas: u16,
    /// Authors, each waiting for one answer before it sends its next envelope, but for --stream.
    #[arg(long, default_value_t = 64)]
    pub authors: usize,
    /// Envelopes of an author that are under way at a time, over one connection
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=64), conflicts_with_all = ["rate", "kill_primary"])]
    pub stream: Option<u64>,
    /// Changes in one envelope.
    #[arg(long, default_value_t = 1)]
    pub changes: u64,
    /// Bytes of one file.
    #[arg(long, default_value_t = 256)]
    pub bytes: usize,
    /// Seconds of load before counting begins.
    #[arg(long, default_value_t = 3)]
    pub warm_up: u64,
    /// Seconds that count.
    #[arg(long, default_value_t = 15)]
    pub seconds: u64,
    /// Minutes that count, instead of seconds; tells what the replicas take on the disk at the end of each
    #[arg(long, conflicts_with_all = ["seconds", "kill_primary"])]
    pub minutes: Option<u64>,
    /// Changes a second of all authors together; without it each sends as soon as it has its answer
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub rate: Option<u64>,
    /// History that the replicas keep: all, a time as 5m, or a size as 500MiB
    #[arg(long, default_value = "all")]
    pub history: String,
    /// First of the replicas' ports; the API's follow after 100.
    #[arg(long, default_value_t = 23_400)]
    pub base_port: u16,
    /// Folder for the group; a temporary one by default.
    #[arg(long)]
    pub dir: Option<PathBuf>,
    /// Kill the primary in the middle of the load, and show the commits around it in steps of 100 ms.
    #[arg(long)]
    pub kill_primary: bool,
    /// Print a JSON document instead of words.
    #[arg(long)]
    pub json: bool,
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

    /// Time from one envelope of an author to its next; zero without a rate.
    pub(crate) fn pause(&self) -> Duration {
        let each = |rate: u64| Duration::from_secs_f64(self.authors as f64 * self.changes as f64 / rate as f64);
        self.rate.map_or(Duration::ZERO, each)
    }
}
