//! The vocabulary of the protocol: numbers, signed statements, certificates, data, messages, and the door that verifies.

pub mod bounded;
mod ids;
mod crypto;
mod merkle;
mod committee;
mod statement;
mod cert;
mod bundle;
mod content;
mod status;
mod message;
mod verify;
mod word;

pub use bundle::*;
pub use cert::*;
pub use committee::*;
pub use content::*;
pub use crypto::*;
pub use ids::*;
pub use merkle::*;
pub use message::*;
pub use statement::*;
pub use status::*;
pub use verify::*;
pub use word::*;
