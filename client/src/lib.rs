//! Client side of a quorate group, without any part of a replica.
#![forbid(unsafe_code)]

pub mod api;
pub mod author;
pub mod calls;
pub mod content;
pub mod events;
pub mod http;
pub mod keys;
pub mod outbox;
pub mod verify;
