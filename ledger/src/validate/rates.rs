//! Rates at an envelope's turn and at the gate: what its author and their organisation have taken.

use crate::format::body::Body;
use crate::policy::{Load, Rate, Rates, Taken, TooMuch};
use crate::state::name;
use crate::state::record::Sequence;
use crate::state::store::StoreError;
use crate::vocabulary::verdict::{Code, Refusal};
use quorate_pbft::Time;

/// Entries to be written when an envelope is accepted: what was taken after it.
pub(crate) type Takes = Vec<(Vec<u8>, Taken)>;

/// An envelope that comes too fast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooFast {
    /// Stage `access`, code `rate`.
    pub refusal: Refusal,
    /// Milliseconds after which it may come again; none: it is more than is allowed at once, so it never may.
    pub wait_ms: Option<u64>,
}

/// Fill of the rates after an envelope of so many bytes, or by how much it comes too fast. `numbers` are the author's
/// in the domain before it: its standing there may count.
pub(crate) fn take(
    rates: &Rates,
    (body, organisation): (&Body, &str),
    bytes: usize,
    now: Time,
    numbers: &Sequence,
    taken: impl Fn(&[u8]) -> Result<Option<Taken>, StoreError>,
) -> Result<Result<Takes, TooFast>, StoreError> {
    let load = Load { changes: body.changes.len() as u64, bytes: bytes as u64 };
    let score = numbers.score();
    let whose =
        if rates.by_standing { format!("this author, whose standing is {score}") } else { "this author".into() };
    let author = rates.of_author(score).map(|rate| (rate, name::taken_by_author(&body.author), whose.as_str()));
    let summed = rates.organisation.map(|rate| (rate, name::taken_by_organisation(organisation), organisation));
    let mut takes = Takes::new();
    for (rate, name, whose) in author.into_iter().chain(summed) {
        let before = taken(&name)?.unwrap_or_default();
        match one(&rate, &before, load, now, whose) {
            Ok(after) => takes.push((name, after)),
            Err(too_fast) => return Ok(Err(too_fast)),
        }
    }
    Ok(Ok(takes))
}

fn one(rate: &Rate, before: &Taken, load: Load, now: Time, whose: &str) -> Result<Taken, TooFast> {
    rate.take(before, load, now).map_err(|TooMuch { what, max, per_ms, wait_ms }| {
        let again = match wait_ms {
            Some(wait_ms) => format!("again in {wait_ms} ms"),
            None => "this is more than ever fits".into(),
        };
        let detail = format!("{max} {what} in {per_ms} ms are allowed for {whose}; {again}");
        TooFast { refusal: Refusal::new(Code::Rate, detail), wait_ms }
    })
}
