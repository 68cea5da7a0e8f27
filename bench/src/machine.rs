//! Machine and program of a run: what somebody needs who compares two runs.

use anyhow::Context as _;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// Machine and program of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// Model of the processor, as the kernel names it.
    pub processor: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Kernel.
    pub kernel: String,
    /// Code that curve arithmetic picks on this processor: `avx512`, `avx2`, or `serial`.
    pub curve_code: String,
    /// Version that the program tells.
    pub program: String,
    /// SHA-256 of the program's file: names the build, whatever its version says.
    pub program_sha256: String,
    /// Build of the bench itself: `release` or `debug`.
    pub build: String,
    /// Seconds since 1970 at the begin of the run.
    pub began_at: u64,
}

impl Machine {
    /// This machine, with a program that is measured.
    pub fn with(program: &Path) -> anyhow::Result<Self> {
        let output = Command::new(program).arg("--version").output();
        let output = output.with_context(|| format!("cannot run {}", program.display()))?;
        let bytes = fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
        let began_at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Ok(Self {
            processor: proc("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.into()),
            cores: std::thread::available_parallelism()?.get(),
            memory_bytes: proc("/proc/meminfo", "MemTotal").map_or(0, |size| kibibytes(&size)),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().into(),
            curve_code: curve_code().into(),
            program: String::from_utf8_lossy(&output.stdout).trim().into(),
            program_sha256: hex::encode(Sha256::digest(&bytes)),
            build: if cfg!(debug_assertions) { "debug" } else { "release" }.into(),
            began_at,
        })
    }
}

/// Value after a name and a colon, in the first such line of a file.
fn proc(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.find_map(|(key, value)| (key.trim() == name).then(|| value.trim().to_owned()))
}

fn kibibytes(size: &str) -> u64 {
    size.split_whitespace().next().and_then(|number| number.parse::<u64>().ok()).unwrap_or_default() << 10
}

#[cfg(target_arch = "x86_64")]
fn curve_code() -> &'static str {
    // By `.cargo/config.toml`, or for a processor that has it.
    let built_with_avx512 = cfg!(any(curve25519_dalek_backend = "avx512", target_feature = "avx512ifma"));
    if built_with_avx512 && is_x86_feature_detected!("avx512ifma") && is_x86_feature_detected!("avx512vl") {
        return "avx512";
    }
    if is_x86_feature_detected!("avx2") { "avx2" } else { "serial" }
}

#[cfg(not(target_arch = "x86_64"))]
fn curve_code() -> &'static str {
    "serial"
}
