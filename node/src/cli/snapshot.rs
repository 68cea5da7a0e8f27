//! `quorate snapshot`, `backup` and `restore`: the group's state in a file that needs no trust.

use super::beside::own_address;
use super::copy::{Vote, failed, print as print_copied, teller};
use super::failure::{Failure, Outcome};
use super::known::Known;
use super::output::free;
use super::print::{self, Table};
use super::reach::{Reach, client, patience};
use super::{clock, failover, trusted};
use quorate_client::api::{Page, SnapshotEntry};
use quorate_client::keys;
use quorate_ledger::Genesis;
use quorate_service::config::{ADMIN_TOKEN_FILE, CONFIG_FILE, Config, GENESIS_FILE, Overrides, REPLICA_KEY_FILE};
use quorate_service::copying::{self, CopyError, Exported, Files};
use quorate_service::observer::is_observers;
use quorate_service::parcel::Kind;
use quorate_service::replica::read_genesis;
use serde_json::json;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Files of a replica's folder that a backup may hold, with the modes in which they are restored.
const RESTORED: [(&str, u32); 3] = [(CONFIG_FILE, 0o644), (GENESIS_FILE, 0o644), (REPLICA_KEY_FILE, 0o600)];

/// Save the group's state in a file, or check such a file
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the states that a node can give
    List(Reach),
    /// Write the state that a node holds, as a quorum has signed it, into a file
    Export {
        /// The file to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The group's genesis: the answers of the node are checked with it [default: genesis.json in the current folder; where
        /// there is none, nothing is checked]
        #[arg(long, value_name = "FILE")]
        genesis: Option<PathBuf>,
        #[command(flatten)]
        reach: Reach,
    },
    /// Check a file offline: each byte of it, and that it holds one state whole, which a quorum has signed
    Verify {
        /// The snapshot file; a database to check it with is made beside it, and removed
        file: PathBuf,
        /// The group's genesis: what you trust
        #[arg(long, value_name = "FILE")]
        genesis: PathBuf,
        #[command(flatten)]
        known: Known,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Save the group's state and a replica's configuration in a file, while the replica runs
///
/// The file is a snapshot, which `quorate snapshot verify` checks and `quorate restore` takes. It holds no statement of
/// the replica, and its key only if you ask for it.
#[derive(Debug, clap::Args)]
pub struct Backup {
    /// The replica's folder: configuration and genesis [default: the current folder]
    #[arg(long, value_name = "DIR", default_value = ".", hide_default_value = true)]
    dir: PathBuf,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Put the replica's secret key in too
    #[arg(long)]
    with_key: bool,
    /// API address of the node that gives the state; of several, with commas between them, the first that answers is asked
    /// [default: the replica of the folder]
    #[arg(long, env = "QUORATE_NODE", value_name = "URL", value_delimiter = ',')]
    node: Vec<String>,
    /// PEM file with the authorities to trust with an https:// node, instead of the system's
    #[arg(long, env = "QUORATE_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// File with the secret of the node's `admin.token` [default: that of the folder]
    #[arg(long, env = "QUORATE_TOKEN", value_name = "FILE")]
    token: Option<PathBuf>,
    /// Seconds to wait for an answer
    #[arg(long, default_value_t = 30.0, value_name = "SECONDS")]
    timeout: f64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Fill the folder of a stopped replica with the state of a snapshot file
///
/// Everything in the state is checked with the genesis, and nothing takes the database's place before the file was read
/// to its end. Configuration and key of a backup are put where the folder has none. The replica then follows the group:
/// a file does not tell what its key has signed since, so it votes again only with a new key.
#[derive(Debug, clap::Args)]
pub struct Restore {
    /// The snapshot file
    file: PathBuf,
    /// The replica's folder
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// The group's genesis: what you trust, where the folder has none
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    #[command(flatten)]
    vote: Vote,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs `quorate snapshot`.
pub async fn run(command: &Command) -> Outcome {
    match command {
        Command::List(reach) => list(reach).await,
        Command::Export { out, genesis, reach } => export(out, genesis.as_deref(), reach).await,
        Command::Verify { file, genesis, known, json } => verify((file, *json), (genesis, known)),
    }
}

async fn list(reach: &Reach) -> Outcome {
    let page: Page<SnapshotEntry> = reach.client()?.get(&["snapshots"], &[]).await?;
    if reach.json {
        return Ok(print::json(&page)?);
    }
    let mut table = Table::new(&["SLOT", "TIME", "ENTRIES", "STATE ROOT"]);
    for one in page.items {
        table.row([one.seq.to_string(), clock::date(one.time), one.entries.to_string(), one.state_root.to_string()]);
    }
    Ok(table.print("no state at hand that a quorum has signed")?)
}

/// Writes the state that a node holds into a file, and prints it.
pub(super) async fn export(out: &Path, genesis: Option<&Path>, reach: &Reach) -> Outcome {
    free(out, Kind::State)?;
    let node = reach.client()?;
    let (genesis, is_trusted) = trusted::or_of_node(genesis, &node).await?;
    let exported = copying::export(node, out, &genesis, Files::new(), teller()).await;
    tell((out, reach.json), &exported.map_err(failed)?, ("exported", is_trusted))
}

/// Checks a snapshot file and prints the state in it.
pub(super) fn verify((file, as_json): (&Path, bool), (genesis, known): (&Path, &Known)) -> Outcome {
    let genesis = read_genesis(genesis).map_err(Failure::usage)?;
    match known.check(&genesis, |epochs| copying::verify(file, (&genesis, epochs)))? {
        Ok(exported) => tell((file, as_json), &exported, ("verified", true)),
        Err(error @ CopyError::Unsound { at, .. }) => {
            if as_json {
                print::json(&json!({ "verified": false, "at": at, "detail": error.to_string() }))?;
            }
            Err(Failure::no(format!("does not verify: {error}")))
        }
        Err(error) => Err(failed(error)),
    }
}

/// Runs `quorate backup`.
pub async fn backup(args: &Backup) -> Outcome {
    let Backup { dir, out, .. } = args;
    if is_observers(dir) {
        let next =
            "`quorate snapshot export` writes the state of any node; an observer's folder has nothing else to keep";
        return Err(Failure::usage(format!("{} is an observer's folder", dir.display())).next(next));
    }
    free(out, Kind::State)?;
    let config = Config::load(dir, Overrides::default()).map_err(Failure::usage)?;
    let genesis = read_genesis(&dir.join(GENESIS_FILE)).map_err(Failure::usage)?;
    let own_token = Some(dir.join(ADMIN_TOKEN_FILE)).filter(|file| file.exists());
    let token = args.token.as_deref().or(own_token.as_deref());
    let nodes = if args.node.is_empty() { vec![own_address(&config)] } else { args.node.clone() };
    let patience = patience(args.timeout)?;
    let node = failover::first(&nodes, failover::Wants::Ready, patience, args.ca.as_deref())?;
    let node = client(&node, patience, (args.ca.as_deref(), token))?;
    let kept = |name: &&str| args.with_key || *name != REPLICA_KEY_FILE;
    let files = RESTORED.iter().map(|(name, _)| *name).filter(kept).map(|name| read(dir, name));
    let files = files.collect::<Result<Files, Failure>>()?;
    let exported = copying::export(node, out, &genesis, files, teller()).await;
    tell((out, args.json), &exported.map_err(failed)?, ("backed up", true))
}

fn read(dir: &Path, name: &str) -> Result<(String, Vec<u8>), Failure> {
    let path = dir.join(name);
    let bytes = fs::read(&path).map_err(|error| Failure::file(&path, error))?;
    Ok((name.to_owned(), bytes))
}

/// Runs `quorate restore`.
pub fn restore(args: &Restore) -> Outcome {
    let begun = Instant::now();
    let genesis = trusted(args)?;
    let mut files = copying::files(&args.file).map_err(failed)?;
    files.retain(|(name, _)| name != GENESIS_FILE); // no file vouches for its own
    files.push((GENESIS_FILE.to_owned(), genesis.bytes().to_vec()));
    is_replicas(&args.dir, &files)?;
    let stage = Stage::fill(&args.dir, &files)?;
    let (data, member) = stage.seat()?;
    args.vote.guard(&data, &genesis, &member)?;
    let restored = copying::restore(&args.file, &data, &genesis, &member).map_err(failed)?;
    stage.place()?;
    let done = match restored.progress.answers {
        0 => "ended the restore that was cut off, this file unread:",
        _ => "restored",
    };
    print_copied((&args.dir, args.json), done, &restored, begun.elapsed(), None)
}

/// Refuses a folder that would have no configuration or key of a replica.
fn is_replicas(dir: &Path, files: &Files) -> Outcome {
    let has = |name: &&str| dir.join(name).exists() || files.iter().any(|(given, _)| given == name);
    let Some(lacks) = [CONFIG_FILE, REPLICA_KEY_FILE].into_iter().find(|name| !has(name)) else { return Ok(()) };
    let dir = dir.display();
    Err(Failure::usage(format!("{dir} has no {lacks}, and the file brings none")).next(
        "`quorate init --genesis` makes a replica's folder, and `quorate backup --with-key` saves one whole; an observer takes \
         `quorate copy` or `quorate bundle import`",
    ))
}

fn trusted(args: &Restore) -> Result<Genesis, Failure> {
    let own = args.dir.join(GENESIS_FILE);
    if args.genesis.is_none() && !own.exists() {
        let next = "give --genesis FILE with the genesis of the group: the file cannot vouch for its own";
        return Err(Failure::usage(format!("{} has no {GENESIS_FILE}", args.dir.display())).next(next));
    }
    let genesis = read_genesis(args.genesis.as_ref().unwrap_or(&own)).map_err(Failure::usage)?;
    if own.exists() && read_genesis(&own).map_err(Failure::usage)?.group() != genesis.group() {
        return Err(Failure::usage(format!("{} is of another group than --genesis", own.display())));
    }
    Ok(genesis)
}

/// Files of a folder as they will stand in it once its database is restored. Nothing is put into the folder before.
struct Stage<'d> {
    /// Lock of the folder: what one run has staged is no other's to clear.
    _lock: File,
    dir: &'d Path,
    folder: PathBuf,
    /// Names that the folder lacks.
    new: Vec<&'static str>,
}

impl<'d> Stage<'d> {
    /// The folder's own files, and those of a backup that it lacks.
    fn fill(dir: &'d Path, files: &Files) -> Result<Self, Failure> {
        fs::create_dir_all(dir).map_err(|error| Failure::file(dir, error))?;
        let stage = Self { _lock: locked(dir)?, dir, folder: dir.join("restore.new"), new: vec![] };
        stage.clear();
        let made = DirBuilder::new().mode(0o700).create(&stage.folder);
        made.map_err(|error| Failure::file(&stage.folder, error))?;
        stage.take(files)
    }

    fn take(mut self, files: &Files) -> Result<Self, Failure> {
        if let Some((name, _)) = files.iter().find(|(name, _)| !RESTORED.iter().any(|(known, _)| known == name)) {
            return Err(Failure::no(format!("a backup holds no file {name:?}")));
        }
        for (name, mode) in RESTORED {
            let own = read(self.dir, name).map(|(_, bytes)| bytes);
            let is_new = !self.dir.join(name).exists();
            let given = files.iter().find(|(given, _)| given == name).map(|(_, bytes)| bytes.clone());
            let Some(bytes) = (if is_new { given } else { Some(own?) }) else { continue };
            let path = self.folder.join(name);
            put_file(&path, &bytes, mode).map_err(|error| Failure::file(&path, error))?;
            self.new.extend(is_new.then_some(name));
        }
        Ok(self)
    }

    /// Place of the database, and the member whose it is. A configuration out of a backup places it below the folder only.
    fn seat(&self) -> Result<(PathBuf, [u8; 32]), Failure> {
        let data = Config::load(&self.folder, Overrides::default()).map_err(Failure::usage)?.data;
        let member = keys::public(&self.folder.join(REPLICA_KEY_FILE)).map_err(Failure::usage)?.0;
        match data.strip_prefix(&self.folder) {
            Ok(below) => Ok((self.dir.join(below), member)),
            Err(_) if self.new.contains(&CONFIG_FILE) => {
                let why = format!("the backup's {CONFIG_FILE} keeps the database in {}", data.display());
                let next = format!("put a {CONFIG_FILE} that you trust into {}, and restore again", self.dir.display());
                Err(Failure::usage(why).next(next))
            }
            Err(_) => Ok((data, member)),
        }
    }

    /// Puts the new files into the folder.
    fn place(self) -> Outcome {
        for name in &self.new {
            let path = self.dir.join(name);
            fs::rename(self.folder.join(name), &path).map_err(|error| Failure::file(&path, error))?;
        }
        let synced = File::open(self.dir).and_then(|folder| folder.sync_all());
        synced.map_err(|error| Failure::file(self.dir, error))
    }

    fn clear(&self) {
        // What cannot be removed is met when the folder is made.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Lock of a folder that is restored.
fn locked(dir: &Path) -> Result<File, Failure> {
    let folder = File::open(dir).map_err(|error| Failure::file(dir, error))?;
    match folder.try_lock() {
        Ok(()) => Ok(folder),
        Err(TryLockError::WouldBlock) => {
            let what = format!("another `quorate restore` is at work in {}", dir.display());
            Err(Failure::usage(what).next("wait for its end: nothing was changed"))
        }
        Err(TryLockError::Error(error)) => Err(Failure::file(dir, error)),
    }
}

fn put_file(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Prints the state of a snapshot file, and what was done with it; with JSON also whether it was checked.
fn tell((file, as_json): (&Path, bool), exported: &Exported, (done, is_checked): (&str, bool)) -> Outcome {
    let Exported { seq, state_root, entries, answers, bytes } = exported;
    if as_json {
        return Ok(print::json(&json!({
            "verified": is_checked,
            "seq": seq.get(),
            "state_root": state_root.to_string(),
            "entries": entries,
            "answers": answers,
            "bytes": bytes,
        }))?);
    }
    let size = print::size(*bytes);
    print::say(format!("{done} {}: the state of slot {seq}, {entries} entries, {size}", file.display()))?;
    Ok(print::say(format!("state root {state_root}"))?)
}
