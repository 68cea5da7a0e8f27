//! The text rung against `git merge-file`, over edits made by a small deterministic generator.
//!
//! Skips, and says so, where there is no git.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use quorate_semantic::{Class, Conflict, Input, Labels, Options, Outcome, Reason, Rung, markers, merge, merge_as_git};

/// Files compared.
const ROUNDS: u64 = 300;

/// A folder of this test process that is removed at the end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn git_is_here() -> bool {
    let here = Command::new("git").arg("--version").output().is_ok_and(|o| o.status.success());
    if !here {
        eprintln!("SKIPPED: no git here, so the text rung was not compared with it");
    }
    here
}

/// SplitMix64: the same files on every machine.
struct Source(u64);

impl Source {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    /// Some words, most of them rare, a few (like a lone brace in code) all over the place.
    fn line(&mut self) -> String {
        match self.below(4) {
            0 => "}".into(),
            1 => String::new(),
            _ => format!("    call_{}();", self.below(60)),
        }
    }

    fn file(&mut self) -> Vec<String> {
        (0..20 + self.below(60)).map(|_| self.line()).collect()
    }

    fn edited(&mut self, file: &[String]) -> Vec<String> {
        let mut out = file.to_vec();
        for _ in 0..1 + self.below(4) {
            let at = self.below(out.len() as u64) as usize;
            match self.below(3) {
                0 => drop(out.remove(at)),
                1 => out.insert(at, self.line()),
                _ => out[at] = self.line(),
            }
        }
        out
    }
}

fn git_merge(folder: &Path, base: &str, ours: &str, theirs: &str) -> (bool, Vec<u8>) {
    for (name, text) in [("base", base), ("ours", ours), ("theirs", theirs)] {
        fs::write(folder.join(name), text).expect("the temporary folder takes files");
    }
    let out = Command::new("git")
        .args(["merge-file", "-p", "--diff3", "-L", "ours", "-L", "base", "-L", "theirs", "ours", "base", "theirs"])
        .current_dir(folder)
        .output()
        .expect("git ran before");
    (out.status.success(), out.stdout)
}

/// Where git is clean, so are we, to the byte; where no rule of ours settled a stretch, the markers are git's.
#[test]
fn text_merges_are_gits() {
    if !git_is_here() {
        return;
    }
    let folder = Folder(std::env::temp_dir().join(format!("quorate-semantic-git-{}", std::process::id())));
    fs::create_dir_all(&folder.0).expect("a temporary folder");
    let mut source = Source(7);
    let (mut clean, mut shown) = (0, 0);
    for round in 0..ROUNDS {
        let base = source.file();
        let (ours, theirs) = (source.edited(&base).join("\n"), source.edited(&base).join("\n"));
        let base = base.join("\n");
        let (git_clean, git_bytes) = git_merge(&folder.0, &base, &ours, &theirs);
        let options = Options::default();
        let input = Input {
            base: Some(base.as_bytes()),
            ours: ours.as_bytes(),
            theirs: theirs.as_bytes(),
            path: "a",
            options: &options,
        };
        let pieces = merge_as_git(&input).expect("small texts");
        let (class, gave_up, reason) = (Class::Value, Rung::Text, Reason::SameLines);
        let by_lines = markers(&Conflict { class, gave_up, reason, pieces, proposal: None }, &Labels::default());
        let by_lines = by_lines.unwrap_or_default();
        assert_eq!(String::from_utf8_lossy(&by_lines), String::from_utf8_lossy(&git_bytes), "round {round}");
        match merge(&input) {
            Outcome::Clean { bytes, .. } if git_clean => {
                assert_eq!(String::from_utf8_lossy(&bytes), String::from_utf8_lossy(&git_bytes), "round {round}");
                clean += 1;
            }
            Outcome::Conflict(c) if !git_clean && c.reason == Reason::SameLines => {
                let ours = markers(&c, &Labels::default());
                shown += usize::from(ours.is_some_and(|ours| ours == git_bytes));
            }
            Outcome::Conflict(c) if git_clean => {
                assert!(c.check().is_some(), "round {round}: {c:?}")
            }
            _ => (),
        }
    }
    assert!(clean > 30, "too few clean merges to say anything: {clean}");
    assert!(shown > 20, "too few conflicts to say anything: {shown}");
}
