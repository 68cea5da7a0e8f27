//! Validation: the admission gate, and the stages that an envelope passes at its position.

pub(crate) mod admission;
pub(crate) mod novelty;
pub(crate) mod rates;
pub(crate) mod submission;
