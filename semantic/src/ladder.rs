//! The order in which the rungs are tried.

use crate::check;
use crate::code;
use crate::data;
use crate::language::{self, Shape};
use crate::limits;
use crate::line_ends::{self, LineEnds, Turned};
use crate::lines;
use crate::sweep;
use crate::text::{self, BothAdded, Mode};
use crate::{Check, Class, Conflict, Options, Outcome, Piece, Reason, Rung, Work};

/// A file with its two sides.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The common ancestor; none, or empty, where both sides added the file.
    pub base: Option<&'a [u8]>,
    /// The side that comes first in the agreed order.
    pub ours: &'a [u8],
    /// The other side.
    pub theirs: &'a [u8],
    /// The file's path; its name chooses the language.
    pub path: &'a str,
    /// Policy of the path.
    pub options: &'a Options,
}

/// A file with its two sides, and the steps left for merging it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task<'a> {
    pub(crate) base: Option<&'a [u8]>,
    pub(crate) ours: &'a [u8],
    pub(crate) theirs: &'a [u8],
    pub(crate) path: &'a str,
    pub(crate) options: &'a Options,
    pub(crate) work: &'a Work,
}

impl Task<'_> {
    /// Bytes of all three.
    pub(crate) fn len(&self) -> usize {
        self.base.unwrap_or_default().len() + self.ours.len() + self.theirs.len()
    }

    /// Bytes of those of all three and their merge that are read for more than their lines and words.
    pub(crate) fn structured_len(&self, merged: &[u8]) -> usize {
        let files = [self.base.unwrap_or_default(), self.ours, self.theirs, merged];
        files.iter().map(|file| file.len()).filter(|len| *len <= limits::STRUCTURE_BYTES_MAX).sum()
    }
}

/// Merges the contents of one file.
pub fn merge(input: &Input) -> Outcome {
    merge_within(input, &Work::default())
}

/// The same in at most the steps of `work`; what would take more is a conflict.
pub fn merge_within(input: &Input, work: &Work) -> Outcome {
    let Input { base, ours, theirs, path, options } = *input;
    work.count_by(options.rules);
    merge_task(&Task { base, ours, theirs, path, options, work })
}

/// The merge by lines alone, as `git merge-file` makes it: disputed is what it leaves in conflict. None of what is no text
/// or too large.
pub fn merge_as_git(input: &Input) -> Option<Vec<Piece>> {
    let Input { base, ours, theirs, path, options } = *input;
    let task = Task { base, ours, theirs, path, options, work: &Work::default() };
    if refuse(&task).is_some() { None } else { text::as_git(&task) }
}

fn merge_task(input: &Task) -> Outcome {
    if let Some(bytes) = one_sided(input) {
        return Outcome::Clean { bytes: bytes.to_vec(), rung: Rung::OneSided };
    }
    // An empty ancestor is how git's drivers are told of none, and it says as little.
    let input = &Task { base: input.base.filter(|base| !base.is_empty()), ..*input };
    let conflict = match merge_read(input) {
        Outcome::Conflict(conflict) => conflict,
        clean => return clean,
    };
    swept(input).unwrap_or(Outcome::Conflict(conflict))
}

/// The merge with base as a sweep left it where the other side took away what was swept.
fn swept(input: &Task) -> Option<Outcome> {
    let base = sweep::rebased(input)?;
    let input = &Task { base: Some(&base), ..*input };
    let Outcome::Clean { bytes, rung } = merge_read(input) else { return None };
    let rung = rung.max(Rung::Text);
    // No merge of git's, so every check is made; but a word that a sweep wrote elsewhere is no new use of what is gone.
    let passes = matches!(check::refusal(input, &bytes, rung), None | Some(Check::GoneWord));
    (passes && !input.work.is_spent()).then_some(Outcome::Clean { bytes, rung })
}

fn merge_read(input: &Task) -> Outcome {
    if let Some(bytes) = one_sided(input) {
        return Outcome::Clean { bytes: bytes.to_vec(), rung: Rung::OneSided };
    }
    match by_lines(input) {
        Ok((pieces, rung)) if is_gits(&pieces, rung) => climb(input, pieces, rung),
        Ok((pieces, rung)) => match turned(input) {
            Turned::No => climb(input, pieces, rung),
            Turned::To(ends) => in_other_ends(input, ends),
            Turned::Apart => conflict(Class::Value, Rung::Text, Reason::LineEnds, text::reopened(input), None),
        },
        Err(outcome) => outcome,
    }
}

/// The same with the line ends as they stand: they are turned once, though what stands bare may still end in a return.
fn merge_bare(input: &Task) -> Outcome {
    if let Some(bytes) = one_sided(input) {
        return Outcome::Clean { bytes: bytes.to_vec(), rung: Rung::OneSided };
    }
    match by_lines(input) {
        Ok((pieces, rung)) => climb(input, pieces, rung),
        Err(outcome) => outcome,
    }
}

/// The text merge, or the conflict where there is none.
fn by_lines(input: &Task) -> Result<(Vec<Piece>, Rung), Outcome> {
    let merged = match refuse(input) {
        Some(reason) => Err((Rung::OneSided, reason)),
        None => text::merge(input, Mode::of(input)).ok_or((Rung::Text, unmerged(input))),
    };
    merged.map_err(|(gave_up, reason)| conflict(Class::Value, gave_up, reason, Vec::new(), None))
}

fn one_sided<'a>(input: &Task<'a>) -> Option<&'a [u8]> {
    if input.ours == input.theirs || input.base == Some(input.theirs) {
        Some(input.ours)
    } else if input.base == Some(input.ours) {
        Some(input.theirs)
    } else {
        None
    }
}

/// Why the text merge gave nothing.
fn unmerged(input: &Task) -> Reason {
    if input.work.is_spent() { Reason::TooMuchWork } else { Reason::TooLarge }
}

/// Why these three cannot be merged as text.
fn refuse(input: &Task) -> Option<Reason> {
    let files = [input.base.unwrap_or_default(), input.ours, input.theirs];
    if files.iter().any(|f| f.len() > limits::FILE_BYTES_MAX) {
        Some(Reason::TooLarge)
    } else if !files.iter().all(|f| lines::is_text(f)) {
        Some(Reason::Binary)
    } else {
        None
    }
}

/// Whether git would merge so.
fn is_gits(pieces: &[Piece], rung: Rung) -> bool {
    rung == Rung::OneSided && text::is_whole(pieces)
}

fn turned(input: &Task) -> Turned {
    match (input.base, input.work.take_len(input.len())) {
        (Some(base), Some(())) => Turned::of([base, input.ours, input.theirs]),
        _ => Turned::No,
    }
}

/// The merge of what the lines say, with the line ends that a side turned the whole file to.
fn in_other_ends(input: &Task, ends: LineEnds) -> Outcome {
    let [base, ours, theirs] = [input.base.unwrap_or_default(), input.ours, input.theirs].map(line_ends::bare);
    match merge_bare(&Task { base: Some(&base), ours: &ours, theirs: &theirs, ..*input }) {
        Outcome::Clean { bytes, rung } => Outcome::Clean { bytes: ends.put(bytes), rung: rung.max(Rung::Text) },
        Outcome::Conflict(conflict) => Outcome::Conflict(Conflict {
            pieces: conflict.pieces.into_iter().map(|piece| piece.map(|bytes| ends.put(bytes))).collect(),
            proposal: conflict.proposal.map(|bytes| ends.put(bytes)),
            ..conflict
        }),
    }
}

/// From the text merge upwards: the first candidate that every check lets pass.
fn climb(input: &Task, pieces: Vec<Piece>, rung: Rung) -> Outcome {
    let mut refused: Option<(Reason, Vec<u8>)> = None;
    let mut passes = |bytes: Vec<u8>, rung: Rung| match check::refusal(input, &bytes, rung) {
        // A check that could not be made lets nothing pass.
        _ if input.work.is_spent() => None,
        None => Some(Outcome::Clean { bytes, rung: rung.max(Rung::Text) }),
        Some(check) => {
            // A keyed candidate that does not even read was a bad guess, not a merge that a check stopped.
            if rung != Rung::Data || !matches!(check, Check::Parses | Check::Value) {
                refused.get_or_insert((Reason::Refused(check), bytes));
            }
            None
        }
    };
    let merged = text::whole(&pieces);
    let is_gits = is_gits(&pieces, rung);
    if let Some(outcome) = merged.and_then(|bytes| passes(bytes, rung)) {
        return outcome;
    }
    // A clean answer of git's that a check refuses is not tried again by other means.
    if !is_gits && is_structured(input) {
        let outcome = by_keys(input).into_iter().find_map(|bytes| passes(bytes, Rung::Data));
        let outcome = outcome.or_else(|| code::merge(input).and_then(|bytes| passes(bytes, Rung::Code)));
        let outcome =
            outcome.or_else(|| rest_by_code(input, &pieces, rung).and_then(|bytes| passes(bytes, Rung::Code)));
        let outcome = outcome.or_else(|| {
            let [(bytes, rung), back] = in_both_orders(input)?;
            let mut orders = [(&bytes, rung), (&back.0, back.1)];
            orders.sort();
            let stands = orders.iter().all(|(bytes, rung)| passes((*bytes).clone(), *rung).is_some());
            stands.then(|| Outcome::Clean { bytes, rung: rung.max(Rung::Text) })
        });
        if let Some(outcome) = outcome {
            return outcome;
        }
    }
    let gave_up = if is_gits { Rung::Text } else { last_rung(input) };
    match refused {
        _ if input.work.is_spent() => {
            let pieces = if text::is_whole(&pieces) { Vec::new() } else { pieces };
            conflict(Class::Value, gave_up, Reason::TooMuchWork, pieces, None)
        }
        Some((reason, bytes)) => {
            let pieces = if text::whole(&pieces).is_some() { text::reopened(input) } else { pieces };
            conflict(Class::Semantic, gave_up, reason, pieces, Some(bytes))
        }
        None => {
            let reason = if input.base.is_none() { Reason::BothAdded } else { Reason::SameLines };
            conflict(Class::Value, gave_up, reason, pieces, proposal(input))
        }
    }
}

/// Additions of both sides at one place, ours first and theirs first; none where only one of the two can be made, so that
/// exchanged sides have the same outcome.
fn in_both_orders(input: &Task) -> Option<[(Vec<u8>, Rung); 2]> {
    let there = in_agreed_order(input)?;
    let back = in_agreed_order(&Task { ours: input.theirs, theirs: input.ours, ..*input })?;
    (lines::sorted(&there.0) == lines::sorted(&back.0)).then_some([there, back])
}

fn in_agreed_order(input: &Task) -> Option<(Vec<u8>, Rung)> {
    let (pieces, rung) = text::merge(input, Mode { both_added: BothAdded::Elements, ..Mode::of(input) })?;
    match text::whole(&pieces) {
        Some(bytes) => Some((bytes, rung)),
        None => Some((rest_by_code(input, &pieces, rung)?, Rung::Code)),
    }
}

/// Declarations of the stretches that the rungs below left in dispute; what they agreed on stands in all three files.
fn rest_by_code(input: &Task, pieces: &[Piece], rung: Rung) -> Option<Vec<u8>> {
    // Where git agrees on as much, the whole files were tried before.
    if rung == Rung::OneSided || text::is_whole(pieces) {
        return None;
    }
    let mut files = [Vec::new(), Vec::new(), Vec::new()];
    for piece in pieces {
        let parts = match piece {
            Piece::Agreed(bytes) => [bytes, bytes, bytes],
            Piece::Disputed { base, ours, theirs } => [base, ours, theirs],
        };
        files.iter_mut().zip(parts).for_each(|(file, part)| file.extend_from_slice(part));
    }
    let [base, ours, theirs] = &files;
    code::merge(&Task { base: Some(base), ours, theirs, ..*input })
}

/// Small enough for the rungs above text.
fn is_structured(input: &Task) -> bool {
    [input.base.unwrap_or_default(), input.ours, input.theirs].iter().all(|f| f.len() <= limits::STRUCTURE_BYTES_MAX)
}

fn last_rung(input: &Task) -> Rung {
    match language::of(input.path).shape {
        Shape::Text | Shape::Set(_) => Rung::Text,
        Shape::Json | Shape::Toml | Shape::Yaml => Rung::Data,
        Shape::Markdown | Shape::Braces(_) | Shape::Indent(_) => Rung::Code,
    }
}

/// Candidates for a data file: lines that both added stand in either order, with JSON's commas set aside meanwhile.
fn by_keys(input: &Task) -> Vec<Vec<u8>> {
    let shape = language::of(input.path).shape;
    // Without a value there is nothing to hold a candidate against.
    let reads = |file: &[u8]| matches!(data::read(file, shape), Some(Ok(_)));
    if input.work.take_len(input.len()).is_none()
        || !input.base.is_some_and(reads)
        || !reads(input.ours)
        || !reads(input.theirs)
    {
        return Vec::new();
    }
    let bare = (shape == Shape::Json).then(|| without_commas(input)).flatten();
    let mut out = Vec::new();
    for both_added in [BothAdded::SmallerFirst, BothAdded::LargerFirst] {
        let mode = Mode { both_added, is_read: true, ..Mode::of(input) };
        let merged = |input: &Task| text::whole(&text::merge(input, mode)?.0);
        out.extend(merged(input));
        if let Some([base, ours, theirs]) = &bare {
            let input = Task { base: Some(base), ours, theirs, ..*input };
            out.extend(merged(&input).and_then(|bytes| data::restore_commas(&bytes)));
        }
    }
    out
}

fn without_commas(input: &Task) -> Option<[Vec<u8>; 3]> {
    Some([data::strip_commas(input.base?)?, data::strip_commas(input.ours)?, data::strip_commas(input.theirs)?])
}

/// Merge by the rules that need a policy, for somebody to decide on.
fn proposal(input: &Task) -> Option<Vec<u8>> {
    let mode = Mode { same_line: true, newest_version: true, ..Mode::of(input) };
    text::whole(&text::merge(input, mode)?.0)
}

fn conflict(class: Class, gave_up: Rung, reason: Reason, pieces: Vec<Piece>, proposal: Option<Vec<u8>>) -> Outcome {
    Outcome::Conflict(Conflict { class, gave_up, reason, pieces, proposal })
}
