//! Record of one peer: offences against good items, both halved as time passes, and the state that follows from them.

use super::offence::{OFFENCES, Offence};

/// Milliseconds after which what was counted weighs half.
const HALVES_EVERY_MS: u64 = 30_000;
/// A peer is treated strictly from one offence in so many items, and from so many offences on: about one in a hundred,
/// seen through noise.
const STRICT_IN: u64 = 200;
const STRICT_MIN: u64 = 4;
/// The same for a suspension: about one in ten.
const SUSPENDED_IN: u64 = 20;
const SUSPENDED_MIN: u64 = 8;
/// Milliseconds of strict treatment after the share was last too high.
const STRICT_MS: u64 = 60_000;
/// Milliseconds of the first suspension; each further one lasts twice as long, up to the bound.
const SUSPENDED_MS: u64 = 30_000;
const SUSPENDED_MS_MAX: u64 = 3_600_000;
/// Milliseconds without a suspension after which one counts no more for the next.
const FORGIVEN_MS: u64 = 3_600_000;

/// Treatment of a peer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// As any other.
    #[default]
    Normal,
    /// Lower rates and smaller buffers.
    Strict,
    /// No connection; of a member, its votes and a trickle of the rest.
    Suspended,
}

impl State {
    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Strict => "strict",
            Self::Suspended => "suspended",
        }
    }
}

/// Record of a peer. Times are milliseconds of one clock, which the caller brings.
#[derive(Debug, Clone)]
pub struct Record {
    /// Treatment of now.
    pub state: State,
    /// When it began.
    pub since: u64,
    /// When it ends by itself; 0 of a normal one.
    pub until: u64,
    /// The offence that was the most frequent one when it began.
    pub reason: Option<Offence>,
    /// Count of each offence, by its place.
    pub offences: [u64; OFFENCES],
    /// When the last offence was noted.
    pub noted_at: u64,
    /// Worst state that it may come to.
    worst: State,
    /// Suspensions that make the next one longer.
    suspensions: u32,
    forgiven_at: u64,
    good: u64,
    bad: u64,
    halved_at: u64,
}

impl Record {
    /// The record of a peer without an offence yet, which may come to this state.
    pub fn new(worst: State, now: u64) -> Self {
        Self {
            state: State::Normal,
            since: now,
            until: 0,
            reason: None,
            offences: [0; OFFENCES],
            noted_at: now,
            worst,
            suspensions: 0,
            forgiven_at: now,
            good: 0,
            bad: 0,
            halved_at: now,
        }
    }

    /// Counts an item that was what it should be.
    pub fn good(&mut self, now: u64) {
        self.halve(now);
        self.good = self.good.saturating_add(1);
    }

    /// Counts an offence, and weighs it against the rest.
    pub fn note(&mut self, offence: Offence, now: u64) {
        self.halve(now);
        self.bad = self.bad.saturating_add(1);
        self.offences[offence as usize] = self.offences[offence as usize].saturating_add(1);
        self.noted_at = now;
        self.pass(now);
        self.weigh(now);
    }

    /// Ends what is over by now.
    pub fn pass(&mut self, now: u64) {
        self.forgive(now);
        match self.state {
            State::Suspended if now >= self.until => self.enter(State::Strict, now, STRICT_MS),
            State::Strict if now >= self.until => self.enter(State::Normal, now, 0),
            State::Normal | State::Strict | State::Suspended => (),
        }
    }

    /// Begins what the share of offences asks for.
    fn weigh(&mut self, now: u64) {
        if self.state == State::Suspended {
            return;
        }
        if self.worst == State::Suspended && self.is_above(SUSPENDED_IN, SUSPENDED_MIN) {
            self.enter(State::Suspended, now, suspension(self.suspensions));
            self.suspensions = self.suspensions.saturating_add(1);
            self.forgiven_at = self.until;
        } else if self.worst >= State::Strict && self.is_above(STRICT_IN, STRICT_MIN) {
            if self.state == State::Normal {
                self.enter(State::Strict, now, STRICT_MS);
            }
            self.until = now + STRICT_MS;
        }
    }

    /// Ends every restraint, and forgets the share and earlier suspensions. Counts by name stay.
    pub fn release(&mut self, now: u64) {
        self.enter(State::Normal, now, 0);
        (self.good, self.bad, self.suspensions) = (0, 0, 0);
    }

    /// The record with its beginning and end by another clock, whose zero lies so far back.
    pub fn moved(mut self, by_ms: u64) -> Self {
        self.since += by_ms;
        if self.until > 0 {
            self.until += by_ms;
        }
        self
    }

    /// A suspension begins a new account: what came before has had its answer.
    fn enter(&mut self, state: State, now: u64, lasts_ms: u64) {
        if state == State::Suspended || self.state == State::Suspended {
            (self.good, self.bad) = (0, 0);
        }
        if state > self.state {
            self.reason = self.most_frequent();
        }
        (self.state, self.since) = (state, now);
        self.until = if state == State::Normal { 0 } else { now + lasts_ms };
    }

    fn most_frequent(&self) -> Option<Offence> {
        Offence::ALL.into_iter().max_by_key(|offence| self.offences[*offence as usize])
    }

    fn is_above(&self, one_in: u64, least: u64) -> bool {
        self.bad >= least && self.bad.saturating_mul(one_in) >= self.good.saturating_add(self.bad)
    }

    fn halve(&mut self, now: u64) {
        let times = now.saturating_sub(self.halved_at) / HALVES_EVERY_MS;
        if times > 0 {
            let shift = times.min(63) as u32;
            (self.good, self.bad) = (self.good >> shift, self.bad >> shift);
            self.halved_at += times * HALVES_EVERY_MS;
        }
    }

    fn forgive(&mut self, now: u64) {
        let times = now.saturating_sub(self.forgiven_at) / FORGIVEN_MS;
        if times > 0 {
            self.suspensions = self.suspensions.saturating_sub(times.min(u64::from(u32::MAX)) as u32);
            self.forgiven_at += times * FORGIVEN_MS;
        }
    }
}

/// Milliseconds of a suspension after so many others.
fn suspension(earlier: u32) -> u64 {
    SUSPENDED_MS.checked_shl(earlier.min(32)).unwrap_or(SUSPENDED_MS_MAX).min(SUSPENDED_MS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record::new(State::Suspended, 0)
    }

    /// A peer of whose items one in so many is an offence, at a hundred items a second; the time at its end.
    fn send(record: &mut Record, items: u64, one_in: u64, from: u64) -> u64 {
        for item in 0..items {
            let now = from + item * 10;
            if item % one_in == one_in - 1 { record.note(Offence::BadFrame, now) } else { record.good(now) }
        }
        from + items * 10
    }

    #[test]
    fn a_peer_with_one_offence_in_a_hundred_is_strict_and_never_suspended() {
        let mut record = record();

        for stretch in 0..60 {
            send(&mut record, 1_000, 100, stretch * 10_000);
            assert_eq!(record.state, State::Strict);
        }

        assert_eq!(record.reason, Some(Offence::BadFrame));
    }

    #[test]
    fn a_peer_with_one_offence_in_ten_is_suspended_for_a_while() {
        let mut record = record();

        let now = send(&mut record, 100, 10, 0);

        assert_eq!(record.state, State::Suspended);
        assert!(record.until > now && record.until <= now + SUSPENDED_MS);
    }

    #[test]
    fn a_few_offences_among_many_good_items_change_nothing() {
        let mut record = record();

        send(&mut record, 20_000, 1_000, 0);

        assert_eq!(record.state, State::Normal);
    }

    #[test]
    fn three_offences_alone_are_no_share_of_anything() {
        let mut record = record();
        for now in 0..STRICT_MIN - 1 {
            record.note(Offence::BadFrame, now);
        }
        assert_eq!(record.state, State::Normal);

        record.note(Offence::BadFrame, STRICT_MIN);

        assert_eq!(record.state, State::Strict);
    }

    #[test]
    fn a_suspension_ends_in_strict_treatment_and_that_in_none() {
        let mut record = record();
        send(&mut record, 100, 10, 0);
        let ends = record.until;

        record.pass(ends - 1);
        assert_eq!(record.state, State::Suspended);
        record.pass(ends);
        assert_eq!(record.state, State::Strict);
        record.pass(ends + STRICT_MS);
        assert_eq!((record.state, record.until), (State::Normal, 0));
    }

    #[test]
    fn each_further_suspension_lasts_twice_as_long_up_to_an_hour() {
        let (mut record, mut now, mut lasted) = (record(), 0, vec![]);
        for _ in 0..10 {
            now = send(&mut record, 200, 10, now);
            assert_eq!(record.state, State::Suspended);
            lasted.push(record.until - record.since);
            now = now.max(record.until);
            record.pass(now);
        }

        assert_eq!(lasted[..4], [30_000, 60_000, 120_000, 240_000]);
        assert_eq!(lasted[9], SUSPENDED_MS_MAX);
    }

    #[test]
    fn an_hour_of_good_conduct_takes_one_suspension_back() {
        let mut record = record();
        let now = send(&mut record, 100, 10, 0).max(record.until);
        record.pass(now);

        send(&mut record, 200, 10, now + FORGIVEN_MS);

        assert_eq!(record.until - record.since, SUSPENDED_MS);
    }

    #[test]
    fn a_release_ends_it_at_once_and_keeps_the_counts_by_name() {
        let mut record = record();
        let now = send(&mut record, 100, 10, 0);

        record.release(now);
        record.pass(now);

        assert_eq!((record.state, record.until), (State::Normal, 0));
        assert_eq!(record.offences[Offence::BadFrame as usize], 10);
    }

    #[test]
    fn an_address_that_members_may_share_is_counted_and_never_restrained() {
        let mut record = Record::new(State::Normal, 0);

        send(&mut record, 1_000, 2, 0);

        assert_eq!((record.state, record.offences[Offence::BadFrame as usize]), (State::Normal, 500));
    }

    #[test]
    fn offences_of_long_ago_do_not_add_up() {
        let mut record = record();

        for minute in 0..100 {
            record.note(Offence::BadFrame, minute * 60_000);
        }

        assert_eq!(record.state, State::Normal);
    }
}
