//! Three-way merging of files by their meaning: pure, deterministic, bounded.
//!
//! Two sides changed one file since a common base. [`merge`] makes one file out of it when that is right and returns
//! the disagreement as a value when it is not. No person reviews what it resolves, so its one rule is: **a wrong clean
//! merge is far worse than a conflict**. It resolves only where the two edits commute.
//!
//! The ladder: for each file, the first rung that answers wins.
//!
//! 1. [`Rung::OneSided`]: the sides agree, or only one of them changed the file.
//! 2. [`Rung::Text`]: diff3 over lines, compatible with git's; edits of different adjacent lines go through.
//! 3. [`Rung::Data`]: JSON, TOML and YAML by key.
//! 4. [`Rung::Imports`]: import lines as sets.
//! 5. [`Rung::Code`]: declarations as items that tile the file.
//! 6. The checks of [`Check`], after whatever rung answered; a refusal makes a semantic conflict. A merge that git makes
//!    cleanly is held to some of them alone, as [`Check`] says.
//! 7. [`Rung::None`]: a [`Conflict`], with what could be merged as advice.
//!
//! A rung only turns a conflict into a clean answer; it never overrides a clean answer of an earlier one. The rungs work on the
//! stretches of one file together. Exchanged sides give the same outcome: `merge(base, a, b)` and `merge(base, b, a)` differ at
//! most in the labels of a conflict, and in the order of what both added at one place, which stands in agreed order.
//!
//! Nothing here reads a clock, the environment, a file or a random number, starts a thread, or walks an unordered
//! map: replicas that run it on the same bytes get the same bytes.

mod check;
mod code;
mod data;
mod diff3;
mod edits;
mod elements;
mod entry;
mod hunk;
mod imports;
mod indent;
mod items;
mod ladder;
mod language;
mod layout;
mod lex;
pub mod limits;
mod line_ends;
mod lines;
mod options;
mod outcome;
mod pairs;
mod renames;
mod render;
pub mod samples;
mod sweep;
mod terms;
mod text;
mod versions;
mod words;
mod work;

pub use check::Check;
#[cfg(feature = "testing")]
pub use data::reading;
pub use entry::{Entry, EntryOutcome, Kind, merge_entries, merge_entries_within};
pub use ladder::{Input, merge, merge_as_git, merge_within};
pub use options::{ListKey, Options, Rules};
pub use outcome::{Class, Conflict, Outcome, Piece, Reason, Rung};
pub use renames::{Destination, Renames};
pub use render::{Form, Labels, MARKER_SIZE, Style, json, markers, markers_of, report};
pub use terms::Terms;
pub use work::{STEPS_MAX, Work};

#[cfg(test)]
mod tests {
    use super::Rules;

    #[test]
    fn the_newest_rules_name_the_releases_that_are_locked() {
        let lock = include_str!("../../Cargo.lock");
        assert_eq!(Rules::ALL.last(), Some(&Rules::NEWEST));
        for release in [
            concat!("quorate-semantic ", env!("CARGO_PKG_VERSION")),
            "imara-diff 0.2.0",
            "unicode-normalization 0.1.26",
        ] {
            let (name, version) = release.split_once(' ').expect("a name and a version");
            assert!(Rules::NEWEST.name().contains(release), "{release}");
            assert!(lock.contains(&format!("name = \"{name}\"\nversion = \"{version}\"")), "{release}");
        }
    }
}
