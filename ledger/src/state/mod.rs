//! State: entries under the root, rows beside it that the root vouches for, and what of both is in memory.

pub(crate) mod store;
pub(crate) mod tree;
pub(crate) mod name;
pub(crate) mod entry;
pub(crate) mod rows;
pub(crate) mod record;
pub(crate) mod conflict_log;
pub(crate) mod slot;
pub(crate) mod slot_log;
pub(crate) mod horizon;
pub(crate) mod domain;
pub(crate) mod electorate;
pub(crate) mod abort;
pub(crate) mod overlay;
pub(crate) mod versions;
pub(crate) mod chain;
pub(crate) mod author_view;
pub(crate) mod prune;
pub(crate) mod ledger;
pub(crate) mod memory_store;
