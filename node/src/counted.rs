//! Counts with their nouns.

/// A count with its noun: `1 change`, `2 changes`.
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
