//! The service: one replica at work, from its disk and its core to the network and the HTTP API.
//!
//! Reading order: [`replica`] puts the parts of a member together and [`observer`] those of a node without a seat, [`engine`]
//! is the core's shell, [`pool`] verifies what the network brings, [`conduct`] judges who brings it, `api` answers clients,
//! [`observing`] serves observers, `feeding` is the shell of those that follow some domains alone, `discovery` finds nodes and
//! `relaying` leads to those behind a wall;
//! [`copying`] makes a copy of a group's state, [`parcel`] carries what it decides; [`config`], [`init`], [`ceremony`], [`seat`], [`doctor`], [`logging`],
//! [`tokens`], [`metrics`] and [`health`] are what an operator meets.
//!
//! # A node inside a program
//!
//! `examples/node.rs` has all of it. [`init::make`] makes a test group; a folder of a group of several organisations comes from
//! a [`ceremony`]. [`config::Config::of_another`] takes the folder's file as it is; [`config::Config::load`] lets variables
//! `QUORATE_…` of this process, and flags, win over the file, so that two nodes of one process would share them. Only the
//! passphrase of a sealed key always comes from the process: from the file that `QUORATE_PASSPHRASE_FILE` names.
//! [`replica::Running::launch`] takes [`replica::Options`] with [`quorate_ledger::answers::DIGEST`], on a runtime of tokio.
//! [`replica::Running::drain`] and then [`replica::Running::stop`] end a node in order; one that is dropped ends too, and nobody
//! learns when.

pub mod answers;
mod api;
mod build;
pub mod ceremony;
pub mod clock;
pub mod conduct;
pub mod config;
pub mod copying;
mod discovery;
pub mod doctor;
pub mod engine;
mod every;
mod feeding;
mod framed;
pub mod health;
pub mod init;
pub mod joiner;
pub mod joining;
pub mod levels;
pub mod logging;
mod membership;
pub mod metrics;
mod narrator;
pub mod observer;
pub mod observing;
pub mod parcel;
pub mod pool;
mod relaying;
pub mod replica;
pub mod seat;
mod tasks;
pub mod tokens;

pub use quorate_storage::shelter;
