//! pbft
