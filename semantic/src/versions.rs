//! The rule "the newest version wins", where policy names it: two bumps of one version string.

use std::cmp::Ordering;

/// The newer of two versions, neither of them older than base; none where they are no versions, or where its range
/// (`^`, `~`) is not what the two edits of the range make together.
///
/// Without a base both sides wrote one version anew.
pub(crate) fn newest<'a>(base: Option<&[u8]>, ours: &'a [u8], theirs: &'a [u8]) -> Option<&'a [u8]> {
    let (o, t) = (Version::read(ours)?, Version::read(theirs)?);
    // One side released what the other still tries out: which of them goes on is not a matter of numbers.
    if o.numbers == t.numbers && o.pre.is_empty() != t.pre.is_empty() {
        return None;
    }
    let (newer, older, bytes) = match o.compare(&t)? {
        Ordering::Less => (&t, &o, theirs),
        Ordering::Greater => (&o, &t, ours),
        Ordering::Equal => return None,
    };
    let is_bump = match base {
        Some(base) => {
            let base = Version::read(base)?;
            newer.follows(&base) == Ordering::Greater
                && older.follows(&base) != Ordering::Less
                && three_way(base.around(), o.around(), t.around()) == Some(newer.around())
        }
        None => o.around() == t.around(),
    };
    is_bump.then_some(bytes)
}

fn three_way<T: PartialEq>(base: T, ours: T, theirs: T) -> Option<T> {
    if ours == theirs || base == theirs { Some(ours) } else { (base == ours).then_some(theirs) }
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
        let (release, pre) = split_release(&word[from..to])?;
        let numbers: Vec<&str> = release.split('.').collect();
        let plain = numbers.len() > 1 && numbers.iter().all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        plain.then_some(Version { before: &word[..from], numbers, pre, after: &word[to..] })
    }

    /// Range and quotes.
    fn around(&self) -> (&'a str, &'a str) {
        (self.before, self.after)
    }

    fn number(&self, i: usize) -> &'a str {
        self.numbers.get(i).copied().unwrap_or("0")
    }

    /// None where the versions have different numbers of parts.
    fn compare(&self, other: &Version) -> Option<Ordering> {
        (self.numbers.len() == other.numbers.len()).then(|| self.follows(other))
    }

    /// Semantic Versioning 2.0, §11, with parts that are left out as 0.
    fn follows(&self, other: &Version) -> Ordering {
        let len = self.numbers.len().max(other.numbers.len());
        let mut numbers = (0..len).map(|i| by_number(self.number(i), other.number(i)));
        let pre = || match (self.pre.is_empty(), other.pre.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => {
                let parts = self.pre.iter().zip(&other.pre).map(|(a, b)| by_identifier(a, b)).find(|o| o.is_ne());
                parts.unwrap_or(self.pre.len().cmp(&other.pre.len()))
            }
        };
        numbers.find(|order| order.is_ne()).unwrap_or_else(pre)
    }
}

/// Names of what comes before a release where no dash tells it (`2.9.0.dev1`, `1.0rc1`), the earliest first.
const BEFORE_RELEASE: &[(&str, &str)] = &[("dev", "0"), ("a", "1"), ("b", "2"), ("rc", "3")];

/// The numbers, and the parts of what comes before their release.
fn split_release(version: &str) -> Option<(&str, Vec<&str>)> {
    if let Some((release, pre)) = version.split_once('-') {
        return Some((release, pre.split('.').filter(|part| !part.is_empty()).collect()));
    }
    let Some(at) = version.find(|c: char| c.is_ascii_alphabetic()) else { return Some((version, Vec::new())) };
    let name = version[at..].trim_end_matches(|c: char| c.is_ascii_digit());
    let (_, place) = BEFORE_RELEASE.iter().find(|(known, _)| *known == name)?;
    Some((version[..at].trim_end_matches('.'), vec![place, &version[at + name.len()..]]))
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
        let base = (!base.is_empty()).then_some(base.as_bytes());
        let there = newest(base, ours.as_bytes(), theirs.as_bytes());
        assert_eq!(there, newest(base, theirs.as_bytes(), ours.as_bytes()), "the sides have no names");
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
    fn a_range_that_one_side_alone_rewrote_is_kept_if_the_newer_version_has_it() {
        assert_eq!(of("\"~1.5.0\"", "\"1.6.2\"", "\"1.5.0\"").as_deref(), Some("\"1.6.2\""));
        assert_eq!(of("\"^6.2.0\"", "\"7.0.0-alpha.2\"", "\"^6.4.1\"").as_deref(), Some("\"7.0.0-alpha.2\""));
    }

    #[test]
    fn of_two_versions_written_anew_the_newer_wins() {
        assert_eq!(of("", "\"5.5.5\"", "\"5.6.2\"").as_deref(), Some("\"5.6.2\""));
        assert_eq!(of("", "\"5.5.5\"", "\"^5.6.2\""), None);
    }

    #[test]
    fn development_comes_before_its_release() {
        assert_eq!(of("'2.8.0'", "'2.9.0.dev1'", "'2.8.1.dev1'").as_deref(), Some("'2.9.0.dev1'"));
        assert_eq!(of("'1.0'", "'1.1rc1'", "'1.1b8'").as_deref(), Some("'1.1rc1'"));
        assert_eq!(of("'1.0'", "'1.x'", "'1.1'"), None);
    }

    #[test]
    fn what_was_lowered_or_rewritten_is_no_bump() {
        assert_eq!(of("\"2.0.0\"", "\"1.0.0\"", "\"2.1.0\""), None);
        assert_eq!(of("\"1.0.0\"", "\"^1.1.0\"", "\"1.2.0\""), None);
        assert_eq!(of("\"1.0\"", "\"1.1\"", "\"1.1.1\""), None);
    }
}
