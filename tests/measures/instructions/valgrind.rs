//! Instructions of a process, counted by valgrind's cachegrind without its caches.

use anyhow::{Context as _, ensure};
use std::fs;
use std::process::{Child, Command, Stdio};
use tempfile::NamedTempFile;

/// Process at work, and the file that valgrind writes at its end.
struct Counted {
    process: Child,
    file: NamedTempFile,
}

/// Features of the processor that valgrind shows, and instructions that a case takes for one repetition.
pub fn instructions_of_one(case: usize, times: usize) -> anyhow::Result<(String, u64)> {
    let (shorter, longer) = (Counted::start(case, times)?, Counted::start(case, 2 * times)?);
    let ((processor, less), (_, more)) = (shorter.end()?, longer.end()?);
    Ok((processor, more.saturating_sub(less) / times as u64))
}

impl Counted {
    fn start(case: usize, times: usize) -> anyhow::Result<Self> {
        let file = NamedTempFile::new()?;
        let process = Command::new("valgrind")
            .args(["--quiet", "--tool=cachegrind", "--cache-sim=no", "--branch-sim=no"])
            .arg("--log-file=/dev/null") // where it complains of the machine's caches, which it is not to simulate
            .arg(format!("--cachegrind-out-file={}", file.path().display()))
            .arg(std::env::current_exe()?)
            .args(["--case", &case.to_string(), "--times", &times.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run valgrind")?;
        Ok(Self { process, file })
    }

    /// First line that the process said, and its instructions.
    fn end(self) -> anyhow::Result<(String, u64)> {
        let output = self.process.wait_with_output()?;
        ensure!(output.status.success(), "a case ended with {}", output.status);
        let said = String::from_utf8(output.stdout)?;
        let written = fs::read_to_string(self.file.path())?;
        let summary = written.lines().find_map(|line| line.strip_prefix("summary:"));
        let instructions = summary.context("valgrind wrote no summary")?.trim().parse();
        Ok((said.trim().to_owned(), instructions.context("valgrind's summary is no number")?))
    }
}
