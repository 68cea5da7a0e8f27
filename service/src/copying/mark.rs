//! The mark of a copy: a file that outlives the databases beside it, and keeps them from voting.

use super::outcome::{CopyError, at};
use crate::framed::{beside, sync_parent};
use quorate_pbft::SeqNum;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

/// Name, after that of the database, of the file that outlives the databases: they came from others, and tell nothing of
/// what the key signed.
const MARK: &str = "copied";
/// The same while it is written.
const DRAFT: &str = "copied.new";

/// Notes beside the database, for every database that follows it there, that it was copied. No mark is left where this fails
/// and none was there: what stands there votes.
pub(super) fn mark(data: &Path, seq: SeqNum) -> Result<(), CopyError> {
    let (path, draft) = (beside(data, MARK), beside(data, DRAFT));
    let was_marked = path.exists();
    let written = fs::File::create(&draft).and_then(|mut file| {
        writeln!(
            file,
            "{seq}\nThe slot of the state that was copied to this folder: a replica with this file never votes."
        )?;
        file.sync_all()?;
        fs::rename(&draft, &path)?; // a full disk leaves the mark before, or none
        sync_parent(&path)
    });
    if written.is_err() && !was_marked {
        let _ = fs::remove_file(&path);
    }
    written.map_err(at(&path))
}

/// Slot of a copy that took the place of a database, even where that copy is lost by now.
pub(crate) fn marked(data: &Path) -> io::Result<Option<SeqNum>> {
    let text = match fs::read(beside(data, MARK)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read?, // a mark that cannot be read is none that is not there
    };
    let slot = text.split(|byte| *byte == b'\n').next().and_then(|line| std::str::from_utf8(line).ok()?.parse().ok());
    Ok(Some(SeqNum::new(slot.unwrap_or_default())))
}
