//! JSON Schema: what of a document's shape a rule asks for.
//!
//! A schema stands in the policy, so it is state like all else there. References lead to nothing outside it. Regular
//! expressions are those that take linear time: no look-around, no back references. `format` says nothing.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// Bytes of one schema's JSON text.
pub const SCHEMA_BYTES_MAX: usize = 64 << 10;

/// A JSON Schema (2020-12 or draft 7), as JSON text. In a policy's JSON it stands as itself.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Schema(String);

impl Schema {
    /// From JSON text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The JSON text.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl Serialize for Schema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serde_json::from_str::<Value>(&self.0) {
            Ok(schema) => schema.serialize(serializer),
            Err(_) => Serialize::serialize(&self.0, serializer), // no policy in force holds such a one
        }
    }
}

impl<'de> Deserialize<'de> for Schema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Value::deserialize(deserializer)?.to_string()))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Schema {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SchemaOfDocuments".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "description": "JSON Schema that documents at the rule's paths must meet" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_schema_stands_in_json_as_itself() {
        let schema: Schema = serde_json::from_value(json!({ "type": "object" })).expect("any JSON");
        assert_eq!(schema.text(), r#"{"type":"object"}"#);
        assert_eq!(serde_json::to_value(&schema).expect("JSON"), json!({ "type": "object" }));
    }
}
