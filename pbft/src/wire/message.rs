//! Messages between replicas.

use crate::effects::Question;
use crate::evidence::proof::Evidence;
use crate::limits::Constants;
use crate::views::view_change::{NewView, ViewChange};
use crate::wire::{Bundle, ClaimedCert, Content, Epoch, Signed, StatusBody, bounded};
use alloc::sync::Arc;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// A message. Its content is not believed before [`crate::Unverified::verify`].
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Message {
    /// The primary's choice for a slot, its content, and the certificates of its tips (N1, L4).
    PrePrepare {
        /// Kind PrePrepare, digest of `content`.
        statement: Signed,
        /// The proposed content.
        content: Content,
        /// Lane certificates of the cut's tips, in its order; those that the sender has no more are left out.
        #[borsh(deserialize_with = "bounded::list::<{ Constants::REPLICAS_MAX }, _, _>")]
        certificates: Vec<ClaimedCert>,
    },
    /// Agreement; carries the PrePrepare's statement, so that two different ones meet (N2, E2).
    Prepare {
        /// Kind Prepare.
        statement: Signed,
        /// The primary's statement that it agrees with.
        pre_prepare: Signed,
    },
    /// "q prepared it" (N3).
    Commit(Signed),
    /// "Valid and stored" (L2).
    Ack(Signed),
    /// q Acks for one bundle (L3).
    LaneCert(ClaimedCert),
    /// State after a slot (C2).
    Checkpoint(Signed),
    /// q equal Checkpoints.
    StableCheckpoint(ClaimedCert),
    /// Progress of the sender (N9).
    Status {
        /// Kind Status, digest of `body`.
        statement: Signed,
        /// Its body.
        body: StatusBody,
    },
    /// A statement of anybody that contradicts a certificate, or another statement (E2).
    Contradiction(Signed),
    /// Proof of a fault (E5).
    Evidence(Evidence),
    /// A bundle with its data (L1).
    Bundle(Arc<Bundle>),
    /// A slot's content with the certificates of its tips, by digest (L4).
    Content {
        /// The content.
        content: Content,
        /// Certificates of its tips, as in PrePrepare.
        #[borsh(deserialize_with = "bounded::list::<{ Constants::REPLICAS_MAX }, _, _>")]
        certificates: Vec<ClaimedCert>,
    },
    /// A decided slot: its commit certificate and content (N8).
    Decided {
        /// q Commits, or n Prepares (N5).
        certificate: ClaimedCert,
        /// The decided content.
        content: Content,
    },
    /// "Send me this."
    Ask(Question),
    /// The asker's own statements that the sender has in memory (E7).
    Recalled {
        /// The number in the question.
        incarnation: u64,
        /// Statements of the asker.
        #[borsh(deserialize_with = "bounded::list::<{ Constants::RECALLED_MAX }, _, _>")]
        statements: Vec<Signed>,
    },
    /// A ViewChange (V4).
    ViewChange {
        /// Kind ViewChange, digest of `body`.
        statement: Signed,
        /// Promises of its sender.
        body: Arc<ViewChange>,
    },
    /// The NewView (V5).
    NewView {
        /// Kind NewView, digest of `body`.
        statement: Signed,
        /// q ViewChanges and what follows from them.
        body: Arc<NewView>,
    },
}

impl Message {
    /// The epoch that its signers speak in; none of a message without a signature, which is the receiver's own.
    pub fn epoch(&self) -> Option<Epoch> {
        match self {
            Self::PrePrepare { statement, .. }
            | Self::Prepare { statement, .. }
            | Self::Status { statement, .. }
            | Self::ViewChange { statement, .. }
            | Self::NewView { statement, .. }
            | Self::Commit(statement)
            | Self::Ack(statement)
            | Self::Checkpoint(statement)
            | Self::Contradiction(statement) => Some(statement.statement.epoch),
            Self::LaneCert(certificate) | Self::StableCheckpoint(certificate) | Self::Decided { certificate, .. } => {
                Some(certificate.epoch)
            }
            Self::Evidence(evidence) => Some(evidence.key().epoch),
            Self::Bundle(bundle) => Some(bundle.statement.statement.epoch),
            Self::Content { certificates, .. } => certificates.first().map(|certificate| certificate.epoch),
            Self::Recalled { statements, .. } => statements.first().map(|signed| signed.statement.epoch),
            Self::Ask(question) => Some(question.epoch),
        }
    }

    /// Whether it travels on the stream for bulk data, so that it never delays a vote.
    pub fn is_bulk(&self) -> bool {
        match self {
            Self::Bundle(_)
            | Self::Content { .. }
            | Self::Decided { .. }
            | Self::Recalled { .. }
            | Self::ViewChange { .. }
            | Self::NewView { .. } => true,
            Self::Evidence(evidence) => matches!(evidence, Evidence::InvalidBundle(_)),
            Self::PrePrepare { .. }
            | Self::Prepare { .. }
            | Self::Commit(_)
            | Self::Ack(_)
            | Self::LaneCert(_)
            | Self::Checkpoint(_)
            | Self::StableCheckpoint(_)
            | Self::Status { .. }
            | Self::Contradiction(_)
            | Self::Ask(_) => false,
        }
    }
}
