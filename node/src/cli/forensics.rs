//! `quorate evidence find`: who lied, from what replicas left on their disks (E4).

use super::failure::{Exit, Failure, Outcome};
use super::print::{self, short};
use quorate_client::verify::kind_name;
use quorate_ledger::proof::{self, Epochs, EvidenceProof, Proof};
use quorate_ledger::{EnvelopeCheck, Genesis, Ledger};
use quorate_pbft::{
    Committee, Conflict, Digest, Ed25519, Epoch, Evidence, Findings, Kind, QuorumCert, Remains, SeqNum, VerifyContext,
};
use quorate_service::config::{CONFIG_FILE, Config, Overrides};
use quorate_storage::{Db, Snapshot};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Slots with two decisions that are looked at, lowest first: the first of them says who lied, the rest follow from it.
const CONFLICTS_MAX: usize = 64;
/// Slots at the end of each store that are looked at whatever was decided there: what demands for views speak of.
const TAIL_WINDOWS: u64 = 2;

/// Which stores, and what to trust.
#[derive(Debug, clap::Args)]
pub struct Find {
    /// Folders of replicas that do not run, as `start --dir` takes them, or of their databases
    #[arg(long, value_name = "DIR", required = true, num_args = 1..)]
    stores: Vec<PathBuf>,
    /// The group's genesis: what you trust
    #[arg(long, value_name = "FILE")]
    genesis: PathBuf,
    /// Write each proof there, as a file that `quorate evidence verify` checks
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The epoch whose members are judged [default: the newest that a store can prove]
    #[arg(long, value_name = "NUMBER")]
    epoch: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command. No store is believed: a member is named only with a proof from the genesis.
pub fn run(args: &Find) -> Outcome {
    let genesis = read_genesis(&args.genesis)?;
    let (remains, epochs) = gather(&args.stores, &genesis)?;
    let judged = args.epoch.map_or(epochs.newest().epoch(), Epoch::new);
    let unknown = || Failure::usage(format!("no store proves who the members of epoch {judged} were"));
    let committee = epochs.committee(judged).ok_or_else(unknown)?;
    let payload = EnvelopeCheck::new(&genesis);
    let context = VerifyContext { committee, verify: &Ed25519, payload: &payload, constants: genesis.constants() };
    let findings = remains.investigate(&context);
    let files = match &args.out {
        Some(dir) => write(dir, &findings.proofs, &epochs)?,
        None => BTreeMap::new(),
    };
    if args.json {
        print::json(&document(&findings, &files, committee))?;
    } else {
        lines(&findings, &files, committee).iter().try_for_each(print::say)?;
    }
    let named = findings.culprits().len();
    if !findings.conflicts.is_empty() && named < committee.weak() {
        let needed = committee.weak();
        return Err(Failure::no(format!(
            "the group broke, and these stores prove the guilt of {named}, not of {needed}"
        ))
        .next("give the stores of more replicas: an honest one that decided first, and those that went on"));
    }
    Ok(())
}

fn read_genesis(path: &Path) -> Result<Genesis, Failure> {
    let bytes = fs::read(path).map_err(|error| Failure::file(path, error))?;
    proof::read_genesis(&bytes).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

/// The epochs of a store, as far as they are proven from the genesis; those of the genesis where its state does not open.
fn epochs_of(snapshot: &Snapshot, genesis: &Genesis) -> Epochs {
    let ledger = Ledger::open(snapshot, genesis).ok();
    let told = ledger.and_then(|ledger| ledger.view(snapshot).chain_of_epochs().ok());
    let proven = told.and_then(|chain| Epochs::decode(&chain.encode(), genesis).ok());
    proven.unwrap_or_else(|| Epochs::of(genesis))
}

/// Rows in the stores about the slots that they disagree on, and about the newest ones; and the longest chain of epochs.
fn gather(stores: &[PathBuf], genesis: &Genesis) -> Result<(Remains, Epochs), Failure> {
    let window = genesis.constants().window;
    let failed = |path: &Path, error: String| Failure::new(Exit::Usage, format!("{}: {error}", path.display()));
    let mut opened = Vec::new();
    for path in stores {
        let db = Db::open(&database(path)?).map_err(|error| failed(path, error.to_string()))?;
        opened.push((path, db.snapshot().map_err(|error| failed(path, error.to_string()))?, db));
    }
    let (mut decided, mut disputed) = (BTreeMap::<SeqNum, Digest>::new(), BTreeSet::new());
    let mut newest = Vec::new();
    for (path, snapshot, _) in &opened {
        let decisions = snapshot.decisions().map_err(|error| failed(path, error.to_string()))?;
        newest.push(decisions.last().map_or(0, |(seq, _)| seq.get()));
        for (seq, digest) in decisions {
            if *decided.entry(seq).or_insert(digest) != digest {
                disputed.insert(seq);
            }
        }
    }
    let disputed: BTreeSet<SeqNum> = disputed.into_iter().take(CONFLICTS_MAX).collect();
    let mut remains = Remains::default();
    for ((path, snapshot, _), newest) in opened.iter().zip(newest) {
        let tail = newest.saturating_sub(TAIL_WINDOWS * window);
        let wanted = |seq: SeqNum| seq.get() > tail || disputed.contains(&seq);
        remains.extend(snapshot.remains(wanted).map_err(|error| failed(path, error.to_string()))?);
    }
    let chains = opened.iter().map(|(_, snapshot, _)| epochs_of(snapshot, genesis));
    let longest = chains.max_by_key(|chain| chain.newest().epoch()).unwrap_or_else(|| Epochs::of(genesis));
    Ok((remains, longest))
}

/// The folder of the database: the one that a replica's configuration names, or the folder itself.
fn database(store: &Path) -> Result<PathBuf, Failure> {
    if !store.join(CONFIG_FILE).exists() {
        return Ok(store.to_path_buf());
    }
    let config = Config::load(store, Overrides::default()).map_err(Failure::usage)?;
    Ok(config.data)
}

fn write(dir: &Path, proofs: &[Evidence], epochs: &Epochs) -> Result<BTreeMap<Digest, PathBuf>, Failure> {
    fs::create_dir_all(dir).map_err(|error| Failure::file(dir, error))?;
    let mut files = BTreeMap::new();
    for evidence in proofs {
        let key = evidence.key();
        let path = dir.join(format!("replica-{}-{}.proof", key.signer, kind_name(key.kind)));
        let bytes = Proof::Evidence(Box::new(EvidenceProof::through(epochs, evidence.clone()))).encode();
        fs::write(&path, bytes).map_err(|error| Failure::file(&path, error))?;
        files.insert(evidence.id(), path);
    }
    Ok(files)
}

fn document(findings: &Findings, files: &BTreeMap<Digest, PathBuf>, committee: &Committee) -> Value {
    let culprits: Vec<u16> = findings.culprits().iter().map(|signer| signer.get()).collect();
    json!({
        "conflicts": findings.conflicts.iter().map(disagreement).collect::<Vec<_>>(),
        "culprits": culprits,
        "needed": committee.weak(),
        "items": findings.proofs.iter().map(|proof| entry(proof, files, committee)).collect::<Vec<_>>(),
    })
}

fn entry(evidence: &Evidence, files: &BTreeMap<Digest, PathBuf>, committee: &Committee) -> Value {
    let (key, (view, seq)) = (evidence.key(), evidence.place());
    json!({
        "id": evidence.id().to_string(),
        "signer": key.signer.get(),
        "key": committee.key(key.signer).map(ToString::to_string),
        "kind": kind_name(key.kind),
        "epoch": key.epoch.get(),
        "view": view.get(),
        "seq": seq.get(),
        "file": files.get(&evidence.id()),
    })
}

fn disagreement(conflict: &Conflict) -> Value {
    let side = |certificate: &QuorumCert| {
        let signers: Vec<u16> = certificate.signers().map(|signer| signer.get()).collect();
        json!({ "view": certificate.view().get(), "digest": certificate.digest().to_string(), "signers": signers })
    };
    json!({
        "what": what(conflict.first.kind()),
        "lane": conflict.first.lane().map(|lane| lane.get()),
        "seq": conflict.first.seq().get(),
        "sides": [side(&conflict.first), side(&conflict.second)],
    })
}

fn what(kind: Kind) -> &'static str {
    match kind {
        Kind::Ack => "bundle",
        Kind::Checkpoint => "state",
        _ => "decision",
    }
}

fn lines(findings: &Findings, files: &BTreeMap<Digest, PathBuf>, committee: &Committee) -> Vec<String> {
    let mut lines = Vec::new();
    for Conflict { first, second } in findings.conflicts.iter().take(1) {
        let (kind, seq) = (what(first.kind()), first.seq());
        let (a, b) = (short(first.digest()), short(second.digest()));
        lines.push(format!(
            "two certificates for the {kind} {seq}: {a} in view {}, {b} in view {}",
            first.view(),
            second.view()
        ));
    }
    match findings.conflicts.len() {
        0 => lines.push("no two certificates here contradict each other".to_owned()),
        1 => (),
        more => lines.push(format!("and {} more", more - 1)),
    }
    for evidence in &findings.proofs {
        let (key, (view, seq)) = (evidence.key(), evidence.place());
        let did = super::verify::fault(kind_name(key.kind));
        lines.push(format!("replica {} {did}, at view {view}, seq {seq}", key.signer));
        lines.extend(files.get(&evidence.id()).map(|path| format!("  {}", path.display())));
    }
    let named = findings.culprits().len();
    lines.push(match (named, findings.conflicts.is_empty()) {
        (0, true) => "no evidence against anybody".to_owned(),
        (_, true) => format!("{named} proved guilty"),
        (_, false) => format!("{named} proved guilty; a group of {} breaks by {}", committee.len(), committee.weak()),
    });
    lines
}
