//! Import syntax of a language: where a statement opens and ends, its place, its list, its comments.

/// Import syntax of a language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Imports {
    /// Starts of a line that a statement may begin with.
    pub(crate) open: &'static [&'static str],
    /// Words of which such a line has one; none where its start says enough.
    pub(crate) has: &'static [&'static str],
    /// Word that may stand in front, alone or with brackets: `pub`.
    pub(crate) modifier: Option<&'static str>,
    /// Marks that a statement ends with; none where it ends with its line.
    pub(crate) end: &'static [char],
    /// Brackets that are closed where it ends.
    pub(crate) closed: Option<[char; 2]>,
    /// Brackets around a list of names.
    pub(crate) list: Option<[char; 2]>,
    /// Marks that no import has.
    pub(crate) never: &'static [char],
    /// First and last line of a block of statements without their opening word.
    pub(crate) block: Option<[&'static str; 2]>,
    /// Mark of a comment behind code.
    pub(crate) comment: &'static str,
    /// Mark of a line of comment above a statement.
    pub(crate) lead: &'static str,
    /// Start and end of an attribute above a statement.
    pub(crate) attribute: Option<[&'static str; 2]>,
    /// Forms of a statement; the first that fits.
    pub(crate) forms: &'static [Form],
    /// Whether of a path the head is bound, and not its last name.
    pub(crate) binds_head: bool,
    /// Imports of which the order can be observed.
    pub(crate) observed: Observed,
}

/// Form of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    /// Start of the statement.
    pub(crate) open: &'static str,
    /// Place of what it imports, and of the names.
    pub(crate) place: Place,
}

/// Place that names come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A path up to the last of these marks, the name behind it: `a::b`.
    Path(&'static str),
    /// All up to this word, the names behind it: `from a import b, c`.
    Before(&'static str),
    /// None: names follow the opening word.
    Nowhere,
    /// A source in quotes behind the names: `{ a, b } from 'c'`.
    Source,
    /// None: the name is a path in quotes, with an alias in front.
    Quoted,
}

/// Imports of which the order can be observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Observed {
    /// None.
    Nothing,
    /// Those of a source alone, for its effects.
    Effects,
    /// Those of this name.
    Name(&'static str),
}

impl Imports {
    /// A statement for each name, to the line's end.
    pub(crate) const LINES: Imports = Imports {
        open: &["import"],
        has: &[],
        modifier: None,
        end: &[],
        closed: None,
        list: None,
        never: &[],
        block: None,
        comment: " //",
        lead: "//",
        attribute: None,
        forms: &[],
        binds_head: false,
        observed: Observed::Nothing,
    };
}
