//! Conduct of peers: offences by name against good items, what they lead to, and until when.
//!
//! A peer is `normal`, `strict` from about one offence in a hundred items, or `suspended` from about one in ten. Honest
//! peers never offend: being slow, late, far behind, in another epoch or of another version is no offence. The votes of
//! a member count in every state: its votes stream goes on, bounded in rate and bytes, and so does a trickle of the rest.

mod book;
mod keeper;
mod offence;
mod record;
mod watched;

pub use book::Who;
pub use keeper::Keeper;
pub use offence::Offence;
pub use record::{Record, State};
pub use watched::{Conduct, Seen};
