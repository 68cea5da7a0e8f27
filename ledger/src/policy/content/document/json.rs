//! JSON whose keys every reader takes alike: no object has one twice, and each is text, without half of a surrogate pair.

use super::DEPTH_MAX;
use serde_json::Value;
use std::borrow::Cow;
use std::ops::Range;

/// Whether a text is such JSON. Numbers may have any size: none is read, and no map is built.
pub(super) fn check(text: &str) -> Result<(), String> {
    serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|error| error.to_string())?;
    unique(text)
}

/// The value of such a text.
pub(super) fn read(text: &str) -> Result<Value, String> {
    let value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    unique(text)?;
    Ok(value)
}

/// Refuses JSON in which a key stands twice or is no text, with the key's place as a JSON pointer (RFC 6901).
fn unique(text: &str) -> Result<(), String> {
    fault(text).map_or(Ok(()), |(at, why)| Err(format!("the key {} {why}", pointer(text, at))))
}

/// Marks of a text that is JSON.
enum Mark {
    /// A brace, bracket or comma.
    Sign(u8),
    /// A key, without its quotes.
    Key(Range<usize>),
}

struct Marks<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl<'t> Marks<'t> {
    fn of(text: &'t str) -> Self {
        Self { bytes: text.as_bytes(), at: 0 }
    }

    /// The string whose first quote is behind us, and the place after it.
    fn string(&self) -> (Range<usize>, usize) {
        let (from, mut to) = (self.at, self.at);
        while let Some(byte) = self.bytes.get(to).filter(|byte| **byte != b'"') {
            to += if *byte == b'\\' { 2 } else { 1 };
        }
        (from..to, to + 1)
    }
}

impl Iterator for Marks<'_> {
    type Item = Mark;

    fn next(&mut self) -> Option<Mark> {
        loop {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            match byte {
                b'{' | b'}' | b'[' | b']' | b',' => return Some(Mark::Sign(byte)),
                b'"' => {
                    let (string, after) = self.string();
                    self.at = after;
                    let next = self.bytes.get(after..).and_then(|rest| rest.iter().find(|b| !b.is_ascii_whitespace()));
                    if next == Some(&b':') {
                        return Some(Mark::Key(string));
                    }
                }
                _ => (),
            }
        }
    }
}

/// Place of the first key that is no text or that stood before in its object, and which; of several objects, in the one that
/// ends first.
fn fault(text: &str) -> Option<(usize, &'static str)> {
    // For each open object the count of keys before its own.
    let (mut open, mut keys) = (Vec::new(), Vec::new());
    for mark in Marks::of(text) {
        match mark {
            Mark::Key(key) => keys.push(key),
            Mark::Sign(b'{') => open.push(keys.len()),
            Mark::Sign(b'}') => {
                let own = keys.split_off(open.pop()?);
                let mut named = Vec::with_capacity(own.len());
                for key in own {
                    let Some(name) = name(&text[key.clone()]) else { return Some((key.start, "is no text")) };
                    named.push((name, key.start));
                }
                named.sort_unstable();
                let again = named.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1);
                if let Some(at) = again.min() {
                    return Some((at, "stands twice"));
                }
            }
            Mark::Sign(_) => (),
        }
    }
    None
}

/// A key as its escapes say; none where they are no characters.
fn name(spelled: &str) -> Option<Cow<'_, str>> {
    if !spelled.contains('\\') {
        return Some(Cow::Borrowed(spelled));
    }
    serde_json::from_str(&format!("\"{spelled}\"")).ok().map(Cow::Owned)
}

/// Way to the key that begins at a place; of a deep one its first steps.
fn pointer(text: &str, at: usize) -> String {
    let (mut steps, mut beyond): (Vec<Step>, usize) = (Vec::new(), 0);
    for mark in Marks::of(text) {
        let is_full = steps.len() == DEPTH_MAX;
        match (mark, steps.last_mut()) {
            (Mark::Sign(b'{' | b'['), _) if is_full => beyond += 1,
            (Mark::Sign(b'}' | b']'), _) if beyond > 0 => beyond -= 1,
            (Mark::Sign(b'{'), _) => steps.push(Step::Key("")),
            (Mark::Sign(b'['), _) => steps.push(Step::Item(0)),
            (Mark::Sign(b'}' | b']'), _) => drop(steps.pop()),
            (Mark::Sign(_), Some(Step::Item(item))) if beyond == 0 => *item += 1,
            (Mark::Key(key), Some(Step::Key(last))) if beyond == 0 => {
                *last = &text[key.clone()];
                if key.start == at {
                    break;
                }
            }
            (Mark::Key(key), _) if key.start == at => break,
            _ => (),
        }
    }
    let deeper = if beyond > 0 { "/…" } else { "" };
    steps.iter().map(Step::shown).collect::<String>() + deeper
}

/// Step into a container.
enum Step<'t> {
    Key(&'t str),
    Item(usize),
}

impl Step<'_> {
    fn shown(&self) -> String {
        match self {
            Self::Key(key) => {
                let shown = name(key).unwrap_or(Cow::Borrowed(key));
                format!("/{}", shown.replace('~', "~0").replace('/', "~1"))
            }
            Self::Item(item) => format!("/{item}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_stands_twice_in_one_object_is_refused_with_its_place() {
        let doubled = [
            (r#"{"a": 1, "a": 2}"#, "/a"),
            (r#"{"x": [{"a": 1}, {"b": {"c": 1, "d": "c:", "c": []}}]}"#, "/x/1/b/c"),
            (r#"{"a": {"b": 1, "\u0062": 2}}"#, "/a/b"),
            (r#"[[], {"a/~\"b" : 1, "a/~\"b" :2}]"#, "/1/a~1~0\"b"),
            (r#"{"a": 1, "b": 2, "b": 3, "a": 4}"#, "/b"),
            (r#"{"": {"": {"": 1, "": 1}}}"#, "///"),
        ];
        for (text, place) in doubled {
            let why = Err(format!("the key {place} stands twice"));
            assert_eq!((check(text), read(text).map(drop)), (why.clone(), why), "{text}");
        }
    }

    #[test]
    fn a_key_with_half_of_a_surrogate_pair_is_refused_with_its_place() {
        for (text, place) in [
            (r#"{"\ud800": 1, "\\ud800": 2}"#, r"/\ud800"),
            (r#"{"a": [{"\uD800": 1, "\ud800": 2}]}"#, r"/a/0/\uD800"),
            (r#"{"a\ude00": 1}"#, r"/a\ude00"),
        ] {
            assert_eq!(check(text), Err(format!("the key {place} is no text")), "{text}");
        }
    }

    #[test]
    fn equal_keys_of_different_objects_and_equal_texts_that_are_no_keys_stand() {
        for text in [
            r#"{"a": {"a": "a", "b": ["a", "a"]}, "b": {"a": 1}, "A": "\"a\":"}"#,
            r#"[{"a": 1}, {"a": 1}]"#,
            r#"{"\ud83d\ude00": 1, "\ud83d\ude01": "\ud800"}"#,
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn a_deep_key_is_named_by_its_first_steps() {
        let deep = |depth: usize| format!("{}{{\"a\": 1, \"a\": 1}}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(check(&deep(DEPTH_MAX - 1)), Err(format!("the key {}/a stands twice", "/0".repeat(DEPTH_MAX - 1))));
        assert_eq!(check(&deep(100_000)), Err(format!("the key {}/… stands twice", "/0".repeat(DEPTH_MAX))));
    }
}
