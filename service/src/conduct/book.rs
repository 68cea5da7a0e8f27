//! Book of offenders, bounded: a peer comes in with its first offence, and one that behaves makes room for the next.

use super::offence::{OFFENCES, Offence};
use super::record::{Record, State};
use quorate_pbft::{PublicKey, ReplicaId};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Records of observers and addresses. Those of members are bounded by the member lists.
const RECORDS_MAX: usize = 512;

/// Peer, as far as it has shown itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// A member, on its links with this one.
    Member(PublicKey),
    /// A key at the observers' door.
    Observer(PublicKey),
    /// An address that has shown no key: its offences are counted and shown. Members may share it, so nothing restrains it
    /// but the bounds of the door.
    Host(IpAddr),
}

impl Who {
    fn worst(self) -> State {
        match self {
            Self::Member(_) | Self::Observer(_) => State::Suspended,
            Self::Host(_) => State::Normal,
        }
    }

    /// Name for people: a member by its number, an observer by its key, an address as it is.
    pub fn name(self, number: impl Fn(&PublicKey) -> Option<ReplicaId>) -> String {
        match self {
            Self::Member(key) => number(&key).map_or_else(|| key.to_string(), |number| format!("replica {number}")),
            Self::Observer(key) => format!("observer {key}"),
            Self::Host(host) => host.to_string(),
        }
    }

    fn is_member(self) -> bool {
        matches!(self, Self::Member(_))
    }
}

/// Change of a peer's state since the last look.
#[derive(Debug, Clone)]
pub struct Change {
    /// The peer.
    pub who: Who,
    /// Its record now.
    pub record: Record,
}

/// Records of peers that have offended. Time comes in, in milliseconds of one clock.
#[derive(Debug, Default)]
pub struct Book {
    records: BTreeMap<Who, Entry>,
    totals: [u64; OFFENCES],
}

#[derive(Debug)]
struct Entry {
    record: Record,
    /// State at the last look.
    told: State,
}

impl Book {
    /// Counts an item that was what it should be; nothing is kept of a peer that never offended.
    pub fn good(&mut self, who: Who, now: u64) {
        if let Some(entry) = self.records.get_mut(&who) {
            entry.record.good(now);
        }
    }

    /// Counts an offence.
    pub fn note(&mut self, who: Who, offence: Offence, now: u64) {
        if !self.records.contains_key(&who) {
            self.make_room(who);
        }
        let new = || Entry { record: Record::new(who.worst(), now), told: State::Normal };
        self.records.entry(who).or_insert_with(new).record.note(offence, now);
        self.totals[offence as usize] += 1;
    }

    /// Treatment of a peer.
    pub fn state(&self, who: Who) -> State {
        self.records.get(&who).map_or(State::Normal, |entry| entry.record.state)
    }

    /// The record of a peer; none if it never offended, or nobody remembers.
    pub fn record(&self, who: Who) -> Option<&Record> {
        self.records.get(&who).map(|entry| &entry.record)
    }

    /// Every record.
    pub fn records(&self) -> impl Iterator<Item = (Who, &Record)> {
        self.records.iter().map(|(who, entry)| (*who, &entry.record))
    }

    /// Count of each offence since the start, by its place.
    pub fn totals(&self) -> [u64; OFFENCES] {
        self.totals
    }

    /// Ends what restrains a peer; false if there is no record of it.
    pub fn release(&mut self, who: Who, now: u64) -> bool {
        let found = self.records.get_mut(&who);
        found.map(|entry| entry.record.release(now)).is_some()
    }

    /// Lets time pass; the states that have changed since the last look. Who is no member any more is forgotten.
    pub fn look(&mut self, now: u64, is_member: impl Fn(&PublicKey) -> bool) -> Vec<Change> {
        self.records.retain(|who, _| !matches!(who, Who::Member(key) if !is_member(key)));
        let changed = self.records.iter_mut().filter_map(|(who, entry)| {
            entry.record.pass(now);
            let before = std::mem::replace(&mut entry.told, entry.record.state);
            (before != entry.record.state).then(|| Change { who: *who, record: entry.record.clone() })
        });
        changed.collect()
    }

    /// Forgets the mildest, and of those the longest without an offence, if there is no room for one more.
    fn make_room(&mut self, who: Who) {
        let others = self.records.iter().filter(|(who, _)| !who.is_member());
        if who.is_member() || others.clone().count() < RECORDS_MAX {
            return;
        }
        let mildest = others.min_by_key(|(_, Entry { record, .. })| (record.state, record.until, record.noted_at));
        if let Some(who) = mildest.map(|(who, _)| *who) {
            self.records.remove(&who);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u64) -> PublicKey {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&number.to_be_bytes());
        PublicKey(key)
    }

    /// A book in which this peer is suspended.
    fn suspended(who: Who) -> Book {
        let mut book = Book::default();
        (0..10).for_each(|_| book.note(who, Offence::BadFrame, 0));
        assert_eq!(book.state(who), State::Suspended);
        book
    }

    #[test]
    fn a_peer_that_never_offended_takes_no_room() {
        let mut book = Book::default();

        book.good(Who::Member(key(1)), 0);

        assert_eq!(book.records().count(), 0);
    }

    #[test]
    fn a_change_of_state_is_told_once() {
        let mut book = suspended(Who::Member(key(1)));

        let told = book.look(1, |_| true);

        assert_eq!(told.len(), 1);
        assert_eq!(told[0].record.state, State::Suspended);
        assert!(book.look(2, |_| true).is_empty());
    }

    #[test]
    fn strangers_push_out_neither_members_nor_who_is_suspended() {
        let (member, observer) = (Who::Member(key(1)), Who::Observer(key(2)));
        let mut book = suspended(member);
        (0..10).for_each(|_| book.note(observer, Offence::BadFrame, 0));

        (10..3_000).for_each(|number| book.note(Who::Observer(key(number)), Offence::BadFrame, number));

        assert_eq!(book.records().count(), RECORDS_MAX + 1);
        assert_eq!((book.state(member), book.state(observer)), (State::Suspended, State::Suspended));
    }

    #[test]
    fn a_member_that_left_is_forgotten() {
        let mut book = suspended(Who::Member(key(1)));

        book.look(1, |_| false);

        assert_eq!(book.records().count(), 0);
    }

    #[test]
    fn a_released_peer_is_normal_and_an_unknown_one_cannot_be_released() {
        let who = Who::Member(key(1));
        let mut book = suspended(who);

        assert!(book.release(who, 1));
        assert!(!book.release(Who::Member(key(2)), 1));

        assert_eq!(book.state(who), State::Normal);
    }

    #[test]
    fn a_key_as_member_and_at_the_observers_door_has_two_accounts() {
        let book = suspended(Who::Observer(key(1)));

        assert_eq!(book.state(Who::Member(key(1))), State::Normal);
    }
}
