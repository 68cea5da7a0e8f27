//! Disk of the database.

use std::path::Path;

/// Share of a disk that must be free, in hundredths.
const FREE_PERCENT_MIN: u64 = 15;
/// Free bytes that suffice on a disk of any size.
const FREE_BYTES_ENOUGH: u64 = 16 << 30;

/// Room on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// Bytes that the replica may still write.
    pub free_bytes: u64,
    /// Bytes of the disk.
    pub size_bytes: u64,
}

impl Disk {
    /// The disk that holds a path.
    pub fn of(path: &Path) -> Option<Self> {
        let disk = rustix::fs::statvfs(path).ok()?;
        let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
        Some(Self { free_bytes: bytes(disk.f_bavail), size_bytes: bytes(disk.f_blocks) })
    }

    /// True if less is free than a share that leaves time to act.
    pub fn is_short(self) -> bool {
        self.free_bytes < FREE_BYTES_ENOUGH && self.free_bytes < self.size_bytes / 100 * FREE_PERCENT_MIN
    }
}
