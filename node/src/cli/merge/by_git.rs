//! The merge by git's own lines, where the merge layer has none to show: text in another encoding than UTF-8, files above its
//! limits, merges that would take too much work.

use super::Merged;
use quorate_semantic::{Conflict, Reason};
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

/// Highest exit code of `git merge-file` that counts conflicts; above are errors, as of files that git calls binary.
const CONFLICTS_MAX: i32 = 127;

/// Merges as `git merge-file` does, with these options of it; none where git has no merge either, or does not run.
pub fn merge(conflict: &Conflict, options: &[OsString], [base, ours, theirs]: [&Path; 3]) -> Option<Merged> {
    let mut git = Command::new("git");
    git.args(["merge-file", "--stdout", "--quiet"]).args(options).arg("--").args([ours, base, theirs]);
    let merged = git.output().ok()?;
    let conflicts = merged.status.code().filter(|code| (0..=CONFLICTS_MAX).contains(code))?;
    Some(Merged { clean: conflicts == 0 && was_not_read(conflict.reason), bytes: merged.stdout, is_gits: true })
}

/// Whether the merge layer has no opinion: where a check refused a merge, git's is not clean either.
fn was_not_read(reason: Reason) -> bool {
    matches!(reason, Reason::Binary | Reason::TooLarge | Reason::TooMuchWork)
}
