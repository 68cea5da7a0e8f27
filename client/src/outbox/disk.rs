//! Files that are whole where they are, and stay.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Ends the name of a file that is being written. Such a file may be removed under the lock.
pub(super) const DRAFT: &str = ".tmp";

/// Makes the folder and those above it, each durable and readable by its owner alone, if they are not there.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    folder.parent().filter(|above| !above.as_os_str().is_empty()).map_or(Ok(()), make_folder)?;
    fs::DirBuilder::new().mode(0o700).create(folder)?;
    crate::keys::sync_folder(folder)
}

/// Writes a file: bytes first, then the name, each durable when this returns.
pub(super) fn write(folder: &Path, file: &str, bytes: &[u8]) -> io::Result<()> {
    let draft = folder.join(format!("{file}{DRAFT}"));
    let mut out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    out.write_all(bytes)?;
    out.sync_all()?;
    fs::rename(&draft, folder.join(file))?;
    File::open(folder)?.sync_all()
}

/// Removes a file, if it is there. Not durable: what comes back after a power cut is removed again.
pub(super) fn remove(folder: &Path, file: &str) -> io::Result<()> {
    match fs::remove_file(folder.join(file)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
