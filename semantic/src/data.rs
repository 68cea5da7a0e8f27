//! Rung 3: what a JSON, TOML or YAML file says, apart from how it is written.
//!
//! The merged bytes are always spliced from lines of the inputs; the values here only judge. A merge of data is
//! accepted where its value equals the key-wise three-way merge of the three values. Scalars are compared by spelling,
//! never parsed to numbers, dates or booleans.

mod escapes;
mod flow;
mod json;
mod merging;
mod numbered;
mod toml;
mod yaml;

use std::collections::BTreeMap;

use crate::language::Shape;

pub(crate) use json::{restore_commas, strip_commas};
pub(crate) use merging::Merges;

/// Deepest nesting that is read; a deeper file is text.
const DEPTH_MAX: usize = 128;

/// Value of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// A scalar as it is spelled; strings with their quotes resolved where that is certain.
    Scalar(String),
    /// Items in order.
    List(Vec<Value>),
    /// Values by key; order says nothing.
    Map(BTreeMap<String, Value>),
}

/// Why a file has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// Not of its format, or of a part of it that is not understood here.
    Unparsed,
    /// A key stands twice in one map.
    DuplicateKey,
}

/// Reads a file; none where its shape is no data format.
pub(crate) fn read(text: &[u8], shape: Shape) -> Option<Result<Value, Unread>> {
    let text = std::str::from_utf8(text).ok()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match shape {
        Shape::Json => Some(json::read(text)),
        Shape::Toml => Some(toml::read(text)),
        Shape::Yaml => Some(yaml::read(text)),
        _ => None,
    }
}

/// The reader by itself, for tests that hold it against another.
#[cfg(feature = "testing")]
pub mod reading {
    pub use super::{Unread, Value};

    /// Data in a file; none where its path or its bytes are of no data format.
    pub fn read(content: &[u8], path: &str) -> Option<Result<Value, Unread>> {
        super::read(content, crate::language::of(path).shape)
    }
}

/// Puts `value` under `key`; a key that is there already is an error.
fn insert(map: &mut BTreeMap<String, Value>, key: String, value: Value) -> Result<(), Unread> {
    match map.insert(key, value) {
        None => Ok(()),
        Some(_) => Err(Unread::DuplicateKey),
    }
}
