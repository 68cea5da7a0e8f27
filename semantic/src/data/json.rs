//! JSON and JSON with comments and trailing commas, without recursion.

use std::collections::BTreeMap;

use super::{DEPTH_MAX, Unread, Value, escapes, insert};

/// A token and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    /// One of `{}[]:,`.
    Mark(u8),
    /// A string, number, `true`, … as spelled.
    Scalar(&'a str),
    /// A comment.
    Comment,
}

/// The tokens with their offsets; none where some byte starts none.
fn tokens(text: &str) -> Option<Vec<(usize, Token<'_>)>> {
    let bytes = text.as_bytes();
    let (mut at, mut out) = (0, Vec::new());
    while let Some(b) = bytes.get(at) {
        let len = match b {
            b' ' | b'\t' | b'\n' | b'\r' => {
                at += 1;
                continue;
            }
            b'{' | b'}' | b'[' | b']' | b':' | b',' => {
                out.push((at, Token::Mark(*b)));
                at += 1;
                continue;
            }
            b'"' | b'\'' => string_len(&bytes[at..])?,
            b'/' if bytes.get(at + 1) == Some(&b'/') => text[at..].find('\n').unwrap_or(text.len() - at),
            b'/' if bytes.get(at + 1) == Some(&b'*') => text[at + 2..].find("*/")? + 4,
            _ => bytes[at..].iter().take_while(|b| b.is_ascii_alphanumeric() || b"+-._$".contains(b)).count(),
        };
        if len == 0 {
            return None;
        }
        let token = if *b == b'/' { Token::Comment } else { Token::Scalar(&text[at..at + len]) };
        out.push((at, token));
        at += len;
    }
    Some(out)
}

/// Length of a quoted string that ends on its line.
fn string_len(bytes: &[u8]) -> Option<usize> {
    let mut i = 1;
    loop {
        match bytes.get(i)? {
            ..b' ' => return None,
            b'\\' => i += 2,
            b if *b == bytes[0] => return Some(i + 1),
            _ => i += 1,
        }
    }
}

/// A container that is still open.
enum Open {
    Map(BTreeMap<String, Value>, Option<String>),
    List(Vec<Value>),
}

pub(super) fn read(text: &str) -> Result<Value, Unread> {
    let tokens = tokens(text).ok_or(Unread::Unparsed)?;
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    // Whether a value or key may come next, and whether a comma or an end may.
    let (mut may_value, mut may_end) = (true, false);
    for (_, token) in tokens {
        let done = match token {
            Token::Comment => continue,
            Token::Mark(b'{') | Token::Mark(b'[') if may_value && root.is_none() && key_is_ready(&open) => {
                if open.len() >= DEPTH_MAX {
                    return Err(Unread::Unparsed);
                }
                let map = token == Token::Mark(b'{');
                open.push(if map { Open::Map(BTreeMap::new(), None) } else { Open::List(Vec::new()) });
                (may_value, may_end) = (true, true);
                continue;
            }
            Token::Mark(b'}' | b']') if may_end => match (open.pop(), token) {
                (Some(Open::Map(map, None)), Token::Mark(b'}')) => Value::Map(map),
                (Some(Open::List(list)), Token::Mark(b']')) => Value::List(list),
                _ => return Err(Unread::Unparsed),
            },
            Token::Mark(b',') if !may_value && !open.is_empty() => {
                (may_value, may_end) = (true, true);
                continue;
            }
            Token::Scalar(key) if may_value && matches!(open.last(), Some(Open::Map(_, None))) => {
                if let Some(Open::Map(_, waiting)) = open.last_mut() {
                    *waiting = Some(name(key).ok_or(Unread::Unparsed)?);
                }
                (may_value, may_end) = (false, false);
                continue;
            }
            Token::Mark(b':') if !may_value && !may_end && matches!(open.last(), Some(Open::Map(_, Some(_)))) => {
                may_value = true;
                continue;
            }
            Token::Scalar(scalar) if may_value && root.is_none() => Value::Scalar(scalar.to_string()),
            _ => return Err(Unread::Unparsed),
        };
        (may_value, may_end) = (false, true);
        match open.last_mut() {
            None => root = Some(done),
            Some(Open::List(list)) => list.push(done),
            Some(Open::Map(map, key)) => insert(map, key.take().ok_or(Unread::Unparsed)?, done)?,
        }
    }
    root.filter(|_| open.is_empty()).ok_or(Unread::Unparsed)
}

/// A key as its quotes and escapes say: two spellings of one key are one key. None where it is no text.
fn name(key: &str) -> Option<String> {
    match key.strip_prefix(['"', '\'']) {
        Some(quoted) => escapes::resolved(&quoted[..quoted.len() - 1], escapes::Of::Json),
        None => Some(key.to_string()),
    }
}

/// In a map a value needs its key first.
fn key_is_ready(open: &[Open]) -> bool {
    !matches!(open.last(), Some(Open::Map(_, None)))
}

/// Takes away the commas at line ends: where they stand follows from what stands around them.
///
/// None where the file has commas before closing brackets, for then they do not.
pub(crate) fn strip_commas(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    let tokens = tokens(text)?;
    let (mut out, mut from) = (String::new(), 0);
    for (i, (at, token)) in tokens.iter().enumerate() {
        if *token != Token::Mark(b',') {
            continue;
        }
        match tokens.get(i + 1)? {
            (_, Token::Mark(b'}' | b']')) => return None,
            (next, _) if text[*at..*next].contains('\n') => {
                out.push_str(&text[from..*at]);
                from = at + 1;
            }
            _ => (),
        }
    }
    out.push_str(&text[from..]);
    Some(out.into_bytes())
}

/// Puts a comma behind every value that another key or value follows.
pub(crate) fn restore_commas(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    let tokens: Vec<_> = tokens(text)?.into_iter().filter(|(_, t)| *t != Token::Comment).collect();
    let (mut out, mut from) = (String::new(), 0);
    for pair in tokens.windows(2) {
        let ((at, token), (_, next)) = (pair[0], pair[1]);
        let (ends, starts) = (
            matches!(token, Token::Scalar(_) | Token::Mark(b'}' | b']')),
            matches!(next, Token::Scalar(_) | Token::Mark(b'{' | b'[')),
        );
        if ends && starts {
            let end = at + if let Token::Scalar(s) = token { s.len() } else { 1 };
            out.push_str(&text[from..end]);
            out.push(',');
            from = end;
        }
    }
    out.push_str(&text[from..]);
    Some(out.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_trailing_commas_are_read() {
        let read = read("{ // c\n \"a\": [1, 2,], /* d */ \"b\": {},\n}");
        assert!(matches!(read, Ok(Value::Map(map)) if map.len() == 2));
    }

    #[test]
    fn a_key_that_stands_twice_is_an_error() {
        assert_eq!(read(r#"{"a":1,"a":2}"#), Err(Unread::DuplicateKey));
        for twice in [r#"{"ab":1,"\u0061b":2}"#, r#"{"/":1,"\/":2}"#, r#"{"😀":1,"\ud83d\ude00":2}"#] {
            assert_eq!(read(twice), Err(Unread::DuplicateKey), "{twice}");
        }
    }

    #[test]
    fn keys_that_only_look_alike_are_two() {
        for two in [r#"{"'a'":1,"a":2}"#, r#"{"\\u0061":1,"a":2}"#, r#"{"\"a":1,"a":2}"#] {
            assert!(matches!(read(two), Ok(Value::Map(map)) if map.len() == 2), "{two}");
        }
    }

    #[test]
    fn a_key_that_is_no_text_is_not_read() {
        for text in [r#"{"\ud800":1}"#, r#"{"\ude00":1}"#, r#"{"\x":1}"#, r#"{"\u00":1}"#, "{\"a\tb\":1}"] {
            assert_eq!(read(text), Err(Unread::Unparsed), "{text}");
        }
    }

    #[test]
    fn what_is_not_json_is_not_read() {
        for text in ["", "{", "{\"a\"}", "[1 2]", "[,]", "{\"a\":1}}", "[1]]", "{\"a\":}", "[}"] {
            assert_eq!(read(text), Err(Unread::Unparsed), "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_not_read() {
        assert_eq!(read(&"[".repeat(20_000)), Err(Unread::Unparsed));
    }

    #[test]
    fn commas_at_line_ends_come_back() {
        let text = b"{\n  \"a\": [1, 2],\n  \"b\": {},\n  \"c\": 1\n}\n";
        let bare = strip_commas(text).expect("JSON");
        assert!(!bare.windows(2).any(|w| w == b",\n"));
        assert_eq!(restore_commas(&bare).as_deref(), Some(&text[..]));
    }
}
