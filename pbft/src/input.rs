//! Inputs of a replica.

use crate::evidence::proof::EvidenceKey;
use crate::wire::{Admitted, Committee, Digest, Item, Message, SeqNum, Ticks, Time, Verified, Word};
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Both clocks at one moment. The core has none of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// For time-outs.
    pub ticks: Ticks,
    /// For proposals (T1, T2).
    pub wall: Time,
}

/// Names a read that waits inside one replica.
pub type ReaderId = u64;

/// An event.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant)] // Messages are the common case, and large; a box for each would cost more.
pub enum Input {
    /// Time has come; whatever is due happens. The shell sends one before each batch of other inputs.
    Tick(Now),
    /// A verified message of a peer.
    Message(Verified<Message>),
    /// A word of a peer that says what is certified: not verified.
    Word(Word),
    /// An item that was checked for this replica's own lane: an envelope that its gate let in. More than
    /// [`crate::Constants::ITEM_BYTES_MAX`] bytes never fit.
    Submit(Item),
    /// Items with these bytes need no order any more: those that wait for a bundle of the own lane leave.
    Withdraw(BTreeSet<Vec<u8>>),
    /// A strong read arrived (R); `nonce` is its reader's.
    Read {
        /// Names it in [`crate::Effect::ReadReady`].
        reader: ReaderId,
        /// 32 bytes that the reader chose.
        nonce: Digest,
    },
    /// The earliest deadline in ledger time that something waits for (T3): said once after a restart; later ones come
    /// with [`Executed`].
    Deadline(Option<Time>),
    /// The oldest decided slot that the disk can still hand out (S1): said after older ones were pruned.
    Oldest(SeqNum),
    /// A slot handed out by [`crate::Effect::Execute`] was executed.
    Executed(Executed),
    /// The process is to end: a primary asks for the next view, so that nobody waits for it (V3).
    Resign,
}

impl From<Admitted> for Input {
    fn from(admitted: Admitted) -> Self {
        match admitted {
            Admitted::Verified(verified) => Self::Message(verified),
            Admitted::Word(word) => Self::Word(word),
        }
    }
}

/// The outcome of executing one slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executed {
    /// Which slot.
    pub seq: SeqNum,
    /// Root of the state after it.
    pub state_root: Digest,
    /// Digest of the member list that holds after it ([`crate::Committee::digest`]): of the own epoch, but of the next one
    /// after the last slot of an epoch (C2, M3).
    pub members_after: Digest,
    /// The members of the next epoch, with the last slot of this one: from the slot that names them to that last one (M1).
    pub next: Option<Arc<Committee>>,
    /// Evidence that the ledger recorded in it (E5).
    pub recorded: Vec<EvidenceKey>,
    /// The earliest deadline in ledger time that something waits for (T3).
    pub deadline: Option<Time>,
}
