//! Observer as a whole: a folder of its own with key, genesis and database, and connections to the members' observers'
//! doors.

use crate::answers;
use crate::config::{Config, DATA, GENESIS_FILE, REPLICA_KEY_FILE, Reads};
use crate::engine::Engine;
use crate::feeding::Feeder;
use crate::init;
use crate::membership::Membership;
use crate::metrics::Metrics;
use crate::observing::Relay;
use crate::pool::{CachedPayload, CachedVerify, Checker};
use crate::replica::{Door, LaunchError, Node, Running, Shell, Ways, all, doors, guarded, multiaddr, read_genesis};
use futures::future::BoxFuture;
use quorate_client::keys;
use quorate_ledger::answers::DIGEST;
use quorate_ledger::{EnvelopeCheck, Genesis, Scope};
use quorate_pbft::{Ed25519Signer, Item, PayloadCheck, PublicKey, ReplicaId, Signer as _};
use quorate_storage::Db;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use tokio::sync::watch;

/// The observer's secret key in its folder.
pub const OBSERVER_KEY_FILE: &str = "observer.key";

/// Observer to run.
pub struct Options {
    /// Genesis of the group.
    pub genesis: PathBuf,
    /// Addresses of members' observers' doors.
    pub peers: Vec<String>,
    /// Addresses of doors at which others are asked for.
    pub bootstrap: Vec<String>,
    /// Whether members are looked for on the networks of this machine.
    pub mdns: bool,
    /// The observer's folder; made where there is none.
    pub dir: PathBuf,
    /// Address of the HTTP API.
    pub api: SocketAddr,
    /// Address of a door of its own, at which it serves other observers.
    pub listen: Option<String>,
    /// Domains to follow alone; all where none is named.
    pub domains: Scope,
    /// Whether every author's signature is checked, as members do.
    pub checked: bool,
    /// Readers of domains that not everyone may read.
    pub reads: Reads,
}

/// Items of a certified bundle: f + 1 honest members have checked them.
struct CheckedByMembers;

impl PayloadCheck for CheckedByMembers {
    fn is_valid(&self, _: &Item) -> bool {
        true
    }
}

/// Check of items ahead of the core, where processor may be used: what is sound is remembered, and what is not comes to
/// the core all the same, for only the core knows whether it is certified.
struct Ahead(Arc<CachedPayload>);

impl PayloadCheck for Ahead {
    fn is_valid(&self, item: &Item) -> bool {
        self.0.is_valid(item);
        true
    }
}

impl Running {
    /// Starts an observer; returns once the API answers.
    pub fn observe(options: Options) -> BoxFuture<'static, Result<Self, LaunchError>> {
        Box::pin(Self::observed(options))
    }

    async fn observed(options: Options) -> Result<Self, LaunchError> {
        let Options { genesis, peers, bootstrap, mdns, dir, api, listen, domains, checked, reads } = options;
        let genesis = Arc::new(read_genesis(&genesis)?);
        if !domains.is_empty() && genesis.restarted().is_some() {
            return Err(LaunchError::ScopedAfterRestart);
        }
        let (doors, bootstrap) = (doors("peer", &peers)?, all("bootstrap", &bootstrap)?);
        let listen = listen.map(|address| multiaddr("listen", &address)).transpose()?;
        let own = listen.iter().cloned().collect();
        let ways = Ways { doors, bootstrap, mdns, own, ..Ways::default() };
        let mut config = Config::new(String::new(), api, [].into());
        (config.data, config.reads) = (dir.join(DATA), reads);
        let public = furnish(&dir, &genesis, true)?;
        let secret = *keys::read_seed(&dir.join(OBSERVER_KEY_FILE))?;
        let door = Door::open(&config).await?;

        let verify = Arc::new(CachedVerify::new());
        let envelopes = EnvelopeCheck::new(&genesis);
        let payload = Arc::new(CachedPayload::new(Arc::new(envelopes.clone())));
        let core = {
            let (genesis, verify, data) = (genesis.clone(), verify.clone(), config.data.clone());
            let payload = payload.clone();
            let open = tokio::task::spawn_blocking(move || match domains.is_empty() {
                true => {
                    let engine = open(&genesis, &verify, &data, &public)?;
                    Ok(Shell::Core(Box::new(if checked { engine.checking(payload) } else { engine })))
                }
                false => feeder(&genesis, &data, &public, &domains).map(|feeder| Shell::Feeder(Box::new(feeder))),
            });
            open.await.map_err(|error| LaunchError::System(error.to_string()))??
        };
        let checker = Arc::new(Checker {
            committees: RwLock::new(core.committees()),
            constants: genesis.constants().clone(),
            verify,
            payload: if checked { Arc::new(Ahead(payload.clone())) } else { Arc::new(CheckedByMembers) },
            certified: Arc::default(),
        });
        let own = quorate_net::Member { id: ReplicaId::new(0), key: public.0, addresses: vec![] };
        let membership = Arc::new(Membership {
            key: public,
            peer_id: own.peer_id()?.to_string(),
            network: None,
            relay: Arc::new(Relay::default()),
            checker,
            envelopes,
            directory: ways.directory(genesis.group(), public, &[].into()),
            addresses: [].into(),
        });
        membership.follow(&core.committees(), &core.published().moment);
        let asks = membership.clone();
        let node = Node {
            dir,
            config,
            genesis: genesis.clone(),
            core,
            payload,
            metrics: Arc::new(Metrics::new()),
            certified: Arc::default(),
            membership,
            send: Box::new(move |outgoing| asks.let_out(&outgoing)),
        };
        let mut running = node.run(door)?;
        let (tell_door, door_open) = watch::channel(None);
        if let Some(listen) = listen {
            let opened = running.take_observers((listen, secret), watch::channel(None).1, tell_door, None);
            if let Err(error) = opened {
                let _ = running.stop().await; // its core runs, and nobody else would end it
                return Err(LaunchError::System(error.to_string()));
            }
        }
        running.find(ways, secret, None, door_open);
        Ok(running)
    }
}

/// Whether a folder is an observer's, and no replica's.
pub fn is_observers(dir: &Path) -> bool {
    dir.join(OBSERVER_KEY_FILE).exists() && !dir.join(REPLICA_KEY_FILE).exists()
}

/// Makes the folder with all that an observer needs; what is there stays. The observer's key.
pub fn furnish(dir: &Path, genesis: &Genesis, with_database: bool) -> Result<PublicKey, LaunchError> {
    fs::create_dir_all(dir).map_err(init::at(dir))?;
    if dir.join(REPLICA_KEY_FILE).exists() {
        return Err(LaunchError::ReplicasFolder(dir.to_owned()));
    }
    let known = dir.join(GENESIS_FILE);
    let known = known.exists().then(|| read_genesis(&known)).transpose()?;
    if let Some(other) = known.as_ref().filter(|known| known.group() != genesis.group()) {
        return Err(LaunchError::OtherGroup { path: dir.to_owned(), name: other.name().to_owned() });
    }
    let key = dir.join(OBSERVER_KEY_FILE);
    if !key.exists() {
        keys::create(&key)?;
    }
    let lacks = with_database && !dir.join(DATA).exists();
    if lacks && genesis.restarted().is_none() {
        init::create_database(&dir.join(DATA), genesis)?;
    }
    if known.is_none() {
        init::publish(dir, genesis)?;
    }
    if let Some((restart, _)) = genesis.restarted().filter(|_| lacks) {
        return Err(LaunchError::NoFirstState { dir: dir.to_owned(), group: restart.group, seq: restart.seq });
    }
    Ok(Ed25519Signer::from_seed(&*keys::read_seed(&key)?).public_key())
}

/// The feeder over the database of an observer of some domains.
fn feeder(genesis: &Arc<Genesis>, data: &Path, public: &PublicKey, domains: &Scope) -> Result<Feeder, LaunchError> {
    guarded(data, || {
        let db = Db::open(data)?;
        db.claim(&public.0)?;
        Ok(Feeder::open(db, genesis.clone(), domains))
    })
}

/// The engine over an observer's database.
pub(crate) fn open(
    genesis: &Arc<Genesis>,
    verify: &Arc<CachedVerify>,
    data: &Path,
    public: &PublicKey,
) -> Result<Engine, LaunchError> {
    answers::check(&DIGEST)?;
    guarded(data, || {
        let db = Db::open(data)?;
        db.claim(&public.0)?;
        Ok(Engine::observe(genesis.clone(), verify.clone(), db))
    })
}
