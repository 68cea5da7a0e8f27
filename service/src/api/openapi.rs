//! `/openapi.json`: the routes for programs that make clients, with schemas made from the types of queries and answers.

use super::admin::Admin;
use super::routes::{self, Header, Readers, Request, Route, SESSION};
use super::shapes::{self, Body};
use crate::build::VERSION;
use crate::config::Reads;
use crate::tokens::Role;
use axum::body::Bytes;
use quorate_client::api::{LINES_TYPE, PROBLEM_TYPE, Problem};
use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

/// Media type of bytes that are no text.
const OCTETS: &str = "application/octet-stream";

/// Generators of the schemas of answers and of queries, which share the document's components.
struct Schemas {
    answers: SchemaGenerator,
    queries: SchemaGenerator,
}

/// The document, at an address where these have access to what is for operators, and these read what not everyone may.
pub(super) fn document(admin: &Admin, reads: Reads) -> Bytes {
    let mut schemas = Schemas { answers: shapes::of_answers(), queries: shapes::of_queries() };
    let mut paths = Map::new();
    for route in routes::table() {
        let (method, mut operation) = described(&route, &mut schemas);
        shut(&mut operation, route.readers, (admin, reads));
        paths.entry(address(&route)).or_insert_with(|| json!({}))[method] = operation;
    }
    let mut named = schemas.queries.take_definitions(true);
    named.extend(schemas.answers.take_definitions(true));
    let token = json!({ "type": "http", "scheme": "bearer", "description": "A token of the role that `x-role` names, or the secret in the replica's admin.token; where `x-closed` stands, while that domain, or any domain, is one that not everyone may read" });
    let document = json!({
        "openapi": "3.1.0",
        "info": { "title": "quorate", "version": VERSION, "license": { "name": "MIT OR Apache-2.0" } },
        "paths": paths,
        "components": { "schemas": named, "securitySchemes": { "operator": token } },
    });
    document.to_string().into()
}

/// Notes what an operation takes a token for.
fn shut(operation: &mut Value, readers: Readers, (admin, reads): (&Admin, Reads)) {
    match readers {
        Readers::Clients => (),
        Readers::Operators(role) => {
            operation["security"] = access(*admin, role);
            operation["x-role"] = role.to_string().into();
        }
        Readers::Domain | Readers::Group if reads.is_open() => (),
        Readers::Domain | Readers::Group => {
            operation["security"] = json!([{}, { "operator": [] }]);
            operation["x-role"] = Role::Read.to_string().into();
            operation["x-closed"] = if readers == Readers::Domain { "domain" } else { "any-domain" }.into();
        }
    }
}

/// Proof that a request comes from an operator: none to read on loopback without a token.
fn access(admin: Admin, role: Role) -> Value {
    if admin.is_open_to(role) { json!([{}]) } else { json!([{ "operator": [] }]) }
}

/// The address with its parts as OpenAPI writes them.
fn address(route: &Route) -> String {
    route.path.replace("{*", "{")
}

/// Method and operation.
fn described(route: &Route, schemas: &mut Schemas) -> (&'static str, Value) {
    let mut operation = operation(route, schemas);
    let (method, body) = match route.request {
        Request::Get => return ("get", operation),
        Request::Act => return ("post", operation),
        Request::PostBytes | Request::PostStream => ("post", Body::Bytes(OCTETS)),
        Request::PostJson(shape) => ("post", Body::Json(shape)),
        Request::PutJson(shape) => ("put", Body::Json(shape)),
    };
    let is_required = !matches!(route.request, Request::PostStream);
    operation["requestBody"] = json!({ "required": is_required, "content": content(body, &mut shapes::of_bodies()) });
    (method, operation)
}

fn operation(route: &Route, schemas: &mut Schemas) -> Value {
    let mut responses = json!({ "default": problem(&mut schemas.answers) });
    let shown = route.shows.iter().chain([&SESSION]);
    let headers: Map<_, _> = shown.map(|shown| (shown.name.to_owned(), described_header(shown))).collect();
    for (status, body) in &route.replies {
        let reply = &mut responses[status.to_string()];
        reply["description"] = route.answers.into();
        for (kind, described) in content(*body, &mut schemas.answers) {
            reply["content"][kind] = described;
        }
        reply["headers"] = headers.clone().into();
    }
    json!({ "summary": route.answers, "parameters": parameters(route, &mut schemas.queries), "responses": responses })
}

/// Media type of a body with its schema.
fn content(body: Body, schemas: &mut SchemaGenerator) -> Map<String, Value> {
    let (kind, described) = match body {
        Body::Nothing => return Map::new(),
        Body::Json(shape) => ("application/json", json!({ "schema": shape(schemas) })),
        Body::Bytes(OCTETS) => (OCTETS, json!({ "schema": { "type": "string", "format": "binary" } })),
        Body::Bytes(text) => (text, json!({ "schema": { "type": "string" } })),
        Body::Events(shape) => {
            let (text, said) = (json!({ "type": "string" }), shape(schemas));
            let data = json!({ "type": "string", "contentMediaType": "application/json", "contentSchema": said });
            let event = json!({ "id": text, "event": text, "data": data });
            let schema = json!({ "type": "object", "description": "Each event of the stream", "properties": event });
            ("text/event-stream", json!({ "schema": schema }))
        }
        Body::Lines(shape) => {
            let line = json!({ "contentMediaType": "application/json", "contentSchema": shape(schemas) });
            (LINES_TYPE, json!({ "schema": { "type": "string", "x-line": line } }))
        }
    };
    [(kind.to_owned(), described)].into_iter().collect()
}

fn problem(schemas: &mut SchemaGenerator) -> Value {
    let schema = schemas.subschema_for::<Problem>();
    json!({ "description": "The question cannot be answered, and why", "content": { PROBLEM_TYPE: { "schema": schema } } })
}

/// Header with its form.
fn described_header(header: &Header) -> Value {
    let mut schema = json!({ "type": "string" });
    if !header.pattern.is_empty() {
        schema["pattern"] = header.pattern.into();
    }
    json!({ "description": header.says, "required": false, "schema": schema })
}

/// Parts of the address, then those of the query, then headers.
fn parameters(route: &Route, schemas: &mut SchemaGenerator) -> Vec<Value> {
    let address = address(route);
    let in_path = address.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path =
        in_path.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": in_address(name) }));
    let in_query = route.query.map(|parameters| parameters(schemas)).unwrap_or_default().into_iter();
    let in_query = in_query.map(|mut parameter| {
        if let Some(pattern) = route.cursor.filter(|_| parameter.name == "from") {
            parameter.schema = json!({ "type": "string", "pattern": pattern });
        }
        json!({
            "name": parameter.name, "in": "query", "required": parameter.is_required,
            "allowEmptyValue": !parameter.is_required,
            "description": parameter.description, "schema": parameter.schema,
        })
    });
    let in_headers = route.heeds.iter().map(|heeded| {
        let mut described = described_header(heeded);
        (described["name"], described["in"]) = (heeded.name.into(), "header".into());
        described
    });
    in_path.chain(in_query).chain(in_headers).collect()
}

/// Schema of a part of an address.
fn in_address(name: &str) -> Value {
    match name {
        "domain" => json!({ "type": "string", "pattern": "^(@group|[A-Za-z0-9][A-Za-z0-9._-]{0,99})$" }),
        "id" | "hash" | "key" => json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" }),
        _ => json!({ "type": "string", "minLength": 1 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(admin: &Admin, reads: Reads, address: &str) -> Value {
        let document: Value = serde_json::from_slice(&document(admin, reads)).expect("JSON");
        document["paths"][address]["get"].clone()
    }

    fn security(admin: &Admin, address: &str) -> Value {
        operation(admin, Reads::Open, address)["security"].clone()
    }

    #[test]
    fn addresses_for_operators_name_their_token_where_there_is_one() {
        let token = Admin::Token;
        assert_eq!(security(&token, "/v1/log"), json!([{ "operator": [] }]));
        assert_eq!(security(&Admin::Local, "/v1/log"), json!([{}]));
        let local: Value = serde_json::from_slice(&document(&Admin::Local, Reads::Open)).expect("JSON");
        assert_eq!(local["paths"]["/v1/log"]["put"]["security"], json!([{ "operator": [] }]));
        assert_eq!(security(&token, "/v1/status"), Value::Null);
    }

    #[test]
    fn addresses_that_tell_of_domains_say_when_they_take_a_token_where_reads_are_guarded() {
        let guarded = |address: &str| operation(&Admin::Token, Reads::Guarded, address);
        let optional = json!([{}, { "operator": [] }]);
        let (tree, events) = (guarded("/v1/domains/{domain}/tree"), guarded("/v1/events"));

        assert_eq!((&tree["security"], &tree["x-closed"]), (&optional, &json!("domain")));
        assert_eq!((&events["security"], &events["x-closed"]), (&optional, &json!("any-domain")));
        assert_eq!(guarded("/v1/status")["security"], Value::Null);
        assert_eq!(security(&Admin::Token, "/v1/domains/{domain}/tree"), Value::Null);
    }
}
