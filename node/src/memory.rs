//! Memory of the process: large blocks go back to the operating system when they are freed.

/// Bytes from which a block has pages of its own, unmapped when it is freed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const OWN_PAGES_BYTES_MIN: i32 = 1 << 20;
/// Free bytes at the end of a heap that the process keeps.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT_BYTES_MAX: i32 = 4 << 20;
/// Heaps. By itself glibc makes eight for each processor, and each keeps what a burst left in it.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const HEAPS_MAX: i32 = 2;

/// Bounds what the allocator keeps. By itself glibc raises the first bound to 32 MiB once such a block was freed: after a
/// burst of large bodies a replica held three times the memory that it used.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn bound() {
    let bounds = [
        (libc::M_MMAP_THRESHOLD, OWN_PAGES_BYTES_MIN),
        (libc::M_TRIM_THRESHOLD, KEPT_BYTES_MAX),
        (libc::M_ARENA_MAX, HEAPS_MAX),
    ];
    for (which, value) in bounds {
        // SAFETY: `mallopt` takes two numbers and may be called at any time; a refusal leaves the allocator as it was.
        unsafe { libc::mallopt(which, value) };
    }
}

/// Other allocators have their own bounds.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn bound() {}
