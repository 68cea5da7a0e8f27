//! History that a node keeps: the whole, that of a time, or as many bytes.

use quorate_ledger::{Read, Store, StoreError, Table};
use quorate_pbft::{Epoch, ExecutedPoint, Time};
use quorate_storage::OldSlot;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Units of time, the largest first.
const TIMES: [(&str, u64); 4] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
/// Units of size, the largest first.
const SIZES: [(&str, u64); 3] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20)];

/// Key of the row of [`ended`], among the single values.
const ENDED: &[u8] = b"epoch-bytes";

/// Policy of a node on the history that it keeps, beyond the windows of slots that it always does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum History {
    /// The whole history, from slot 1 on.
    #[default]
    All,
    /// History of so many milliseconds of ledger time.
    Time(u64),
    /// The newest so many bytes of ordered bundles.
    Bytes(u64),
}

/// Text that is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("history {0:?}: expected all, a time as 30m, 12h or 90d, or a size as 500MiB or 20GiB")]
pub struct NoHistory(String);

impl FromStr for History {
    type Err = NoHistory;

    fn from_str(text: &str) -> Result<Self, NoHistory> {
        if text == "all" {
            return Ok(Self::All);
        }
        let of =
            |units: &[(&str, u64)]| units.iter().find_map(|(unit, worth)| amount(text.strip_suffix(unit)?, *worth));
        let found = of(&SIZES).map(Self::Bytes).or_else(|| of(&TIMES).map(Self::Time));
        found.ok_or_else(|| NoHistory(text.to_owned()))
    }
}

/// A whole number above 0 of a unit.
fn amount(number: &str, worth: u64) -> Option<u64> {
    let is_plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number = if is_plain { number.parse::<u64>().ok()? } else { return None };
    number.checked_mul(worth).filter(|amount| *amount > 0)
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (amount, units): (u64, &[(&str, u64)]) = match *self {
            Self::All => return f.write_str("all"),
            Self::Time(ms) => (ms, &TIMES),
            Self::Bytes(bytes) => (bytes, &SIZES),
        };
        let fits = units.iter().find(|(_, worth)| amount.is_multiple_of(*worth));
        let (unit, worth) = fits.expect("an amount is a multiple of the smallest unit");
        write!(f, "{}{unit}", amount / worth)
    }
}

impl TryFrom<String> for History {
    type Error = NoHistory;

    fn try_from(text: String) -> Result<Self, NoHistory> {
        text.parse()
    }
}

impl From<History> for String {
    fn from(history: History) -> Self {
        history.to_string()
    }
}

/// Execution as a policy measures from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reached {
    epoch: Epoch,
    time: Time,
    lane_bytes: u64,
}

impl Reached {
    /// Execution up to a point, and milliseconds after its slot.
    pub(super) fn of(point: &ExecutedPoint, since_ms: u64) -> Self {
        let time = Time::new(point.time.get().saturating_add(since_ms));
        Self { epoch: point.epoch, time, lane_bytes: point.lane_bytes.iter().sum() }
    }
}

/// Bytes of all lanes of each epoch that is over and was executed here to its end: lanes begin anew with the next (M3).
pub(super) fn ended(read: &dyn Read) -> Result<BTreeMap<Epoch, u64>, StoreError> {
    let row = read.get(Table::Meta, ENDED)?;
    Ok(row.and_then(|row| borsh::from_slice(&row).ok()).unwrap_or_default()) // history stays for longer without
}

/// Notes the bytes of the epoch that ends with a point: the next slot is of another one.
pub(super) fn note_end(store: &mut impl Store, point: &ExecutedPoint) -> Result<(), StoreError> {
    let mut ended = ended(store)?;
    ended.insert(point.epoch, point.lane_bytes.iter().sum());
    store.put(Table::Meta, ENDED, &borsh::to_vec(&ended).expect("writing into memory cannot fail"))
}

impl History {
    /// Whether a slot is not kept any more; see [`ended`].
    pub(super) fn is_over(self, slot: &OldSlot, now: &Reached, ended: &BTreeMap<Epoch, u64>) -> bool {
        match self {
            Self::All => false,
            Self::Time(ms) => now.time.get().saturating_sub(slot.time.get()) > ms,
            Self::Bytes(bytes) => {
                let since: u64 = ended.range(slot.epoch..).map(|(_, bytes)| bytes).sum();
                // An epoch that ended before its bytes were noted counts with none.
                let is_known = slot.epoch == now.epoch || ended.contains_key(&slot.epoch);
                (since + now.lane_bytes).saturating_sub(if is_known { slot.lane_bytes } else { 0 }) > bytes
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_ledger::MemoryStore;

    #[test]
    fn a_policy_reads_and_writes_the_same() {
        for text in ["all", "30m", "12h", "90d", "45s", "500MiB", "20GiB", "2TiB"] {
            assert_eq!(text.parse::<History>().map(|history| history.to_string()).as_deref(), Ok(text));
        }
        assert_eq!("90m".parse(), Ok(History::Time(5_400_000)));
        assert_eq!("24h".parse::<History>().map(|history| history.to_string()).as_deref(), Ok("1d"));
    }

    #[test]
    fn text_that_is_no_policy_is_named() {
        for text in ["", "5", "m", "0m", "-1d", "+1d", "1.5h", "5 m", "20GB", "9999999999999999999d", "All"] {
            let refused = text.parse::<History>().expect_err(text);
            assert!(refused.to_string().contains(&format!("{text:?}")), "{refused}");
        }
    }

    #[test]
    fn a_slot_is_over_once_more_than_the_policy_has_passed_since() {
        let (now, ended) =
            (Reached { epoch: Epoch::new(1), time: Time::new(100_000), lane_bytes: 5_000 }, BTreeMap::new());
        let slot = |time, lane_bytes| OldSlot { epoch: Epoch::new(1), time: Time::new(time), lane_bytes };
        let of_time = |time| History::Time(60_000).is_over(&slot(time, 0), &now, &ended);
        let of_bytes = |bytes| History::Bytes(4_000).is_over(&slot(0, bytes), &now, &ended);

        assert!(of_time(39_999) && !of_time(40_000));
        assert!(of_bytes(999) && !of_bytes(1_000));
        assert!(!History::All.is_over(&slot(0, 0), &now, &ended));
        let of_an_older_program = OldSlot { epoch: Epoch::new(0), time: Time::default(), lane_bytes: 1_000_000 };
        assert!(History::Bytes(4_000).is_over(&of_an_older_program, &now, &ended), "the epoch since has more bytes");
    }

    #[test]
    fn bytes_of_all_epochs_since_a_slot_count() {
        let mut store = MemoryStore::default();
        for (epoch, lane_bytes) in [(0, vec![9_000]), (1, vec![1_000, 2_000]), (2, vec![1_500])] {
            let last = ExecutedPoint { epoch: Epoch::new(epoch), lane_bytes, ..ExecutedPoint::default() };
            note_end(&mut store, &last).expect("memory does not fail");
        }
        let ended = ended(&store).expect("memory does not fail");
        let now = Reached { epoch: Epoch::new(3), time: Time::default(), lane_bytes: 500 };
        let is_over = |epoch, lane_bytes| {
            let slot = OldSlot { epoch: Epoch::new(epoch), time: Time::default(), lane_bytes };
            History::Bytes(4_000).is_over(&slot, &now, &ended)
        };

        assert!(is_over(1, 999) && !is_over(1, 1_000) && !is_over(2, 0));
        assert!(is_over(0, 9_000), "the last slot of its epoch");
    }
}
