//! Client side of a quorate group, without any part of a replica.
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
