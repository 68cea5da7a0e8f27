//! `quorate init`: a test group on this machine, or the folder of one member of a group that several organisations make.

use super::address::multiaddr;
use super::failure::{Failure, Outcome};
use super::genesis;
use super::print;
use crate::counted::counted;
use quorate_service::engine::History;
use quorate_service::init::{Made, Plan, make};
use quorate_service::seat::{Seat, SeatError, SeatPlan};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Replicas from which on a group bears a faulty one: n = 3f + 1.
const FIRST_TO_BEAR_ONE: usize = 4;

/// Make genesis, keys, databases and configuration for a test group on this machine; or, with --genesis, the folder of
/// your own replica
#[derive(Debug, clap::Args)]
pub struct Init {
    /// Folder for the group; may exist as long as it holds no genesis.json
    #[arg(long, value_name = "DIR", required_unless_present = "genesis")]
    out: Option<PathBuf>,
    /// Replicas of the group
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    replicas: u16,
    /// Names of the organisations; replica i belongs to number i modulo how many there are [default: one for each
    /// replica, org-0 and so on]
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    orgs: Vec<String>,
    /// Replica i listens for the others on this port + i
    #[arg(long, default_value_t = 7700, value_name = "P")]
    base_port: u16,
    /// Replica i serves its API on this port + i
    #[arg(long, default_value_t = 8700, value_name = "P")]
    api_port: u16,
    /// The replicas' folders go to machines of one LAN: they listen on all networks, and find each other by mDNS
    #[arg(long)]
    lan: bool,
    /// Ledger time back to which a base may lie, as 12h or 30d [default: 30d]
    #[arg(long, value_name = "TIME", value_parser = horizon)]
    horizon: Option<u64>,
    /// Name of the group for people
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    own: Own,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Arguments of the folder of one replica.
#[derive(Debug, clap::Args)]
struct Own {
    /// Make the folder of one replica of this genesis, as `quorate genesis build` made it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["out", "replicas", "orgs", "base_port", "api_port", "lan", "horizon", "name"],
        requires_all = ["key", "dir"])]
    genesis: Option<PathBuf>,
    /// Key file of the replica; it is copied into the folder
    #[arg(long, value_name = "FILE", requires = "genesis")]
    key: Option<PathBuf>,
    /// The folder to make
    #[arg(long, value_name = "DIR", requires = "genesis")]
    dir: Option<PathBuf>,
    /// Snapshot or backup of the group before, where the genesis goes on from one: the state that it names
    #[arg(long, value_name = "SNAPSHOT", requires = "genesis")]
    from: Option<PathBuf>,
    /// Draft of the genesis, for the addresses of all replicas
    #[arg(long, value_name = "FILE", requires = "genesis")]
    draft: Option<PathBuf>,
    /// Multiaddr on which this replica listens for the others [default: that of the draft, with all networks of the machine
    /// in place of a name, else /ip4/0.0.0.0/tcp/7700]
    #[arg(long, value_name = "MULTIADDR", requires = "genesis", value_parser = multiaddr)]
    listen: Option<String>,
    /// Address of the HTTP API
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8700", requires = "genesis")]
    api: SocketAddr,
    /// Address of another replica; may stand several times
    #[arg(long = "peer", value_name = "NUMBER=MULTIADDR", requires = "genesis", value_parser = peer)]
    peers: Vec<(u16, String)>,
}

fn peer(word: &str) -> Result<(u16, String), String> {
    let parts =
        word.split_once('=').and_then(|(number, address)| Some((number.parse().ok()?, multiaddr(address).ok()?)));
    parts.ok_or_else(|| "expected a replica's number and its multiaddr, as in 2=/ip4/10.0.0.3/tcp/7700".to_owned())
}

fn horizon(word: &str) -> Result<u64, String> {
    match word.parse::<History>() {
        Ok(History::Time(ms)) => Ok(ms),
        _ => Err("expected a time as 30m, 12h or 90d".to_owned()),
    }
}

impl Init {
    fn plan(&self, out: &Path) -> Plan {
        Plan {
            out: out.to_owned(),
            replicas: self.replicas,
            orgs: self.orgs.clone(),
            base_port: self.base_port,
            api_port: self.api_port,
            horizon_ms: self.horizon,
            lan: self.lan,
            name: self.name.clone(),
            domains: Vec::new(),
        }
    }
}

impl Own {
    fn plan(&self, genesis: &Path, key: &Path, dir: &Path) -> Result<SeatPlan, Failure> {
        let draft = self.draft.as_deref().map(genesis::read_draft).transpose()?;
        let drafted = draft.map(|draft| draft.addresses()).unwrap_or_default();
        let genesis = genesis::read(genesis)?;
        let place = |(key, address)| Some((genesis.founders().replica_of(&key)?.get(), address));
        let mut peers: BTreeMap<u16, String> = drafted.into_iter().filter_map(place).collect();
        peers.extend(self.peers.iter().cloned());
        let (listen, api) = (self.listen.clone(), self.api);
        let from = self.from.clone();
        Ok(SeatPlan { dir: dir.to_owned(), genesis, key: key.to_owned(), listen, api, peers, from })
    }
}

/// Makes the group, or the folder, and says what to do with it.
pub fn run(args: &Init) -> Outcome {
    match (&args.own, &args.out) {
        (Own { genesis: Some(genesis), key: Some(key), dir: Some(dir), .. }, _) => {
            own(&args.own.plan(genesis, key, dir)?, args.json)
        }
        (_, Some(out)) => test_group(&args.plan(out), args.json),
        (_, None) => Err(Failure::usage("give --out, or --genesis with --key and --dir")),
    }
}

fn test_group(plan: &Plan, as_json: bool) -> Outcome {
    let made = make(plan).map_err(Failure::met)?;
    if as_json {
        return Ok(print::json(&made)?);
    }
    Ok(tell(&made)?)
}

fn own(plan: &SeatPlan, as_json: bool) -> Outcome {
    let seat = plan.make().map_err(|error| match error {
        SeatError::NoMember(_) | SeatError::Copy(_) => Failure::no(error),
        _ => Failure::met(error),
    })?;
    if as_json {
        return Ok(print::json(&seat)?);
    }
    let Seat { dir, group, name, replica, api, missing } = &seat;
    print::say(format!("replica {replica} of group {} ({group})", print::plain(name)))?;
    print::say(format!("  quorate start --dir {}   # {api}", dir.display()))?;
    for number in missing {
        print::say(format!("  address of replica {number}: `peers` in {}/config.toml lacks it", dir.display()))?;
    }
    Ok(())
}

fn tell(made: &Made) -> std::io::Result<()> {
    print::say(format!("group {} ({})", made.name, made.group))?;
    if made.replicas.len() < FIRST_TO_BEAR_ONE {
        let few = counted(made.replicas.len(), "replica");
        tell!("quorate: {few}: none may fail or lie, or nothing is ordered; from {FIRST_TO_BEAR_ONE} on one may");
    }
    for (dir, api) in made.replicas.iter().zip(&made.apis) {
        print::say(format!("  quorate start --dir {}   # {api}", dir.display()))?;
    }
    for (organisation, key) in &made.authors {
        print::say(format!("  author of {organisation}: --key {}", key.display()))?;
    }
    Ok(())
}
