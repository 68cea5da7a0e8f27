//! Digests that may be absent: lower-case hex, or null.

use quorate_ledger::hexed;
use quorate_pbft::Digest;
use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

pub(super) fn serialize<S: Serializer>(value: &Option<Digest>, to: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => to.collect_str(value),
        None => to.serialize_none(),
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Digest>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| hexed::parse(&text)).transpose().map_err(D::Error::custom)
}
