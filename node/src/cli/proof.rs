//! The proof of `quorate get --proof`: which state it is of, and the content in that state.

use super::failure::Failure;
use super::file_read::FileRead;
use super::output;
use quorate_client::content;
use quorate_client::http::{Answer, Client};
use quorate_ledger::Level;
use quorate_ledger::proof::{Proof, TAG};
use std::path::Path;

/// Writes the proof and gives the file at the checkpoint that it names, with the read's nonce where it had one.
///
/// The proof is not checked here, where no genesis is at hand, but the content is what it speaks of.
pub async fn get(read: &FileRead<'_>, client: &Client, out: &Path) -> Result<(Answer, Option<String>), Failure> {
    output::check(out, TAG, "proof")?;
    let nonce = if read.fresh.level == Level::Strong { fresh_nonce()? } else { String::new() };
    let bytes = read.proof(client, &nonce).await?;
    let Ok(Proof::File(proof)) = Proof::decode(&bytes) else {
        return Err(client.garbled("not the proof of a file").into());
    };
    let (seq, hash) = proof.claim();
    output::write(out, TAG, &bytes)?;
    if !nonce.is_empty() {
        tell!("quorate: the proof is of the read with --nonce {nonce}");
    }
    let Some(hash) = hash else {
        let what = format!("nothing stands at {}; {} proves it", super::print::plain(read.path), out.display());
        return Err(Failure::no(what));
    };
    let file = read.content(&client.renewed(), &seq.to_string()).await?;
    if content::digest(&file.body) != hash {
        return Err(client.garbled("the content is not what the proof speaks of").into());
    }
    Ok((file, Some(nonce).filter(|nonce| !nonce.is_empty())))
}

/// Nonce that makes a strong read the reader's own.
fn fresh_nonce() -> Result<String, Failure> {
    let mut nonce = [0; 32];
    getrandom::fill(&mut nonce).map_err(|error| Failure::usage(format!("no randomness from the system: {error}")))?;
    Ok(hex::encode(nonce))
}
