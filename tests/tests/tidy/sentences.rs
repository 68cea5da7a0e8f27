//! Sentences of doc comments and of Markdown, for the tests that count their words.

use crate::tokens::{Kind, tokens};

/// Sentence with the line on which its paragraph begins.
#[derive(Debug)]
pub struct Sentence {
    pub line: usize,
    pub text: String,
}

/// Sentences of all doc comments of a Rust file.
pub fn of_rust(text: &str) -> Vec<Sentence> {
    let docs = tokens(text).into_iter().filter(|token| token.kind == Kind::Doc);
    let mut blocks: Vec<Vec<(usize, &str)>> = Vec::new();
    let mut last = (0, "");
    for doc in docs {
        let (prefix, line) = doc.text.split_at(3);
        if (doc.line, prefix) != (last.0 + 1, last.1) {
            blocks.push(Vec::new());
        }
        blocks.last_mut().expect("a block was begun").push((doc.line, line.strip_prefix(' ').unwrap_or(line)));
        last = (doc.line, prefix);
    }
    blocks.iter().flat_map(|block| of_lines(block)).collect()
}

/// Sentences of a Markdown file.
pub fn of_markdown(text: &str) -> Vec<Sentence> {
    let lines: Vec<(usize, &str)> = text.lines().enumerate().map(|(at, line)| (at + 1, line)).collect();
    of_lines(&lines)
}

/// Sentences of a block of lines: paragraphs and points of lists, without code, tables and headings.
fn of_lines(lines: &[(usize, &str)]) -> Vec<Sentence> {
    let mut paragraphs: Vec<Sentence> = Vec::new();
    let (mut is_code, mut is_open) = (false, false);
    for &(number, line) in lines {
        let trimmed = line.trim();
        let is_fence = trimmed.starts_with("```");
        is_code ^= is_fence;
        let is_indented_code = !is_open && line.starts_with("    ");
        if is_code || is_fence || is_indented_code || trimmed.is_empty() || trimmed.starts_with(['#', '|']) {
            is_open = false;
            continue;
        }
        let point = without_bullet(trimmed);
        match paragraphs.last_mut() {
            Some(last) if is_open && point.is_none() => last.text = format!("{} {trimmed}", last.text),
            _ => paragraphs.push(Sentence { line: number, text: point.unwrap_or(trimmed).to_owned() }),
        }
        is_open = true;
    }
    paragraphs.into_iter().flat_map(split).collect()
}

/// Text of a point of a list; none for another line.
fn without_bullet(line: &str) -> Option<&str> {
    let numbered = line.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let point = line.strip_prefix("- ").or(line.strip_prefix("* "));
    point.or(if numbered.len() < line.len() { numbered.strip_prefix(". ") } else { None })
}

/// Sentences of a paragraph: each ends in `.`, `!`, `?` or `:` before a capital letter, or with the paragraph.
fn split(paragraph: Sentence) -> Vec<Sentence> {
    let mut texts = vec![String::new()];
    for word in paragraph.text.split_whitespace() {
        let last = texts.last_mut().expect("one is begun");
        if is_end(last) && word.starts_with(|letter: char| letter.is_uppercase() || "`*[(\"".contains(letter)) {
            texts.push(word.to_owned());
        } else {
            last.push(' ');
            last.push_str(word);
        }
    }
    let texts = texts.into_iter().filter(|text| !text.trim().is_empty());
    texts.map(|text| Sentence { line: paragraph.line, text: text.trim().to_owned() }).collect()
}

fn is_end(text: &str) -> bool {
    let text = text.trim_end_matches(['*', '_', ')', '"', '`', ']']);
    text.ends_with(['.', '!', '?']) && !text.ends_with("e.g.") && !text.ends_with("i.e.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(sentences: Vec<Sentence>) -> Vec<String> {
        sentences.into_iter().map(|sentence| sentence.text).collect()
    }

    #[test]
    fn a_sentence_goes_on_over_lines_and_ends_before_a_capital() {
        let found = of_rust("/// One of e.g. two.\n/// It goes\n/// on in 1.5 s.\nstruct A;\n");
        assert_eq!(texts(found), ["One of e.g. two.", "It goes on in 1.5 s."]);
    }

    #[test]
    fn docs_of_two_items_are_not_one_paragraph() {
        let found = of_rust("/// No full stop\na: A,\n/// Nor here\nb: B,\n");
        assert_eq!(texts(found), ["No full stop", "Nor here"]);
    }

    #[test]
    fn points_of_a_list_are_sentences_and_code_tables_and_titles_are_not() {
        let found = of_markdown(
            "# Title\n- first\n  point\n2. second\n\n| a | b |\n```text\nIt is code.\n```\n\n    That too\n",
        );
        assert_eq!(texts(found), ["first point", "second"]);
    }

    #[test]
    fn strings_and_plain_comments_have_no_docs() {
        let found = of_rust("// It\nlet a = \"\n/// That\n\"; // What\nlet b = '\"'; /* /// Who */\n");
        assert!(texts(found).is_empty());
    }
}
