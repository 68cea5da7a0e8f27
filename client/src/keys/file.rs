//! Key files: an ed25519 seed with a first line that says what it is.
//!
//! ```text
//! quorate secret key, version 1: an ed25519 seed in hex; whoever has it signs as you
//! 4f3c…
//! ```

use super::locked::{self, Locked};
use super::{KeyError, agent, fingerprint, passphrase};
use quorate_pbft::{Ed25519Signer, PublicKey};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The first line of a key file.
pub const FIRST_LINE: &str = "quorate secret key, version 1: an ed25519 seed in hex; whoever has it signs as you";

/// Makes a key from the operating system's randomness and writes it to `path`, readable by its owner alone.
///
/// The file appears under its name only whole and durable. Errs with [`KeyError::Exists`] rather than overwrite
/// anything.
pub fn create(path: &Path) -> Result<Ed25519Signer, KeyError> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed).map_err(KeyError::Randomness)?;
    write_new(path, &plain(&seed))?;
    Ok(Ed25519Signer::from_seed(&seed))
}

/// Copies a key file, plain or locked, as it stands; errs as [`create`].
pub fn copy(from: &Path, to: &Path) -> Result<(), KeyError> {
    write_new(to, &text(from)?)
}

/// Writes a key file that is not there yet.
fn write_new(path: &Path, text: &str) -> Result<(), KeyError> {
    if fs::symlink_metadata(path).is_ok() {
        return Err(KeyError::Exists(path.into()));
    }
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => KeyError::Exists(path.into()),
        _ => KeyError::Io { path: path.into(), error },
    };
    let draft = draft_name(path);
    let written = write_draft(&draft, text).and_then(|()| fs::hard_link(&draft, path));
    let removed = fs::remove_file(&draft);
    written.map_err(failed)?;
    removed.and_then(|()| sync_folder(path)).map_err(failed)
}

/// The key in a file. A locked one is opened with the passphrase of [`passphrase`].
pub fn read(path: &Path) -> Result<Ed25519Signer, KeyError> {
    Ok(Ed25519Signer::from_seed(&*read_seed(path)?))
}

/// The seed in a key file, for what needs the secret itself: a replica's transport key is its signing key.
pub fn read_seed(path: &Path) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    match content(path)? {
        Content::Plain(seed) => Ok(seed),
        Content::SshPublic(_) => Err(KeyError::OnlyInAgent(path.into())),
        Content::Locked(locked) => {
            let passphrase = passphrase::of(path).ok_or_else(|| KeyError::Locked(path.into()))?;
            let passphrase = passphrase.map_err(|error| KeyError::Passphrase { path: path.into(), error })?;
            opened(path, &locked, &passphrase)
        }
    }
}

/// Whether a key file is under a passphrase.
pub fn is_locked(path: &Path) -> Result<bool, KeyError> {
    Ok(matches!(content(path)?, Content::Locked(_)))
}

/// Puts a plain key file under a passphrase. Its old bytes may stay in free space of the disk.
pub fn lock(path: &Path, passphrase: &str) -> Result<(), KeyError> {
    let Content::Plain(seed) = content(path)? else { return Err(KeyError::NotAKey(path.into())) };
    replace(path, &sealed(&seed, passphrase)?)
}

/// Puts a locked key file under another passphrase, or under none.
pub fn relock(path: &Path, old: &str, new: Option<&str>) -> Result<(), KeyError> {
    let Content::Locked(locked) = content(path)? else { return Err(KeyError::NotAKey(path.into())) };
    let seed = opened(path, &locked, old)?;
    match new {
        Some(new) => replace(path, &sealed(&seed, new)?),
        None => replace(path, &plain(&seed)),
    }
}

/// Mode of a key file that others of this machine can read or write; none of one that its owner has alone.
pub fn open_to_others(path: &Path) -> Option<u32> {
    let mode = fs::metadata(path).map(|file| file.permissions().mode() & 0o777).unwrap_or_default();
    (mode & 0o077 != 0).then_some(mode)
}

/// Writes a key file in the place of the one that is there, whole and durable, with its owner.
fn replace(path: &Path, text: &str) -> Result<(), KeyError> {
    let failed = |error| KeyError::Io { path: path.into(), error };
    // A link would be replaced, and what it leads to would stay.
    let path = path.canonicalize().map_err(failed)?;
    let old = fs::metadata(&path).map_err(failed)?;
    if old.nlink() > 1 {
        return Err(KeyError::OtherNames(path));
    }
    let draft = draft_name(&path);
    let written = write_draft(&draft, text)
        .and_then(|()| chown(&draft, Some(old.uid()), Some(old.gid())))
        .and_then(|()| fs::rename(&draft, &path));
    written.inspect_err(|_| drop(fs::remove_file(&draft))).and_then(|()| sync_folder(&path)).map_err(failed)
}

/// A name beside `path` that no other process uses.
fn draft_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    name.into()
}

fn write_draft(draft: &Path, text: &str) -> io::Result<()> {
    match fs::remove_file(draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => (),
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Makes the names in the folder of `path` durable (pitfall 2).
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// A key file's content.
pub(super) enum Content {
    Plain(Zeroizing<[u8; 32]>),
    Locked(Box<Locked>),
    /// Written by `ssh-keygen`.
    SshPublic(PublicKey),
}

pub(super) fn content(path: &Path) -> Result<Content, KeyError> {
    let text = text(path)?;
    let known = seed_of(&text).map(Content::Plain);
    let known = known.or_else(|| Locked::parse(&text).map(|locked| Content::Locked(Box::new(locked))));
    known.or_else(|| agent::public_line(&text).map(Content::SshPublic)).ok_or_else(|| KeyError::NotAKey(path.into()))
}

fn text(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    if fingerprint(path).is_some() {
        return Err(KeyError::OnlyInAgent(path.into()));
    }
    let failed = |error| KeyError::Io { path: path.into(), error };
    if fs::metadata(path).map_err(failed)?.len() > locked::FILE_BYTES_MAX {
        return Err(KeyError::NotAKey(path.into()));
    }
    let text = String::from_utf8(fs::read(path).map_err(failed)?);
    text.map(Zeroizing::new).map_err(|_| KeyError::NotAKey(path.into()))
}

fn seed_of(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let digits = text.strip_prefix(FIRST_LINE)?.strip_prefix('\n')?;
    let mut seed = Zeroizing::new([0; 32]);
    hex::decode_to_slice(digits.trim_end(), &mut *seed).ok()?;
    Some(seed)
}

fn opened(path: &Path, locked: &Locked, passphrase: &str) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    locked.open(passphrase).ok_or_else(|| KeyError::WrongPassphrase(path.into()))
}

fn sealed(seed: &[u8; 32], passphrase: &str) -> Result<Zeroizing<String>, KeyError> {
    let mut random = [0; 40];
    getrandom::fill(&mut random).map_err(KeyError::Randomness)?;
    Ok(Locked::seal(seed, passphrase, &random).text().into())
}

fn plain(seed: &[u8; 32]) -> Zeroizing<String> {
    let digits = Zeroizing::new(hex::encode(seed));
    format!("{FIRST_LINE}\n{}\n", *digits).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::public;
    use quorate_pbft::Signer as _;

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
    fn a_key_is_locked_where_a_link_leads_and_not_under_two_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, link) = (folder.path().join("a.key"), folder.path().join("link.key"));
        create(&path).expect("a new key");
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        lock(&link, "correct horse").expect("a plain key");
        assert!(is_locked(&path).expect("a key file") && link.is_symlink());

        relock(&path, "correct horse", None).expect("the passphrase");
        fs::hard_link(&path, folder.path().join("other.key")).expect("a link");
        assert!(matches!(lock(&path, "correct horse"), Err(KeyError::OtherNames(_))));
        assert!(!is_locked(&path).expect("a key file"));
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
