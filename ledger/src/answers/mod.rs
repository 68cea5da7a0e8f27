//! Known answers: signatures, verdicts on them and on fixed documents, and merges, compiled in as one digest.
//!
//! A group goes on as one only while its programs answer alike. A replica gives these answers before it takes part, and
//! keeps out if they are not [`DIGEST`]: its compiler, its machine or a library has made another program of the same rules.

mod documents;
mod signatures;

use crate::policy::{Format, PathRule, Schema};
use quorate_pbft::{Digest, hash};
use quorate_semantic::{Rules, samples};

/// Digest of the answers that these rules give: merges by each number of theirs.
pub const DIGEST: Digest = Digest([
    0xa1, 0x8b, 0x53, 0xd7, 0xe2, 0x27, 0x66, 0xee, 0x6a, 0x8e, 0x7a, 0x56, 0x95, 0x7a, 0x79, 0x2a, 0x7d, 0xf0, 0x23,
    0x8c, 0xb8, 0xab, 0x9b, 0x96, 0x91, 0x2b, 0x8b, 0xfd, 0x33, 0x5f, 0x13, 0x81,
]);

/// Documents that are answered: those held against formats and schemas, and those merged.
pub const DOCUMENTS: usize = documents::ALL.len() + 24 + 24 * MERGES as usize;

/// Merges of each sample.
const MERGES: u64 = 5;

/// Digest of the answers that this program gives, on this machine.
pub fn digest() -> Digest {
    let mut digest = Digest::ZERO;
    let mut take = |answer: &[u8]| digest = hash("quorate/v1/answer", &(digest, answer));
    for verdict in verdicts() {
        take(verdict.as_bytes());
    }
    let signed = signatures::made();
    for signed in &signed {
        take(&[&signed.key.0[..], &signed.signature.0].concat());
    }
    for holds in signatures::verdicts(&signed) {
        take(&[u8::from(holds)]);
    }
    for rules in Rules::ALL {
        samples::chosen(rules, |_, answer| take(answer));
        samples::answers(rules, MERGES, |_, answer| take(answer));
    }
    digest
}

/// Verdicts on each document by its format, and by each schema.
fn verdicts() -> impl Iterator<Item = String> {
    let schemas = || [None].into_iter().chain(documents::SCHEMAS.iter().map(|schema| Some(Schema::new(*schema))));
    let by_schemas = move |(format, text): &'static (Format, &'static str)| {
        schemas().map(move |schema| {
            let rule = PathRule { pattern: "**".into(), format: Some(*format), schema, ..PathRule::default() };
            format!("{:?}", rule.refuses(text.as_bytes()))
        })
    };
    documents::ALL.iter().flat_map(by_schemas)
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_semantic::{Class, Outcome, Rung};
    use std::collections::BTreeSet;

    #[test]
    fn the_answers_are_those_that_are_compiled_in() {
        let [found, known] = [digest(), DIGEST].map(|digest| digest.0);
        assert_eq!(found, known, "an answer has changed: raise the number of its rules, then write this digest here");
    }

    #[test]
    fn two_hundred_documents_are_answered() {
        let mut merges = 0;
        samples::chosen(Rules::NEWEST, |_, _| merges += 1);
        samples::answers(Rules::NEWEST, MERGES, |_, _| merges += 1);
        assert_eq!((documents::ALL.len() + merges, DOCUMENTS), (200, 200));
    }

    #[test]
    fn every_rung_and_every_class_of_conflict_is_among_the_answers() {
        let (mut rungs, mut classes) = (BTreeSet::new(), BTreeSet::new());
        samples::chosen(Rules::NEWEST, |outcome, _| match outcome {
            Outcome::Clean { rung, .. } => drop(rungs.insert(rung.name())),
            Outcome::Conflict(conflict) => drop(classes.insert(conflict.class.name())),
        });
        let all = [Rung::Code, Rung::Data, Rung::Imports, Rung::Text];
        assert_eq!(rungs, all.map(Rung::name).into());
        assert_eq!(classes, [Class::Value, Class::Structural, Class::Semantic].map(Class::name).into());
    }

    #[test]
    fn documents_of_every_format_are_taken_and_refused_by_their_format_and_by_a_schema() {
        for format in [Format::Text, Format::Json, Format::Toml, Format::Yaml] {
            let by = |schema: Option<&str>| {
                let schema = schema.map(Schema::new);
                let rule = PathRule { pattern: "**".into(), format: Some(format), schema, ..PathRule::default() };
                let of = documents::ALL.iter().filter(|(of, _)| *of == format);
                let refused: BTreeSet<bool> = of.map(|(_, text)| rule.refuses(text.as_bytes()).is_some()).collect();
                refused.len()
            };
            assert_eq!(by(None), 2, "{format:?}");
            let is_split = documents::SCHEMAS.iter().any(|schema| by(Some(schema)) == 2);
            assert_eq!(is_split, format != Format::Text, "{format:?}");
        }
    }
}
