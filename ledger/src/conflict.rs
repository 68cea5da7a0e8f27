//! Conflicts as state: all sides of a disagreement, kept until somebody who saw them settles it.

use crate::hexed::id;

id! {
    /// Names a conflict: SHA-256 over its domain, path and the envelope that opened it.
    ConflictId
}
