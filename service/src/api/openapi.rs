//! `/openapi.json`: the routes for programs that make clients, with schemas made from the types of queries and answers.

use super::routes::{self, Request, Route};
use super::shapes::{self, Body};
use crate::build::VERSION;
use axum::Json;
use quorate_client::api::{LINES_TYPE, PROBLEM_TYPE, Problem};
use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

/// The document.
pub(super) async fn document() -> Json<Value> {
    let mut schemas = shapes::of_answers();
    let mut paths = Map::new();
    for route in routes::table() {
        let (method, operation) = described(&route, &mut schemas);
        paths.entry(address(&route)).or_insert_with(|| json!({}))[method] = operation;
    }
    Json(json!({
        "openapi": "3.1.0",
        "info": { "title": "quorate", "version": VERSION, "license": { "name": "MIT OR Apache-2.0" } },
        "paths": paths,
        "components": { "schemas": schemas.take_definitions(true) },
    }))
}

/// The address with its parts as OpenAPI writes them.
fn address(route: &Route) -> String {
    route.path.replace("{*", "{")
}

/// Method and operation.
fn described(route: &Route, schemas: &mut SchemaGenerator) -> (&'static str, Value) {
    let mut operation = operation(route, schemas);
    let (method, body) = match route.request {
        Request::Get => return ("get", operation),
        Request::PostBytes => ("post", Body::Bytes("application/octet-stream")),
        Request::PostJson(shape) => ("post", Body::Json(shape)),
        Request::PutJson(shape) => ("put", Body::Json(shape)),
    };
    let (kind, described) = content(body, schemas);
    operation["requestBody"] = json!({ "required": true, "content": { kind: described } });
    (method, operation)
}

fn operation(route: &Route, schemas: &mut SchemaGenerator) -> Value {
    let mut responses = json!({ "default": problem(schemas) });
    for (status, body) in &route.replies {
        let reply = &mut responses[status.to_string()];
        reply["description"] = route.answers.into();
        let (kind, described) = content(*body, schemas);
        reply["content"][kind] = described;
    }
    json!({ "summary": route.answers, "parameters": parameters(route), "responses": responses })
}

/// Media type of a body, and its schema where it has one.
fn content(body: Body, schemas: &mut SchemaGenerator) -> (&'static str, Value) {
    match body {
        Body::Json(shape) => ("application/json", json!({ "schema": shape(schemas) })),
        Body::Bytes(kind) => (kind, json!({})),
        Body::Events(shape) => {
            let data = json!({ "contentMediaType": "application/json", "contentSchema": shape(schemas) });
            ("text/event-stream", json!({ "schema": { "type": "string", "x-data": data } }))
        }
        Body::Lines(shape) => {
            let line = json!({ "contentMediaType": "application/json", "contentSchema": shape(schemas) });
            (LINES_TYPE, json!({ "schema": { "type": "string", "x-line": line } }))
        }
    }
}

fn problem(schemas: &mut SchemaGenerator) -> Value {
    let schema = schemas.subschema_for::<Problem>();
    json!({ "description": "The question cannot be answered, and why", "content": { PROBLEM_TYPE: { "schema": schema } } })
}

/// Parts of the address, then those of the query.
fn parameters(route: &Route) -> Vec<Value> {
    let address = address(route);
    let in_path = address.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path =
        in_path.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": in_address(name) }));
    let in_query = route.query.iter().flat_map(|parameters| parameters()).map(|parameter| {
        json!({
            "name": parameter.name, "in": "query", "required": parameter.is_required,
            "description": parameter.description, "schema": parameter.schema,
        })
    });
    in_path.chain(in_query).collect()
}

/// Schema of a part of an address.
fn in_address(name: &str) -> Value {
    match name {
        "domain" => json!({ "type": "string", "pattern": "^(@group|[A-Za-z0-9][A-Za-z0-9._-]{0,99})$" }),
        "id" | "hash" | "key" => json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" }),
        _ => json!({ "type": "string", "minLength": 1 }),
    }
}
