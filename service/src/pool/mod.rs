//! Between the network and the core: frames are decoded and every signature in them is checked, off the core's thread.
//!
//! Valid signatures and items are remembered by their digest, signature included (rule G2). Frames are taken from the
//! network's queues, one for each peer and channel, so nobody's flood delays anybody else's votes (rule B).

mod cache;
mod strays;
mod workers;

pub use cache::{CachedPayload, CachedSigner, CachedVerify};
pub use workers::{Checker, Dropped, Pool};
