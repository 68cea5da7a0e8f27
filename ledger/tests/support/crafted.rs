//! Signatures that no signer makes by itself, only who has tools for them: with a part of small order, and off by a number.
#![allow(dead_code)] // each crate uses a part of it

use curve25519_dalek::scalar::clamp_integer;
use curve25519_dalek::traits::IsIdentity;
use curve25519_dalek::{EdwardsPoint, Scalar, constants};
use quorate_pbft::{PublicKey, Signature, Signer};
use sha2::{Digest as _, Sha512};

/// Signer whose key, or whose nonces, have a part of small order: the cofactored equation holds, the strict one does not.
pub struct Torsioned {
    secret: Scalar,
    of_key: EdwardsPoint,
    of_nonces: EdwardsPoint,
}

impl Torsioned {
    /// A key with such a part, and nonces without.
    pub fn key(secret: Scalar) -> Self {
        Self { secret, of_key: constants::EIGHT_TORSION[1], of_nonces: EdwardsPoint::default() }
    }

    /// The plain key of an ed25519 seed, and nonces with such a part.
    pub fn nonces(seed: &[u8; 32]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(&Sha512::digest(seed)[..32]);
        let secret = Scalar::from_bytes_mod_order(clamp_integer(bytes));
        Self { secret, of_key: EdwardsPoint::default(), of_nonces: constants::EIGHT_TORSION[1] }
    }

    /// The signature by a nonce, unless the parts of small order cancel each other out.
    fn signed(&self, bytes: &[u8], nonce: Scalar) -> Option<[u8; 64]> {
        let point = (EdwardsPoint::mul_base(&nonce) + self.of_nonces).compress().to_bytes();
        let challenge = wide(Sha512::new().chain_update(point).chain_update(self.public_key().0).chain_update(bytes));
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&point);
        signature[32..].copy_from_slice(&(nonce + challenge * self.secret).to_bytes());
        let is_seen = !(self.of_nonces + challenge * self.of_key).is_identity();
        is_seen.then_some(signature)
    }
}

impl Signer for Torsioned {
    fn public_key(&self) -> PublicKey {
        PublicKey((EdwardsPoint::mul_base(&self.secret) + self.of_key).compress().to_bytes())
    }

    fn sign(&self, bytes: &[u8]) -> Signature {
        let nonces = (0..).map(|n: u64| wide(Sha512::new().chain_update(n.to_le_bytes()).chain_update(bytes)));
        let mut signed = nonces.flat_map(|nonce| self.signed(bytes, nonce));
        Signature(signed.next().expect("at most one in eight is passed over"))
    }
}

/// Signer whose answers are off by a number: wrong each, and right in a sum with those that are off by its negative.
pub struct Off<S>(pub S, pub Scalar);

impl<S: Signer> Signer for Off<S> {
    fn public_key(&self) -> PublicKey {
        self.0.public_key()
    }

    fn sign(&self, bytes: &[u8]) -> Signature {
        let mut signature = self.0.sign(bytes);
        let mut answer = [0; 32];
        answer.copy_from_slice(&signature.0[32..]);
        let answer = Scalar::from_bytes_mod_order(answer) + self.1;
        signature.0[32..].copy_from_slice(&answer.to_bytes());
        signature
    }
}

fn wide(hash: Sha512) -> Scalar {
    Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
}
