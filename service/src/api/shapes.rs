//! Shapes of queries and answers: made from the types that handlers read and write, for `/openapi.json`.

use schemars::generate::{Contract, SchemaSettings};
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

/// Schema of a type, whose parts the generator keeps by name.
pub type Shape = fn(&mut SchemaGenerator) -> Schema;

/// Body of an answer.
#[derive(Debug, Clone, Copy)]
pub enum Body {
    /// JSON of a type.
    Json(Shape),
    /// Bytes of this media type.
    Bytes(&'static str),
    /// Server-sent events, whose data is JSON of a type.
    Events(Shape),
    /// Lines, each JSON of a type.
    Lines(Shape),
    /// No body.
    Nothing,
}

/// JSON of the type.
pub fn json<T: JsonSchema>() -> Body {
    Body::Json(SchemaGenerator::subschema_for::<T>)
}

/// Server-sent events, each with JSON of the type.
pub fn events<T: JsonSchema>() -> Body {
    Body::Events(SchemaGenerator::subschema_for::<T>)
}

/// Lines, each with JSON of the type.
pub fn lines<T: JsonSchema>() -> Body {
    Body::Lines(SchemaGenerator::subschema_for::<T>)
}

/// Generator for the bodies of answers: a schema stands once, among the document's components.
pub fn of_answers() -> SchemaGenerator {
    settings(Contract::Serialize).into_generator()
}

/// The same for queries.
pub fn of_queries() -> SchemaGenerator {
    settings(Contract::Deserialize).into_generator()
}

/// The same for the bodies of questions, whole where they stand: what may be left out of a question is always in an answer,
/// so that one name among the components cannot mean both.
pub fn of_bodies() -> SchemaGenerator {
    let mut settings = settings(Contract::Deserialize);
    settings.inline_subschemas = true;
    settings.into_generator()
}

fn settings(contract: Contract) -> SchemaSettings {
    let mut settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(enumerate));
    (settings.definitions_path, settings.contract) = ("/components/schemas".into(), contract);
    settings
}

/// A choice between names as an enumeration, of which generators of clients make a type; what each name says goes into
/// the description.
fn enumerate(schema: &mut Schema) {
    let of = schema.get("oneOf").and_then(Value::as_array);
    let named = of.and_then(|of| of.iter().map(|one| Some((one["const"].as_str()?, &one["description"]))).collect());
    let Some(named): Option<Vec<(&str, &Value)>> = named else { return };
    let names: Vec<&str> = named.iter().map(|(name, _)| *name).collect();
    let said = named.iter().filter_map(|(name, said)| Some(format!("- `{name}`: {}", said.as_str()?)));
    let whole = schema.get("description").and_then(Value::as_str).map(|whole| format!("{whole}\n"));
    let description: Vec<String> = whole.into_iter().chain(said).collect();
    *schema = schemars::json_schema!({ "type": "string", "enum": names, "description": description.join("\n") });
}

/// Parameter of a query.
pub struct Parameter {
    /// Name in the query.
    pub name: String,
    /// True if there is no answer without it.
    pub is_required: bool,
    /// Description in words.
    pub description: Value,
    /// Schema of its value.
    pub schema: Value,
}

/// Parameters of the query that a handler reads into the type.
pub fn parameters<T: JsonSchema>(schemas: &mut SchemaGenerator) -> Vec<Parameter> {
    let schema = T::json_schema(schemas).to_value();
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties.map(|(name, of)| parameter(name, required.contains(&name.as_str()), of.clone())).collect()
}

fn parameter(name: &str, is_required: bool, mut schema: Value) -> Parameter {
    let description = schema.as_object_mut().and_then(|fields| fields.remove("description")).unwrap_or_default();
    Parameter { name: name.to_owned(), is_required, description, schema: present(schema) }
}

/// The schema without null: a parameter that is not there has no value at all.
fn present(mut schema: Value) -> Value {
    if let Some(fields) = schema.as_object_mut() {
        fields.remove("default");
    }
    if let Some(of) = schema["anyOf"].as_array().and_then(|any| any.iter().find(|of| of["type"] != "null")).cloned() {
        return of;
    }
    if let Some(kind) = schema["type"].as_array().and_then(|kinds| kinds.iter().find(|kind| *kind != "null")).cloned() {
        schema["type"] = kind;
    }
    if let Some(values) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        values.retain(|value| !value.is_null());
    }
    schema
}
