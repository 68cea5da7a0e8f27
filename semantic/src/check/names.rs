//! No declaration is stated more often than either side has it.

use std::collections::BTreeMap;

use super::Check;
use crate::Input;
use crate::items::{Code, Item};
use crate::language;
use crate::limits;

pub(super) fn stated_once(input: &Input, merged: &[u8]) -> Option<Check> {
    let (ours, theirs, merged) = (stated(input, input.ours)?, stated(input, input.theirs)?, stated(input, merged)?);
    let doubled = |(name, count): (&Vec<String>, &usize)| {
        let had = |side: &BTreeMap<Vec<String>, usize>| side.get(name).copied().unwrap_or_default();
        *count > had(&ours).max(had(&theirs)).max(1)
    };
    merged.iter().any(doubled).then_some(Check::DuplicateName)
}

/// How often each declaration is stated, by its path of names.
fn stated(input: &Input, file: &[u8]) -> Option<BTreeMap<Vec<String>, usize>> {
    if file.len() > limits::STRUCTURE_BYTES_MAX {
        return None;
    }
    let code = Code::read(file, language::of(input.path).shape)?;
    let mut out = BTreeMap::new();
    let mut open: Vec<(Vec<String>, Item)> = code.items().into_iter().map(|i| (Vec::new(), i)).collect();
    while let Some((mut path, item)) = open.pop() {
        let Some(name) = item.name else { continue };
        path.push(name);
        if let Some(body) = item.body {
            open.extend(code.items_in(body, true).into_iter().map(|i| (path.clone(), i)));
        }
        *out.entry(path).or_default() += 1;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::super::tests::refused;
    use super::*;

    #[test]
    fn duplicate_name_stops_one_function_added_at_two_places() {
        let base = "fn a() {}\nfn b() {}\nfn c() {}\n";
        let ours = "fn a() {}\nfn new() { 1 }\nfn b() {}\nfn c() {}\n";
        let theirs = "fn a() {}\nfn b() {}\nfn new() { 2 }\nfn c() {}\n";
        let merged = "fn a() {}\nfn new() { 1 }\nfn b() {}\nfn new() { 2 }\nfn c() {}\n";
        assert_eq!(refused("a.rs", base, ours, theirs, merged), Some(Check::DuplicateName));
    }
}
