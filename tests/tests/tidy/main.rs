//! The house stays straight: dependencies of rooms, folders and files, names that the pure rooms may not use, licences,
//! sizes of rooms and objects, and the words with which docs begin.

mod arrows;
mod bounded;
mod circles;
mod dependencies;
mod events;
mod ledger_folders;
mod licences;
mod links;
mod modules;
mod names;
mod pure;
mod releases;
mod rules;
mod sentences;
mod sizes;
mod sources;
mod tokens;
mod waiting;
mod weight;
mod words;
