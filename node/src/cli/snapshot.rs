//! `quorate snapshot`, `backup` and `restore`: the group's state in a file that needs no trust.

use super::copy::{failed, print as print_copied, teller};
use super::failure::{Failure, Outcome};
use super::print::{self, Table};
use super::reach::{Reach, client};
use super::{clock, copy};
use quorate_client::api::{Page, SnapshotEntry};
use quorate_client::keys;
use quorate_ledger::Genesis;
use quorate_service::config::{ADMIN_TOKEN_FILE, CONFIG_FILE, Config, GENESIS_FILE, Overrides, REPLICA_KEY_FILE};
use quorate_service::copying::{self, CopyError, Exported, Files};
use quorate_service::replica::read_genesis;
use serde_json::json;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
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
        /// The group's genesis: the answers of the node are checked with it
        #[arg(long, value_name = "FILE")]
        genesis: PathBuf,
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
    /// The replica's folder: configuration and genesis
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Put the replica's secret key in too
    #[arg(long)]
    with_key: bool,
    /// API address of the node that gives the state [default: the replica of the folder]
    #[arg(long, env = "QUORATE_NODE", value_name = "URL")]
    node: Option<String>,
    /// PEM file with the authorities to trust with an https:// node, instead of the system's
    #[arg(long, env = "QUORATE_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// File with the secret of the node's `admin.token` [default: that of the folder]
    #[arg(long, env = "QUORATE_TOKEN", value_name = "FILE")]
    token: Option<PathBuf>,
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
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs `quorate snapshot`.
pub async fn run(command: &Command) -> Outcome {
    match command {
        Command::List(reach) => list(reach).await,
        Command::Export { out, genesis, reach } => {
            let genesis = read_genesis(genesis).map_err(Failure::usage)?;
            let exported = copying::export(reach.client()?, out, &genesis, Files::new(), teller()).await;
            tell((out, reach.json), &exported.map_err(failed)?, "exported")
        }
        Command::Verify { file, genesis, json } => verify((file, *json), genesis),
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

fn verify((file, as_json): (&Path, bool), genesis: &Path) -> Outcome {
    let genesis = read_genesis(genesis).map_err(Failure::usage)?;
    match copying::verify(file, &genesis) {
        Ok(exported) => tell((file, as_json), &exported, "verified"),
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
    let config = Config::load(dir, Overrides::default()).map_err(Failure::usage)?;
    let genesis = read_genesis(&dir.join(GENESIS_FILE)).map_err(Failure::usage)?;
    let own_token = Some(dir.join(ADMIN_TOKEN_FILE)).filter(|file| file.exists());
    let token = args.token.as_deref().or(own_token.as_deref());
    let node = args.node.clone().unwrap_or_else(|| own_address(&config));
    let node = client(&node, copy::SILENT_MAX, (args.ca.as_deref(), token))?;
    let kept = |name: &&str| args.with_key || *name != REPLICA_KEY_FILE;
    let files = RESTORED.iter().map(|(name, _)| *name).filter(kept).map(|name| read(dir, name));
    let files = files.collect::<Result<Files, Failure>>()?;
    let exported = copying::export(node, out, &genesis, files, teller()).await;
    tell((out, args.json), &exported.map_err(failed)?, "backed up")
}

/// Address at which a replica's API is reached on its own machine.
fn own_address(config: &Config) -> String {
    let here = if config.api.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { config.api.ip() };
    let scheme = if config.tls_certificate.is_some() { "https" } else { "http" };
    format!("{scheme}://{}", SocketAddr::new(here, config.api.port()))
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
    let put = put_files(&args.dir, &files)?;
    let restored = restore_data(args, &genesis);
    if restored.is_err() {
        put.iter().for_each(|file| drop(fs::remove_file(file))); // nothing of a file that is refused stays
    }
    print_copied((&args.dir, args.json), "restored", &restored?, begun.elapsed(), None)
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

fn restore_data(args: &Restore, genesis: &Genesis) -> Result<copying::Copied, Failure> {
    let data = Config::load(&args.dir, Overrides::default()).map_err(Failure::usage)?.data;
    let member = keys::public(&args.dir.join(REPLICA_KEY_FILE)).map_err(Failure::usage)?.0;
    copying::restore(&args.file, &data, genesis, &member).map_err(failed)
}

/// Puts those files into a folder that it lacks; their paths.
fn put_files(dir: &Path, files: &Files) -> Result<Vec<PathBuf>, Failure> {
    fs::create_dir_all(dir).map_err(|error| Failure::file(dir, error))?;
    let mut put = Vec::new();
    for (name, bytes) in files {
        let known = RESTORED.iter().find(|(known, _)| known == name);
        let (_, mode) = known.ok_or_else(|| Failure::no(format!("a backup holds no file {name:?}")))?;
        let path = dir.join(name);
        match put_file(&path, bytes, *mode) {
            Ok(()) => put.push(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => (),
            Err(error) => return Err(Failure::file(&path, error)),
        }
    }
    Ok(put)
}

fn put_file(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn tell((file, as_json): (&Path, bool), exported: &Exported, done: &str) -> Outcome {
    let Exported { seq, state_root, entries, answers, bytes } = exported;
    if as_json {
        return Ok(print::json(&json!({
            "verified": true,
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
