//! A host of its own for each replica and for the clients: network, address, mounts.

use super::kernel;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A disk in memory for one place.
#[derive(Debug, Clone)]
pub struct SmallDisk {
    /// Mount point: an empty folder.
    pub at: PathBuf,
    /// Capacity in bytes.
    pub bytes: u64,
}

/// A network namespace with one address, and a mount namespace. Both are gone with the last who holds them.
#[derive(Debug)]
pub struct Place {
    network: File,
    mounts: File,
    disk: Option<File>,
}

impl Place {
    /// A new place, and the far end of its only cable.
    pub fn make(address: Ipv4Addr, disk: Option<SmallDisk>) -> io::Result<(Self, File)> {
        // A thread of its own: what moves out stays out.
        let moved = std::thread::scope(|scope| scope.spawn(|| Self::move_out(address, disk)).join());
        moved.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    fn move_out(address: Ipv4Addr, disk: Option<SmallDisk>) -> io::Result<(Self, File)> {
        kernel::leave_home()?;
        let cable = kernel::make_device(address)?;
        let disk = disk.map(|disk| {
            kernel::mount_memory(&disk.at, disk.bytes)?;
            File::open(&disk.at)
        });
        let (network, mounts) = kernel::here()?;
        Ok((Self { network, mounts, disk: disk.transpose()? }, cable))
    }

    /// The command's process will live here.
    pub fn house(&self, command: &mut Command) {
        kernel::settle(command, &self.network, &self.mounts);
    }

    /// Moves the calling thread here, for good.
    pub fn enter(&self) -> io::Result<()> {
        kernel::enter(&self.network)
    }

    /// A file on the small disk, by a path that works outside of the place too.
    pub fn on_disk(&self, name: &Path) -> io::Result<PathBuf> {
        let disk = self.disk.as_ref().ok_or_else(|| io::Error::other("this place has no disk of its own"))?;
        Ok(PathBuf::from(format!("/proc/self/fd/{}", disk.as_raw_fd())).join(name))
    }

    /// Takes all that is left of the small disk; how much that was.
    pub fn fill_disk(&self) -> io::Result<u64> {
        let mut filler = File::create(self.on_disk(Path::new(FILLER))?)?;
        let mut taken = 0;
        for piece in [64 << 10, 4 << 10] {
            let zeros = vec![0; piece];
            loop {
                match filler.write_all(&zeros) {
                    Ok(()) => taken += piece as u64,
                    Err(error) if error.kind() == io::ErrorKind::StorageFull => break,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(taken)
    }

    /// Gives back what [`Place::fill_disk`] took.
    pub fn free_disk(&self) -> io::Result<()> {
        match fs::remove_file(self.on_disk(Path::new(FILLER))?) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }
}

/// Name of the file that fills the small disk.
const FILLER: &str = "filler";
