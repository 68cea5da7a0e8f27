//! The service: replica, HTTP API, commands, demo.

pub mod api;
pub mod config;
pub mod demo;
pub mod engine;
pub mod git;
pub mod init;
pub mod logging;
pub mod metrics;
pub mod pool;
pub mod replica;
