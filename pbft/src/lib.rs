//! How replicas agree on one order: PBFT with signatures over certified lanes.
//!
//! This crate is a state machine without I/O. It has no clock, no thread, no socket, no randomness and no `std`.
//! [`Replica::step`] is the one door in; [`Effects`] is the one door out.
//!
//! Rules carry names (E1, L3, N2 …) that `docs/protocol.md` explains; tests and commits use the same names.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod bundle;
mod cert;
mod committee;
mod content;
mod crypto;
mod effects;
mod evidence;
mod ids;
mod input;
mod limits;
mod message;
mod recovered;
mod statement;
mod status;
mod verify;

pub use bundle::{Bundle, BundleHeader, Item, ItemKind, Tip, items_root};
pub use cert::{CertError, ClaimedCert, QuorumCert};
pub use committee::Committee;
pub use content::{Content, ProposalTime};
pub use crypto::{Ed25519, Ed25519Signer, PublicKey, Signature, Signer, Verify, hash, hash_parts};
pub use effects::{Broken, Decided, Effect, Effects, Record, Rejected, Wanted};
pub use evidence::{Evidence, EvidenceKey, EvidenceKind};
pub use ids::{Digest, Epoch, Position, ReplicaId, SeqNum, Ticks, Time, View};
pub use input::{Executed, Input, Now, ReaderId};
pub use limits::Constants;
pub use message::Message;
pub use recovered::{ExecutedPoint, Recovered, RecoveredSlot};
pub use statement::{Kind, Signed, Statement};
pub use status::{LaneStatus, SlotStatus, StatusBody};
pub use verify::{Invalid, PayloadCheck, Unverified, Verified, VerifyContext};
