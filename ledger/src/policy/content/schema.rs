//! Schemas ready for use: regular expressions are those that take linear time, and the work is known before it is done.

use super::document;
use super::schema_cost::Plan;
use crate::policy::{DOCUMENT_BYTES_MAX, Format, SCHEMA_BYTES_MAX, Schema, Tally};
use crate::vocabulary::path::Shown;
use crate::vocabulary::shelter::sheltered;
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::{Value, json};

/// Bytes of a compiled regular expression: what a search may hold in memory, and steps for each byte at the worst.
const REGEX_BYTES_MAX: usize = 256 << 10;

impl Schema {
    /// Regular expressions that it has compiled, and bytes of the places of its parts; none where it cannot be used.
    pub(crate) fn cost(&self, tally: Tally) -> (u64, u64) {
        if self.text().len() > SCHEMA_BYTES_MAX {
            return (0, 0);
        }
        let plan = || Plan::of(&document::read(Format::Json, self.text().as_bytes())?);
        sheltered(plan).and_then(Result::ok).map_or((0, 0), |plan| plan.cost(tally))
    }

    /// Makes it ready for use, or says why it cannot be used and where.
    pub(crate) fn compile(&self) -> Result<Compiled, String> {
        Ok(self.compile_if(|_| true)?.expect("it was asked for"))
    }

    /// Makes it ready for use if its cost is taken: regular expressions, and bytes of the places of its parts.
    pub(crate) fn compile_if(&self, takes: impl FnOnce((u64, u64)) -> bool) -> Result<Option<Compiled>, String> {
        if self.text().len() > SCHEMA_BYTES_MAX {
            return Err(format!("{} bytes, at most {SCHEMA_BYTES_MAX} are allowed", self.text().len()));
        }
        let mut schema = document::read(Format::Json, self.text().as_bytes())?;
        let plan = Plan::of(&schema)?;
        if !takes(plan.cost(Tally::AsCompiled)) {
            return Ok(None);
        }
        drop_id(&mut schema, plan.refers());
        let built = build(&schema);
        let validator =
            built.map_err(|error| format!("{} is not as the draft says", Shown(error.instance_path().as_str())))?;
        Ok(Some(Compiled { validator, plan }))
    }
}

fn build(schema: &Value) -> Result<Validator, ValidationError<'static>> {
    let named = schema.get("$schema").and_then(Value::as_str).unwrap_or_default();
    let draft = if named.contains("draft-07") { Draft::Draft7 } else { Draft::Draft202012 };
    let patterns = PatternOptions::regex().size_limit(REGEX_BYTES_MAX).dfa_size_limit(REGEX_BYTES_MAX);
    let options = jsonschema::options().offline().with_draft(draft).should_validate_formats(false);
    options.with_pattern_options(patterns).build(schema)
}

/// Takes the `$id` off a schema, which the library would hold once for each keyword. Nothing but the schema's own references
/// is resolved by it; it stays where a schema of an `$id` and a reference alone could not be used either.
fn drop_id(schema: &mut Value, refers: bool) {
    let Some(id) = schema.get("$id") else { return };
    let mut least = json!({ "$id": id, "$defs": { "a": true } });
    if let Some(dialect) = schema.get("$schema") {
        least["$schema"] = dialect.clone();
    }
    if refers {
        least["properties"] = json!({ "a": { "$ref": "#/$defs/a" } });
    }
    if let (Ok(_), Value::Object(words)) = (build(&least), schema) {
        words.retain(|word, _| word != "$id"); // in their order
    }
}

/// A schema ready for use.
pub(crate) struct Compiled {
    validator: Validator,
    plan: Plan,
}

impl Compiled {
    /// Steps that holding a document against it takes at most.
    pub(crate) fn steps(&mut self, document: &Value) -> u64 {
        self.plan.steps(document)
    }

    /// Place where a document breaks it; none if it fits.
    pub(crate) fn broken(&self, document: &Value) -> Option<String> {
        if self.validator.is_valid(document) {
            return None;
        }
        // The first by place, as the order in which errors are found is nobody's promise.
        let errors = self.validator.iter_errors(document);
        let places = errors.map(|error| (error.instance_path().to_string(), error.schema_path().to_string()));
        let (at, rule) = places.min().unwrap_or_default();
        let at = if at.is_empty() { "the whole".to_owned() } else { Shown(&at).to_string() };
        Some(format!("{at} breaks {} of the schema", Shown(&rule)))
    }
}

const _: () = assert!(SCHEMA_BYTES_MAX <= DOCUMENT_BYTES_MAX, "a schema is read as a document");

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(schema: Value) -> Compiled {
        Schema::new(schema.to_string()).compile().unwrap_or_else(|why| panic!("{schema}: {why}"))
    }

    fn refused(schema: Value) -> String {
        match Schema::new(schema.to_string()).compile() {
            Ok(_) => panic!("{schema} is taken"),
            Err(why) => why,
        }
    }

    #[test]
    fn a_document_fits_or_breaks_a_schema_at_a_place() {
        let schema = compiled(json!({
            "type": "object",
            "properties": { "port": { "type": "integer", "minimum": 1 }, "hosts": { "items": { "$ref": "#/$defs/host" } } },
            "required": ["port"],
            "additionalProperties": false,
            "$defs": { "host": { "type": "string", "pattern": "^[a-z.]+$" } },
        }));
        assert_eq!(schema.broken(&json!({ "port": 80, "hosts": ["a.b"] })), None);
        let broken = |document| schema.broken(&document).expect("it breaks");
        assert_eq!(broken(json!({ "port": 0 })), "/port breaks /properties/port/minimum of the schema");
        assert_eq!(broken(json!({})), "the whole breaks /required of the schema");
        assert_eq!(
            broken(json!({ "port": 1, "hosts": ["a", "B"] })),
            "/hosts/1 breaks /$defs/host/pattern of the schema"
        );
        assert_eq!(broken(json!({ "port": 1, "x": 1 })), "the whole breaks /additionalProperties of the schema");
    }

    #[test]
    fn a_recursive_schema_is_followed_into_the_document() {
        let tree = compiled(json!({
            "properties": { "value": { "type": "number" }, "children": { "items": { "$ref": "#" } } },
        }));
        assert_eq!(tree.broken(&json!({ "children": [{ "children": [{ "value": 1 }] }] })), None);
        assert!(tree.broken(&json!({ "children": [{ "children": [{ "value": "x" }] }] })).is_some());
    }

    #[test]
    fn draft_7_is_known_by_its_name() {
        let list =
            |dialect: &str| json!({ "$schema": dialect, "items": [{ "type": "string" }], "additionalItems": false });
        let draft = compiled(list("http://json-schema.org/draft-07/schema#"));
        assert_eq!((draft.broken(&json!(["a"])), draft.broken(&json!(["a", 1])).is_some()), (None, true));
        refused(list("https://json-schema.org/draft/2020-12/schema"));
        refused(json!({ "$schema": "https://example.org/mine" }));
    }

    /// Names that the library reads in some way of its own: relative ones, those with dots, and those of known dialects.
    const IDS: [&str; 16] = [
        "",
        "a.json",
        "a/b.json",
        "/a/b",
        "../a",
        "//x/a",
        "?q",
        "https://x/a",
        "HTTPS://X:443/%7e/./b/../c?q",
        "http://x/..//y",
        "x:..//y",
        "urn:a:b/../c",
        "urn:uuid:00000000-0000-0000-0000-000000000000",
        "https://json-schema.org/draft/2020-12/schema",
        "http://json-schema.org/draft-07/schema",
        "no uri",
    ];

    fn schemas_of(id: &str) -> Vec<Value> {
        let tree = json!({
            "properties": { "a": { "$ref": "#/$defs/b" }, "c": { "items": { "$ref": "#" } }, "$id": { "pattern": "^a+$" } },
            "$defs": { "b": { "type": "string" } },
            "default": { "$id": "https://x/" },
        });
        let plain = json!({ "properties": { "a": { "type": "string" } }, "maxProperties": 1 });
        let idle = json!({ "$defs": { "a": { "$ref": "#" } }, "type": "object" });
        let wrong = json!({ "type": "strin" });
        let old = json!({ "$ref": "#/definitions/a", "definitions": { "a": { "type": "object" } } });
        let named = [tree, plain, idle, wrong, old].into_iter().flat_map(|schema| {
            ["https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema#", ""].map(
                |dialect| {
                    let mut schema = schema.clone();
                    schema["$id"] = json!(id);
                    if !dialect.is_empty() {
                        schema["$schema"] = json!(dialect);
                    }
                    schema
                },
            )
        });
        named.collect()
    }

    /// Whether a schema can be used, where it is not as the draft says, and where documents break it.
    fn answers(built: Result<Validator, ValidationError<'static>>, schema: &Value) -> Vec<String> {
        let documents =
            [json!(1), json!({ "a": 1 }), json!({ "a": "x", "$id": "b", "d": 1 }), json!({ "c": [{ "a": 1 }, 1] })];
        match built {
            Ok(validator) => {
                let compiled = Compiled { validator, plan: Plan::of(schema).expect("it is taken") };
                documents.iter().map(|document| format!("{:?}", compiled.broken(document))).collect()
            }
            Err(error) => vec![error.instance_path().to_string()],
        }
    }

    #[test]
    fn a_schema_answers_without_its_id_as_with_it() {
        for schema in IDS.iter().flat_map(|id| schemas_of(id)) {
            let (mut nameless, refers) = (schema.clone(), Plan::of(&schema).expect("it is taken").refers());
            drop_id(&mut nameless, refers);
            assert_eq!(answers(build(&nameless), &schema), answers(build(&schema), &schema), "{schema}");
        }
    }

    #[test]
    fn no_id_by_which_a_schema_can_be_used_is_spelled_for_its_keywords() {
        for schema in IDS.iter().flat_map(|id| schemas_of(id)) {
            let Ok(compiled) = Schema::new(schema.to_string()).compile() else { continue };
            let document = json!({ "a": 1, "b": 2 });
            let spelled =
                compiled.validator.iter_errors(&document).any(|error| error.absolute_keyword_location().is_some());
            assert!(!spelled, "{schema}");
        }
    }

    #[test]
    fn nothing_outside_is_asked() {
        for to in
            ["https://example.org/a.json", "file:///etc/passwd", "other.json", "#/$defs/%61", "#anchor", "#/nothing"]
        {
            refused(json!({ "$ref": to, "$defs": { "a": {} } }));
        }
        refused(json!({ "properties": { "a": { "$id": "https://example.org/" } } }));
        refused(json!({ "$dynamicRef": "#a" }));
        refused(json!({ "unevaluatedProperties": false }));
    }

    #[test]
    fn what_is_no_schema_is_refused_with_its_place() {
        assert!(refused(json!({ "type": "strin" })).contains("/type"));
        assert!(refused(json!({ "properties": { "a": { "minimun": 1 } } })).contains("/properties/a/minimun"));
        refused(json!([]));
        refused(json!({ "pattern": "(" }));
        assert!(Schema::new("{").compile().is_err());
        assert!(Schema::new(r#"{"type": "string", "type": "number"}"#).compile().is_err());
        assert!(Schema::new(format!("{{{}}}", " ".repeat(SCHEMA_BYTES_MAX))).compile().is_err());
    }

    #[test]
    fn regular_expressions_that_backtrack_are_refused_and_others_take_linear_time() {
        refused(json!({ "pattern": "(a)\\1" }));
        refused(json!({ "pattern": "^(?=a)" }));
        refused(json!({ "pattern": "((a{1,100}){1,100}){1,100}" }));
        let slow_elsewhere = compiled(json!({ "pattern": "^(a+)+$" }));
        assert!(slow_elsewhere.broken(&json!(format!("{}b", "a".repeat(100_000)))).is_some());
    }

    #[test]
    fn a_schema_that_applies_itself_to_the_same_value_is_refused() {
        refused(json!({ "$ref": "#" }));
        refused(json!({ "anyOf": [{ "$ref": "#/$defs/a" }], "$defs": { "a": { "not": { "$ref": "#" } } } }));
        let chain = |links: u32| {
            let link = |n| (format!("{n}"), json!({ "$ref": format!("#/$defs/{}", n + 1) }));
            let mut defs: serde_json::Map<String, Value> = (0..links).map(link).collect();
            defs.insert(links.to_string(), json!(true));
            json!({ "$ref": "#/$defs/0", "$defs": defs })
        };
        compiled(chain(10));
        refused(chain(11));
    }

    /// Each level of the schema asks twice for the next: 2^n looks at the one value.
    #[test]
    fn work_that_grows_exponentially_is_known_before_it_is_done() {
        let level = |n: u32| {
            let next = json!({ "$ref": format!("#/$defs/{}", n + 1) });
            (n.to_string(), json!({ "items": { "anyOf": [next, next, next, next] } }))
        };
        let mut defs: serde_json::Map<String, Value> = (0..60).map(level).collect();
        defs.insert("60".into(), json!(false));
        let mut schema = compiled(json!({ "$ref": "#/$defs/0", "$defs": defs }));
        let nested = |depth: usize| (0..depth).fold(json!([]), |inner, _| json!([inner]));
        assert!(schema.steps(&nested(4)) < 10_000);
        assert!(schema.steps(&nested(50)) > 1 << 60);
        let mut recursive = compiled(json!({ "anyOf": [{ "items": { "$ref": "#" } }, { "items": { "$ref": "#" } }] }));
        assert!(recursive.steps(&nested(50)) > 1 << 50);
    }

    /// The deepest document under the longest chain, on the 2 MiB of stack that the thread of a test has.
    #[test]
    fn the_deepest_check_fits_a_stack() {
        let mut inner = json!({ "items": { "$ref": "#" }, "maxItems": 1 });
        for _ in 0..10 {
            inner = json!({ "allOf": [{ "type": "array" }, inner] });
        }
        let schema = compiled(inner);
        let nested = |leaf: Value| (0..62).fold(leaf, |inner, _| json!([inner]));
        assert_eq!(schema.broken(&nested(json!([]))), None);
        assert!(schema.broken(&nested(json!("x"))).is_some());
    }
}
