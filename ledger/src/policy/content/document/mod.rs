//! Contents as data: JSON, TOML and YAML read into one kind of value, with bounds, alike on every replica.
//!
//! Only releases that are pinned to the digit decide what parses ([`crate::policy::VERSION`]). Every error says where.

mod json;
mod nesting;
mod yaml;

use crate::policy::{DOCUMENT_BYTES_MAX, Format};
use crate::vocabulary::path::Shown;
use serde_json::Value;

/// Lists and maps inside each other in a document that is held against a schema: reading and dropping it recurses.
pub(super) const DEPTH_MAX: usize = 64;

/// Why a content does not parse as its format; none if it does.
pub(super) fn unparsed(format: Format, content: &[u8]) -> Option<String> {
    let why = match format {
        Format::Text if content.contains(&0) => Some("it has a NUL".to_owned()),
        Format::Text => utf8(content).err(),
        Format::Json => utf8(content).and_then(json::check).err(),
        Format::Toml => bounded(content).and_then(toml).err(),
        Format::Yaml => bounded(content).and_then(yaml::check).err(),
    };
    why.map(|why| format!("the content is not {}: {}", format.name(), Shown(&why)))
}

/// The document in a content, for schemas: plain data, each key once.
pub(super) fn read(format: Format, content: &[u8]) -> Result<Value, String> {
    let text = bounded(content)?;
    let value = match format {
        Format::Text => return Err("text has no structure".into()),
        Format::Json => json::read(text)?,
        Format::Toml => plain(toml::Value::Table(toml(text)?))?,
        Format::Yaml => yaml::read(text)?,
    };
    // Parsers stop at 127 (JSON) and some 240 (TOML: a header, a key and brackets), so that this walk does not go deeper.
    if depth(&value) > DEPTH_MAX { Err(format!("nested more than {DEPTH_MAX} deep")) } else { Ok(value) }
}

fn utf8(content: &[u8]) -> Result<&str, String> {
    core::str::from_utf8(content).map_err(|error| format!("byte {} is not UTF-8", error.valid_up_to()))
}

fn bounded(content: &[u8]) -> Result<&str, String> {
    if content.len() > DOCUMENT_BYTES_MAX {
        return Err(format!("{} bytes, at most {DOCUMENT_BYTES_MAX} are read", content.len()));
    }
    utf8(content)
}

fn toml(text: &str) -> Result<toml::Table, String> {
    nesting::bounded(text)?;
    text.parse().map_err(|error: toml::de::Error| {
        let at = error.span().map_or(0, |span| span.start.min(text.len()));
        let before = &text.as_bytes()[..at];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let column = 1 + before.iter().rev().take_while(|byte| **byte != b'\n').count();
        format!("{} at line {line} column {column}", error.message())
    })
}

/// Dates become texts; JSON has no number that is infinite or none.
fn plain(value: toml::Value) -> Result<Value, String> {
    Ok(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Boolean(truth) => Value::Bool(truth),
        toml::Value::Datetime(date) => Value::String(date.to_string()),
        toml::Value::Float(number) => {
            let finite = serde_json::Number::from_f64(number);
            Value::Number(finite.ok_or_else(|| no_number(&number.to_string()))?)
        }
        toml::Value::Array(items) => Value::Array(items.into_iter().map(plain).collect::<Result<_, _>>()?),
        toml::Value::Table(table) => {
            let members = table.into_iter().map(|(key, value)| Ok((key, plain(value)?)));
            Value::Object(members.collect::<Result<_, String>>()?)
        }
    })
}

pub(super) fn no_number(text: &str) -> String {
    format!("{text} is no number that a schema could be held against")
}

/// Lists and maps inside each other.
pub(super) fn depth(value: &Value) -> usize {
    match value {
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parses(format: Format, text: &str) -> bool {
        unparsed(format, text.as_bytes()).is_none()
    }

    #[test]
    fn toml_parses_or_says_where_it_does_not() {
        assert!(parses(Format::Toml, "a = 1\n[b.c]\nd = 1979-05-27T07:32:00Z\ne = [1, 'x', {f = inf}]\n"));
        for bad in ["a = ", "a = 1\na = 2", "[a\n", "a = 01", "= 1", "a.b = 1\na = 2"] {
            assert!(!parses(Format::Toml, bad), "{bad}");
        }
        let why = unparsed(Format::Toml, b"a = 1\n  b = \n").expect("no value");
        assert!(why.ends_with("at line 2 column 7"), "{why}");
    }

    #[test]
    fn yaml_parses_or_says_where_it_does_not() {
        for good in
            ["", "a: 1\nb: [1, {c: d}]\n", "&x a: *x", "--- 1\n--- 2\n", "- !!str 1\n- |\n  text\n", "? [a]\n: b"]
        {
            assert!(parses(Format::Yaml, good), "{good}");
        }
        for bad in ["a: b: c", "[1, 2", "a: *nobody", "\"x", "a:\n\t- b", "- a\n b: c\n", "%YAML 1.2\n%YAML 1.2\n---"] {
            assert!(!parses(Format::Yaml, bad), "{bad}");
        }
        let why = unparsed(Format::Yaml, b"a: 1\nb: [1, 2\n").expect("not closed");
        assert!(why.contains("at line 3 column 1"), "{why}");
    }

    #[test]
    fn what_is_too_large_or_no_utf8_does_not_parse() {
        let large = vec![b' '; DOCUMENT_BYTES_MAX + 1];
        for format in [Format::Toml, Format::Yaml] {
            assert!(unparsed(format, &large).is_some() && unparsed(format, &large[1..]).is_none());
            assert!(unparsed(format, b"a\xff").is_some());
        }
    }

    #[test]
    fn three_formats_of_one_document_are_one_value() {
        let expected = json!({ "a": 1, "b": [true, "x", -2.5], "c": { "d e": 1e3 } });
        let texts = [
            (Format::Json, r#"{"a": 1, "b": [true, "x", -2.5], "c": {"d e": 1e3}}"#),
            (Format::Toml, "a = 1\nb = [true, 'x', -2.5]\nc = {'d e' = 1e3}\n"),
            (Format::Yaml, "a: 1\nb:\n- yes: no\n"),
            (Format::Yaml, "a: 1\nb: [true, x, -2.5]\nc:\n  d e: 1e3\n"),
        ];
        for (format, text) in texts {
            let read = read(format, text.as_bytes());
            match text.contains("yes") {
                true => assert_eq!(read, Ok(json!({ "a": 1, "b": [{ "yes": "no" }] })), "YAML 1.2 has no other truths"),
                false => assert_eq!(read.as_ref(), Ok(&expected), "{text}"),
            }
        }
    }

    #[test]
    fn what_readers_disagree_about_is_not_read() {
        let texts = [
            (Format::Json, r#"{"a": {"b": 1, "b": 2}}"#),
            (Format::Json, "1e999"),
            (Format::Toml, "a = nan"),
            (Format::Yaml, "a: 1\na: 2"),
            (Format::Yaml, "a: &x 1\nb: *x"),
            (Format::Yaml, "a: !!str 1"),
            (Format::Yaml, "<<: {a: 1}"),
            (Format::Yaml, "? [a]\n: 1"),
            (Format::Yaml, "1: 2"),
            (Format::Yaml, "a: .inf"),
            (Format::Yaml, "1\n---\n2"),
            (Format::Text, "a"),
        ];
        for (format, text) in texts {
            assert!(read(format, text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn plain_scalars_are_read_by_the_core_schema() {
        let yaml = "[~, '~', 0o17, 0x1F, +1, 007, .5, 5., 1e2, 1.5E-1, 1_000, 12:30, '1', 18446744073709551615]";
        let expected =
            json!([null, "~", 15, 31, 1, 7, 0.5, 5, 1e2, 0.15, "1_000", "12:30", "1", 18446744073709551615_u64]);
        assert_eq!(read(Format::Yaml, yaml.as_bytes()), Ok(expected));
    }

    #[test]
    fn depth_is_tried_at_its_limit() {
        for (format, open, close) in [(Format::Json, "[", "]"), (Format::Yaml, "[", "]")] {
            let nested = |depth: usize| format!("{}{}", open.repeat(depth), close.repeat(depth));
            assert!(read(format, nested(DEPTH_MAX).as_bytes()).is_ok());
            assert!(read(format, nested(DEPTH_MAX + 1).as_bytes()).is_err());
        }
        let toml = |depth: usize| format!("a = {}{}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        assert!(read(Format::Toml, toml(DEPTH_MAX).as_bytes()).is_ok());
        assert!(read(Format::Toml, toml(DEPTH_MAX + 1).as_bytes()).is_err());
    }

    /// Parsers count a key's dots and the brackets around it apart, which multiplies the depth.
    #[test]
    fn dotted_keys_and_inline_tables_count_towards_one_depth() {
        let path = vec!["a"; 79].join(".");
        let text = format!("{}{path} = 1{}", format!("{path} = {{").repeat(78), "}".repeat(78));
        assert!(unparsed(Format::Toml, text.as_bytes()).is_some());
    }

    /// A megabyte of each is read in time and refused or not, and no stack overflows.
    #[test]
    fn hostile_documents_end() {
        let bricks = [
            "[", "{", "{\"\":", "- ", "? ", "a: ", "&a ", "*a ", "! ", "!!a ", "'", "\"", "\\", "a.", "[a.", "[[a]]\n",
            "|\n", ">\n ", "%a\n", "---\n", "\u{feff}", "a = [", "a={b=", "\"\\u", "# ", "\n\n", "\r", "\t", "a:\n",
            "- a\n ", ": ", ",", "]",
        ];
        for brick in bricks {
            let text = brick.repeat(DOCUMENT_BYTES_MAX / 16 / brick.len());
            for format in [Format::Json, Format::Toml, Format::Yaml] {
                let _ = unparsed(format, text.as_bytes());
                let _ = read(format, text.as_bytes());
            }
        }
        let indented: String = (0..1_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
        assert!(parses(Format::Yaml, &indented));
        assert!(read(Format::Yaml, indented.as_bytes()).is_err());
    }
}
