//! The report as one page of HTML that needs nothing else: no script, no font, no other file.

use super::left_out::LeftOut;
use super::whole::{Answer, File, Whole, gits_conflict};
use crate::cli::merge::explain;
use crate::cli::{print, unified};
use quorate_git::Commit;
use quorate_semantic::{Conflict, Kind, Labels, Outcome, Piece, markers};

const STYLE: &str = include_str!("style.css");

/// Lines of one block that are shown.
const BLOCK_LINES_MAX: usize = 300;

/// Bytes of one block that are shown, so that files of one long line make no page that nobody can open.
const BLOCK_BYTES_MAX: usize = 64 * 1024;

/// Lines on which the sides agree that are shown before and after a dispute.
const LINES_AROUND: usize = 3;

/// The page.
pub fn of(range: &str, whole: &Whole) -> String {
    let title = format!("Merge of {}", escaped(range));
    let files: String = whole.files.iter().enumerate().map(details).collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n<h1>{title}</h1>\n{}<h2>Files that both sides changed</h2>\n{}{files}{}{}</html>\n",
        commits(whole),
        overview(whole),
        others(whole),
        left_out(whole)
    )
}

fn commits(whole: &Whole) -> String {
    let row = |name: &str, commit: Option<&Commit>| {
        let words =
            commit.map_or("none".into(), |commit| format!("<code>{}</code> {}", commit.id, escaped(commit.title())));
        format!("<tr><th>{name}</th><td>{words}</td></tr>\n")
    };
    let fork = &whole.fork;
    let crosswise = match fork.bases {
        0 | 1 => String::new(),
        bases => {
            format!("<p>The histories have {bases} newest common ancestors; the youngest is taken for the base.</p>\n")
        }
    };
    let committed = fork.merged.as_ref().map_or(String::new(), |merged| row("committed", Some(merged)));
    let rows = [row("base", fork.base.as_ref()), row("ours", Some(&fork.ours)), row("theirs", Some(&fork.theirs))];
    format!("<table>\n{}{committed}</table>\n{crosswise}<p>{}</p>\n", rows.concat(), escaped(&super::summary(whole)))
}

fn overview(whole: &Whole) -> String {
    let head = if whole.fork.merged.is_some() { "<th>committed</th>" } else { "" };
    let row = |(at, file): (usize, &File)| {
        let committed = whole.fork.merged.as_ref().map_or("", |_| match file.is_as_committed() {
            Some(true) => "<td class=\"good\">the same</td>",
            Some(false) => "<td class=\"bad\">otherwise</td>",
            None => "<td></td>",
        });
        let path = escaped(&file.path);
        format!(
            "<tr><td><a href=\"#f{at}\"><code>{path}</code></a></td>{}<td>{}</td>{committed}</tr>\n",
            answer(file),
            gits(file)
        )
    };
    let rows: String = whole.files.iter().enumerate().map(row).collect();
    if rows.is_empty() {
        return "<p>None.</p>\n".into();
    }
    format!(
        "<table>\n<tr><th>file</th><th>quorate</th><th><code>git merge-file</code></th>{head}</tr>\n{rows}</table>\n"
    )
}

fn answer(file: &File) -> String {
    match &file.answer {
        Answer::Clean(_, rung) => format!("<td class=\"good\">{}</td>", rung.name()),
        Answer::Paths(why) => format!("<td class=\"bad\">conflict: {}</td>", escaped(why)),
        Answer::Conflict(conflict) => {
            let refused = conflict.check().map_or(String::new(), |check| format!(" (<code>{}</code>)", check.name()));
            let class = conflict.class.name();
            format!("<td class=\"bad\">{class} conflict: {}{refused}</td>", conflict.reason.words())
        }
    }
}

fn gits(file: &File) -> &'static str {
    match (&file.by_lines, file.gits(), file.is_as_git()) {
        (None, ..) => "no lines to merge",
        (_, None, _) => "conflict",
        (_, _, Some(true)) => "the same",
        (_, _, Some(false)) => "otherwise",
        _ => "clean",
    }
}

fn details((at, file): (usize, &File)) -> String {
    let from = file.from.as_ref().map_or(String::new(), |from| format!(" (was <code>{}</code>)", escaped(from)));
    let open = if file.is_clean() { "" } else { " open" };
    let blocks = [
        ("quorate", our_block(file)),
        ("git merge-file", if file.is_as_git() == Some(true) { None } else { git_block(file) }),
        ("committed, against the merge", committed_block(file)),
    ];
    let shown = blocks
        .into_iter()
        .filter_map(|(name, text)| Some(format!("<div><h4>{name}</h4><pre>{}</pre></div>\n", escaped(&cut(&text?)))));
    format!(
        "<details id=\"f{at}\"{open}><summary><code>{}</code>{from}</summary>\n<div class=\"beside\">\n{}</div></details>\n",
        escaped(&file.path),
        shown.collect::<String>()
    )
}

fn our_block(file: &File) -> Option<String> {
    Some(match &file.answer {
        Answer::Clean(entry, rung) => {
            let (_, bytes) = entry.clone().unwrap_or((Kind::File, Vec::new()));
            let words = explain::words(&file.path, &file.ours, &Outcome::Clean { bytes: bytes.clone(), rung: *rung });
            words + "As a change of ours:\n" + &changed(&file.ours, &bytes)
        }
        Answer::Paths(why) => format!("{}: structural conflict: {why}.\n", file.path),
        Answer::Conflict(conflict) => {
            let words = explain::words(&file.path, &file.ours, &Outcome::Conflict(conflict.clone()));
            words + &marked(conflict)
        }
    })
}

fn git_block(file: &File) -> Option<String> {
    match file.gits() {
        Some(bytes) => Some("As a change of ours:\n".to_owned() + &changed(&file.ours, &bytes)),
        None => Some(marked(&gits_conflict(file.by_lines.clone()?))),
    }
}

fn committed_block(file: &File) -> Option<String> {
    let committed = file.committed.as_ref().filter(|_| file.is_as_committed() != Some(true))?;
    let Some((kind, committed)) = committed else { return Some("The file was removed.\n".into()) };
    let (words, beside) = file.result().map_or(("As a change of ours:\n", &file.ours[..]), |result| ("", result));
    let kind = if file.is_clean() && file.kind() != Some(*kind) { named(*kind) } else { "" };
    Some([kind, words, &changed(beside, committed)].concat())
}

fn named(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "It is a plain file there.\n",
        Kind::Executable => "It is executable there.\n",
        Kind::Link => "It is a link there.\n",
    }
}

/// A unified diff, or words where there is no text.
fn changed(old: &[u8], new: &[u8]) -> String {
    match (std::str::from_utf8(old), std::str::from_utf8(new)) {
        _ if old == new => "no line differs\n".into(),
        (Ok(old), Ok(new)) => unified::diff(old, new),
        _ => format!("{} bytes became {}, and are no text\n", old.len(), new.len()),
    }
}

/// The disputed stretches with markers, and some lines around them.
fn marked(conflict: &Conflict) -> String {
    let pieces = conflict.pieces.iter().map(|piece| match piece {
        Piece::Agreed(bytes) => Piece::Agreed(abridged(bytes)),
        disputed => disputed.clone(),
    });
    let conflict = Conflict { pieces: pieces.collect(), ..conflict.clone() };
    String::from_utf8_lossy(&markers(&conflict, &Labels::default()).unwrap_or_default()).into_owned()
}

fn abridged(bytes: &[u8]) -> Vec<u8> {
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let left_out = lines.len().saturating_sub(2 * LINES_AROUND);
    if left_out < 2 {
        return bytes.to_vec();
    }
    let note = format!("… {left_out} lines on which the sides agree\n").into_bytes();
    [lines[..LINES_AROUND].concat(), note, lines[lines.len() - LINES_AROUND..].concat()].concat()
}

fn cut(text: &str) -> String {
    let lines = text.match_indices('\n').nth(BLOCK_LINES_MAX - 1).map_or(text.len(), |(at, _)| at + 1);
    let end = text.floor_char_boundary(lines.min(BLOCK_BYTES_MAX));
    match text.len() - end {
        0 => text.to_owned(),
        more => format!("{}\n… {more} bytes more\n", text[..end].trim_end_matches('\n')),
    }
}

fn others(whole: &Whole) -> String {
    let row = |(path, committed): &(String, Option<bool>)| {
        let otherwise = if *committed == Some(false) { " <span class=\"bad\">committed otherwise</span>" } else { "" };
        format!("<li><code>{}</code>{otherwise}</li>\n", escaped(path))
    };
    list("Files that one side changed, or both alike", whole.one_sided.iter().map(row))
}

fn left_out(whole: &Whole) -> String {
    let row = |entry: &LeftOut| format!("<li><code>{}</code>: {}</li>\n", escaped(&entry.path), entry.reason);
    list("Left out: no domain can hold them", whole.left_out.iter().map(row))
}

fn list(title: &str, rows: impl ExactSizeIterator<Item = String>) -> String {
    match rows.len() {
        0 => String::new(),
        count => {
            let rows: String = rows.collect();
            format!("<h2>{title}</h2>\n<details><summary>{count}</summary>\n<ul>\n{rows}</ul></details>\n")
        }
    }
}

/// Text of files and commits in HTML. A carriage return has a sign of its own, and no character steers.
fn escaped(text: &str) -> String {
    let plain = |c| match c {
        '\n' | '\t' => c,
        '\r' => '␍',
        c if print::steers(c) => '\u{fffd}',
        c => c,
    };
    let text: String = text.chars().map(plain).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_is_text_on_the_page() {
        let text = "<script>\"a\" & 'b'\u{202e}\u{1b}\r\n\tc";
        assert_eq!(escaped(text), "&lt;script&gt;&quot;a&quot; &amp; 'b'\u{fffd}\u{fffd}␍\n\tc");
    }

    #[test]
    fn long_blocks_and_long_lines_are_cut() {
        let lines = "é\n".repeat(BLOCK_LINES_MAX);
        assert_eq!(cut(&lines), lines);
        assert_eq!(cut(&format!("{lines}more\n")), format!("{lines}… 5 bytes more\n"));
        let line = "é".repeat(BLOCK_BYTES_MAX);
        assert_eq!(
            cut(&format!("x{line}")),
            format!("x{}\n… {} bytes more\n", &line[..BLOCK_BYTES_MAX - 2], BLOCK_BYTES_MAX + 2)
        );
    }
}
