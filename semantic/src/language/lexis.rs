//! Comments and strings of a language, for the lexer.

/// Marks of comments and strings; the lexer takes the first that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lexis {
    /// Marks of comments that run to the end of their line.
    pub(crate) line: &'static [&'static str],
    /// Whether such a mark stands after a blank only.
    pub(crate) after_blank: bool,
    /// Start that looks like such a mark and is none.
    pub(crate) no_comment: Option<&'static str>,
    /// Comments with an end.
    pub(crate) blocks: &'static [Block],
    /// Strings.
    pub(crate) strings: &'static [Quote],
    /// Texts up to a line of their name.
    pub(crate) heredoc: Option<Heredoc>,
    /// Words of directives: lines that begin with `#`.
    pub(crate) directives: &'static [&'static str],
}

/// Text that begins below the line of its mark, up to a line of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Heredoc {
    /// Mark in front of the name.
    pub(crate) mark: &'static str,
    /// Whether code may follow the name on its last line.
    pub(crate) goes_on: bool,
}

/// Comment with an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    /// Mark that opens it.
    pub(crate) open: &'static str,
    /// Mark that closes it.
    pub(crate) close: &'static str,
    /// Whether others stand in it.
    pub(crate) nests: bool,
    /// Whether it opens at the start of a line only.
    pub(crate) at_start: bool,
}

/// String of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quote {
    /// On one line, with escapes.
    Line(&'static str),
    /// Over lines, with escapes.
    Lines(&'static str),
    /// Over lines, without escapes.
    Verbatim(&'static str, &'static str),
    /// `r"…"`, `r#"…"#`, `b"…"`, `br"…"`.
    Raw,
    /// `R"name(…)name"`.
    Named,
    /// `#"…"#`, `#"""…"""#`.
    Hashed,
    /// Character in quotes; a lifetime is none.
    Character,
}

impl Block {
    /// Comment as in C.
    pub(crate) const C: Block = Block { open: "/*", close: "*/", nests: false, at_start: false };
}

impl Lexis {
    /// Neither comments nor strings.
    pub(crate) const NONE: Lexis = Lexis {
        line: &[],
        after_blank: false,
        no_comment: None,
        blocks: &[],
        strings: &[],
        heredoc: None,
        directives: &[],
    };

    /// Comments as in C, with strings as in most of its heirs.
    pub(crate) const C: Lexis = Lexis {
        line: &["//"],
        blocks: &[Block::C],
        strings: &[Quote::Lines("`"), Quote::Lines("\"\"\""), Quote::Line("\""), Quote::Line("'")],
        ..Lexis::NONE
    };

    /// The rest of a line without blanks in front, where it is a comment.
    pub(crate) fn commented<'a>(&self, line: &'a [u8]) -> Option<&'a [u8]> {
        let is_none = self.no_comment.is_some_and(|start| line.starts_with(start.as_bytes()));
        self.line.iter().find_map(|mark| line.strip_prefix(mark.as_bytes())).filter(|_| !is_none)
    }

    /// Whether a line without blanks around it is in a comment, as far as it shows itself.
    pub(crate) fn is_comment(&self, line: &[u8]) -> bool {
        let in_block = |block: &Block| {
            let is_inner = *block == Block::C && (line == b"*" || line.starts_with(b"* "));
            is_inner || [block.open, block.close].iter().any(|mark| line.starts_with(mark.as_bytes()))
        };
        self.commented(line).is_some() || self.blocks.iter().any(in_block)
    }

    /// Whether a comment to the line's end may stand in a line.
    pub(crate) fn may_end_in_comment(&self, line: &[u8]) -> bool {
        self.line.iter().any(|mark| line.windows(mark.len()).any(|w| w == mark.as_bytes()))
    }
}
