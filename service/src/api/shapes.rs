//! Shapes of queries and answers: made from the types that handlers read and write, for `/openapi.json`.

use schemars::generate::{Contract, SchemaSettings};
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
    let mut settings = SchemaSettings::draft2020_12().for_serialize();
    settings.definitions_path = "/components/schemas".into();
    settings.into_generator()
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
pub fn parameters<T: JsonSchema>() -> Vec<Parameter> {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.contract = Contract::Deserialize;
    let schema = settings.into_generator().into_root_schema_for::<T>().to_value();
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
