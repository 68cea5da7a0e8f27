//! Resources spent by the executing thread: processor time of its own, wall-clock time, bytes written to the file
//! system.

use std::fs::read_to_string;
use std::ops::Add;
use std::time::Instant;

/// Sums of what was spent.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// Nanoseconds that this thread has run, its part of the kernel included: other programs do not count.
    pub cpu: u64,
    /// The part of `cpu` before the commit.
    pub executing: u64,
    /// Nanoseconds, waiting for the disk and for other programs included.
    pub wall: u64,
    /// Bytes in all `write` calls of this thread.
    pub written: u64,
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            cpu: self.cpu + other.cpu,
            executing: self.executing + other.executing,
            wall: self.wall + other.wall,
            written: self.written + other.written,
        }
    }
}

/// Runs an action and returns its cost. Not inlined, so that a profiler can count this alone.
#[inline(never)]
pub fn measured<T>(act: impl FnOnce() -> T) -> (Cost, T) {
    let (cpu, written, begin) = (cpu(), written(), Instant::now());
    let done = act();
    let wall = begin.elapsed().as_nanos() as u64;
    (Cost { cpu: self::cpu() - cpu, executing: 0, wall, written: self::written() - written }, done)
}

/// `schedstat` in `/proc` would count whole ticks.
fn cpu() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes the one `timespec` that it is given, and it outlives the call.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(failed, 0, "every thread has this clock");
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn written() -> u64 {
    let io = read_to_string("/proc/thread-self/io").expect("Linux with task accounting");
    let line = io.lines().find_map(|line| line.strip_prefix("wchar: "));
    line.and_then(|bytes| bytes.parse().ok()).expect("a number")
}

/// The middle of several measurements.
pub fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values[values.len() / 2]
}
