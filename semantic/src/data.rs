//! Rung 3: what a JSON, TOML or YAML file says, apart from how it is written.
//!
//! The merged bytes are always spliced from lines of the inputs; the values here only judge. A merge of data is
//! accepted where its value equals the key-wise three-way merge of the three values. Scalars are compared by spelling,
//! never parsed to numbers, dates or booleans.

mod escapes;
mod flow;
mod json;
mod toml;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};

use crate::Options;
use crate::diff3::{self, Chunk, Touch};
use crate::language::Shape;
use crate::lines::Interner;
use crate::versions;
use crate::work::Work;

pub(crate) use json::{restore_commas, strip_commas};

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

impl Value {
    /// Spelling of a scalar.
    fn spelled(&self) -> Option<&[u8]> {
        match self {
            Value::Scalar(spelled) => Some(spelled.as_bytes()),
            Value::List(_) | Value::Map(_) => None,
        }
    }
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

/// The key-wise three-way merges, any of which is right: one, or two where what both added to a list may stand in
/// either order; none where both changed one value.
pub(crate) fn merges(options: &Options, base: Option<&Value>, ours: &Value, theirs: &Value, work: &Work) -> Vec<Value> {
    let merged = |is_first_ours: bool| {
        let mut merger = Merger { options, place: Vec::new(), is_first_ours, work };
        merger.merge(base, Some(ours), Some(theirs)).flatten()
    };
    let orders: &[bool] = if options.union_lists { &[true, false] } else { &[true] };
    let mut out: Vec<Value> = orders.iter().filter_map(|order| merged(*order)).collect();
    out.dedup();
    out
}

/// A merge at a place in the file.
struct Merger<'a> {
    options: &'a Options,
    /// Keys from the root.
    place: Vec<&'a str>,
    /// True if our additions to a list come first.
    is_first_ours: bool,
    work: &'a Work,
}

/// Values of a map, by key.
type Map = BTreeMap<String, Value>;

impl<'a> Merger<'a> {
    fn merge(
        &mut self,
        base: Option<&'a Value>,
        ours: Option<&'a Value>,
        theirs: Option<&'a Value>,
    ) -> Option<Option<Value>> {
        if ours == theirs || base == theirs {
            return Some(ours.cloned());
        }
        if base == ours {
            return Some(theirs.cloned());
        }
        match (base, ours?, theirs?) {
            (Some(Value::Map(b)), Value::Map(o), Value::Map(t)) => self.merge_maps(Some(b), o, t).map(Some),
            (None, Value::Map(o), Value::Map(t)) => self.merge_maps(None, o, t).map(Some),
            (Some(Value::List(b)), Value::List(o), Value::List(t)) => self.merge_lists(b, o, t).map(Some),
            (base @ (Some(Value::Scalar(_)) | None), Value::Scalar(o), Value::Scalar(t))
                if self.options.newest_version =>
            {
                let newest = versions::newest(base.and_then(Value::spelled), o.as_bytes(), t.as_bytes())?;
                Some(Some(Value::Scalar(String::from_utf8_lossy(newest).into_owned())))
            }
            _ => None,
        }
    }

    fn merge_maps(&mut self, base: Option<&'a Map>, ours: &'a Map, theirs: &'a Map) -> Option<Value> {
        let mut out = BTreeMap::new();
        let keys: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        for key in keys {
            self.place.push(key);
            let value = self.merge(base.and_then(|b| b.get(key)), ours.get(key), theirs.get(key))?;
            self.place.pop();
            out.extend(value.map(|value| (key.clone(), value)));
        }
        Some(Value::Map(out))
    }

    /// Lists whose items all have an identity merge by it, others by position.
    fn merge_lists(&mut self, base: &'a [Value], ours: &'a [Value], theirs: &'a [Value]) -> Option<Value> {
        let named = self.options.list_key(&self.place);
        let has_all = |by: &&str| [base, ours, theirs].iter().all(|list| names(list, by).is_some());
        let by = named.or_else(|| IDENTITIES.iter().copied().find(has_all));
        let place = self.place.clone();
        let merged = by.and_then(|by| self.merge_identities(base, ours, theirs, by));
        // What was tried above may have left in the middle.
        self.place = place;
        merged.or_else(|| self.merge_positions(base, ours, theirs))
    }

    fn merge_identities(
        &mut self,
        base: &'a [Value],
        ours: &'a [Value],
        theirs: &'a [Value],
        by: &str,
    ) -> Option<Value> {
        let (b, o, t) = (names(base, by)?, names(ours, by)?, names(theirs, by)?);
        let at = |names: &[&'a str], list: &'a [Value]| names.iter().copied().zip(list).collect::<BTreeMap<_, _>>();
        let (in_base, in_ours, in_theirs) = (at(&b, base), at(&o, ours), at(&t, theirs));
        let order = merge_names([&b, &o, &t], self.work)?;
        let mut items = BTreeMap::new();
        for name in b.iter().chain(&o).chain(&t) {
            let of = |side: &BTreeMap<&str, &'a Value>| side.get(name).copied();
            items.insert(*name, self.merge(of(&in_base), of(&in_ours), of(&in_theirs))?);
        }
        Some(Value::List(order.iter().filter_map(|name| items.get(name).cloned().flatten()).collect()))
    }

    fn merge_positions(&mut self, base: &'a [Value], ours: &'a [Value], theirs: &'a [Value]) -> Option<Value> {
        let spelled = [base, ours, theirs].map(|list| list.iter().map(|v| format!("{v:?}")).collect::<Vec<_>>());
        let [b, o, t] = &spelled;
        let mut out = Vec::new();
        for chunk in aligned([b, o, t], self.work)? {
            match chunk {
                Chunk::Same(range) => out.extend_from_slice(&base[range]),
                Chunk::Ours(_, range) | Chunk::Both(_, range) => out.extend_from_slice(&ours[range]),
                Chunk::Theirs(_, range) => out.extend_from_slice(&theirs[range]),
                Chunk::Conflict(region) => {
                    // As many items on all three: each was changed inside.
                    let (b, o, t) = (&base[region.base], &ours[region.ours], &theirs[region.theirs]);
                    if b.is_empty() && self.options.union_lists {
                        let (first, second) = if self.is_first_ours { (o, t) } else { (t, o) };
                        out.extend_from_slice(first);
                        let known: BTreeSet<&Value> = first.iter().collect();
                        out.extend(second.iter().filter(|item| !known.contains(item)).cloned());
                        continue;
                    }
                    if b.len() != o.len() || b.len() != t.len() {
                        return None;
                    }
                    for ((b, o), t) in b.iter().zip(o).zip(t) {
                        out.extend(self.merge(Some(b), Some(o), Some(t))?);
                    }
                }
            }
        }
        Some(Value::List(out))
    }
}

/// Keys that name an item among its siblings, the most telling first.
const IDENTITIES: &[&str] = &["id", "name", "key", "path", "uses", "package"];

fn aligned<T: AsRef<str>>(lists: [&[T]; 3], work: &Work) -> Option<Vec<Chunk>> {
    let mut interner = Interner::default();
    let [b, o, t] = lists.map(|list| list.iter().map(|s| interner.id(s.as_ref().as_bytes())).collect::<Vec<_>>());
    diff3::align([&b, &o, &t], interner.len(), Touch::Always, work)
}

/// The order of identities; none where both put items at one place.
fn merge_names<'a>([base, ours, theirs]: [&[&'a str]; 3], work: &Work) -> Option<Vec<&'a str>> {
    let mut out = Vec::new();
    for chunk in aligned([base, ours, theirs], work)? {
        match chunk {
            Chunk::Same(range) => out.extend_from_slice(&base[range]),
            Chunk::Ours(_, range) | Chunk::Both(_, range) => out.extend_from_slice(&ours[range]),
            Chunk::Theirs(_, range) => out.extend_from_slice(&theirs[range]),
            Chunk::Conflict(_) => return None,
        }
    }
    Some(out)
}

/// The identity of each item, if all have one and no two the same.
fn names<'a>(list: &'a [Value], by: &str) -> Option<Vec<&'a str>> {
    let name = |item: &'a Value| match item {
        Value::Map(map) => match map.get(by)? {
            Value::Scalar(name) => Some(name.as_str()),
            _ => None,
        },
        _ => None,
    };
    let names: Vec<&str> = list.iter().map(name).collect::<Option<_>>()?;
    let distinct: BTreeSet<_> = names.iter().collect();
    (distinct.len() == names.len()).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(json: &str) -> Value {
        json::read(json).expect("JSON")
    }

    fn merged(base: &str, ours: &str, theirs: &str) -> Option<Value> {
        merges(&Options::default(), Some(&value(base)), &value(ours), &value(theirs), &Work::default()).pop()
    }

    #[test]
    fn different_keys_of_one_map_merge() {
        let merged = merged(r#"{"a":1,"b":1}"#, r#"{"a":2,"b":1}"#, r#"{"a":1,"c":3}"#);
        assert_eq!(merged, Some(value(r#"{"a":2,"c":3}"#)));
    }

    #[test]
    fn one_key_with_two_values_is_a_conflict() {
        assert_eq!(merged(r#"{"a":1}"#, r#"{"a":2}"#, r#"{"a":3}"#), None);
    }

    #[test]
    fn a_list_merges_by_the_identity_that_policy_names() {
        let [base, ours, theirs] = [
            r#"{"a":{"l":[{"host":"x","v":1},{"host":"y","v":1},{"host":"z","v":1}]}}"#,
            r#"{"a":{"l":[{"host":"z","v":1},{"host":"x","v":1},{"host":"y","v":1}]}}"#,
            r#"{"a":{"l":[{"host":"x","v":1},{"host":"y","v":1},{"host":"z","v":2}]}}"#,
        ]
        .map(value);
        assert_eq!(merges(&Options::default(), Some(&base), &ours, &theirs, &Work::default()), []);
        let lists = vec![crate::ListKey { list: "*.l".into(), key: "host".into() }];
        let options = Options { lists, ..Options::default() };
        let expected = value(r#"{"a":{"l":[{"host":"z","v":2},{"host":"x","v":1},{"host":"y","v":1}]}}"#);
        assert_eq!(merges(&options, Some(&base), &ours, &theirs, &Work::default()), [expected]);
    }

    #[test]
    fn a_number_is_its_spelling() {
        assert_ne!(value("[1.0]"), value("[1.00]"));
    }

    #[test]
    fn list_items_with_a_name_merge_by_it() {
        let base = r#"[{"name":"a","v":1},{"name":"b","v":1}]"#;
        let merged = merged(base, r#"[{"name":"a","v":2},{"name":"b","v":1}]"#, r#"[{"name":"b","v":3}]"#);
        assert_eq!(merged, None, "deleted and edited");
        let merged = self::merged(
            base,
            r#"[{"name":"a","v":2},{"name":"b","v":1}]"#,
            r#"[{"name":"a","v":1},{"name":"b","v":3}]"#,
        );
        assert_eq!(merged, Some(value(r#"[{"name":"a","v":2},{"name":"b","v":3}]"#)));
    }
}
