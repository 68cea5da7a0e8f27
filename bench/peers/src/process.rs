//! Processes of a system, ended on every way out, and the processor time that they use.

use anyhow::Context as _;
use std::fs;
use std::process::{Child, Command};

/// `USER_HZ`, which Linux fixes for what it shows in `/proc`.
const TICKS_PER_SECOND: f64 = 100.0;

/// Running processes.
pub struct Processes(Vec<Child>);

impl Processes {
    /// Starts all of them.
    pub fn start(commands: impl IntoIterator<Item = Command>) -> anyhow::Result<Self> {
        let mut all = Self(Vec::new());
        for mut command in commands {
            let child = command.spawn().with_context(|| format!("cannot run {:?}", command.get_program()))?;
            all.0.push(child);
        }
        Ok(all)
    }

    /// Seconds of processor time that they have used so far.
    pub fn cpu_seconds(&self) -> anyhow::Result<f64> {
        self.0.iter().map(|child| cpu_seconds(child.id())).sum()
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid} is gone"))?;
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks: Vec<f64> = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    Ok(ticks.iter().sum::<f64>() / TICKS_PER_SECOND)
}
