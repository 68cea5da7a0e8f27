//! Signatures that a replica makes, and those that it verifies for the first time; the node remembers the others, and its own.

use quorate_pbft::{Kind, PublicKey, Signature, Signer, Statement, Verify};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of a statement, which end what is signed.
const STATEMENT_BYTES: usize = 89;

/// Signatures made, and first verifications by subject.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// Own signatures, those of statuses apart.
    pub(super) made: u64,
    /// Headers and acknowledgements.
    pub(super) lanes: u64,
    /// PrePrepares, Prepares and Commits.
    pub(super) votes: u64,
}

impl Counted {
    pub(super) fn since(&self, before: &Self) -> Self {
        Self { made: self.made - before.made, lanes: self.lanes - before.lanes, votes: self.votes - before.votes }
    }

    pub(super) fn and(&self, other: &Self) -> Self {
        Self { made: self.made + other.made, lanes: self.lanes + other.lanes, votes: self.votes + other.votes }
    }
}

/// A replica's check of signatures.
pub(super) struct Counting {
    inner: Arc<dyn Verify>,
    seen: Mutex<(BTreeSet<(PublicKey, Signature)>, Counted)>,
}

impl Counting {
    pub(super) fn new(inner: Arc<dyn Verify>) -> Self {
        Self { inner, seen: Mutex::default() }
    }

    pub(super) fn counted(&self) -> Counted {
        self.seen().1
    }

    fn seen(&self) -> MutexGuard<'_, (BTreeSet<(PublicKey, Signature)>, Counted)> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Verify for Counting {
    fn verify(&self, key: &PublicKey, bytes: &[u8], signature: &Signature) -> bool {
        let mut seen = self.seen();
        if seen.0.insert((*key, *signature)) {
            match kind_of(bytes) {
                Some(Kind::Bundle | Kind::Ack) => seen.1.lanes += 1,
                Some(Kind::PrePrepare | Kind::Prepare | Kind::Commit) => seen.1.votes += 1,
                _ => (),
            }
        }
        self.inner.verify(key, bytes, signature)
    }
}

/// A replica's signer.
pub(super) struct Own {
    pub(super) signer: Arc<dyn Signer>,
    pub(super) known: Arc<Counting>,
}

impl Signer for Own {
    fn public_key(&self) -> PublicKey {
        self.signer.public_key()
    }

    fn sign(&self, bytes: &[u8]) -> Signature {
        let signature = self.signer.sign(bytes);
        let mut seen = self.known.seen();
        seen.0.insert((self.public_key(), signature));
        seen.1.made += u64::from(kind_of(bytes) != Some(Kind::Status));
        signature
    }
}

fn kind_of(bytes: &[u8]) -> Option<Kind> {
    let (_, statement) = bytes.split_at_checked(bytes.len().checked_sub(STATEMENT_BYTES)?)?;
    borsh::from_slice::<Statement>(statement).ok().map(|statement| statement.kind)
}
