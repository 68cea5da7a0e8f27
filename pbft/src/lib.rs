//! How replicas agree on one order: PBFT with signatures over certified lanes.
//!
//! This crate is a state machine without I/O. It has no clock, no thread, no socket, no randomness and no `std`.
//! [`Replica::step`] is the one door in; [`Effects`] is the one door out.
//!
//! Rules carry names (E1, L3, N2 …) that `docs/protocol.md` explains; tests and commits use the same names.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod accusation;
mod bundle;
mod cert;
mod checkpoint;
mod committee;
mod content;
mod crypto;
mod effects;
mod evidence;
mod execution;
mod fetch;
mod ids;
mod input;
mod invariants;
mod journal;
mod lane;
mod lanes;
mod limits;
mod merkle;
mod message;
mod normal_case;
mod own_lane;
mod peer;
mod promises;
mod proposing;
mod reading;
mod recall;
mod recovered;
mod repair;
mod replica;
mod report;
mod restart;
mod slot;
mod statement;
mod status;
mod verify;
mod view_change;
#[cfg(test)]
mod view_change_search;
mod view_evidence;
mod view_timers;
mod views;
mod waiting;
mod witness;

pub use bundle::{Bundle, BundleHeader, Item, ItemKind, Tip, items_root};
pub use cert::{CertError, ClaimedCert, QuorumCert};
pub use checkpoint::checkpoint_digest;
pub use committee::Committee;
pub use content::{Content, ProposalTime};
pub use crypto::{Ed25519, Ed25519Signer, PublicKey, Signature, Signer, Verify, hash, hash_parts};
pub use effects::{Broken, Decided, Effect, Effects, Record, Rejected, Wanted};
pub use evidence::{Evidence, EvidenceKey, EvidenceKind};
pub use ids::{Digest, Epoch, Position, ReplicaId, SeqNum, Ticks, Time, View};
pub use input::{Executed, Input, Now, ReaderId};
pub use journal::Journal;
pub use limits::Constants;
pub use merkle::{merkle_path, merkle_proves, merkle_root};
pub use message::Message;
pub use recovered::{ExecutedPoint, Recovered, RecoveredSlot};
pub use replica::{Replica, ReplicaConfig};
pub use report::{LaneReport, PeerReport, Report, SlotReport};
pub use statement::{Kind, Signed, Statement};
pub use status::{LaneStatus, SlotStatus, StatusBody};
pub use verify::{Invalid, PayloadCheck, Unverified, Verified, VerifyContext};
pub use view_change::{
    NewView, PreparedEntry, SlotClaims, ViewChange, VotedEntry, new_view_head, new_view_slot, view_change_head,
};
pub use view_evidence::{DemandLeaf, InvalidDemand, InvalidStart, LeafPath, Omission, StartLeaf};
pub use waiting::Wait;
