//! Discovery: addresses of known keys, from whoever tells them.
//!
//! A key proves itself in the handshake, so a told address can be wrong and cost a dial, and nothing else. Members give
//! records on over their links ([`Directory`]), doors for observers give and take them (the service's part), and nodes of
//! one LAN announce themselves there ([`mdns`]). Dials of told addresses go through the `book`, which bounds them.

mod book;
mod directory;
pub(crate) mod mdns;
mod range;
mod record;

pub use book::{Found, KEYS_MAX, Source};
pub use directory::{Announcements, Directory, RECORDS_MAX, key_of_peer, pack, unpack};
pub use mdns::announce;
pub use range::Ranges;
pub(crate) use range::{ip, leads_here};
pub use record::{Entrance, LIFETIME_MAX, PLACES_MAX, Place, RECORD_BYTES_MAX, Unsound, relayed};
