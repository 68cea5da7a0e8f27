//! Disks that change bits: a stopped replica's database with random bits flipped is started again.
//! Must survive: the truth. Each flip is harmless, or is named, and mended from the others; none is served as a file, none ends in a panic.

use super::group::Group;
use crate::dice::Dice;
use quorate_client::author::{Author, Draft};
use quorate_client::content;
use quorate_client::http::Client;
use quorate_ledger::{Level, Mode, Op};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, io};

/// The replica whose disk it is.
const VICTIM: usize = 2;
/// Bits that are flipped in each database.
const FLIPS: usize = 10;
/// Files of the group.
const FILES: usize = 150;
/// Time after which the files are folded into the tables.
const FOLDED_WITHIN: Duration = Duration::from_secs(4);
/// Time that a request may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Exit code of a command that says what is wrong with what it was given.
const REFUSED: i32 = 2;

/// Time that the scrub of a small store may take to name damage.
const SCRUBBED_WITHIN: Duration = Duration::from_secs(20);
/// Between two questions for issues.
const LOOK: Duration = Duration::from_millis(250);

/// Fates of the databases.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Flips {
    /// Databases.
    pub stores: usize,
    /// Bits flipped in all of them.
    pub bits: usize,
    /// Bits that the doctor names where nothing else is flipped; the others lie in free space, or in history.
    pub bits_named: usize,
    /// Replicas that did not start and said why.
    pub refused: usize,
    /// Replicas whose scrub named damage.
    pub scrubbed: usize,
    /// Replicas that served all files as they are.
    pub harmless: usize,
    /// Replicas that refused some files.
    pub named: usize,
    /// Databases that were whole after a repair from the others, or before.
    pub repaired: usize,
    /// Those of them whose promises were damaged, so that the replica follows.
    pub following: usize,
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
    std::thread::sleep(FOLDED_WITHIN);
    group.stop(VICTIM)?;
    let place = group.target().folder.join(format!("replica-{VICTIM}"));
    let whole = files_of(&place.join("data")).map_err(|error| error.to_string())?;
    let (mut found, mut dice) = (Flips::default(), Dice::new(seed));
    for store in 0..stores {
        let mut files = whole.clone();
        let mut doctored = 0;
        for _ in 0..FLIPS {
            let (file, bit) = chosen(&files, &mut dice);
            let mut one = whole.clone();
            flip(&mut one, file, bit);
            flip(&mut files, file, bit);
            put(&place, &one)?;
            doctored += usize::from(run(program, "doctor", &place, &[])?.1 != Some(0));
        }
        put(&place, &files)?;
        (found.stores, found.bits) = (found.stores + 1, found.bits + FLIPS);
        found.bits_named += doctored;
        let what = runtime.block_on(look(&mut group, &mut found));
        group.kill(VICTIM);
        put(&place, &files)?;
        let from = [0, 1].map(|node| group.target().node(node));
        let (told, code) = run(program, "repair", &place, &["--from", &from[0], "--from", &from[1]])?;
        found.repaired += usize::from(code == Some(0));
        found.following += usize::from(told["anew"]["votes"] == false);
        let mended = match code {
            Some(0) if told["anew"].is_null() => "whole in its place".to_owned(),
            Some(0) => format!("made anew, votes: {}", told["anew"]["votes"]),
            _ => format!("not mended: {}", told["left"]),
        };
        tell(&format!("database {store}: {doctored} of {FLIPS} bits named by the doctor; {what}; {mended}"));
    }
    Ok(found)
}

/// Puts a database in the place of the one that is there; nothing of a repair stays.
fn put(place: &Path, files: &[(PathBuf, Vec<u8>)]) -> Result<(), String> {
    for name in ["data.before-repair", "data.repair"] {
        let _ = fs::remove_dir_all(place.join(name)); // mostly there is none
    }
    let _ = fs::remove_file(place.join("data.copied"));
    let written = files.iter().try_for_each(|(path, bytes)| fs::write(path, bytes));
    written.map_err(|error| error.to_string())
}

/// Runs a command on the victim's folder; its JSON and its exit code.
fn run(program: &Path, command: &str, place: &Path, more: &[&str]) -> Result<(Value, Option<i32>), String> {
    let mut process = Command::new(program);
    process.args([command, "--json", "--dir"]).arg(place).args(more);
    let output = process.output().map_err(|error| error.to_string())?;
    Ok((serde_json::from_slice(&output.stdout).unwrap_or_default(), output.status.code()))
}

/// The database and the files of its journal, ascending by name.
fn files_of(data: &Path) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let paths: io::Result<BTreeSet<PathBuf>> = fs::read_dir(data)?.map(|entry| Ok(entry?.path())).collect();
    paths?.into_iter().map(|path| Ok((path.clone(), fs::read(path)?))).collect()
}

/// A file, and a bit of it below the last byte that was ever written.
fn chosen(files: &[(PathBuf, Vec<u8>)], dice: &mut Dice) -> (usize, u64) {
    let used = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1);
    let written: Vec<usize> = (0..files.len()).filter(|file| used(&files[*file].1) > 0).collect();
    let file = written[dice.below(written.len() as u64) as usize];
    (file, dice.below(8 * used(&files[file].1)))
}

fn flip(files: &mut [(PathBuf, Vec<u8>)], file: usize, bit: u64) {
    files[file].1[(bit / 8) as usize] ^= 1 << (bit % 8);
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
    let is_scrubbed = scrubbed(&client).await;
    found.scrubbed += usize::from(is_scrubbed);
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
    format!("{missing} files refused, damage named by the scrub: {is_scrubbed}")
}

/// Whether the scrub names damage in time.
async fn scrubbed(client: &Client) -> bool {
    let deadline = Instant::now() + SCRUBBED_WITHIN;
    while Instant::now() < deadline {
        let issues: Result<Value, _> = client.renewed().get(&["issues"], &[]).await;
        if issues.is_ok_and(|issues| issues.to_string().contains("disk-damaged")) {
            return true;
        }
        tokio::time::sleep(LOOK).await;
    }
    false
}
