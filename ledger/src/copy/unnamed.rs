//! Contents that rows name, as a sweep has found them.

use quorate_pbft::Digest;
use std::collections::BTreeSet;

/// Contents that are held at a time: some ten megabytes. Of more, a sweep looks at a part of the digests only, and the
/// next one goes on behind it.
const NAMED_MAX: usize = 1 << 20;

/// Named contents among a range of the digests, each by the first eight bytes of its digest: a content without a name
/// that begins as one with a name stays, which harms nobody.
#[derive(Debug, Clone)]
pub(super) struct Named {
    found: BTreeSet<u64>,
    from: u64,
    /// Last begin of the range.
    until: u64,
}

impl Default for Named {
    fn default() -> Self {
        Self { found: BTreeSet::new(), from: 0, until: u64::MAX }
    }
}

impl Named {
    /// Whether a content in the range is named.
    pub(super) fn has(&self, key: &[u8]) -> bool {
        key.first_chunk().is_some_and(|begin| self.found.contains(&u64::from_be_bytes(*begin)))
    }

    /// Whether the range is the first one.
    pub(super) fn is_first(&self) -> bool {
        self.from == 0
    }

    /// Key before all of the range.
    pub(super) fn from(&self) -> [u8; 8] {
        self.from.to_be_bytes()
    }

    /// Key behind all of the range.
    pub(super) fn until(&self) -> Vec<u8> {
        [&self.until.to_be_bytes()[..], &[0xff; 24]].concat()
    }

    /// The range behind this one, from which the next sweep goes on; the first one after the last.
    pub(super) fn behind(&self) -> Self {
        let from = self.until.checked_add(1);
        from.map_or_else(Self::default, |from| Self { from, ..Self::default() })
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
            let begin = u64::from_be_bytes(*content.0.first_chunk().expect("a digest has 32 bytes"));
            if self.from <= begin && begin <= self.until && self.found.insert(begin) && self.found.len() > NAMED_MAX {
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
        let contents: BTreeSet<Digest> = (0..5 * NAMED_MAX as u64 / 4).map(|number| hash("content", &number)).collect();
        let (mut named, mut seen) = (Named::default(), BTreeSet::new());
        for sweep in 1.. {
            named.extend(contents.iter().copied());
            assert!(named.found.len() <= NAMED_MAX);
            let until = Digest(named.until().try_into().expect("as long as a digest"));
            let mut from = Digest::ZERO;
            from.0[..8].copy_from_slice(&named.from());
            let within = contents.range(from..=until);
            assert!(within.clone().all(|content| named.has(&content.0)), "a content in the range is known");
            seen.extend(within.copied());
            named = named.behind();
            if named.is_first() {
                assert!(sweep > 1 && seen == contents);
                return;
            }
        }
    }
}
