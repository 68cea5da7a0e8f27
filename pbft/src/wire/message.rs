//! What replicas send each other.

use crate::effects::Wanted;
use crate::evidence::proof::Evidence;
use crate::limits::Constants;
use crate::views::view_change::{NewView, ViewChange};
use crate::wire::{Bundle, ClaimedCert, Content, Signed, StatusBody, bounded};
use alloc::sync::Arc;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// One message. Nothing in it is believed before [`crate::Unverified::verify`].
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Message {
    /// The primary's choice for a slot, its content, and the certificates of its tips (N1, L4).
    PrePrepare {
        /// Kind PrePrepare, digest of `content`.
        statement: Signed,
        /// What is proposed.
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
    /// How far the sender is (N9).
    Status {
        /// Kind Status, digest of `body`.
        statement: Signed,
        /// What it says.
        body: StatusBody,
    },
    /// A statement of anybody that contradicts another one: the other half of evidence (E2).
    Half(Signed),
    /// Proof of a fault (E5).
    Evidence(Evidence),
    /// A bundle with its data (L1).
    Bundle(Arc<Bundle>),
    /// A slot's content with the certificates of its tips, by digest (L4).
    Content {
        /// The content.
        content: Content,
        /// As in PrePrepare.
        #[borsh(deserialize_with = "bounded::list::<{ Constants::REPLICAS_MAX }, _, _>")]
        certificates: Vec<ClaimedCert>,
    },
    /// A decided slot: its commit certificate and content (N8).
    Decided {
        /// q Commits, or n Prepares (N5).
        certificate: ClaimedCert,
        /// What was decided.
        content: Content,
    },
    /// "Send me this."
    Ask(Wanted),
    /// What this replica has stored of the asker's own statements (E7).
    Recalled {
        /// The number in the question.
        incarnation: u64,
        /// Statements of the asker.
        #[borsh(deserialize_with = "bounded::list::<{ Constants::RECALLED_MAX }, _, _>")]
        statements: Vec<Signed>,
    },
    /// A demand for a view (V4).
    ViewChange {
        /// Kind ViewChange, digest of `body`.
        statement: Signed,
        /// What its sender has promised.
        body: Arc<ViewChange>,
    },
    /// The start of a view (V5).
    NewView {
        /// Kind NewView, digest of `body`.
        statement: Signed,
        /// q demands and what follows from them.
        body: Arc<NewView>,
    },
}

impl Message {
    /// Whether it travels on the stream for bulk data, so that it never delays a vote.
    pub fn is_bulk(&self) -> bool {
        matches!(
            self,
            Self::Evidence(Evidence::InvalidBundle(_))
                | Self::Bundle(_)
                | Self::Content { .. }
                | Self::Decided { .. }
                | Self::Recalled { .. }
                | Self::ViewChange { .. }
                | Self::NewView { .. }
        )
    }
}
