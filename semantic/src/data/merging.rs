//! The key-wise three-way merges of values.

use super::Value;
use super::numbered::{Id, Node, Values};
use crate::diff3::{self, Chunk, Touch};
use crate::lines::Interner;
use crate::work::Work;
use crate::{Options, Rules, versions};
use std::collections::{BTreeMap, BTreeSet};

/// The merges, any of which is right: one, or two where what both added to a list may stand in either order; none where
/// both changed one value.
pub(crate) struct Merges<'a> {
    values: Values<'a>,
    merged: Vec<Id>,
}

impl<'a> Merges<'a> {
    pub(crate) fn of(
        options: &'a Options,
        base: Option<&'a Value>,
        ours: &'a Value,
        theirs: &'a Value,
        work: &'a Work,
    ) -> Self {
        let mut values = Values::default();
        let base = base.map(|base| values.of(base));
        let (ours, theirs) = (values.of(ours), values.of(theirs));
        let orders: &[bool] = if options.union_lists { &[true, false] } else { &[true] };
        let mut merged = Vec::new();
        for is_first_ours in orders.iter().copied() {
            let (place, known) = (Vec::new(), BTreeMap::new());
            let mut merger = Merger { options, place, is_first_ours, known, values: &mut values, work };
            merged.extend(merger.merge(base, Some(ours), Some(theirs)).flatten());
        }
        Self { values, merged }
    }

    /// Whether a value is one of them.
    pub(crate) fn have(&mut self, value: &'a Value) -> bool {
        let id = self.values.of(value);
        self.merged.contains(&id)
    }
}

/// What merging comes to: none where it fails, and no number where nothing is there.
type Merged = Option<Option<Id>>;

/// Merge that was asked for: the three values and, where a policy names lists, their place.
type Question<'a> = ([Option<Id>; 3], Vec<&'a str>);

/// A merge at a place in the file.
struct Merger<'a, 'v> {
    options: &'a Options,
    /// Keys from the root.
    place: Vec<&'a str>,
    /// True if our additions to a list come first.
    is_first_ours: bool,
    /// What was merged before, and the steps that it took: items of a list are merged by identity, and by position if that fails, so
    /// without it lists in lists double the work with each level.
    known: BTreeMap<Question<'a>, (Merged, u64)>,
    values: &'v mut Values<'a>,
    work: &'a Work,
}

impl<'a> Merger<'a, '_> {
    fn merge(&mut self, base: Option<Id>, ours: Option<Id>, theirs: Option<Id>) -> Merged {
        if ours == theirs || base == theirs {
            return Some(ours);
        }
        if base == ours {
            return Some(theirs);
        }
        let (ours, theirs) = (ours?, theirs?);
        let place = if self.options.lists.is_empty() { Vec::new() } else { self.place.clone() };
        let question = ([base, Some(ours), Some(theirs)], place);
        if let Some((merged, steps)) = self.known.get(&question) {
            // Rules before 26 counted each visit.
            let counted = if self.options.rules >= Rules::V26 { 0 } else { *steps };
            return self.work.take(counted).and(*merged);
        }
        let before = self.work.taken();
        let merged = self.merge_parts(base, ours, theirs);
        if !self.work.is_spent() {
            self.known.insert(question, (merged, self.work.taken() - before));
        }
        merged
    }

    fn merge_parts(&mut self, base: Option<Id>, ours: Id, theirs: Id) -> Merged {
        let base = base.map(|base| self.values.node(base));
        match (base.as_deref(), &*self.values.node(ours), &*self.values.node(theirs)) {
            (Some(Node::Map(_)) | None, Node::Map(o), Node::Map(t)) => self.merge_maps(base.as_deref(), o, t).map(Some),
            (Some(Node::List(b)), Node::List(o), Node::List(t)) => self.merge_lists(b, o, t).map(Some),
            (Some(Node::Scalar(_)) | None, Node::Scalar(o), Node::Scalar(t)) if self.options.newest_version => {
                let base = base.and_then(|base| base.spelled()).map(str::as_bytes);
                let newest = versions::newest(base, o.as_bytes(), t.as_bytes())?;
                Some(Some(if newest == o.as_bytes() { ours } else { theirs }))
            }
            _ => None,
        }
    }

    fn merge_maps(&mut self, base: Option<&Node<'a>>, ours: &[(&'a str, Id)], theirs: &[(&'a str, Id)]) -> Option<Id> {
        let [o, t] = [ours, theirs].map(|map| map.iter().copied().collect::<BTreeMap<&str, Id>>());
        let mut out = Vec::new();
        let keys: BTreeSet<&'a str> = ours.iter().chain(theirs).map(|(key, _)| *key).collect();
        for key in keys {
            self.place.push(key);
            let in_base = base.and_then(|base| base.under(key));
            let value = self.merge(in_base, o.get(key).copied(), t.get(key).copied())?;
            self.place.pop();
            out.extend(value.map(|value| (key, value)));
        }
        Some(self.values.number(Node::Map(out)))
    }

    /// Lists whose items all have an identity merge by it, others by position.
    fn merge_lists(&mut self, base: &[Id], ours: &[Id], theirs: &[Id]) -> Option<Id> {
        let named = self.options.list_key(&self.place);
        let has_all = |by: &&str| [base, ours, theirs].iter().all(|list| self.names(list, by).is_some());
        let by = named.or_else(|| IDENTITIES.iter().copied().find(has_all));
        let place = self.place.clone();
        let merged = by.and_then(|by| self.merge_identities(base, ours, theirs, by));
        // What was tried above may have left in the middle.
        self.place = place;
        merged.or_else(|| self.merge_positions(base, ours, theirs))
    }

    fn merge_identities(&mut self, base: &[Id], ours: &[Id], theirs: &[Id], by: &str) -> Option<Id> {
        let (b, o, t) = (self.names(base, by)?, self.names(ours, by)?, self.names(theirs, by)?);
        let at = |names: &[&'a str], list: &[Id]| {
            names.iter().copied().zip(list.iter().copied()).collect::<BTreeMap<&'a str, Id>>()
        };
        let (in_base, in_ours, in_theirs) = (at(&b, base), at(&o, ours), at(&t, theirs));
        let order = merge_names([&b, &o, &t], self.work)?;
        let mut items = BTreeMap::new();
        for name in b.iter().chain(&o).chain(&t) {
            let of = |side: &BTreeMap<&str, Id>| side.get(name).copied();
            items.insert(*name, self.merge(of(&in_base), of(&in_ours), of(&in_theirs))?);
        }
        let items = order.iter().filter_map(|name| items.get(name).copied().flatten()).collect();
        Some(self.values.number(Node::List(items)))
    }

    fn merge_positions(&mut self, base: &[Id], ours: &[Id], theirs: &[Id]) -> Option<Id> {
        let spelled = [base, ours, theirs].map(|list| list.iter().map(|id| id.to_be_bytes()).collect::<Vec<_>>());
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
                        let known: BTreeSet<Id> = first.iter().copied().collect();
                        out.extend(second.iter().filter(|item| !known.contains(item)));
                        continue;
                    }
                    if b.len() != o.len() || b.len() != t.len() {
                        return None;
                    }
                    for ((b, o), t) in b.iter().zip(o).zip(t) {
                        out.extend(self.merge(Some(*b), Some(*o), Some(*t))?);
                    }
                }
            }
        }
        Some(self.values.number(Node::List(out)))
    }

    /// The identity of each item, if all have one and no two the same.
    fn names(&self, list: &[Id], by: &str) -> Option<Vec<&'a str>> {
        let name = |item: &Id| self.values.node(self.values.node(*item).under(by)?).spelled();
        let names: Vec<&str> = list.iter().map(name).collect::<Option<_>>()?;
        let distinct: BTreeSet<_> = names.iter().collect();
        (distinct.len() == names.len()).then_some(names)
    }
}

/// Keys that name an item among its siblings, the most telling first.
const IDENTITIES: &[&str] = &["id", "name", "key", "path", "uses", "package"];

fn aligned<T: AsRef<[u8]>>(lists: [&[T]; 3], work: &Work) -> Option<Vec<Chunk>> {
    let mut interner = Interner::default();
    let [b, o, t] = lists.map(|list| list.iter().map(|item| interner.id(item.as_ref())).collect::<Vec<_>>());
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

#[cfg(test)]
mod tests {
    use super::super::json;
    use super::*;

    fn value(json: &str) -> Value {
        json::read(json).expect("JSON")
    }

    /// The only merge; none where there is none.
    fn merged_by(options: &Options, files: [&str; 3]) -> Option<Value> {
        let [base, ours, theirs] = files.map(value);
        let work = Work::default();
        let merges = Merges::of(options, Some(&base), &ours, &theirs, &work);
        assert!(merges.merged.iter().all(|merged| Some(merged) == merges.merged.first()), "two orders");
        merges.merged.first().map(|merged| merges.values.value(*merged))
    }

    fn merged(base: &str, ours: &str, theirs: &str) -> Option<Value> {
        merged_by(&Options::default(), [base, ours, theirs])
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
        ];
        assert_eq!(merged(base, ours, theirs), None);
        let lists = vec![crate::ListKey { list: "*.l".into(), key: "host".into() }];
        let options = Options { lists, ..Options::default() };
        let expected = value(r#"{"a":{"l":[{"host":"z","v":2},{"host":"x","v":1},{"host":"y","v":1}]}}"#);
        assert_eq!(merged_by(&options, [base, ours, theirs]), Some(expected));
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
