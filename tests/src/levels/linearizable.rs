//! Linearizable, for `strong`: the group's order respects real time, and a strong read stands in it behind everything that was
//! confirmed before it began.

use super::versions::{Floor, raise};
use super::{Act, Anomaly, History, Operation, Verdict, Versions, breach};
use quorate_ledger::Level;
use std::collections::BTreeMap;

/// Confirmed so far, of all sessions.
#[derive(Default)]
struct Confirmed {
    /// Versions of confirmed changes.
    written: Floor,
    /// Versions that strong reads have shown.
    read: Floor,
    /// The highest slot of either.
    slot: u64,
    /// The last place of a confirmed change.
    place: (u64, u32),
}

/// Checks strong reads against confirmed changes and earlier strong reads, and confirmed changes against later ones.
pub(super) fn check(history: &History) -> Verdict {
    let versions = Versions::of(history);
    let begun: BTreeMap<u64, u64> = history.operations.iter().filter_map(written).collect();
    let answered = history.answered();
    let mut answered = answered.into_iter().peekable();
    let mut confirmed = Confirmed::default();
    for one in history.called() {
        while let Some(earlier) = answered.next_if(|earlier| earlier.ended < Some(one.begun)) {
            confirmed.note(earlier, &versions)?;
        }
        confirmed.judge(one, &versions, &begun)?;
    }
    Ok(())
}

fn written(one: &Operation) -> Option<(u64, u64)> {
    let Act::Write { version, .. } = one.act else { return None };
    Some((version, one.begun))
}

impl Confirmed {
    fn note(&mut self, one: &Operation, versions: &Versions) -> Verdict {
        match one.act {
            Act::Write { file, version } if one.is_confirmed() => {
                let (Some(rank), Some(place)) = (versions.rank(version), versions.place(version)) else {
                    return breach(Anomaly::LostUpdate, format!("{one:?} was confirmed and has no place"));
                };
                raise(&mut self.written, file, rank);
                self.slot = self.slot.max(place.0);
                self.place = self.place.max(place);
            }
            Act::Read { file, shown, slot } if one.level == Level::Strong => {
                raise(&mut self.read, file, versions.shown(one, file, shown)?);
                self.slot = self.slot.max(slot);
            }
            _ => (),
        }
        Ok(())
    }

    fn judge(&self, one: &Operation, versions: &Versions, begun: &BTreeMap<u64, u64>) -> Verdict {
        match one.act {
            Act::Write { version, .. } => match versions.place(version) {
                Some(place) if place <= self.place => {
                    breach(Anomaly::OrderReversed, format!("{one:?} stands at {place:?}, before {:?}", self.place))
                }
                _ => Ok(()),
            },
            Act::Read { file, shown, slot } if one.level == Level::Strong && one.ended.is_some() => {
                let rank = versions.shown(one, file, shown)?;
                if shown.and_then(|version| begun.get(&version)).copied() > one.ended {
                    return breach(Anomaly::FromTheFuture, format!("{one:?} shows what is written later"));
                }
                let least = |floor: &Floor| floor.get(&file).copied().unwrap_or_default();
                if rank < least(&self.read) {
                    return breach(Anomaly::GoingBack, format!("{one:?} shows less than a strong read before it"));
                }
                if rank < least(&self.written) || slot < self.slot {
                    let floor = self.slot;
                    return breach(Anomaly::StaleRead, format!("{one:?}: slot {floor} was confirmed before it began"));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
