//! Words: the smallest units that an edit may change by itself.
//!
//! An identifier, a number with its dots (`0.24.1` is one), a quoted string on one line, a run of blanks, a line feed,
//! or one other character. Together they are the input again.

/// Splits into words that tile `text`, which must be UTF-8; looks at each byte a few times, whatever the quotes.
pub(crate) fn split(text: &[u8]) -> Vec<&[u8]> {
    let (mut at, mut open, mut out) = (0, Open::default(), Vec::new());
    while at < text.len() {
        let to = at + first_len(text, at, &mut open);
        out.push(&text[at..to]);
        at = to;
    }
    out
}

/// Whether this byte can stand in an identifier; all of a character outside ASCII can.
pub(crate) fn is_word_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80
}

/// Whether this word is blank: it only lays out the others.
pub(crate) fn is_blank(word: &[u8]) -> bool {
    word.iter().all(u8::is_ascii_whitespace)
}

fn first_len(text: &[u8], at: usize, open: &mut Open) -> usize {
    let rest = &text[at..];
    let run = |of: fn(u8) -> bool| rest.iter().take_while(|b| of(**b)).count();
    match rest[0] {
        b'\n' => 1,
        b if b.is_ascii_whitespace() => run(|b| b != b'\n' && b.is_ascii_whitespace()),
        b if b.is_ascii_digit() => number_len(rest),
        b if is_word_byte(b) => run(is_word_byte),
        quote if QUOTES.contains(&quote) => open.string_len(text, at).unwrap_or(1),
        _ => 1,
    }
}

/// Digits, letters and the dots, dashes and pluses inside a number or version (`1.0.0-rc.1+x`).
fn number_len(text: &[u8]) -> usize {
    let mut len = 0;
    while let Some(b) = text.get(len) {
        let joins = matches!(b, b'.' | b'-' | b'+') && text.get(len + 1).is_some_and(|b| is_word_byte(*b));
        if !is_word_byte(*b) && !joins {
            break;
        }
        len += 1;
    }
    len
}

const QUOTES: [u8; 3] = *b"\"'`";

/// For each quote, up to where its end was looked for in vain.
///
/// A search reads a backslash with what it escapes, and none starts between the two: from a later quote of the kind it
/// would read the same and find as little.
#[derive(Default)]
struct Open([usize; QUOTES.len()]);

impl Open {
    /// Length of the quoted string at `at`; none where it does not end on its line.
    fn string_len(&mut self, text: &[u8], at: usize) -> Option<usize> {
        let quote = text[at];
        let vain = &mut self.0[QUOTES.iter().position(|q| *q == quote)?];
        if at < *vain {
            return None;
        }
        let mut i = at + 1;
        while let Some(b) = text.get(i).filter(|b| **b != b'\n') {
            if *b == quote {
                return Some(i + 1 - at);
            }
            // A backslash before the line's end escapes nothing.
            let is_escape = *b == b'\\' && text.get(i + 1) != Some(&b'\n');
            i += if is_escape { 2 } else { 1 };
        }
        *vain = i;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        split(text.as_bytes()).into_iter().map(|w| std::str::from_utf8(w).expect("cut at characters")).collect()
    }

    #[test]
    fn words_tile_the_text() {
        let text = "let é = \"a b\" + 'x\n\t1.0.0-rc.1;";
        assert_eq!(words(text).concat(), text);
    }

    #[test]
    fn a_version_is_one_word() {
        assert_eq!(words("v = 1.0.0-rc.1"), ["v", " ", "=", " ", "1.0.0-rc.1"]);
    }

    #[test]
    fn a_string_on_one_line_is_one_word() {
        assert_eq!(words("f(\"a \\\" b\")"), ["f", "(", "\"a \\\" b\"", ")"]);
    }
    #[test]
    fn a_string_ends_on_its_line_though_a_backslash_ends_the_line() {
        assert_eq!(words("\"a\\\nb\""), ["\"", "a", "\\", "\n", "b", "\""]);
    }

    #[test]
    fn a_quote_of_one_kind_that_never_ends_hides_none_of_another_and_none_on_the_next_line() {
        assert_eq!(words("\" 'a b' \\\"c\n\"d e\""), ["\"", " ", "'a b'", " ", "\\", "\"", "c", "\n", "\"d e\""]);
    }

    #[test]
    fn what_was_looked_for_in_vain_is_not_there_from_any_later_quote() {
        const MARKS: [u8; 5] = *b"\"'\\\na";
        let anew = |text: &[u8]| {
            let (mut at, mut ends) = (0, Vec::new());
            while at < text.len() {
                at += first_len(text, at, &mut Open::default());
                ends.push(at);
            }
            ends
        };
        for nth in 0..MARKS.len().pow(7) {
            let text: Vec<u8> = (0..7).map(|i| MARKS[nth / MARKS.len().pow(i) % MARKS.len()]).collect();
            let ends: Vec<usize> = split(&text)
                .into_iter()
                .scan(0, |at, word| {
                    *at += word.len();
                    Some(*at)
                })
                .collect();
            assert_eq!(ends, anew(&text), "{:?}", String::from_utf8_lossy(&text));
        }
    }

    /// To look for its end from each of them anew would take hours.
    #[test]
    fn a_million_quotes_whose_end_never_comes_are_searched_once() {
        for piece in ["\\\"", "\\'", "\\`", "\"\\'\\`\\", "\\\"\\\n"] {
            let text = format!("\"{}", piece.repeat(1_000_000));
            assert!(split(text.as_bytes()).len() > 1_000_000, "{piece}");
        }
    }
}
