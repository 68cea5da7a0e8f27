//! Progress and findings of the scrub.

/// Walks of the scrub so far, and what they found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// Walks that came to their end.
    pub walks: u64,
    /// Bytes of rows and contents that were looked at since the start.
    pub bytes: u64,
    /// Damages that this walk has found, or the one before as long as this one has found fewer.
    pub damages: u64,
    /// The first of them in words.
    pub first: Option<String>,
}

impl Scrubbed {
    /// Damage in words; none where none was found.
    pub fn in_words(&self) -> Option<String> {
        let first = self.first.as_deref()?;
        Some(if self.damages > 1 { format!("{first}; and {} more", self.damages - 1) } else { first.to_owned() })
    }
}
