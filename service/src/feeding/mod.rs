//! Feeding of an observer that follows some domains alone: it executes nothing, and goes from certified state to certified
//! state by the difference, each answer proved before anything of it is written.

mod feeder;
mod heard;
mod members;
mod turn;

pub(crate) use feeder::Feeder;
