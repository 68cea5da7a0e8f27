//! `quorate verify` and `quorate evidence verify`: proofs, receipts, evidence and epochs from their file and the genesis.

use super::failure::{Failure, Outcome};
use super::known::Known;
use super::print::{self, plain};
use super::signed::{Told, certified, numbers};
use super::{branch, change, receipt, trusted};
use quorate_client::verify::{Demands, NotProved, kind_name, kind_words, verify, verify_after};
use quorate_ledger::proof::{
    BranchProof, Epochs, PROOF_BYTES_MAX, Proved, ProvedEvidence, ProvedFile, ProvedReceipt, read_genesis,
};
use quorate_ledger::{EnvelopeId, Genesis, hexed};
use quorate_pbft::Digest;
use serde_json::{Value, json};
use std::fs;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Check a proof, a receipt, evidence or a branch of a transaction offline
#[derive(Debug, clap::Args)]
pub struct Verify {
    /// The proof file; without one, the file of --epochs is checked
    #[arg(required_unless_present = "epochs", requires = "genesis")]
    file: Option<PathBuf>,
    /// The group's genesis: what you trust [default with --epochs: genesis.json in the current folder]
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    #[command(flatten)]
    known: Known,
    /// Check that this file is the content
    #[arg(long, value_name = "FILE", requires = "file")]
    content: Option<PathBuf>,
    /// Check that the read was asked with this nonce
    #[arg(long, value_name = "HEX", requires = "file", value_parser = hexed::parse::<Digest>)]
    nonce: Option<Digest>,
    /// Check that it is of this domain
    #[arg(long, value_name = "DOMAIN", requires = "file")]
    domain: Option<String>,
    /// Check that it is of the file at this path
    #[arg(long, value_name = "PATH", requires = "file")]
    path: Option<String>,
    /// Check that it is the receipt of this envelope
    #[arg(long, value_name = "ID", requires = "file")]
    envelope: Option<EnvelopeId>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs `quorate verify`.
pub fn run(args: &Verify) -> Outcome {
    let (content, is_link) = args.content.as_deref().map(read_content).transpose()?.unzip();
    let Verify { file, genesis, known, nonce, domain, path, envelope, json, .. } = args;
    let genesis = trusted::genesis(genesis.as_deref()).map_err(|failure| known.needs_genesis(failure))?;
    let Some(file) = file else { return known.print(&parsed(&genesis)?, *json) };
    let (nonce, domain, path, envelope) = (*nonce, domain.clone(), path.clone(), *envelope);
    let demands = Demands { content, is_link: is_link.unwrap_or(false), nonce, domain, path, envelope };
    checked(file, (&genesis, known), *json, |file, genesis, epochs| match BranchProof::decode(file) {
        Some(proof) => branch::verify(&proof, (genesis, epochs), &demands),
        None => verify_after(file, genesis, epochs, &demands).map(told),
    })
}

fn parsed(genesis: &Path) -> Result<Genesis, Failure> {
    let parsed = read_genesis(&read(genesis, PROOF_BYTES_MAX as u64)?);
    parsed.map_err(|why| Failure::usage(format!("{}: {why}", genesis.display())))
}

/// Runs `quorate evidence verify`.
pub fn evidence(file: &Path, trusted: (&Path, &Known), json: bool) -> Outcome {
    checked(file, trusted, json, |file, genesis, epochs| {
        match verify_after(file, genesis, epochs, &Demands::default())? {
            (proved @ Proved::Evidence(_), epochs) => Ok(told((proved, epochs))),
            _ => Err(NotProved::NotEvidence),
        }
    })
}

fn checked(
    file: &Path,
    (genesis, known): (&Path, &Known),
    as_json: bool,
    check: impl FnOnce(&[u8], &Genesis, &Epochs) -> Result<(Told, Epochs), NotProved>,
) -> Outcome {
    let proof = read(file, PROOF_BYTES_MAX as u64 + 1)?;
    let genesis = parsed(genesis)?;
    match known.check(&genesis, |epochs| check(&proof, &genesis, epochs))? {
        Ok((document, _)) if as_json => Ok(print::json(&document)?),
        Ok((_, lines)) => Ok(lines.iter().try_for_each(print::say)?),
        Err(why) => {
            if as_json {
                print::json(&json!({ "verified": false, "detail": why.to_string() }))?;
            }
            let is_another = matches!(why, NotProved::NotAFile | NotProved::NotAReceipt | NotProved::NoDomain);
            let verb = if is_another { "is of another kind" } else { "does not verify" };
            let failure = Failure::no(format!("{} {verb}: {}", file.display(), plain(&why.to_string())));
            Err(match of_group_before(&proof, &genesis) {
                Some(next) => failure.next(next),
                None => failure,
            })
        }
    }
}

/// Advice about a proof of a group that the one of this genesis goes on from.
fn of_group_before(proof: &[u8], genesis: &Genesis) -> Option<String> {
    let groups = std::iter::successors(genesis.restarted(), |(_, before)| before.restarted());
    let found = groups.map(|(restart, before)| (restart, verify(proof, before.bytes(), &Demands::default())));
    let (restart, proved) = found.filter_map(|(restart, proved)| Some((restart, proved.ok()?))).next()?;
    let revision = match &proved {
        Proved::File(file) => file.revision,
        Proved::Receipt(proved) => proved.receipt.revision,
        Proved::Evidence(_) => None,
    };
    let (group, seq) = (restart.group, restart.seq);
    let lost = match revision {
        Some(revision) if revision.seq().get() > seq => {
            format!("; what it shows was decided above slot {seq}, from which that group was restarted, and is lost")
        }
        _ => String::new(),
    };
    Some(format!("it is of group {group}, which this one goes on from: `quorate genesis before` has its genesis{lost}"))
}

fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    let failed = |error| Failure::file(path, error);
    let mut bytes = Vec::new();
    fs::File::open(path).map_err(failed)?.take(bytes_max).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// The bytes of a file; of a link, its target, as `get --out` writes them, and that it is one.
fn read_content(path: &Path) -> Result<(Vec<u8>, bool), Failure> {
    let failed = |error| Failure::file(path, error);
    if fs::symlink_metadata(path).map_err(failed)?.is_symlink() {
        return Ok((fs::read_link(path).map_err(failed)?.as_os_str().as_bytes().to_vec(), true));
    }
    Ok((fs::read(path).map_err(failed)?, false))
}

fn told((proved, epochs): (Proved, Epochs)) -> (Told, Epochs) {
    ((document(&proved), lines(&proved)), epochs)
}

fn document(proved: &Proved) -> Value {
    match proved {
        Proved::File(file) => json!({
            "verified": true,
            "kind": "file",
            "domain": file.domain,
            "path": file.path,
            "hash": file.hash().map(|hash| hash.to_string()),
            "mode": file.mode(),
            "size": file.file.map(|file| file.size),
            "revision": file.revision,
            "conflict": file.conflict,
            "seq": file.seq.get(),
            "time": file.time.get(),
            "signers": numbers(&file.signers),
            "nonce": file.nonce.map(|(nonce, _)| nonce.to_string()),
            "mark_seq": file.nonce.map(|(_, seq)| seq.get()),
        }),
        Proved::Receipt(proved) => {
            let mut document = serde_json::to_value(&proved.receipt).expect("plain data with string keys");
            document["verified"] = true.into();
            document["kind"] = "receipt".into();
            document["seq"] = proved.seq.get().into();
            document["time"] = proved.time.get().into();
            document["signers"] = numbers(&proved.signers).into();
            document
        }
        Proved::Evidence(proved) => json!({
            "verified": true,
            "signer": proved.what.signer.get(),
            "key": proved.key.to_string(),
            "kind": kind_name(proved.what.kind),
            "epoch": proved.what.epoch.get(),
            "view": proved.view.get(),
            "seq": proved.seq.get(),
        }),
    }
}

fn lines(proved: &Proved) -> Vec<String> {
    match proved {
        Proved::File(file) => file_lines(file),
        Proved::Receipt(proved) => receipt_lines(proved),
        Proved::Evidence(proved) => evidence_lines(proved),
    }
}

fn file_lines(file: &ProvedFile) -> Vec<String> {
    let mut lines = vec![format!("domain    {}", plain(&file.domain)), format!("path      {}", plain(&file.path))];
    match &file.file {
        Some(known) => {
            lines.push(format!("content   {}", known.content));
            lines.push(format!("          {}, {}", change::word(known.mode), print::size(known.size)));
        }
        None if file.conflict.is_some() => lines.push("content   none that the sides of the conflict agree on".into()),
        None => lines.push("content   nothing stands here".into()),
    }
    lines.extend(file.revision.map(|revision| format!("revision  {revision}")));
    let agreed = if file.file.is_some() { "; this is the last agreed content" } else { "" };
    lines.extend(file.conflict.map(|id| format!("conflict  {id}{agreed}")));
    lines.extend(certified(file.seq.get(), file.time.get(), &file.signers));
    lines.extend(file.nonce.map(|(nonce, seq)| format!("read      nonce {nonce}, ordered in slot {seq}")));
    lines
}

fn receipt_lines(proved: &ProvedReceipt) -> Vec<String> {
    let mut lines = receipt::lines(&proved.receipt);
    lines.push(format!("author    {}", proved.receipt.author));
    lines.push(format!("domain    {}", plain(&proved.receipt.domain)));
    lines.extend(certified(proved.seq.get(), proved.time.get(), &proved.signers));
    lines
}

fn evidence_lines(proved: &ProvedEvidence) -> Vec<String> {
    let did = fault(kind_name(proved.what.kind));
    vec![
        format!("replica {} {did}", proved.what.signer),
        format!("place     view {}, seq {} of epoch {}", proved.view, proved.seq, proved.what.epoch),
        format!("key       {}", proved.key),
    ]
}

/// Fault of a replica in words, to stand after its name.
pub fn fault(kind: &str) -> String {
    kind_words(kind).map_or_else(|| format!("is proved to have done `{}`", plain(kind)), str::to_owned)
}
