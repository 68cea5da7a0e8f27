//! The service: one replica at work, from its disk and its core to the network and the HTTP API.
//!
//! Reading order: [`replica`] puts the parts together, [`engine`] is the core's shell, [`pool`] verifies what the network
//! brings, `api` answers clients; [`copying`] makes a copy of a group's state; [`config`], [`init`], [`ceremony`], [`seat`], [`doctor`], [`logging`],
//! [`metrics`] and [`health`] are what an operator meets.

mod api;
mod build;
pub mod ceremony;
pub mod config;
pub mod copying;
pub mod doctor;
pub mod engine;
pub mod health;
pub mod init;
pub mod logging;
pub mod metrics;
mod narrator;
pub mod pool;
pub mod replica;
pub mod seat;
pub mod shelter;
