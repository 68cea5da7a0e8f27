//! Observer that serves this one: the number under which the core asks it, and whether it is of use.

use super::wire::{HOPS_MAX, Holdings};
use quorate_net::on_line;
use quorate_pbft::{Constants, ReplicaId, SeqNum};
use std::time::{Duration, Instant};

/// The first number of observers: no epoch has so many members.
const FIRST: u16 = 1 << 15;
/// Time for which a claim counts: there is one a second.
const COUNTS_FOR: Duration = Duration::from_secs(3);
/// Time after which an observer that is silent, or has lost its way to the members, gives its place to another.
const LOST_AFTER: Duration = Duration::from_secs(10);
/// Slots by which it may be behind this node, and the time for which it may be so by more.
const BEHIND_MAX: u64 = 64;
const BEHIND_FOR: Duration = Duration::from_secs(30);
/// Time for which an observer leads after it handed out a slot that was new: a group may stand still for a while.
const LEADS_FOR: Duration = Duration::from_secs(300);
/// Time for which it may say that it has more than this node, while nothing is executed here.
const WITHHELD_FOR: Duration = Duration::from_secs(15);

const _: () = assert!(Constants::REPLICAS_MAX <= FIRST as usize, "no member has an observer's number");

/// Observer that serves this one.
#[derive(Debug, Clone, Copy)]
pub struct Upstream {
    number: ReplicaId,
    hops: u8,
    heard: Instant,
    /// When it last had a way to the members.
    led: Instant,
    /// When it last was not far behind.
    kept_up: Instant,
    /// The slot that was executed here, and when that last grew, or the other side had no more.
    fed: (SeqNum, Instant),
    /// Whether it no longer has the slot that comes next here.
    has_dropped: bool,
    /// The newest slot that it handed out when that was not executed here yet, or the newest, and when it did.
    gave: Option<(SeqNum, Instant)>,
}

impl Upstream {
    /// Words about observers that lead nowhere.
    pub const LOST: &str = "the observers that serve this one have lost their way to the members";

    /// The observer that came after so many others. Numbers come again after 32,768: the core has forgotten the first by then.
    pub fn new(count: u16, now: Instant) -> Self {
        let number = ReplicaId::new(FIRST | count);
        let (fed, has_dropped, gave) = ((SeqNum::default(), now), false, None);
        Self { number, hops: HOPS_MAX, heard: now, led: now, kept_up: now, fed, has_dropped, gave }
    }

    /// Number under which the core asks it.
    pub fn number(&self) -> ReplicaId {
        self.number
    }

    /// Takes its claims, beside the slot that is executed here.
    pub fn says(&mut self, holdings: &Holdings, executed: SeqNum, now: Instant) {
        (self.hops, self.heard) = (holdings.hops, now);
        self.has_dropped = holdings.oldest > executed.next();
        if holdings.hops < HOPS_MAX {
            self.led = now;
        }
        if holdings.executed.plus(BEHIND_MAX) >= executed {
            self.kept_up = now;
        }
        if executed > self.fed.0 || holdings.executed <= executed {
            self.fed = (executed, now);
        }
    }

    /// Takes note of a certified slot that it handed out, beside the one that is executed here and the last that is kept.
    pub fn gives(&mut self, seq: SeqNum, (executed, reach): (SeqNum, SeqNum), now: Instant) {
        if (executed..=reach).contains(&seq) && self.gave.is_none_or(|(last, _)| seq > last) {
            self.gave = Some((seq, now));
        }
    }

    /// Takes note of so many bytes that came in frames, and of a time in which this node read none: while a frame is on its way
    /// there is no other word.
    pub fn moves(&mut self, bytes: u64, unread: Duration, now: Instant) {
        let time = unread + on_line(bytes);
        if bytes > 0 {
            self.heard = now;
            self.led = if self.hops < HOPS_MAX { now } else { self.led };
        }
        for at in [&mut self.heard, &mut self.led, &mut self.kept_up, &mut self.fed.1] {
            *at = (*at + time).min(now);
        }
    }

    /// Whether it has shown lately that it has a way to the members, and says so.
    pub fn leads(&self, now: Instant) -> bool {
        self.hops(now).is_some() && self.gave.is_some_and(|(_, at)| now.duration_since(at) <= LEADS_FOR)
    }

    /// Links between it and a member; none where it has no way there, or has not said so lately.
    pub fn hops(&self, now: Instant) -> Option<u8> {
        Some(self.hops).filter(|hops| *hops < HOPS_MAX && now.duration_since(self.heard) <= COUNTS_FOR)
    }

    /// Why another should have its place.
    pub fn fault(&self, now: Instant) -> Option<&'static str> {
        let since = |at: Instant| now.duration_since(at);
        match () {
            () if since(self.heard) > LOST_AFTER => Some("it no longer says what it has"),
            () if since(self.led) > LOST_AFTER => Some("it has lost its way to the members"),
            () if since(self.kept_up) > BEHIND_FOR => Some("it stays behind this node"),
            () if since(self.fed.1) <= WITHHELD_FOR => None,
            () if self.has_dropped => {
                Some("it has forgotten the slots that come next here: `quorate copy` takes a state")
            }
            () => Some("it does not hand out what it says it has"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_net::LINE_BYTES;

    fn holdings(executed: u64, hops: u8) -> Holdings {
        Holdings { executed: SeqNum::new(executed), oldest: SeqNum::new(1), stable: SeqNum::default(), hops }
    }

    #[test]
    fn a_claim_counts_for_three_seconds() {
        let now = Instant::now();
        let mut other = Upstream::new(0, now);
        assert_eq!(other.hops(now), None, "it has said nothing");
        other.says(&holdings(1, 2), SeqNum::new(1), now);
        assert_eq!([now, now + COUNTS_FOR * 2].map(|at| other.hops(at)), [Some(2), None]);
    }

    #[test]
    fn an_observer_leads_by_slots_that_it_hands_out_and_not_by_its_word() {
        let begin = Instant::now();
        let (mut other, reach) = (Upstream::new(0, begin), SeqNum::new(300));
        let mut leads = |seq: u64, executed: u64, now: Instant| {
            other.says(&holdings(9_000, 0), SeqNum::new(executed), now);
            other.gives(SeqNum::new(seq), (SeqNum::new(executed), reach), now);
            other.leads(now)
        };
        assert_eq!([6, 301, 7].map(|seq| leads(seq, 7, begin)), [false, false, true]);
        let late = begin + LEADS_FOR * 2;
        assert!(!leads(7, 7, late), "it has handed out nothing new since");
        assert!(leads(8, 7, late));
    }

    #[test]
    fn an_observer_that_stays_behind_for_half_a_minute_gives_its_place_up() {
        let begin = Instant::now();
        let mut other = Upstream::new(0, begin);
        let mut faults = Vec::new();
        for second in 0..=31 {
            let now = begin + Duration::from_secs(second);
            other.says(&holdings(100, 1), SeqNum::new(100 + second * 65), now);
            faults.push(other.fault(now).is_some());
        }
        assert_eq!((faults[30], faults[31]), (false, true));
    }

    #[test]
    fn an_observer_that_has_more_while_nothing_is_executed_here_gives_its_place_up() {
        let begin = Instant::now();
        let [mut withholds, mut forgets, mut feeds, mut rests] = [0, 1, 2, 3].map(|count| Upstream::new(count, begin));
        for second in 0..=20 {
            let now = begin + Duration::from_secs(second);
            withholds.says(&holdings(9_000, 1), SeqNum::new(5), now);
            forgets.says(&Holdings { oldest: SeqNum::new(7), ..holdings(9_000, 1) }, SeqNum::new(5), now);
            feeds.says(&holdings(9_000, 1), SeqNum::new(5 + second), now);
            rests.says(&holdings(5, 1), SeqNum::new(5), now);
        }
        let now = begin + Duration::from_secs(20);
        assert_eq!([withholds, feeds, rests].map(|other| other.fault(now).is_some()), [true, false, false]);
        assert!(forgets.fault(now).is_some_and(|fault| fault.contains("forgotten")));
    }

    #[test]
    fn an_observer_whose_long_frame_is_on_its_way_keeps_its_place_and_one_that_trickles_does_not() {
        let begin = Instant::now();
        for (bytes, stays) in [(LINE_BYTES, true), (LINE_BYTES / 10, false)] {
            let mut other = Upstream::new(0, begin);
            other.says(&holdings(9_000, 1), SeqNum::new(5), begin);
            let mut second = |second: u64| {
                let now = begin + Duration::from_secs(second);
                other.moves(bytes, Duration::ZERO, now);
                other.fault(now).is_none() && other.hops(now) == Some(1)
            };
            assert_eq!((1..=60).all(&mut second), stays);
        }
    }

    #[test]
    fn time_in_which_this_node_reads_nothing_does_not_count_against_an_observer() {
        let begin = Instant::now();
        let mut other = Upstream::new(0, begin);
        let mut fault = |second: u64, unread: u64| {
            let now = begin + Duration::from_secs(second);
            other.moves(0, Duration::from_secs(unread), now);
            other.fault(now).is_some()
        };
        assert!((1..=60).all(|second| !fault(second, 1)));
        assert!(fault(71, 0));
    }

    #[test]
    fn an_observer_without_a_way_to_the_members_gives_its_place_up() {
        let begin = Instant::now();
        let mut other = Upstream::new(0, begin);
        let late = begin + LOST_AFTER + Duration::from_millis(1);
        other.says(&holdings(1, HOPS_MAX), SeqNum::new(1), late);
        assert!(other.fault(late).is_some());
        other.says(&holdings(1, 1), SeqNum::new(1), late);
        assert_eq!(other.fault(late), None);
    }
}
