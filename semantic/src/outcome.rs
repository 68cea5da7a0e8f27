//! Answer of a merge: bytes, or a conflict that keeps both sides and says why.

use crate::Check;

/// The answer of [`crate::merge`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A file came out, and every check passed.
    Clean {
        /// The merged file.
        bytes: Vec<u8>,
        /// The highest rung that was needed.
        rung: Rung,
    },
    /// The sides disagree.
    Conflict(Conflict),
}

/// A step of the ladder, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    /// The sides agree, or only one of them changed.
    OneSided,
    /// Lines.
    Text,
    /// Keys of structured data.
    Data,
    /// Sets of imported names.
    Imports,
    /// Declarations.
    Code,
    /// None: a conflict.
    None,
}

impl Rung {
    /// The name in receipts and reports.
    pub fn name(self) -> &'static str {
        match self {
            Rung::OneSided => "one-sided",
            Rung::Text => "text",
            Rung::Data => "data",
            Rung::Imports => "imports",
            Rung::Code => "code",
            Rung::None => "none",
        }
    }
}

/// The kind of a conflict; policy may treat each differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The same thing was given two values.
    Value,
    /// Moved, renamed, deleted or reshaped on one side, edited on the other.
    Structural,
    /// Text merges, but a check refuses the result.
    Semantic,
}

impl Class {
    /// The name in policies and reports.
    pub fn name(self) -> &'static str {
        match self {
            Class::Value => "value",
            Class::Structural => "structural",
            Class::Semantic => "semantic",
        }
    }
}

/// Two sides that could not be made one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Value, structural or semantic.
    pub class: Class,
    /// The last rung that tried.
    pub gave_up: Rung,
    /// Why no rung answered.
    pub reason: Reason,
    /// The partial merge, in file order: what is agreed and what is disputed. Empty where there is nothing to show
    /// line by line (binary, links, a deleted side, a file too large or too much work): then [`crate::markers`] has none.
    pub pieces: Vec<Piece>,
    /// The best whole file that anybody could suggest; never applied by itself.
    pub proposal: Option<Vec<u8>>,
}

impl Conflict {
    /// The check that refused a merge that was otherwise clean.
    pub fn check(&self) -> Option<Check> {
        match self.reason {
            Reason::Refused(check) => Some(check),
            _ => None,
        }
    }
}

/// Why a merge is not clean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Both sides changed the same lines.
    SameLines,
    /// A side deleted what the other edited.
    DeletedAndEdited,
    /// Both sides made the file, differently.
    BothAdded,
    /// Both sides changed what is not text.
    Binary,
    /// Both sides changed where a symbolic link points.
    LinkTargets,
    /// The sides disagree whether this is a file, an executable or a link.
    Kinds,
    /// Both sides changed how the lines end, each to something else.
    LineEnds,
    /// More steps would be taken than one merge may.
    TooMuchWork,
    /// Above a limit of [`crate::limits`].
    TooLarge,
    /// A check refused the merge.
    Refused(Check),
}

impl Reason {
    /// Clause for a report.
    pub fn words(self) -> &'static str {
        match self {
            Reason::SameLines => "both sides changed the same lines",
            Reason::DeletedAndEdited => "one side deleted what the other edited",
            Reason::BothAdded => "both sides added it with different content",
            Reason::Binary => "both sides changed a file that is not text",
            Reason::LinkTargets => "both sides pointed the link elsewhere",
            Reason::Kinds => "the sides disagree whether it is a file, an executable or a link",
            Reason::LineEnds => "both sides changed how its lines end, differently",
            Reason::TooMuchWork => "it would take more work than a merge may",
            Reason::TooLarge => "it is larger than a merge may be",
            Reason::Refused(check) => check.words(),
        }
    }
}

/// A stretch of a partial merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Merged.
    Agreed(Vec<u8>),
    /// Not merged: what each has here.
    Disputed {
        /// The common ancestor's bytes.
        base: Vec<u8>,
        /// Our bytes.
        ours: Vec<u8>,
        /// Their bytes.
        theirs: Vec<u8>,
    },
}

impl Piece {
    /// The piece with all its bytes made anew.
    pub(crate) fn map(self, of: impl Fn(Vec<u8>) -> Vec<u8>) -> Self {
        match self {
            Piece::Agreed(bytes) => Piece::Agreed(of(bytes)),
            Piece::Disputed { base, ours, theirs } => {
                Piece::Disputed { base: of(base), ours: of(ours), theirs: of(theirs) }
            }
        }
    }
}
