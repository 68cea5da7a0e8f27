//! Two release lines of one thing meet, and more than the version is disputed.
//!
//! A side tries out the next major version, the other maintains the one before. The newer number is right then. What
//! else they dispute was chosen for two different things, and that the edits stand on different lines says little.

use super::Check;
use crate::Work;
use crate::diff3::{self, Chunk, Touch};
use crate::hunk::Hunk;
use crate::ladder::Task;
use crate::lines::Interner;
use crate::text;
use crate::versions;
use crate::words;

/// Steps of cutting one byte of a stretch into words and looking for them among all.
const READ_STEPS: usize = 16;

pub(super) fn meet(input: &Task) -> Option<Check> {
    if !input.options.newest_version || input.base.is_none() {
        return None;
    }
    let disputes: Vec<Dispute> =
        text::disputes(input).iter().map(|hunk| Dispute::of(hunk, input.work)).collect::<Option<_>>()?;
    let has = |what: Dispute| disputes.contains(&what);
    (has(Dispute::Lines) && has(Dispute::Else)).then_some(Check::ReleaseLines)
}

/// Subject of a disputed stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dispute {
    /// Which of two release lines goes on, and nothing else.
    Lines,
    /// Anything else.
    Else,
}

impl Dispute {
    /// None out of steps.
    fn of(hunk: &Hunk, work: &Work) -> Option<Self> {
        work.take_len(READ_STEPS * hunk.len())?;
        let [base, ours, theirs] = [&hunk.base, &hunk.ours, &hunk.theirs].map(|side| words::split(side));
        let mut interner = Interner::default();
        let [b, o, t] = [&base, &ours, &theirs].map(|side| interner.ids(side));
        let chunks = diff3::align([&b, &o, &t], interner.len(), Touch::Replacing, work)?.into_iter();
        let mut edits = chunks.filter(|chunk| !matches!(chunk, Chunk::Same(_)));
        let Some(Chunk::Conflict(region)) = edits.next() else { return Some(Dispute::Else) };
        Some(match (&base[region.base], &ours[region.ours], &theirs[region.theirs]) {
            ([b], [o], [t]) if edits.next().is_none() && versions::are_two_lines(b, o, t) => Dispute::Lines,
            _ => Dispute::Else,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;

    fn refused(base: &str, ours: &str, theirs: &str) -> Option<Check> {
        let options = Options { newest_version: true, ..Options::default() };
        let (base, path) = (Some(base.as_bytes()), "package.json");
        let verdict = |ours: &str, theirs: &str| {
            let work = Work::default();
            meet(&Task { base, ours: ours.as_bytes(), theirs: theirs.as_bytes(), path, options: &options, work: &work })
        };
        assert_eq!(verdict(ours, theirs), verdict(theirs, ours), "the sides have no names");
        verdict(ours, theirs)
    }

    #[test]
    fn release_lines_stops_the_dependencies_of_two_lines_from_being_mixed() {
        let base = "\"version\": \"1.5.1\",\n\"main\": \"x\",\n\"a\": \"^1.0.0\",\n\"b\": \"^1.0.0\"\n";
        let ours = base.replace("1.5.1", "2.0.0-beta.1").replace("\"a\": \"^1", "\"a\": \"^3");
        let theirs = base.replace("1.5.1", "1.5.2").replace("\"b\": \"^1", "\"b\": \"^2");
        assert_eq!(refused(base, &ours, &theirs), Some(Check::ReleaseLines));
    }

    #[test]
    fn the_version_alone_may_be_the_newer_one() {
        let base = "\"version\": \"1.5.1\",\n\"main\": \"x\",\n\"a\": \"^1.0.0\"\n";
        let ours = base.replace("1.5.1", "2.0.0-beta.1").replace("\"a\": \"^1", "\"a\": \"^3");
        assert_eq!(refused(base, &ours, &base.replace("1.5.1", "1.5.2")), None);
    }
}
