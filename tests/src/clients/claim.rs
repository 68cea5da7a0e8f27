//! Claims of authors, written down where they sign: judges go by these and read no envelope.

use super::Hand;
use quorate_ledger::EnvelopeId;
use quorate_pbft::{Digest, Item, hash};

/// An envelope with one change, in the words of whoever signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Names it.
    pub id: EnvelopeId,
    /// Its item on a lane ([`item_digest`]).
    pub item: Digest,
    /// Author that signed it.
    pub author: u16,
    /// Domain in which its number counts.
    pub domain: &'static str,
    /// The author's number there.
    pub number: u64,
    /// Which attempt for it.
    pub attempt: u64,
    /// Base of the change.
    pub ground: Ground,
    /// Effect of the change.
    pub deed: Deed,
    /// Hand that signed it.
    pub hand: Hand,
    /// An envelope of this author, with this number and in the same domain, that must have been accepted first.
    pub after: Option<(u16, u64)>,
}

/// Base of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// The genesis, which everybody has seen.
    Genesis,
    /// An earlier envelope of the same author and domain.
    After(EnvelopeId),
    /// Base that does not exist: a revision to come, nobody's envelope, or another author's.
    Forged,
}

/// Effect of a change, as far as it matters for verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Writes to a file that everybody may write.
    Writes,
    /// Takes a key away from an author of the signer's organisation.
    Revokes(u16),
    /// Proposes rates for the domain: so many changes of one author in so many milliseconds.
    Proposes {
        /// Organisations that must agree, the signer's among them.
        needed: usize,
        /// Changes.
        changes: u64,
        /// Milliseconds.
        per_ms: u64,
    },
    /// Agrees to that proposal, for an organisation that has not agreed before.
    Approves(EnvelopeId),
    /// Locks the one path that is ever locked, alone.
    Locks {
        /// For so long.
        lease_ms: u64,
    },
    /// Speaks about what is not there.
    Senseless,
}

/// Names an item of a lane by its bytes.
pub fn item_digest(item: &Item) -> Digest {
    hash("quorate/tests/item", &(item.kind as u8, &item.bytes))
}
