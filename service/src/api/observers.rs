//! `/v1/observers`: observers that the group has enrolled.

use super::Shared;
use super::page::json;
use super::problem::Answer;
use axum::extract::State;
use axum::response::Response;
use quorate_client::api::{EnrolledObserver, Page};
use quorate_ledger::ObserverEntry;

/// Lists the enrolled observers by key.
pub async fn observers(State(service): Shared) -> Answer<Response> {
    let moment = service.moment();
    json(&service, move || {
        let items = moment.view().observers()?.into_iter().map(enrolled).collect();
        Ok(Page { items, next: None })
    })
    .await
}

fn enrolled(entry: ObserverEntry) -> EnrolledObserver {
    let ObserverEntry { key, organisation, domains, since, until, is_over } = entry;
    EnrolledObserver { key, organisation, domains, since, until, is_over }
}
