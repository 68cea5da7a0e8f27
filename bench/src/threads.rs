//! Processor time of processes by their threads, from `/proc`.

use anyhow::Context as _;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;

/// `USER_HZ`, which Linux fixes for what it shows in `/proc`.
const TICKS_PER_SECOND: f64 = 100.0;

/// Name for threads that had ended when they were looked at.
const ENDED: &str = "threads that ended";

/// Seconds of processor time by replica and the name of a thread, without the numbers at the names' ends. The whole
/// process has no name: it counts the threads that have ended, too.
pub type Usage = BTreeMap<(usize, String), f64>;

/// Processor time of one kind of thread.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Share {
    /// Name of the threads.
    pub thread: String,
    /// Microseconds for a change, in all replicas.
    pub us_per_change: f64,
}

/// Adds what the process of a replica and its threads have used so far.
pub fn add(usage: &mut Usage, replica: usize, pid: u32) -> anyhow::Result<()> {
    let process = format!("/proc/{pid}");
    let gone = || format!("process {pid} is gone");
    let whole = fs::read_to_string(format!("{process}/stat")).with_context(gone)?;
    usage.insert((replica, String::new()), read(&whole).1);
    for task in fs::read_dir(format!("{process}/task")).with_context(gone)? {
        // A thread may end between the listing and this.
        let Ok(stat) = fs::read_to_string(task?.path().join("stat")) else { continue };
        let (name, seconds) = read(&stat);
        *usage.entry((replica, name)).or_default() += seconds;
    }
    Ok(())
}

/// Seconds of all processes between two looks. A process that ended between them is left out.
pub fn seconds(before: &Usage, after: &Usage) -> f64 {
    spent(before, after).get("").copied().unwrap_or_default()
}

/// Shares of each kind of thread between two looks, the largest first.
pub fn shares(before: &Usage, after: &Usage, changes: u64) -> Vec<Share> {
    let mut spent = spent(before, after);
    let whole = spent.remove("").unwrap_or_default();
    let ended = whole - spent.values().sum::<f64>();
    let named = spent.into_iter().chain((ended > 0.0).then(|| (ENDED.to_owned(), ended)));
    let share = |seconds: f64| seconds * 1e6 / changes.max(1) as f64;
    let mut shares: Vec<Share> =
        named.map(|(thread, seconds)| Share { thread, us_per_change: share(seconds) }).collect();
    shares.sort_by(|one, other| other.us_per_change.total_cmp(&one.us_per_change));
    shares
}

fn spent(before: &Usage, after: &Usage) -> BTreeMap<String, f64> {
    let mut spent = BTreeMap::new();
    for ((replica, thread), seconds) in after {
        let begun = before.get(&(*replica, thread.clone())).unwrap_or(&0.0);
        *spent.entry(thread.clone()).or_default() += (seconds - begun).max(0.0);
    }
    spent
}

/// Name and seconds of user and system time that a `stat` file tells.
pub fn read(stat: &str) -> (String, f64) {
    let (head, fields) = stat.rsplit_once(')').unwrap_or_default();
    let name = head.split_once('(').map_or("", |(_, name)| name);
    let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    let name = name.trim_end_matches(|end: char| end.is_ascii_digit() || end == '-');
    (name.to_owned(), ticks.sum::<f64>() / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_tells_name_and_time_though_the_name_has_spaces_and_brackets() {
        let stat = "77 (verify (x) 12) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0";
        assert_eq!(read(stat), ("verify (x) ".into(), 2.0));
    }

    #[test]
    fn shares_are_the_difference_of_two_looks_at_all_replicas_with_the_largest_first() {
        let usage = |all: &[(usize, &str, f64)]| -> Usage {
            all.iter().map(|(replica, thread, seconds)| ((*replica, (*thread).to_owned()), *seconds)).collect()
        };
        let before = usage(&[(0, "core", 1.0), (1, "core", 1.0), (0, "net", 1.0), (0, "", 2.0), (2, "", 9.0)]);
        let after = usage(&[(0, "core", 1.5), (1, "core", 2.0), (0, "net", 2.0), (1, "fold", 0.25), (0, "", 5.25)]);

        let shares = shares(&before, &after, 1_000_000);

        let found: Vec<_> = shares.iter().map(|share| (share.thread.as_str(), share.us_per_change)).collect();
        assert_eq!(found, [("core", 1.5), ("net", 1.0), (ENDED, 0.5), ("fold", 0.25)]);
        assert_eq!(seconds(&before, &after), 3.25, "the replica that ended is left out");
    }
}
