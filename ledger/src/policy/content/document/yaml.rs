//! YAML: whether it parses, and plain YAML as data.
//!
//! Documents on which two readers may differ (anchors, aliases, tags, merge keys, keys that are no texts, several
//! documents) parse, but are not held against a schema.

use super::{DEPTH_MAX, no_number};
use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Number, Value};

/// Whether all documents of a text parse.
pub(super) fn check(text: &str) -> Result<(), String> {
    events(text, &mut |_| Ok(()))
}

/// The one document of a text: plain data in the core schema of YAML 1.2, each key once.
pub(super) fn read(text: &str) -> Result<Value, String> {
    let mut builder = Builder::default();
    events(text, &mut |event| builder.take(event))?;
    Ok(builder.document.unwrap_or(Value::Null))
}

fn events(text: &str, take: &mut dyn FnMut(Event) -> Result<(), String>) -> Result<(), String> {
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| at(error.info(), error.marker().line(), error.marker().col()))?;
        take(event).map_err(|why| at(&why, span.start.line(), span.start.col()))?;
    }
    Ok(())
}

fn at(why: &str, line: usize, column: usize) -> String {
    format!("{why} at line {line} column {}", column + 1)
}

/// A value while its events come.
#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    document: Option<Value>,
}

enum Open {
    List(Vec<Value>),
    /// With the key whose value comes next.
    Map(Map<String, Value>, Option<String>),
}

impl Builder {
    fn take(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Alias(_) => Err("an alias".into()),
            Event::Scalar(_, _, anchor, _) | Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _)
                if anchor > 0 =>
            {
                Err("an anchor".into())
            }
            Event::Scalar(_, _, _, Some(_)) | Event::SequenceStart(_, Some(_)) | Event::MappingStart(_, Some(_)) => {
                Err("a tag".into())
            }
            Event::Scalar(text, style, ..) => self.scalar(&text, style),
            Event::SequenceStart(..) => self.enter(Open::List(Vec::new())),
            Event::MappingStart(..) => self.enter(Open::Map(Map::new(), None)),
            Event::SequenceEnd | Event::MappingEnd => self.leave(),
            Event::DocumentStart(_) if self.document.is_some() => Err("a second document".into()),
            _ => Ok(()),
        }
    }

    fn enter(&mut self, open: Open) -> Result<(), String> {
        if self.awaits_key() {
            return Err("a key that is no text".into());
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(format!("nested more than {DEPTH_MAX} deep"));
        }
        self.open.push(open);
        Ok(())
    }

    fn leave(&mut self) -> Result<(), String> {
        match self.open.pop() {
            Some(Open::List(items)) => self.put(Value::Array(items)),
            Some(Open::Map(map, _)) => self.put(Value::Object(map)),
            None => Ok(()),
        }
    }

    fn awaits_key(&self) -> bool {
        matches!(self.open.last(), Some(Open::Map(_, None)))
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle) -> Result<(), String> {
        let value = if style == ScalarStyle::Plain { resolved(text)? } else { Value::String(text.to_owned()) };
        match (self.open.last_mut(), value) {
            (Some(Open::Map(map, key @ None)), Value::String(name)) => {
                if name == "<<" {
                    return Err("a merge key".into());
                }
                if map.contains_key(&name) {
                    return Err(format!("the key {name:?} stands twice"));
                }
                *key = Some(name);
                Ok(())
            }
            (Some(Open::Map(_, None)), _) => Err("a key that is no text".into()),
            (_, value) => self.put(value),
        }
    }

    fn put(&mut self, value: Value) -> Result<(), String> {
        match self.open.last_mut() {
            Some(Open::List(items)) => items.push(value),
            Some(Open::Map(map, key)) => drop(key.take().and_then(|key| map.insert(key, value))),
            None => self.document = Some(value),
        }
        Ok(())
    }
}

/// A plain scalar by the core schema (YAML 1.2.2 §10.3.2).
fn resolved(text: &str) -> Result<Value, String> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => match number(text)? {
            Some(number) => Value::Number(number),
            None => Value::String(text.to_owned()),
        },
    })
}

/// A number as JSON spells it; none for what is no number.
fn number(text: &str) -> Result<Option<Number>, String> {
    let radix = |digits: &str, radix| u64::from_str_radix(digits, radix).map_err(|_| no_number(text));
    match text.get(..2) {
        Some("0o") if is_digits(&text[2..], |digit| matches!(digit, b'0'..=b'7')) => {
            return radix(&text[2..], 8).map(|number| Some(number.into()));
        }
        Some("0x") if is_digits(&text[2..], |digit| digit.is_ascii_hexdigit()) => {
            return radix(&text[2..], 16).map(|number| Some(number.into()));
        }
        _ => (),
    }
    let (sign, digits) = match text.as_bytes().first() {
        Some(b'-') => ("-", &text[1..]),
        Some(b'+') => ("", &text[1..]),
        _ => ("", text),
    };
    if matches!(digits, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Err(no_number(text));
    }
    let Some(spelled) = decimal(digits) else {
        return Ok(None);
    };
    // serde_json reads what JSON spells; out of range is an error there as well.
    format!("{sign}{spelled}").parse().map(Some).map_err(|_| no_number(text))
}

/// `digits[.digits][e[sign]digits]` or `.digits…` as JSON spells it.
fn decimal(text: &str) -> Option<String> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let some = !whole.is_empty() || fraction.is_some_and(|fraction| !fraction.is_empty());
    if !some || !digits(whole) || !fraction.is_none_or(digits) {
        return None;
    }
    let exponent = match exponent {
        None => String::new(),
        Some(exponent) if is_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent), |d| d.is_ascii_digit()) => {
            format!("e{exponent}")
        }
        Some(_) => return None,
    };
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let fraction = fraction.filter(|fraction| !fraction.is_empty()).map_or(String::new(), |f| format!(".{f}"));
    Some(format!("{whole}{fraction}{exponent}"))
}

fn is_digits(text: &str, is_digit: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(is_digit)
}
