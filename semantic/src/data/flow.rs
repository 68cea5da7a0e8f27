//! Flow maps of YAML, which stay spelled: whether a key stands twice in one.

use std::collections::BTreeSet;

use super::{Unread, yaml};

/// An open collection: the keys of a map, none of a list.
type Open = Option<BTreeSet<String>>;

/// Looks through a flow collection that is whole, its comments left out. A key that is no plain or quoted text is not
/// read, nor is a quote inside of a word.
pub(super) fn has_distinct_keys(text: &str) -> Result<(), Unread> {
    let mut open: Vec<Open> = Vec::new();
    // Where the member begins; whether its key is behind.
    let (mut from, mut is_keyed, mut at, bytes) = (0, false, 0, text.as_bytes());
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' | b'\'' if text[..at].ends_with([' ', '\n', '[', '{', ',', ':']) || at == 0 => {
                at += yaml::quoted_len(&bytes[at..]).ok_or(Unread::Unparsed)?;
                continue;
            }
            b'"' | b'\'' => return Err(Unread::Unparsed),
            b'[' | b'{' => {
                // A collection as a key, or in a word.
                if matches!(open.last(), Some(Some(_))) && !is_keyed {
                    return Err(Unread::Unparsed);
                }
                open.push((*byte == b'{').then(BTreeSet::new));
                (from, is_keyed) = (at + 1, false);
            }
            b',' | b']' | b'}' => {
                let word = text[from..at].trim();
                if !is_keyed && !word.is_empty() {
                    enter(&mut open, word)?;
                }
                // A collection that closes was the value of a member.
                is_keyed = *byte != b',';
                if is_keyed {
                    open.pop();
                }
                from = at + 1;
            }
            b':' if !is_keyed && ends_key(text[from..at].trim_end(), bytes.get(at + 1)) => {
                enter(&mut open, text[from..at].trim())?;
                is_keyed = true;
            }
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

/// Whether a colon after `word` ends a key.
fn ends_key(word: &str, next: Option<&u8>) -> bool {
    word.ends_with(['"', '\'']) || matches!(next, None | Some(b' ' | b'\n' | b',' | b'[' | b']' | b'{' | b'}'))
}

/// Puts a key into the innermost collection, where that is a map.
fn enter(open: &mut [Open], key: &str) -> Result<(), Unread> {
    let Some(Some(keys)) = open.last_mut() else { return Ok(()) };
    if key == "<<" || key.starts_with(['&', '*', '!', '?']) {
        return Err(Unread::Unparsed);
    }
    let is_new = keys.insert(yaml::name(key).ok_or(Unread::Unparsed)?);
    if is_new { Ok(()) } else { Err(Unread::DuplicateKey) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_stands_twice_in_a_flow_map_is_an_error() {
        for twice in ["{a: 1, a: 2}", "{a: 1, \"a\":2}", "[{b: {a: [1, 2], 'a': 3}}]", "{a, a}", "{a: {b: 1}, a: 2}"] {
            assert_eq!(has_distinct_keys(twice), Err(Unread::DuplicateKey), "{twice}");
        }
    }

    #[test]
    fn one_key_in_two_flow_maps_is_none_twice() {
        for once in ["[{a: 1}, {a: 2}]", "{a: {a: 1}, b: [a, a]}", "[a: 1, a: 2]", "{a: 'a, a', b: \"{a: 1, a: 1}\"}"] {
            assert_eq!(has_distinct_keys(once), Ok(()), "{once}");
        }
    }

    #[test]
    fn a_megabyte_of_blanks_is_searched_once() {
        let blanks = " ".repeat(500_000);
        assert_eq!(has_distinct_keys(&format!("{{{blanks}{}{blanks}}}", "a:".repeat(250_000) + "b")), Ok(()));
    }

    #[test]
    fn keys_that_are_no_texts_are_not_read() {
        for odd in ["{? a: 1}", "{[a]: 1}", "{\"\\u0061\": 1}", "{<<: 1}", "{it's: 1}"] {
            assert_eq!(has_distinct_keys(odd), Err(Unread::Unparsed), "{odd}");
        }
    }
}
