//! Hashing, signing and strict verification (rule G1).

use crate::wire::Digest;
use borsh::{BorshDeserialize, BorshSerialize};
use core::fmt;
use sha2::{Digest as _, Sha256};

/// An ed25519 public key in its canonical encoding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct PublicKey(pub [u8; 32]);

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Digest(self.0).fmt(f)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Digest(self.0), f)
    }
}

/// An ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Signature(pub [u8; 64]);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}{:02x}{:02x}…", self.0[0], self.0[1], self.0[2])
    }
}

/// Makes the one signature that its key has for some bytes. Deterministic, as RFC 8032 is.
pub trait Signer: Send + Sync {
    /// The key that verifies what this signs.
    fn public_key(&self) -> PublicKey;

    /// The signature of `bytes`.
    fn sign(&self, bytes: &[u8]) -> Signature;
}

/// Says whether a signature fits. Every implementation must answer alike on every replica.
pub trait Verify: Send + Sync {
    /// Whether `signature` is `key`'s signature of `bytes`.
    fn verify(&self, key: &PublicKey, bytes: &[u8], signature: &Signature) -> bool;
}

/// Ed25519 with `verify_strict` (G1): one by one, never in batches, small-order keys refused.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ed25519;

impl Verify for Ed25519 {
    fn verify(&self, key: &PublicKey, bytes: &[u8], signature: &Signature) -> bool {
        let Ok(key) = ed25519_dalek::VerifyingKey::from_bytes(&key.0) else {
            return false;
        };
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        key.verify_strict(bytes, &signature).is_ok()
    }
}

/// A secret key in memory.
#[derive(Clone)]
pub struct Ed25519Signer(ed25519_dalek::SigningKey);

impl Ed25519Signer {
    /// The key with this 32-byte seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }
}

impl fmt::Debug for Ed25519Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ed25519Signer({:?})", self.public_key())
    }
}

impl Signer for Ed25519Signer {
    fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    fn sign(&self, bytes: &[u8]) -> Signature {
        use ed25519_dalek::Signer as _;
        Signature(self.0.sign(bytes).to_bytes())
    }
}

/// SHA-256 of a domain tag and a value's one encoding.
///
/// The tag ends with a NUL byte, so that no tag is the beginning of another with its value.
pub fn hash(tag: &str, value: &impl BorshSerialize) -> Digest {
    let mut hasher = Hasher::new(tag);
    borsh::to_writer(&mut hasher, value).expect("writing into a hash cannot fail");
    hasher.finish()
}

/// SHA-256 of a domain tag and byte strings, one after the other. Only for parts of fixed length.
pub fn hash_parts(tag: &str, parts: &[&[u8]]) -> Digest {
    let mut hasher = Hasher::new(tag);
    for part in parts {
        hasher.0.update(part);
    }
    hasher.finish()
}

struct Hasher(Sha256);

impl Hasher {
    fn new(tag: &str) -> Self {
        let mut sha = Sha256::new();
        sha.update(tag.as_bytes());
        sha.update([0]);
        Self(sha)
    }

    fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

impl borsh::io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> borsh::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> borsh::io::Result<()> {
        Ok(())
    }
}
