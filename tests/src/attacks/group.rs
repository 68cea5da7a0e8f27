//! Three honest replicas as processes on loopback, and an empty seat.

use super::target::{LIAR, OPERATOR, Target};
use super::{ATTACKED, kernel};
use crate::processes::replica::Replica;
use quorate_service::tokens::{self, Role};
use std::fs::{self, OpenOptions};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Seats of the group.
const REPLICAS: u16 = 4;
/// Time that a replica that does not start may take to end.
const ENDS_WITHIN: Duration = Duration::from_secs(15);
/// Between two looks at a process.
const LOOK: Duration = Duration::from_millis(50);
/// Range in which free ports are looked for.
const PORTS: std::ops::Range<u16> = 24_000..30_000;

/// The group. Dropping it ends all of it.
pub struct Group {
    program: PathBuf,
    target: Target,
    address_space: Option<u64>,
    /// Processes by honest seat.
    replicas: Vec<Option<Replica>>,
}

impl Group {
    /// Makes a group of `program` and starts its honest replicas.
    pub fn start(program: &Path, folder: &Path, address_space: Option<u64>) -> Result<Self, String> {
        Self::start_seats(program, folder, address_space, LIAR)
    }

    /// Makes a group without an empty seat.
    pub fn start_whole(program: &Path, folder: &Path) -> Result<Self, String> {
        Self::start_seats(program, folder, None, REPLICAS.into())
    }

    fn start_seats(program: &Path, folder: &Path, address_space: Option<u64>, seats: usize) -> Result<Self, String> {
        let folder = folder.join("group");
        let base_port = free_ports(2 * REPLICAS).ok_or("no free ports")?;
        let api_port = base_port + REPLICAS;
        let made = Command::new(program)
            .args(["init", "--replicas", &REPLICAS.to_string(), "--base-port", &base_port.to_string()])
            .args(["--api-port", &api_port.to_string(), "--out"])
            .arg(&folder)
            .stdout(Stdio::null())
            .status();
        if !made.map_err(|error| format!("cannot run {}: {error}", program.display()))?.success() {
            return Err("init failed".to_owned());
        }
        let attacked = folder.join(format!("replica-{ATTACKED}"));
        let made = tokens::make(&attacked, Role::Operate, None, None).map_err(|error| error.to_string());
        fs::write(folder.join(OPERATOR), made?.1).map_err(|error| format!("no token: {error}"))?;
        let target = Target::new(&folder, base_port, api_port, ATTACKED);
        let replicas = (0..seats).map(|_| None).collect();
        let mut group = Self { program: program.to_owned(), target, address_space, replicas };
        group.revive()?;
        Ok(group)
    }

    /// Starts every honest replica that does not run.
    pub fn revive(&mut self) -> Result<(), String> {
        for seat in 0..self.replicas.len() {
            let ended = self.replicas[seat].as_mut().is_none_or(|replica| replica.ended(Duration::ZERO).is_some());
            if ended {
                self.replicas[seat] = Some(Replica::start(self.command(seat)?)?);
            }
        }
        Ok(())
    }

    /// Starts the replica of a seat; in words, why it does not run.
    pub fn start_seat(&mut self, seat: usize) -> Result<(), String> {
        self.replicas[seat] = None;
        self.replicas[seat] = Some(Replica::start(self.command(seat)?)?);
        Ok(())
    }

    /// The code with which the replica of a seat ends when it is started once more; none if it does not end.
    pub fn exit_code(&self, seat: usize) -> Option<i32> {
        let mut child = self.command(seat).ok()?.stdout(Stdio::null()).spawn().ok()?;
        let deadline = Instant::now() + ENDS_WITHIN;
        while Instant::now() < deadline {
            if let Ok(Some(status)) = child.try_wait() {
                return status.code();
            }
            std::thread::sleep(LOOK);
        }
        // What has ended meanwhile needs no signal.
        let _ = child.kill();
        let _ = child.wait();
        None
    }

    /// Asks the replica of a seat to stop.
    pub fn stop(&mut self, seat: usize) -> Result<(), String> {
        self.replicas[seat].take().map_or(Ok(()), Replica::stop)
    }

    /// Ends the replica of a seat at once.
    pub fn kill(&mut self, seat: usize) {
        self.replicas[seat] = None;
    }

    /// The last line that the replica of a seat wrote to its log.
    pub fn last_words(&self, seat: usize) -> String {
        let log = std::fs::read(self.target.folder.join(format!("log-{seat}"))).unwrap_or_default();
        String::from_utf8_lossy(&log).lines().last().unwrap_or_default().to_owned()
    }

    /// Ends of honest replicas that should run.
    pub fn ended(&mut self) -> Vec<String> {
        let ended = self.replicas.iter_mut().enumerate().filter_map(|(seat, replica)| {
            let status = replica.as_mut()?.ended(Duration::ZERO)?;
            Some((seat, status))
        });
        let ended: Vec<_> = ended.collect();
        ended.into_iter().map(|(seat, status)| format!("replica {seat}: {status}: {}", self.last_words(seat))).collect()
    }

    /// Process of each honest replica.
    pub fn pids(&self) -> Vec<Option<u32>> {
        self.replicas.iter().map(|replica| replica.as_ref().map(Replica::pid)).collect()
    }

    /// The group as others see it.
    pub fn target(&self) -> &Target {
        &self.target
    }

    fn command(&self, seat: usize) -> Result<Command, String> {
        let path = self.target.folder.join(format!("log-{seat}"));
        let log = OpenOptions::new().create(true).append(true).open(path).map_err(|error| error.to_string())?;
        let mut command = Command::new(&self.program);
        command.arg("start").arg("--dir").arg(self.target.folder.join(format!("replica-{seat}"))).stderr(log);
        kernel::bound(&mut command, self.address_space);
        Ok(command)
    }
}

/// The first of `count` ports in a row that nobody uses.
fn free_ports(count: u16) -> Option<u16> {
    let begin = PORTS.start + (std::process::id() as u16 % 500) * 10;
    let is_free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    (begin..PORTS.end).step_by(10).find(|port| (*port..port + count).all(is_free))
}
