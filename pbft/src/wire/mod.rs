//! The vocabulary of the protocol: numbers, signed statements, certificates, data, messages, and the door that verifies.

pub(crate) mod ids;
pub(crate) mod crypto;
pub(crate) mod merkle;
pub(crate) mod committee;
pub(crate) mod statement;
pub(crate) mod cert;
pub(crate) mod bundle;
pub(crate) mod content;
pub(crate) mod status;
pub(crate) mod message;
pub(crate) mod verify;
