//! Going on after loss: own promises, restart, recall, status and repair (E1, E7, N9).

pub(crate) mod promises;
pub(crate) mod recovered;
pub(crate) mod restart;
pub(crate) mod handover;
pub(crate) mod elder;
pub(crate) mod recall;
pub(crate) mod peer;
pub(crate) mod repair;
pub(crate) mod help;
pub(crate) mod answer;
pub(crate) mod pursuits;
pub(crate) mod fetch;
