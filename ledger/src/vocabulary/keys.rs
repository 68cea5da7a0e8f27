//! Which keys may be enrolled, and how their owners prove that they hold them (rule M4).

use ed25519_dalek::VerifyingKey;
use quorate_pbft::{Ed25519, PublicKey, Signature, Signer, Verify};

/// Before what a proof of possession signs.
const POSSESSION: &[u8] = b"quorate/v1/possession\0";

/// Purpose for which a key is enrolled. A proof for one purpose says nothing about another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// A voter.
    Member,
    /// Author, who signs changes.
    Author,
}

/// Why a key may not be enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// Not the one encoding of a point of the curve.
    #[error("the key is not a canonical ed25519 key")]
    NotCanonical,
    /// A point whose signatures fit messages that its owner never saw.
    #[error("the key is of small order")]
    SmallOrder,
    /// A point with a part outside the prime-order group: verifiers may disagree about its signatures.
    #[error("the key is not torsion-free")]
    Torsion,
    /// The proof of possession is not this key's.
    #[error("the proof of possession does not fit")]
    NoPossession,
}

/// Whether a key is canonical, not of small order and torsion-free (M4).
pub fn check(key: &PublicKey) -> Result<(), BadKey> {
    let verifying = VerifyingKey::from_bytes(&key.0).map_err(|_| BadKey::NotCanonical)?;
    let point = verifying.to_edwards();
    if point.compress().to_bytes() != key.0 {
        return Err(BadKey::NotCanonical);
    }
    if verifying.is_weak() {
        return Err(BadKey::SmallOrder);
    }
    if point.is_torsion_free() { Ok(()) } else { Err(BadKey::Torsion) }
}

/// The bytes that the owner of a key signs to prove that it holds it, for one purpose and organisation.
pub fn possession_bytes(purpose: Purpose, organisation: &str, key: &PublicKey) -> Vec<u8> {
    let purpose = match purpose {
        Purpose::Member => 1,
        Purpose::Author => 2,
    };
    let mut bytes = POSSESSION.to_vec();
    bytes.push(purpose);
    bytes.extend_from_slice(&key.0);
    bytes.extend_from_slice(organisation.as_bytes());
    bytes
}

/// Proves that the signer holds its key.
pub fn prove_possession(purpose: Purpose, organisation: &str, signer: &dyn Signer) -> Signature {
    signer.sign(&possession_bytes(purpose, organisation, &signer.public_key()))
}

/// Whether a key may be enrolled: [`check`], and the proof of possession.
pub fn check_possession(
    purpose: Purpose,
    organisation: &str,
    key: &PublicKey,
    proof: &Signature,
) -> Result<(), BadKey> {
    check(key)?;
    let signed = possession_bytes(purpose, organisation, key);
    if Ed25519.verify(key, &signed, proof) { Ok(()) } else { Err(BadKey::NoPossession) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_pbft::Ed25519Signer;

    #[test]
    fn a_proof_of_possession_is_for_one_purpose_key_and_organisation() {
        let signer = Ed25519Signer::from_seed(&[1; 32]);
        let key = signer.public_key();
        let proof = prove_possession(Purpose::Author, "org-0", &signer);

        assert_eq!(check_possession(Purpose::Author, "org-0", &key, &proof), Ok(()));
        assert_eq!(check_possession(Purpose::Member, "org-0", &key, &proof), Err(BadKey::NoPossession));
        assert_eq!(check_possession(Purpose::Author, "org-1", &key, &proof), Err(BadKey::NoPossession));
        let other = Ed25519Signer::from_seed(&[2; 32]).public_key();
        assert_eq!(check_possession(Purpose::Author, "org-0", &other, &proof), Err(BadKey::NoPossession));
    }

    #[test]
    fn a_key_of_small_order_is_refused() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(check(&PublicKey(identity)), Err(BadKey::SmallOrder));
        assert_eq!(check(&PublicKey([0; 32])), Err(BadKey::SmallOrder));
    }

    #[test]
    fn a_key_with_a_second_encoding_is_refused() {
        let mut above_p = [0xff; 32];
        above_p[0] = 0xee; // p + 1: the identity once more
        above_p[31] = 0x7f;
        assert_eq!(check(&PublicKey(above_p)), Err(BadKey::NotCanonical));
    }

    /// A good key plus the point of order 8 given by RFC 7748's low-order list.
    #[test]
    fn a_key_with_torsion_is_refused() {
        let order_8 = hex::decode("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05").expect("hex");
        let order_8 = VerifyingKey::from_bytes(&order_8.try_into().expect("32 bytes")).expect("a point").to_edwards();
        let good = Ed25519Signer::from_seed(&[1; 32]).public_key();
        let good = VerifyingKey::from_bytes(&good.0).expect("a point").to_edwards();
        let mixed = PublicKey((good + order_8).compress().to_bytes());
        assert_eq!(check(&mixed), Err(BadKey::Torsion));
    }
}
