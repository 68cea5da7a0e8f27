//! `/v1/policy`, `/v1/proposals`, and what is to be known of a domain's own affairs.

use super::Shared;
use super::level::Freshness;
use super::page::{Cut, json, page};
use super::param::{InPath, InQuery, digest};
use super::problem::{Answer, Failure};
use axum::extract::State;
use axum::response::Response;
use quorate_client::api::{
    Decides, Page, PendingChange, PolicyOfDomain, PolicyOfGroup, ProposalEntry, Required, ValidatorWord,
};
use quorate_ledger::Threshold;
use quorate_ledger::{
    EnvelopeId, PendingChange as Waiting, ProposalEntry as Found, ProposalFate, ProposalId, Requirement,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// A domain's policy.
pub async fn policy(
    State(service): Shared,
    InPath(domain): InPath<String>,
    InQuery(fresh): InQuery<Freshness>,
) -> Answer<Response> {
    let (moment, _) = fresh.state(&service).await?;
    json(&service, move || {
        let policy = moment.view().policy(&domain)?.clone();
        let decides = decides(moment.view().threshold(&domain)?);
        Ok(PolicyOfDomain { domain, policy, decides })
    })
    .await
}

/// The group's own policy.
pub async fn group_policy(State(service): Shared, InQuery(fresh): InQuery<Freshness>) -> Answer<Response> {
    let (moment, _) = fresh.state(&service).await?;
    json(&service, move || {
        let decides = decides(moment.view().threshold_of_group()?);
        Ok(PolicyOfGroup { policy: moment.view().group_policy(), decides })
    })
    .await
}

fn decides(threshold: Threshold) -> Decides {
    let Threshold { needed, electorate, is_stuck } = threshold;
    Decides { needed, voices: electorate.active, named: electorate.named, stuck: is_stuck }
}

/// The query of the list.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct ListQuery {
    #[serde(flatten)]
    fresh: Freshness,
    #[serde(flatten)]
    cut: Cut,
    /// Only of this domain.
    domain: Option<String>,
    /// Only those in this state: `open`.
    #[schemars(extend("enum" = ["open"]))]
    state: Option<String>,
}

/// Items of the lists that are read at a time: each may weigh a mebibyte.
const STEP: usize = 4;

/// Proposals, newest first.
pub async fn list(State(service): Shared, InQuery(query): InQuery<ListQuery>) -> Answer<Response> {
    let (moment, _) = query.fresh.state(&service).await?;
    let domain = query.domain.filter(|domain| !domain.is_empty());
    let open_only = match query.state.as_deref() {
        None => false,
        Some("open") => true,
        Some(other) => {
            return Err(Failure::bad_request(format!("state: {other:?} is not open; without it, all are listed")));
        }
    };
    let id = |entry: &ProposalEntry| entry.id.to_string();
    page(&service, query.cut, STEP, id, move |from, limit| {
        let from = from.map(digest).transpose()?.map(ProposalId);
        let page = moment.view().proposals(domain.as_deref(), open_only, from, limit)?;
        Ok(Page { items: page.items.into_iter().map(entry).collect(), next: page.next })
    })
    .await
}

/// Answers with a proposal.
pub async fn one(
    State(service): Shared,
    InPath(id): InPath<String>,
    InQuery(fresh): InQuery<Freshness>,
) -> Answer<Response> {
    let id = ProposalId(digest(&id)?);
    let (moment, _) = fresh.state(&service).await?;
    json(&service, move || {
        let found = moment.view().proposal(&id)?;
        found.map(entry).ok_or_else(|| Failure::not_found(format!("no proposal {id}")))
    })
    .await
}

fn entry(found: Found) -> ProposalEntry {
    let Found { id, domain, proposal, needed } = found;
    let decided = proposal.end.as_ref().map(|end| end.revision);
    let (state, failed) = match proposal.end.map(|end| end.how) {
        None => ("open", None),
        Some(ProposalFate::Effective) => ("effective", None),
        Some(ProposalFate::Failed(why)) => ("failed", Some(why)),
        Some(ProposalFate::Withdrawn) => ("withdrawn", None),
    };
    ProposalEntry {
        id,
        domain,
        author: proposal.author,
        since: proposal.since,
        proposal: proposal.act,
        approvals: proposal.approvals,
        needed,
        state: state.to_owned(),
        decided,
        failed,
    }
}

/// A change that waits for the word of others.
pub async fn pending(
    State(service): Shared,
    InPath((domain, id)): InPath<(String, String)>,
    InQuery(fresh): InQuery<Freshness>,
) -> Answer<Response> {
    let id = EnvelopeId(digest(&id)?);
    let (moment, _) = fresh.state(&service).await?;
    json(&service, move || {
        let found = moment.view().pending(&domain, &id)?;
        let (pending, _) = found.ok_or_else(|| Failure::not_found(format!("no change {id} waits in {domain:?}")))?;
        Ok(waiting(id, pending))
    })
    .await
}

/// The query of the list of pending changes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct PendingQuery {
    #[serde(flatten)]
    fresh: Freshness,
    #[serde(flatten)]
    cut: Cut,
}

/// Changes that wait for the word of others, the longest waiting first.
pub async fn pending_changes(
    State(service): Shared,
    InPath(domain): InPath<String>,
    InQuery(query): InQuery<PendingQuery>,
) -> Answer<Response> {
    let (moment, _) = query.fresh.state(&service).await?;
    let id = |change: &PendingChange| change.id.to_string();
    page(&service, query.cut, STEP, id, move |from, limit| {
        let from = from.map(digest).transpose()?.map(EnvelopeId);
        let page = moment.view().pending_changes(&domain, from, limit)?;
        let items = page.items.into_iter().map(|(id, pending)| waiting(id, pending)).collect();
        Ok(Page { items, next: page.next })
    })
    .await
}

fn waiting(id: EnvelopeId, pending: Waiting) -> PendingChange {
    let Waiting { author, organisation, since, requirements, organisations, validators, .. } = pending;
    let required = |(place, required): (u32, Requirement)| Required {
        pattern: required.pattern,
        approvals: required.approvals,
        validators: (0_u32..)
            .zip(required.validators)
            .map(|(number, validator)| ValidatorWord { validator, word: validators.get(&(place, number)).copied() })
            .collect(),
    };
    let requirements = (0_u32..).zip(requirements).map(required).collect();
    PendingChange { id, author, organisation, since, requirements, organisations }
}
