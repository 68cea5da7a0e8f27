//! Measurements that the core does not make.

use super::disk::Disk;
use super::scrubbed::Scrubbed;
use super::space::{NoRoom, Space};
use rustix::io::Errno;
use std::path::Path;

/// Share of the files that the system lets a process open, in hundredths, from which they run short.
const FILES_PERCENT_MAX: u64 = 80;

/// Measurements of one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Vitals {
    /// The disk of the database; none where the system does not tell.
    pub disk: Option<Disk>,
    /// Progress and findings of the scrub.
    pub scrub: Scrubbed,
    /// Bytes of the database's files.
    pub database_bytes: u64,
    /// Space that it takes and may take.
    pub space: Space,
    /// Files and connections that the process has open.
    pub files_open: u64,
    /// Files and connections that the system lets it open.
    pub files_max: u64,
    /// Milliseconds for which executed slots have waited for a newer stable checkpoint.
    pub checkpoint_age_ms: u64,
    /// Milliseconds for which changes that could be ordered have waited here while no slot was executed.
    pub stalled_ms: u64,
    /// Milliseconds for which changes have waited here for an earlier number of their authors.
    pub gapped_ms: u64,
    /// Median of the time from a proposal to its execution, over the last slots.
    pub order_ms: Option<u64>,
    /// Changes of view in the last five minutes, but for offices that were handed over.
    pub view_changes: u64,
    /// Proposals refused for their time in the last five minutes.
    pub clock_refusals: u64,
    /// Final receipts of slots of the last five minutes.
    pub conflicts: Conflicts,
    /// Numbers of the members that evidence is recorded against.
    pub accused: Vec<u16>,
    /// Conflicts that nobody has settled; at most a page of them is counted.
    pub conflicts_open: u64,
    /// Seconds until the certificate of the API ends, negative when it has; none without one.
    pub certificate_seconds: Option<i64>,
    /// Members that are suspended, in words.
    pub suspended: Vec<String>,
    /// Peers that are treated strictly, in words.
    pub strict: Vec<String>,
    /// Numbers of the members that sent frames which were no messages in the last five minutes.
    pub garbled: Vec<u16>,
}

/// Receipts of some time, and how many of them were conflicts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Conflicts {
    /// Receipts that kept a conflict.
    pub kept: u64,
    /// Count of receipts.
    pub receipts: u64,
}

impl Conflicts {
    /// Share of conflicts in hundredths; 0 where too few receipts say anything.
    pub fn percent(self) -> u64 {
        const RECEIPTS_MIN: u64 = 20;
        if self.receipts < RECEIPTS_MIN { 0 } else { self.kept * 100 / self.receipts }
    }
}

impl Vitals {
    /// Why no new change is taken for want of room; none where one is.
    pub fn no_room(&self) -> Option<NoRoom> {
        self.space.refusal(self.disk)
    }

    /// True if the process will soon be refused another file or connection.
    pub fn is_short_of_files(&self) -> bool {
        self.files_max > 0 && self.files_open * 100 > self.files_max * FILES_PERCENT_MAX
    }
}

/// Bytes of the files in a folder.
pub fn bytes_in(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| Some(file.metadata().ok()?.len())).sum()
}

/// Files that this process has open: all that it may where not one more can be opened, 0 where the system does not tell.
pub fn files_open() -> u64 {
    match std::fs::read_dir("/proc/self/fd") {
        Ok(files) => files.count() as u64,
        Err(error) if lacks_files(&error) => files_max(),
        Err(_) => 0,
    }
}

/// Whether the system opens nothing more, for this process or for any.
pub fn lacks_files(error: &std::io::Error) -> bool {
    let lack = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    error.raw_os_error().is_some_and(|code| lack.iter().any(|errno| errno.raw_os_error() == code))
}

/// Files that this process may open; 0 where the system sets no bound.
pub fn files_max() -> u64 {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_short_below_its_share_unless_much_is_free() {
        let disk = |free_bytes, size_bytes| Disk { free_bytes, size_bytes };
        assert!(disk(7 << 30, 50 << 30).is_short());
        assert!(!disk(8 << 30, 50 << 30).is_short());
        assert!(!disk(17 << 30, 10_000 << 30).is_short());
    }

    #[test]
    fn a_few_receipts_say_nothing_about_conflicts() {
        assert_eq!(Conflicts { kept: 5, receipts: 10 }.percent(), 0);
        assert_eq!(Conflicts { kept: 5, receipts: 20 }.percent(), 25);
    }
}
