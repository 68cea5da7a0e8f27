//! What a rule says of a content: size, format, forbidden texts.

use super::{Format, PathRule};
use crate::verdict::Code;
use serde::de::IgnoredAny;

/// What of a content its rule does not allow.
pub(crate) fn broken(rule: &PathRule, content: &[u8]) -> Option<(Code, String)> {
    if let Some(size_max) = rule.size_max.filter(|size_max| content.len() as u64 > *size_max) {
        return Some((Code::Validator, format!("{} bytes, at most {size_max} are allowed", content.len())));
    }
    if let Some(format) = rule.format.filter(|format| !parses(*format, content)) {
        let name = match format {
            Format::Text => "text",
            Format::Json => "JSON",
        };
        return Some((Code::DoesNotParse, format!("the content is not {name}")));
    }
    let forbidden = rule.forbidden.iter().find(|text| contains(content, text.as_bytes()));
    forbidden.map(|text| (Code::Validator, format!("the content has {text:?}, which is forbidden here")))
}

fn parses(format: Format, content: &[u8]) -> bool {
    match format {
        Format::Text => !content.contains(&0) && core::str::from_utf8(content).is_ok(),
        // Only whether it parses is asked: no number is read and no map is built.
        Format::Json => serde_json::from_slice::<IgnoredAny>(content).is_ok() && core::str::from_utf8(content).is_ok(),
    }
}

fn contains(content: &[u8], text: &[u8]) -> bool {
    content.windows(text.len().max(1)).any(|window| window == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(rule: PathRule, content: &[u8]) -> Option<Code> {
        broken(&rule, content).map(|(code, _)| code)
    }

    #[test]
    fn a_size_is_tried_at_its_limit() {
        let rule = PathRule { size_max: Some(2), ..PathRule::default() };
        assert_eq!(code(rule.clone(), b"ab"), None);
        assert_eq!(code(rule, b"abc"), Some(Code::Validator));
    }

    #[test]
    fn formats_parse_or_do_not() {
        let json = PathRule { format: Some(Format::Json), ..PathRule::default() };
        for good in [&b"{\"a\": [1.5e300, null]}\n"[..], b"1e999", b"\"\\u00e4\""] {
            assert_eq!(code(json.clone(), good), None, "{}", String::from_utf8_lossy(good));
        }
        for bad in [&b"{a: 1}"[..], b"", b"1 2", b"\"\xff\"", "[".repeat(10_000).as_bytes()] {
            assert_eq!(code(json.clone(), bad), Some(Code::DoesNotParse), "{}", String::from_utf8_lossy(bad));
        }
        let text = PathRule { format: Some(Format::Text), ..PathRule::default() };
        assert_eq!(code(text.clone(), "ä\n".as_bytes()), None);
        assert_eq!(code(text, b"a\0b"), Some(Code::DoesNotParse));
    }

    #[test]
    fn forbidden_texts_are_found_anywhere() {
        let rule = PathRule { forbidden: vec!["BEGIN PRIVATE KEY".into()], ..PathRule::default() };
        assert_eq!(code(rule.clone(), b"xx-BEGIN PRIVATE KEY-xx"), Some(Code::Validator));
        assert_eq!(code(rule, b"BEGIN PUBLIC KEY"), None);
    }
}
