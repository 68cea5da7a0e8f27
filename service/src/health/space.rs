//! Space that a replica may take: within its quota, and with a reserve on the disk for votes and catching up.

use super::disk::Disk;
use quorate_storage::reserve_bytes;
use std::fmt;

/// Space of a replica's database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Space {
    /// Bytes of its files, but for pages that hold nothing and are used again.
    pub used_bytes: u64,
    /// Bytes that it may take; none where no quota is set.
    pub quota_bytes: Option<u64>,
    /// Whether a write waits for room: nothing is recorded until there is some.
    pub is_awaited: bool,
}

/// Reason why a replica takes no new change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRoom {
    /// A write found no room, and waits.
    Full,
    /// Less is free on the disk than is kept for votes and catching up.
    Reserve {
        /// Bytes that are free.
        free: u64,
        /// Bytes that are kept.
        reserve: u64,
    },
    /// The database takes more than its quota.
    Quota {
        /// Bytes that it takes.
        used: u64,
        /// Bytes that it may take.
        quota: u64,
    },
}

impl Space {
    /// Why no new change may be taken; none where one may.
    pub fn refusal(&self, disk: Option<Disk>) -> Option<NoRoom> {
        if self.is_awaited {
            return Some(NoRoom::Full);
        }
        if let Some(disk) = disk {
            let (free, reserve) = (disk.free_bytes, reserve_bytes(disk.size_bytes));
            if free < reserve {
                return Some(NoRoom::Reserve { free, reserve });
            }
        }
        let (used, quota) = (self.used_bytes, self.quota_bytes?);
        self.is_over_quota().then_some(NoRoom::Quota { used, quota })
    }

    /// Whether the quota is passed, whatever else keeps changes out.
    pub fn is_over_quota(&self) -> bool {
        self.quota_bytes.is_some_and(|quota| self.used_bytes > quota)
    }
}

impl NoRoom {
    /// Next step.
    pub const ADVICE: &str =
        "make room on the disk, raise `space_quota`, or keep less `history`; it takes changes again by itself";
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: &u64| bytes >> 20;
        match self {
            Self::Full => f.write_str("the disk is full, and a write waits for room"),
            Self::Reserve { free, reserve } => write!(
                f,
                "{} MiB are free on the disk; {} MiB are kept for votes and catching up",
                mib(free),
                mib(reserve)
            ),
            Self::Quota { used, quota } => {
                write!(f, "the database takes {} MiB, its quota is {} MiB", mib(used), mib(quota))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn a_change_is_taken_while_the_reserve_is_free_and_the_quota_is_not_passed() {
        let disk = |free_bytes, size_bytes| Some(Disk { free_bytes, size_bytes });
        let space = |used_bytes| Space { used_bytes, quota_bytes: Some(20 * GIB), is_awaited: false };

        assert_eq!(space(20 * GIB).refusal(disk(GIB, 10_000 * GIB)), None);
        assert_eq!(space(0).refusal(disk(GIB / 10, 2 * GIB)), None);
        assert_eq!(Space::default().refusal(None), None);
        assert!(matches!(space(0).refusal(disk(GIB / 11, 2 * GIB)), Some(NoRoom::Reserve { .. })));
        assert!(matches!(space(20 * GIB + 1).refusal(disk(GIB, GIB)), Some(NoRoom::Quota { .. })));
        let awaited = Space { is_awaited: true, ..Space::default() };
        assert_eq!(awaited.refusal(disk(GIB, GIB)), Some(NoRoom::Full));
    }

    #[test]
    fn a_quota_is_passed_on_a_full_disk_too() {
        let space = |used_bytes| Space { used_bytes, quota_bytes: Some(GIB), is_awaited: true };

        assert_eq!(space(GIB + 1).refusal(None), Some(NoRoom::Full));
        assert!(space(GIB + 1).is_over_quota() && !space(GIB).is_over_quota());
    }
}
