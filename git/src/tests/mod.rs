//! The plan of small repositories, told in words.

mod envelopes;
mod fixture;
mod graphs;
mod hard_graphs;
mod mirrors;
mod ranges;
mod repositories;
mod samples;
mod steps;
mod trees;
mod unholdable;
