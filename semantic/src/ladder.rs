//! The order in which the rungs are tried.

use crate::check;
use crate::diff3::{self, Chunk, Region};
use crate::limits;
use crate::lines::{self, Interner};
use crate::{Class, Conflict, Options, Outcome, Piece, Reason, Rung};

/// One file with its two sides.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The common ancestor; none where both sides added the file.
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

/// Merges the contents of one file.
pub fn merge(input: &Input) -> Outcome {
    if let Some(bytes) = one_sided(input) {
        return Outcome::Clean {
            bytes: bytes.to_vec(),
            rung: Rung::OneSided,
        };
    }
    match refuse(input) {
        Some(reason) => conflict(Class::Value, Rung::OneSided, reason, Vec::new()),
        None => text(input),
    }
}

fn one_sided<'a>(input: &Input<'a>) -> Option<&'a [u8]> {
    if input.ours == input.theirs || input.base == Some(input.theirs) {
        Some(input.ours)
    } else if input.base == Some(input.ours) {
        Some(input.theirs)
    } else {
        None
    }
}

/// Why these three cannot be merged as text.
fn refuse(input: &Input) -> Option<Reason> {
    let files = [input.base.unwrap_or_default(), input.ours, input.theirs];
    if files.iter().any(|f| f.len() > limits::FILE_BYTES_MAX) {
        Some(Reason::TooLarge)
    } else if !files.iter().all(|f| lines::is_text(f)) {
        Some(Reason::Binary)
    } else {
        None
    }
}

/// The three files as lines, and as numbers for lines.
struct Lines<'a> {
    base: Vec<&'a [u8]>,
    ours: Vec<&'a [u8]>,
    theirs: Vec<&'a [u8]>,
}

fn text(input: &Input) -> Outcome {
    let lines = Lines {
        base: lines::split(input.base.unwrap_or_default()),
        ours: lines::split(input.ours),
        theirs: lines::split(input.theirs),
    };
    if [&lines.base, &lines.ours, &lines.theirs]
        .iter()
        .any(|l| l.len() > limits::LINES_MAX)
    {
        return conflict(Class::Value, Rung::Text, Reason::TooLarge, Vec::new());
    }
    let mut interner = Interner::default();
    let (b, o, t) = (
        interner.ids(&lines.base),
        interner.ids(&lines.ours),
        interner.ids(&lines.theirs),
    );
    let pieces = pieces(&diff3::align(&b, &o, &t, interner.len()), &lines);
    let Some(bytes) = whole(&pieces) else {
        let reason = if input.base.is_none() {
            Reason::BothAdded
        } else {
            Reason::SameLines
        };
        return conflict(Class::Value, Rung::Text, reason, pieces);
    };
    match check::refusal(input, &bytes) {
        None => Outcome::Clean {
            bytes,
            rung: Rung::Text,
        },
        Some(check) => Outcome::Conflict(Conflict {
            class: Class::Semantic,
            gave_up: Rung::Text,
            reason: Reason::Refused(check),
            pieces,
            proposal: Some(bytes),
        }),
    }
}

fn pieces(chunks: &[Chunk], lines: &Lines) -> Vec<Piece> {
    let mut out = Vec::new();
    for chunk in chunks {
        match chunk {
            Chunk::Same(base) => agree(&mut out, lines.base[base.clone()].concat()),
            Chunk::Ours(_, ours) | Chunk::Both(_, ours) => {
                agree(&mut out, lines.ours[ours.clone()].concat())
            }
            Chunk::Theirs(_, theirs) => agree(&mut out, lines.theirs[theirs.clone()].concat()),
            Chunk::Conflict(Region { base, ours, theirs }) => out.push(Piece::Disputed {
                base: lines.base[base.clone()].concat(),
                ours: lines.ours[ours.clone()].concat(),
                theirs: lines.theirs[theirs.clone()].concat(),
            }),
        }
    }
    out
}

/// Appends agreed bytes, to the piece before where that is agreed too.
fn agree(out: &mut Vec<Piece>, bytes: Vec<u8>) {
    match out.last_mut() {
        Some(Piece::Agreed(before)) => before.extend_from_slice(&bytes),
        _ => out.push(Piece::Agreed(bytes)),
    }
}

/// The file, if nothing is disputed.
fn whole(pieces: &[Piece]) -> Option<Vec<u8>> {
    let agreed = |p: &Piece| match p {
        Piece::Agreed(bytes) => Some(bytes.clone()),
        Piece::Disputed { .. } => None,
    };
    pieces
        .iter()
        .map(agreed)
        .collect::<Option<Vec<_>>>()
        .map(|all| all.concat())
}

fn conflict(class: Class, gave_up: Rung, reason: Reason, pieces: Vec<Piece>) -> Outcome {
    Outcome::Conflict(Conflict {
        class,
        gave_up,
        reason,
        pieces,
        proposal: None,
    })
}
