//! Records that came in one frame: each is checked and taken by itself.

use quorate_net::{Directory, Unsound};

/// Takes records that a node told.
///
/// # Errors
/// At the first signature that does not fit: an honest node gives on what it has checked.
pub(crate) fn take_records(directory: &Directory, records: &[Vec<u8>]) -> Result<(), Unsound> {
    for record in records {
        match directory.take(record) {
            Ok(_) => (),
            Err(Unsound::Signature) => return Err(Unsound::Signature),
            Err(error) => tracing::debug!(%error, "address record refused"),
        }
    }
    Ok(())
}
