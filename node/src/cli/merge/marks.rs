//! Conflict markers: their length, the names of the sides, and what stands between them.

use crate::cli::failure::{Failure, Outcome};
use crate::cli::print;
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use quorate_semantic::{Conflict, Form, Labels, MARKER_SIZE, Style, markers_of};
use std::ffi::OsString;
use std::process::Command;

/// Longest conflict marker, in characters, and that of a driver whose git asks for a longer one: above any that a file of text could need, and far from filling a disk.
const MARKER_SIZE_MAX: u64 = 1_024;

#[derive(Debug, clap::Args)]
pub struct Marks {
    /// Characters in a conflict marker, as git's %L gives them
    #[arg(long, value_name = "N", default_value_t = MARKER_SIZE as u64,
          value_parser = clap::value_parser!(u64).range(1..))]
    marker_size: u64,
    /// Names of ours, base and theirs in conflict markers, as git's %X %S %Y give them [default: ours base theirs]
    #[arg(long, num_args = 3, value_names = ["X", "S", "Y"], allow_hyphen_values = true,
          value_parser = OsStringValueParser::new().map(label))]
    labels: Option<Vec<String>>,
    /// Style of conflict markers: `merge`, `diff3` or `zdiff3` [default: with --driver what git's
    /// `merge.conflictStyle` says, else diff3]
    #[arg(long, value_name = "STYLE", value_parser = style)]
    conflict_style: Option<Style>,
}

impl Marks {
    /// Refuses markers of a length that only git may ask for.
    pub fn check(&self) -> Outcome {
        match self.marker_size {
            0..=MARKER_SIZE_MAX => Ok(()),
            size => Err(Failure::usage(format!("--marker-size {size}: at most {MARKER_SIZE_MAX} characters"))),
        }
    }

    fn size(&self) -> u64 {
        self.marker_size.min(MARKER_SIZE_MAX)
    }

    /// The merge with markers, of a driver in git's style; none where there are no lines to show.
    pub fn around(&self, conflict: &Conflict, is_driver: bool) -> Option<Vec<u8>> {
        let form = Form { size: self.size() as usize, style: self.style(is_driver) };
        markers_of(conflict, &self.names(), form)
    }

    /// The same as options of `git merge-file`, for a driver.
    pub fn gits(&self) -> Vec<OsString> {
        let Labels { ours, base, theirs } = self.names();
        let style = match self.style(true) {
            Style::Merge => "--no-diff3",
            Style::Diff3 => "--diff3",
            Style::Zdiff3 => "--zdiff3",
        };
        let labels = [ours, base, theirs].into_iter().flat_map(|label| ["-L".into(), label.into()]);
        labels.chain([style.into(), format!("--marker-size={}", self.size()).into()]).collect()
    }

    fn style(&self, is_driver: bool) -> Style {
        self.conflict_style.or_else(|| if is_driver { gits_style() } else { None }).unwrap_or_default()
    }

    fn names(&self) -> Labels {
        let default = Labels::default();
        let [ours, base, theirs] = self.labels.as_deref().unwrap_or_default() else { return default };
        // A git that has no labels for drivers leaves these as they are.
        let named = |label: &String, unknown: &str, default| if label == unknown { default } else { label.clone() };
        Labels {
            ours: named(ours, "%X", default.ours),
            base: named(base, "%S", default.base),
            theirs: named(theirs, "%Y", default.theirs),
        }
    }
}

/// A label as it is shown, on one line: git's hold names of branches and of files and titles of commits, in any encoding
/// and with any character.
fn label(text: OsString) -> String {
    print::plain(text.to_string_lossy().trim_end())
}

fn style(name: &str) -> Result<Style, String> {
    Style::named(name).ok_or_else(|| "the styles are merge, diff3 and zdiff3".into())
}

/// The style in the configuration of the git that runs the driver; none where it has none that is known.
fn gits_style() -> Option<Style> {
    let asked = Command::new("git").args(["config", "--get", "merge.conflictStyle"]).output().ok()?;
    Style::named(String::from_utf8(asked.stdout).ok()?.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_hold_no_character_that_steers_a_terminal_and_never_a_second_line() {
        let shown = |text: &str| label(text.into());
        assert_eq!(shown("1f3a (mend \u{1b}[2Jx)\r"), "1f3a (mend \u{fffd}[2Jx)");
        assert_eq!(shown("50% of %P"), "50% of %P");
        assert_eq!(shown("topic:a\nb"), "topic:a\u{fffd}b");
    }

    #[test]
    fn labels_that_an_older_git_leaves_as_they_are_are_none() {
        let labels = ["%X", "", "topic"].map(String::from).to_vec();
        let marks = Marks { marker_size: 7, labels: Some(labels), conflict_style: None };
        let Labels { ours, base, theirs } = marks.names();
        assert_eq!([ours, base, theirs], ["ours", "", "topic"]);
    }
}
