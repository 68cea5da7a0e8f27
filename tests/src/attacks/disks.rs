//! Disks that change bits: a stopped replica's database with random bits flipped is started again.
//! Must survive: the truth. Each flip is harmless, or is named; none is served as a file, none ends in a panic.

use super::group::Group;
use crate::dice::Dice;
use quorate_client::author::{Author, Draft};
use quorate_client::content;
use quorate_client::http::Client;
use quorate_ledger::{Level, Mode, Op};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

/// The replica whose disk it is.
const VICTIM: usize = 2;
/// Bits that are flipped in each database.
const FLIPS: usize = 10;
/// Files of the group.
const FILES: usize = 150;
/// Time that a request may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Exit code of a command that says what is wrong with what it was given.
const REFUSED: i32 = 2;

/// Fates of the databases.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Flips {
    /// Databases.
    pub stores: usize,
    /// Bits flipped in all of them.
    pub bits: usize,
    /// Replicas that did not start and said why.
    pub refused: usize,
    /// Replicas that served all files as they are.
    pub harmless: usize,
    /// Replicas that refused some files.
    pub named: usize,
    /// Failures in words.
    pub failures: Vec<String>,
}

/// Flips bits in so many databases, one after the other.
pub fn flips(program: &Path, stores: usize, seed: u64, tell: impl Fn(&str)) -> Result<Flips, String> {
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let mut group = Group::start(program, folder.path(), None)?;
    runtime.block_on(write_files(&group)).map_err(|error| format!("files: {error:#}"))?;
    group.stop(VICTIM)?;
    let data = group.target().folder.join(format!("replica-{VICTIM}")).join("data");
    let whole = files_of(&data).map_err(|error| error.to_string())?;
    let (mut found, mut dice) = (Flips::default(), Dice::new(seed));
    for store in 0..stores {
        let mut files = whole.clone();
        (0..FLIPS).for_each(|_| flip(&mut files, &mut dice));
        let written = files.iter().try_for_each(|(path, bytes)| fs::write(path, bytes));
        written.map_err(|error| error.to_string())?;
        (found.stores, found.bits) = (found.stores + 1, found.bits + FLIPS);
        let what = runtime.block_on(look(&mut group, &mut found));
        tell(&format!("database {store}: {what}"));
        group.kill(VICTIM);
    }
    Ok(found)
}

/// The database and the files of its journal, ascending by name.
fn files_of(data: &Path) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let paths: io::Result<BTreeSet<PathBuf>> = fs::read_dir(data)?.map(|entry| Ok(entry?.path())).collect();
    paths?.into_iter().map(|path| Ok((path.clone(), fs::read(path)?))).collect()
}

/// Flips a bit of one of the files, below the last byte that was ever written.
fn flip(files: &mut [(PathBuf, Vec<u8>)], dice: &mut Dice) {
    let used = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1);
    let mut written: Vec<&mut Vec<u8>> = files.iter_mut().map(|(_, bytes)| bytes).filter(|b| used(b) > 0).collect();
    let file = dice.below(written.len() as u64) as usize;
    let bit = dice.below(8 * used(written[file]));
    written[file][(bit / 8) as usize] ^= 1 << (bit % 8);
}

async fn write_files(group: &Group) -> anyhow::Result<()> {
    let client = Client::new(&group.target().node(0), PATIENCE)?;
    let mut author = Author::open(&group.target().author_key(0), client, "main").await?;
    let contents: Vec<Vec<u8>> = (0..FILES).map(text).collect();
    let put = |(file, bytes): (usize, &Vec<u8>)| Op::Put {
        path: path(file),
        mode: Mode::File,
        content: content::digest(bytes),
    };
    let ops = contents.iter().enumerate().map(put).collect();
    author.submit(&Draft { base: None, ops, contents, message: String::new() }, Level::Sequential).await?;
    Ok(())
}

fn path(file: usize) -> String {
    format!("folder-{}/file-{file}", file % 7)
}

fn text(file: usize) -> Vec<u8> {
    format!("file {file}: ").repeat(200 + file).into_bytes()
}

/// Starts the replica and reads all files; what happened, in words.
async fn look(group: &mut Group, found: &mut Flips) -> String {
    if let Err(why) = group.start_seat(VICTIM) {
        found.refused += 1;
        let last = group.last_words(VICTIM);
        if group.exit_code(VICTIM) != Some(REFUSED) {
            found.failures.push(format!("it ended without a word: {why}: {last}"));
        }
        return format!("refused: {last}");
    }
    let Ok(client) = Client::new(&group.target().node(VICTIM), PATIENCE) else { return "no client".to_owned() };
    let mut missing = 0;
    for file in 0..FILES {
        let (path, client) = (path(file), client.renewed());
        let asked: Vec<&str> = ["domains", "main", "files"].into_iter().chain(path.split('/')).collect();
        match client.get_bytes(&asked, &[("level", "sequential")]).await {
            Ok(answer) if answer.body == text(file) => (),
            Ok(_) => found.failures.push(format!("{path} is served as what nobody wrote")),
            Err(_) => missing += 1,
        }
    }
    *(if missing > 0 { &mut found.named } else { &mut found.harmless }) += 1;
    format!("{missing} files refused")
}
