//! The path rule, for names as git has them: bytes.

use quorate_ledger::path;

use super::Reason;

/// Gives `path` as text if a domain can hold it, else the reason why not.
///
/// Text must follow [`quorate_ledger::path::check_new`]: to a domain each path of a history is new once.
pub fn check_path(path: &[u8]) -> Result<&str, Reason> {
    let text = std::str::from_utf8(path).map_err(|_| Reason::NameNotUtf8)?;
    path::check_new(text).map(|()| text).map_err(|_| Reason::PathRule)
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
}
