//! Names of files in a domain, and what makes a name one.

use core::fmt;

/// Bytes of a path.
pub const PATH_BYTES_MAX: usize = 4_096;
/// Bytes of one component: what common file systems take.
pub const COMPONENT_BYTES_MAX: usize = 255;
/// Folders above a new path, from rules 15 on: a path of 260 characters, all that Windows takes, has no more. Each is looked up
/// wherever a file comes to stand.
pub const FOLDERS_MAX: usize = 128;

/// Fault of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    /// No bytes, or more than [`PATH_BYTES_MAX`].
    #[error("a path has 1 to 4096 bytes")]
    Length,
    /// A `/` at an end, two in a row, or a component over [`COMPONENT_BYTES_MAX`].
    #[error("components of a path have 1 to 255 bytes")]
    Component,
    /// `.`, `..`, or `.git` in any case.
    #[error("no component of a path is ., .. or .git")]
    Reserved,
    /// A NUL byte.
    #[error("a path has no NUL")]
    Nul,
    /// More than [`FOLDERS_MAX`] above a new path.
    #[error("a new path has at most 128 folders")]
    Depth,
}

/// Whether `path` may name a file: components of 1 to 255 bytes joined by `/`, none of them `.`, `..` or `.git`.
pub fn check(path: &str) -> Result<(), BadPath> {
    if path.is_empty() || path.len() > PATH_BYTES_MAX {
        return Err(BadPath::Length);
    }
    if path.contains('\0') {
        return Err(BadPath::Nul);
    }
    path.split('/').try_for_each(check_component)
}

/// Whether `path` may name a new file: as [`check`], and below at most [`FOLDERS_MAX`] folders.
pub fn check_new(path: &str) -> Result<(), BadPath> {
    check(path)?;
    if folders(path).nth(FOLDERS_MAX).is_some() { Err(BadPath::Depth) } else { Ok(()) }
}

fn check_component(component: &str) -> Result<(), BadPath> {
    if component.is_empty() || component.len() > COMPONENT_BYTES_MAX {
        return Err(BadPath::Component);
    }
    let reserved = matches!(component, "." | "..") || component.eq_ignore_ascii_case(".git");
    if reserved { Err(BadPath::Reserved) } else { Ok(()) }
}

/// The folders above a file, the nearest last: `a`, `a/b` for `a/b/c`.
pub(crate) fn folders(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

/// A path for people: cut where it is long, so that a refusal stays small.
pub(crate) struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const CHARS_MAX: usize = 120;
        match self.0.char_indices().nth(CHARS_MAX) {
            None => write!(f, "{}", self.0.escape_debug()),
            Some((end, _)) => write!(f, "{}…", self.0[..end].escape_debug()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_climb_or_hide_are_refused() {
        for path in ["..", "a/../b", ".", "a/.", ".git", "a/.GIT/config", ".Git"] {
            assert_eq!(check(path), Err(BadPath::Reserved), "{path}");
        }
    }

    #[test]
    fn a_slash_stands_only_between_components() {
        for path in ["/a", "a/", "a//b", "/"] {
            assert_eq!(check(path), Err(BadPath::Component), "{path}");
        }
    }

    #[test]
    fn lengths_are_tried_at_their_limits() {
        assert_eq!(check(""), Err(BadPath::Length));
        assert_eq!(check(&"a".repeat(255)), Ok(()));
        assert_eq!(check(&"a".repeat(256)), Err(BadPath::Component));
        let long = "abc/".repeat(1_024);
        assert_eq!(check(&long[..4_095]), Ok(()));
        assert_eq!(check(&format!("{long}a")), Err(BadPath::Length));
        assert_eq!(check("a\0b"), Err(BadPath::Nul));
    }

    #[test]
    fn names_that_only_look_reserved_are_paths() {
        for path in ["...", ".gitignore", "git", "a b/ü.txt", ".github/x", "C:\\x"] {
            assert_eq!(check(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn depths_are_tried_at_their_limit() {
        let deep = |folders: usize| format!("{}a", "a/".repeat(folders));
        assert_eq!((check_new(&deep(0)), check_new(&deep(FOLDERS_MAX))), (Ok(()), Ok(())));
        assert_eq!(check_new(&deep(FOLDERS_MAX + 1)), Err(BadPath::Depth));
        assert_eq!(check(&deep(2_000)), Ok(()));
    }

    #[test]
    fn folders_are_named_from_the_top() {
        assert_eq!(folders("a/b/c").collect::<Vec<_>>(), ["a", "a/b"]);
        assert_eq!(folders("a").count(), 0);
    }
}
