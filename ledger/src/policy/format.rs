//! Formats of contents.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Bytes of a TOML or YAML content that is read, and of any that is held against a schema: what people write by hand.
pub const DOCUMENT_BYTES_MAX: usize = 1 << 20;

/// A format that a content can be checked for: accepted alike on every replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Format {
    /// UTF-8 without NUL.
    Text = 1,
    /// JSON (RFC 8259), nested at most 127 deep.
    Json = 2,
    /// TOML 1.1, nested at most 80 deep, at most [`DOCUMENT_BYTES_MAX`].
    Toml = 3,
    /// YAML 1.2, any number of documents, at most [`DOCUMENT_BYTES_MAX`].
    Yaml = 4,
}

impl Format {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "JSON",
            Self::Toml => "TOML",
            Self::Yaml => "YAML",
        }
    }
}
