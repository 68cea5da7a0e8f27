//! Parts of a policy that does not parse: each is read alone, within a policy that does.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Field whose items are read one by one.
const RULES: &str = "paths";

/// Place of a part that does not parse, and its fault.
pub type Unread = (String, String);

/// The parts of a policy that parse, in place of those of a sound one, and the faults of all others; none where the document is
/// no object.
pub fn read<P: Serialize + DeserializeOwned>(document: &[u8], sound: &P) -> Option<(P, Vec<Unread>)> {
    let (given, mut policy) = (object(serde_json::from_slice(document).ok()?)?, object(json!(sound))?);
    let names: BTreeSet<String> = given.keys().chain(policy.keys()).cloned().collect();
    let mut faults = Vec::new();
    for name in names {
        let part = match given.get(&name) {
            Some(Value::Array(rules)) if name == RULES => Some(sound_rules::<P>(&policy, rules, &mut faults)),
            other => other.cloned(),
        };
        match with::<P>(&policy, &name, part) {
            Ok(next) => policy = next,
            Err(fault) => faults.push((name, fault)),
        }
    }
    Some((serde_json::from_value(policy.into()).ok()?, faults))
}

fn object(value: Value) -> Option<Map<String, Value>> {
    if let Value::Object(object) = value { Some(object) } else { None }
}

/// The policy with another part, or without one; why it does not parse.
fn with<P: DeserializeOwned>(
    policy: &Map<String, Value>,
    name: &str,
    part: Option<Value>,
) -> Result<Map<String, Value>, String> {
    let mut next = policy.clone();
    match part {
        Some(part) => next.insert(name.to_owned(), part),
        None => next.remove(name),
    };
    let read: Result<P, _> = serde_json::from_value(next.clone().into());
    read.map(|_| next).map_err(|error| error.to_string())
}

/// The rules, with one that fits any path in place of each that does not parse, so that the others keep their numbers.
fn sound_rules<P: DeserializeOwned>(policy: &Map<String, Value>, rules: &[Value], faults: &mut Vec<Unread>) -> Value {
    let read = rules.iter().enumerate().map(|(number, rule)| {
        let read = with::<P>(policy, RULES, Some(json!([rule])));
        let fault = read.err().map(|fault| faults.push((format!("{RULES}[{number}]"), fault)));
        fault.map_or_else(|| rule.clone(), |()| json!({ "pattern": "**" }))
    });
    read.collect()
}
