//! Ids: what envelopes, proposals and conflicts are named by.

use crate::vocabulary::hexed::id;
use quorate_pbft::{PublicKey, hash};

id! {
    /// Names an envelope: SHA-256 over the group and everything that its author signed. The signature is not part of it.
    EnvelopeId
}

id! {
    /// Names a conflict: SHA-256 over its domain, path and the envelope that opened it.
    ConflictId
}

id! {
    /// Names a proposal: SHA-256 over the envelope that makes it and the operation's place there.
    ProposalId
}

id! {
    /// Names a transaction over several groups: SHA-256 over all that its branches have in common.
    TransactionId
}

impl TransactionId {
    /// Key under which a group locks what it has promised: nobody can sign with it.
    pub fn holder(&self) -> PublicKey {
        PublicKey(self.0.0)
    }
}

impl ProposalId {
    /// The proposal made by the `index`-th operation of an envelope, counted from 0 over all its changes.
    pub fn of(envelope: &EnvelopeId, index: u32) -> Self {
        Self(hash("quorate/v1/proposal", &(envelope, index)))
    }
}
