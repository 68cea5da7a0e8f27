//! Files that commands write: nothing but an older one of the same kind is ever replaced.

use super::failure::{Failure, Outcome};
use quorate_service::copying;
use quorate_service::parcel::{Kind, Parcel, TAG};
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

/// Refuses a place at which there is no older file of this kind: a slip of the keyboard must not cost a file.
pub fn check(out: &Path, tag: &[u8], kind: &str) -> Result<(), Failure> {
    let Ok(file) = fs::File::open(out) else { return Ok(()) };
    let mut head = Vec::new();
    let read = file.take(tag.len() as u64).read_to_end(&mut head);
    read.map_err(|error| Failure::file(out, error))?;
    if head.is_empty() || head == tag {
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

/// Puts bytes in the place of the file that is there, whole or not at all; a pipe or a device takes them as they come.
pub fn replace(out: &Path, bytes: &[u8]) -> io::Result<()> {
    let out = fs::canonicalize(out).unwrap_or_else(|_| out.to_owned()); // a link stays one
    if fs::metadata(&out).is_ok_and(|found| !found.is_file()) {
        return fs::write(out, bytes);
    }
    let mut draft = out.as_os_str().to_owned();
    draft.push(format!(".{}.tmp", std::process::id()));
    let draft = Path::new(&draft);
    let written = put_new(draft, bytes).and_then(|()| fs::rename(draft, &out));
    written.inspect_err(|_| drop(fs::remove_file(draft)))
}

/// Makes a file of these bytes, or none; an error where one is there.
pub fn put_new(out: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(out)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
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
