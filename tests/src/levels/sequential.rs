//! Sequential, for each session: no answer is from before an earlier one, own confirmed changes are seen, and each answer shows
//! the state after one slot.

use super::versions::{Floor, raise};
use super::{Act, Anomaly, History, Operation, Verdict, Versions, breach};
use quorate_ledger::Level;
use std::collections::BTreeMap;

/// Sight of a session so far.
#[derive(Default)]
struct Sight {
    slot: u64,
    seen: Floor,
    written: Floor,
}

/// Checks every read against what its session has seen and written; reads of level `eventual` against their slot alone.
pub(super) fn check(history: &History) -> Verdict {
    let versions = Versions::of(history);
    let mut sights: BTreeMap<usize, Sight> = BTreeMap::new();
    for one in history.called().into_iter().filter(|one| one.ended.is_some()) {
        sights.entry(one.session).or_default().look(one, &versions)?;
    }
    Ok(())
}

impl Sight {
    fn look(&mut self, one: &Operation, versions: &Versions) -> Verdict {
        match one.act {
            Act::Write { file, version } if one.is_confirmed() => {
                if let (Some(rank), Some(place)) = (versions.rank(version), versions.place(version)) {
                    raise(&mut self.written, file, rank);
                    self.slot = self.slot.max(place.0);
                }
            }
            Act::Read { file, shown, slot } => {
                let rank = versions.shown(one, file, shown)?;
                if rank != versions.newest(file, slot) {
                    return breach(Anomaly::AnotherState, format!("{one:?} is not what stood after slot {slot}"));
                }
                self.judge(one, file, rank, slot)?;
                raise(&mut self.seen, file, rank);
                self.slot = self.slot.max(slot);
            }
            _ => (),
        }
        Ok(())
    }

    fn judge(&self, one: &Operation, file: usize, rank: usize, slot: u64) -> Verdict {
        if one.level == Level::Eventual {
            return Ok(());
        }
        let least = |floor: &Floor| floor.get(&file).copied().unwrap_or_default();
        if rank < least(&self.written) {
            return breach(Anomaly::OwnWriteUnseen, format!("{one:?} lacks a confirmed change of its session"));
        }
        if rank < least(&self.seen) || slot < self.slot {
            return breach(Anomaly::GoingBack, format!("{one:?}: its session has seen slot {}", self.slot));
        }
        Ok(())
    }
}
