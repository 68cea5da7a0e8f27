//! Signatures of authors: whether one fits, and whether many do (rule G1).
//!
//! A predicate answers alike for one and for many, so that replicas agree on a bundle however they check it. The strict one,
//! whose equation has no cofactor, cannot be checked for many at once: points of small order cancel each other out in a
//! sum. The cofactored one is that of Chalkias, Garillot and Nikolaenko, "Taming the many EdDSAs" (2020), algorithms 2
//! and 3. A group has the predicate of the rules by which its genesis begins, for ever: proofs against owners of bundles
//! verify with nothing but the genesis (E6).

use crate::format::genesis::Genesis;
use crate::format::rules::BATCHES_SINCE;
use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::traits::{IsIdentity, VartimeMultiscalarMul};
use curve25519_dalek::{EdwardsPoint, Scalar, constants};
use quorate_pbft::{Ed25519, PublicKey, Signature, Verify};
use sha2::{Digest as _, Sha512};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Domain of the hash that the factors of a batch come from.
const FACTORS: &[u8] = b"quorate/v1/signature-batch\0";

/// Keys whose points are kept, 200 bytes each.
const KEYS_MAX: usize = 1 << 13;

/// What an author's signature must fulfil in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Predicate {
    /// The equation without cofactor, with no point of small order: `verify_strict`.
    Strict,
    /// `8(sB − R − kA) = 0`, with the one encoding of each of s, R and A, and A not of small order.
    Cofactored,
}

/// Signature of an author, and what it is to fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// Key of the author.
    pub key: PublicKey,
    /// What is signed.
    pub bytes: Vec<u8>,
    /// The signature.
    pub signature: Signature,
}

impl Predicate {
    /// The one that holds in a group.
    pub fn of(genesis: &Genesis) -> Self {
        if genesis.rules() >= BATCHES_SINCE { Self::Cofactored } else { Self::Strict }
    }

    /// Whether a signature fits.
    pub fn holds(self, signed: &Signed) -> bool {
        self.all_hold(core::slice::from_ref(signed))
    }

    /// Whether all fit, as [`Predicate::holds`] says of each; it says otherwise of one in 2^128 batches at most.
    pub fn all_hold(self, all: &[Signed]) -> bool {
        self.all_hold_with(all, &Keys::default())
    }

    /// The same, with the points of keys that were seen before.
    pub(crate) fn all_hold_with(self, all: &[Signed], keys: &Keys) -> bool {
        let is_strictly_signed = |signed: &Signed| Ed25519.verify(&signed.key, &signed.bytes, &signed.signature);
        match self {
            Self::Strict => all.iter().all(is_strictly_signed),
            Self::Cofactored => {
                let terms: Option<Vec<Terms>> = all.iter().map(|signed| Terms::of(signed, keys)).collect();
                terms.is_some_and(|all| match &all[..] {
                    [] => true,
                    [one] => one.vanish(),
                    many => vanish(many),
                })
            }
        }
    }
}

/// Points of keys that signed before. Unpacking one takes a square root, and an author signs again and again.
#[derive(Debug, Default)]
pub(crate) struct Keys(Mutex<BTreeMap<PublicKey, EdwardsPoint>>);

impl Keys {
    /// The point of a key, if it has one that is not of small order.
    fn point(&self, key: &PublicKey) -> Option<EdwardsPoint> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(point) = known().get(key) {
            return Some(*point);
        }
        let point = point(&key.0).filter(|point| !point.is_small_order())?;
        let mut known = known();
        if known.len() >= KEYS_MAX {
            known.clear();
        }
        known.insert(*key, point);
        Some(point)
    }
}

/// Terms of the equation.
struct Terms {
    key: EdwardsPoint,
    /// R.
    nonce: EdwardsPoint,
    /// s.
    answer: Scalar,
    /// k, the hash of R, key and message.
    challenge: Scalar,
}

impl Terms {
    /// The terms, where each has its one encoding and the key is not of small order.
    fn of(Signed { key, bytes, signature }: &Signed, keys: &Keys) -> Option<Self> {
        let (nonce, answer) = signature.0.split_first_chunk::<32>().expect("64 bytes");
        let answer: &[u8; 32] = answer.try_into().expect("the other 32");
        let hash = Sha512::new().chain_update(nonce).chain_update(key.0).chain_update(bytes).finalize();
        let terms = Self {
            key: keys.point(key)?,
            nonce: point(nonce)?,
            answer: Option::from(Scalar::from_canonical_bytes(*answer))?,
            challenge: Scalar::from_bytes_mod_order_wide(&hash.into()),
        };
        Some(terms)
    }

    fn vanish(&self) -> bool {
        let (challenge, key) = (self.challenge, -self.key);
        let answered = EdwardsPoint::vartime_double_scalar_mul_basepoint(&challenge, &key, &self.answer);
        (answered - self.nonce).mul_by_cofactor().is_identity()
    }

    /// Bytes that name this term of a batch: the challenge is a hash of all else.
    fn hash_into(&self, hash: &mut Sha512) {
        hash.update(self.answer.as_bytes());
        hash.update(self.challenge.as_bytes());
    }
}

/// Whether a sum of all equations vanishes, each with a factor of 128 bits that nobody can choose: a hash of all of them.
fn vanish(all: &[Terms]) -> bool {
    let mut hash = Sha512::new_with_prefix(FACTORS);
    all.iter().for_each(|terms| terms.hash_into(&mut hash));
    let seed = hash.finalize();
    let factors: Vec<Scalar> = (0..all.len() as u64).map(|index| factor(&seed, index)).collect();
    let answers: Scalar = all.iter().zip(&factors).map(|(terms, factor)| terms.answer * factor).sum();
    let challenges = all.iter().zip(&factors).map(|(terms, factor)| terms.challenge * factor);
    let scalars = core::iter::once(-answers).chain(factors.iter().copied()).chain(challenges);
    let nonces = all.iter().map(|terms| terms.nonce);
    let points =
        core::iter::once(constants::ED25519_BASEPOINT_POINT).chain(nonces).chain(all.iter().map(|terms| terms.key));
    EdwardsPoint::vartime_multiscalar_mul(scalars, points).mul_by_cofactor().is_identity()
}

fn factor(seed: &[u8], index: u64) -> Scalar {
    let hash = Sha512::new().chain_update(seed).chain_update(index.to_le_bytes()).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    Scalar::from(u128::from_le_bytes(bytes))
}

/// The point that these bytes are the one encoding of: y below the field's size, and no sign where x is 0.
fn point(bytes: &[u8; 32]) -> Option<EdwardsPoint> {
    let sign = bytes[31] & 0x80 != 0;
    let is_high = bytes[31] & 0x7f == 0x7f && bytes[1..31].iter().all(|byte| *byte == 0xff) && bytes[0] >= 0xed;
    let point = CompressedEdwardsY(*bytes).decompress().filter(|_| !is_high)?;
    let is_its_own_negative = sign && (point == -point);
    (!is_its_own_negative).then_some(point)
}
