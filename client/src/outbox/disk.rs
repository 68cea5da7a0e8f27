//! Files that are whole where they are, and stay.

use super::OutboxError;
use std::fs::{self, File, OpenOptions, TryLockError};
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

/// Locks a file, which is made where there is none; none while another command has the lock.
pub fn lock(path: &Path) -> Result<Option<File>, OutboxError> {
    let no_lock = |why| OutboxError::NoLock { path: path.to_owned(), why };
    let file = File::options().create(true).truncate(false).write(true).open(path);
    let file = file.map_err(|error| no_lock(not_opened(&error)))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(no_lock(not_locked(&error))),
    }
}

/// Why a lock's file cannot be opened.
fn not_opened(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "you may not write it, or its folder: where another user owns them, as \
                                            after a command under sudo, `chown` gives both to you"
            .into(),
        _ => error.to_string(),
    }
}

/// Why a file that is open cannot be locked: two commands at once would sign two changes with one number.
fn not_locked(error: &io::Error) -> String {
    format!("its file system has no file locks ({error}); move the key, with what lies beside it, to a local disk")
}

/// Writes a file: bytes first, then the name, each durable when this returns.
pub fn write(folder: &Path, file: &str, bytes: &[u8]) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_of_another_user_is_told_with_the_way_to_get_it() {
        let why = not_opened(&io::ErrorKind::PermissionDenied.into());
        assert!(why.contains("another user owns them") && why.contains("`chown`"), "{why}");
    }

    #[test]
    fn a_file_system_without_locks_is_told_with_the_way_to_another() {
        let why = not_locked(&io::ErrorKind::Unsupported.into());
        assert!(why.contains("has no file locks") && why.contains("to a local disk"), "{why}");
    }

    #[test]
    fn a_lock_that_cannot_be_opened_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let told = lock(folder.path()).expect_err("a folder is no lock").to_string();
        assert!(
            told.contains("cannot be locked, so nothing was done")
                && told.contains(folder.path().to_str().expect("text")),
            "{told}"
        );
    }
}
