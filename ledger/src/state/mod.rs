//! What is under the root, and the rows beside it that the root vouches for.

pub(crate) mod draft;
mod draft_rows;
pub(crate) mod entry;
pub(crate) mod name;
pub(crate) mod record;
pub(crate) mod rows;
pub(crate) mod story;
