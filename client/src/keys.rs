//! Key files: an ed25519 seed with a first line that says what it is.
//!
//! ```text
//! quorate secret key, version 1: an ed25519 seed in hex; whoever has it signs as you
//! 4f3c…
//! ```

use quorate_pbft::{Ed25519Signer, PublicKey, Signer as _};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The first line of a key file.
pub const FIRST_LINE: &str = "quorate secret key, version 1: an ed25519 seed in hex; whoever has it signs as you";

/// Bytes of a key file at most: the first line, 64 digits, and two line ends.
const KEY_FILE_BYTES_MAX: u64 = 256;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A key is made once; what stands there may be the only copy of another.
    #[error("{} already exists and is left as it was; give another name", .0.display())]
    Exists(PathBuf),
    /// The disk said no.
    #[error("{}: {error}", .path.display())]
    Io {
        /// Path of the key file.
        path: PathBuf,
        /// Error of the operating system.
        error: io::Error,
    },
    /// The file holds something else.
    #[error("{} is not a quorate key file; `quorate keys new --out FILE` makes one", .0.display())]
    NotAKey(PathBuf),
    /// The operating system has no randomness to give.
    #[error("no randomness from the operating system: {0}")]
    Randomness(getrandom::Error),
}

/// Makes a key from the operating system's randomness and writes it to `path`, readable by its owner alone.
///
/// The file appears under its name only whole and durable. Errs with [`KeyError::Exists`] rather than overwrite
/// anything.
pub fn create(path: &Path) -> Result<Ed25519Signer, KeyError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(KeyError::Randomness)?;
    write(path, &seed)?;
    Ok(Ed25519Signer::from_seed(&seed))
}

/// Writes a seed as a key file, as [`create`] does.
pub fn write(path: &Path, seed: &[u8; 32]) -> Result<(), KeyError> {
    if fs::symlink_metadata(path).is_ok() {
        return Err(KeyError::Exists(path.into()));
    }
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => KeyError::Exists(path.into()),
        _ => KeyError::Io { path: path.into(), error },
    };
    let draft = draft_name(path);
    let written = write_draft(&draft, seed).and_then(|()| fs::hard_link(&draft, path));
    let removed = fs::remove_file(&draft);
    written.map_err(failed)?;
    removed.and_then(|()| sync_folder(path)).map_err(failed)
}

/// The key in a file.
pub fn read(path: &Path) -> Result<Ed25519Signer, KeyError> {
    Ok(Ed25519Signer::from_seed(&read_seed(path)?))
}

/// The seed in a key file, for what needs the secret itself: a replica's transport key is its signing key.
pub fn read_seed(path: &Path) -> Result<[u8; 32], KeyError> {
    let failed = |error| KeyError::Io { path: path.into(), error };
    let not_a_key = || KeyError::NotAKey(path.into());
    if fs::metadata(path).map_err(failed)?.len() > KEY_FILE_BYTES_MAX {
        return Err(not_a_key());
    }
    let text = String::from_utf8(fs::read(path).map_err(failed)?).map_err(|_| not_a_key())?;
    let digits = text.strip_prefix(FIRST_LINE).and_then(|rest| rest.strip_prefix('\n')).ok_or_else(not_a_key)?;
    let mut seed = [0; 32];
    hex::decode_to_slice(digits.trim_end(), &mut seed).map_err(|_| not_a_key())?;
    Ok(seed)
}

/// The public half of the key in a file.
pub fn public(path: &Path) -> Result<PublicKey, KeyError> {
    Ok(read(path)?.public_key())
}

/// Mode of a key file that others of this machine can read or write; none of one that its owner has alone.
pub fn open_to_others(path: &Path) -> Option<u32> {
    let mode = fs::metadata(path).map(|file| file.permissions().mode() & 0o777).unwrap_or_default();
    (mode & 0o077 != 0).then_some(mode)
}

/// A name beside `path` that no other process uses.
fn draft_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    name.into()
}

fn write_draft(draft: &Path, seed: &[u8; 32]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(draft)?;
    writeln!(file, "{FIRST_LINE}\n{}", hex::encode(seed))?;
    file.sync_all()
}

/// Makes the names in the folder of `path` durable (pitfall 2).
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_from_its_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.key");
        let made = create(&path).expect("a new key");
        assert_eq!(public(&path).expect("a key file"), made.public_key());
    }

    #[test]
    fn only_the_owner_reads_a_key_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.key");
        create(&path).expect("a new key");
        assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
        assert_eq!(open_to_others(&path), None);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("our file");
        assert_eq!(open_to_others(&path), Some(0o640));
    }

    #[test]
    fn a_file_that_is_there_is_never_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.key");
        fs::write(&path, "precious").expect("a file");
        assert!(matches!(create(&path), Err(KeyError::Exists(_))));
        assert_eq!(fs::read(&path).expect("a file"), b"precious");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn what_is_not_a_key_file_is_no_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.key");
        let seed = "07".repeat(32);
        for text in [String::new(), seed.clone(), format!("{FIRST_LINE}\n{}", &seed[1..]), "x".repeat(10_000)] {
            fs::write(&path, text).expect("a file");
            assert!(matches!(read(&path), Err(KeyError::NotAKey(_))));
        }
    }
}
