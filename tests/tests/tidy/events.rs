//! Events of the log: every line of level `info` and above has an id, and `docs/log.md` lists each of them.

use std::collections::BTreeMap;

use crate::modules::Room;
use crate::sources::{rooms, root};

/// Levels whose lines have an id; `debug` is for people who read the code.
const LEVELS: [&str; 3] = ["info", "warn", "error"];

#[test]
fn the_table_lists_every_event_of_the_code_and_no_other() {
    let mut of_code = BTreeMap::new();
    for room in rooms().into_iter().filter(|room| room != "tests") {
        for file in Room::read(&root(), &room).files {
            let text = std::fs::read_to_string(root().join(&file.path)).expect("a source file");
            for (event, level) in events(&text) {
                let event =
                    event.unwrap_or_else(|| panic!("{}: a line of level {level} has no event", file.path.display()));
                let known = of_code.insert(event.clone(), level);
                assert!(known.is_none(), "{}: event {event} stands twice", file.path.display());
            }
        }
    }

    assert!(!of_code.is_empty(), "no line was found");
    assert_eq!(of_code, table());
}

/// Events of the table in `docs/log.md`, each with its level.
fn table() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(root().join("docs/log.md")).expect("docs/log.md");
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        Some((cells.next()?.strip_suffix('`')?.to_owned(), cells.next()?.to_owned()))
    };
    text.lines().filter_map(row).collect()
}

/// Lines that a file writes, each with its event, if it names one, and its level. Nothing behind `#[cfg(test)]` counts.
fn events(text: &str) -> Vec<(Option<String>, String)> {
    let production = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = production.split("tracing::").skip(1);
    let line = |rest: &str| {
        let (level, rest) = rest.split_once("!(")?;
        LEVELS.contains(&level).then(|| (event(rest), level.to_owned()))
    };
    lines.filter_map(line).collect()
}

fn event(fields: &str) -> Option<String> {
    fields.trim_start().strip_prefix("event = \"")?.split('"').next().map(str::to_owned)
}

#[test]
fn a_line_without_an_event_is_seen_and_debug_needs_none() {
    let text = "tracing::info!(event = \"a\", \"x\");\ntracing::warn!(\n    event = \"b\",\n);\ntracing::error!(\"c\");\ntracing::debug!(\"d\");";
    let found: Vec<Option<String>> = events(text).into_iter().map(|(event, _)| event).collect();
    assert_eq!(found, [Some("a".to_owned()), Some("b".to_owned()), None]);
}
