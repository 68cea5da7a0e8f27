//! Proofs of files and receipts, made from the first stable checkpoint at or after the question.
//!
//! The state at that checkpoint is held by the engine until its certificate is there; an idle group makes one within a
//! second.

use super::level::{Freshness, nonce};
use super::problem::{Answer, Failure};
use super::pruned;
use super::service::{Service, Strong};
use crate::engine::Certified;
use axum::http::StatusCode;
use axum::response::Response;
use quorate_ledger::proof::{Marked, NonceProof, Proof, ProveError};
use quorate_ledger::{EnvelopeId, Level, Revision};
use quorate_pbft::{Digest, SeqNum};

/// The proof of what stands at a path, or that nothing does.
pub async fn of_file(
    service: &Service,
    domain: &str,
    path: &str,
    fresh: Freshness,
    own_nonce: Option<Digest>,
) -> Answer<Response> {
    if fresh.at.is_some() {
        return Err(Failure::bad_request("a proof is of the newest checkpoint: leave out at="));
    }
    let usual = if service.domains().is_empty() { Level::Strong } else { Level::Sequential };
    let (seq, mark) = match fresh.level.unwrap_or(usual) {
        Level::Strong => {
            let read = service.strong(own_nonce.map_or_else(|| nonce().map(Digest), Ok)?).await?;
            (read.mark.seq, marked(&read))
        }
        Level::Eventual | Level::Causal | Level::Sequential if own_nonce.is_some() => {
            return Err(Failure::bad_request("only a strong read puts a nonce in the order"));
        }
        Level::Eventual | Level::Causal | Level::Sequential => (service.moment().seq(), None),
    };
    let Certified { moment, certificate } = certified(service, seq).await?;
    let (domain, path) = (domain.to_owned(), path.to_owned());
    answer(service, move || {
        let proof = moment.view().prove_file(&certificate, &domain, &path, mark.as_ref())?;
        Ok(Proof::File(Box::new(proof)))
    })
    .await
}

fn marked(read: &Strong) -> Option<Marked> {
    let nonce = NonceProof::new(&read.mark.nonces, read.place)?;
    Some(Marked { seq: read.mark.seq, nonce })
}

/// The proof of a receipt.
pub async fn of_receipt(service: &Service, id: &EnvelopeId) -> Answer<Response> {
    let waits = service.mempool().known(id).is_some();
    let receipt = service.receipt(*id).await?;
    if !waits && receipt.is_none() {
        return Err(pruned::unknown(service, id));
    }
    let revision = receipt.and_then(|receipt| receipt.revision);
    let seq =
        revision.map(Revision::seq).ok_or_else(|| Failure::not_found(format!("envelope {id} has no receipt here")))?;
    let Certified { moment, certificate } = certified(service, seq).await?;
    let id = *id;
    answer(service, move || Ok(Proof::Receipt(Box::new(moment.view().prove_receipt(&certificate, &id)?)))).await
}

/// The first state at or after a slot that q replicas have signed and that is at hand.
pub(super) async fn certified(service: &Service, seq: SeqNum) -> Answer<Certified> {
    let now = service.now();
    let first = service.genesis.founders().base();
    if seq <= first && now.moment.seq() == first && now.certified.is_none() {
        let detail =
            "the group has decided nothing yet, so no state of it is signed; make a first change, and ask again";
        return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, "nothing-signed", detail));
    }
    let enough = |held: &Certified| held.moment.seq() >= seq;
    let published = service.until(|published| published.certified.as_ref().is_some_and(enough)).await?;
    published.certified.ok_or_else(Failure::too_slow)
}

async fn answer(service: &Service, prove: impl FnOnce() -> Answer<Proof> + Send + 'static) -> Answer<Response> {
    service.answers.send("application/octet-stream", move || Ok(prove()?.encode())).await
}

impl From<ProveError> for Failure {
    fn from(error: ProveError) -> Self {
        match error {
            ProveError::Store(error) => error.into(),
            ProveError::Unknown(_) => Self::not_found(error.to_string()),
            ProveError::OtherState => {
                tracing::error!(event = "held-state-wrong", %error, "a held state does not match its certificate");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "other-state", error.to_string())
            }
        }
    }
}
