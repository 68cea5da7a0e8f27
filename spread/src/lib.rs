//! News among hundreds of followers, without I/O: messages, links and the clock come in, words to neighbours go out.
//!
//! # The rules
//!
//! * **News** is the newest decided slot and the newest certified checkpoint, with the sender's [`Inventory`] and a count of
//!   hops. A node passes on what it has verified, and only once: [`Input::Verified`] takes nothing else.
//! * **Push.** News that is newer than all that is known here goes on at once, to [`Shape::fanout`] random neighbours, for at
//!   most [`HOPS_MAX`] hops. A single item of news is in flight to a neighbour; the next waits for its answer and is then the
//!   newest one. When a slot is executed, neighbours that lack it are told that its data is here.
//! * **Pull.** An inventory says whom to ask for slots and bundles; asking is the follower's own business
//!   ([`quorate_pbft::Follower::take_claims`]).
//! * **Beat.** Every [`BEAT_MS`] neighbours that were not told of the newest get the inventory alone.
//! * **Anti-entropy.** Every [`ROUND_MS`] one random neighbour and this node compare inventories, and addresses travel with
//!   them. A neighbour with another root for the same checkpoint is dropped. A known node that is no neighbour is dialled beside
//!   them, until the next round: two halves of a mesh that were cut apart have neighbours enough, and find each other so.
//! * **Mesh.** A follower dials [`Shape::dials`] neighbours: [`NEAR`] of them for their short way, the others at random, of
//!   which one changes every [`CHANGE_MS`]. It takes [`Shape::places`] more at its door. A full door answers with the addresses of three others.
//! * **Places** go to organisations in equal shares ([`Spread::arrive`]): who is enrolled takes a stranger's place.
//! * **Domains.** A neighbour that is interested in some domains gets checkpoints alone, and only where one of them changed.
//!
//! Bounds of all that a peer can make grow stand in [`limits`].
#![forbid(unsafe_code)]

mod spread;
mod word;
mod neighbour;
mod door;
mod mesh;
mod push;
mod known;
mod dice;
pub mod limits;

pub use door::Door;
pub use limits::{BEAT_MS, CHANGE_MS, HOPS_MAX, NEAR, ROUND_MS, Shape};
pub use spread::{Dropped, Effect, Input, Spread, Way};
pub use word::{Contact, Interest, Inventory, News, Word};
