//! Discovery: how this node tells where it is, and finds where others are (`docs/discovery.md`).
//!
//! [`announcing`] signs the own addresses when they change, for the others and for the LAN; [`meeting`] asks at the doors of
//! the configuration's `bootstrap`; [`seeking`] connects an observer to members that it has no configured address of.

mod announcing;
mod meeting;
mod records;
mod seeking;

pub(crate) use announcing::Announcer;
pub(crate) use meeting::Meeting;
pub(crate) use records::take_records;
pub(crate) use seeking::Seeker;
