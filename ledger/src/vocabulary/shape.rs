//! Schemas of what JSON shows as text of a certain form, for the description of the HTTP API.

use crate::vocabulary::name::{NAME_BYTES_MAX, Principal};
use crate::vocabulary::revision::Revision;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

/// Form of so many bytes in lower-case hex.
pub struct Hex<const BYTES: usize>;

/// Form of a list of keys.
pub type Keys = Vec<Hex<32>>;

impl<const BYTES: usize> JsonSchema for Hex<BYTES> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Hex{BYTES}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": format!("^[0-9a-f]{{{}}}$", 2 * BYTES) })
    }
}

impl JsonSchema for Revision {
    fn schema_name() -> Cow<'static, str> {
        "Revision".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^(0|[1-9][0-9]{0,18}(\.[1-9][0-9]{0,8})?)$",
            "description": "Point in the agreed order: the state after slot S, written S, or after the i-th verdict of it, written S.i",
        })
    }
}

impl JsonSchema for Principal {
    fn schema_name() -> Cow<'static, str> {
        "Principal".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let name = format!("[A-Za-z0-9][A-Za-z0-9._-]{{0,{}}}", NAME_BYTES_MAX - 1);
        json_schema!({
            "type": "string",
            "pattern": format!(r"^(\*|org:{name}|key:[0-9a-f]{{64}})$"),
            "description": "Whom a rule speaks of: every enrolled author, those of an organisation, or one by its key",
        })
    }
}
