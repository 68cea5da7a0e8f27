//! A Rust file as tokens: words, signs, literals and doc comments, each with its line.
//!
//! Plain comments are left out, and the inside of a string is one token, so readers need not know of either.

/// Kinds of token that the tidy tests tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Identifier, keyword or number.
    Word,
    /// Punctuation: a character, or `::`.
    Sign,
    /// String or character, with its quotes.
    Literal,
    /// Line of a doc comment, `///` or `//!`.
    Doc,
}

/// Piece of a file with the line, counted from 1, on which it begins.
#[derive(Debug, Clone, Copy)]
pub struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    pub line: usize,
}

impl Token<'_> {
    /// True for a word or sign of this spelling.
    pub fn is(&self, text: &str) -> bool {
        matches!(self.kind, Kind::Word | Kind::Sign) && self.text == text
    }
}

/// Cuts a file into tokens.
pub fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < text.len() {
        let rest = &text[at..];
        let (kind, length) = next(rest);
        let piece = &rest[..length];
        if let Some(kind) = kind {
            tokens.push(Token { kind, text: piece, line });
        }
        line += piece.matches('\n').count();
        at += length;
    }
    tokens
}

/// Tokens that the production build compiles: without docs and without items behind `test` or the feature `testing`.
pub fn production(text: &str) -> Vec<Token<'_>> {
    let all: Vec<Token> = tokens(text).into_iter().filter(|token| token.kind != Kind::Doc).collect();
    let mut kept = Vec::new();
    let mut at = 0;
    while at < all.len() {
        match attribute(&all[at..]) {
            Some(length) if is_for_tests(&all[at..at + length]) => at += length + item(&all[at + length..]),
            _ => {
                kept.push(all[at]);
                at += 1;
            }
        }
    }
    kept
}

/// Index of the bracket that closes the one at `open`, or the last index.
pub fn partner(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text {
            "(" | "[" | "{" if token.kind == Kind::Sign => depth += 1,
            ")" | "]" | "}" if token.kind == Kind::Sign => depth -= 1,
            _ => (),
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len() - 1
}

/// Kind and length of the first piece of `rest`; blanks and plain comments have no kind.
fn next(rest: &str) -> (Option<Kind>, usize) {
    let first = rest.chars().next().expect("text is left");
    let line_end = rest.find('\n').unwrap_or(rest.len());
    if first.is_whitespace() {
        (None, first.len_utf8())
    } else if rest.starts_with("//!") || (rest.starts_with("///") && !rest.starts_with("////")) {
        (Some(Kind::Doc), line_end)
    } else if rest.starts_with("//") {
        (None, line_end)
    } else if rest.starts_with("/*") {
        (None, block_comment(rest))
    } else if let Some(length) = literal(rest) {
        (Some(Kind::Literal), length)
    } else if is_word(first) {
        (Some(Kind::Word), rest.find(|letter| !is_word(letter)).unwrap_or(rest.len()))
    } else if rest.starts_with("::") {
        (Some(Kind::Sign), 2)
    } else {
        (Some(Kind::Sign), first.len_utf8())
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Length of a comment `/* … */`, which may hold others.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    for (at, _) in rest.char_indices() {
        if rest[at..].starts_with("/*") {
            depth += 1;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
        }
        if depth == 0 {
            return at + 2;
        }
    }
    rest.len()
}

/// Length of the string or character that `rest` begins with; a lifetime is neither.
fn literal(rest: &str) -> Option<usize> {
    let body = rest.trim_start_matches(['b', 'c']);
    let prefix = rest.len() - body.len();
    if prefix > 1 {
        return None;
    }
    if let Some(raw) = body.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let end = format!("\"{}", "#".repeat(hashes));
        let inside = raw[hashes..].strip_prefix('"')?;
        return Some(prefix + 2 + hashes + inside.find(&end).map_or(inside.len(), |at| at + end.len()));
    }
    match body.chars().next()? {
        '"' => Some(prefix + quoted(body, '"')),
        '\'' if is_character(body) => Some(prefix + quoted(body, '\'')),
        _ => None,
    }
}

/// True for `'a'` and `'\n'`, false for the lifetime `'a`.
fn is_character(body: &str) -> bool {
    let mut letters = body.chars().skip(1);
    let (first, second) = (letters.next(), letters.next());
    first == Some('\\') || second == Some('\'')
}

/// Length of a quoted piece up to the quote that ends it.
fn quoted(body: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, letter) in body.char_indices().skip(1) {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if letter == quote => return at + 1,
            _ => (),
        }
    }
    body.len()
}

/// Length of the attribute that `rest` begins with.
fn attribute(rest: &[Token]) -> Option<usize> {
    let is_one = rest.len() > 2 && rest[0].is("#") && rest[1].is("[");
    is_one.then(|| partner(rest, 1) + 1)
}

/// True for `#[cfg(test)]` and `#[cfg(any(test, feature = "testing"))]`.
fn is_for_tests(attribute: &[Token]) -> bool {
    let is_cfg = attribute[2].is("cfg") && !attribute.iter().any(|token| token.is("not"));
    is_cfg && attribute.iter().any(|token| token.is("test") || token.text == "\"testing\"")
}

/// Length of the item that `rest` begins with: other attributes, and up to its semicolon or the end of its body.
fn item(rest: &[Token]) -> usize {
    let mut at = 0;
    while at < rest.len() {
        match rest[at].text {
            "(" | "[" => at = partner(rest, at),
            "{" => {
                let end = partner(rest, at) + 1;
                return if rest.get(end).is_some_and(|token| token.is(";")) { end + 1 } else { end };
            }
            ";" => return at + 1,
            _ => (),
        }
        at += 1;
    }
    rest.len()
}
