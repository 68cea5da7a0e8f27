//! Records that came packed: each is checked and taken by itself.

use quorate_net::{Directory, Unsound, unpack};

/// Takes records that a node told.
///
/// # Errors
/// At the first signature that does not fit: an honest node gives on what it has checked.
pub(crate) fn take_records(directory: &Directory, packed: &[u8]) -> Result<(), Unsound> {
    for record in unpack(packed).unwrap_or_default() {
        match directory.take(&record) {
            Ok(_) => (),
            Err(Unsound::Signature) => return Err(Unsound::Signature),
            Err(error) => tracing::debug!(%error, "address record refused"),
        }
    }
    Ok(())
}
