//! File names in an outbox: `<domain>-<from_seq>-<attempt>.envelope`, and `.answer` beside it.

/// Which envelope a file is about. No author signs two for one of these.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// The domain.
    pub domain: String,
    /// Number of the first change.
    pub from_seq: u64,
    /// Attempt for that number.
    pub attempt: u64,
}

/// Ends the name of a file with a signed envelope.
pub(super) const ENVELOPE: &str = ".envelope";

/// Ends the name of a file with the answer to the envelope of the same name.
pub(super) const ANSWER: &str = ".answer";

impl Name {
    /// The file's name with one of the two endings.
    pub(super) fn file(&self, ending: &str) -> String {
        format!("{}-{}-{}{ending}", self.domain, self.from_seq, self.attempt)
    }

    /// Envelope that a file with that ending is about; none for a name that no outbox writes.
    pub(super) fn parse(file: &str, ending: &str) -> Option<Self> {
        let (rest, attempt) = file.strip_suffix(ending)?.rsplit_once('-')?;
        let (domain, from_seq) = rest.rsplit_once('-')?;
        let name = Self { domain: domain.into(), from_seq: from_seq.parse().ok()?, attempt: attempt.parse().ok()? };
        (name.file(ending) == file).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back_from_its_file() {
        for domain in ["main", "a-1", "x.y_z", "@group"] {
            let name = Name { domain: domain.into(), from_seq: 12, attempt: 3 };
            assert_eq!(Name::parse(&name.file(ENVELOPE), ENVELOPE), Some(name));
        }
        assert_eq!(Name { domain: "main".into(), from_seq: 7, attempt: 1 }.file(ENVELOPE), "main-7-1.envelope");
    }

    #[test]
    fn other_files_are_not_read_as_envelopes() {
        for file in ["main-1-1.answer", "main-01-1.envelope", "main-1.envelope", "lock", "main-1-1.envelope.tmp"] {
            assert_eq!(Name::parse(file, ENVELOPE), None, "{file}");
        }
    }
}
