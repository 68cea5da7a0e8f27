//! Memory, disk and processor of processes, as the kernel counts them.

use super::kernel;
use serde::Serialize;
use std::fs;
use std::sync::Mutex;

/// Resources that a process took in a stretch of time.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Taken {
    /// The highest resident memory, in MiB.
    pub rss_peak_mib: u64,
    /// Resident memory at the end, in MiB.
    pub rss_end_mib: u64,
    /// Written to disk, in KiB.
    pub written_kib: u64,
}

/// Watches processes.
pub struct Meter {
    pids: Vec<Option<u32>>,
    written: Mutex<Vec<u64>>,
}

impl Meter {
    /// Of these processes; none where a seat is empty.
    pub fn of(pids: Vec<Option<u32>>) -> Self {
        let written = Mutex::new(vec![0; pids.len()]);
        Self { pids, written }
    }

    /// Begins a stretch of time.
    pub fn begin(&self) {
        for pid in self.pids.iter().flatten() {
            // Resets the peak; a process that is gone has none.
            let _ = fs::write(format!("/proc/{pid}/clear_refs"), "5");
        }
        *self.written.lock().expect("nothing panics with it") = self.pids.iter().map(written).collect();
    }

    /// Ends it.
    pub fn end(&self) -> Vec<Taken> {
        let before = self.written.lock().expect("nothing panics with it").clone();
        let taken = |(pid, before): (&Option<u32>, u64)| Taken {
            rss_peak_mib: field(pid, "status", "VmHWM:") >> 10,
            rss_end_mib: field(pid, "status", "VmRSS:") >> 10,
            written_kib: written(pid).saturating_sub(before) >> 10,
        };
        self.pids.iter().zip(before).map(taken).collect()
    }
}

fn written(pid: &Option<u32>) -> u64 {
    field(pid, "io", "write_bytes:")
}

/// A number of a file of `/proc`; 0 where the process is gone.
fn field(pid: &Option<u32>, file: &str, name: &str) -> u64 {
    let text = pid.and_then(|pid| fs::read_to_string(format!("/proc/{pid}/{file}")).ok()).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Seconds of processor time that a process has used, its threads that ended included; none where it is gone.
pub fn cpu_seconds(pid: u32) -> f64 {
    kernel::processor_clock(pid).unwrap_or_default().as_secs_f64()
}
