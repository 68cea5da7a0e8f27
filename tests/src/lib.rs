//! The test machine: whole groups in virtual time, attackers inside them, and oracles that judge what they did.
//!
//! A seed is a run. [`plan::Plan`] says what the seed decided before anything happens: preset, group, attackers,
//! weather, faults, requests. [`world::World`] plays it: every replica is the real core, and every message, disk
//! commit and crash is an event on one queue. [`oracles`] watch from outside and know nothing of the code they judge.
//! `docs/testing.md` says how to run it.

pub mod dice;
pub mod keys;
pub mod weather;

pub mod plan;
pub mod presets;

pub mod clients;
pub mod levels;
pub mod machine;
pub mod mutation;
pub mod scene;
pub mod world;

pub mod attackers;
pub mod oracles;

pub mod trace;

pub mod campaign;
pub mod kept;
pub mod run;
pub mod shrink;

pub mod pace;
pub mod sites;

pub mod explore;
pub mod forks;
pub mod small;
pub mod twins;

pub mod contents;
pub mod rebuilt;

pub mod attacks;
pub mod processes;

pub mod bugs;
