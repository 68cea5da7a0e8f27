//! The API is what `/openapi.json` says: every address answers, in the media type and the shape that stand there.

use crate::governance::{author, new_key, says, text, word};
use crate::group::Group;
use crate::http::{self, Answer};
use quorate_client::content;
use quorate_ledger::{Branch, GlobalTransaction, Mode, Op, hexed};
use serde_json::{Value, json};

/// A group with an example of most things that an answer can show.
struct Examples {
    group: Group,
    author: String,
    envelope: String,
    conflict: String,
    content: String,
    proposal: String,
    transaction: String,
}

impl Examples {
    fn made() -> Self {
        let group = Group::running(4);
        let (one, other) = (author(&group, 0), author(&group, 1));
        let (file, another) = (new_key(&group, "a-file"), new_key(&group, "another-file"));
        let put = says(&group, &one, 0, &["put", "a", text(&file)], 0);
        says(&group, &one, 0, &["put", "c", text(&file)], 0);
        let clash = says(&group, &other, 0, &["put", "c", text(&another), "--base", "0"], 1);
        let conflict = clash["conflicts"][0].as_str().expect("a conflict").to_owned();
        says(&group, &one, 0, &["lock", "acquire", "d", "--lease", "600"], 0);
        says(&group, &other, 0, &["lock", "acquire", "d", "--lease", "600", "--wait", "600", "--detach"], 0);
        let proposal = says(&group, &one, 0, &["domains", "create", "lab", "--writers", "org:org-1"], 0);
        let story = group.get(0, &format!("/v1/conflicts/{conflict}")).json();
        Self {
            author: word(&put, "author").to_owned(),
            envelope: word(&put, "id").to_owned(),
            conflict,
            content: word(&story["sides"][0], "hash").to_owned(),
            proposal: word(&proposal, "proposal").to_owned(),
            transaction: prepared(&group, 4),
            group,
        }
    }

    /// The address with the examples in place of its parts.
    fn filled(&self, path: &str) -> String {
        let id = match path {
            "/v1/envelopes/{id}" => &self.envelope,
            "/v1/proposals/{id}" => &self.proposal,
            "/v1/transactions/{id}" => &self.transaction,
            _ => &self.conflict,
        };
        let filled = path
            .replace("{domain}", "main")
            .replace("{path}", "a")
            .replace("{hash}", &self.content)
            .replace("{key}", &self.author)
            .replace("{id}", id);
        let pair = format!("?first={0}&second={0}", self.envelope);
        if path.ends_with("/causality") { filled + &pair } else { filled }
    }

    fn document(&self) -> Value {
        self.group.get(0, "/openapi.json").json()
    }
}

/// Transaction with another group, prepared by the first author's envelope of this number.
fn prepared(group: &Group, number: u64) -> String {
    let (other, one) = (Group::init(1), author(group, 0));
    let genesis = other.dir().join("genesis.json");
    let known = says(group, &one, 0, &["groups", "know", text(&genesis), "--name", "partner"], 0);
    for number in [1, 2] {
        says(group, &author(group, number), 0, &["approve", word(&known, "proposal")], 0);
    }
    let groups = says(group, &one, 0, &["groups", "list"], 0);
    let ops = vec![Op::Put { path: "t".to_owned(), mode: Mode::File, content: content::digest(b"t") }];
    let branch = |id: &str| {
        let group = hexed::parse(id).expect("a digest");
        Branch { group, domain: "main".to_owned(), change: Branch::change_of(&ops) }
    };
    let branches = vec![branch(word(&group.status(0), "group")), branch(word(&groups["items"][0], "group"))];
    let transaction = GlobalTransaction { salt: [7; 16], lease_ms: 600_000, branches };
    let prepare = Op::Prepare { transaction: transaction.clone(), proof: vec![] };
    let envelope = group.signed(number, 1, [vec![prepare], ops].concat(), vec![b"t".to_vec()]);
    let receipt = group.offer(0, &envelope).json();
    assert_eq!(word(&receipt, "state"), "applied", "{receipt}");
    transaction.id().to_string()
}

/// Checks a value against a schema whose references lead into the document.
fn fault(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    let schema = json!({ "allOf": [schema], "components": document["components"] });
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    validator.iter_errors(value).next().map(|error| format!("{error} at {}", error.instance_path()))
}

fn media_type(answer: &Answer) -> String {
    let headers = answer.headers.to_lowercase();
    let named = headers.lines().find_map(|line| line.strip_prefix("content-type:")).expect("a media type");
    named.split(';').next().unwrap_or_default().trim().to_owned()
}

/// Addresses with a GET, but for the stream that never ends.
fn questions(document: &Value) -> Vec<(String, Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let asked = paths.iter().filter(|(path, methods)| methods["get"].is_object() && *path != "/v1/events");
    asked.map(|(path, methods)| (path.clone(), methods["get"].clone())).collect()
}

/// Addresses whose id nothing in the examples has: no change waits for approvals, and nobody lied.
const UNKNOWN: [&str; 2] = ["/v1/domains/{domain}/pending/{id}", "/v1/evidence/{id}"];

#[test]
fn every_question_of_the_openapi_document_has_an_answer_of_the_type_and_shape_that_it_says() {
    let examples = Examples::made();
    let document = examples.document();
    for (path, operation) in questions(&document) {
        let answer = examples.group.get(0, &examples.filled(&path));
        let expected = if UNKNOWN.contains(&path.as_str()) { 404 } else { 200 };
        assert_eq!(answer.status, expected, "{path}: {}", answer.text());
        let responses = &operation["responses"];
        let reply = responses.get(answer.status.to_string()).unwrap_or(&responses["default"]);
        let described = reply["content"].get(media_type(&answer));
        let described = described.unwrap_or_else(|| panic!("{path} answers {}", media_type(&answer)));
        if let Some(schema) = described.get("schema") {
            let is_json = media_type(&answer).ends_with("json");
            let said = if is_json { answer.json() } else { answer.text().into() };
            assert_eq!(fault(&document, schema, &said), None, "{path}: {}", answer.text());
        }
    }
}

#[test]
fn every_example_of_an_answer_with_a_field_of_another_type_is_refused_by_its_schema() {
    let examples = Examples::made();
    let document = examples.document();
    for (path, operation) in questions(&document) {
        let answer = examples.group.get(0, &examples.filled(&path));
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        if answer.status != 200 || media_type(&answer) != "application/json" {
            continue;
        }
        let answer = answer.json();
        for field in answer.as_object().expect("an object").keys() {
            let mut other = answer.clone();
            other[field] = json!({ "of another type": true });
            assert!(fault(&document, schema, &other).is_some(), "{path}: {field} may be anything");
        }
    }
}

#[test]
fn every_event_of_the_stream_has_the_shape_that_the_document_says() {
    let examples = Examples::made();
    let document = examples.document();
    let described = &document["paths"]["/v1/events"]["get"]["responses"]["200"]["content"]["text/event-stream"];
    let schema = &described["schema"]["properties"]["data"]["contentSchema"];
    let mut stream = http::open(examples.group.api(0), "/v1/events?from=0").expect("a stream");
    let events = http::read_until(&mut stream, "\"what\":\"waiting\"").expect("a lock that somebody waits for");

    let data: Vec<&str> = events.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    let whole: Vec<Value> = data.iter().filter_map(|data| serde_json::from_str(data).ok()).collect();
    assert!(whole.len() >= 5, "{events}");
    for event in whole {
        assert_eq!(fault(&document, schema, &event), None, "{event}");
    }
    assert!(fault(&document, schema, &json!({ "kind": "receipt" })).is_some());
}

#[test]
fn a_parameter_that_is_not_as_the_document_says_is_refused() {
    let group = Group::running(1);
    let refused = [
        "/v1/proposals?state=closed",
        "/v1/conflicts?state=closed",
        "/v1/domains/main/tree?limit=many",
        "/v1/domains/main/tree?level=weak",
        "/v1/domains/main/tree?at=01",
        "/v1/domains/main/files/a?proof=perhaps",
        "/v1/events?from=x",
        "/v1/conflicts?id=0&state=closed",
        "/v1/evidence?from=0",
        "/v1/epochs?proof=true&limit=many",
        "/v1/domains/main/tree?prefix=%ff",
        "/v1/domains/main/files/%ff",
        "/v1/domains/main/files/a?nonce=x",
    ];
    for path in refused {
        let answer = group.get(0, path);
        assert_eq!((answer.status, answer.json()["code"].as_str()), (400, Some("bad-request")), "{path}");
    }
}

#[test]
fn a_parameter_that_may_be_left_out_may_be_empty_as_the_document_says() {
    let group = Group::running(1);
    let document = group.get(0, "/openapi.json").json();
    let mut asked = 0;
    for (path, operation) in questions(&document).into_iter().filter(|(path, _)| !path.contains('{')) {
        let parameters = operation["parameters"].as_array().expect("a list").iter();
        let in_query: Vec<_> = parameters.filter(|parameter| parameter["in"] == "query").collect();
        if in_query.iter().any(|parameter| parameter["required"] == true) {
            continue;
        }
        assert!(in_query.iter().all(|parameter| parameter["allowEmptyValue"] == true), "{path}: {in_query:?}");
        let empty: Vec<_> = in_query.iter().map(|parameter| format!("{}=", word(parameter, "name"))).collect();
        let answer = group.get(0, &format!("{path}?{}", empty.join("&")));
        assert_eq!(answer.status, group.get(0, &path).status, "{path}: {}", answer.text());
        asked += in_query.len();
    }
    assert!(asked > 10, "{asked} parameters");
}

/// Status and code of an answer, and its words.
fn problem(answer: &Answer) -> (u16, String, String) {
    assert_eq!(media_type(answer), "application/problem+json");
    let said = answer.json();
    (answer.status, word(&said, "code").to_owned(), word(&said, "detail").to_owned())
}

#[test]
fn a_newcomer_who_asks_wrongly_hears_what_to_do() {
    let group = Group::running(1);
    let post = |path: &str, kind: &str| {
        let head = format!("POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 2\r\n");
        problem(&http::ask(group.api(0), &format!("{head}Content-Type: {kind}\r\n\r\n"), b"{}").expect("an answer"))
    };
    let said = [
        (problem(&group.get(0, "/v1/status/")), 404, "not-found", "/openapi.json"),
        (problem(&group.get(0, "/v1/domains/main/tree?limit=1&limit=2")), 400, "bad-request", "query: duplicate field"),
        (
            problem(&group.get(0, &format!("/v1/conflicts?from={}", "0".repeat(64)))),
            404,
            "not-found",
            "leave out `from`",
        ),
        (problem(&group.get(0, "/v1/order")), 503, "nothing-signed", "make a first change"),
        (post("/v1/domains/main/files/a", "text/plain"), 405, "method-not-allowed", "POST one to /v1/envelopes"),
        (post("/v1/status", "text/plain"), 405, "method-not-allowed", "`Allow`"),
        (post("/v1/envelopes", "application/json"), 415, "unsupported-media-type", "docs/encoding.md"),
        (post("/v1/envelopes", "text/plain"), 422, "malformed", "envelope"),
    ];
    for ((status, code, detail), expected, name, words) in said {
        assert_eq!((status, code.as_str()), (expected, name), "{detail}");
        assert!(detail.contains(words), "{detail}");
    }
}

#[test]
fn what_may_be_left_out_of_a_body_is_not_required_by_its_schema() {
    let group = Group::running(1);
    let document = group.get(0, "/openapi.json").json();
    let body = &document["paths"]["/v1/members/plan"]["post"]["requestBody"]["content"]["application/json"]["schema"];
    assert!(body["properties"]["order"].is_object(), "{body}");
    assert!(body["required"].is_null(), "{body}");
}
