//! Runtime of the commands that serve others.

use super::failure::Failure;
use tokio::runtime::{Builder, Runtime};

/// Threads that read the disk or hash for requests; what else there is to do waits. By itself the runtime makes 512, each with 2 MiB
/// of addresses and memory that the allocator keeps for it: requests of strangers made 226 of them, and half a gibibyte.
const BLOCKING_THREADS_MAX: usize = 64;

/// A runtime on all cores.
pub fn serving() -> Result<Runtime, Failure> {
    let mut builder = Builder::new_multi_thread();
    builder.enable_all().max_blocking_threads(BLOCKING_THREADS_MAX).build().map_err(Failure::usage)
}
