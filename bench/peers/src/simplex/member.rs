//! Process of a member: its network, its consensus, and its authors.

use super::app::App;
use super::chain::GENESIS;
use super::intake::{serve_authors, serve_members};
use super::wire::MAX_MESSAGE;
use anyhow::{Context as _, anyhow};
use commonware_consensus::simplex::elector::RoundRobin;
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_consensus::simplex::{Config, Engine, Floor, ForwardPolicy, SkipBudget, SkipPolicy};
use commonware_consensus::types::{Epoch, ViewDelta};
use commonware_cryptography::ed25519::{PrivateKey, PublicKey};
use commonware_cryptography::sha256::Digest;
use commonware_cryptography::{ChaCha20Poly1305, Sha256, Signer as _};
use commonware_p2p::authenticated::lookup;
use commonware_p2p::{Address, AddressableManager as _};
use commonware_parallel::Sequential;
use commonware_runtime::buffer::paged::{CacheRef, page_size};
use commonware_runtime::tokio::{Context, Runner};
use commonware_runtime::{Quota, Runner as _, Supervisor as _};
use commonware_stream::cups::{self, Cups};
use commonware_stream::sake::{self, Sake};
use commonware_utils::ordered::{Map, Set};
use commonware_utils::{NZDuration, NZU32, NZUsize};
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::TcpListener;

/// Name that separates what is signed here from what is signed elsewhere.
const NAMESPACE: &[u8] = b"quorate-peers";

/// Ports for authors, after the first port of all.
const AUTHOR_PORTS_AFTER: u16 = 200;

/// Ports for members, after the first port of all.
const MEMBER_PORTS_AFTER: u16 = 300;

/// Messages of one kind a second between two members, so many that none is held back.
const MESSAGES_A_SECOND: u32 = 10_000;

/// Messages that wait in a mailbox before more are handled as overflow.
const MAILBOX: usize = 1_024;

/// Bytes read or written at once in the journal of votes.
const JOURNAL_BUFFER: usize = 1 << 20;

/// Arguments of a member.
#[derive(Debug, Clone, clap::Args)]
pub struct MemberArgs {
    #[arg(long)]
    pub index: u16,
    #[arg(long)]
    pub members: u16,
    #[arg(long)]
    pub base_port: u16,
    #[arg(long)]
    pub folder: PathBuf,
}

type Network = lookup::Network<Context, Cups<Sake<PrivateKey>, ChaCha20Poly1305>>;
type Oracle = lookup::Oracle<PublicKey>;

/// Address at which a member answers authors.
pub fn author_address(base_port: u16, member: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, base_port + AUTHOR_PORTS_AFTER + member).into()
}

/// Runs a member until the process that started it is gone.
pub fn run(args: MemberArgs) -> anyhow::Result<()> {
    std::thread::spawn(end_with_parent);
    let config = commonware_runtime::tokio::Config::new().with_storage_directory(&args.folder);
    Runner::new(config).start(async |context| serve(&context, &args).await)
}

fn end_with_parent() {
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    std::process::exit(0);
}

async fn serve(context: &Context, args: &MemberArgs) -> anyhow::Result<()> {
    let (mut network, mut oracle) = network(context, args);
    oracle.track(0, peers(args)?);
    let quota = Quota::per_second(NZU32!(MESSAGES_A_SECOND));
    let (votes, certificates) = (network.register(0, quota), network.register(1, quota));
    let (resolver, (outbound, inbound)) = (network.register(2, quota), network.register(3, quota));
    let app = App::new(outbound);
    let listener = TcpListener::bind(author_address(args.base_port, args.index)).await?;
    tokio::spawn(serve_members(app.clone(), inbound));
    let network = network.start();
    let engine = engine(context, args, oracle, app.clone())?.start(votes, certificates, resolver);
    tokio::select! {
        ended = serve_authors(app, listener) => ended,
        _ = network => Err(anyhow!("the network ended")),
        _ = engine => Err(anyhow!("consensus ended")),
    }
}

fn signer(member: u16) -> PrivateKey {
    PrivateKey::from_seed(member.into())
}

fn member_address(args: &MemberArgs, member: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, args.base_port + MEMBER_PORTS_AFTER + member).into()
}

fn peers(args: &MemberArgs) -> anyhow::Result<Map<PublicKey, Address>> {
    let peer = |member| (signer(member).public_key(), member_address(args, member).into());
    Map::try_from((0..args.members).map(peer).collect::<Vec<_>>()).map_err(|error| anyhow!("members: {error:?}"))
}

fn network(context: &Context, args: &MemberArgs) -> (Network, Oracle) {
    let handshake = Sake {
        signer: signer(args.index),
        synchrony_bound: Duration::from_secs(5),
        max_handshake_age: Duration::from_secs(10),
        version: sake::Version::V1,
    };
    let mut config = lookup::Config::local(
        Cups::new(handshake, cups::Version::V1),
        NAMESPACE,
        member_address(args, args.index),
        NZUsize!(usize::from(args.members)),
        MAX_MESSAGE,
        NZUsize!(MAILBOX),
    );
    config.tracked_peer_sets = NZUsize!(1);
    config.allowed_handshake_rate_per_ip = Quota::per_second(NZU32!(128)); // all members have the same address
    lookup::Network::new(context.child("network"), config)
}

type Consensus = Engine<Context, Scheme, RoundRobin<Sha256>, Oracle, Digest, App, App, App, Sequential>;

/// Consensus as the library's own example sets it up: leaders take turns, and each vote is on the disk before it is sent.
fn engine(context: &Context, args: &MemberArgs, oracle: Oracle, app: App) -> anyhow::Result<Consensus> {
    let keys = (0..args.members).map(|member| signer(member).public_key()).collect::<Vec<_>>();
    let participants = Set::try_from(keys).map_err(|error| anyhow!("members: {error:?}"))?;
    let scheme = Scheme::signer(NAMESPACE, participants, signer(args.index)).context("no member")?;
    let config = Config {
        scheme,
        elector: RoundRobin::<Sha256>::default(),
        blocker: oracle,
        automaton: app.clone(),
        relay: app.clone(),
        reporter: app,
        track_historical_votes: false,
        strategy: Sequential,
        partition: "votes".into(),
        mailbox_size: NZUsize!(MAILBOX),
        epoch: Epoch::zero(),
        floor: Floor::Genesis(GENESIS),
        replay_buffer: NZUsize!(JOURNAL_BUFFER),
        write_buffer: NZUsize!(JOURNAL_BUFFER),
        page_cache: CacheRef::new(page_size(4_096), NZUsize!(MAILBOX)),
        leader_timeout: Duration::from_secs(1),
        certification_timeout: Duration::from_secs(2),
        timeout_retry: Duration::from_secs(2),
        view_retention: ViewDelta::new(10),
        skip: SkipPolicy::Enabled { timeout: Duration::from_secs(11), budget: SkipBudget::default() },
        fetch_timeout: NZDuration!(Duration::from_secs(1)),
        fetch_retry_delay: Duration::from_millis(100),
        forward: ForwardPolicy::Disabled,
    };
    Ok(Engine::new(context.child("engine"), config))
}
