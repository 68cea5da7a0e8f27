//! Replica as a process.

use super::kernel;
use std::io::{self, BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Time that a replica may take until its API answers.
const READY_LIMIT: Duration = Duration::from_secs(30);

/// Time that a replica may take to stop when it is asked to.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Between two looks at a process.
const LOOK: Duration = Duration::from_millis(20);

/// A running process; dropping it kills it.
#[derive(Debug)]
pub struct Replica {
    child: Child,
}

impl Replica {
    /// Starts it and waits for its `ready` line; in words, why there is none.
    pub fn start(mut command: Command) -> Result<Self, String> {
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut replica = Self { child: spawned.map_err(|error| format!("it does not start: {error}"))? };
        let stdout = replica.child.stdout.take().expect("it is piped");
        let first = first_line(stdout).recv_timeout(READY_LIMIT);
        match first {
            Ok(line) if line.starts_with("ready ") => Ok(replica),
            Ok(_) => Err(format!("it ended before it was ready: {}", words(replica.ended(STOP_LIMIT)))),
            Err(_) => Err(format!("it was not ready within {} s", READY_LIMIT.as_secs())),
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`; returns when it is gone.
    pub fn kill(mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// Stops it in the middle of whatever it does.
    pub fn freeze(&self) -> io::Result<()> {
        kernel::signal(self.child.id(), libc::SIGSTOP)
    }

    /// Lets it go on.
    pub fn thaw(&self) -> io::Result<()> {
        kernel::signal(self.child.id(), libc::SIGCONT)
    }

    /// Asks it to stop; it ends with exit code 0 in time, or in words what it did instead.
    pub fn stop(mut self) -> Result<(), String> {
        kernel::signal(self.child.id(), libc::SIGTERM).map_err(|error| error.to_string())?;
        match self.ended(STOP_LIMIT) {
            Some(status) if status.success() => Ok(()),
            other => Err(words(other)),
        }
    }

    /// Exit status, if it ends within the limit.
    pub fn ended(&mut self, limit: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            match self.child.try_wait() {
                Ok(None) if Instant::now() < deadline => std::thread::sleep(LOOK),
                Ok(status) => return status,
                Err(_) => return None,
            }
        }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        // Where it has ended and was waited for, both do nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An end in words.
fn words(status: Option<ExitStatus>) -> String {
    status.map_or_else(|| format!("still running after {} s", STOP_LIMIT.as_secs()), |status| status.to_string())
}

/// The first line, empty if there is none; the rest is read and thrown away, so that the pipe stays open.
fn first_line(stdout: ChildStdout) -> mpsc::Receiver<String> {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(stdout);
        let mut first = String::new();
        let read = lines.read_line(&mut first);
        // Whoever asked may have given up.
        let _ = tell.send(first);
        if read.is_ok() {
            let _ = io::copy(&mut lines, &mut io::sink());
        }
    });
    told
}
