//! `quorate cut take`: snapshots of several groups, taken anew where one lies behind what another has seen of it.

use super::super::copy::{failed, teller};
use super::super::document::write_new_bytes;
use super::super::failover::{self, Wants};
use super::super::failure::{Exit, Failure, Outcome};
use super::super::print::plain;
use super::super::reach::{Pair, client, parse_pair, patience};
use super::folder::{DOCUMENT, Files, Member, are_apart, document, states, words};
use super::plan::otherwise;
use super::tell;
use quorate_client::http::Client;
use quorate_ledger::Genesis;
use quorate_ledger::cut::{Step, gaps, plan};
use quorate_pbft::Digest;
use quorate_service::copying;
use quorate_service::replica::read_genesis;
use serde_json::to_vec_pretty;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep_until, timeout_at};

/// Time to wait for one answer of a node.
const ANSWER: Duration = Duration::from_secs(30);
/// Pause before states are taken anew: a node answers from one for five seconds.
const PAUSE: Duration = Duration::from_secs(5);

/// Write a state of each group into a folder, as its quorum has signed it, such that none knows of anything beyond another
///
/// Where a group has seen a later state of another than is here, that one is taken again. No group waits or stops for it.
#[derive(Debug, clap::Args)]
pub struct Take {
    /// The folder to make
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Genesis of a group, which is what you trust, and a node of it; of several nodes, with commas between them, the first that
    /// is ready is asked, else the first that answers. Given once for each group
    #[arg(long, value_parser = parse_pair, value_name = "GENESIS=URL", required = true)]
    of: Vec<Pair>,
    /// Epochs of a group that you have seen: a state of older ones is refused, and the cut keeps them
    #[arg(long, value_parser = parse_pair, value_name = "GENESIS=FILE")]
    epochs: Vec<Pair>,
    /// File with a token for the node of a group that guards its reads
    #[arg(long, value_parser = parse_pair, value_name = "GENESIS=FILE")]
    token: Vec<Pair>,
    /// PEM file with the authorities to trust with https:// nodes, instead of the system's
    #[arg(long, env = "QUORATE_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Seconds within which the states must fit
    #[arg(long, default_value_t = 600.0, value_name = "SECONDS")]
    timeout: f64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs `quorate cut take`.
pub async fn run(args: &Take) -> Outcome {
    let until = Instant::now() + patience(args.timeout)?;
    let stage = Stage::begin(&args.out)?;
    let sources = args.sources(&stage.folder)?;
    let members = fitting(sources, (args, &stage.folder), until).await?;
    let document = to_vec_pretty(&document(&members)).expect("a document is plain data");
    write_new_bytes(&stage.folder.join(DOCUMENT), &document)?;
    stage.place()?;
    warn(&members);
    tell(&format!("taken into {}", args.out.display()), &members, args.json)
}

/// Tells of branches that would end otherwise than their homes after a restart of all groups, while these live.
fn warn(members: &[Member]) {
    let (states, name) = (states(members), |group| members.iter().find(|one| one.state.group == group));
    for (group, step) in plan(&states, &states.iter().map(|state| state.group).collect()) {
        if let (Step::Otherwise(id, commit), Some(member)) = (step, name(group)) {
            tell!("quorate: {id} in {}: {}", plain(member.genesis.name()), otherwise(commit));
        }
    }
}

/// Group of which a state is taken.
struct Source {
    genesis: Genesis,
    nodes: Vec<String>,
    token: Option<PathBuf>,
    /// Refusals in a row.
    refusals: usize,
}

impl Take {
    /// Refuses a file for a genesis that no --of names, or that has one already.
    fn are_one_each(&self, flag: &str, pairs: &[Pair]) -> Outcome {
        for (at, (genesis, file)) in pairs.iter().enumerate() {
            let refused = |why| Err(Failure::usage(format!("{flag} {}={file}: {why}", genesis.display())));
            if self.of.iter().all(|of| of.0 != *genesis) {
                return refused("no --of names this genesis");
            }
            if pairs[..at].iter().any(|other| other.0 == *genesis) {
                return refused("this group has one already");
            }
        }
        Ok(())
    }

    /// Groups by their ids; the folder has their geneses and epochs.
    fn sources(&self, folder: &Path) -> Result<Vec<Source>, Failure> {
        self.are_one_each("--epochs", &self.epochs)?;
        self.are_one_each("--token", &self.token)?;
        let beside = |pairs: &[Pair], genesis: &Path| {
            pairs.iter().find(|pair| pair.0 == *genesis).map(|(_, file)| PathBuf::from(file))
        };
        let mut sources = Vec::new();
        for (file, nodes) in &self.of {
            let genesis = read_genesis(file).map_err(Failure::usage)?;
            let files = Files::of(folder, genesis.group());
            write_new_bytes(&files.genesis, genesis.bytes())
                .map_err(|failure| failure.after(format_args!("{} names a group once more", file.display())))?;
            if let Some(epochs) = beside(&self.epochs, file) {
                fs::copy(&epochs, &files.epochs).map_err(|error| Failure::file(&epochs, error))?;
            }
            let nodes = nodes.split(',').map(str::to_owned).collect();
            sources.push(Source { genesis, nodes, token: beside(&self.token, file), refusals: 0 });
        }
        are_apart(&sources.iter().map(|source| &source.genesis).collect::<Vec<_>>())?;
        sources.sort_unstable_by_key(|source| source.genesis.group());
        Ok(sources)
    }
}

/// States that fit, by the ids of their groups.
async fn fitting(
    mut sources: Vec<Source>,
    (args, folder): (&Take, &Path),
    until: Instant,
) -> Result<Vec<Member>, Failure> {
    let mut members: Vec<Member> = Vec::new();
    let mut due: BTreeSet<Digest> = sources.iter().map(|source| source.genesis.group()).collect();
    loop {
        let asked: Vec<&Source> = sources.iter().filter(|source| due.contains(&source.genesis.group())).collect();
        let exported = export(&asked, (args, folder), until).await;
        let silent;
        (due, silent) = take_in((&mut sources, &mut members), exported, folder)?;
        let gaps = gaps(&states(&members));
        due.extend(gaps.iter().map(|gap| gap.behind));
        let gap = |gap| Failure::no(words(gap, &members)).next("take it while less goes on between the groups");
        let Some(why) = silent.or_else(|| gaps.first().map(gap)) else { return Ok(members) };
        let again = Instant::now() + PAUSE;
        if again >= until {
            return Err(why);
        }
        tell!("quorate: {why}; it is taken anew");
        for source in sources.iter_mut().filter(|source| due.contains(&source.genesis.group())) {
            source.nodes.rotate_left(1); // another one may be nearer to what was seen, or answer
        }
        sleep_until(again).await;
    }
}

/// Takes in the states that were exported; the groups that gave none, and why the last of them did not. Errs where asking
/// again mends nothing, as where each node of a group refuses.
fn take_in(
    (sources, members): (&mut [Source], &mut Vec<Member>),
    exported: Vec<(Digest, Outcome)>,
    folder: &Path,
) -> Result<(BTreeSet<Digest>, Option<Failure>), Failure> {
    let (mut silent, mut why) = (BTreeSet::new(), None);
    for (group, exported) in exported {
        let is_refused = exported.as_ref().is_err_and(|failure| failure.exit() == Exit::No);
        let source = sources.iter_mut().find(|source| source.genesis.group() == group).expect("it was asked");
        source.refusals = if is_refused { source.refusals + 1 } else { 0 };
        let may_another = source.refusals < source.nodes.len();
        match exported {
            Ok(()) => {
                members.retain(|member| member.state.group != group);
                members.push(Member::read(folder, group)?);
            }
            Err(failure) if failure.exit() == Exit::Unreachable || is_refused && may_another => {
                silent.insert(group);
                why = Some(failure);
            }
            Err(failure) => return Err(failure),
        }
    }
    members.sort_unstable_by_key(|member| member.state.group);
    Ok((silent, why))
}

/// Writes states of all these groups at once, so that little goes on between them.
async fn export(due: &[&Source], (args, folder): (&Take, &Path), until: Instant) -> Vec<(Digest, Outcome)> {
    let mut exports = JoinSet::new();
    for source in due {
        let (genesis, node) = (source.genesis.clone(), source.node(args, until));
        let nodes = source.nodes.join(",");
        let out = Files::of(folder, genesis.group()).snapshot;
        exports.spawn(async move {
            let silent = || Err(Failure::new(Exit::Unreachable, format!("{nodes} gave no state in time")));
            let exported = timeout_at(until, brought(node, &genesis, &out)).await.unwrap_or_else(|_| silent());
            (genesis.group(), exported.map_err(|failure| failure.after(plain(genesis.name()))))
        });
    }
    exports.join_all().await
}

/// Writes the state of a group that a node of it gives.
async fn brought(node: impl Future<Output = Result<Client, Failure>>, genesis: &Genesis, out: &Path) -> Outcome {
    let node = node.await?;
    let theirs = node.renewed().status().await.map(|status| status.group);
    if theirs.is_ok_and(|theirs| theirs != genesis.group()) {
        return Err(Failure::usage(format!("{} is a node of another group than its --of names", node.node())));
    }
    let exported = copying::export(node, out, genesis, copying::Files::new(), teller()).await;
    exported.map(drop).map_err(failed)
}

impl Source {
    /// The first node that is ready, else the first that answers.
    fn node(&self, args: &Take, until: Instant) -> impl Future<Output = Result<Client, Failure>> + use<> {
        let (nodes, token, ca) = (self.nodes.clone(), self.token.clone(), args.ca.clone());
        let patience = ANSWER.min(until.saturating_duration_since(Instant::now()));
        let look = spawn_blocking(move || {
            let node = failover::first(&nodes, Wants::Ready, patience, ca.as_deref())?;
            client(&node, ANSWER, (ca.as_deref(), token.as_deref()))
        });
        async { look.await.expect("it panics nowhere") }
    }
}

/// Folder that gets its name once it is whole, and else is removed.
struct Stage {
    /// Name that it gets, with no link or dot in it where that is there already.
    out: PathBuf,
    folder: PathBuf,
}

impl Stage {
    fn begin(out: &Path) -> Result<Self, Failure> {
        let failed = |error| Failure::file(out, error);
        let (out, entries) = match fs::read_dir(out) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => (out.to_owned(), 0),
            entries => (out.canonicalize().map_err(failed)?, entries.map_err(failed)?.count()),
        };
        if entries > 0 {
            return Err(Failure::usage(format!("{} is not empty and is left as it was", out.display()))
                .next("give another name"));
        }
        let mut folder = out.components().as_path().as_os_str().to_owned(); // no slash at its end
        folder.push(".new");
        let folder = PathBuf::from(folder);
        fs::create_dir(&folder).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Failure::file(&folder, error)
                .next("another `quorate cut take` is at work there; remove what one that was killed left"),
            _ => Failure::file(&folder, error),
        })?;
        Ok(Self { out, folder })
    }

    fn place(&self) -> Outcome {
        let parent = self.out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let synced = File::open(&self.folder).and_then(|folder| folder.sync_all());
        let placed = synced.and_then(|()| fs::rename(&self.folder, &self.out));
        let synced = placed.and_then(|()| File::open(parent)?.sync_all());
        synced.map_err(|error| Failure::file(&self.out, error))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder); // gone already where it was placed
    }
}
