//! 32-byte values as lower-case hex in JSON.

use quorate_pbft::{Digest, PublicKey};
use serde::{Deserialize, Deserializer, Serializer};
use std::fmt::Display;

/// What is 32 bytes and prints itself as lower-case hex.
pub(super) trait Bytes32: Display {
    fn of(bytes: [u8; 32]) -> Self;
}

impl Bytes32 for Digest {
    fn of(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl Bytes32 for PublicKey {
    fn of(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

pub(super) fn serialize<T: Bytes32, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

pub(super) fn deserialize<'de, T: Bytes32, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    parse(&String::deserialize(deserializer)?)
}

fn parse<T: Bytes32, E: serde::de::Error>(text: &str) -> Result<T, E> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).map_err(E::custom)?;
    let canonical = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    canonical.then(|| T::of(bytes)).ok_or_else(|| E::custom("hex is written in lower case"))
}

/// The same for what may be absent (null).
pub(super) mod option {
    use super::{Bytes32, parse};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in super::super) fn serialize<T: Bytes32, S: Serializer>(value: &Option<T>, to: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => to.collect_str(value),
            None => to.serialize_none(),
        }
    }

    pub(in super::super) fn deserialize<'de, T: Bytes32, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
        Option::<String>::deserialize(from)?.map(|text| parse(&text)).transpose()
    }
}
