//! `/v1/evidence`: proofs against replicas (E5).

use super::Shared;
use super::page::{Cut, json};
use super::param::{InPath, InQuery, digest};
use super::problem::{Answer, Failure};
use axum::extract::State;
use axum::response::Response;
use quorate_client::api::{EvidenceEntry, Page};
use quorate_client::verify::kind_name;
use quorate_ledger::EvidenceEntry as Found;
use quorate_pbft::Digest;

/// Evidence in the order in which it was recorded.
pub async fn list(State(service): Shared, InQuery(cut): InQuery<Cut>) -> Answer<Response> {
    let from = cut.from.as_deref().filter(|from| !from.is_empty()).map(digest).transpose()?;
    let (moment, limit) = (service.moment(), cut.limit()?);
    json(&service, move || {
        let page = moment.view().evidence(from, limit)?;
        Ok(Page { items: page.items.into_iter().map(entry).collect(), next: page.next })
    })
    .await
}

/// The proof file.
pub async fn file(State(service): Shared, InPath(id): InPath<String>) -> Answer<Response> {
    let id: Digest = digest(&id)?;
    let moment = service.moment();
    let read = move || {
        let bytes = moment.view().evidence_file(&id)?;
        bytes.ok_or_else(|| Failure::not_found(format!("no evidence {id} is recorded")))
    };
    service.answers.send("application/octet-stream", read).await
}

/// As the API shows it.
pub fn entry(found: Found) -> EvidenceEntry {
    EvidenceEntry {
        id: found.id,
        signer: found.what.signer.get(),
        key: found.key,
        kind: kind_name(found.what.kind).to_owned(),
        epoch: found.what.epoch.get(),
        view: found.view.get(),
        seq: found.seq.get(),
        recorded_at: found.recorded_at.get(),
    }
}
