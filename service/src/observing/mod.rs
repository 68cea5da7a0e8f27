//! Observers: nodes without a seat that follow the group (`docs/followers.md`).
//!
//! A member serves them at a door of its own, from the published state and off the core's thread ([`open`]). An observer
//! keeps a connection to each member that it knows ([`Contact`]) and asks them for marks of strong reads and to order
//! changes ([`Relay`]).

pub(crate) mod budget;
mod contact;
mod enrolment;
mod links;
mod relay;
mod scoped;
mod serving;
mod visit;
pub mod wire;

pub use contact::Contact;
pub use relay::Relay;
pub(crate) use serving::open;
pub use serving::{OpenDoor, Statuses};
