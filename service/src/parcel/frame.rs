//! Frames of a parcel. The first one says what the parcel holds.

use crate::framed::Framed;
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_ledger::proof::{ORDER_BYTES_MAX, OrderProof};
use quorate_pbft::{Bundle, ClaimedCert, Constants, Content, Digest, SeqNum, Tip, bounded};
use std::fmt;

/// First bytes of a parcel.
pub const TAG: &[u8] = b"quorate-bundle-1\n";

/// Bytes of a domain's name, and of a sentence about a change.
const WORDS_MAX: usize = 4_096;

/// Part of a parcel.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Frame {
    /// First frame of decided slots: the order up to the slot before the first.
    Slots {
        /// Group that decided them.
        group: Digest,
        /// Proof of the order that they go on from.
        begin: Box<OrderProof>,
    } = 1,
    /// First frame of signed envelopes on their way to a node.
    Outbox {
        /// Group that they are signed for.
        group: Digest,
    } = 2,
    /// First frame of receipts on their way home.
    Receipts {
        /// Group that gave them.
        group: Digest,
    } = 3,
    /// First frame of a domain's history.
    History {
        /// Group that the domain is of.
        group: Digest,
        /// The domain.
        #[borsh(deserialize_with = "words")]
        domain: String,
        /// The first slot that was asked for; 0 is from genesis, as 1 is.
        from: SeqNum,
        /// The last slot that was asked for; the newest unless it is named.
        to: Option<SeqNum>,
    } = 4,
    /// Decided slot. Its bundles follow: of each lane in the order of the cut, from the named tip down.
    Slot(Box<Decision>) = 16,
    /// Bundle of the slot before it.
    Bundle(Box<Bundle>) = 17,
    /// Last frame of decided slots: the order up to the last of them, under a state that a quorum has signed.
    End(Box<OrderProof>) = 18,
    /// Canonical bytes of a signed envelope.
    Envelope(Vec<u8>) = 32,
    /// Proof file of a receipt.
    Receipt(Vec<u8>) = 33,
    /// Word of the node that was asked on an envelope without a verdict. Nothing vouches for it.
    Unanswered {
        /// The envelope.
        id: Digest,
        /// The word.
        #[borsh(deserialize_with = "words")]
        why: String,
    } = 34,
    /// Last frame of a parcel without slots: number of frames between it and the first.
    Count(u64) = 48,
}

/// Decided slot with its proof.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Decision {
    /// Certificate of the content.
    pub certificate: ClaimedCert,
    /// The content.
    pub content: Content,
    /// Tips that the lanes of the cut go on from, in the order of the cut.
    #[borsh(deserialize_with = "bounded::list::<{ Constants::REPLICAS_MAX }, _, _>")]
    pub from: Vec<Tip>,
}

impl Framed for Frame {
    const TAG: &'static [u8] = TAG;
    /// A bundle of one large item, an envelope, or a proof.
    const BYTES_MAX: u64 = (Constants::ITEM_BYTES_MAX + ORDER_BYTES_MAX + (1 << 20)) as u64;
    const HASH: &'static str = "quorate/v1/parcel";
}

fn words<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<String> {
    let bytes = bounded::list::<WORDS_MAX, _, _>(reader)?;
    String::from_utf8(bytes)
        .map_err(|error| borsh::io::Error::new(borsh::io::ErrorKind::InvalidData, error.to_string()))
}

/// A sentence about a change, as much of it as a frame holds.
pub fn cut_words(text: &str) -> String {
    let end = (0..=text.len().min(WORDS_MAX)).rev().find(|end| text.is_char_boundary(*end));
    text[..end.unwrap_or_default()].to_owned()
}

/// Kind of what a parcel holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Decided slots with their bundles.
    Slots,
    /// Signed envelopes of an outbox.
    Outbox,
    /// Receipts for an outbox.
    Receipts,
    /// Receipts of a domain.
    History,
    /// The state of a group (`quorate snapshot`).
    State,
}

impl Kind {
    /// Name for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slots => "slots",
            Self::Outbox => "outbox",
            Self::Receipts => "receipts",
            Self::History => "history",
            Self::State => "state",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Slots => "decided slots",
            Self::Outbox => "signed changes on their way to a node",
            Self::Receipts => "receipts on their way home",
            Self::History => "a domain's history",
            Self::State => "the state of a group",
        })
    }
}

impl Frame {
    /// Kind and group of a parcel that begins with this frame; none of a later frame.
    pub fn begins(&self) -> Option<(Kind, Digest)> {
        match self {
            Self::Slots { group, .. } => Some((Kind::Slots, *group)),
            Self::Outbox { group } => Some((Kind::Outbox, *group)),
            Self::Receipts { group } => Some((Kind::Receipts, *group)),
            Self::History { group, .. } => Some((Kind::History, *group)),
            _ => None,
        }
    }
}
