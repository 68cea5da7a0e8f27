//! Progress of a replica, told to the others at intervals and when stuck (N9).

use crate::limits::Constants;
use crate::wire::{Digest, Epoch, ReplicaId, SeqNum, Tip, View, bounded, hash};
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// Version of the statements and messages between members: members of other versions do not link.
pub const WIRE: u16 = 4;

/// Program of a replica, as its Status tells: for people who plan an upgrade, no rule depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Program {
    /// Version of the messages between members, [`WIRE`].
    pub wire: u16,
    /// Oldest rules by which it can execute slots.
    pub rules_oldest: u32,
    /// Newest rules by which it can execute slots.
    pub rules_newest: u32,
    /// Version of the program: major, minor and patch.
    pub version: [u16; 3],
}

/// The body of a Status statement; the statement's digest is [`StatusBody::digest`], its seq a counter.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct StatusBody {
    /// Drawn at start; counters are compared only under the same number (E1).
    pub incarnation: u64,
    /// The epoch that it is in.
    pub epoch: Epoch,
    /// The highest view that it ever asked for or entered.
    pub view: View,
    /// Whether that view has not started yet (V3).
    pub changing: bool,
    /// Its highest stable checkpoint.
    pub stable: SeqNum,
    /// Its highest executed slot.
    pub executed: SeqNum,
    /// The oldest decided slot that it can still hand out (S1); above `executed` if it has none.
    pub oldest: SeqNum,
    /// Slots above `executed`, ascending, of which it knows something.
    #[borsh(deserialize_with = "bounded::list::<{ Constants::WINDOW_MAX as usize }, _, _>")]
    pub slots: Vec<(SeqNum, SlotStatus)>,
    /// Lanes that changed since its last status; all of them every tenth time. Ascending by lane.
    #[borsh(deserialize_with = "bounded::list::<{ Constants::REPLICAS_MAX }, _, _>")]
    pub lanes: Vec<(ReplicaId, LaneStatus)>,
    /// Whether it waits for something for longer than a base time-out.
    pub stuck: bool,
    /// Digest of the NewView by which it entered its view; zero in view 0 and while changing (E2).
    pub new_view: Digest,
    /// The newest ViewChange that it holds of each member, with its view and digest, ascending (E2, V3).
    #[borsh(deserialize_with = "bounded::list::<{ Constants::REPLICAS_MAX }, _, _>")]
    pub view_changes: Vec<(ReplicaId, View, Digest)>,
    /// The other members that it has heard lately, ascending (R): for people and metrics, no rule depends on it.
    #[borsh(deserialize_with = "bounded::list::<{ Constants::REPLICAS_MAX }, _, _>")]
    pub heard: Vec<ReplicaId>,
    /// Its program.
    pub program: Program,
}

/// Progress of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum SlotStatus {
    /// A PrePrepare.
    Accepted = 1,
    /// A prepared certificate.
    Prepared = 2,
    /// A commit certificate.
    Committed = 3,
}

/// Progress of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct LaneStatus {
    /// The newest bundle that it acknowledged; of its own lane the newest that it made.
    pub acknowledged: Tip,
    /// The newest for which it holds a certificate.
    pub certified: Tip,
}

impl StatusBody {
    /// Digest in the Status statement.
    pub fn digest(&self) -> Digest {
        hash("quorate/v1/status", self)
    }
}
