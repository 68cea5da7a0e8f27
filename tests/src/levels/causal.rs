//! Causal: what a handed token has seen is seen, a session's own changes of every level are seen by its causal reads, and a
//! change is never seen without what its author had seen and written before it.

use super::versions::{Floor, join, raise};
use super::{Act, Anomaly, History, Operation, Verdict, Versions, breach};
use quorate_ledger::Level;
use std::collections::BTreeMap;

/// Past of a session.
#[derive(Debug, Clone, Default)]
struct Past {
    /// Versions that it has seen, and those that they depend on.
    seen: Floor,
    /// Versions that came with a token.
    handed: Floor,
    /// Own changes.
    written: Floor,
    /// Place of the last of them.
    place: (u64, u32),
}

#[derive(Default)]
struct Pasts {
    sessions: BTreeMap<usize, Past>,
    /// Versions that the author of a version had seen and written before.
    causes: BTreeMap<(usize, usize), Floor>,
}

/// Checks reads that are not `eventual` against everything that they depend on.
pub(super) fn check(history: &History) -> Verdict {
    let versions = Versions::of(history);
    let mut pasts = Pasts::default();
    history.called().into_iter().try_for_each(|one| pasts.go_on(one, &versions))
}

impl Pasts {
    fn go_on(&mut self, one: &Operation, versions: &Versions) -> Verdict {
        match one.act {
            Act::Write { file, version } => self.write(one, versions, file, version),
            Act::Read { file, shown, .. } if one.ended.is_some() => {
                let rank = versions.shown(one, file, shown)?;
                let past = self.sessions.entry(one.session).or_default();
                past.judge(one, file, rank)?;
                raise(&mut past.seen, file, rank);
                if let Some(causes) = self.causes.get(&(file, rank)) {
                    join(&mut past.seen, causes);
                }
                Ok(())
            }
            Act::Hand { to } => {
                let from = self.sessions.entry(one.session).or_default().seen.clone();
                join(&mut self.sessions.entry(to).or_default().handed, &from);
                Ok(())
            }
            Act::Read { .. } => Ok(()),
        }
    }

    /// A change that has no place depends on nothing, and nothing on it.
    fn write(&mut self, one: &Operation, versions: &Versions, file: usize, version: u64) -> Verdict {
        let (Some(rank), Some(place)) = (versions.rank(version), versions.place(version)) else { return Ok(()) };
        let past = self.sessions.entry(one.session).or_default();
        if place <= past.place {
            return breach(Anomaly::CausalReversal, format!("{one:?} stands before an earlier change of its session"));
        }
        past.place = place;
        let mut causes = past.seen.clone();
        join(&mut causes, &past.handed);
        join(&mut causes, &past.written);
        self.causes.insert((file, rank), causes);
        raise(&mut past.written, file, rank);
        if one.is_confirmed() {
            raise(&mut past.seen, file, rank);
        }
        Ok(())
    }
}

impl Past {
    fn judge(&self, one: &Operation, file: usize, rank: usize) -> Verdict {
        let least = |floor: &Floor| floor.get(&file).copied().unwrap_or_default();
        if one.level == Level::Eventual {
            return Ok(());
        }
        if one.level == Level::Causal && rank < least(&self.written) {
            return breach(Anomaly::OwnWriteUnseen, format!("{one:?} lacks a change of its own session"));
        }
        if rank < least(&self.handed) {
            return breach(
                Anomaly::TokenUnseen,
                format!("{one:?} lacks what the token had seen that its session took"),
            );
        }
        if rank < least(&self.seen) {
            return breach(Anomaly::CausalReversal, format!("{one:?} lacks what something depends on that was seen"));
        }
        Ok(())
    }
}
