//! Contents that rows name, as a sweep has found them.

use quorate_pbft::Digest;
use std::collections::BTreeSet;

/// Contents that are held at a time: some ten megabytes. Of more, a sweep looks at a part of the digests only, and the
/// next one goes on behind it.
const NAMED_MAX: usize = 1 << 18;

/// Named contents among a range of the digests.
#[derive(Debug, Clone)]
pub(super) struct Named {
    found: BTreeSet<Digest>,
    from: Digest,
    /// Last digest of the range.
    until: Digest,
}

impl Default for Named {
    fn default() -> Self {
        Self { found: BTreeSet::new(), from: Digest::ZERO, until: Digest([0xff; 32]) }
    }
}

impl Named {
    /// Whether a content in the range is named.
    pub(super) fn has(&self, key: &[u8]) -> bool {
        key.try_into().is_ok_and(|key| self.found.contains(&Digest(key)))
    }

    /// Whether the range is the first one.
    pub(super) fn is_first(&self) -> bool {
        self.from == Digest::ZERO
    }

    pub(super) fn from(&self) -> &[u8] {
        self.from.as_bytes()
    }

    pub(super) fn until(&self) -> &[u8] {
        self.until.as_bytes()
    }

    /// The range behind this one, from which the next sweep goes on; the first one after the last.
    pub(super) fn behind(&self) -> Self {
        if self.until == Digest([0xff; 32]) {
            return Self::default();
        }
        Self { from: self.until, ..Self::default() } // the last of this range is looked at twice
    }

    /// Keeps the lower half of what was found, and of the range.
    fn narrow(&mut self) {
        let above = self.found.iter().nth(NAMED_MAX / 2).copied().expect("there are more");
        self.found.split_off(&above);
        self.until = *self.found.last().expect("half of them is left");
    }
}

impl Extend<Digest> for Named {
    fn extend<T: IntoIterator<Item = Digest>>(&mut self, contents: T) {
        for content in contents {
            if self.from <= content
                && content <= self.until
                && self.found.insert(content)
                && self.found.len() > NAMED_MAX
            {
                self.narrow();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_pbft::hash;

    #[test]
    fn sweeps_of_bounded_memory_look_at_every_content_in_turn() {
        let contents: BTreeSet<Digest> = (0..2 * NAMED_MAX as u64).map(|number| hash("content", &number)).collect();
        let (mut named, mut seen) = (Named::default(), BTreeSet::new());
        for sweep in 1.. {
            named.extend(contents.iter().copied());
            assert!(named.found.len() <= NAMED_MAX);
            let within = contents.range(named.from..=named.until);
            assert!(within.clone().all(|content| named.has(&content.0)), "a content in the range is known");
            seen.extend(within.copied());
            named = named.behind();
            if named.from == Digest::ZERO {
                assert!(sweep > 2 && seen == contents);
                return;
            }
        }
    }
}
