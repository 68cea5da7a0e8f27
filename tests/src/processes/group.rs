//! Four replicas, each in a place of its own, and a place for the clients.

use super::clocks::Clocks;
use super::links::Links;
use super::place::{Place, SmallDisk};
use super::replica::Replica;
use super::switch::{Switch, address};
use crate::dice::Dice;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Replicas: enough for one fault at a time.
pub const REPLICAS: usize = 4;

/// The replica whose database is on a disk of its own that can be filled.
pub const ON_SMALL_DISK: usize = REPLICAS - 1;

/// Bytes of that disk: several times what a run writes.
const SMALL_DISK_BYTES: u64 = 192 << 20;

/// Port of each replica for the others; nobody else is in its place.
const PEER_PORT: u16 = 7_700;

/// Port of its API.
const API_PORT: u16 = 8_700;

/// Why there is no group.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    /// This machine does not let us: no root, no namespaces or no TUN devices.
    #[error("no network namespaces with TUN devices here: {0}")]
    NoPlaces(io::Error),
    /// Failure of the machinery itself.
    #[error("{0}")]
    Broken(String),
}

/// The group and all that it stands on. Dropping it ends all of it.
pub struct Group {
    replicas: Vec<Option<Replica>>,
    program: PathBuf,
    folder: PathBuf,
    /// None where no library could be built; why not.
    pub clocks: Result<Clocks, String>,
    /// Between all places.
    pub switch: Switch,
    places: Vec<Place>,
    clients: Place,
}

impl Group {
    /// Makes a group of `program` with so many authors in an empty folder. No process runs yet.
    pub fn make(program: &Path, folder: &Path, authors: usize, dice: Dice) -> Result<Self, GroupError> {
        let broken = |error: io::Error| GroupError::Broken(format!("{}: {error}", folder.display()));
        let disk = SmallDisk { at: folder.join("small-disk"), bytes: SMALL_DISK_BYTES };
        fs::create_dir(&disk.at).map_err(broken)?;
        let (mut places, mut cables) = (Vec::new(), Vec::new());
        for place in 0..=REPLICAS {
            let disk = (place == ON_SMALL_DISK).then(|| disk.clone());
            let (place, cable) = Place::make(address(place), disk).map_err(GroupError::NoPlaces)?;
            places.push(place);
            cables.push(cable);
        }
        let clients = places.pop().expect("the last place");
        init(program, &folder.join("group"), authors)?;
        let switch = Switch::start(cables, Links::new(REPLICAS), dice).map_err(broken)?;
        let group = Self {
            replicas: (0..REPLICAS).map(|_| None).collect(),
            program: program.to_owned(),
            folder: folder.to_owned(),
            clocks: Clocks::build(folder, REPLICAS),
            switch,
            places,
            clients,
        };
        group.move_database().map_err(broken)?;
        Ok(group)
    }

    /// Moves the calling thread to where the clients are.
    pub fn enter_clients(&self) -> io::Result<()> {
        self.clients.enter()
    }

    /// The key file of an author.
    pub fn author_key(&self, author: usize) -> PathBuf {
        self.folder.join("group").join(format!("author-{}.key", organisation(author)))
    }

    /// Starts a replica that does not run. Only from a thread that lives as long as the group: it dies with it.
    pub fn start(&mut self, number: usize) -> Result<(), String> {
        let started = Replica::start(self.command(number).map_err(|error| error.to_string())?);
        self.replicas[number] = Some(started.map_err(|why| format!("replica {number}: {why}"))?);
        Ok(())
    }

    /// The process of a replica, which must run.
    pub fn replica(&mut self, number: usize) -> Result<&mut Replica, String> {
        self.replicas[number].as_mut().ok_or_else(|| format!("replica {number} does not run"))
    }

    /// The process of a replica, taken away: whoever has it ends it.
    pub fn take(&mut self, number: usize) -> Result<Replica, String> {
        self.replicas[number].take().ok_or_else(|| format!("replica {number} does not run"))
    }

    /// Unexpected end of a replica, in words; none while it runs or if it was taken.
    pub fn lost(&mut self, number: usize) -> Option<String> {
        let status = self.replicas[number].as_mut()?.ended(Duration::ZERO)?;
        Some(format!("replica {number} ended by itself: {status}"))
    }

    /// Whether a replica runs.
    pub fn runs(&mut self, number: usize) -> bool {
        self.replicas[number].is_some() && self.lost(number).is_none()
    }

    /// Takes all that is left of the small disk.
    pub fn fill_disk(&self) -> io::Result<u64> {
        self.places[ON_SMALL_DISK].fill_disk()
    }

    /// Gives it back.
    pub fn free_disk(&self) -> io::Result<()> {
        self.places[ON_SMALL_DISK].free_disk()
    }

    /// The last line that a replica wrote to its log.
    pub fn last_words(&self, number: usize) -> String {
        let log = fs::read_to_string(self.replica_folder(number).join("log")).unwrap_or_default();
        log.lines().last().unwrap_or_default().trim().to_owned()
    }

    fn command(&self, number: usize) -> io::Result<Command> {
        let folder = self.replica_folder(number);
        let log = OpenOptions::new().create(true).append(true).open(folder.join("log"))?;
        let mut command = Command::new(&self.program);
        command.arg("start").arg("--dir").arg(&folder).stderr(log);
        command.args(["--listen", &peer(number), "--api", &format!("{}:{API_PORT}", address(number))]);
        for other in (0..REPLICAS).filter(|other| *other != number) {
            command.args(["--peer", &format!("{other}={}", peer(other))]);
        }
        if number == ON_SMALL_DISK {
            command.arg("--data").arg(self.folder.join("small-disk"));
        }
        if let Ok(clocks) = &self.clocks {
            clocks.give(&mut command, number);
        }
        self.places[number].house(&mut command);
        Ok(command)
    }

    fn replica_folder(&self, number: usize) -> PathBuf {
        self.folder.join("group").join(format!("replica-{number}"))
    }

    /// Copies the database that `init` made to the small disk.
    fn move_database(&self) -> io::Result<()> {
        for file in fs::read_dir(self.replica_folder(ON_SMALL_DISK).join("data"))? {
            let file = file?;
            fs::copy(file.path(), self.places[ON_SMALL_DISK].on_disk(Path::new(&file.file_name()))?)?;
        }
        Ok(())
    }
}

/// The API of a replica.
pub fn node(replica: usize) -> String {
    format!("http://{}:{API_PORT}", address(replica))
}

fn peer(replica: usize) -> String {
    format!("/ip4/{}/tcp/{PEER_PORT}", address(replica))
}

fn organisation(author: usize) -> String {
    format!("org-{author}")
}

fn init(program: &Path, out: &Path, authors: usize) -> Result<(), GroupError> {
    let organisations: Vec<String> = (0..authors).map(organisation).collect();
    let output = Command::new(program)
        .args(["init", "--replicas", &REPLICAS.to_string(), "--orgs", &organisations.join(","), "--out"])
        .arg(out)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| GroupError::Broken(format!("cannot run {}: {error}", program.display())))?;
    if output.status.success() {
        return Ok(());
    }
    Err(GroupError::Broken(format!("init: {}", String::from_utf8_lossy(&output.stderr))))
}
