//! `compare FOLDER COMMAND…`: how long whole merge commands take beside each other, as p50 and p90, and what they answer.
//!
//! FOLDER holds folders with `base.EXT`, `ours.EXT` and `theirs.EXT`. Each COMMAND is one argument, its words parted by
//! blanks; `{base}`, `{ours}`, `{theirs}` and `{path}` stand for the files. The commands take turns on every merge, so
//! that whatever else the machine does meets all of them alike.
//!
//!     compare merges 'quorate merge {base} {ours} {theirs} --path {path}' 'mergiraf merge {base} {ours} {theirs} -p {path}'
#![expect(clippy::disallowed_types, reason = "a comparison measures time; the crate itself counts work")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Times each command runs on each merge; the median of them counts.
const REPEATS: usize = 3;

struct Peer {
    template: String,
    times: Vec<Duration>,
    clean: usize,
    conflicts: usize,
    failed: usize,
}

fn main() -> std::io::Result<()> {
    let mut args = std::env::args().skip(1);
    let Some(folder) = args.next() else {
        return Err(std::io::Error::other("usage: compare FOLDER COMMAND…"));
    };
    let peer = |template| Peer { template, times: vec![], clean: 0, conflicts: 0, failed: 0 };
    let mut peers: Vec<Peer> = args.map(peer).collect();
    for case in cases(Path::new(&folder))? {
        for peer in &mut peers {
            peer.run(&case)?;
        }
    }
    report(&mut peers);
    Ok(())
}

/// The extension of each case's files, with its folder.
fn cases(folder: &Path) -> std::io::Result<Vec<(PathBuf, String)>> {
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let case = entry?.path();
        let files = std::fs::read_dir(&case)?.filter_map(|file| Some(file.ok()?.file_name().to_str()?.to_owned()));
        cases.extend(files.filter_map(|name| Some((case.clone(), name.strip_prefix("base.")?.to_owned()))));
    }
    cases.sort();
    Ok(cases)
}

impl Peer {
    fn run(&mut self, case: &(PathBuf, String)) -> std::io::Result<()> {
        let mut times = [Duration::ZERO; REPEATS];
        for time in &mut times {
            let mut command = self.command(case);
            let start = Instant::now();
            let status = command.status()?;
            *time = start.elapsed();
            self.count(status.code());
        }
        times.sort();
        self.times.push(times[REPEATS / 2]);
        Ok(())
    }

    fn command(&self, (folder, extension): &(PathBuf, String)) -> Command {
        let file = |name: &str| folder.join(format!("{name}.{extension}")).display().to_string();
        let word = |word: &str| match word {
            "{base}" | "{ours}" | "{theirs}" => file(word.trim_matches(['{', '}'])),
            "{path}" => format!("file.{extension}"),
            _ => word.to_owned(),
        };
        let mut words = self.template.split_whitespace().map(word);
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn count(&mut self, code: Option<i32>) {
        match code {
            Some(0) => self.clean += 1,
            Some(1) => self.conflicts += 1,
            _ => self.failed += 1,
        }
    }
}

fn report(peers: &mut [Peer]) {
    let mut first = None;
    for peer in peers {
        peer.times.sort();
        let at = |percent: usize| peer.times.get(peer.times.len() * percent / 100).map_or(0.0, Duration::as_secs_f64);
        let p50 = at(50);
        let ratio = p50 / *first.get_or_insert(p50);
        let [clean, conflicts, failed] = [peer.clean, peer.conflicts, peer.failed].map(|count| count / REPEATS);
        println!(
            "{} merges: {clean} clean, {conflicts} conflicts, {failed} failed: {}",
            peer.times.len(),
            peer.template
        );
        println!("    p50 {:.2} ms, p90 {:.2} ms; p50 is {ratio:.1} times the first's", p50 * 1e3, at(90) * 1e3);
    }
}
