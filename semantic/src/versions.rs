//! The rule "the newest version wins", where policy names it: two bumps of one version string.

use std::cmp::Ordering;

/// The newer of two versions that both are newer than base; none where they are no versions, or written differently.
pub(crate) fn newest<'a>(base: &[u8], ours: &'a [u8], theirs: &'a [u8]) -> Option<&'a [u8]> {
    let (b, o, t) = (Version::read(base)?, Version::read(ours)?, Version::read(theirs)?);
    let alike = |v: &Version| (v.before, v.after) == (b.before, b.after);
    let grew = |v: &Version| v.compare(&b) == Some(Ordering::Greater);
    // One side released what the other still tries out: which of them goes on is not a matter of numbers.
    let is_tried_out = o.numbers == t.numbers && o.pre.is_empty() != t.pre.is_empty();
    if !(alike(&o) && alike(&t) && grew(&o) && grew(&t)) || is_tried_out {
        return None;
    }
    match o.compare(&t)? {
        Ordering::Less => Some(theirs),
        Ordering::Greater => Some(ours),
        Ordering::Equal => None,
    }
}

/// Whether this can be no plain number and no address: three numbers, or two that a range (`^1.2`), a `v` or a pre-release
/// tells from `0.5`; or any where its line calls it a version.
pub(crate) fn is_told(word: &[u8], line: &[&[u8]]) -> bool {
    const NAME: &[u8] = b"version";
    let is_named = || line.iter().any(|w| w.windows(NAME.len()).any(|part| part.eq_ignore_ascii_case(NAME)));
    let has_mark = |v: &Version| v.before.bytes().any(|b| !matches!(b, b'"' | b'\'' | b'`')) || !v.pre.is_empty();
    let is_plain = |v: Version| v.numbers.len() == 3 || (v.numbers.len() == 2 && has_mark(&v));
    Version::read(word).is_some_and(is_plain) || is_named()
}

/// A version number with what stands around it: quotes, `^`, `~`, `v`.
struct Version<'a> {
    before: &'a str,
    numbers: Vec<&'a str>,
    /// `beta`, `3` of `-beta.3`.
    pre: Vec<&'a str>,
    after: &'a str,
}

impl<'a> Version<'a> {
    fn read(word: &'a [u8]) -> Option<Self> {
        let word = std::str::from_utf8(word).ok()?;
        let from = word.find(|c: char| c.is_ascii_digit())?;
        let part = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
        let to = from + word[from..].find(|c| !part(c)).unwrap_or(word.len() - from);
        let (release, pre) = word[from..to].split_once('-').unwrap_or((&word[from..to], ""));
        let numbers: Vec<&str> = release.split('.').collect();
        let plain = numbers.len() > 1 && numbers.iter().all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        let pre = if pre.is_empty() { Vec::new() } else { pre.split('.').collect() };
        plain.then_some(Version { before: &word[..from], numbers, pre, after: &word[to..] })
    }

    /// Semantic Versioning 2.0, §11; none where the versions have different numbers of parts.
    fn compare(&self, other: &Version) -> Option<Ordering> {
        if self.numbers.len() != other.numbers.len() {
            return None;
        }
        let numbers = self.numbers.iter().zip(&other.numbers).map(|(a, b)| by_number(a, b)).find(|o| o.is_ne());
        let pre = || match (self.pre.is_empty(), other.pre.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => {
                let parts = self.pre.iter().zip(&other.pre).map(|(a, b)| by_identifier(a, b)).find(|o| o.is_ne());
                parts.unwrap_or(self.pre.len().cmp(&other.pre.len()))
            }
        };
        Some(numbers.unwrap_or_else(pre))
    }
}

/// Digits of any length.
fn by_number(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then(a.cmp(b))
}

fn by_identifier(a: &str, b: &str) -> Ordering {
    let is_number = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    match (is_number(a), is_number(b)) {
        (true, true) => by_number(a, b),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => a.cmp(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(base: &str, ours: &str, theirs: &str) -> Option<String> {
        let there = newest(base.as_bytes(), ours.as_bytes(), theirs.as_bytes());
        assert_eq!(there, newest(base.as_bytes(), theirs.as_bytes(), ours.as_bytes()), "the sides have no names");
        there.map(|v| String::from_utf8_lossy(v).into_owned())
    }

    #[test]
    fn the_newer_of_two_bumps_wins() {
        assert_eq!(of("\"1.9.0\"", "\"1.9.1\"", "\"1.10.0\"").as_deref(), Some("\"1.10.0\""));
        assert_eq!(of("\"1.0.0\"", "\"2.0.0-beta.2\"", "\"2.0.0-beta.11\"").as_deref(), Some("\"2.0.0-beta.11\""));
    }

    #[test]
    fn a_release_and_its_own_pre_release_are_left_to_people() {
        assert_eq!(of("\"1.0.0\"", "\"2.0.0-rc.1\"", "\"2.0.0\""), None);
        assert_eq!(of("\"1.5.1\"", "\"2.0.0-alpha.12\"", "\"1.5.2\"").as_deref(), Some("\"2.0.0-alpha.12\""));
    }

    #[test]
    fn numbers_and_addresses_are_told_from_versions() {
        let told = |word: &str, line: &str| is_told(word.as_bytes(), &[line.as_bytes(), b"=", word.as_bytes()]);
        assert!(["\"1.2.3\"", "\"^1.2\"", "v1.2", "7.0-dev"].iter().all(|word| told(word, "x")));
        assert!(!["0.5", "'0.5'", "\"10.0.0.1\""].iter().any(|word| told(word, "x")));
        assert!(told("'6.7'", "__version__") && told("\"1.2.3.4\"", "AssemblyVersion"));
    }

    #[test]
    fn what_was_lowered_or_rewritten_is_no_bump() {
        assert_eq!(of("\"2.0.0\"", "\"1.0.0\"", "\"2.1.0\""), None);
        assert_eq!(of("\"1.0.0\"", "\"^1.1.0\"", "\"1.2.0\""), None);
        assert_eq!(of("\"1.0\"", "\"1.1\"", "\"1.1.1\""), None);
    }
}
