//! The patch files: what each says of its mistake, and which files it touches.

use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};

/// Folder of the patches, from the root of the repository.
const FOLDER: &str = "tests/bugs";

/// Commands with which `run` may begin.
const COMMANDS: [&str; 7] = ["simulate", "explore", "twins", "contents", "rebuilt", "sites", "test"];

/// A known mistake that can be planted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The patch file's name without its ending.
    pub name: String,
    /// The patch file, from the root of the repository.
    pub patch: PathBuf,
    /// Mistake in words.
    pub what: String,
    /// The rules that it breaks.
    pub breaks: String,
    /// The arguments of `quorate-tests` that find it; or `test`, and the room, the program and the name of a test.
    pub run: String,
    /// The files that it changes, from the root of the repository.
    pub files: Vec<PathBuf>,
}

impl Mistake {
    /// The room, the program and the name of the test that finds it, if no run does.
    pub fn test(&self) -> Option<[&str; 3]> {
        self.run.strip_prefix("test ")?.split(' ').collect::<Vec<_>>().try_into().ok()
    }
}

/// Reads the mistakes of a repository, by name.
pub fn all(root: &Path) -> Result<Vec<Mistake>> {
    let folder = root.join(FOLDER);
    let entries = fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut mistakes = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "patch") {
            let text = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            mistakes.push(parse(name, &text).with_context(|| format!("{}", path.display()))?);
        }
    }
    mistakes.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(mistakes)
}

/// The head up to the first file: `Mistake:`, `Breaks:` and `Run:`, each going on until the next.
fn parse(name: String, text: &str) -> Result<Mistake> {
    let head = text.lines().take_while(|line| !line.starts_with("diff --git "));
    let mut fields = [("Mistake:", String::new()), ("Breaks:", String::new()), ("Run:", String::new())];
    let mut current = None;
    for line in head {
        let begins = fields.iter().position(|(key, _)| line.starts_with(key));
        current = begins.or(current);
        let Some(at) = current else { bail!("the head begins with `Mistake:`, not with `{line}`") };
        let (key, said) = &mut fields[at];
        let words = if begins.is_some() { &line[key.len()..] } else { line };
        if !said.is_empty() && !words.trim().is_empty() {
            said.push(' ');
        }
        said.push_str(words.trim());
    }
    let missing = fields.iter().find(|(_, said)| said.is_empty());
    ensure!(missing.is_none(), "the head lacks `{}`", missing.map_or("", |(key, _)| key));
    let [what, breaks, run] = fields.map(|(_, said)| said);
    let command = run.split(' ').next().unwrap_or_default();
    ensure!(COMMANDS.contains(&command), "`{run}` is not one of the commands {}", COMMANDS.join(", "));
    let files = text.lines().filter_map(|line| line.strip_prefix("+++ b/")).map(PathBuf::from).collect();
    let patch = Path::new(FOLDER).join(format!("{name}.patch"));
    let mistake = Mistake { name, patch, what, breaks, run, files };
    let is_whole = mistake.test().is_some() || !mistake.run.starts_with("test ");
    ensure!(is_whole, "`{}` is not a room, a program of its tests, and a test", mistake.run);
    Ok(mistake)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str = "Mistake: one signature\n  too few.\nBreaks: N3\nRun: simulate --seeds 3000\n\ndiff --git a/x.rs \
                         b/x.rs\n--- a/x.rs\n+++ b/x.rs\n";

    #[test]
    fn a_head_says_what_is_wrong_which_rule_it_breaks_and_what_finds_it() {
        let mistake = parse("few".to_owned(), PATCH).expect("a good head");
        assert_eq!((mistake.what.as_str(), mistake.breaks.as_str()), ("one signature too few.", "N3"));
        assert_eq!(mistake.run, "simulate --seeds 3000");
        assert_eq!(mistake.files, [Path::new("x.rs")]);
    }

    #[test]
    fn a_head_without_a_rule_or_with_a_foreign_command_is_refused() {
        let run = |run| PATCH.replace("simulate --seeds 3000", run);
        for wrong in
            [PATCH.replace("Breaks:", "Because:"), run("rm"), PATCH.replace("Run:", ""), run("test pbft paper")]
        {
            assert!(parse("few".to_owned(), &wrong).is_err(), "{wrong}");
        }
    }
}
