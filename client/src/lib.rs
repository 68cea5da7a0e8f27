//! Client side of a quorate group, without any part of a replica: for programs that sign changes, read files, follow what
//! happens, and check proofs.
//!
//! | to | use |
//! |---|---|
//! | sign changes and wait for their verdicts | `author::Author`; what it sends lies in an outbox, so that a crash loses nothing and repeats nothing |
//! | read files, or anything else that a node answers | `http::Client`, with the shapes of [`api`] |
//! | follow what happens | `events::Events` |
//! | check a proof or evidence offline | [`verify::verify`], also without the feature `http` |
//!
//! Questions to a node run within a `tokio` runtime with time and I/O. An author waits for the disk of its outbox in the thread that polls
//! it, and `Author::open` for a passphrase where the key file has one: a program that this would hold up gives authors a thread.
//!
//! `examples/put.rs` writes a file and reads it back, `examples/verify.rs` checks a proof.
#![forbid(unsafe_code)]

#[cfg(feature = "http")]
mod address;
pub mod api;
#[cfg(feature = "http")]
pub mod author;
#[cfg(feature = "http")]
pub mod auto;
#[cfg(feature = "http")]
pub mod calls;
pub mod content;
pub mod epochs;
#[cfg(feature = "http")]
pub mod events;
#[cfg(feature = "http")]
pub mod http;
pub mod joining;
pub mod keys;
#[cfg(feature = "http")]
pub mod offers;
pub mod outbox;
pub mod session;
#[cfg(feature = "http")]
pub mod tls;
#[cfg(feature = "http")]
mod transport;
pub mod verify;

pub use quorate_ledger::{Base, EnvelopeId, Level, Mode, Op, Receipt, Revision, State};
pub use quorate_pbft::{Digest, PublicKey};
