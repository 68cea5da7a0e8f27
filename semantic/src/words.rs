//! Words: the smallest units that an edit may change by itself.
//!
//! An identifier, a number with its dots (`0.24.1` is one), a quoted string on one line, a run of blanks, a line feed,
//! or one other character. Together they are the input again.

/// Splits into words that tile `text`, which must be UTF-8.
pub(crate) fn split(text: &[u8]) -> Vec<&[u8]> {
    let mut out = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (word, after) = rest.split_at(first_len(rest));
        out.push(word);
        rest = after;
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

fn first_len(text: &[u8]) -> usize {
    let run = |of: fn(u8) -> bool| text.iter().take_while(|b| of(**b)).count();
    match text[0] {
        b'\n' => 1,
        b if b.is_ascii_whitespace() => run(|b| b != b'\n' && b.is_ascii_whitespace()),
        b if b.is_ascii_digit() => number_len(text),
        b if is_word_byte(b) => run(is_word_byte),
        quote @ (b'"' | b'\'' | b'`') => string_len(text, quote).unwrap_or(1),
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

/// A quoted string that ends on its line.
fn string_len(text: &[u8], quote: u8) -> Option<usize> {
    let mut i = 1;
    while let Some(b) = text.get(i) {
        match b {
            b'\n' => return None,
            b'\\' => i += 1,
            b if *b == quote => return Some(i + 1),
            _ => (),
        }
        i += 1;
    }
    None
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
}
