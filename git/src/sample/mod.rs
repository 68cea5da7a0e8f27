//! A small repository to replay where there is none: four ferry companies agree on a format for timetables.
//!
//! The sample is written from constants, so its commit ids are the same everywhere. Some of its merges are clean for
//! git and some are not, and it has every kind of file: a binary one, an executable, a link, an empty one, one without
//! a final newline, names with spaces and accents, a file that becomes a folder.

mod agreement;
mod beginnings;
mod story;

use std::path::Path;

use self::story::Story;
use super::{GitError, Repository};

/// Writes the repository as a bare one at `path`, where nothing is or an empty folder, and opens it. Its branch is
/// `main`.
pub fn write_sample(path: &Path) -> Result<Repository, GitError> {
    let mut story = Story::begin(path)?;
    let mut main = story.line();
    beginnings::tell(&mut story, &mut main)?;
    agreement::tell(&mut story, &mut main)?;
    story.end("main", &main)?;
    Repository::open(path)
}
