//! Observers: nodes without a seat that follow the group (`docs/followers.md`).
//!
//! A member serves them at a door of its own, from the published state and off the core's thread ([`serve`]). An observer
//! keeps a connection to each member that it knows ([`Contact`]) and asks them for marks of strong reads and to order
//! changes ([`Relay`]).

mod budget;
mod contact;
mod relay;
mod serving;
mod wire;

pub use contact::Contact;
pub use relay::Relay;
pub use serving::serve;
pub use wire::{Answered, HANDED_ON_BYTES_MAX};

/// Observers that a member serves at a time, so that a voter's cost does not depend on its audience.
pub const OBSERVERS_MAX: usize = 8;
