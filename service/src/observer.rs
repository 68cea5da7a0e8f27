//! Observer as a whole: a folder of its own with key, genesis and database, and connections to the members' observers'
//! doors.

use crate::config::{Config, GENESIS_FILE};
use crate::engine::{Engine, Outgoing};
use crate::init::{self, create_database, write_durably};
use crate::membership::Membership;
use crate::metrics::Metrics;
use crate::observing::{Contact, Relay};
use crate::pool::{CachedPayload, CachedVerify, Checker};
use crate::replica::{Door, LaunchError, Node, Running, guarded, multiaddr, read_genesis};
use quorate_client::keys;
use quorate_ledger::{EnvelopeCheck, Genesis};
use quorate_net::{Member, Multiaddr};
use quorate_pbft::{Ed25519Signer, Item, Message, PayloadCheck, PublicKey, Signer as _};
use quorate_storage::Db;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The observer's secret key in its folder.
pub const OBSERVER_KEY_FILE: &str = "observer.key";

/// Observer to run.
pub struct Options {
    /// Genesis of the group.
    pub genesis: PathBuf,
    /// Addresses of members' observers' doors.
    pub peers: Vec<String>,
    /// The observer's folder; made where there is none.
    pub dir: PathBuf,
    /// Address of the HTTP API.
    pub api: SocketAddr,
}

/// Items of a certified bundle: f + 1 honest members have checked them.
struct Certified;

impl PayloadCheck for Certified {
    fn is_valid(&self, _: &Item) -> bool {
        true
    }
}

impl Running {
    /// Starts an observer; returns once the API answers.
    pub async fn observe(options: Options) -> Result<Self, LaunchError> {
        let Options { genesis, peers, dir, api } = options;
        let genesis = Arc::new(read_genesis(&genesis)?);
        let addresses: Vec<Multiaddr> =
            peers.iter().map(|address| multiaddr("peer", address)).collect::<Result<_, _>>()?;
        let mut config = Config::new(String::new(), api, [].into());
        config.data = dir.join(&config.data);
        let secret = prepare(&dir, &config.data, &genesis)?;
        let public = Ed25519Signer::from_seed(&secret).public_key();
        let door = Door::open(&config).await?;

        let verify = Arc::new(CachedVerify::new());
        let payload = Arc::new(CachedPayload::new(Arc::new(EnvelopeCheck::new(&genesis))));
        let relay = Arc::new(relay(&genesis, &public)?);
        let engine = open(&genesis, &verify, &config.data, &public).await?;
        let checker = Arc::new(Checker {
            committee: genesis.founders().clone(),
            constants: genesis.constants().clone(),
            verify,
            payload: Arc::new(Certified),
        });
        let asks = relay.clone();
        let node = Node {
            dir,
            config,
            genesis: genesis.clone(),
            engine,
            payload,
            metrics: Arc::new(Metrics::new()),
            membership: Membership::Observer(relay.clone()),
            send: Box::new(move |outgoing| ask(&asks, outgoing)),
        };
        let running = node.run(door)?;
        for address in addresses {
            let (relay, checker, inbox) = (relay.clone(), checker.clone(), running.inbox());
            let contact = Contact { address, secret, group: genesis.group(), relay, checker, inbox };
            let stop = running.stopping();
            tokio::spawn(async move { stop.run_until_cancelled(contact.keep()).await });
        }
        Ok(running)
    }
}

/// The folder with all that an observer needs; what is there stays. The secret.
fn prepare(dir: &Path, data: &Path, genesis: &Genesis) -> Result<[u8; 32], LaunchError> {
    let io = |path: &Path| init::at(path);
    fs::create_dir_all(dir).map_err(io(dir))?;
    let known = dir.join(GENESIS_FILE);
    if known.exists() {
        let found = read_genesis(&known)?;
        if found.group() != genesis.group() {
            return Err(LaunchError::OtherGroup { path: dir.to_owned(), name: found.name().to_owned() });
        }
    } else {
        write_durably(&known, genesis.bytes())?;
    }
    let key = dir.join(OBSERVER_KEY_FILE);
    if !key.exists() {
        keys::create(&key)?;
    }
    if !data.exists() {
        create_database(data, genesis)?;
    }
    Ok(keys::read_seed(&key)?)
}

fn relay(genesis: &Genesis, public: &PublicKey) -> Result<Relay, LaunchError> {
    let committee = genesis.founders();
    let peer_id = |id, key: &PublicKey| Member { id, key: key.0, address: None }.peer_id();
    let members = committee.replicas().map(|id| {
        let key = committee.key(id).expect("its own numbers have keys");
        Ok((id, peer_id(id, key)?))
    });
    let members = members.collect::<Result<Vec<_>, LaunchError>>()?;
    Ok(Relay::new(peer_id(quorate_pbft::ReplicaId::new(u16::MAX), public)?, members))
}

async fn open(
    genesis: &Arc<Genesis>,
    verify: &Arc<CachedVerify>,
    data: &Path,
    public: &PublicKey,
) -> Result<Engine, LaunchError> {
    let (genesis, verify, data, public) = (genesis.clone(), verify.clone(), data.to_owned(), *public);
    let open = move || {
        guarded(&data, || {
            let db = Db::open(&data)?;
            db.claim(&public.0)?;
            Ok(Engine::observe(genesis, verify, db))
        })
    };
    tokio::task::spawn_blocking(open).await.map_err(|error| LaunchError::System(error.to_string()))?
}

/// Lets the core's questions out; it has nothing else to say.
fn ask(relay: &Relay, outgoing: Outgoing) {
    if let Outgoing::To(member, message) = outgoing
        && let Message::Ask(question) = &*message
    {
        relay.ask(member, question.clone());
    }
}
