//! The path rule: which names of git a domain can hold.

use super::Reason;

/// Longest path, in bytes of UTF-8.
pub const PATH_BYTES_MAX: usize = 4_096;

/// Longest component of a path, in bytes: what common file systems can hold.
pub const COMPONENT_BYTES_MAX: usize = 255;

/// Gives `path` as text if a domain can hold it, else the reason why not.
///
/// A path is 1 to 4,096 bytes of UTF-8, components of 1 to 255 bytes joined by `/`, none of them `.`, `..` or `.git`
/// in any case, no NUL.
pub fn check_path(path: &[u8]) -> Result<&str, Reason> {
    let text = std::str::from_utf8(path).map_err(|_| Reason::NameNotUtf8)?;
    let fits = (1..=PATH_BYTES_MAX).contains(&text.len());
    if fits && text.split('/').all(is_component) {
        Ok(text)
    } else {
        Err(Reason::PathRule)
    }
}

fn is_component(name: &str) -> bool {
    let fits = (1..=COMPONENT_BYTES_MAX).contains(&name.len());
    let reserved = name == "." || name == ".." || name.eq_ignore_ascii_case(".git");
    fits && !reserved && !name.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_path(path: impl AsRef<[u8]>) -> bool {
        check_path(path.as_ref()).is_ok()
    }

    #[test]
    fn a_component_has_1_to_255_bytes() {
        assert!(is_path("a".repeat(255)) && is_path("é".repeat(127)));
        assert!(!is_path("a".repeat(256)) && !is_path("é".repeat(128)));
        assert!(!is_path("") && !is_path("a//b") && !is_path("/a") && !is_path("a/"));
    }

    #[test]
    fn a_path_has_at_most_4096_bytes() {
        let longest = format!("{}/{}", "0123456789abcde/".repeat(255), "0123456789abcde");
        assert_eq!(longest.len(), PATH_BYTES_MAX);
        assert!(is_path(&longest));
        assert!(!is_path(format!("{longest}f")));
    }

    #[test]
    fn dot_names_and_git_in_any_case_are_reserved_as_whole_components() {
        for reserved in [".", "..", ".git", ".GIT", "a/.Git/b", "a/../b", "./a"] {
            assert_eq!(
                check_path(reserved.as_bytes()),
                Err(Reason::PathRule),
                "{reserved}"
            );
        }
        for free in [".gitignore", "a.git", "...", ".github/x", "git"] {
            assert!(is_path(free), "{free}");
        }
    }

    #[test]
    fn nul_and_bytes_that_are_not_utf8_are_told_apart() {
        assert_eq!(check_path(b"a\0b"), Err(Reason::PathRule));
        assert_eq!(check_path(b"caf\xe9"), Err(Reason::NameNotUtf8));
    }
}
