//! `/v1/domains/{d}/causality`: what came before what (A4).

use super::Shared;
use super::level::Freshness;
use super::page::json;
use super::param::{InPath, InQuery, digest};
use super::problem::{Answer, Failure};
use axum::extract::State;
use axum::response::Response;
use quorate_client::api::Causality;
use quorate_ledger::{EnvelopeId, GROUP_DOMAIN, Order, QueryError, Revision};
use schemars::JsonSchema;
use serde::Deserialize;

/// The two changes: each an envelope's id, or the revision that it made in the domain.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct Pair {
    #[serde(flatten)]
    fresh: Freshness,
    #[schemars(regex(pattern = NAMED))]
    first: String,
    #[schemars(regex(pattern = NAMED))]
    second: String,
}

/// Form of an envelope's id, or of a revision.
const NAMED: &str = r"^([0-9a-f]{64}|(0|[1-9][0-9]{0,18}(\.[1-9][0-9]{0,8})?))$";

/// Answers with the causal order of two envelopes, and why.
pub async fn order(
    State(service): Shared,
    InPath(domain): InPath<String>,
    InQuery(pair): InQuery<Pair>,
) -> Answer<Response> {
    let Pair { fresh, first, second } = pair;
    let (moment, _) = fresh.state(&service).await?;
    json(&service, move || {
        if domain != GROUP_DOMAIN && moment.view().is_open(&domain).is_none() {
            return Err(QueryError::UnknownDomain(domain).into());
        }
        let named = |name: &str| -> Answer<EnvelopeId> {
            let Ok(revision) = name.parse::<Revision>() else {
                return digest(name).map(EnvelopeId);
            };
            let found = moment.view().envelope_at(&domain, revision)?;
            found.ok_or_else(|| Failure::not_found(format!("no envelope made revision {revision} of {domain:?}")))
        };
        let (first, second) = (named(&first)?, named(&second)?);
        let found = moment.view().causality(&first, &second)?;
        let found = found.ok_or_else(|| {
            Failure::not_found(format!("{first} or {second} has not taken effect here, so nothing can have seen it"))
        })?;
        Ok(Causality { first, second, order: name(found.order).to_owned(), why: found.why })
    })
    .await
}

fn name(order: Order) -> &'static str {
    match order {
        Order::Before => "before",
        Order::After => "after",
        Order::Concurrent => "concurrent",
        Order::Same => "same",
    }
}
