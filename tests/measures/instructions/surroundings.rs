//! Surroundings on which counts depend beside the program's source: the processor that valgrind shows, compiler, C library.

use anyhow::{Context as _, ensure};
use std::fmt;
use std::fs;
use std::process::Command;

/// Words before the version that the compiler leaves in each program.
const COMPILED_BY: &str = "rustc version ";

/// Surroundings of some counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Architecture and the features by which code is chosen while it runs.
    pub processor: String,
    /// Version of the compiler.
    pub compiler: String,
    /// C library, which copies and allocates.
    pub library: String,
}

impl fmt::Display for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, compiler, library } = self;
        write!(f, "processor: {processor}\ncompiler: {compiler}\nlibrary: {library}")
    }
}

/// Surroundings of this program, with the processor that it sees under valgrind.
pub fn with(processor: String) -> anyhow::Result<Surroundings> {
    Ok(Surroundings { processor, compiler: compiler()?, library: library()? })
}

fn compiler() -> anyhow::Result<String> {
    let program = fs::read(std::env::current_exe()?)?;
    let mut places = program.windows(COMPILED_BY.len()).enumerate();
    // The words themselves stand in the program as well: a version begins with a digit.
    let version = places.find_map(|(at, words)| {
        let rest = &program[at + words.len()..];
        (words == COMPILED_BY.as_bytes() && rest.first()?.is_ascii_digit()).then_some(rest)
    });
    let version = version.context("the compiler left no version in this program")?;
    let end = version.iter().position(|byte| *byte == 0).unwrap_or(version.len());
    Ok(String::from_utf8_lossy(&version[..end]).into_owned())
}

fn library() -> anyhow::Result<String> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().context("cannot run getconf")?;
    ensure!(output.status.success(), "getconf knows no GNU_LIBC_VERSION");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Architecture and features that this process sees: under valgrind those that it emulates, whatever the machine has beyond.
pub fn processor() -> String {
    let mut words = vec![std::env::consts::ARCH];
    words.extend(features());
    words.join(" ")
}

#[cfg(target_arch = "x86_64")]
fn features() -> impl Iterator<Item = &'static str> {
    macro_rules! seen {
        ($($name:tt)*) => { [$(($name, std::arch::is_x86_feature_detected!($name))),*] };
    }
    let seen = seen!("ssse3" "sse4.1" "sse4.2" "popcnt" "pclmulqdq" "aes" "sha" "avx" "f16c" "fma" "bmi1" "bmi2" "avx2" "ermsb"
        "rdrand" "rdseed" "avx512f");
    seen.into_iter().filter_map(|(name, is_seen)| is_seen.then_some(name))
}

#[cfg(not(target_arch = "x86_64"))]
fn features() -> impl Iterator<Item = &'static str> {
    [].into_iter()
}
