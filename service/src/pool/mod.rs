//! Between the network and the core: frames are decoded and every signature in them is checked, off the core's thread.
//!
//! What was checked is remembered by the digest of the whole thing, signature included (rule G2). Each peer has a queue
//! of its own on each channel, so nobody's flood delays anybody else's votes (rule B).

mod cache;
mod queues;
mod workers;

pub use cache::{CachedPayload, CachedVerify};
pub use queues::{Frame, Queues};
pub use workers::{Checker, Pool};
