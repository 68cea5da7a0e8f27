//! `/v1/policy`, `/v1/proposals`, and what is to be known of a domain's own affairs.

use super::Shared;
use super::level::Freshness;
use super::page::{Cut, json, page, parsed};
use super::param::{InPath, InQuery, digest};
use super::problem::{Answer, Failure};
use super::words::{self, Found};
use crate::engine::Moment;
use axum::extract::State;
use axum::response::Response;
use quorate_client::api::{
    Decides, Page, PendingChange, PendingStory, PolicyOfDomain, PolicyOfGroup, ProposalEntry, Required, ValidatorWord,
};
use quorate_ledger::{
    EndedWait, EnvelopeId, PendingChange as Waiting, Progress, ProposalEntry as Proposed, ProposalFate, ProposalId,
    Requirement, Revision, SpelledAct, State as Verdict, Threshold, Waited,
};
use quorate_pbft::SeqNum;
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

fn entry(found: Proposed) -> ProposalEntry {
    let Proposed { id, domain, proposal, needed } = found;
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
        spelled: SpelledAct::of(&proposal.act),
        proposal: proposal.act,
        approvals: proposal.approvals,
        needed,
        state: state.to_owned(),
        decided,
        failed,
    }
}

/// The query of a change that waits, or has waited.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct StoryQuery {
    #[serde(flatten)]
    fresh: Freshness,
    /// The cursor that the answer before gave: words up to there are left out.
    from: Option<String>,
}

/// A change that waits for the word of others, or has waited, with the words about it.
pub async fn pending(
    State(service): Shared,
    InPath((domain, id)): InPath<(String, String)>,
    InQuery(query): InQuery<StoryQuery>,
) -> Answer<Response> {
    let id = EnvelopeId(digest(&id)?);
    let from = parsed(query.from.as_deref().filter(|from| !from.is_empty()))?;
    let (moment, _) = query.fresh.state(&service).await?;
    let scope = service.domains();
    json(&service, move || match moment.view().pending(&domain, &id)? {
        Some((pending, _)) => still_waiting(&moment, &domain, waiting(&moment, id, pending), from),
        None if !scope.is_empty() => Err(Failure::not_held("what waits no more is history", &scope)),
        None => match moment.view().waited(&domain, &id)? {
            Waited::Until(ended) => waited(&moment, &domain, *ended, from),
            Waited::Not => Err(Failure::not_found(format!("no change {id} waits in {domain:?}, nor has one waited"))),
            Waited::Forgotten => Err(forgotten(&moment, &id)?),
        },
    })
    .await
}

/// A change that waits, with the words about it that are kept here.
fn still_waiting(moment: &Moment, domain: &str, change: PendingChange, from: Option<Revision>) -> Answer<PendingStory> {
    let oldest = moment.view().history_from()?;
    let (first, until) = (change.since.seq().max(oldest), moment.ledger.revision());
    let after = before(first).max(from.unwrap_or_default());
    let Found { words, next, lacks } = words::between(moment, (domain, &change.id), (after, until))?;
    let begins = lacks.map(|lacks| lacks.seq().next()).or(Some(first).filter(|first| change.since.seq() < *first));
    let (next, begins) = (next.map(|next| next.to_string()), begins.map(SeqNum::get));
    Ok(PendingStory { change, state: Verdict::Pending, decided: None, words, next, begins })
}

/// A change whose wait is over, with the words about it.
fn waited(
    moment: &Moment,
    domain: &str,
    EndedWait { since, receipt }: EndedWait,
    from: Option<Revision>,
) -> Answer<PendingStory> {
    let (id, author, decided) = (receipt.id, receipt.author, receipt.revision);
    let until = decided.unwrap_or(since);
    let after = before(since.seq()).max(from.unwrap_or_default()).min(until);
    let Found { words, next, lacks } = words::between(moment, (domain, &id), (after, until))?;
    let organisation = moment.view().organisation(&author)?.unwrap_or_default();
    let (requirements, organisations, complete) = Default::default();
    let change = PendingChange { id, author, organisation, since, requirements, organisations, complete };
    let (next, begins) = (next.map(|next| next.to_string()), lacks.map(|lacks| lacks.seq().next().get()));
    Ok(PendingStory { change, state: receipt.state, decided, words, next, begins })
}

/// The end of the slot before one.
fn before(seq: SeqNum) -> Revision {
    seq.previous().map_or(Revision::GENESIS, Revision::slot)
}

fn forgotten(moment: &Moment, id: &EnvelopeId) -> Answer<Failure> {
    let oldest = moment.view().history_from()?;
    let detail = format!("whether change {id} has waited, and who spoke about it, is not kept here");
    Ok(Failure::pruned(format!("{detail}: history begins with slot {oldest}")))
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
    let since = |change: &PendingChange| change.since.to_string();
    page(&service, query.cut, STEP, since, move |from, limit| {
        let page = moment.view().pending_changes(&domain, parsed(from)?, limit)?;
        let items = page.items.into_iter().map(|(id, pending)| waiting(&moment, id, pending)).collect();
        Ok(Page { items, next: page.next })
    })
    .await
}

fn waiting(moment: &Moment, id: EnvelopeId, pending: Waiting) -> PendingChange {
    let complete = pending.progress(moment.view().organisations()) == Progress::Approved;
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
    PendingChange { id, author, organisation, since, requirements, organisations, complete }
}
