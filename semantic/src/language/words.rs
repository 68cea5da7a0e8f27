//! The words of a language that make declarations, and what its line ends and its order say.

/// The words that make declarations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Words {
    /// Words that name what follows them: `fn`, `class`.
    pub(crate) declare: &'static [&'static str],
    /// Words of `declare` whose bodies hold declarations again.
    pub(crate) contain: &'static [&'static str],
    /// Words that may stand in front.
    pub(crate) modify: &'static [&'static str],
    /// Words of `modify` that may carry brackets: `pub(crate)`.
    pub(crate) carry: &'static [&'static str],
    /// Words that may stand between the declaring word and the name.
    pub(crate) between: &'static [&'static str],
    /// Words of `declare` whose name is all up to the body: `impl A for B`.
    pub(crate) whole: &'static [&'static str],
    /// Words of `declare` that may have a receiver in brackets before the name.
    pub(crate) receive: &'static [&'static str],
    /// Words of `declare` whose name is all up to the brackets of the parameters, with these.
    pub(crate) signed: &'static [&'static str],
    /// Words of `declare` that may also name the type of a function: `struct A *f()`.
    pub(crate) typed: &'static [&'static str],
    /// Declarations without such a word.
    pub(crate) bare: Bare,
    /// Mark between the parts of a method's name.
    pub(crate) path: Option<&'static str>,
    /// Whether names before braces are fields: `int X { get; }`.
    pub(crate) properties: bool,
    /// Whether square brackets in front are attributes.
    pub(crate) attributes: bool,
    /// Words before a bracket that name no method: `if (…) {`.
    pub(crate) statements: &'static [&'static str],
    /// Words of `declare` whose order can be observed, as initialisers run in it.
    pub(crate) ordered: &'static [&'static str],
    /// Words of `declare` whose order can be observed where this attribute is in front.
    pub(crate) ordered_with: &'static [(&'static str, &'static str)],
    /// Words that name nothing, apart from those of `declare` and `modify`.
    pub(crate) keywords: &'static [&'static str],
    /// Words that only go on with what stands above.
    pub(crate) continues: &'static [&'static str],
    /// Words that say something of all that follows, where they are a line's only one (`private`) or begin a statement of SQL.
    pub(crate) sections: &'static [&'static str],
    /// Word that ends a block, where blocks have no brackets.
    pub(crate) end: Option<&'static str>,
    /// Words that open one.
    pub(crate) open: &'static [&'static str],
    /// Mark between a case and what is done in it, apart from `=>` and `:`.
    pub(crate) arm: Option<&'static str>,
    /// Additions of both sides at one place that both may stand.
    pub(crate) both: Both,
    /// Sense of a line break.
    pub(crate) breaks: Break,
    /// Whether methods of one name may stand beside each other, told apart by the types of their parameters.
    pub(crate) overloads: bool,
    /// Starts of lines of which a file has one.
    pub(crate) once: &'static [&'static str],
    /// Order in which a file runs; none where nothing runs from top to bottom.
    pub(crate) runs: Option<Runs>,
}

/// Declarations that no word declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bare {
    /// None.
    Nothing,
    /// Methods and fields of containers.
    Members,
    /// Functions, also outside of containers.
    Functions,
}

/// Sense of a line break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Break {
    /// None: layout is free.
    Nothing,
    /// None, but of directives and the like: layout is not free.
    Kept,
    /// End of a declaration, perhaps; it ends a statement after these words, whatever follows.
    After(&'static [&'static str]),
    /// End of a statement after words and closing marks.
    Closing,
    /// End of anything, perhaps: layout is never free.
    Always,
}

/// Additions of both sides at one place that both may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Both {
    /// Whole elements of any kind.
    Elements,
    /// Whole elements that a semicolon, comma or brace ends.
    Closed,
    /// Whole statements that a semicolon ends.
    Statements,
    /// Whole blocks in braces, each with another head.
    Blocks,
}

/// A file that runs from top to bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Runs {
    /// Words of `declare` whose names hold above them as well.
    pub(crate) hoisted: &'static [&'static str],
    /// Words of `declare` of which nothing runs at once.
    pub(crate) later: &'static [&'static str],
    /// Words of `declare` of which the header runs at once.
    pub(crate) headers: &'static [&'static str],
    /// Words of `declare` of which header and body run at once.
    pub(crate) scopes: &'static [&'static str],
    /// Words after which a bracket opens a block that runs at once; none where brackets hold no blocks.
    pub(crate) at_once: Option<&'static [&'static str]>,
    /// Whether bodies of functions need their names above them too.
    pub(crate) bodies: bool,
}

impl Runs {
    /// A file of nothing but statements.
    pub(crate) const STATEMENTS: Runs =
        Runs { hoisted: &[], later: &[], headers: &[], scopes: &[], at_once: None, bodies: false };
}

/// No words: for files that are cut by something else, and for rows to begin with.
pub(crate) const WORDS: Words = Words {
    declare: &[],
    contain: &[],
    modify: &[],
    carry: &[],
    between: &[],
    whole: &[],
    receive: &[],
    signed: &[],
    typed: &[],
    bare: Bare::Nothing,
    path: None,
    properties: false,
    attributes: false,
    statements: &[],
    ordered: &[],
    ordered_with: &[],
    keywords: &[],
    continues: &[],
    breaks: Break::Nothing,
    sections: &[],
    end: None,
    open: &[],
    arm: None,
    both: Both::Elements,
    overloads: false,
    once: &[],
    runs: None,
};

impl Words {
    /// Whether a word is the language's own.
    pub(crate) fn is_keyword(&self, word: &[u8]) -> bool {
        [self.declare, self.modify, self.keywords].iter().any(|words| words.iter().any(|own| own.as_bytes() == word))
    }
}
