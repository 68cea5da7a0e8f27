//! Cost of making the schemas of a policy ready: what counts, and how much of it a policy may have.

use super::Schema;
use quorate_pbft::{Digest, hash};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Regular expressions of all schemas of one policy: each takes up to some milliseconds to compile.
pub(crate) const PATTERNS_MAX: u64 = 256;
/// Bytes of the places of all parts and keywords of a policy's schemas: one that is made ready names each by its place.
pub(crate) const PLACES_BYTES_MAX: u64 = 32 << 20;

/// Count of a policy's regular expressions and of the bytes of its places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tally {
    /// Equal expressions each, and places seven times where a schema has an `$id`: rules 14.
    AsWritten,
    /// Equal expressions of a schema once, as they are compiled, and places once: from rules 15 on.
    AsCompiled,
}

/// Costs of the schemas that one envelope asks for, by their texts, as they are compiled: equal ones are planned once. An
/// envelope proposes and approves some dozens of policies at most.
#[derive(Debug, Default)]
pub(crate) struct Costs(RefCell<BTreeMap<Digest, (u64, u64)>>);

impl Costs {
    /// Cost of a schema.
    pub(crate) fn of(&self, schema: &Schema) -> (u64, u64) {
        let text = hash("quorate/v1/schema", &schema.text());
        *self.0.borrow_mut().entry(text).or_insert_with(|| schema.cost(Tally::AsCompiled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_that_is_asked_for_again_costs_the_same_and_is_planned_once() {
        let (costs, schema) = (Costs::default(), Schema::new(r#"{"properties": {"a": {"pattern": "^a$"}}}"#));
        let (first, second) = (costs.of(&schema), costs.of(&schema));
        assert_eq!((first, second, costs.0.borrow().len()), (schema.cost(Tally::AsCompiled), first, 1));
    }
}
