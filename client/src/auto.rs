//! Level `auto`: which consistency a read or a change needs, and why.

use crate::api::LevelFacts;
use quorate_ledger::Level;

/// A level, with the reason for it in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Level to ask for.
    pub level: Level,
    /// Reason, for people.
    pub why: String,
}

/// The level that fits these facts, where an answer is of use `within_ms` milliseconds (none: however long it takes).
///
/// The first that applies: strong for a critical path; eventual where the group is slower than the bound, or cannot order
/// now; causal where several authors work in one folder; else sequential.
pub fn choose(facts: &LevelFacts, within_ms: Option<u64>) -> Choice {
    let critical = facts.critical.as_ref().map(|why| (Level::Strong, format!("the path is critical: {why}")));
    let late = within_ms.and_then(|within| late(facts, within)).map(|why| (Level::Eventual, why));
    let together = (facts.authors > 1)
        .then(|| (Level::Causal, format!("{} authors changed files of this folder lately", facts.authors)));
    let (level, why) = critical.or(late).or(together).unwrap_or_else(|| {
        (Level::Sequential, "the path is not critical, nothing is late, and nobody else works here".into())
    });
    Choice { level, why }
}

/// Why an answer would come too late.
fn late(facts: &LevelFacts, within_ms: u64) -> Option<String> {
    match (&facts.stalled, facts.order_ms) {
        (Some(why), _) => Some(format!("nothing can be ordered now: {why}")),
        (None, Some(order_ms)) if order_ms > within_ms => {
            Some(format!("ordering takes {order_ms} ms, more than the {within_ms} ms asked for"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(critical: bool, stalled: bool, order_ms: Option<u64>, authors: u32) -> LevelFacts {
        let critical = critical.then(|| "it needs 2 approvals".to_owned());
        let stalled = stalled.then(|| "hears 2 of 4, needs 3".to_owned());
        LevelFacts { critical, order_ms, stalled, authors }
    }

    /// Facts, bound, level, a word of the reason.
    type Situation = (LevelFacts, Option<u64>, Level, &'static str);

    #[test]
    fn twelve_situations_have_their_level_and_reason() {
        let situations: [Situation; 12] = [
            (facts(false, false, Some(20), 0), None, Level::Sequential, "nobody else"),
            (facts(false, false, None, 1), None, Level::Sequential, "nobody else"),
            (facts(true, false, Some(20), 0), None, Level::Strong, "2 approvals"),
            (facts(true, false, Some(900), 5), Some(100), Level::Strong, "2 approvals"),
            (facts(true, true, None, 0), Some(100), Level::Strong, "2 approvals"),
            (facts(false, false, Some(900), 0), Some(100), Level::Eventual, "900 ms"),
            (facts(false, false, Some(900), 3), Some(100), Level::Eventual, "900 ms"),
            (facts(false, false, Some(100), 0), Some(100), Level::Sequential, "nobody else"),
            (facts(false, true, Some(20), 0), Some(100), Level::Eventual, "hears 2 of 4"),
            (facts(false, true, Some(20), 0), None, Level::Sequential, "nobody else"),
            (facts(false, false, Some(20), 2), Some(100), Level::Causal, "2 authors"),
            (facts(false, false, Some(900), 2), None, Level::Causal, "2 authors"),
        ];
        for (facts, within, level, word) in situations {
            let choice = choose(&facts, within);
            assert_eq!(choice.level, level, "{facts:?} within {within:?}: {choice:?}");
            assert!(choice.why.contains(word), "{choice:?}");
        }
    }
}
