//! Observers' door: a listener of its own, apart from the members' connections, for keys that no member list names.
//!
//! A connection carries one stream of frames over TCP and Noise; the key of either side is proved by the handshake. The
//! meaning of a frame is not known here. Nothing is shared with the members' swarm: not a socket, a queue or a budget.

mod dial;
mod listen;
mod link;
mod socket;

pub use dial::{DialError, dial};
pub use link::{LINE_BYTES, LinkError, ObserverLink, Receiver, Sender, on_line};
pub use listen::{Arrival, Backway, ObserversDoor, Turn};
pub use socket::Side;
