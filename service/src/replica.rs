//! Replica as a whole: disk, core, network, API.

mod door;
mod finding;
mod launch_error;
mod node;
mod outlet;
#[cfg(test)]
mod tests;

pub(crate) use door::Door;
pub(crate) use finding::{Ways, all, doors};
pub use launch_error::LaunchError;
pub(crate) use node::{Node, Shell};
pub use outlet::Intercept;

use crate::answers;
use crate::api::{Service, Threads};
use crate::config::{Config, GENESIS_FILE, PeerName, REPLICA_KEY_FILE};
use crate::copying;
use crate::engine::{Engine, EngineError, History, Inbox, Request, Setup};
use crate::health::CORE_SILENT_MAX;
use crate::init::InitError;
use crate::joiner::{self, READY_FILE};
use crate::membership::{Membership, listed};
use crate::metrics::Metrics;
use crate::observing::{self, OpenDoor, Relay, Statuses};
use crate::pool::{CachedPayload, CachedSigner, CachedVerify, Checker, Pool};
use crate::relaying::{self, Switchboard};
use crate::shelter::sheltered;
use crate::tasks::spawn;
use futures::future::{BoxFuture, Shared};
use outlet::sender;
use quorate_client::keys;
use quorate_ledger::{EnvelopeCheck, Genesis, OpenError, proof};
use quorate_net::{Member, Multiaddr, Room, is_of_door, is_of_tcp};
use quorate_pbft::{Admitted, Certified, Digest, Ed25519Signer, Message, PublicKey, ReplicaId, Signer};
use quorate_storage::{Compacted, Db, DbError, compact, file_bytes};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::Duration;
use std::{fs, io, thread};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// Time for which a replica that drains answers 503 at least.
const DRAINS_FOR: Duration = Duration::from_millis(500);
/// Time that changes which were taken have for their verdicts when the replica is to stop.
const DRAINS_WITHIN: Duration = Duration::from_secs(4);
/// Hundredths of the database's file that hold nothing, from which a start compacts it.
const DEAD_PERCENT: u64 = 50;
/// Bytes of a file that a start compacts: a smaller one is not worth the look, a larger one would hold the start up for
/// minutes.
const COMPACTED_BYTES: RangeInclusive<u64> = 64 << 20..=4 << 30;

/// Replica to run.
pub struct Options {
    /// The replica's folder: genesis and key.
    pub dir: PathBuf,
    /// Its configuration.
    pub config: Config,
    /// Closures between its core and the network, for demonstrations of faults. No configuration leads here.
    pub interceptor: Option<Interceptor>,
    /// Digest that its known answers must have: [`quorate_ledger::answers::DIGEST`]. No configuration leads here.
    pub answers: Digest,
}

/// Answers true if the core receives this verified message.
pub type Passes = Box<dyn Fn(&Message) -> bool + Send + Sync>;

/// Closures between a replica's core and the network.
pub struct Interceptor {
    /// Asked for each message and each peer that it leaves for.
    pub outgoing: Intercept,
    /// Asked for each message that came in and was verified.
    pub incoming: Passes,
}

/// Reason for which a core stopped by itself.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Stopped {
    /// Its engine cannot go on.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Its thread is gone.
    #[error("{0}")]
    Thread(&'static str),
}

/// A replica that runs. Dropping it ends it as [`Running::stop`] does, but waits for nothing: its folder is free for another one
/// some time later.
pub struct Running {
    api: SocketAddr,
    scheme: &'static str,
    service: Arc<Service>,
    core: Shared<oneshot::Receiver<Result<(), Stopped>>>,
    servers: Vec<JoinHandle<io::Result<()>>>,
    /// Kept while the servers run.
    _threads: Threads,
    pool: Option<Pool>,
    observers: Option<thread::JoinHandle<()>>,
}

impl Running {
    /// Starts everything; returns once the API answers.
    pub fn launch(options: Options) -> BoxFuture<'static, Result<Self, LaunchError>> {
        Box::pin(Self::launched(options)) // here, so that no other crate compiles a replica once more
    }

    async fn launched(options: Options) -> Result<Self, LaunchError> {
        let Options { dir, config, interceptor, answers } = options;
        let genesis = Arc::new(read_genesis(&dir.join(GENESIS_FILE))?);
        let key_file = dir.join(REPLICA_KEY_FILE);
        let secret = keys::read_seed(&key_file)?;
        let signer = Ed25519Signer::from_seed(&secret);
        let joiner = signer.clone();
        let key = signer.public_key();
        let (addresses, ways) = (addresses(&config, &genesis)?, Ways::of(&config)?);
        let door = Door::open(&config).await?;

        let verify = Arc::new(CachedVerify::new());
        let envelopes = EnvelopeCheck::new(&genesis);
        let payload = Arc::new(CachedPayload::new(Arc::new(envelopes.clone())));
        let setup = Setup {
            genesis: genesis.clone(),
            signer: Arc::new(CachedSigner::new(signer, verify.clone())),
            verify: verify.clone(),
            incarnation: random()?,
            die: random()?,
            history: config.history,
        };
        let data = config.data.clone();
        let engine = tokio::task::spawn_blocking(move || {
            answers::check(&answers)?;
            open_engine(setup, &data)
        });
        let engine = engine.await.map_err(|error| LaunchError::System(error.to_string()))??;

        if config.follow.is_empty() && !has_been_a_member(&engine, &key)? {
            let (name, key) = (genesis.name().to_owned(), key.to_string());
            return Err(LaunchError::NotAMember { path: key_file, name, key });
        }
        let directory = ways.directory(genesis.group(), key, &addresses);
        let mut net = net_config(&config, Vec::new(), *secret)?;
        net.directory = Some(directory.clone());
        let listen = net.listen.first().cloned();
        let (network, events) = quorate_net::start(net).await?;
        let certified = Arc::new(RwLock::new(Arc::new(Certified::default())));
        let committees = engine.committees();
        let checker = Arc::new(Checker {
            committees: RwLock::new(committees.clone()),
            constants: genesis.constants().clone(),
            verify,
            payload: payload.clone(),
            certified: certified.clone(),
        });
        let membership = Arc::new(Membership {
            key,
            peer_id: network.local_peer_id().to_string(),
            network: Some(network),
            relay: Arc::new(Relay::default()),
            checker: checker.clone(),
            envelopes,
            directory,
            addresses,
        });
        membership.follow(&committees, &engine.published().moment);
        let ready = Some(dir.join(READY_FILE)).filter(|_| !config.follow.is_empty() && !committees.name(&key));
        let (outgoing, incoming) = interceptor.map(|Interceptor { outgoing, incoming }| (outgoing, incoming)).unzip();
        let (tell_status, statuses) = watch::channel(None);
        let metrics = Arc::new(Metrics::new());
        let observers = config.observers.as_ref().map(|address| multiaddr("observers", address)).transpose()?;
        let switchboard = config.relay_server.map(|bytes| Arc::new(Switchboard::new(relaying::Limits::of(bytes.0))));
        let (tell_door, door_open) = watch::channel(None);
        let node = Node {
            dir,
            config,
            genesis,
            core: Shell::Core(Box::new(engine)),
            payload,
            metrics: metrics.clone(),
            certified,
            membership: membership.clone(),
            send: sender(membership.clone(), metrics.clone(), outgoing, tell_status),
        };
        let mut running = node.run(door)?;
        running.find(ways, *secret, listen, door_open);
        if let Some(ready) = ready {
            spawn(joiner::state(running.service.published.clone(), joiner, ready));
        }
        let deliver = deliver_to(running.inbox(), incoming);
        let conduct = running.service.conduct.clone();
        let charge = move |key, bytes| membership.charge(&BTreeMap::from([(key, bytes)]));
        let attached = Pool::start(threads(), events, checker, metrics, conduct, deliver, charge).and_then(|pool| {
            running.pool = Some(pool);
            match observers {
                Some(at) => running.take_observers((at, *secret), statuses, tell_door, switchboard),
                None => Ok(()),
            }
        });
        match attached {
            Ok(()) => Ok(running),
            Err(error) => {
                let _ = running.stop().await; // its core runs, and nobody else would end it
                Err(LaunchError::System(error.to_string()))
            }
        }
    }

    /// Opens a door for observers at this address.
    pub(crate) fn take_observers(
        &mut self,
        at: (Multiaddr, [u8; 32]),
        statuses: Statuses,
        tell_door: watch::Sender<Option<OpenDoor>>,
        switchboard: Option<Arc<Switchboard>>,
    ) -> io::Result<()> {
        self.observers = Some(observing::open(at, self.service.clone(), statuses, tell_door, switchboard)?);
        Ok(())
    }

    /// The door to the core's thread.
    pub(crate) fn inbox(&self) -> Arc<Inbox> {
        self.service.inbox.clone()
    }

    /// The API's URL.
    pub fn api_url(&self) -> String {
        format!("{}://{}", self.scheme, self.api)
    }

    /// Its number in the group; none of an observer.
    pub fn replica(&self) -> Option<u16> {
        self.service.now().report.me.map(ReplicaId::get)
    }

    /// The node's libp2p name.
    pub fn peer_id(&self) -> String {
        self.service.membership.peer_id.clone()
    }

    /// The group's name.
    pub fn name(&self) -> &str {
        self.service.genesis.name()
    }

    /// Returns when the core has stopped: by itself, with the reason, or in order. Later calls return the same.
    pub async fn core_stopped(&mut self) -> Result<(), Stopped> {
        self.core.clone().await.unwrap_or(Err(Stopped::Thread("its thread ended")))
    }

    /// Prepares to stop: tells that it is not ready, takes no change, hands a primary's office over, and waits until the
    /// changes it took have their verdicts, lie in the durable queue, or lack a number or anything else: at least for
    /// [`DRAINS_FOR`] so that a balancer sees it, at most for [`DRAINS_WITHIN`].
    pub async fn drain(&mut self) {
        self.service.drain.cancel();
        // Where the inbox is full, the others miss this primary, as they would one that dies.
        let _ = self.service.inbox.request(Request::Resign);
        let mut published = self.service.published.clone();
        let settled = async {
            // The guard that it returns would keep the core from publishing: it goes at once.
            drop(published.wait_for(|published| published.report.orderable() == published.report.queued).await);
        };
        let (_, ()) = tokio::join!(tokio::time::timeout(DRAINS_WITHIN, settled), tokio::time::sleep(DRAINS_FOR));
    }

    /// True if the core's thread is at work, or waits for room on the disk.
    pub fn is_alive(&self) -> bool {
        let sources = &self.service.sources;
        sources.room.is_awaited() || sources.pulse.silence() < CORE_SILENT_MAX
    }

    /// Stops taking requests, finishes what the core has begun, closes everything. The outcome is [`Running::core_stopped`]'s, also of
    /// a core that has stopped by itself, and of a second call.
    pub async fn stop(&mut self) -> Result<(), Stopped> {
        self.end();
        let outcome = self.core_stopped().await;
        self.service.membership.close().await;
        if let Some(pool) = self.pool.take() {
            // Its threads end as soon as their frame is checked.
            let _ = tokio::task::spawn_blocking(move || drop(pool)).await;
        }
        if let Some(observers) = self.observers.take() {
            // Their thread ends with the read that is under way; one that panicked has said so.
            let _ = tokio::task::spawn_blocking(move || observers.join()).await;
        }
        for server in self.servers.drain(..) {
            let _ = server.await; // one that panicked has said so
        }
        outcome
    }

    /// Has everything end: the core once it has worked off what it took.
    fn end(&self) {
        self.service.stop.cancel();
        self.service.sources.room.give_up();
        self.service.inbox.close();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
        if let Some(pool) = self.pool.take() {
            // Whoever drops this may be a task: another thread waits for those of the pool.
            let _ = thread::Builder::new().spawn(move || drop(pool));
        }
    }
}

/// Opens the database of a member and reads the state.
fn open_engine(setup: Setup, data: &Path) -> Result<Engine, LaunchError> {
    guarded(data, || {
        if setup.history != History::All {
            compact_much(data);
        }
        let db = Db::open(data)?;
        db.claim(&setup.signer.public_key().0)?;
        Ok(Engine::open(setup, db))
    })
}

/// Opens a state, and tells damage of its disk from other faults. The library beneath panics on some damage: that is
/// damage too.
pub(crate) fn guarded<T>(
    data: &Path,
    open: impl FnOnce() -> Result<Result<T, EngineError>, DbError>,
) -> Result<T, LaunchError> {
    if let Some(command) = copying::cut_off(data) {
        return Err(InitError::CutOff(command, data.to_owned()).into());
    }
    let damaged = |why: String| LaunchError::Damaged { path: data.to_owned(), why };
    let opened = sheltered(open).ok_or_else(|| damaged("its structure cannot be read".to_owned()))?;
    opened?.map_err(|error| match error {
        error if error.is_of_disk() => damaged(error.to_string()),
        EngineError::Open(OpenError::Scoped(held)) => LaunchError::Scoped { path: data.to_owned(), held },
        EngineError::Open(OpenError::Whole) => LaunchError::Unscoped(data.to_owned()),
        other => other.into(),
    })
}

/// Gives room back to the disk where forgotten history has left more than half of a file of some size empty. The start
/// goes on without: on a full disk there may be no room to move pages.
fn compact_much(data: &Path) {
    if !file_bytes(data).is_ok_and(|bytes| COMPACTED_BYTES.contains(&bytes)) {
        return;
    }
    match compact(data, DEAD_PERCENT) {
        Ok(Compacted { before, after, .. }) if after < before => {
            tracing::info!(event = "compacted", before, after, "the database gave room back to the disk")
        }
        Ok(_) => (),
        Err(error) => tracing::warn!(event = "not-compacted", %error, "the database gives no room back to the disk"),
    }
}

/// Reads a genesis file, and checks the restart by which its group began.
pub fn read_genesis(path: &Path) -> Result<Genesis, LaunchError> {
    let bytes = fs::read(path).map_err(|source| LaunchError::Unreadable { path: path.to_owned(), source })?;
    proof::read_genesis(&bytes).map_err(|source| LaunchError::Genesis { path: path.to_owned(), source })
}

/// The network's configuration; its members are known once the state is open.
pub(crate) fn net_config(
    config: &Config,
    members: Vec<quorate_net::Member>,
    secret: [u8; 32],
) -> Result<quorate_net::Config, LaunchError> {
    Ok(quorate_net::Config { secret, members, listen: vec![multiaddr("listen", &config.listen)?], directory: None })
}

/// Addresses of other replicas by their keys.
pub(crate) fn addresses(config: &Config, genesis: &Genesis) -> Result<BTreeMap<PublicKey, Multiaddr>, LaunchError> {
    let mut found = BTreeMap::new();
    for (name, address) in config.peer_addresses()? {
        let key = match name {
            PeerName::Founder(number) => genesis.founders().key(number).copied(),
            PeerName::Key(key) => Some(key),
        };
        found.extend(key.map(|key| Ok::<_, LaunchError>((key, multiaddr("peer", &address)?))).transpose()?);
    }
    net_config(config, listed(genesis.founders(), &BTreeMap::new()).collect(), [0; 32])?.check()?;
    for (key, address) in &found {
        // The number of one that is no founder is the state's to say.
        let id = genesis.founders().replica_of(key).unwrap_or(ReplicaId::new(0));
        Member { id, key: key.0, addresses: vec![address.clone()] }.check()?;
    }
    Ok(found)
}

/// Whether a key is a member's, or was one, or will be: in any epoch that the state knows of.
fn has_been_a_member(engine: &Engine, key: &PublicKey) -> Result<bool, LaunchError> {
    let moment = engine.published().moment;
    let epochs = moment.view().chain_of_epochs().map_err(EngineError::from)?;
    let before = epochs.committees().iter().any(|committee| committee.replica_of(key).is_some());
    Ok(before || engine.committees().name(key))
}

pub(crate) fn multiaddr(what: &str, address: &str) -> Result<Multiaddr, LaunchError> {
    parsed(what, address, is_of_tcp)
}

fn parsed(what: &str, address: &str, is_sound: fn(&Multiaddr) -> bool) -> Result<Multiaddr, LaunchError> {
    let parsed = address.parse().ok().filter(is_sound);
    parsed.ok_or_else(|| LaunchError::Address { what: what.to_owned(), address: address.to_owned() })
}

/// Whether a text is an address at which a replica can listen, or be dialled.
pub fn is_multiaddr(text: &str) -> bool {
    text.parse().is_ok_and(|address: Multiaddr| is_of_tcp(&address))
}

/// Whether a text is an address of a door that a node can follow, at a relay or not.
pub fn is_door(text: &str) -> bool {
    text.parse().is_ok_and(|address: Multiaddr| is_of_door(&address))
}

fn random() -> Result<u64, LaunchError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| LaunchError::System(error.to_string()))?;
    Ok(u64::from_le_bytes(bytes))
}

/// Verification threads: one for each processor, and one more, which is never in bulk together with all others: a large bundle
/// never delays votes.
fn threads() -> usize {
    1 + thread::available_parallelism().map_or(2, |count| count.get().clamp(2, 8))
}

/// Checked messages go to the core, but for those that an interceptor holds back.
fn deliver_to(inbox: Arc<Inbox>, incoming: Option<Passes>) -> impl Fn(Admitted, Option<Room>) + Clone + Send + 'static {
    let incoming = Arc::new(incoming);
    move |message, room| {
        if incoming.as_ref().as_ref().is_none_or(|passes| passes(message.message())) {
            inbox.message(Box::new(message), room);
        }
    }
}
