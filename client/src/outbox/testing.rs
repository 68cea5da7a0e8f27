//! Answers for the outbox's tests.

use crate::api::AuthorInfo;
use quorate_ledger::{EnvelopeId, Receipt, State};
use quorate_pbft::{Digest, PublicKey, ReplicaId};

pub(super) fn info(next_seq: u64) -> AuthorInfo {
    AuthorInfo {
        group: Digest([9; 32]),
        key: PublicKey([1; 32]),
        next_seq,
        attempt: 0,
        pending: vec![],
        standing: Default::default(),
        figure_here: 500,
        rate: None,
        repeated: vec![],
        revision: "3".parse().expect("a revision"),
    }
}

pub(super) fn receipt(state: State, revision: &str) -> Receipt {
    Receipt {
        id: EnvelopeId(Digest::ZERO),
        domain: "main".into(),
        author: PublicKey([1; 32]),
        from_seq: 1,
        to_seq: 1,
        state,
        revision: revision.parse().ok(),
        lane: Some(ReplicaId::new(0)),
        stage: None,
        code: None,
        detail: None,
        conflicts: vec![],
        changes: vec![],
    }
}
