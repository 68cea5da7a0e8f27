//! Other systems under the same load, by a program that this workspace does not build: `quorate-peers` of `bench/peers`.

use crate::args::BenchArgs;
use crate::figures::Figures;
use crate::machine::Machine;
use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Name of the program.
const PROGRAM: &str = "quorate-peers";

/// Names its path, where it is neither beside this program nor among the system's programs.
const PROGRAM_VARIABLE: &str = "QUORATE_BENCH_PEERS";

/// Other system under the same load.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Peer {
    /// Name of the system.
    pub name: String,
    /// Version that it tells.
    pub version: String,
    /// Changes answered to their authors.
    pub changes_per_second: f64,
    /// Half of them were answered within.
    pub p50_ms: f64,
    /// 99 of 100 were.
    pub p99_ms: f64,
    /// Processor time of all its processes for one change.
    pub cpu_us_per_change: f64,
    /// Services of quorate's answer that its answer lacks.
    pub leaves_out: Vec<String>,
}

impl Peer {
    /// The program that is measured, as one of the systems under the load.
    pub fn own(machine: &Machine, figures: &Figures) -> Self {
        let (name, version) = machine.program.split_once(' ').unwrap_or((&machine.program, ""));
        let Figures { changes_per_second, p50_ms, p99_ms, cpu_us_per_change, .. } = *figures;
        let (name, version, leaves_out) = (name.into(), version.into(), Vec::new());
        Self { name, version, changes_per_second, p50_ms, p99_ms, cpu_us_per_change, leaves_out }
    }

    /// Figures by which systems are compared.
    pub fn compared(&self) -> [f64; 4] {
        [self.changes_per_second, self.p50_ms, self.p99_ms, self.cpu_us_per_change]
    }
}

/// Loads them, one after the other.
pub fn measure(args: &BenchArgs) -> anyhow::Result<Vec<Peer>> {
    let program = program();
    eprintln!("bench: loading other systems by {}", program.display());
    let output = Command::new(&program)
        .args(["--members", &args.replicas[0].to_string(), "--authors", &args.authors.to_string()])
        .args(["--changes", &args.changes.to_string(), "--bytes", &args.bytes.to_string()])
        .args(["--warm-up", &args.warm_up.to_string(), "--seconds", &args.seconds.to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| {
            format!("cannot run {}: build it in bench/peers, and name it by {PROGRAM_VARIABLE}", program.display())
        })?;
    ensure!(output.status.success(), "{} ended with {}", program.display(), output.status);
    serde_json::from_slice(&output.stdout).with_context(|| format!("{} said something else", program.display()))
}

fn program() -> PathBuf {
    if let Some(named) = std::env::var_os(PROGRAM_VARIABLE) {
        return named.into();
    }
    let beside = std::env::current_exe().ok().and_then(|own| Some(own.parent()?.join(PROGRAM)));
    beside.filter(|path| path.exists()).unwrap_or_else(|| PROGRAM.into())
}
