//! Hands in which authors sign: the key's own, and those that only rogues have the tools for.

use crate::clients::crafted::{Off, Torsioned};
use crate::keys::{Authors, author_seed};
use curve25519_dalek::Scalar;
use quorate_pbft::{Ed25519Signer, Signer};

/// The rules from which on a genesis has authors' signatures checked by the cofactored equation.
const COFACTORED_SINCE: u32 = 11;

/// Hand that signs an envelope.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Hand {
    /// The key's own.
    #[default]
    Own,
    /// A nonce with a part of small order, which the cofactored equation misses.
    Torsioned,
    /// An answer that is too large by one.
    Above,
    /// An answer that is too small by one: beside one that is too large the sum is right.
    Below,
}

impl Hand {
    /// Whether its signatures fit in a group whose genesis names these rules; without rules it has the first ones.
    pub fn fits(self, rules: Option<u32>) -> bool {
        match self {
            Self::Own => true,
            Self::Torsioned => rules.is_some_and(|rules| rules >= COFACTORED_SINCE),
            Self::Above | Self::Below => false,
        }
    }

    /// The signer that has an author's key and signs in this hand.
    pub(super) fn signer(self, authors: &Authors, author: u16) -> Box<dyn Signer> {
        let own = || Ed25519Signer::clone(&authors.signers[usize::from(author)]);
        match self {
            Self::Own => Box::new(own()),
            Self::Torsioned => Box::new(Torsioned::nonces(&author_seed(author))),
            Self::Above => Box::new(Off(own(), Scalar::ONE)),
            Self::Below => Box::new(Off(own(), -Scalar::ONE)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Keys;
    use quorate_ledger::{Predicate, RULES, Signed};
    use quorate_pbft::Constants;

    #[test]
    fn each_hand_has_the_authors_key_and_fits_where_it_says() {
        let (keys, _) = Keys::with_genesis(4, &Constants::default(), None);
        for hand in [Hand::Own, Hand::Torsioned, Hand::Above, Hand::Below] {
            let signer = hand.signer(&keys.authors, 6);
            assert_eq!(signer.public_key(), keys.authors.signers[6].public_key());
            let (key, bytes) = (signer.public_key(), b"bytes".to_vec());
            let signed = Signed { key, signature: signer.sign(&bytes), bytes };
            assert_eq!(Predicate::Strict.holds(&signed), hand.fits(None), "{hand:?}");
            assert_eq!(Predicate::Cofactored.holds(&signed), hand.fits(Some(RULES.newest)), "{hand:?}");
        }
    }
}
