//! Nesting of a TOML text, told before it is parsed.
//!
//! The parser bounds the brackets around a value and the dots of each key, and not one times the other: 12 KB of dotted
//! keys in inline tables are 6,400 levels, and reading and dropping those overflows a stack.

use toml_parser::Source;
use toml_parser::lexer::TokenKind;

/// Brackets and dots inside each other in a TOML text: as many as the parser takes of either alone.
const LEVELS_MAX: usize = 80;

/// Refuses a text whose brackets and dots nest deeper than [`LEVELS_MAX`], or whose brackets close one another.
pub(super) fn bounded(text: &str) -> Result<(), String> {
    // The bracket that closes each one that is open, and the levels around it.
    let mut open: Vec<(TokenKind, usize)> = Vec::new();
    let (mut levels, mut dots) = (0, 0);
    for token in Source::new(text).lex() {
        match token.kind() {
            TokenKind::Dot => dots += 1,
            TokenKind::Comma => dots = 0,
            TokenKind::Newline if open.is_empty() => dots = 0,
            kind @ (TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket) => {
                let is_list = kind == TokenKind::LeftSquareBracket;
                let end = if is_list { TokenKind::RightSquareBracket } else { TokenKind::RightCurlyBracket };
                open.push((end, levels));
                (levels, dots) = (levels + dots + 1, 0);
            }
            kind @ (TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket) => match open.pop() {
                Some((end, around)) if end == kind => (levels, dots) = (around, 0),
                _ => return Err(format!("a bracket without partner at byte {}", token.span().start())),
            },
            _ => {}
        }
        if levels + dots > LEVELS_MAX {
            return Err(format!("nested more than {LEVELS_MAX} deep at byte {}", token.span().start()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_and_dots_count_together() {
        let nested = |dots: usize, tables: usize| {
            format!("{}1{}", format!("{} = {{", vec!["a"; dots + 1].join(".")).repeat(tables), "}".repeat(tables))
        };
        assert_eq!(bounded(&nested(3, 20)), Ok(()));
        assert!(bounded(&nested(3, 21)).is_err());
    }

    #[test]
    fn what_follows_each_other_does_not_nest() {
        let text = "a = [1.5, 2.5, {b.c = 1, d.e = ['[.{', \"\\\"[\"]}] # ]]\n[b.c]\n".repeat(LEVELS_MAX);
        assert_eq!(bounded(&text), Ok(()));
    }

    #[test]
    fn brackets_that_close_one_another_are_refused() {
        for bad in ["a = [}", "a = {]", "]"] {
            assert!(bounded(bad).is_err(), "{bad}");
        }
    }
}
