//! `/v1/domains`.

use super::Shared;
use super::page::json;
use super::problem::Answer;
use axum::extract::State;
use axum::response::Response;
use quorate_client::api::{Domain, Page};

/// Lists the domains by name.
pub async fn list(State(service): Shared) -> Answer<Response> {
    let moment = service.moment();
    json(&service, move || {
        let domains = moment.view().domains()?.into_iter();
        let items = domains.map(|domain| Domain { name: domain.name, root: domain.root, revision: domain.revision });
        Ok(Page { items: items.collect(), next: None })
    })
    .await
}
