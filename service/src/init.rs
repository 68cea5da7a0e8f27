//! A test group on one machine: genesis, keys, configuration and databases, all made at once or not at all.
//!
//! `genesis.json` comes last, by rename; where it is, the folder is complete. Until then a draft of it stands there: an
//! `init` that was cut off is known by it, and the next one begins anew.

use crate::config::{CONFIG_FILE, Config, GENESIS_FILE, REPLICA_KEY_FILE};
use crate::copying;
use crate::framed::{beside, sync_parent};
use crate::shelter::sheltered;
use quorate_client::keys::{self, KeyError};
use quorate_ledger::keys::Purpose;
use quorate_ledger::{
    DomainRules, Enrolment, FORMAT, Genesis, GenesisError, GenesisFile, Ledger, Limits, OpenError, RULES, check_window,
};
use quorate_pbft::{Broken, Constants, Ed25519Signer, Record};
use quorate_storage::{Db, DbError};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// Name of the folder in which a database grows before it is renamed, after that of the database.
const GROWING: &str = "unfinished";
/// Name under which the genesis grows before it is renamed.
const DRAFT: &str = "genesis.json.unfinished";
/// Name of a group whose keys one command has held.
const TEST_NAME: &str = "TEST KEYS: quorate test group";
/// The words by which `quorate start` knows such a group.
pub const TEST_WORDS: &str = "TEST KEYS";
/// Ports from a replica's own to the one at which it takes observers.
const OBSERVERS_ABOVE: u16 = 500;
/// The domain that it makes unless it is told otherwise.
const DOMAIN: &str = "main";

/// Test group to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Folder of the group; may exist as long as it holds no genesis.json.
    pub out: PathBuf,
    /// Number of replicas.
    pub replicas: u16,
    /// Names of the organisations; replica i belongs to number i modulo how many there are. None: one for each replica,
    /// org-0 and so on.
    pub orgs: Vec<String>,
    /// Replica i listens for the others on this port + i.
    pub base_port: u16,
    /// Replica i serves its API on this port + i.
    pub api_port: u16,
    /// Milliseconds of ledger time that a base may lie back. None: as ever.
    pub horizon_ms: Option<u64>,
    /// Whether the replicas go to machines of one LAN: they listen on all networks and find each other there.
    pub lan: bool,
    /// Name of the group for people.
    pub name: Option<String>,
    /// Domains that the group begins with, all open to every author. None: `main`.
    pub domains: Vec<String>,
}

/// Group as it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Made {
    /// The folder.
    pub dir: PathBuf,
    /// The group's id.
    pub group: String,
    /// Name of the group for people.
    pub name: String,
    /// The replicas' folders.
    pub replicas: Vec<PathBuf>,
    /// The URL of each replica's API.
    pub apis: Vec<String>,
    /// Key files of the authors, by organisation.
    pub authors: BTreeMap<String, PathBuf>,
}

/// Why nothing was made.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// There is a group already.
    #[error("{0} holds a genesis.json: a group is there already, and nothing was touched; give another folder")]
    Exists(PathBuf),
    /// File of that name that is not of an earlier `init`.
    #[error("{0} is in the way and nothing was touched; move it away or give another folder")]
    InTheWay(PathBuf),
    /// A command that ended between two renames: the database is there, under another name.
    #[error("`quorate {0}` was cut off before it had put {1} in its place: run it again")]
    CutOff(&'static str, PathBuf),
    /// A command that makes a database in a folder beside the place, which it will take.
    #[error("`quorate {0}` is making a database in {1}: wait until it has ended, or stop it and remove that folder")]
    Filling(&'static str, PathBuf),
    /// Ports beyond 65535, or one that two things would listen on.
    #[error("ports {0} and on for replicas, {1} and on for APIs: they overlap or end above 65535")]
    Ports(u16, u16),
    /// An organisation twice.
    #[error("organisation {0:?} stands twice")]
    Organisation(String),
    /// A genesis that cannot be, as for a name that is none.
    #[error("no genesis: {0}")]
    Genesis(#[from] GenesisError),
    /// A key that could not be made or written.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A database that could not be made.
    #[error("database: {0}")]
    Db(#[from] DbError),
    /// The first state could not be written.
    #[error("database: {0}")]
    Ledger(String),
    /// The disk said no.
    #[error("{path}: {source}")]
    Io {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
}

/// Makes a group.
pub fn make(plan: &Plan) -> Result<Made, InitError> {
    let plan = plan.checked()?;
    let dir = &plan.out;
    fs::create_dir_all(dir).map_err(at(dir))?;
    plan.clear_the_way()?;
    begin(dir)?;

    let authors = plan.author_keys()?;
    let members = plan.member_keys()?;
    let file = plan.genesis(&authors, &members);
    check_window(file.members.len(), file.constants.window).map_err(GenesisError::from)?;
    let genesis = Genesis::build(file)?;
    for number in 0..plan.replicas {
        plan.fill_replica(number, &genesis)?;
    }
    publish(dir, &genesis)?;
    Ok(plan.made(&genesis))
}

/// Marks a folder as unfinished.
pub(crate) fn begin(dir: &Path) -> Result<(), InitError> {
    fs::write(dir.join(DRAFT), []).map_err(at(dir))?;
    sync(dir)
}

/// Whether a folder was begun and not published.
pub(crate) fn is_unfinished(dir: &Path) -> bool {
    dir.join(DRAFT).symlink_metadata().is_ok()
}

/// Writes the genesis under its name, after all that stands in the folder already.
pub(crate) fn publish(dir: &Path, genesis: &Genesis) -> Result<(), InitError> {
    sync(dir)?;
    let draft = dir.join(DRAFT);
    write_durably(&draft, genesis.bytes())?;
    fs::rename(&draft, dir.join(GENESIS_FILE)).map_err(at(&draft))?;
    sync(dir)
}

impl Plan {
    /// The plan with its organisations named; an error before anything was touched if it cannot work.
    fn checked(&self) -> Result<Self, InitError> {
        let mut plan = self.clone();
        if plan.orgs.is_empty() {
            plan.orgs = (0..plan.replicas).map(|number| format!("org-{number}")).collect();
        }
        if plan.domains.is_empty() {
            plan.domains = vec![DOMAIN.to_owned()];
        }
        let mut sorted = plan.orgs.clone();
        sorted.sort();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(InitError::Organisation(pair[0].clone()));
        }
        if let Some(name) = sorted.iter().find(|name| !quorate_ledger::is_name(name)) {
            return Err(GenesisError::Name { what: "organisation", name: name.clone() }.into());
        }
        let (base, api, last) = (plan.base_port, plan.api_port, plan.replicas - 1);
        let fit = base.checked_add(last).is_some() && api.checked_add(last).is_some();
        if !fit || base == 0 || api == 0 || base.abs_diff(api) <= last {
            return Err(InitError::Ports(base, api));
        }
        match plan.out.join(GENESIS_FILE).symlink_metadata() {
            Ok(_) => Err(InitError::Exists(plan.out.clone())),
            Err(_) => Ok(plan),
        }
    }

    /// Removes what an `init` left that was cut off; refuses to remove anything else.
    fn clear_the_way(&self) -> Result<(), InitError> {
        let cut_off = is_unfinished(&self.out);
        let leftovers = if cut_off { self.leftovers()? } else { self.targets() };
        for path in leftovers {
            let Ok(found) = path.symlink_metadata() else { continue };
            if !cut_off {
                return Err(InitError::InTheWay(path));
            }
            let removed = if found.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(at(&path))?;
        }
        Ok(())
    }

    /// Files in the folder that are named as `init` names things: the earlier one may have had another plan.
    fn leftovers(&self) -> Result<Vec<PathBuf>, InitError> {
        let entries = fs::read_dir(&self.out).map_err(at(&self.out))?;
        let ours = |name: &str| name.starts_with("replica-") || (name.starts_with("author-") && name.contains(".key"));
        let paths = entries.filter_map(Result::ok).filter(|entry| entry.file_name().to_str().is_some_and(ours));
        Ok(paths.map(|entry| entry.path()).collect())
    }

    fn targets(&self) -> Vec<PathBuf> {
        let replicas = (0..self.replicas).map(|number| self.replica_dir(number));
        replicas.chain(self.orgs.iter().map(|org| self.author_file(org))).collect()
    }

    fn replica_dir(&self, number: u16) -> PathBuf {
        self.out.join(format!("replica-{number}"))
    }

    fn author_file(&self, org: &str) -> PathBuf {
        self.out.join(format!("author-{org}.key"))
    }

    fn org_of(&self, replica: u16) -> &str {
        &self.orgs[usize::from(replica) % self.orgs.len()]
    }

    fn author_keys(&self) -> Result<Vec<Ed25519Signer>, InitError> {
        Ok(self.orgs.iter().map(|org| keys::create(&self.author_file(org))).collect::<Result<_, _>>()?)
    }

    fn member_keys(&self) -> Result<Vec<Ed25519Signer>, InitError> {
        let make = |number| {
            let dir = self.replica_dir(number);
            fs::create_dir(&dir).map_err(at(&dir))?;
            Ok(keys::create(&dir.join(REPLICA_KEY_FILE))?)
        };
        (0..self.replicas).map(make).collect()
    }

    fn genesis(&self, authors: &[Ed25519Signer], members: &[Ed25519Signer]) -> GenesisFile {
        let mut organisations = self.orgs.clone();
        organisations.sort();
        let of_replica =
            |(number, key): (u16, &Ed25519Signer)| Enrolment::prove(Purpose::Member, self.org_of(number), key);
        let members = (0..self.replicas).zip(members).map(of_replica).collect();
        let of_author = |(org, key): (&String, &Ed25519Signer)| Enrolment::prove(Purpose::Author, org, key);
        let mut authors: Vec<Enrolment> = self.orgs.iter().zip(authors).map(of_author).collect();
        authors.sort_by_key(|author| author.key);
        let mut domains = self.domains.clone();
        domains.sort();
        GenesisFile {
            format: FORMAT.to_owned(),
            name: self.name.clone().unwrap_or_else(|| TEST_NAME.to_owned()),
            rules: Some(RULES.newest),
            restarted_from: None,
            organisations,
            members,
            authors,
            domains: domains.into_iter().map(DomainRules::open).collect(),
            constants: Constants::default(),
            limits: self
                .horizon_ms
                .map_or_else(Limits::default, |base_horizon_ms| Limits { base_horizon_ms, ..Limits::default() }),
        }
    }

    /// Configuration, genesis and database of one replica.
    fn fill_replica(&self, number: u16, genesis: &Genesis) -> Result<(), InitError> {
        let dir = self.replica_dir(number);
        let config = self.config(number);
        let text = toml::to_string(&config).expect("a configuration is plain data");
        write_durably(&dir.join(CONFIG_FILE), text.as_bytes())?;
        write_durably(&dir.join(GENESIS_FILE), genesis.bytes())?;
        create_database(&dir.join(&config.data), genesis)?;
        sync(&dir)
    }

    fn config(&self, number: u16) -> Config {
        let listen = |number: u16| format!("/ip4/{}/tcp/{}", self.host(), self.base_port + number);
        let others = (0..self.replicas).filter(|other| *other != number && !self.lan);
        let peers = others.map(|other| (other.to_string(), listen(other))).collect();
        let (observers, mdns) = (self.observers(number), self.lan);
        Config { observers, mdns, ..Config::new(listen(number), self.api(number), peers) }
    }

    fn host(&self) -> Ipv4Addr {
        if self.lan { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST }
    }

    /// Address at which a replica takes observers: beyond the others' ports, unless APIs or nothing are there.
    fn observers(&self, number: u16) -> Option<String> {
        let last = self.replicas - 1;
        let first = self.base_port.checked_add(OBSERVERS_ABOVE)?;
        let fits = first.checked_add(last).is_some() && first.abs_diff(self.api_port) > last;
        fits.then(|| format!("/ip4/{}/tcp/{}", self.host(), first + number))
    }

    fn api(&self, number: u16) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.api_port + number))
    }

    fn made(&self, genesis: &Genesis) -> Made {
        Made {
            dir: self.out.clone(),
            group: genesis.group().to_string(),
            name: genesis.name().to_owned(),
            replicas: (0..self.replicas).map(|number| self.replica_dir(number)).collect(),
            apis: (0..self.replicas).map(|number| format!("http://{}", self.api(number))).collect(),
            authors: self.orgs.iter().map(|org| (org.clone(), self.author_file(org))).collect(),
        }
    }
}

/// A database that holds the state that the genesis makes. Where nothing stands in its place it gets there whole: one that
/// was cut off is begun anew, in a folder that stands there too.
pub fn create_database(data: &Path, genesis: &Genesis) -> Result<(), InitError> {
    if let Some(command) = copying::cut_off(data) {
        return Err(InitError::CutOff(command, data.to_owned()));
    }
    if let Some((restart, _)) = genesis.restarted() {
        let why = OpenError::Restarted { group: restart.group, seq: restart.seq };
        return Err(InitError::Ledger(why.to_string()));
    }
    if let Some((command, growing)) = copying::filling(data) {
        return Err(InitError::Filling(command, growing));
    }
    if data.exists() {
        return fill_database(data, data, genesis); // a file system of its own, say
    }
    let growing = beside(data, GROWING);
    if growing.exists() {
        fs::remove_dir_all(&growing).map_err(at(&growing))?;
    }
    fill_database(&growing, data, genesis)?;
    fs::rename(&growing, data).map_err(at(&growing))?;
    sync_parent(data).map_err(at(data))
}

/// Makes the database in a folder that is, or will be, at this place.
fn fill_database(folder: &Path, place: &Path, genesis: &Genesis) -> Result<(), InitError> {
    // Others of this machine read no contents past the policies.
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(at(folder))?;
    sheltered(|| Db::forget_blank(folder)); // of any other [`Db::create`] says why it stays
    let db = Db::create(folder)?;
    let failed = |error: &dyn std::fmt::Display| InitError::Ledger(error.to_string());
    let mut batch = db.begin().map_err(|error| failed(&error))?;
    Ledger::create(&mut batch, genesis).map_err(|error| failed(&error))?;
    if let Some(seq) = copying::marked(place).map_err(at(place))? {
        batch.record(&Record::Broken(Broken::Copied(seq))).map_err(|error| failed(&error))?;
    }
    batch.commit().and_then(|()| db.fold()).map_err(|error| failed(&error))?;
    sync(folder)
}

pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), InitError> {
    let written = File::create(path).and_then(|mut file| {
        io::Write::write_all(&mut file, bytes)?;
        file.sync_all()
    });
    written.map_err(at(path))
}

pub(crate) fn sync(dir: &Path) -> Result<(), InitError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(at(dir))
}

pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> InitError + use<> {
    let path = path.to_owned();
    move |source| InitError::Io { path, source }
}
