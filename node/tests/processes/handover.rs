//! A primary that is stopped under load: what those who write at the others notice of it.

use crate::group::{Group, eventually};
use std::time::{Duration, Instant};

/// Time for which changes may wait where a machine is not busy.
const GAP_MAX: Duration = Duration::from_millis(200);
/// Time beyond the longest wait before, on a busy one: half of what the time-out adds without a handover.
const BUSY_GAP_MAX: Duration = Duration::from_millis(500);
/// The longest wait before, on a machine that is not busy.
const QUIET: Duration = Duration::from_millis(50);
/// Primaries that are stopped at most.
const TRIES: usize = 10;
/// Tries that count, of which more than half must be short.
const COUNTED: usize = 5;
/// The longest wait before of a try that counts: above it a stall hides what a handover costs.
const BEFORE_MAX: Duration = Duration::from_millis(600);
/// Time for which changes are written before and after.
const SPAN: Duration = Duration::from_secs(3);

/// The longest wait for a verdict, of changes that are written one after the other at a replica.
fn longest_wait(group: &mut Group, asked: usize) -> Duration {
    let (begun, mut longest, mut count) = (Instant::now(), Duration::ZERO, 0);
    while begun.elapsed() < SPAN {
        let envelope = group.envelope(&format!("file-{count}"), &format!("{begun:?} {count}"));
        let offered = Instant::now();
        assert_eq!(group.offer(asked, &envelope).status, 200);
        (longest, count) = (longest.max(offered.elapsed()), count + 1);
    }
    longest
}

/// The longest wait before a primary gets SIGTERM, and from then on.
fn waits(group: &mut Group, primary: usize, asked: usize) -> (Duration, Duration) {
    let before = longest_wait(group, asked);
    group.terminate(primary);
    let after = longest_wait(group, asked);
    assert_eq!(group.ended(primary), Some(0));
    (before, after)
}

/// Changes of view that a replica counts because the primary resigned, of which it may hear from two others first.
fn resignations(group: &Group, replica: usize) -> u64 {
    let text = group.get(replica, "/metrics").text();
    let count = |cause| {
        let name = format!("quorate_view_changes_total{{kind=\"{cause}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or(0)
    };
    ["resigned", "others"].map(count).iter().sum()
}

#[test]
fn a_primary_that_is_stopped_under_load_hands_its_office_over() {
    let mut group = Group::running(4);
    group.put(0, "first", "x");
    let mut gaps = Vec::new();
    let allowed = |before: Duration| if before <= QUIET { GAP_MAX } else { before + BUSY_GAP_MAX };
    // No timer ended the view: a machine that stalls for its second starts one in any try.
    let is_short = |(before, after, resigned): &(Duration, Duration, u64)| *after <= allowed(*before) && *resigned == 1;
    let counts = |gap: &&(Duration, Duration, u64)| gap.0 <= BEFORE_MAX;
    let enough_are_short = |gaps: &[_]| gaps.iter().filter(counts).filter(|gap| is_short(gap)).count() > COUNTED / 2;
    while !enough_are_short(&gaps) && gaps.iter().filter(counts).count() < COUNTED && gaps.len() < TRIES {
        (0..4).for_each(|replica| drop(group.await_mode(replica, "active")));
        let primary = group.status(0)["primary"].as_u64().expect("a number") as usize;
        let asked = (primary + 2) % 4;
        let resigned = resignations(&group, asked);
        let (before, after) = waits(&mut group, primary, asked);
        gaps.push((before, after, resignations(&group, asked) - resigned));
        group.start(primary);
        eventually("it has caught up", || (group.status(primary)["behind"] == 0).then_some(()));
    }
    eprintln!("longest waits before and after a primary is told to stop, and resignations: {gaps:?}");
    if gaps.iter().filter(counts).count() < COUNTED && gaps.len() == TRIES {
        eprintln!("SKIPPED: this machine stalls for as long as a view's time-out");
    } else {
        assert!(enough_are_short(&gaps), "{gaps:?}");
    }
}
