//! `/v1/transactions`, `/v1/transactions/{id}` and `/v1/groups`: the group's branches of transactions over several groups, and the groups that
//! are known for them.

use super::level::Freshness;
use super::page::{Cut, json, page};
use super::param::{InPath, InQuery, digest, wants_proof};
use super::problem::{Answer, Failure};
use super::proofs::certified;
use super::{Service, Shared};
use crate::engine::{Certified, Moment};
use axum::extract::State;
use axum::response::Response;
use quorate_client::api::{KnownGroupEntry, Page, PromisedPath, TransactionEntry, TransactionState};
use quorate_ledger::{BranchRecord, ForeignGroup, TransactionId};
use quorate_pbft::Digest;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

/// The query of a transaction.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct Query {
    #[serde(flatten)]
    fresh: Freshness,
    /// Whether the proof is wanted instead.
    #[serde(default)]
    #[schemars(with = "Option<bool>")]
    proof: Option<String>,
}

/// The query of the list.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct ListQuery {
    #[serde(flatten)]
    fresh: Freshness,
    #[serde(flatten)]
    cut: Cut,
}

/// Branches that are read at a time.
const STEP: usize = 16;

/// Branches that are not decided here, by the ids of their transactions.
pub async fn list(State(service): Shared, InQuery(query): InQuery<ListQuery>) -> Answer<Response> {
    let (moment, _) = query.fresh.state(&service).await?;
    let cursor = |entry: &TransactionEntry| entry.id.to_string();
    page(&service, query.cut, STEP, cursor, move |from, limit| {
        let from = from.map(digest).transpose()?.map(TransactionId);
        let found = moment.view().transactions(from, limit)?;
        let items = found.items.into_iter().map(|(id, record)| entry(&moment, id, record));
        Ok(Page { items: items.collect::<Answer<_>>()?, next: found.next })
    })
    .await
}

/// Answers with the group's branch of a transaction, or its proof.
pub async fn one(
    State(service): Shared,
    InPath(id): InPath<String>,
    InQuery(query): InQuery<Query>,
) -> Answer<Response> {
    let id = TransactionId(digest(&id)?);
    let wants_proof = wants_proof(query.proof.as_deref())?;
    let (moment, _) = query.fresh.state(&service).await?;
    match wants_proof {
        true => proof(&service, id, moment).await,
        false => json(&service, move || entry(&moment, id, record(&moment, id)?)).await,
    }
}

/// The proof by the first state that is signed and not older than this one.
async fn proof(service: &Service, id: TransactionId, moment: Arc<Moment>) -> Answer<Response> {
    let seq = moment.seq();
    service.blocking(move || record(&moment, id).map(drop)).await?;
    let Certified { moment, certificate } = certified(service, seq).await?;
    let prove = move || {
        let epochs = moment.view().chain_of_epochs()?;
        Ok(moment.view().prove_transaction(&id, &certificate, &epochs)?.encode())
    };
    service.answers.send("application/octet-stream", prove).await
}

fn record(moment: &Moment, id: TransactionId) -> Answer<BranchRecord> {
    let unknown = || Failure::not_found(format!("no transaction {id} was prepared in this group"));
    moment.view().transaction(&id)?.ok_or_else(unknown)
}

fn entry(moment: &Moment, id: TransactionId, record: BranchRecord) -> Answer<TransactionEntry> {
    let (domain, paths) = (moment.view().domain_of_branch(&record)?.to_owned(), moment.view().promised(&record)?);
    let (state, settled) = TransactionState::of(record.state);
    let until = (record.is_home && record.is_open()).then_some(record.until.get());
    Ok(TransactionEntry {
        id,
        terms: (&record.transaction).into(),
        state,
        home: record.is_home,
        domain,
        author: record.author,
        organisation: record.organisation,
        envelope: record.envelope,
        prepared: record.prepared,
        until,
        decided: record.decided,
        settled,
        paths: paths.into_iter().map(|(path, hash)| PromisedPath { path, hash }).collect(),
    })
}

/// Other groups whose proofs count here, by their ids.
pub async fn groups(State(service): Shared, InQuery(fresh): InQuery<Freshness>) -> Answer<Response> {
    let (moment, _) = fresh.state(&service).await?;
    json(&service, move || {
        let items = moment.view().foreign_groups()?.into_iter().map(known).collect();
        Ok(Page { items, next: None })
    })
    .await
}

fn known((group, known): (Digest, ForeignGroup)) -> KnownGroupEntry {
    let ForeignGroup { name, epoch, members, seen, since } = known;
    let (epoch, members, seen) = (epoch.get(), members.len() as u32, seen.get());
    KnownGroupEntry { name, group, epoch, members, seen, since }
}
