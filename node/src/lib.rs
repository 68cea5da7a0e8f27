//! The service: replica, HTTP API, commands, demo.

pub mod demo;
pub mod git;
