//! Formats: the genesis, envelopes and receipts, each with its one encoding (`docs/encoding.md`).

pub(crate) mod constants;
pub(crate) mod rules;
pub(crate) mod genesis;
pub(crate) mod signature;
pub(crate) mod membership;
pub(crate) mod governance;
pub(crate) mod observers;
pub(crate) mod groups;
pub(crate) mod spelled;
pub(crate) mod branch;
pub(crate) mod change;
pub(crate) mod body;
pub(crate) mod composition;
pub(crate) mod transaction;
pub(crate) mod two_phase;
pub(crate) mod envelope;
pub(crate) mod receipt;
pub(crate) mod analysis;
pub(crate) mod check;
