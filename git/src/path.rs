//! The path rule, for names as git has them: bytes.

use gix::validate::path::component;
use gix::validate::path::component::{Error, Mode as Leaf, Options};
use quorate_ledger::path;

use super::{Mode, Reason};

/// Gives `path` as text if a domain can hold it, else the reason why not.
///
/// Text must follow [`quorate_ledger::path::check_new`]: to a domain each path of a history is new once.
pub fn check_path(path: &[u8]) -> Result<&str, Reason> {
    let text = std::str::from_utf8(path).map_err(|_| Reason::NameNotUtf8)?;
    path::check_new(text).map(|()| text).map_err(|_| Reason::PathRule)
}

/// Whether git refuses to check a file out at `path`, on some file system at least: names that NTFS or HFS+ takes for `.git`, and
/// symbolic links that it takes for `.gitmodules`.
pub fn is_refused_by_git(path: &str, mode: Mode) -> bool {
    let refused = |name: &str, leaf| {
        let options = Options { protect_windows: false, protect_hfs: true, protect_ntfs: true };
        matches!(component(name.into(), leaf, options), Err(Error::DotGitDir | Error::SymlinkedGitModules))
    };
    let (folders, last) = path.rsplit_once(['/', '\\']).unwrap_or(("", path));
    let leaf = (mode == Mode::Link).then_some(Leaf::Symlink);
    refused(last, leaf) || folders.split(['/', '\\']).any(|folder| refused(folder, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_domain_can_hold_are_text() {
        for path in [".gitignore", "a b/ü.txt", "C:\\x", "a\nb"] {
            assert_eq!(check_path(path.as_bytes()), Ok(path));
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_and_names_against_the_rule_are_told_apart() {
        assert_eq!(check_path(b"caf\xe9"), Err(Reason::NameNotUtf8));
        assert_eq!(check_path(b"a/.Git/b"), Err(Reason::PathRule));
        assert_eq!(check_path("a".repeat(256).as_bytes()), Err(Reason::PathRule));
        assert_eq!(check_path(format!("{}a", "a/".repeat(129)).as_bytes()), Err(Reason::PathRule));
    }

    #[test]
    fn names_that_a_file_system_takes_for_gits_own_are_refused_by_git() {
        for path in ["git~1", "a/GIT~1/b", ".git.", "a\\.git\\x", ".g\u{200c}it", ".git::$INDEX_ALLOCATION/x"] {
            assert!(is_refused_by_git(path, Mode::File), "{path}");
        }
        for path in [".gitmodules", "a/.gitmodules", "GITMOD~1", ".git\u{200d}modules"] {
            assert_eq!([Mode::Link, Mode::File].map(|mode| is_refused_by_git(path, mode)), [true, false], "{path}");
        }
    }

    #[test]
    fn names_that_are_no_names_of_gits_are_not_refused_by_it() {
        for path in [".gitignore", ".github/x", "git~10", "a\\..\\b\\", "con", "a:b", "a. ", ".gitmodules/x"] {
            assert!(!is_refused_by_git(path, Mode::Link), "{path}");
        }
    }
}
