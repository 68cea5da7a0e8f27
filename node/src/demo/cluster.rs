//! The group that the demo runs on: processes of this program, and the liar in this one.

use super::{Byzantine, DemoError, ports, reaper};
use quorate_client::api::{Mode, Status};
use quorate_client::http::Client;
use quorate_client::keys;
use quorate_ledger::Genesis;
use quorate_ledger::answers::DIGEST;
use quorate_liar::{Liar, Lie};
use quorate_pbft::{Message, ReplicaId};
use quorate_service::config::{Config, REPLICA_KEY_FILE, SETTINGS};
use quorate_service::init::{self, Made};
use quorate_service::replica::{Interceptor, Options, Running};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};

/// Time that a process may take to be ready, and then to be able to vote.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Time that a process may take to stop.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Time that a question may take: longer than any answer of a sound replica.
const ANSWER_LIMIT: Duration = Duration::from_secs(120);

/// Time that a read at the liar may take; nobody depends on its answer.
const LIAR_ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Bundles on the liar's lane before the replay begins: enough that it has forked it.
const LIAR_BUNDLES: usize = 3;

/// The replica that lies.
const LIAR: u16 = 0;

/// The one that is told something else than the rest: neither the next primary nor the one after it.
const VICTIM: u16 = 3;

/// File in a replica's folder with the standard error of its process.
const LOG_FILE: &str = "log.txt";

/// A process and its standard output, which must stay open.
struct Process {
    child: Child,
    pid: u32,
    _stdout: BufReader<ChildStdout>,
}

impl Drop for Process {
    fn drop(&mut self) {
        reaper::forget(self.pid);
    }
}

/// Running replicas. Dropping it kills the processes.
pub struct Cluster {
    made: Made,
    genesis: Genesis,
    processes: Vec<Process>,
    liar: Option<Running>,
    byzantine: Byzantine,
}

impl Cluster {
    /// Makes a group in `dir`, starts it, and returns when all honest replicas may vote.
    pub async fn start(replicas: u16, byzantine: Byzantine, domains: &[String], dir: &Path) -> Result<Self, DemoError> {
        let made = make(replicas, domains, dir).await?;
        let file = dir.join("genesis.json");
        let bytes = std::fs::read(&file).map_err(|error| DemoError::file(&file, error))?;
        let genesis = Genesis::parse(&bytes).map_err(init::InitError::from)?;
        let mut cluster = Self { made, genesis, processes: Vec::new(), liar: None, byzantine };
        for replica in cluster.honest() {
            let process = spawn(replica, cluster.folder(replica)).await?;
            cluster.processes.push(process);
        }
        if let Some(lie) = lie(byzantine) {
            cluster.liar = Some(cluster.launch_liar(lie).await?);
        }
        cluster.await_votes().await?;
        cluster.let_the_liar_fork().await;
        Ok(cluster)
    }

    /// The replica that lies: the primary of view 0, so that the others must replace it.
    pub fn liar_number(&self) -> Option<u16> {
        lie(self.byzantine).map(|_| LIAR)
    }

    /// The others, ascending.
    pub fn honest(&self) -> Vec<u16> {
        (0..self.replicas()).filter(|replica| Some(*replica) != self.liar_number()).collect()
    }

    pub fn replicas(&self) -> u16 {
        self.made.replicas.len() as u16
    }

    pub fn byzantine(&self) -> Byzantine {
        self.byzantine
    }

    /// URL of the API of the first replica that does not lie.
    pub fn first_honest_api(&self) -> &str {
        self.honest().first().map_or("", |replica| &self.made.apis[usize::from(*replica)])
    }

    pub fn dir(&self) -> &Path {
        &self.made.dir
    }

    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Client of this replica.
    pub fn client(&self, replica: u16) -> Result<Client, DemoError> {
        Ok(Client::new(&self.made.apis[usize::from(replica)], ANSWER_LIMIT)?)
    }

    /// Key files of the authors, one for each organisation, in the organisations' order.
    pub fn author_keys(&self) -> Vec<PathBuf> {
        self.genesis.file().organisations.iter().filter_map(|org| self.made.authors.get(org).cloned()).collect()
    }

    /// Asks every process to stop and waits for it.
    pub async fn stop(mut self) -> Result<(), DemoError> {
        for process in &self.processes {
            if let Some(pid) = process.child.id() {
                reaper::terminate(pid);
            }
        }
        if let Some(mut liar) = self.liar.take() {
            // Its replica may have stopped when it met its own lies; there is nothing to save.
            let _ = liar.stop().await;
        }
        for process in &mut self.processes {
            if tokio::time::timeout(STOP_LIMIT, process.child.wait()).await.is_err() {
                process.child.kill().await.map_err(DemoError::System)?;
            }
        }
        Ok(())
    }

    fn folder(&self, replica: u16) -> &Path {
        &self.made.replicas[usize::from(replica)]
    }

    async fn launch_liar(&self, lie: Lie) -> Result<Running, DemoError> {
        let dir = self.folder(LIAR).to_owned();
        let mut config = Config::of_another(&dir).map_err(quorate_service::replica::LaunchError::from)?;
        config.default_rates = false;
        let signer = keys::read(&dir.join(REPLICA_KEY_FILE))?;
        let mut liar = Liar::new(lie, ReplicaId::new(LIAR), ReplicaId::new(VICTIM), Arc::new(signer));
        let incoming = Box::new(liar.hearing());
        let outgoing = Box::new(move |to, message: &Arc<Message>| liar.outgoing(to, message));
        let interceptor = Some(Interceptor { outgoing, incoming });
        Ok(Running::launch(Options { dir, config, interceptor, answers: DIGEST }).await?)
    }

    async fn await_votes(&self) -> Result<(), DemoError> {
        let deadline = Instant::now() + START_LIMIT;
        for replica in self.honest() {
            let client = self.client(replica)?;
            while client.get::<Status>(&["status"], &[]).await?.mode != Mode::Active {
                if Instant::now() > deadline {
                    return Err(DemoError::NotReady { replica, log: self.folder(replica).join(LOG_FILE) });
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }

    /// Strong reads at the liar make bundles on its lane, so that there is something to fork.
    async fn let_the_liar_fork(&self) {
        let Some(number) = self.liar_number().filter(|_| self.byzantine == Byzantine::Equivocate) else { return };
        let Ok(client) = Client::new(&self.made.apis[usize::from(number)], LIAR_ANSWER_LIMIT) else { return };
        let domain = &self.genesis.file().domains[0].name;
        for _ in 0..LIAR_BUNDLES {
            let query = [("level", "strong"), ("limit", "1")];
            let read = client.renewed().get_bytes(&["domains", domain, "tree"], &query).await;
            if read.is_err() {
                return;
            }
        }
    }
}

fn lie(byzantine: Byzantine) -> Option<Lie> {
    match byzantine {
        Byzantine::Equivocate => Some(Lie::Equivocate),
        Byzantine::Silent => Some(Lie::Silent),
        Byzantine::None => None,
    }
}

async fn make(replicas: u16, domains: &[String], dir: &Path) -> Result<Made, DemoError> {
    let base_port = ports::free(2 * replicas)?;
    let plan = init::Plan {
        out: dir.to_owned(),
        replicas,
        orgs: Vec::new(),
        base_port,
        api_port: base_port + replicas,
        horizon_ms: None,
        lan: false,
        name: None,
        domains: domains.to_vec(),
    };
    let made = tokio::task::spawn_blocking(move || init::make(&plan)).await;
    Ok(made.map_err(|error| DemoError::System(error.into()))??)
}

/// Starts a replica's process and waits for its line.
async fn spawn(replica: u16, dir: &Path) -> Result<Process, DemoError> {
    let log = dir.join(LOG_FILE);
    let file = std::fs::File::create(&log).map_err(|error| DemoError::file(&log, error))?;
    let program = std::env::current_exe().map_err(DemoError::System)?;
    let mut command = Command::new(program);
    for (_, variable) in SETTINGS {
        command.env_remove(variable); // it is for a replica of the user
    }
    let mut child = command
        .env("QUORATE_DEFAULT_RATES", "false") // a history replayed is nobody's flood
        .args(["start", "--dir"])
        .arg(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(file)
        .kill_on_drop(true)
        .spawn()
        .map_err(DemoError::System)?;
    let pid = child.id().expect("it was just started and nobody waited for it");
    reaper::watch(pid);
    let mut stdout = BufReader::new(child.stdout.take().expect("it was piped"));
    let mut line = String::new();
    let read = tokio::time::timeout(START_LIMIT, stdout.read_line(&mut line)).await;
    match read {
        Ok(Ok(_)) if line.starts_with("ready ") => Ok(Process { child, pid, _stdout: stdout }),
        _ => Err(DemoError::NotReady { replica, log }),
    }
}
