//! Files with a tag and a hash.

use super::ProofError;
use borsh::{BorshDeserialize, BorshSerialize};
use sha2::{Digest as _, Sha256};

/// Bytes of a proof file: what a reader takes before it decodes. The largest part is a receipt of many paths.
pub const PROOF_BYTES_MAX: usize = 128 << 20;

/// File with a tag, one value, and the SHA-256 of both.
pub(super) fn sealed(tag: &[u8], value: &impl BorshSerialize) -> Vec<u8> {
    let mut bytes = tag.to_vec();
    borsh::to_writer(&mut bytes, value).expect("writing into memory cannot fail");
    let hash = Sha256::digest(&bytes);
    bytes.extend_from_slice(&hash);
    bytes
}

/// Value of such a file, if it is one.
pub(super) fn unsealed<T: BorshDeserialize>(tag: &[u8], bytes: &[u8]) -> Result<T, ProofError> {
    let (hashed, hash) = bytes.split_last_chunk::<32>().ok_or(ProofError::Malformed)?;
    let body = hashed.strip_prefix(tag).ok_or(ProofError::Malformed)?;
    if bytes.len() > PROOF_BYTES_MAX || Sha256::digest(hashed)[..] != *hash {
        return Err(ProofError::Malformed);
    }
    borsh::from_slice(body).map_err(|_| ProofError::Malformed)
}
