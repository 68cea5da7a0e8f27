//! `/openapi.json`: the routes for programs that make clients.
//!
//! Bodies are named by their types in the crate `quorate-client`, module `api`.

use super::routes::{self, Request, Route};
use crate::build::VERSION;
use axum::Json;
use serde_json::{Map, Value, json};

/// The document.
pub(super) async fn document() -> Json<Value> {
    let mut paths = Map::new();
    for route in routes::table() {
        let (method, operation) = described(&route);
        paths.entry(address(&route)).or_insert_with(|| json!({}))[method] = operation;
    }
    Json(json!({ "openapi": "3.1.0", "info": { "title": "quorate", "version": VERSION }, "paths": paths }))
}

/// The address with its parts as OpenAPI writes them.
fn address(route: &Route) -> String {
    route.path.replace("{*", "{")
}

/// Method and operation.
fn described(route: &Route) -> (&'static str, Value) {
    let mut operation = operation(route);
    match route.request {
        Request::Get => ("get", operation),
        Request::PostEnvelope => {
            operation["requestBody"] = json!({ "required": true, "content": { "application/octet-stream": {} } });
            operation["responses"]["202"] = json!({ "description": "The ticket" });
            ("post", operation)
        }
        Request::PostQuestion => {
            operation["requestBody"] = json!({ "required": true, "content": { "application/octet-stream": {} } });
            ("post", operation)
        }
        Request::PutJson => {
            operation["requestBody"] = json!({ "required": true, "content": { "application/json": {} } });
            ("put", operation)
        }
    }
}

fn operation(route: &Route) -> Value {
    let address = address(route);
    let in_path = address.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameters = in_path.map(|name| parameter(name, "path", true));
    let parameters = parameters.chain(route.query.iter().map(|name| parameter(name, "query", false)));
    json!({
        "summary": route.answers,
        "parameters": parameters.collect::<Vec<_>>(),
        "responses": { "200": { "description": format!("Body: {}", route.body) }, "default": problem() },
    })
}

fn parameter(name: &str, place: &str, required: bool) -> Value {
    json!({ "name": name, "in": place, "required": required, "schema": { "type": "string" } })
}

fn problem() -> Value {
    json!({ "description": "Body: `Problem`", "content": { "application/problem+json": {} } })
}
