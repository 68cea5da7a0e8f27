//! Results on standard output: aligned columns for people, JSON for programs.

use serde::Serialize;
use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether standard output has got anything.
static PRINTED: AtomicBool = AtomicBool::new(false);
/// Whether the reader of standard output has gone, as `head` does.
static LEFT: AtomicBool = AtomicBool::new(false);

/// Whether standard output has got anything.
pub fn has_printed() -> bool {
    PRINTED.load(Ordering::Relaxed)
}

/// Whether the reader of standard output has gone: no mistake of anybody, and the end of a stream.
pub fn reader_left() -> bool {
    LEFT.load(Ordering::Relaxed)
}

/// Writes to standard output; a closed pipe is no mistake of anybody.
fn out(write: impl FnOnce(&mut io::StdoutLock) -> io::Result<()>) -> io::Result<()> {
    PRINTED.store(true, Ordering::Relaxed);
    let mut out = io::stdout().lock();
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {
            LEFT.store(true, Ordering::Relaxed);
            Ok(())
        }
        ended => ended,
    }
}

/// Columns that line up. Every column but the last is as wide as its widest cell.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub fn new(headings: &[&str]) -> Self {
        Self { rows: vec![headings.iter().map(|heading| (*heading).to_owned()).collect()] }
    }

    /// Adds a row with a cell for each heading.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// Prints the table, or `none` where it has no row.
    pub fn print(&self, none: &str) -> io::Result<()> {
        if self.rows.len() == 1 {
            tell!("{none}");
            return Ok(());
        }
        let bold = io::stdout().is_terminal();
        let heading = |at: usize| bold && at == 0;
        out(|out| {
            self.lines().iter().enumerate().try_for_each(|(at, line)| match heading(at) {
                true => writeln!(out, "\x1b[1m{line}\x1b[0m"),
                false => writeln!(out, "{line}"),
            })
        })
    }

    fn lines(&self) -> Vec<String> {
        let width = |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.rows[0].len()).map(width).collect();
        self.rows.iter().map(|row| line(row, &widths)).collect()
    }
}

fn line(row: &[String], widths: &[usize]) -> String {
    let padded: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
    padded.join("  ").trim_end().to_owned()
}

/// Quotes a word for a shell.
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Prints a value as one JSON document.
pub fn json(value: &impl Serialize) -> io::Result<()> {
    bytes(format!("{}\n", serde_json::to_string_pretty(value)?).as_bytes())
}

/// Prints a value as one line of JSON, at once: part of a stream.
pub fn json_line(value: &impl Serialize) -> io::Result<()> {
    bytes(format!("{}\n", serde_json::to_string(value)?).as_bytes())
}

/// Prints a line for people.
pub fn say(line: impl std::fmt::Display) -> io::Result<()> {
    out(|out| writeln!(out, "{line}"))
}

/// Prints bytes as they are.
pub fn bytes(bytes: &[u8]) -> io::Result<()> {
    out(|out| out.write_all(bytes))
}

/// The first digits of an id, enough to tell it from others on a screen.
pub fn short(id: impl std::fmt::Display) -> String {
    id.to_string().chars().take(12).collect()
}

/// Text of others on a terminal: on one line, without control characters and without those that turn its direction.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

/// Whether a character has an effect of its own on a terminal or on the direction of a text.
pub fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Writes lines for people on standard error, without what steers a terminal. Nobody may read them: that is no error.
pub fn explain(text: &str) {
    let shown = |c: char| if steers(c) && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c };
    let _ = io::stderr().write_all(text.chars().map(shown).collect::<String>().as_bytes());
}

/// Bytes for people.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1_024 {
        return format!("{bytes} B");
    }
    let tenths = |unit: usize| bytes.saturating_mul(10) >> (10 * (unit + 1));
    let unit = (0..UNITS.len()).find(|unit| tenths(*unit) < 10_240).unwrap_or(UNITS.len() - 1);
    format!("{}.{} {}", tenths(unit) / 10, tenths(unit) % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_quotes_and_spaces_is_one_word() {
        assert_eq!(quoted("/a b/it's"), r"'/a b/it'\''s'");
    }

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&["a", "bb"]);
        table.row(["xyz".into(), "1".into()]);
        table.row(["é".into(), String::new()]);
        assert_eq!(table.lines(), ["a    bb", "xyz  1", "é"]);
    }

    #[test]
    fn sizes_have_three_digits_or_so() {
        let shown = [0, 1_023, 1_024, 1_536, 16 << 20, 5 << 40].map(size);
        assert_eq!(shown, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "16.0 MiB", "5.0 TiB"]);
    }

    #[test]
    fn the_text_of_others_cannot_steer_a_terminal() {
        assert_eq!(plain("a\x1b[2Jb\nc"), "a\u{fffd}[2Jb\u{fffd}c");
        assert_eq!(plain("exe.\u{202e}txt"), "exe.\u{fffd}txt");
    }
}
