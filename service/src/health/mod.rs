//! Health of a replica by its own measurements: issues in words, and a score.
//!
//! A watch looks once a second ([`watch`]): disk, open files, age of the checkpoint, pace of the last minutes
//! ([`Vitals`]). [`issues()`] says in words what is wrong with that and with the core's report, [`assess`] makes a
//! score of five parts. [`components()`] says which members hear each other, [`Outages`] what an outage has cost. Nothing here is asked of another replica, so all of it answers without a quorum.

mod disk;
mod space;
mod scrubbed;
mod vitals;
mod facts;
mod issues;
mod score;
mod actions;
mod live;
mod scrub;
mod watch;

mod components;
mod outages;

pub use actions::Actions;
pub use components::{Component, components};
pub use disk::Disk;
pub use facts::{BEHIND_SLOTS_MAX, Facts, Standstill};
pub use issues::{Fault, RENEW_SECONDS, RUNBOOKS, Severity, issues};
pub use live::count_live;
pub use outages::Outages;
pub use score::assess;
pub use scrub::scrub;
pub use scrubbed::{Findings, Scrubbed};
pub use space::{NoRoom, Space};
pub use vitals::{Conflicts, Vitals};
pub(crate) use vitals::{files_max, lacks_files};
pub use watch::{CORE_SILENT_MAX, Sources, Watched, watch};
