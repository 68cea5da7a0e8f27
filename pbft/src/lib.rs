//! Agreement on one order: PBFT with signatures over certified lanes.
//!
//! This crate is a state machine without I/O. Clocks, threads, sockets, randomness and `std` are outside.
//! Inputs come in by [`Replica::step`] alone, or by its halves: [`Replica::take_in`] for each input of a round and one
//! [`Replica::advance`]. [`Effects`] is the one door out. The same value runs under a node, under a simulator and in a search.
//! A value begins by [`Replica::new`] in a new group, by [`Replica::recover`] from a disk and by [`Replica::enter`] in the
//! next epoch; a [`Follower`] executes what others decide, and has no vote.
//!
//! # The protocol as rules
//!
//! `n` replicas, `f = (n − 1) / 3` of which may lie, `q = n − f`. Rules carry names that `docs/protocol.md` explains
//! one by one, each with the test that checks it; comments, tests and commits use the same names.
//!
//! * **Everything signed is a [`Statement`]**, written into a table before it is sent and never rebuilt (E1). A second,
//!   different statement of one signer for one position is evidence (E2), and so is a ViewChange or a NewView
//!   that no honest replica signs (E3). A word that differs from what is certified is sent to all once, so that one
//!   proof comes about for each guilty signer, and goes onto the finder's lane until the ledger has recorded it (E5).
//! * **Data travels in lanes** (L1): each replica's own hash chain of [`Bundle`]s. On a bundle, and all between it and
//!   an anchor, store it and sign an Ack (L2). On q Acks a tip is certified (L3).
//! * **A slot decides a cut** (L4): one certified tip for each lane, a time, a mark. On a PrePrepare of the current
//!   primary whose content and certificates are here: store, sign Prepare (N2). On q Prepares, the own among them:
//!   store the certificate, sign Commit (N3). On q Commits of one view, or n Prepares of one view, it is decided (N4,
//!   N5).
//! * **Execute in order** (N6) once the data is here (L5). After every [`Constants::checkpoint_period`]th and every
//!   marked slot sign a Checkpoint (C1); on q equal ones drop what lies below (C2).
//! * **When the primary does not do what it could** (V1), sign a ViewChange for the next view with everything promised
//!   so far (V4). On f + 1 ViewChanges for later views, join (V3). On q ViewChanges the new primary proposes what
//!   follows from them; every replica computes that again (V5) and accepts nothing else in those slots (V6).
//! * **Anything may be lost.** A status at intervals says what a replica has; who is behind asks, one peer at a time
//!   (N9).
//! * **After a start** sign nothing until q − 1 others have said what they know of the own statements (E7).
//!
//! # Deviations from the paper
//!
//! OSDI '99 and TOCS 2002 (Castro and Liskov); each with its reason.
//!
//! * Requests are not proposed; certified lane tips are. Proposals stay small whatever the data weighs, and no vote
//!   waits for data.
//! * Signatures everywhere, no MACs: evidence must convince third parties.
//! * The primary signs a Prepare like everyone, so that its vote counts once and in one place (pitfall 30).
//! * n Prepares decide as well (N5). The choice of a NewView therefore looks at Q before it falls back to null, with
//!   support counted at a view *or later* (V5); `view_change_search.rs` searches that choice.
//! * Q reports only what was signed last, not every view: with support "at a view or later" that is enough.
//! * A ViewChange carries its checkpoint's certificate and its certificates by value, a start its ViewChanges by value:
//!   nothing is taken on somebody's word, and wrong ones are evidence.
//! * Timers end with commits, not with execution: a primary cannot be blamed for data that others withhold (V1).
//! * Checkpoints are also taken when the group falls idle, after a slot that carries a mark (C1).
//! * State is not transferred here (S1): a replica that is behind fetches decided slots and bundles from those that still
//!   have them ([`Input::Oldest`]). The shell copies older state to the disk, and [`Replica::recover`] goes on from there.
//! * A value has one member list for its life. An epoch ends at the slot that [`Constants::last_slot`] names, and a
//!   [`Handover`] leads to the value of the next (M1, M3); the epoch's number is in every statement.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod replica;
mod member;
mod input;
mod effects;
mod wire;
mod lanes;
mod agreement;
mod views;
mod evidence;
mod recovery;
mod follower;
mod limits;
mod invariants;
mod report;
#[cfg(feature = "testing")]
mod holdings;
#[cfg(feature = "testing")]
mod inspection;
#[cfg(feature = "testing")]
mod journal;

pub use agreement::checkpoint::checkpoint_digest;
pub use effects::{Broken, Decided, Effect, Effects, Question, Record, Rejected, Wanted};
pub use evidence::bundle_evidence::{BundleFault, InvalidBundle};
pub use evidence::forensics::{Conflict, Findings, Remains};
pub use evidence::proof::{Evidence, EvidenceKey, EvidenceKind};
pub use evidence::reference::Certified;
pub use evidence::view_evidence::{InvalidNewView, InvalidViewChange, LeafPath, NewViewLeaf, Omission, ViewChangeLeaf};
pub use follower::{Claims, Follower, FollowerConfig, FollowerReport};
#[cfg(feature = "testing")]
pub use holdings::Holdings;
pub use input::{Executed, Input, Now, ReaderId};
#[cfg(feature = "testing")]
pub use inspection::{Inspection, LaneInspection, SlotInspection};
#[cfg(feature = "testing")]
pub use journal::Journal;
pub use limits::Constants;
pub use recovery::elder::Elder;
pub use recovery::handover::Handover;
pub use recovery::recovered::{ExecutedPoint, Floors, REMEMBERED_SLOTS, Recovered, RecoveredSlot};
pub use replica::{Replica, ReplicaConfig};
pub use report::{PeerReport, Report, Split};
pub use views::cause::Cause;
pub use views::view_change::{
    NewView, PreparedEntry, SlotClaims, ViewChange, VotedEntry, new_view_head, new_view_slot, view_change_head,
};
pub use wire::bounded;
pub use wire::{
    Admitted, Bundle, BundleHeader, CertError, ClaimedCert, Committee, Content, Digest, Ed25519, Ed25519Signer, Epoch,
    Invalid, Item, ItemKind, Kind, LaneStatus, MERKLE_DEPTH_MAX, Message, PayloadCheck, Position, Program,
    ProposalTime, PublicKey, QuorumCert, ReplicaId, SeqNum, Signature, Signed, Signer, SlotStatus, Statement,
    StatusBody, Ticks, Time, Tip, Unverified, Verified, Verify, VerifyContext, View, WIRE, Word, hash, hash_parts,
    items_root, merkle_path, merkle_proves, merkle_root,
};
