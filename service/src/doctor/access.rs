//! Access: what this user may not look at is not called damaged, and nothing else is said of it.

use crate::config::{CONFIG_FILE, GENESIS_FILE, REPLICA_KEY_FILE};
use crate::observer::OBSERVER_KEY_FILE;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// First file of a folder that this user may not read, or of its database that this user may not write.
pub(super) fn closed(dir: &Path, data: Option<&Path>) -> Option<PathBuf> {
    let files = [CONFIG_FILE, GENESIS_FILE, REPLICA_KEY_FILE, OBSERVER_KEY_FILE].map(|name| dir.join(name));
    files.into_iter().find(|file| is_denied(&File::open(file))).or_else(|| closed_database(data?))
}

fn closed_database(data: &Path) -> Option<PathBuf> {
    let listed = fs::read_dir(data);
    if is_denied(&listed) {
        return Some(data.to_owned());
    }
    let mut files = listed.ok()?.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_file());
    files.find(|file| is_denied(&OpenOptions::new().read(true).write(true).open(file)))
}

fn is_denied<T>(opened: &io::Result<T>) -> bool {
    opened.as_ref().is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}
