//! Compositions: envelopes whose changes hold together.
//!
//! A change that depends on a number of its own envelope makes it a composition: each change is a part, and all of them
//! take effect as they were written (merged with what others did, where that is clean), or none does. If one part would
//! be refused, come into conflict or be overruled by a principal's authority, the whole is refused, and the refusal
//! names the part. A part depends on parts before it, so the order of the numbers is an order of the dependencies.

use crate::format::body::Body;
use crate::format::change::{Change, Dependency};

/// Whether a dependency names a change of the envelope that it is in.
pub(crate) fn is_own(body: &Body, dependency: &Dependency) -> bool {
    let numbers = body.from_seq..=body.to_seq;
    dependency.author == body.author && dependency.domain == body.domain && numbers.contains(&dependency.seq)
}

/// Dependencies of a change outside its envelope.
pub(crate) fn of_others<'a>(body: &'a Body, change: &'a Change) -> impl Iterator<Item = &'a Dependency> {
    change.wishes.depends_on.iter().filter(|dependency| !is_own(body, dependency))
}

/// Whether the envelope is a composition.
pub(crate) fn is_one(body: &Body) -> bool {
    body.changes.iter().flat_map(|change| &change.wishes.depends_on).any(|dependency| is_own(body, dependency))
}

/// Whether every part depends on parts before it only.
pub(crate) fn is_in_order(body: &Body) -> bool {
    // The changes end first: no number after the last is made, which may not exist.
    let mut numbered = body.changes.iter().zip(body.from_seq..);
    numbered.all(|(change, number)| {
        let mut own = change.wishes.depends_on.iter().filter(|dependency| is_own(body, dependency));
        own.all(|dependency| dependency.seq < number)
    })
}
