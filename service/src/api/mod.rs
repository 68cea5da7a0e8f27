//! The HTTP API: JSON under `/v1`, and what probes, dashboards and people ask for beside it.
//!
//! Handlers read the newest published state without a lock and hand everything else to the core's thread. The shapes of
//! bodies are [`quorate_client::api`]'s, so that server and client cannot disagree.

mod admin;
mod authors;
mod body;
mod causality;
mod conflict_entry;
mod conflicts;
mod dashboard;
mod domains;
mod envelopes;
mod events;
mod evidence;
mod files;
mod governance;
mod group;
mod level;
mod listener;
mod locks;
mod openapi;
mod page;
mod param;
mod probes;
mod problem;
mod proofs;
mod service;
mod status;

pub use admin::Admin;
pub use listener::Bounded;
pub use problem::{Answer, Failure};
pub use service::{BODIES_KIB_MAX, Service};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use std::sync::Arc;

/// What every handler has at hand.
pub type Shared = State<Arc<Service>>;

/// All routes.
pub fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/", get(dashboard::page))
        .route("/openapi.json", get(openapi::document))
        .route("/healthz", get(probes::alive))
        .route("/readyz", get(probes::ready))
        .merge(admins(&service))
        .nest("/v1", versioned())
        .method_not_allowed_fallback(no_such_method)
        .fallback(|| async { Failure::not_found("no such address; the API is under /v1") })
        .layer(middleware::from_fn_with_state(service.clone(), count))
        .with_state(service)
}

/// What tells of the node itself.
fn admins(service: &Arc<Service>) -> Router<Arc<Service>> {
    let only = middleware::from_fn_with_state(service.clone(), admin::only);
    Router::new().route("/metrics", get(probes::metrics)).route("/v1/peers", get(group::peers)).route_layer(only)
}

fn versioned() -> Router<Arc<Service>> {
    Router::new()
        .route("/envelopes", post(envelopes::offer))
        .route("/envelopes/{id}", get(envelopes::look))
        .route("/domains", get(domains::list))
        .route("/domains/{domain}/tree", get(files::tree))
        .route("/domains/{domain}/files/{*path}", get(files::file))
        .route("/domains/{domain}/log", get(files::log))
        .route("/domains/{domain}/policy", get(governance::policy))
        .route("/domains/{domain}/pending", get(governance::pending_changes))
        .route("/domains/{domain}/pending/{id}", get(governance::pending))
        .route("/domains/{domain}/causality", get(causality::order))
        .route("/policy", get(governance::group_policy))
        .route("/proposals", get(governance::list))
        .route("/proposals/{id}", get(governance::one))
        .route("/domains/{domain}/authors/{key}", get(authors::author))
        .route("/domains/{domain}/authors/{key}/locks", get(locks::of_author))
        .route("/domains/{domain}/locks", get(locks::list))
        .route("/identities", get(authors::identities))
        .route("/conflicts", get(conflicts::list))
        .route("/conflicts/{id}", get(conflicts::one))
        .route("/conflicts/{id}/contents/{hash}", get(conflicts::content))
        .route("/evidence", get(evidence::list))
        .route("/evidence/{id}", get(evidence::file))
        .route("/members", get(group::members))
        .route("/checkpoints", get(group::checkpoints))
        .route("/status", get(status::status))
        .route("/health", get(status::health))
        .route("/events", get(events::stream))
        .method_not_allowed_fallback(no_such_method)
}

async fn no_such_method() -> Failure {
    let detail = "this address does not know that method; /openapi.json tells which it knows";
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
}

/// Counts answers by class of status.
async fn count(State(service): Shared, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    service.metrics.http_answer(response.status().as_u16());
    response
}
