//! Progress and findings of the scrub.

/// Walks of the scrub so far, and what they found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// Walks that came to their end.
    pub walks: u64,
    /// Bytes of rows and contents that were looked at since the start.
    pub bytes: u64,
    /// Damages of the state that this walk has found, or the one before as long as this one has found fewer.
    pub state: Findings,
    /// The same of history, for which no state vouches, and without which a replica goes on.
    pub history: Findings,
}

/// Damages of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Count of them.
    pub count: u64,
    /// The first of them in words; a file before other entries that name the same content.
    first: Option<String>,
    is_of_file: bool,
}

impl Findings {
    /// Adds a damage.
    pub(super) fn note(&mut self, damage: &str, is_of_file: bool) {
        self.count += 1;
        if self.first.is_none() || is_of_file && !self.is_of_file {
            (self.first, self.is_of_file) = (Some(damage.to_owned()), is_of_file);
        }
    }

    /// Takes what a walk has found up to now; findings of the walk before stay until it is through, or has found as many.
    pub(super) fn renew(&mut self, found: &Self, is_through: bool) {
        if is_through || found.count >= self.count {
            self.clone_from(found);
        }
    }

    /// Damage in words; none where none was found.
    pub fn in_words(&self) -> Option<String> {
        let first = self.first.as_deref()?;
        Some(if self.count > 1 { format!("{first}; and {} more", self.count - 1) } else { first.to_owned() })
    }
}
