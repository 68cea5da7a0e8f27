//! The HTTP API: JSON under `/v1`, and what probes, dashboards and people ask for beside it.
//!
//! Handlers read the newest published state without a lock and hand everything else to the core's thread. The shapes of
//! bodies are [`quorate_client::api`]'s, so that server and client cannot disagree.

mod admin;
mod answers;
mod author_pace;
mod authors;
mod body;
mod causality;
mod changes;
mod conduct;
mod conflict_entry;
mod conflicts;
mod copies;
mod dashboard;
mod domains;
mod door;
mod envelopes;
mod events;
mod expiry;
mod facts;
mod evidence;
mod files;
mod framed;
mod governance;
mod group;
mod grown;
mod host;
mod level;
mod locks;
mod members;
mod offers;
mod observers;
mod openapi;
mod order;
mod pace;
mod page;
mod partitions;
mod param;
mod peer_name;
mod probes;
mod problem;
mod program;
mod proofs;
mod pruned;
mod reading;
mod relayed;
mod reply;
mod routes;
mod scoped;
mod service;
mod session;
mod shapes;
mod signatures;
mod state;
mod status;
mod streams;
mod threads;
mod transactions;
mod tls;
mod waits;
mod words;

use admin::Access;
pub use admin::Admin;
pub use answers::Answers;
pub use author_pace::AuthorPace;
pub use body::Room;
pub use copies::Copies;
pub use door::{Door, serve};
pub use envelopes::order;
pub use pace::Pace;
pub use problem::Answer;
use problem::Failure;
use reading::Guard;
pub use service::{Service, Shared, WAITS_FOR_FUTURE_MAX};
pub use signatures::Signatures;
pub use streams::Streams;
pub use threads::Threads;
pub(crate) use threads::among_strangers;
pub use tls::{Certificate, TlsError};
pub use waits::Sessions;

use crate::tokens::Role;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use routes::Readers;
use std::future::ready;
use std::sync::Arc;

/// Router of every route in [`routes::table`], at an address where these have access to what is for operators.
pub fn router(service: Arc<Service>, admin: Admin) -> Router {
    let document = openapi::document(&admin, service.reads);
    let access = |role| Access { admin, tokens: service.tokens.clone(), role };
    let only = |role| middleware::from_fn_with_state(access(role), admin::only);
    let guard = |is_of_domain| {
        let guard = Guard { service: service.clone(), access: access(Role::Read), is_of_domain };
        middleware::from_fn_with_state(guard, reading::only)
    };
    let wait = middleware::from_fn_with_state(service.clone(), session::wait);
    let routes = routes::table().into_iter().fold(Router::new(), |router, route| {
        let takes_a_level = route.takes_a_level();
        let handler = if takes_a_level { route.handler.route_layer(wait.clone()) } else { route.handler };
        match route.readers {
            Readers::Operators(role) => router.route(route.path, handler.route_layer(only(role))),
            readers @ (Readers::Domain | Readers::Group) if !service.reads.is_open() => {
                router.route(route.path, handler.route_layer(guard(readers == Readers::Domain)))
            }
            Readers::Clients | Readers::Domain | Readers::Group => router.route(route.path, handler),
        }
    });
    routes
        .route("/openapi.json", get(move || ready(([(header::CONTENT_TYPE, "application/json")], document.clone()))))
        .method_not_allowed_fallback(no_such_method)
        .fallback(|| async { Failure::not_found("no such address; /openapi.json lists those that there are") })
        .layer(middleware::from_fn_with_state(service.clone(), pruned::name_members))
        .layer(middleware::from_fn_with_state(service.clone(), scoped::only))
        .layer(middleware::from_fn_with_state(service.clone(), session::show))
        .layer(middleware::from_fn_with_state(service.hosts.clone(), host::known))
        .layer(middleware::from_fn_with_state(service.clone(), count))
        .with_state(service)
}

async fn no_such_method(method: Method, uri: Uri) -> Failure {
    let reads = [Method::OPTIONS, Method::TRACE, Method::CONNECT];
    let detail = if uri.path().starts_with("/v1/domains/") && !reads.contains(&method) {
        "files and domains are changed by signed envelopes: POST one to /v1/envelopes, as `quorate put` and its kin do"
    } else {
        "this address does not know that method; the header `Allow` names those that it knows"
    };
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
}

/// Counts answers by class of status.
async fn count(State(service): Shared, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    service.metrics.http_answer(response.status().as_u16());
    response
}
