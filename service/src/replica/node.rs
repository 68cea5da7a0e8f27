//! Node: parts of a member or an observer, put to work together.

use super::door::admins;
use super::outlet::Outlet;
use super::{Door, LaunchError, Running, Stopped};
use crate::api::{self, Admin, Answers, AuthorPace, Copies, Pace, Room, Service, Sessions, Signatures, Streams};
use crate::conduct::{Conduct, Keeper};
use crate::config::Config;
use crate::copying;
use crate::engine::thread::{self, Surroundings};
use crate::engine::{Committees, Engine, EngineError, Inbox, Mempool, Published, Reception};
use crate::feeding::Feeder;
use crate::health::{self, Outages, Sources};
use crate::init::TEST_WORDS;
use crate::membership::Membership;
use crate::metrics::Metrics;
use crate::narrator;
use crate::pool::CachedPayload;
use crate::tasks::{spawn, spawn_until};
use crate::tokens::Tokens;
use futures::FutureExt as _;
use quorate_ledger::{EnvelopeCheck, Genesis, Ledger, MemoryStore};
use quorate_pbft::{Certified, Digest, ReplicaId};
use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use std::thread::JoinHandle;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio_util::sync::CancellationToken;

/// Parts of a node, a member's or an observer's, that are put to work together.
pub(crate) struct Node {
    pub(crate) dir: PathBuf,
    pub(crate) config: Config,
    pub(crate) genesis: Arc<Genesis>,
    pub(crate) core: Shell,
    pub(crate) payload: Arc<CachedPayload>,
    pub(crate) metrics: Arc<Metrics>,
    /// Digests that the core knows certified.
    pub(crate) certified: Arc<RwLock<Arc<Certified>>>,
    pub(crate) membership: Arc<Membership>,
    pub(crate) send: Outlet,
}

/// Shell of a node's core thread.
pub(crate) enum Shell {
    /// Shell of a core that votes or follows.
    Core(Box<Engine>),
    /// Shell of an observer that executes nothing.
    Feeder(Box<Feeder>),
}

impl Shell {
    pub(crate) fn published(&self) -> Published {
        match self {
            Self::Core(engine) => engine.published(),
            Self::Feeder(feeder) => feeder.published(),
        }
    }

    pub(crate) fn committees(&self) -> Committees {
        match self {
            Self::Core(engine) => engine.committees(),
            Self::Feeder(feeder) => feeder.committees(),
        }
    }

    fn shared_mempool(&self) -> Arc<Mutex<Mempool>> {
        match self {
            Self::Core(engine) => engine.shared_mempool(),
            Self::Feeder(feeder) => feeder.shared_mempool(),
        }
    }

    fn room(&self) -> Arc<quorate_storage::Room> {
        match self {
            Self::Core(engine) => engine.room(),
            Self::Feeder(feeder) => feeder.room(),
        }
    }

    fn pulse(&self) -> Arc<quorate_storage::Pulse> {
        match self {
            Self::Core(engine) => engine.pulse(),
            Self::Feeder(feeder) => feeder.pulse(),
        }
    }

    fn number(&self) -> Option<ReplicaId> {
        match self {
            Self::Core(engine) => engine.number(),
            Self::Feeder(_) => None,
        }
    }

    fn run(self, around: Surroundings) -> io::Result<JoinHandle<Result<(), EngineError>>> {
        match self {
            Self::Core(engine) => thread::run(*engine, around),
            Self::Feeder(feeder) => feeder.run(around),
        }
    }
}

impl Node {
    /// Starts the core's thread, the watch and the API.
    pub(crate) fn run(self, door: Door) -> Result<Running, LaunchError> {
        let Self { dir, config, genesis, core, payload, metrics, certified, membership, send } = self;
        let Door { listener, api, operations, certificate } = door;
        // Errors come before the core's thread runs: nobody would end it.
        let threads = api::Threads::new().map_err(|error| LaunchError::System(error.to_string()))?;
        let tokens = Arc::new(Tokens::open(&dir));
        let admins = admins(&dir, api, operations.as_ref().map(|(_, address)| *address), &tokens)?;
        let genesis_root = genesis_root(&genesis)?;
        let (inbox, reception) = (Arc::new(Inbox::default()), Arc::new(Reception::default()));
        let (publisher, published) = watch::channel(core.published());
        let (mempool, room, pulse) = (core.shared_mempool(), core.room(), core.pulse());
        let (tell_outages, outages) = watch::channel(Outages::new(core.number(), crate::clock::now_ms()));
        let author_pace = config.default_rates.then(Arc::<AuthorPace>::default);
        let around = Surroundings {
            inbox: inbox.clone(),
            reception: reception.clone(),
            published: publisher,
            outages: tell_outages,
            metrics: metrics.clone(),
            pulse: pulse.clone(),
            author_pace: author_pace.clone(),
            certified,
            membership: membership.clone(),
            send,
        };
        let core = watch_core(core, around).map_err(|error| LaunchError::System(error.to_string()))?.shared();
        let conduct = Arc::new(Conduct::default());
        let liars = copying::liars(&config.data);
        let sources = Arc::new(Sources {
            published: published.clone(),
            conduct: conduct.clone(),
            membership: membership.clone(),
            metrics: metrics.clone(),
            damage: OnceLock::new(),
            scrubbed: Mutex::default(),
            live_bytes: AtomicU64::new(0),
            data: config.data.clone(),
            room,
            pulse,
            quota_bytes: config.space_quota.map(|quota| quota.0),
            has_test_keys: genesis.name().contains(TEST_WORDS),
            certificate_ends: certificate.as_ref().map(|certificate| certificate.ends()).unwrap_or_default(),
        });
        let (tell, watched) = watch::channel(Arc::default());
        let stop = CancellationToken::new();
        spawn_until(stop.clone(), health::watch(sources.clone(), tell));
        spawn_until(stop.clone(), health::scrub(sources.clone()));
        spawn_until(stop.clone(), health::count_live(sources.clone()));
        let signatures = Arc::new(Signatures::new(EnvelopeCheck::new(&genesis)));
        let service = Arc::new(Service {
            genesis_root,
            genesis,
            signatures,
            hosts: config.hosts.into(),
            reads: config.reads,
            membership,
            stuck: stuck(published.clone()),
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
            author_pace,
            future: Semaphore::new(api::WAITS_FOR_FUTURE_MAX),
            sessions: Sessions::default(),
            sources,
            outages,
            watched,
            drain: CancellationToken::new(),
            stop,
            conduct,
            liars,
            tokens: tokens.clone(),
        });
        spawn_until(service.stop.clone(), tokens.keep());
        let tls = certificate.as_ref().map(|certificate| certificate.acceptor());
        certificate.into_iter().for_each(|certificate| spawn_until(service.stop.clone(), certificate.keep()));
        let Service { conduct, membership, metrics, .. } = &*service;
        let (conduct, membership, metrics) = (conduct.clone(), membership.clone(), metrics.clone());
        spawn_until(service.stop.clone(), Keeper { conduct, membership, metrics }.keep());
        spawn(narrator::narrate(service.published.clone()));
        let scheme = if tls.is_some() { "https" } else { "http" };
        // Each listener is a task of its own: the end of one does not end the other.
        let door = Arc::<api::Door>::default();
        let serve = |((listener, strangers), admin): ((TcpListener, Handle), Admin)| {
            let (router, stop) = (api::router(service.clone(), admin), service.stop.clone());
            threads.known().spawn(api::serve(listener, (door.clone(), strangers), tls.clone(), router, stop))
        };
        let operations = operations.map(|(listener, _)| (listener, threads.known())); // where no stranger comes
        let listeners = [Some((listener, threads.strangers())), operations].into_iter().flatten();
        let servers = listeners.zip(admins).map(serve).collect();
        Ok(Running { api, scheme, service, core, servers, _threads: threads, pool: None, observers: None })
    }
}

/// Root of the state that the genesis makes, or that it goes on from.
fn genesis_root(genesis: &Genesis) -> Result<Digest, LaunchError> {
    if let Some((restart, _)) = genesis.restarted() {
        return Ok(restart.state_root);
    }
    let made = Ledger::create(&mut MemoryStore::default(), genesis);
    Ok(made.map_err(EngineError::from)?.executed().state_root)
}

/// Whether something waits for a quorum, told only when that changes.
fn stuck(mut published: watch::Receiver<Published>) -> watch::Receiver<bool> {
    let (tell, told) = watch::channel(published.borrow().report.is_stuck());
    spawn(async move {
        while published.changed().await.is_ok() {
            let is_stuck = published.borrow_and_update().report.is_stuck();
            tell.send_if_modified(|told| std::mem::replace(told, is_stuck) != is_stuck);
        }
    });
    told
}

/// Runs the core and tells when it has stopped.
fn watch_core(core: Shell, around: Surroundings) -> io::Result<oneshot::Receiver<Result<(), Stopped>>> {
    let core = core.run(around)?;
    let (tell, told) = oneshot::channel();
    std::thread::Builder::new().name("core-watch".to_owned()).spawn(move || {
        let outcome = match core.join() {
            Ok(stopped) => stopped.map_err(Stopped::from),
            Err(_) => Err(Stopped::Thread("its core panicked")),
        };
        // Nobody listens any more when the process ends anyway.
        let _ = tell.send(outcome);
    })?;
    Ok(told)
}
