//! The service: replica, HTTP API, commands, demo.

pub mod git;
pub mod demo;
