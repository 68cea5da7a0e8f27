//! Files as the state names them: mode and content.

use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::Digest;
use serde::{Deserialize, Serialize};

/// Mode of a file.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, BorshSerialize, BorshDeserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "FileMode"))]
#[serde(rename_all = "lowercase")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Mode {
    /// An ordinary file.
    File = 1,
    /// A file with the executable bit.
    Exec = 2,
    /// A symbolic link; its content is the target.
    Link = 3,
}

/// File: mode, digest and size of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct File {
    /// File, executable or link.
    pub mode: Mode,
    /// SHA-256 of the content.
    pub content: Digest,
    /// Bytes of the content.
    pub size: u64,
}
