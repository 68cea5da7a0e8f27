//! Memory of the process: jemalloc, which gives pages back soon after a burst.

use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// Settings that jemalloc reads when the process starts. Two heaps: by itself it makes four for each processor, and each keeps
/// what a burst left in it. What was freed goes back after a second, and a mebibyte or more at once, which jemalloc does
/// only where no thread of its own purges: bodies of strangers left twice their size behind. Addresses go back as well: kept
/// for later, as by default, they added up to more than a bounded address space has.
#[unsafe(export_name = "_rjem_malloc_conf")]
static SETTINGS: &[u8; 87] =
    b"narenas:2,retain:false,dirty_decay_ms:1000,muzzy_decay_ms:0,oversize_threshold:1048576\0";

/// Bounds glibc's own heaps, which libraries in C use: by itself it takes 64 MiB of addresses for each thread.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn bound() {
    // SAFETY: `mallopt` takes two numbers and may be called at any time; a refusal leaves the allocator as it was.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
}

/// Other systems have no such heaps.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn bound() {}
