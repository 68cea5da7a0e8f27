//! A group of real processes on this machine, stopped by their pids on every way out.

use crate::args::BenchArgs;
use crate::failure::Failure;
use crate::threads::{self, Usage};
use anyhow::{Context as _, bail, ensure};
use quorate_client::api::{Mode, Status};
use quorate_client::http::Client;
use quorate_ledger::Genesis;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Time that a replica may take to say that it is ready, and then to be able to vote.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Time between two looks at what all replicas say.
const LOOK: Duration = Duration::from_millis(20);

/// Time that a replica may take to stop.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Running replicas.
pub struct Group {
    /// Folder that `init` made.
    pub dir: PathBuf,
    /// Read back from there.
    pub genesis: Genesis,
    /// API addresses of the replicas.
    pub nodes: Vec<String>,
    program: PathBuf,
    children: Vec<Child>,
    killed: BTreeSet<usize>,
}

impl Group {
    /// Makes a group with one organisation for each author, starts its replicas and waits until all may vote.
    pub async fn start(args: &BenchArgs, replicas: u16, program: &Path, dir: PathBuf) -> anyhow::Result<Self> {
        init(args, replicas, program, &dir)?;
        let genesis = fs::read(dir.join("genesis.json")).context("init left no genesis.json")?;
        let genesis = Genesis::parse(&genesis).context("genesis.json")?;
        let (program, nodes, children, killed) = (program.to_owned(), Vec::new(), Vec::new(), BTreeSet::new());
        let mut group = Self { dir, genesis, nodes, program, children, killed };
        for replica in 0..replicas.into() {
            let (child, node) = start(args, &group.program, &folder(&group.dir, replica))?;
            group.children.push(child);
            group.nodes.push(node);
        }
        group.await_votes().await?;
        Ok(group)
    }

    /// The key file of author `index`.
    pub fn author_key(&self, index: usize) -> PathBuf {
        self.dir.join(format!("author-{}.key", organisation(index)))
    }

    /// Processor time that the running replicas have used so far.
    pub fn usage(&self) -> anyhow::Result<Usage> {
        let mut usage = Usage::new();
        let mut running = self.children.iter().enumerate().filter(|(replica, _)| !self.killed.contains(replica));
        running.try_for_each(|(replica, child)| threads::add(&mut usage, replica, child.id()))?;
        Ok(usage)
    }

    /// Bytes that the replicas' folders take on the disk, as `du` counts them.
    pub fn disk_bytes(&self) -> anyhow::Result<u64> {
        (0..self.nodes.len()).map(|replica| allocated(&folder(&self.dir, replica))).sum()
    }

    /// Bytes of the replicas' memory.
    pub fn memory_bytes(&self) -> anyhow::Result<u64> {
        self.children.iter().map(|child| resident_bytes(child.id())).sum()
    }

    /// Ends a replica as `kill -9` does. The others stay.
    pub fn kill(&mut self, replica: usize) -> anyhow::Result<()> {
        let child = self.children.get_mut(replica).with_context(|| format!("there is no replica {replica}"))?;
        child.kill().with_context(|| format!("cannot kill replica {replica}"))?;
        child.wait().with_context(|| format!("replica {replica} does not end"))?;
        self.killed.insert(replica);
        Ok(())
    }

    /// Ends all replicas at one moment, as `kill -9` does.
    pub fn kill_all(&mut self) -> anyhow::Result<()> {
        self.children.iter_mut().try_for_each(Child::kill).context("cannot kill the replicas")?;
        (0..self.children.len()).try_for_each(|replica| self.kill(replica))
    }

    /// Starts all killed replicas at one moment; time until the last of them said that it is ready.
    pub async fn start_killed(&mut self, args: &BenchArgs) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let starting = std::mem::take(&mut self.killed).into_iter().map(|replica| {
            let (args, program, dir) = (args.clone(), self.program.clone(), folder(&self.dir, replica));
            (replica, tokio::task::spawn_blocking(move || start(&args, &program, &dir)))
        });
        let mut failed = Ok(());
        for (replica, task) in starting.collect::<Vec<_>>() {
            match task.await.context("a start panicked").flatten() {
                Ok(started) => (self.children[replica], self.nodes[replica]) = started,
                Err(error) => failed = Err(error), // the others are kept: who drops the group ends them
            }
        }
        failed.map(|()| began.elapsed())
    }

    /// Waits until all replicas have executed the same slots.
    pub async fn await_agreement(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let heads: Vec<Status> = self.statuses().await?;
            let of_slot = |status: &Status| (status.executed_seq, status.state_root, status.lane_hash);
            let slots: BTreeSet<u64> = heads.iter().map(|status| status.executed_seq).collect();
            if slots.len() == 1 {
                let roots: BTreeSet<_> = heads.iter().map(of_slot).collect();
                ensure!(roots.len() == 1, Failure::Verdict(format!("the replicas' states differ: {roots:?}")));
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "the replicas do not come to the same slot: {slots:?}");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until all replicas vote; looks often, as the time counts.
    pub async fn await_active(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        while self.statuses().await?.iter().any(|status| status.mode != Mode::Active) {
            ensure!(Instant::now() < deadline, "not all replicas became able to vote");
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Newest view that a replica is in.
    pub async fn newest_view(&self) -> anyhow::Result<u64> {
        Ok(self.statuses().await?.iter().map(|status| status.view).max().unwrap_or_default())
    }

    async fn statuses(&self) -> anyhow::Result<Vec<Status>> {
        let mut statuses = Vec::new();
        for node in &self.nodes {
            statuses.push(Client::new(node, START_LIMIT)?.status().await?);
        }
        Ok(statuses)
    }

    /// Stops a replica's process, or lets it go on.
    pub fn pause(&self, replica: usize, pauses: bool) -> anyhow::Result<()> {
        let child = self.children.get(replica).with_context(|| format!("there is no replica {replica}"))?;
        signal(child, if pauses { "-STOP" } else { "-CONT" });
        Ok(())
    }

    /// Waits until all replicas have executed this slot.
    pub async fn await_slot(&self, slot: u64) -> anyhow::Result<()> {
        for node in &self.nodes {
            let client = Client::new(node, START_LIMIT)?;
            let mut tries = client.tries();
            while client.status().await?.executed_seq < slot {
                tries.pause(format!("it has not executed slot {slot}"), None).await?;
            }
        }
        Ok(())
    }

    /// Asks each replica that runs to stop and waits for it.
    pub fn stop(mut self) -> anyhow::Result<()> {
        for child in &mut self.children {
            if child.try_wait()?.is_none() {
                signal(child, "-TERM");
            }
        }
        let deadline = Instant::now() + STOP_LIMIT;
        for child in &mut self.children {
            while child.try_wait()?.is_none() {
                ensure!(Instant::now() < deadline, "replica {} did not stop in time", child.id());
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        self.children.clear();
        Ok(())
    }

    async fn await_votes(&self) -> anyhow::Result<()> {
        for node in &self.nodes {
            let client = Client::new(node, START_LIMIT)?;
            let mut tries = client.tries();
            while client.get::<Status>(&["status"], &[]).await?.mode != Mode::Active {
                let waited = tries.pause("it may not vote yet".into(), None).await;
                waited.with_context(|| format!("{node} did not become able to vote"))?;
            }
        }
        Ok(())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn folder(group: &Path, replica: usize) -> PathBuf {
    group.join(format!("replica-{replica}"))
}

fn organisation(index: usize) -> String {
    format!("org-{index}")
}

/// The program without the settings of the shell, which are for a replica of its user.
fn quorate(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"QUORATE_")) {
        command.env_remove(name);
    }
    command
}

fn init(args: &BenchArgs, replicas: u16, program: &Path, dir: &Path) -> anyhow::Result<()> {
    let organisations: Vec<String> = (0..args.authors.max(replicas.into())).map(organisation).collect();
    let output = quorate(program)
        .args(["init", "--replicas", &replicas.to_string(), "--orgs", &organisations.join(",")])
        .args(["--base-port", &args.base_port.to_string()])
        .args(args.horizon().into_iter().flat_map(|time| ["--horizon", time]))
        .args(["--api-port", &(args.base_port + replicas).to_string()])
        .arg("--out")
        .arg(dir)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    ensure!(output.status.success(), Failure::Usage(format!("init: {}", String::from_utf8_lossy(&output.stderr))));
    Ok(())
}

fn start(args: &BenchArgs, program: &Path, dir: &Path) -> anyhow::Result<(Child, String)> {
    let log = fs::File::options().create(true).append(true).open(dir.join("log")).context("no log file")?;
    let mut child = quorate(program)
        .env("QUORATE_DEFAULT_RATES", "false") // the bench measures the group, not a limit
        .env("QUORATE_HISTORY", &args.history)
        .args(["start", "--dir"])
        .arg(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let mut line = String::new();
    let stdout = child.stdout.take().context("a piped output")?;
    BufReader::new(stdout).read_line(&mut line)?;
    match line.split_whitespace().collect::<Vec<_>>()[..] {
        ["ready", api, _peer] => Ok((child, api.to_owned())),
        _ => {
            let _ = child.kill();
            bail!("{} did not become ready; see its file `log`", dir.display())
        }
    }
}

fn signal(child: &Child, signal: &str) {
    let _ = Command::new("kill").args([signal, &child.id().to_string()]).status();
}

/// Bytes of blocks that a folder takes, with all below it. A file that goes meanwhile takes none.
fn allocated(path: &Path) -> anyhow::Result<u64> {
    let read = || -> io::Result<(u64, Vec<PathBuf>)> {
        let metadata = path.symlink_metadata()?;
        let entries = if metadata.is_dir() { Some(fs::read_dir(path)?) } else { None };
        let below = entries.into_iter().flatten().map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        Ok((metadata.blocks() * 512, below)) // the unit of st_blocks
    };
    match read() {
        Ok((bytes, below)) => below.iter().try_fold(bytes, |sum, path| Ok(sum + allocated(path)?)),
        // A replica removes files while it runs.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Resident memory of a process, from `/proc`.
fn resident_bytes(pid: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("process {pid} is gone"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kibibytes: u64 = line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default();
    Ok(kibibytes << 10)
}
