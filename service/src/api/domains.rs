//! `/v1/domains`.

use super::Shared;
use super::problem::Answer;
use axum::Json;
use axum::extract::State;
use quorate_client::api::{Domain, Page};

/// Lists the domains by name.
pub async fn list(State(service): Shared) -> Answer<Json<Page<Domain>>> {
    let moment = service.now().moment;
    let domains = moment.view().domains()?.into_iter();
    let items = domains.map(|domain| Domain { name: domain.name, root: domain.root, revision: domain.revision });
    Ok(Json(Page { items: items.collect(), next: None }))
}
