//! Lower-case hex for bytes of fixed length, wherever JSON or people read them.

use core::fmt;
use quorate_pbft::{Digest, PublicKey, Signature};
use serde::{Deserialize, Deserializer, Serializer};

/// Bytes of one fixed length that JSON shows as lower-case hex.
pub trait Hexed: Sized {
    /// The bytes.
    fn bytes(&self) -> &[u8];
    /// From exactly as many bytes; none for any other number.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

impl Hexed for Digest {
    fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl Hexed for PublicKey {
    fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl Hexed for Signature {
    fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

/// Text that is not the lower-case hex of what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not lower-case hex of the right length")]
pub struct NotHex;

/// Reads lower-case hex; the inverse of writing it, so upper case is refused.
pub fn parse<T: Hexed>(text: &str) -> Result<T, NotHex> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(NotHex);
    }
    let bytes = hex::decode(text).map_err(|_| NotHex)?;
    T::from_bytes(&bytes).ok_or(NotHex)
}

/// For `#[serde(with = "hexed")]`.
pub fn serialize<T: Hexed, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::encode(value.bytes()))
}

/// For `#[serde(with = "hexed")]`.
pub fn deserialize<'de, T: Hexed, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).map_err(serde::de::Error::custom)
}

/// Lists of such values, for `#[serde(with = "hexed::list")]`.
pub mod list {
    use super::Hexed;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes each in hex.
    pub fn serialize<T: Hexed, S: Serializer>(values: &[T], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values.iter().map(|value| hex::encode(value.bytes())))
    }

    /// Reads each from hex.
    pub fn deserialize<'de, T: Hexed, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| super::parse(text).map_err(serde::de::Error::custom)).collect()
    }
}

/// Bytes of any length, for `#[serde(with = "hexed::bytes")]`.
pub mod bytes {
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes them in hex.
    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(bytes))
    }

    /// Reads them from hex.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        hex::decode(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// An id: a digest with a name of its own, shown in hex.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, borsh::BorshSerialize, borsh::BorshDeserialize,
            serde::Serialize, serde::Deserialize,
        )]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(transparent)]
        pub struct $name(
            #[serde(with = "crate::vocabulary::hexed")]
            #[cfg_attr(feature = "schema", schemars(with = "crate::vocabulary::shape::Hex<32>"))]
            pub quorate_pbft::Digest,
        );

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Display::fmt(&self.0, f)
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Debug::fmt(&self.0, f)
            }
        }

        impl core::str::FromStr for $name {
            type Err = crate::vocabulary::hexed::NotHex;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                crate::vocabulary::hexed::parse(text).map(Self)
            }
        }
    };
}
pub(crate) use id;

/// A public key in JSON.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct HexKey(#[serde(with = "crate::vocabulary::hexed")] pub PublicKey);

impl fmt::Debug for HexKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_has_one_spelling() {
        let digest = Digest([0xab; 32]);
        assert_eq!(parse(&digest.to_string()), Ok(digest));
        assert_eq!(parse::<Digest>(&digest.to_string().to_uppercase()), Err(NotHex));
        assert_eq!(parse::<Digest>("ab"), Err(NotHex));
    }
}
