//! What a user of a quorate group needs, and nothing of what a replica is made of.
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
