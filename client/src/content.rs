//! Contents of files by their hash.

use quorate_pbft::Digest;
use sha2::{Digest as _, Sha256};

/// Name of a content: SHA-256 of its bytes, of a link's target.
pub fn digest(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}
