//! The proof of `quorate get --proof`: which state it is of, and the content in that state.

use super::failure::Failure;
use super::file_read::FileRead;
use super::output;
use super::print::plain;
use quorate_client::content;
use quorate_client::http::{Answer, Client};
use quorate_ledger::Level;
use quorate_ledger::proof::{Proof, TAG};
use quorate_pbft::Digest;
use std::path::Path;

/// Writes the proof and gives the file at the checkpoint that it names, with the read's nonce where it had one.
///
/// The proof is not checked here, where no genesis is at hand, but it speaks of this read, and the content is what it names.
pub async fn get(read: &FileRead<'_>, client: &Client, out: &Path) -> Result<(Answer, Option<String>), Failure> {
    output::check(out, TAG, "proof")?;
    let nonce = if read.fresh.level == Level::Strong { Some(fresh_nonce()?) } else { None };
    let bytes = read.proof(client, &nonce.map(|nonce| nonce.to_string()).unwrap_or_default()).await?;
    let proof = match Proof::decode(&bytes) {
        Ok(Proof::File(proof)) if proof.is_of(read.domain, read.path, nonce) => proof,
        Ok(Proof::File(_)) => return Err(client.garbled("the proof of another file, or of another read").into()),
        _ => return Err(client.garbled("not the proof of a file").into()),
    };
    let (seq, hash, conflict) = proof.claim();
    output::write(out, TAG, &bytes)?;
    if let Some(nonce) = nonce {
        tell!("quorate: the proof is of the read with --nonce {nonce}");
    }
    let Some(hash) = hash else {
        let (path, out) = (plain(read.path), out.display());
        return Err(match conflict {
            Some(id) => {
                Failure::no(format!("{path} is in conflict, and its sides agree on no content; {out} proves it"))
                    .next(format!("`quorate conflicts show {id}` tells more"))
            }
            None => Failure::no(format!("nothing stands at {path}; {out} proves it")),
        });
    };
    let file = read.content(&client.renewed(), &seq.to_string()).await?;
    if content::digest(&file.body) != hash {
        return Err(client.garbled("the content is not what the proof speaks of").into());
    }
    Ok((file, nonce.map(|nonce| nonce.to_string())))
}

/// Nonce that makes a strong read the reader's own.
fn fresh_nonce() -> Result<Digest, Failure> {
    let mut nonce = [0; 32];
    getrandom::fill(&mut nonce).map_err(|error| Failure::usage(format!("no randomness from the system: {error}")))?;
    Ok(Digest(nonce))
}
