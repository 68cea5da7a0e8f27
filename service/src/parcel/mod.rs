//! Parcels: files that carry what a group has decided to a place without a network, and changes from there back
//! (`docs/airgap.md`).
//!
//! A parcel is checked with the genesis alone: whoever carried it can withhold it, and change nothing in it. Decided slots
//! are checked as a follower checks those that a member hands over ([`walk`]), and executed by the same engine.

#![allow(clippy::result_large_err)] // an error ends a command: it names file, place and fault

mod frame;
mod error;
mod walk;
mod write;
mod read;
mod export;
mod import;
mod outbox;
mod history;

pub use error::{ParcelError, Wrong};
pub use export::{Exported, Plan, export};
pub use frame::{Frame, Kind, TAG};
pub use history::export_history;
pub use import::{Imported, import};
pub use outbox::{Delivered, MAY_BE_APPLIED, Settled, deliver, pack_outbox, settle};
pub use read::{Listed, Parcel, Slots, Verified, verify};
pub use write::{Draft, Packed};
