//! Nodes that lied to a copy, noted beside the database: the node that starts on it shows them among its peers.

use crate::clock::now_ms;
use crate::framed::beside;
use crate::observing::wire::words;
use quorate_ledger::copy::Refused;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

/// Name of the file, after that of the database.
const FILE: &str = "liars";
/// The same before it is whole.
const DRAFT: &str = "liars.new";
/// Liars of one database, the newest.
const LIARS_MAX: usize = 16;
/// Bytes of the file.
const BYTES_MAX: u64 = 64 << 10;

/// Node whose answer to a copy was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Liar {
    /// API address under which it was asked. It has shown no key.
    pub node: String,
    /// Fault of its answer.
    pub how: String,
    /// Milliseconds since 1970 at which its answer was refused.
    pub at: u64,
}

/// Liars of a database; an unreadable file tells of none.
pub(crate) fn liars(data: &Path) -> Vec<Liar> {
    let mut bytes = Vec::new();
    let read = File::open(beside(data, FILE)).and_then(|file| file.take(BYTES_MAX).read_to_end(&mut bytes));
    let mut liars: Vec<Liar> = read.ok().and_then(|_| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    liars.truncate(LIARS_MAX);
    liars
}

/// Notes nodes whose answers were refused, before those of earlier copies. No copy fails for want of a note: the command names
/// them as well.
pub(super) fn note(data: &Path, refused: &[(String, Refused)]) {
    let _ = try_note(data, refused);
}

fn try_note(data: &Path, refused: &[(String, Refused)]) -> io::Result<()> {
    let now = now_ms();
    let liar = |(node, how): &(String, Refused)| Liar { node: words(node), how: words(&how.to_string()), at: now };
    let mut all: Vec<Liar> = refused.iter().map(liar).collect();
    let is_new = |before: &Liar| refused.iter().all(|(node, _)| words(node) != before.node);
    all.extend(liars(data).into_iter().filter(is_new));
    all.truncate(LIARS_MAX);
    let (path, draft) = (beside(data, FILE), beside(data, DRAFT));
    fs::write(&draft, serde_json::to_vec(&all)?)?;
    fs::rename(&draft, &path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> std::path::PathBuf {
        let dir = std::env::temp_dir().join(format!("quorate-liars-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("a folder");
        dir.join("data")
    }

    #[test]
    fn a_node_that_lied_twice_is_told_once_with_its_newest_lie() {
        let data = scratch("twice");

        note(&data, &[("http://a".into(), Refused::Malformed), ("http://b".into(), Refused::NotAsked)]);
        note(&data, &[("http://a".into(), Refused::OtherRoot)]);

        let told: Vec<_> = liars(&data).into_iter().map(|liar| (liar.node, liar.how)).collect();
        let expected = [("http://a", Refused::OtherRoot), ("http://b", Refused::NotAsked)];
        assert_eq!(told, expected.map(|(node, how)| (node.to_owned(), how.to_string())));
    }

    #[test]
    fn a_damaged_file_tells_of_nobody() {
        let data = scratch("damaged");
        fs::write(beside(&data, FILE), b"[{").expect("a disk");

        assert_eq!(liars(&data), []);
    }
}
