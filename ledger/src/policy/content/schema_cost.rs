//! Cost bound of holding a document against a schema, known before it is done.
//!
//! A schema can ask for exponential work: two branches that each ask for two branches of the level below. So its parts
//! are laid out as a graph first. A part that returns to itself without going deeper into the document is refused, and
//! for each depth of a document it is known how often one value there is looked at, at most. The count depends on the
//! schema and the document alone, so every replica refuses alike.

use super::document::DEPTH_MAX;
use crate::policy::Tally;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Subschemas of one schema.
const PARTS_MAX: usize = 4_096;
/// Subschemas that may apply to one value inside each other: each is a frame or more on the stack, for each level of
/// the document.
const CHAIN_MAX: u32 = 12;
/// Bytes of a regular expression.
const PATTERN_BYTES_MAX: usize = 256;
/// Steps that a byte costs which is searched by a regular expression, whose time is linear in the text.
const PATTERN_STEPS: u64 = 16;
/// Steps that each value of a list costs which is compared with all others.
const UNIQUE_STEPS: u64 = 64;

/// Bytes for each of a place where a schema has an `$id`, as rules 14 count: every keyword was then named by two addresses as
/// well, in which a byte may take three.
const PLACES_SPELLED: u64 = 7;

/// Dialects that are known: those whose words mean the same in what [`known`] takes.
const DIALECTS: [&str; 3] = [
    "https://json-schema.org/draft/2020-12/schema",
    "http://json-schema.org/draft-07/schema#",
    "http://json-schema.org/draft-07/schema",
];
/// Words that look at one value and need no plan, or say nothing.
const PLAIN: [&str; 25] = [
    "$comment",
    "default",
    "dependentRequired",
    "deprecated",
    "description",
    "examples",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "maxContains",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minContains",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "readOnly",
    "required",
    "title",
    "type",
    "writeOnly",
];

/// A schema's parts and how they apply each other.
pub(super) struct Plan {
    parts: Vec<Part>,
    refers: bool,
    has_id: bool,
    /// Regular expressions, equal ones once.
    patterns: u64,
    places_bytes: u64,
    /// Parts, those that others apply to the same value first.
    order: Vec<usize>,
    /// Cost of the whole for one value of each depth that some document had, and of each part at the last of these depths.
    costs: Vec<Cost>,
    deepest: Vec<Cost>,
}

#[derive(Default)]
struct Part {
    /// Steps for one value.
    steps: u64,
    /// Regular expressions that search a text or the keys of a map.
    patterns: u64,
    /// Applied to the same value.
    here: Vec<usize>,
    /// Applied to the values of the next level, each value by one of them at most.
    one_below: Vec<usize>,
    /// Applied to the values of the next level.
    all_below: Vec<usize>,
}

/// Application of subschemas by a keyword.
#[derive(Clone, Copy)]
enum Applies {
    Nowhere,
    Here,
    OneBelow,
    AllBelow,
}

impl Plan {
    /// The plan of a schema, or what of it is not taken and where.
    pub(super) fn of(schema: &Value) -> Result<Self, String> {
        let mut reader = Reader::default();
        reader.part(&Place::default(), schema)?;
        let refers = !reader.refers.is_empty();
        reader.resolve()?;
        let (parts, places_bytes, has_id) = (reader.parts, reader.places_bytes, schema.get("$id").is_some());
        let patterns = reader.patterns.len() as u64;
        let (order, deepest) = (order(&parts)?, vec![Cost::default(); parts.len()]);
        Ok(Self { parts, refers, has_id, patterns, places_bytes, order, costs: Vec::new(), deepest })
    }

    /// Whether a part refers to another.
    pub(super) fn refers(&self) -> bool {
        self.refers
    }

    /// Regular expressions of the schema, and bytes of the places of its parts.
    pub(super) fn cost(&self, tally: Tally) -> (u64, u64) {
        let spelled = if self.has_id { PLACES_SPELLED } else { 1 };
        match tally {
            Tally::AsCompiled => (self.patterns, self.places_bytes),
            Tally::AsWritten => {
                let patterns = self.parts.iter().map(|part| part.patterns).sum();
                (patterns, self.places_bytes.saturating_mul(spelled))
            }
        }
    }

    /// Steps that holding a document against the schema takes at most.
    pub(super) fn steps(&mut self, document: &Value) -> u64 {
        let mut levels = Vec::new();
        measure(document, 0, &mut levels);
        while self.costs.len() < levels.len() {
            self.deepest = self.level(self.costs.len(), &self.deepest);
            self.costs.push(self.deepest[0]);
        }
        let mut total = (self.parts.len() as u64).saturating_mul(levels.len() as u64); // of this plan itself
        for (cost, (values, bytes)) in self.costs.iter().zip(levels) {
            let searched = cost.patterns.saturating_mul(bytes).saturating_mul(PATTERN_STEPS);
            total = total.saturating_add(cost.steps.saturating_mul(values)).saturating_add(searched);
        }
        total
    }

    /// Cost of each part for one value that lies `depth` levels below the one that it is applied to, from the same for
    /// a level less.
    fn level(&self, depth: usize, below: &[Cost]) -> Vec<Cost> {
        #[cfg(test)]
        tests::LEVELS.set(tests::LEVELS.get() + 1);
        let mut level = vec![Cost::default(); self.parts.len()];
        for &index in &self.order {
            let part = &self.parts[index];
            let own = if depth == 0 { Cost { steps: part.steps, patterns: part.patterns } } else { Cost::default() };
            let here = part.here.iter().map(|at| level[*at]).fold(own, Cost::and);
            let all = part.all_below.iter().map(|at| below[*at]).fold(here, Cost::and);
            let one = part.one_below.iter().map(|at| below[*at]).fold(Cost::default(), Cost::or);
            level[index] = if depth == 0 { here } else { all.and(one) };
        }
        level
    }
}

#[derive(Clone, Copy, Default)]
struct Cost {
    steps: u64,
    patterns: u64,
}

impl Cost {
    fn and(self, other: Self) -> Self {
        let (steps, patterns) = (self.steps.saturating_add(other.steps), self.patterns.saturating_add(other.patterns));
        Self { steps, patterns }
    }

    fn or(self, other: Self) -> Self {
        Self { steps: self.steps.max(other.steps), patterns: self.patterns.max(other.patterns) }
    }
}

/// Values of each depth, and bytes of their texts and keys.
fn measure(value: &Value, depth: usize, levels: &mut Vec<(u64, u64)>) {
    if levels.len() <= depth {
        levels.push((0, 0));
    }
    let bytes = match value {
        Value::String(text) => text.len(),
        Value::Object(map) => map.keys().map(String::len).sum(),
        _ => 0,
    };
    levels[depth].0 += 1;
    levels[depth].1 += bytes as u64;
    match value {
        Value::Object(map) => map.values().for_each(|value| measure(value, depth + 1, levels)),
        Value::Array(items) => items.iter().for_each(|value| measure(value, depth + 1, levels)),
        _ => (),
    }
}

/// Place of a part: its JSON pointer, which is spelled out in faults only. A deep schema of long keys would need gigabytes.
#[derive(Default)]
struct Place<'p> {
    above: Option<&'p Place<'p>>,
    /// End of the pointer, behind the place above.
    step: String,
    bytes: u64,
    /// Over all steps.
    hash: Sha256,
}

impl<'p> Place<'p> {
    fn below(&'p self, step: String) -> Self {
        let (bytes, mut hash) = (self.bytes + step.len() as u64, self.hash.clone());
        hash.update(step.as_bytes());
        Self { above: Some(self), step, bytes, hash }
    }

    fn spelled(&self) -> String {
        self.above.map_or(String::new(), Place::spelled) + &self.step
    }
}

#[derive(Default)]
struct Reader {
    parts: Vec<Part>,
    /// Parts by the hash of their places.
    places: BTreeMap<[u8; 32], usize>,
    places_bytes: u64,
    patterns: BTreeSet<String>,
    /// References with their targets.
    refers: Vec<(usize, String)>,
}

impl Reader {
    fn part(&mut self, place: &Place, schema: &Value) -> Result<usize, String> {
        let index = self.parts.len();
        if index == PARTS_MAX {
            return Err(format!("more than {PARTS_MAX} subschemas"));
        }
        self.parts.push(Part { steps: 1, ..Part::default() });
        self.places.insert(place.hash.clone().finalize().into(), index);
        self.places_bytes = self.places_bytes.saturating_add(place.bytes);
        match schema {
            Value::Bool(_) => (),
            Value::Object(words) => words.iter().try_for_each(|(word, value)| self.word(index, place, word, value))?,
            _ => return Err(format!("{:?} is no schema", place.spelled())),
        }
        Ok(index)
    }

    fn word(&mut self, index: usize, place: &Place, word: &str, value: &Value) -> Result<(), String> {
        let inside = &place.below(format!("/{word}"));
        let named =
            if let ("dependentRequired", Value::Object(map)) = (word, value) { 1 + map.len() as u64 } else { 1 };
        self.places_bytes = self.places_bytes.saturating_add(inside.bytes.saturating_mul(named));
        match (word, value) {
            ("$schema", Value::String(dialect)) if DIALECTS.contains(&dialect.as_str()) => (),
            ("$id", Value::String(id)) if index == 0 && !id.contains('#') => (),
            ("$schema" | "$id", _) => return Err(format!("{:?} names nothing that is known here", inside.spelled())),
            ("$ref", Value::String(to)) => match to.strip_prefix('#') {
                Some(to) if !to.contains('%') => self.refers.push((index, to.to_owned())),
                _ => return Err(format!("{:?} leads outside: only # and #/… are followed", inside.spelled())),
            },
            ("pattern", Value::String(pattern)) => self.pattern(index, inside, pattern)?,
            ("enum" | "const", value) => self.parts[index].steps += values(value),
            ("uniqueItems", _) => self.parts[index].steps += UNIQUE_STEPS,
            _ if PLAIN.contains(&word) => self.parts[index].steps += 1,
            ("$defs" | "definitions", Value::Object(map)) => self.map(index, inside, map, Applies::Nowhere)?,
            ("properties", Value::Object(map)) => self.map(index, inside, map, Applies::OneBelow)?,
            ("dependentSchemas", Value::Object(map)) => self.map(index, inside, map, Applies::Here)?,
            ("patternProperties", Value::Object(map)) => {
                map.keys().try_for_each(|pattern| self.pattern(index, inside, pattern))?;
                self.map(index, inside, map, Applies::AllBelow)?;
            }
            ("allOf" | "anyOf" | "oneOf", Value::Array(list)) => self.list(index, inside, list, Applies::Here)?,
            ("prefixItems" | "items", Value::Array(list)) => self.list(index, inside, list, Applies::OneBelow)?,
            ("not" | "if" | "then" | "else", value) => self.one(index, inside, value, Applies::Here)?,
            ("items" | "contains" | "additionalItems" | "additionalProperties" | "propertyNames", value) => {
                self.one(index, inside, value, Applies::AllBelow)?
            }
            _ => return Err(format!("{:?}: this word is not known here, or not so", inside.spelled())),
        }
        Ok(())
    }

    fn pattern(&mut self, index: usize, place: &Place, pattern: &str) -> Result<(), String> {
        if pattern.len() > PATTERN_BYTES_MAX {
            let place = place.spelled();
            return Err(format!("{place:?}: a regular expression has at most {PATTERN_BYTES_MAX} bytes"));
        }
        self.parts[index].patterns += 1;
        self.patterns.insert(pattern.to_owned());
        Ok(())
    }

    fn map(&mut self, index: usize, place: &Place, map: &Map<String, Value>, applies: Applies) -> Result<(), String> {
        map.iter().try_for_each(|(key, schema)| {
            let key = key.replace('~', "~0").replace('/', "~1");
            self.one(index, &place.below(format!("/{key}")), schema, applies)
        })
    }

    fn list(&mut self, index: usize, place: &Place, list: &[Value], applies: Applies) -> Result<(), String> {
        let mut items = list.iter().enumerate();
        items.try_for_each(|(at, schema)| self.one(index, &place.below(format!("/{at}")), schema, applies))
    }

    fn one(&mut self, index: usize, place: &Place, schema: &Value, applies: Applies) -> Result<(), String> {
        let part = self.part(place, schema)?;
        self.parts[index].steps += 1;
        match applies {
            Applies::Nowhere => (),
            Applies::Here => self.parts[index].here.push(part),
            Applies::OneBelow => self.parts[index].one_below.push(part),
            Applies::AllBelow => self.parts[index].all_below.push(part),
        }
        Ok(())
    }

    fn resolve(&mut self) -> Result<(), String> {
        for (index, to) in core::mem::take(&mut self.refers) {
            let place: [u8; 32] = Sha256::digest(to.as_bytes()).into();
            let part =
                self.places.get(&place).ok_or_else(|| format!("nothing that is a schema stands at \"#{to}\""))?;
            self.parts[index].here.push(*part);
        }
        Ok(())
    }
}

/// Parts in an order in which each comes after those that it applies to the same value.
fn order(parts: &[Part]) -> Result<Vec<usize>, String> {
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); parts.len()];
    let mut waits: Vec<usize> = Vec::with_capacity(parts.len());
    for (index, part) in parts.iter().enumerate() {
        part.here.iter().for_each(|at| users[*at].push(index));
        waits.push(part.here.len());
    }
    let mut order: Vec<usize> = (0..parts.len()).filter(|index| waits[*index] == 0).collect();
    let mut chain = vec![1_u32; parts.len()];
    let mut next = 0;
    while let Some(&index) = order.get(next) {
        next += 1;
        for &user in &users[index] {
            chain[user] = chain[user].max(chain[index] + 1);
            waits[user] -= 1;
            if waits[user] == 0 {
                order.push(user);
            }
        }
    }
    if order.len() < parts.len() {
        return Err("it applies itself to the same value without end".into());
    }
    match chain.into_iter().max() {
        Some(longest) if longest > CHAIN_MAX => {
            Err(format!("{longest} subschemas apply to one value inside each other, at most {CHAIN_MAX} may"))
        }
        _ => Ok(order),
    }
}

fn values(value: &Value) -> u64 {
    let below: u64 = match value {
        Value::Object(map) => map.values().map(values).sum(),
        Value::Array(items) => items.iter().map(values).sum(),
        _ => 0,
    };
    1 + below
}

const _: () = assert!(DEPTH_MAX * CHAIN_MAX as usize <= 1_024, "what is on the stack at a time");

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;
    use serde_json::json;

    thread_local! {
        /// Depths at which all parts of some schema were gone through.
        pub(super) static LEVELS: Cell<usize> = const { Cell::new(0) };
    }

    #[test]
    fn the_parts_of_a_schema_are_gone_through_once_for_each_depth_and_not_for_each_document() {
        let mut plan = Plan::of(&json!({ "allOf": vec![json!(true); 100] })).expect("a schema");
        let nested = |depth: usize| (0..depth).fold(json!([]), |inner, _| json!([inner]));
        let steps: Vec<u64> = (0..1_000).map(|_| plan.steps(&nested(63))).collect();
        assert!(LEVELS.get() <= DEPTH_MAX, "{} times", LEVELS.get());
        assert!(steps.iter().all(|some| *some == steps[0]));
    }

    #[test]
    fn a_document_costs_the_same_whatever_came_before_it() {
        let schema = json!({ "items": { "anyOf": [{ "$ref": "#" }, { "pattern": "a" }] }, "maxItems": 9 });
        let plan = || Plan::of(&schema).expect("a schema");
        let nested = |depth: usize| (0..depth).fold(json!("a"), |inner, _| json!([inner, "b"]));
        let mut used = plan();
        for depth in [3, 0, 7, 1, 63, 7] {
            assert_eq!(used.steps(&nested(depth)), plan().steps(&nested(depth)), "{depth}");
        }
    }
}
