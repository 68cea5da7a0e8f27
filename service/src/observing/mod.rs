//! Observers: nodes without a seat that follow the group (`docs/followers.md`).
//!
//! A member serves them at a door of its own, from the published state and off the core's thread ([`open`]), and so does an
//! observer that has a door. An observer keeps a connection to each member that it knows, or to other observers ([`Contact`],
//! [`Hints`]), and asks them for marks of strong reads and to order changes ([`Relay`]).

pub(crate) mod budget;
mod contact;
mod enrolment;
mod hints;
mod links;
mod news;
mod relay;
mod scoped;
mod serving;
mod upstream;
mod visit;
mod visits;
mod voice;
pub mod wire;

pub use contact::{Contact, Pause};
pub use hints::Hints;
pub use relay::{ANSWERS_WITHIN, Passing, Relay};
pub(crate) use serving::open;
pub use serving::{OpenDoor, Statuses};
