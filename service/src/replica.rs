//! Replica as a whole: disk, core, network, API.

use crate::answers::{self, OtherAnswers};
use crate::api::{self, Admin, Answers, AuthorPace, Copies, Pace, Room, Service, Streams};
use crate::config::{ADMIN_TOKEN_FILE, Config, ConfigError, GENESIS_FILE, REPLICA_KEY_FILE};
use crate::engine::thread::{self, Surroundings};
use crate::engine::{Engine, EngineError, History, Inbox, Outgoing, Reception, Setup};
use crate::health::{self, Outages, Sources};
use crate::init::{InitError, TEST_WORDS};
use crate::membership::Membership;
use crate::metrics::Metrics;
use crate::narrator;
use crate::observing;
use crate::pool::{CachedPayload, CachedSigner, CachedVerify, Checker, Pool};
use crate::shelter::sheltered;
use quorate_client::keys::{self, KeyError};
use quorate_ledger::{EnvelopeCheck, Genesis, GenesisError, Ledger, MemoryStore, OpenError};
use quorate_net::{Channel, Member, Multiaddr, Network};
use quorate_pbft::{Admitted, Certified, Committee, Digest, Ed25519Signer, Message, ReplicaId, Signer};
use quorate_storage::{Compacted, Db, DbError, compact, file_bytes};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, RwLock};
use std::time::Duration;
use std::{fs, io};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// Time for which a replica that drains answers 503 at least.
const DRAINS_FOR: Duration = Duration::from_millis(500);
/// Time that changes which were taken have for their verdicts when the replica is to stop.
const DRAINS_WITHIN: Duration = Duration::from_secs(4);
/// Hundredths of the database's file that hold nothing, from which a start compacts it.
const DEAD_PERCENT: u64 = 50;
/// Bytes of a file that a start compacts: a smaller one is not worth the look, a larger one would hold the start up for
/// minutes.
const COMPACTED_BYTES: RangeInclusive<u64> = 64 << 20..=4 << 30;
/// Silence of the core's thread after which it counts as stuck; it looks around twice a second.
const CORE_SILENT_MAX: Duration = Duration::from_secs(10);

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

/// Answers the message that leaves for a peer in place of this one; none if nothing does.
pub type Intercept = Box<dyn FnMut(ReplicaId, &Arc<Message>) -> Option<Arc<Message>> + Send>;

/// Answers true if the core receives this verified message.
pub type Passes = Box<dyn Fn(&Message) -> bool + Send + Sync>;

/// Closures between a replica's core and the network.
pub struct Interceptor {
    /// Asked for each message and each peer that it leaves for.
    pub outgoing: Intercept,
    /// Asked for each message that came in and was verified.
    pub incoming: Passes,
}

/// Requirement that a replica did not find.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}; `quorate init` makes a folder with what a replica needs")]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The genesis is none.
    #[error("{path}: {source}")]
    Genesis {
        /// Path of the file.
        path: PathBuf,
        /// Why.
        source: GenesisError,
    },
    /// The key cannot be read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The key is nobody's.
    #[error("the key in {path} is no member's of group {name:?}: its public half is {key}")]
    NotAMember {
        /// The key's file.
        path: PathBuf,
        /// The group.
        name: String,
        /// The public key.
        key: String,
    },
    /// An address is none.
    #[error("{what} {address:?} is not a multiaddr such as /ip4/127.0.0.1/tcp/7700")]
    Address {
        /// Setting that holds it.
        what: String,
        /// As configured.
        address: String,
    },
    /// The folder is an observer's of another group.
    #[error("{path} follows another group: {name:?}; give another folder")]
    OtherGroup {
        /// The folder.
        path: PathBuf,
        /// The group that it follows.
        name: String,
    },
    /// A replica's folder is no observer's.
    #[error("{0} is a replica's folder: an observer needs one of its own")]
    ReplicasFolder(PathBuf),
    /// The folder could not be filled.
    #[error(transparent)]
    Init(#[from] InitError),
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The program answers otherwise than its rules.
    #[error(transparent)]
    Answers(#[from] OtherAnswers),
    /// The database does not open.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Database whose content does not fit.
    #[error("database: {0}")]
    Engine(#[from] EngineError),
    /// The database opens, and what is in it is not what was written.
    #[error(
        "the database in {path} is damaged: {why}; restore the folder from a backup, or give the replica a new database"
    )]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// Fault in words.
        why: String,
    },
    /// The network does not start.
    #[error("network: {0}")]
    Net(#[from] quorate_net::Error),
    /// A file that cannot serve for TLS.
    #[error(transparent)]
    Tls(#[from] api::TlsError),
    /// The API's address cannot be listened on.
    #[error("API address {address}: {source}")]
    Api {
        /// As configured.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The operating system gave no thread or no random bytes.
    #[error("{0}")]
    System(String),
}

/// A replica that runs.
pub struct Running {
    api: SocketAddr,
    scheme: &'static str,
    service: Arc<Service>,
    core: oneshot::Receiver<String>,
    server: JoinHandle<io::Result<()>>,
    pool: Option<Pool>,
    observers: Option<std::thread::JoinHandle<()>>,
}

impl Running {
    /// Starts everything; returns once the API answers.
    pub async fn launch(options: Options) -> Result<Self, LaunchError> {
        let Options { dir, config, interceptor, answers } = options;
        let genesis = Arc::new(read_genesis(&dir.join(GENESIS_FILE))?);
        let committee = genesis.founders().clone();
        let key_file = dir.join(REPLICA_KEY_FILE);
        let secret = keys::read_seed(&key_file)?;
        let signer = Ed25519Signer::from_seed(&secret);
        let me = committee.replica_of(&signer.public_key()).ok_or_else(|| LaunchError::NotAMember {
            path: key_file,
            name: genesis.name().to_owned(),
            key: signer.public_key().to_string(),
        })?;
        let door = Door::open(&config).await?;

        let verify = Arc::new(CachedVerify::new());
        let payload = Arc::new(CachedPayload::new(Arc::new(EnvelopeCheck::new(&genesis))));
        let setup = Setup {
            genesis: genesis.clone(),
            me,
            signer: Arc::new(CachedSigner::new(signer.clone(), verify.clone())),
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

        let (network, events) = quorate_net::start(net_config(&config, &committee, me, *secret)?).await?;
        let certified = Arc::new(RwLock::new(Arc::new(Certified::default())));
        let constants = genesis.constants().clone();
        let (payload_check, known) = (payload.clone(), certified.clone());
        let checker = Checker { committee, constants, verify, payload: payload_check, certified: known };
        let (outgoing, incoming) = interceptor.map(|Interceptor { outgoing, incoming }| (outgoing, incoming)).unzip();
        let (tell_status, statuses) = watch::channel(None);
        let metrics = Arc::new(Metrics::new());
        let observers = config.observers.as_ref().map(|address| multiaddr("observers", address)).transpose()?;
        let node = Node {
            dir,
            config,
            genesis,
            engine,
            payload,
            metrics: metrics.clone(),
            certified,
            membership: Membership::Member { me, network: network.clone() },
            send: sender(network, metrics.clone(), outgoing, tell_status),
        };
        let mut running = node.run(door)?;
        let deliver = deliver_to(running.inbox(), metrics.clone(), incoming);
        let pool = Pool::start(threads(), events, Arc::new(checker), metrics, deliver)
            .map_err(|error| LaunchError::System(error.to_string()))?;
        running.pool = Some(pool);
        if let Some(address) = observers {
            let door = observing::open((address, *secret), running.service.clone(), statuses);
            running.observers = Some(door.map_err(|error| LaunchError::System(error.to_string()))?);
        }
        Ok(running)
    }

    /// The door to the core's thread.
    pub(crate) fn inbox(&self) -> Arc<Inbox> {
        self.service.inbox.clone()
    }

    /// Cancelled when the node stops.
    pub(crate) fn stopping(&self) -> CancellationToken {
        self.service.stop.clone()
    }

    /// The API's URL.
    pub fn api_url(&self) -> String {
        format!("{}://{}", self.scheme, self.api)
    }

    /// Its number in the group; none of an observer.
    pub fn replica(&self) -> Option<u16> {
        self.service.membership.replica().map(ReplicaId::get)
    }

    /// The node's libp2p name.
    pub fn peer_id(&self) -> String {
        self.service.membership.peer_id()
    }

    /// The group's name.
    pub fn name(&self) -> &str {
        self.service.genesis.name()
    }

    /// Returns when the core has stopped by itself, with the reason.
    pub async fn core_stopped(&mut self) -> String {
        (&mut self.core).await.unwrap_or_else(|_| "its thread ended".to_owned())
    }

    /// Prepares to stop: tells that it is not ready, takes no change, and waits until those it took have their verdicts
    /// or lie in the durable queue, at least for [`DRAINS_FOR`] so that a balancer sees it, at most for [`DRAINS_WITHIN`].
    pub async fn drain(&mut self) {
        self.service.drain.cancel();
        let mut published = self.service.published.clone();
        let settled = async {
            // The guard that it returns would keep the core from publishing: it goes at once.
            drop(published.wait_for(|published| published.report.pending == published.report.queued).await);
        };
        let (_, ()) = tokio::join!(tokio::time::timeout(DRAINS_WITHIN, settled), tokio::time::sleep(DRAINS_FOR));
    }

    /// True if the core's thread is at work, or waits for room on the disk.
    pub fn is_alive(&self) -> bool {
        self.service.sources.room.is_awaited() || self.service.metrics.works_within(CORE_SILENT_MAX)
    }

    /// Stops taking requests, finishes what the core has begun, closes everything.
    pub async fn stop(&mut self) -> Result<(), String> {
        self.service.stop.cancel();
        self.service.sources.room.give_up();
        self.service.inbox.close();
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
        let _ = (&mut self.server).await;
        if outcome.is_empty() { Ok(()) } else { Err(outcome) }
    }
}

/// Door of the API.
pub(crate) struct Door {
    listener: TcpListener,
    api: SocketAddr,
    /// Address of its own for operators, where the configuration names one.
    operations: Option<(TcpListener, SocketAddr)>,
    tls: Option<TlsAcceptor>,
}

impl Door {
    /// Listens, before anything is opened that would have to be closed.
    pub(crate) async fn open(config: &Config) -> Result<Self, LaunchError> {
        let files = config.tls_certificate.as_deref().zip(config.tls_key.as_deref());
        let tls = files.map(|(certificate, key)| api::acceptor(certificate, key)).transpose()?;
        let (listener, api) = listening(config.api).await?;
        let operations = match config.operations {
            Some(address) => Some(listening(address).await?),
            None => None,
        };
        Ok(Self { listener, api, operations, tls })
    }
}

/// Lets messages of the core out.
type Outlet = Box<dyn FnMut(Outgoing) + Send>;

/// Parts of a node, a member's or an observer's, that are put to work together.
pub(crate) struct Node {
    pub(crate) dir: PathBuf,
    pub(crate) config: Config,
    pub(crate) genesis: Arc<Genesis>,
    pub(crate) engine: Engine,
    pub(crate) payload: Arc<CachedPayload>,
    pub(crate) metrics: Arc<Metrics>,
    /// Digests that the core knows certified.
    pub(crate) certified: Arc<RwLock<Arc<Certified>>>,
    pub(crate) membership: Membership,
    pub(crate) send: Outlet,
}

impl Node {
    /// Starts the core's thread, the watch and the API.
    pub(crate) fn run(self, door: Door) -> Result<Running, LaunchError> {
        let Self { dir, config, genesis, engine, payload, metrics, certified, membership, send } = self;
        let (inbox, reception) = (Arc::new(Inbox::default()), Arc::new(Reception::default()));
        let (publisher, published) = watch::channel(engine.published());
        let (mempool, room) = (engine.shared_mempool(), engine.room());
        let (tell_outages, outages) = watch::channel(Outages::new(membership.replica(), health::now_ms()));
        let around = Surroundings {
            inbox: inbox.clone(),
            reception: reception.clone(),
            published: publisher,
            outages: tell_outages,
            metrics: metrics.clone(),
            certified,
            send,
        };
        let core = watch_core(engine, around).map_err(|error| LaunchError::System(error.to_string()))?;
        let sources = Arc::new(Sources {
            published: published.clone(),
            metrics: metrics.clone(),
            damage: OnceLock::new(),
            data: config.data.clone(),
            room,
            quota_bytes: config.space_quota.map(|quota| quota.0),
            has_test_keys: genesis.name().contains(TEST_WORDS),
            certificate_ends: config.tls_certificate.as_deref().and_then(api::expiry),
        });
        let (tell, watched) = watch::channel(Arc::default());
        tokio::spawn(health::watch(sources.clone(), tell));
        let Door { listener, api, operations, tls } = door;
        let admins = admins(&dir, api, operations.as_ref().map(|(_, address)| *address))?;
        let service = Arc::new(Service {
            genesis_root: genesis_root(&genesis)?,
            genesis,
            hosts: config.hosts.into(),
            membership,
            published,
            inbox,
            reception,
            mempool,
            payload,
            metrics,
            bodies: Room::default(),
            answers: Answers::default(),
            streams: Streams::default(),
            copies: Copies::default(),
            pace: Pace::default(),
            author_pace: config.default_rates.then(AuthorPace::default),
            future: Semaphore::new(api::WAITS_FOR_FUTURE_MAX),
            sessions: Semaphore::new(api::WAITS_FOR_FUTURE_MAX),
            sources,
            outages,
            watched,
            drain: CancellationToken::new(),
            stop: CancellationToken::new(),
        });
        tokio::spawn(narrator::narrate(service.published.clone()));
        let scheme = if tls.is_some() { "https" } else { "http" };
        let serve = |(listener, admin): (TcpListener, Admin)| {
            api::serve(listener, tls.clone(), api::router(service.clone(), admin), service.stop.clone())
        };
        let listeners = [Some(listener), operations.map(|(listener, _)| listener)].into_iter().flatten();
        let servers = futures::future::try_join_all(listeners.zip(admins).map(serve));
        let server = tokio::spawn(async move { servers.await.map(drop) });
        Ok(Running { api, scheme, service, core, server, pool: None, observers: None })
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
pub(crate) fn guarded(
    data: &Path,
    open: impl FnOnce() -> Result<Result<Engine, EngineError>, DbError>,
) -> Result<Engine, LaunchError> {
    let damaged = |why: String| LaunchError::Damaged { path: data.to_owned(), why };
    let opened = sheltered(open).ok_or_else(|| damaged("its structure cannot be read".to_owned()))?;
    opened?.map_err(|error| match error {
        EngineError::Store(_)
        | EngineError::Replayed { .. }
        | EngineError::Open(OpenError::Store(_) | OpenError::Damaged { .. }) => damaged(error.to_string()),
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

/// Reads a genesis file.
pub fn read_genesis(path: &Path) -> Result<Genesis, LaunchError> {
    let bytes = fs::read(path).map_err(|source| LaunchError::Unreadable { path: path.to_owned(), source })?;
    Genesis::parse(&bytes).map_err(|source| LaunchError::Genesis { path: path.to_owned(), source })
}

pub(crate) fn net_config(
    config: &Config,
    committee: &Committee,
    me: ReplicaId,
    secret: [u8; 32],
) -> Result<quorate_net::Config, LaunchError> {
    let addresses = config.peer_addresses()?;
    let member = |id: ReplicaId| {
        let address = addresses.get(&id).filter(|_| id != me).map(|text| multiaddr("peer", text)).transpose()?;
        let key = committee.key(id).expect("its own numbers have keys").0;
        Ok(Member { id, key, address })
    };
    let members = committee.replicas().map(member).collect::<Result<_, LaunchError>>()?;
    Ok(quorate_net::Config { secret, me, members, listen: vec![multiaddr("listen", &config.listen)?] })
}

pub(crate) fn multiaddr(what: &str, address: &str) -> Result<Multiaddr, LaunchError> {
    address.parse().map_err(|_| LaunchError::Address { what: what.to_owned(), address: address.to_owned() })
}

async fn listening(address: SocketAddr) -> Result<(TcpListener, SocketAddr), LaunchError> {
    let fault = |source| LaunchError::Api { address, source };
    let listener = TcpListener::bind(address).await.map_err(fault)?;
    let bound = listener.local_addr().map_err(fault)?;
    Ok((listener, bound))
}

/// Access at the API's address and at that of operators: where there is one, the other is closed but for the token.
fn admins(dir: &Path, api: SocketAddr, operations: Option<SocketAddr>) -> Result<Vec<Admin>, LaunchError> {
    let address = operations.unwrap_or(api);
    let there = admin(dir, address)?;
    match (&there, operations) {
        (Admin::Local, None) => {
            tracing::warn!(event = "operators-open", %address, "no admin.token: programs of this machine read what is for operators, and so does everybody whom a proxy on it serves")
        }
        (Admin::Nobody, _) => {
            tracing::warn!(event = "operators-refused", %address, "no admin.token: nobody reads what is for operators")
        }
        (Admin::Local | Admin::Token(_), _) => (),
    }
    let here = if operations.is_some() && there == Admin::Local { Admin::Nobody } else { there.clone() };
    Ok([Some(here), operations.map(|_| there)].into_iter().flatten().collect())
}

/// The token beside the configuration opens what is for operators; without one, loopback does.
fn admin(dir: &Path, api: SocketAddr) -> Result<Admin, LaunchError> {
    let path = dir.join(ADMIN_TOKEN_FILE);
    match fs::read_to_string(&path) {
        Ok(token) if !token.trim().is_empty() => Ok(Admin::Token(token.trim().to_owned())),
        Ok(_) => Ok(Admin::Nobody),
        Err(error) if error.kind() == io::ErrorKind::NotFound && api.ip().is_loopback() => Ok(Admin::Local),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Admin::Nobody),
        Err(source) => Err(LaunchError::Unreadable { path, source }),
    }
}

/// Root of the state that the genesis makes.
fn genesis_root(genesis: &Genesis) -> Result<Digest, LaunchError> {
    let made = Ledger::create(&mut MemoryStore::default(), genesis);
    Ok(made.map_err(EngineError::from)?.executed().state_root)
}

fn random() -> Result<u64, LaunchError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| LaunchError::System(error.to_string()))?;
    Ok(u64::from_le_bytes(bytes))
}

/// Verification threads: one for each processor, at least two, so that a large bundle never delays votes.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, |count| count.get().clamp(2, 8))
}

/// Checked messages go to the core, but for those that an interceptor holds back.
fn deliver_to(
    inbox: Arc<Inbox>,
    metrics: Arc<Metrics>,
    incoming: Option<Passes>,
) -> impl Fn(Admitted) + Clone + Send + 'static {
    let incoming = Arc::new(incoming);
    move |message| {
        metrics.came(message.message());
        if incoming.as_ref().as_ref().is_none_or(|passes| passes(message.message())) {
            inbox.message(Box::new(message));
        }
    }
}

/// Lets messages out; a full queue drops, and status and repair bring it again (N9). Observers hear the statuses as well.
fn sender(
    network: Network,
    metrics: Arc<Metrics>,
    interceptor: Option<Intercept>,
    statuses: watch::Sender<Option<Arc<Message>>>,
) -> Outlet {
    match interceptor {
        Some(intercept) => intercepted(network, intercept),
        None => Box::new(move |outgoing| match outgoing {
            Outgoing::To(to, message) => send(&network, to, &message),
            Outgoing::All(message) => {
                metrics.leaves(&message);
                if matches!(*message, Message::Status { .. }) {
                    statuses.send_replace(Some(message.clone()));
                }
                broadcast(&network, &message);
            }
        }),
    }
}

/// Lets out what `intercept` answers, peer by peer.
fn intercepted(network: Network, mut intercept: Intercept) -> Outlet {
    let peers: Vec<ReplicaId> = network.peers().into_iter().map(|peer| peer.id).collect();
    Box::new(move |outgoing| {
        let (to, message) = match outgoing {
            Outgoing::To(to, message) => (vec![to], message),
            Outgoing::All(message) => (peers.clone(), message),
        };
        for to in to {
            if let Some(message) = intercept(to, &message) {
                send(&network, to, &message);
            }
        }
    })
}

fn broadcast(network: &Network, message: &Message) {
    let (channel, frame) = frame(message);
    if let Err(error) = network.broadcast(channel, frame) {
        tracing::warn!(event = "message-not-sent", %error, "message not sent");
    }
}

fn send(network: &Network, to: ReplicaId, message: &Message) {
    let (channel, frame) = frame(message);
    if let Err(error) = network.send(to, channel, frame) {
        tracing::debug!(%to, %error, "message dropped");
    }
}

fn frame(message: &Message) -> (Channel, quorate_net::Bytes) {
    let bytes = borsh::to_vec(message).expect("writing into memory cannot fail");
    (if message.is_bulk() { Channel::Bulk } else { Channel::Votes }, bytes.into())
}

/// Runs the core and tells when it has stopped: an empty reason for an orderly end.
fn watch_core(engine: Engine, around: Surroundings) -> io::Result<oneshot::Receiver<String>> {
    let core = thread::run(engine, around)?;
    let (tell, told) = oneshot::channel();
    std::thread::Builder::new().name("core-watch".to_owned()).spawn(move || {
        let outcome = match core.join() {
            Ok(Ok(())) => String::new(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "its core panicked".to_owned(),
        };
        // Nobody listens any more when the process ends anyway.
        let _ = tell.send(outcome);
    })?;
    Ok(told)
}
