//! The order: proposals, votes, decisions, execution and checkpoints (N, T, C).

pub(crate) mod slot;
pub(crate) mod order;
pub(crate) mod normal_case;
pub(crate) mod proposing;
pub(crate) mod assembly;
pub(crate) mod execution;
pub(crate) mod checkpoint;
