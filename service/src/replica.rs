//! Replica as a whole: disk, core, network, API.

use crate::api::{self, Admin, Answers, AuthorPace, Copies, Pace, Room, Service, Streams};
use crate::config::{ADMIN_TOKEN_FILE, Config, ConfigError, GENESIS_FILE, REPLICA_KEY_FILE};
use crate::engine::thread::{self, Surroundings};
use crate::engine::{Engine, EngineError, History, Inbox, Outgoing, Reception, Setup};
use crate::health::{self, Outages, Sources};
use crate::init::TEST_WORDS;
use crate::metrics::Metrics;
use crate::narrator;
use crate::pool::{CachedPayload, CachedSigner, CachedVerify, Checker, Pool};
use crate::shelter::sheltered;
use quorate_client::keys::{self, KeyError};
use quorate_ledger::{EnvelopeCheck, Genesis, GenesisError, Ledger, MemoryStore, OpenError};
use quorate_net::{Channel, Member, Multiaddr, Network};
use quorate_pbft::{Admitted, Certified, Committee, Digest, Ed25519Signer, Message, ReplicaId, Signer};
use quorate_storage::{Compacted, Db, DbError, compact, file_bytes};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, RwLock};
use std::time::Duration;
use std::{fs, io};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Time for which a replica that drains answers 503 at least.
const DRAINS_FOR: Duration = Duration::from_millis(500);
/// Time that changes which were taken have for their verdicts when the replica is to stop.
const DRAINS_WITHIN: Duration = Duration::from_secs(4);
/// Hundredths of the database's file that hold nothing, from which a start compacts it.
const DEAD_PERCENT: u64 = 50;
/// Bytes of a file that is not worth the look.
const COMPACTED_BYTES_MIN: u64 = 64 << 20;
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
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
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
}

impl Running {
    /// Starts everything; returns once the API answers.
    pub async fn launch(options: Options) -> Result<Self, LaunchError> {
        let Options { dir, config, interceptor } = options;
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
        let files = config.tls_certificate.as_deref().zip(config.tls_key.as_deref());
        let tls = files.map(|(certificate, key)| api::acceptor(certificate, key)).transpose()?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let listener =
            TcpListener::bind(config.api).await.map_err(|source| LaunchError::Api { address: config.api, source })?;
        let api = listener.local_addr().map_err(|source| LaunchError::Api { address: config.api, source })?;

        let verify = Arc::new(CachedVerify::new());
        let payload = Arc::new(CachedPayload::new(Arc::new(EnvelopeCheck::new(&genesis))));
        let metrics = Arc::new(Metrics::new());
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
        let engine = tokio::task::spawn_blocking(move || open_engine(setup, &data));
        let engine = engine.await.map_err(|error| LaunchError::System(error.to_string()))??;

        let (network, events) = quorate_net::start(net_config(&config, &committee, me, secret)?).await?;
        let (inbox, reception) = (Arc::new(Inbox::default()), Arc::new(Reception::default()));
        let certified = Arc::new(RwLock::new(Arc::new(Certified::default())));
        let constants = genesis.constants().clone();
        let (payload_check, known) = (payload.clone(), certified.clone());
        let checker = Checker { committee, constants, verify, payload: payload_check, certified: known };
        let (outgoing, incoming) = interceptor.map(|Interceptor { outgoing, incoming }| (outgoing, incoming)).unzip();
        let deliver = deliver_to(inbox.clone(), metrics.clone(), incoming);
        let pool = Pool::start(threads(), events, Arc::new(checker), metrics.clone(), deliver)
            .map_err(|error| LaunchError::System(error.to_string()))?;
        let (publisher, published) = watch::channel(engine.published());
        let (mempool, room) = (engine.shared_mempool(), engine.room());
        let (tell_outages, outages) = watch::channel(Outages::new(me, health::now_ms()));
        let around = Surroundings {
            inbox: inbox.clone(),
            reception: reception.clone(),
            published: publisher,
            outages: tell_outages,
            metrics: metrics.clone(),
            certified,
            send: sender(network.clone(), metrics.clone(), outgoing),
        };
        let core = watch_core(engine, around).map_err(|error| LaunchError::System(error.to_string()))?;

        let (stop, drain) = (CancellationToken::new(), CancellationToken::new());
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
        let admin = admin(&dir, api)?;
        let genesis_root = genesis_root(&genesis)?;
        let (bodies, answers, streams) = (Room::default(), Answers::default(), Streams::default());
        let future = Semaphore::new(api::WAITS_FOR_FUTURE_MAX);
        let service = Arc::new(Service {
            genesis,
            genesis_root,
            admin,
            hosts: config.hosts.into(),
            me,
            published,
            inbox,
            reception,
            mempool,
            payload,
            metrics,
            network,
            bodies,
            answers,
            streams,
            copies: Copies::default(),
            pace: Pace::default(),
            author_pace: config.default_rates.then(AuthorPace::default),
            future,
            sources,
            outages,
            watched,
            drain,
            stop,
        });
        tokio::spawn(narrator::narrate(service.published.clone()));
        let server = tokio::spawn(api::serve(listener, tls, api::router(service.clone()), service.stop.clone()));
        Ok(Self { api, scheme, service, core, server, pool: Some(pool) })
    }

    /// The API's URL.
    pub fn api_url(&self) -> String {
        format!("{}://{}", self.scheme, self.api)
    }

    /// Its number in the group.
    pub fn replica(&self) -> u16 {
        self.service.me.get()
    }

    /// The replica's libp2p name.
    pub fn peer_id(&self) -> String {
        self.service.network.local_peer_id().to_string()
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
        self.service.network.clone().stop().await;
        if let Some(pool) = self.pool.take() {
            // Its threads end as soon as their frame is checked.
            let _ = tokio::task::spawn_blocking(move || drop(pool)).await;
        }
        let _ = (&mut self.server).await;
        if outcome.is_empty() { Ok(()) } else { Err(outcome) }
    }
}

/// Opens the database of a member and reads the state. The library beneath panics on some damage: that is damage too.
fn open_engine(setup: Setup, data: &Path) -> Result<Engine, LaunchError> {
    let damaged = |why: String| LaunchError::Damaged { path: data.to_owned(), why };
    let open = || -> Result<Engine, LaunchError> {
        if setup.history != History::All {
            compact_much(data)?;
        }
        let db = Db::open(data)?;
        db.claim(&setup.signer.public_key().0)?;
        Engine::open(setup, db).map_err(|error| match error {
            EngineError::Store(_)
            | EngineError::Replayed { .. }
            | EngineError::Open(OpenError::Store(_) | OpenError::Damaged { .. }) => damaged(error.to_string()),
            other => other.into(),
        })
    };
    sheltered(open).unwrap_or_else(|| Err(damaged("its structure cannot be read".to_owned())))
}

/// Gives room back to the disk where forgotten history has left more than half of a file of some size empty.
fn compact_much(data: &Path) -> Result<(), DbError> {
    if file_bytes(data).is_ok_and(|bytes| bytes < COMPACTED_BYTES_MIN) {
        return Ok(());
    }
    let Compacted { before, after, .. } = compact(data, DEAD_PERCENT)?;
    if after < before {
        tracing::info!(event = "compacted", before, after, "the database gave room back to the disk");
    }
    Ok(())
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

fn multiaddr(what: &str, address: &str) -> Result<Multiaddr, LaunchError> {
    address.parse().map_err(|_| LaunchError::Address { what: what.to_owned(), address: address.to_owned() })
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

/// Lets messages out; a full queue drops, and status and repair bring it again (N9).
fn sender(network: Network, metrics: Arc<Metrics>, interceptor: Option<Intercept>) -> Box<dyn FnMut(Outgoing) + Send> {
    match interceptor {
        Some(intercept) => intercepted(network, intercept),
        None => Box::new(move |outgoing| match outgoing {
            Outgoing::To(to, message) => send(&network, to, &message),
            Outgoing::All(message) => {
                metrics.leaves(&message);
                broadcast(&network, &message);
            }
        }),
    }
}

/// Lets out what `intercept` answers, peer by peer.
fn intercepted(network: Network, mut intercept: Intercept) -> Box<dyn FnMut(Outgoing) + Send> {
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
