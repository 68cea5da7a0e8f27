//! The house stays straight: who may depend on whom, what the pure rooms may not name, which licences come in.

mod arrows;
mod bounded;
mod dependencies;
mod ledger_folders;
mod licences;
mod pure;
mod rules;
mod sources;
