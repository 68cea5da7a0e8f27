//! Wall clocks of the replicas, each by itself, without a knob in the program under test.
//!
//! The kernel's time namespaces shift the clocks that count from boot, never the wall clock; setting the machine's own
//! would be felt by everybody on it. So `wall_clock.rs` is compiled into a library that each replica's process is started
//! with; the program reads its clock through the C library as always.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The library's source.
const SOURCE: &str = include_str!("wall_clock.rs");

/// The clocks of all replicas.
#[derive(Debug)]
pub struct Clocks {
    library: PathBuf,
    folder: PathBuf,
}

impl Clocks {
    /// Builds the library with this machine's `rustc`; in words, why not.
    pub fn build(folder: &Path, replicas: usize) -> Result<Self, String> {
        let (source, library) = (folder.join("wall_clock.rs"), folder.join("libwall_clock.so"));
        let failed = |error: io::Error| format!("{}: {error}", folder.display());
        fs::write(&source, SOURCE).map_err(failed)?;
        let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let output = Command::new(&compiler)
            .args(["--edition", "2024", "--crate-type", "cdylib", "-O", "-o"])
            .args([&library, &source])
            .output()
            .map_err(|error| format!("cannot run {}: {error}", compiler.display()))?;
        if !output.status.success() {
            return Err(format!("rustc: {}", String::from_utf8_lossy(&output.stderr)));
        }
        let clocks = Self { library, folder: folder.to_owned() };
        for replica in 0..replicas {
            fs::write(clocks.file(replica), [0; 9]).map_err(failed)?;
        }
        Ok(clocks)
    }

    /// The replica's process will read this clock.
    pub fn give(&self, command: &mut Command, replica: usize) {
        command.env("LD_PRELOAD", &self.library).env("QUORATE_TESTS_WALL_CLOCK", self.file(replica));
    }

    /// Whether the replica's process has looked at its clock here.
    pub fn is_used_by(&self, replica: usize) -> bool {
        fs::read(self.file(replica)).is_ok_and(|setting| setting.last() == Some(&1))
    }

    /// Sets a replica's clock ahead of the true time.
    pub fn ahead(&self, replica: usize, by: Duration) -> io::Result<()> {
        self.set(replica, by.as_millis() as i64)
    }

    /// Sets a replica's clock behind the true time.
    pub fn behind(&self, replica: usize, by: Duration) -> io::Result<()> {
        self.set(replica, -(by.as_millis() as i64))
    }

    /// Sets a replica's clock right.
    pub fn right(&self, replica: usize) -> io::Result<()> {
        self.set(replica, 0)
    }

    fn set(&self, replica: usize, ahead_ms: i64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(self.file(replica))?;
        file.write_all_at(&ahead_ms.to_le_bytes(), 0)
    }

    fn file(&self, replica: usize) -> PathBuf {
        self.folder.join(format!("clock-{replica}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{SystemTime, UNIX_EPOCH};

    /// Seconds since 1970 as another program, started with that clock, tells them.
    fn told(clocks: &Clocks) -> u64 {
        let mut date = Command::new("date");
        clocks.give(date.arg("+%s"), 0);
        let output = date.output().expect("date runs");
        String::from_utf8_lossy(&output.stdout).trim().parse().expect("seconds")
    }

    #[test]
    fn a_program_with_a_clock_of_its_own_tells_the_time_that_was_set() {
        let folder = tempfile::tempdir().expect("a folder");
        let clocks = Clocks::build(folder.path(), 1).expect("whoever runs this has a compiler");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();

        assert!(!clocks.is_used_by(0));
        assert!((now..now + 600).contains(&told(&clocks)));
        assert!(clocks.is_used_by(0));
        clocks.ahead(0, Duration::from_secs(3_600)).expect("a file");
        assert!((now + 3_600..now + 4_200).contains(&told(&clocks)));
        clocks.behind(0, Duration::from_millis(3_600_500)).expect("a file");
        assert!((now - 3_601..now - 3_000).contains(&told(&clocks)));
    }
}
