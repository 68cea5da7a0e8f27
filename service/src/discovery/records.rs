//! Records that came packed: each is checked and taken by itself.

use quorate_net::{Directory, unpack};

/// Takes records that a node told.
pub(crate) fn take_records(directory: &Directory, packed: &[u8]) {
    for record in unpack(packed).unwrap_or_default() {
        if let Err(error) = directory.take(&record) {
            tracing::debug!(%error, "address record refused");
        }
    }
}
