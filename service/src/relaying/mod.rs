//! Relaying: a way to a node that nobody can dial, through a member's door for observers (`docs/discovery.md`).
//!
//! The node behind a wall keeps a connection to the relay and is called on it ([`Called`]). An observer asks the relay for
//! that node ([`Caller`]), the node answers with a connection of its own, and the relay joins the two ([`Switchboard`]). Both
//! ends then prove their keys to each other inside, so the relay hands on bytes that it cannot read, and ends when it likes.

mod called;
mod caller;
mod switchboard;

pub(crate) use called::Called;
pub(crate) use caller::{CallError, Caller};
pub(crate) use switchboard::{Limits, Switchboard};
