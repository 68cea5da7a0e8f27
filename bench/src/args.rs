//! Arguments of a measurement.

use std::path::PathBuf;
use std::time::Duration;

/// Measurement to run, with its load.
#[derive(Debug, Clone, clap::Args)]
pub struct BenchArgs {
    /// Replicas, all on this machine.
    #[arg(long, default_value_t = 4)]
    pub replicas: u16,
    /// Authors, each waiting for one answer before it sends its next envelope.
    #[arg(long, default_value_t = 64)]
    pub authors: usize,
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
        Duration::from_secs(self.seconds)
    }
}
