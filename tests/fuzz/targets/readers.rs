//! Two readers of JSON, TOML and YAML: the ledger's, for formats and schemas, and the merge layer's. What both read has
//! the same keys, items and scalars, and a key that stands twice for one of them does for the other. The merge layer's
//! takes more (comments in JSON, scalars of any spelling) and reads less of YAML.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_fuzz::Source;
use quorate_ledger::policy::Format;
use quorate_semantic::reading::{self, Unread, Value};
use serde_json::Value as Data;

const FORMATS: [(Format, &str); 3] = [(Format::Json, "a.json"), (Format::Toml, "a.toml"), (Format::Yaml, "a.yaml")];
/// Words of the ledger's reader for a key or table that stands twice.
const TWICE: [&str; 3] = ["stands twice", "duplicate key", "cannot extend"];

fuzz_target!(|bytes: &[u8]| {
    let mut source = Source::new(bytes);
    let (format, path) = FORMATS[source.below(3) as usize];
    let content = source.rest();
    let Some(ours) = reading::read(content, path) else { return };
    match (ours, format.read(content)) {
        (Ok(value), Ok(data)) => assert!(is_same(format, &document(value, format), &data), "{format:?}: {data}"),
        (Ok(_), Err(why)) => assert!(!TWICE.iter().any(|words| why.contains(words)), "{format:?}: {why}"),
        (Err(Unread::DuplicateKey), Ok(data)) => panic!("{format:?}, no key twice: {data}"),
        (Err(_), _) => (),
    }
});

/// The one document of a YAML file: a mark may stand before it.
fn document(value: Value, format: Format) -> Value {
    match value {
        Value::List(mut documents) if format == Format::Yaml => documents.pop().expect("a document"),
        value => value,
    }
}

fn is_same(format: Format, value: &Value, data: &Data) -> bool {
    match (value, data) {
        (Value::Map(map), Data::Object(object)) => {
            map.keys().eq(sorted(object)) && map.iter().all(|(key, value)| is_same(format, value, &object[key]))
        }
        (Value::List(list), Data::Array(array)) => {
            list.len() == array.len() && list.iter().zip(array).all(|(value, data)| is_same(format, value, data))
        }
        (Value::Scalar(spelled), data) => says(format, spelled, data),
        _ => false,
    }
}

fn sorted(object: &serde_json::Map<String, Data>) -> impl Iterator<Item = &String> {
    let mut keys: Vec<&String> = object.keys().collect();
    keys.sort_unstable();
    keys.into_iter()
}

/// Whether a scalar as it is spelled, read by itself, says the same. Block scalars and lines of YAML need their place.
fn says(format: Format, spelled: &str, data: &Data) -> bool {
    let read = match format {
        Format::Toml => format.read(format!("x = {spelled}\n").as_bytes()).map(|table| table["x"].clone()),
        Format::Yaml if spelled.starts_with(['|', '>']) => return data.is_string(),
        Format::Yaml if spelled.contains('\n') => return true,
        Format::Yaml => format.read(format!("- {spelled}\n").as_bytes()).map(|list| list[0].clone()),
        _ => format.read(spelled.as_bytes()),
    };
    read.as_ref() == Ok(data)
}
