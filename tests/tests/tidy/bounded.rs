//! Each list that can come from outside names its bound where its type is defined.

use crate::sources::rust_files;

/// Rooms whose types are decoded from what strangers send.
const ROOMS: &[&str] = &["pbft/src", "ledger/src"];

/// Types that are only ever read from the replica's own disk.
const STORED: &[&str] = &[
    "Requirement",
    "PendingChange",
    "Proposal",
    "AuthorLocks",
    "LockNode",
    "LockTable",
    "Sequence",
    "Verdict",
    "ViewRecord",
    "ConflictRecord",
    "Hold",
];

/// Lists that borsh reads in the memory that their bytes take, and announces nothing for.
const BYTES: &str = "Vec<u8>";

#[test]
fn decodable_lists_name_their_bounds() {
    let mut unbounded = Vec::new();
    for file in ROOMS.iter().flat_map(|room| rust_files(room)) {
        let text = std::fs::read_to_string(&file).expect("a source file");
        unbounded.extend(decodable(&text).into_iter().flat_map(|(name, body)| {
            let file = file.display().to_string();
            unbounded_lists(&body).into_iter().map(move |field| format!("{file}: {name}: {field}"))
        }));
    }
    assert!(unbounded.is_empty(), "lists without `bounded::…`:\n{}", unbounded.join("\n"));
}

/// Names and definitions of the types of a source that derive `BorshDeserialize`.
fn decodable(text: &str) -> Vec<(String, String)> {
    let lines: Vec<&str> = text.lines().collect();
    let derives =
        lines.iter().enumerate().filter(|(_, line)| line.contains("BorshDeserialize") && !line.starts_with("use"));
    let definitions = derives.filter_map(|(at, _)| {
        let head = (at..lines.len().min(at + 8)).find(|line| declared(lines[*line]).is_some())?;
        let name = declared(lines[head])?.split(['{', '(', ';', '<']).next()?.trim().to_owned();
        let ends_at_once = lines[head].ends_with(';');
        let end = (head..lines.len()).find(|line| ends_at_once || lines[*line] == "}")?;
        Some((name, lines[head..=end].join("\n")))
    });
    definitions.filter(|(name, _)| !STORED.contains(&name.as_str())).collect()
}

/// The rest of a line that begins the definition of a type.
fn declared(line: &str) -> Option<&str> {
    let visible = ["pub(crate) ", "pub(super) ", "pub "].iter().find_map(|word| line.strip_prefix(word));
    let line = visible.unwrap_or(line);
    line.strip_prefix("struct ").or_else(|| line.strip_prefix("enum "))
}

/// Fields that are lists or maps and have no reader of their own.
fn unbounded_lists(body: &str) -> Vec<String> {
    let mut before = "";
    let mut found = Vec::new();
    for line in body.lines() {
        let code = line.split("//").next().unwrap_or_default().replace(BYTES, "");
        let is_list = ["Vec<", "BTreeMap<", "BTreeSet<", "VecDeque<"].iter().any(|list| code.contains(list));
        if is_list && !before.contains("deserialize_with") && !code.contains("deserialize_with") {
            found.push(line.trim().to_owned());
        }
        before = line;
    }
    found
}
