//! What an ordered change means.
#![forbid(unsafe_code)]

mod store;

pub use store::{Read, Store, StoreError, Table};
