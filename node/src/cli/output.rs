//! Files that commands write: nothing but an older one of the same kind is ever replaced.

use super::failure::{Failure, Outcome};
use quorate_ledger::proof::{BranchProof, PROOF_BYTES_MAX};
use quorate_service::copying;
use quorate_service::parcel::{Kind, Parcel, TAG};
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Mode of a new file, less what the umask takes.
pub const NEW: u32 = 0o666;

/// Refuses a place at which there is no older file of this kind: a slip of the keyboard must not cost a file.
pub fn check(out: &Path, tag: &[u8], kind: &str) -> Result<(), Failure> {
    check_head(out, tag.len() as u64, |head| head == tag, kind)
}

/// The same of a kind that so many bytes tell.
fn check_head(out: &Path, bytes: u64, is_kind: impl Fn(&[u8]) -> bool, kind: &str) -> Result<(), Failure> {
    if fs::metadata(out).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        return Ok(()); // a pipe or a device has no bytes to lose
    }
    let file = match fs::File::open(out) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened.map_err(|error| Failure::file(out, error))?,
    };
    let mut head = Vec::new();
    let read = file.take(bytes).read_to_end(&mut head);
    read.map_err(|error| Failure::file(out, error))?;
    if head.is_empty() || is_kind(&head) {
        return Ok(());
    }
    let what = format!("{} is there and is no {kind}; it is left as it was", out.display());
    Err(Failure::usage(what).next(format!("give another name for the {kind}")))
}

/// Writes a proof, whose first bytes are its tag.
pub fn write(out: &Path, tag: &[u8], proof: &[u8]) -> Result<(), Failure> {
    check(out, tag, "proof")?;
    replace(out, proof).map_err(|error| Failure::file(out, error))
}

/// Writes the proof of a branch of a transaction over several groups, which has no tag.
pub fn write_branch(out: &Path, proof: &BranchProof) -> Result<(), Failure> {
    check_head(out, PROOF_BYTES_MAX as u64, |old| BranchProof::decode(old).is_some(), "proof of a branch")?;
    replace(out, &proof.encode()).map_err(|error| Failure::file(out, error))
}

/// Puts bytes in the place of the file that is there, whole or not at all, and with its permissions. A pipe or a device takes them
/// as they come, and so does a file that alone can be written: one in a folder of others, or mounted by itself.
pub fn replace(out: &Path, bytes: &[u8]) -> io::Result<()> {
    let found = fs::metadata(out).map_err(|error| (error, out.is_symlink()));
    if matches!(&found, Ok(found) if !found.is_file()) || matches!(found, Err((_, true))) {
        return fs::write(out, bytes);
    }
    let place = fs::canonicalize(out).unwrap_or_else(|_| out.to_owned()); // a link stays one
    let permissions = found.ok().map(|found| found.permissions());
    let is_there = permissions.is_some();
    match put_in_place(&place, bytes, permissions) {
        Err(error) if is_there && is_of_the_folder(&error) => fs::write(out, bytes),
        replaced => replaced,
    }
}

fn is_of_the_folder(error: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem, ResourceBusy};
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem | ResourceBusy)
}

fn put_in_place(out: &Path, bytes: &[u8], permissions: Option<fs::Permissions>) -> io::Result<()> {
    put(out, |draft| put_new_as(draft, bytes, NEW, permissions))
}

/// Puts in a place what is made beside it, whole or not at all; a link that stands there goes.
pub fn put(out: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let mut draft = out.as_os_str().to_owned();
    draft.push(format!(".{}.tmp", std::process::id()));
    let draft = Path::new(&draft);
    make(draft)?;
    fs::rename(draft, out).inspect_err(|_| drop(fs::remove_file(draft)))
}

/// Makes a file of these bytes, or none; an error where one is there.
pub fn put_new(out: &Path, bytes: &[u8]) -> io::Result<()> {
    put_new_as(out, bytes, NEW, None)
}

/// The same with these permissions, or else with the bits of `mode` that the umask leaves.
pub fn put_new_as(out: &Path, bytes: &[u8], mode: u32, permissions: Option<fs::Permissions>) -> io::Result<()> {
    let mode = permissions.as_ref().map_or(mode, fs::Permissions::mode);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(out)?;
    let permitted = permissions.map_or(Ok(()), |permissions| file.set_permissions(permissions));
    let written = permitted.and_then(|()| file.write_all(bytes)).and_then(|()| file.sync_all());
    written.inspect_err(|_| drop(fs::remove_file(out)))
}

/// Refuses a place at which there is no older file of the same kind.
pub fn free(out: &Path, kind: Kind) -> Outcome {
    let parcel = || Parcel::open(out).ok().map(|parcel| parcel.kind);
    match if copying::is_snapshot(out) { Some(Kind::State) } else { parcel() } {
        Some(found) if found == kind => Ok(()),
        Some(found) => {
            let what = format!("{} is there and holds {found}; it is left as it was", out.display());
            Err(Failure::usage(what).next("give another name"))
        }
        None => check(out, TAG, if kind == Kind::State { "snapshot" } else { "bundle" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn mode(of: &Path) -> u32 {
        fs::metadata(of).expect("it is there").permissions().mode() & 0o777
    }

    #[test]
    fn a_file_that_is_replaced_keeps_its_permissions() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        for kept in [0o600, 0o644] {
            fs::write(&file, "old").expect("our folder");
            fs::set_permissions(&file, fs::Permissions::from_mode(kept)).expect("our file");

            replace(&file, b"new").expect("it is replaced");

            assert_eq!((fs::read(&file).expect("it is there"), mode(&file)), (b"new".to_vec(), kept));
        }
    }

    #[test]
    fn a_link_stays_one_and_its_target_is_written_though_it_was_not_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let (link, target) = (folder.path().join("link"), folder.path().join("target"));
        symlink(&target, &link).expect("our folder");
        for bytes in ["first", "second"] {
            replace(&link, bytes.as_bytes()).expect("it is written");
            assert!(link.is_symlink());
            assert_eq!(fs::read_to_string(&target).expect("it is there"), bytes);
        }
    }

    #[test]
    fn a_place_that_cannot_be_looked_at_is_no_free_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "no folder").expect("our folder");

        assert!(check(&file.join("below"), b"tag", "proof").is_err());
        assert!(check(&folder.path().join("new"), b"tag", "proof").is_ok());
    }
}
