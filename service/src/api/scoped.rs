//! Bounds of an observer that follows some domains alone: it holds their state as it was last certified, and no history.

use super::Shared;
use super::problem::Failure;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// Lets pass what such an observer can answer; all that comes to other nodes passes.
pub async fn only(State(service): Shared, request: Request, next: Next) -> Response {
    let domains = service.domains();
    let path = request.uri().path();
    if !domains.is_empty() && path.starts_with("/v1/") {
        if is_of_history(path, request.method()) {
            return Failure::not_held("history and order are not kept here", &domains).into_response();
        }
        if service.report().grows && is_of_state(path, request.method()) {
            let detail = "the state of this observer's domains is still on its way; ask again, or ask a member";
            return Failure::new(StatusCode::SERVICE_UNAVAILABLE, "growing", detail).into_response();
        }
    }
    next.run(request).await
}

/// Whether an address tells what happened, and not what stands.
fn is_of_history(path: &str, method: &Method) -> bool {
    let parts: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
    match parts[..] {
        ["envelopes", _] => method == Method::GET,
        ["events" | "order", ..] => true,
        ["domains", _, "log" | "causality" | "changes"] => true,
        _ => false,
    }
}

/// Whether an address tells of the group's state, and not of the node.
fn is_of_state(path: &str, method: &Method) -> bool {
    let kind = path.trim_start_matches("/v1/").split('/').next().unwrap_or_default();
    let of_node = ["status", "health", "issues", "partitions", "peers", "log", "limits"];
    method == Method::GET && !of_node.contains(&kind) || kind == "state"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_past_is_told_from_what_stands() {
        for path in ["/v1/envelopes/ab", "/v1/events", "/v1/order", "/v1/domains/d/log", "/v1/domains/d/causality"] {
            assert!(is_of_history(path, &Method::GET), "{path}");
        }
        for path in ["/v1/envelopes", "/v1/domains/d/files/log", "/v1/domains/log/tree", "/v1/log"] {
            assert!(!is_of_history(path, &Method::GET), "{path}");
        }
        assert!(!is_of_history("/v1/envelopes/stream", &Method::POST));
    }

    #[test]
    fn the_node_tells_of_itself_while_its_state_grows() {
        assert!(!is_of_state("/v1/status", &Method::GET) && !is_of_state("/v1/envelopes", &Method::POST));
        assert!(is_of_state("/v1/domains/d/tree", &Method::GET) && is_of_state("/v1/state", &Method::POST));
    }
}
