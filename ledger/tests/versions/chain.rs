//! Rows of a path: a version is vouched for by what came after it, the last one by the path's record.

use crate::story::{Seen, Tally};
use crate::support::world::{World, at};
use borsh::{BorshDeserialize, BorshSerialize};
use core::ops::ControlFlow;
use quorate_ledger::{EnvelopeId, File, Read, Revision, Store, Table};
use quorate_pbft::{Digest, SeqNum, hash};
use std::collections::BTreeMap;

/// The domains of the test group, as their trees are numbered.
pub const DOMAINS: [(u32, &str); 2] = [(1, "main"), (2, "other")];

/// An entry of a path, as its bytes are.
#[derive(BorshSerialize, BorshDeserialize, Debug)]
struct Record {
    file: Option<File>,
    since: Revision,
    author: [u8; 32],
    moved_to: Option<String>,
    conflict: Option<[u8; 32]>,
    envelope: Option<EnvelopeId>,
    before: Digest,
}

/// A row of a version, as its bytes are.
#[derive(BorshSerialize, BorshDeserialize, Debug)]
struct Version {
    file: Option<File>,
    envelope: EnvelopeId,
    before: Digest,
}

/// The SHA-256 of an entry's name.
type Key = Vec<u8>;
/// Versions of one path, oldest first.
type Versions = Vec<(Revision, Version)>;
/// Envelopes that made the versions of one path, newest first.
type Told = Vec<(Revision, EnvelopeId)>;

/// Every row of a table that begins with `prefix`.
fn rows(world: &World, table: Table, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    let last = [prefix, &[0xff; 48]].concat();
    let mut each = |key: &[u8], value: &[u8]| {
        found.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    };
    world.store.scan(table, prefix, &last, &mut each).expect("memory does not fail");
    found
}

/// Rows of versions in a domain: the domain, the path's key, the revision.
fn version_rows(world: &World, domain: u32) -> Vec<(Vec<u8>, Vec<u8>)> {
    let past = rows(world, Table::Past, &domain.to_be_bytes()).into_iter();
    past.filter(|(row, _)| row.len() == 48).collect()
}

fn path_key(row: &[u8]) -> Key {
    row[4..36].to_vec()
}

fn revision_of(row: &[u8]) -> Revision {
    let slot = u64::from_be_bytes(row[36..44].try_into().expect("eight bytes"));
    let place = u32::from_be_bytes(row[44..48].try_into().expect("four bytes"));
    Revision::item(SeqNum::new(slot), place).expect("an envelope made the version, or a vote or deadline")
}

fn versions(world: &World, domain: u32) -> BTreeMap<Key, Versions> {
    let mut found = BTreeMap::<Key, Versions>::new();
    for (row, value) in version_rows(world, domain) {
        let version = borsh::from_slice(&value).expect("a version");
        found.entry(path_key(&row)).or_default().push((revision_of(&row), version));
    }
    found
}

/// Entries of paths in a domain: an entry is the hash of its value, the name and the value; a path's name begins with `f`.
fn records(world: &World, domain: u32) -> Vec<(Key, String, Record)> {
    let record = |(row, entry): (Vec<u8>, Vec<u8>)| {
        let length = u32::from_le_bytes(entry[32..36].try_into().expect("four bytes"));
        let (name, value) = entry[36..].split_at(length as usize);
        let path = name.strip_prefix(b"f")?;
        let path = String::from_utf8(path.to_vec()).expect("a path");
        Some((row[4..36].to_vec(), path, borsh::from_slice(value).expect("a record")))
    };
    rows(world, Table::Entries, &domain.to_be_bytes()).into_iter().filter_map(record).collect()
}

/// Holds all versions of a domain against the records, the receipts and the log.
pub fn check(world: &World, (number, domain): (u32, &str), tally: &mut Tally) {
    let mut versions = versions(world, number);
    for (key, path, record) in records(world, number) {
        let mut earlier = versions.remove(&key).unwrap_or_default();
        let is_last = earlier.iter().all(|(revision, _)| *revision < record.since);
        assert!(is_last, "{path}: {record:?} after {earlier:?}");
        let mut told = newest(&path, &record, tally);
        told.extend(vouched(&path, &mut earlier, record.before, tally));
        told.extend(former_lives(world, &path, &mut earlier, tally));
        check_receipts(world, &path, &told);
        check_log(world, domain, &path, &told);
    }
    for mut earlier in versions.into_values() {
        former_lives(world, "a forgotten path", &mut earlier, tally);
    }
}

/// Envelope that made the last version: none where a conflict is all that ever was.
fn newest(path: &str, record: &Record, tally: &mut Tally) -> Told {
    if let Some(envelope) = record.envelope {
        return vec![(record.since, envelope)];
    }
    tally.note(Seen::ConflictAlone);
    let is_alone = record.conflict.is_some() && record.file.is_none() && record.before == Digest::ZERO;
    assert!(is_alone, "{path}: {record:?}");
    Vec::new()
}

/// Takes the versions that a running hash vouches for.
fn vouched(path: &str, earlier: &mut Versions, mut expected: Digest, tally: &mut Tally) -> Told {
    let mut told = Vec::new();
    while expected != Digest::ZERO {
        let (revision, version) = earlier.pop().unwrap_or_else(|| panic!("{path}: a version is lost"));
        assert_eq!(hash("quorate/v1/version", &(revision, &version)), expected, "{path} at {revision}");
        told.push((revision, version.envelope));
        expected = version.before;
        tally.note(Seen::Version);
    }
    told
}

/// Takes what is left: each life of a path ended by a deletion that the horizon has passed, with no record to vouch for it.
fn former_lives(world: &World, path: &str, earlier: &mut Versions, tally: &mut Tally) -> Told {
    let (mut told, floor) = (Vec::new(), world.ledger.head().times.floor());
    while let Some((revision, last)) = earlier.pop() {
        let is_over = last.file.is_none() && revision.seq() < floor;
        assert!(is_over, "{path}: nobody vouches for {last:?} at {revision}");
        told.push((revision, last.envelope));
        told.extend(vouched(path, earlier, last.before, tally));
        tally.note(Seen::FormerLife);
    }
    told
}

fn check_receipts(world: &World, path: &str, told: &Told) {
    for (revision, envelope) in told {
        let receipt = world.ledger.receipt(&world.store, envelope).expect("memory does not fail");
        assert_eq!(receipt.expect("a receipt").revision, Some(*revision), "{path}");
    }
}

/// The log of a path is what its versions tell, and the sides of its conflicts; read at once or item by item.
fn check_log(world: &World, domain: &str, path: &str, told: &Told) {
    let whole = log(world, domain, path, 1_000);
    let (versions, others): (Told, Told) = whole.iter().copied().partition(|entry| told.contains(entry));
    assert_eq!(versions, *told, "{path}");
    assert!(others.iter().all(|(revision, _)| sides(world, domain, path).contains(revision)), "{path}: {others:?}");
    assert_eq!(log(world, domain, path, 1), whole, "{path}, item by item");
}

/// Revisions that brought the sides of conflicts at a path.
fn sides(world: &World, domain: &str, path: &str) -> Vec<Revision> {
    let conflicts = world.view().conflicts(Some(domain), None, None, 1_000).expect("a page").items;
    let here = conflicts.into_iter().filter(|conflict| conflict.record.path == path);
    here.flat_map(|conflict| conflict.sides).map(|entry| entry.side.revision).collect()
}

fn log(world: &World, domain: &str, path: &str, limit: usize) -> Told {
    let (mut found, mut from) = (Vec::new(), None);
    loop {
        let page = world.view().log(domain, Some(path), from, limit).expect("a page");
        found.extend(page.items.iter().map(|entry| (entry.revision, entry.id)));
        let Some(next) = page.next else { return found };
        from = Some(at(&next));
    }
}

/// Forgets every version that was superseded before the horizon, and all of a path whose record is gone.
pub fn prune(world: &mut World, tally: &mut Tally) {
    let floor = world.ledger.head().times.floor();
    for (domain, _) in DOMAINS {
        for row in superseded(world, domain, floor) {
            world.store.delete(Table::Past, &row).expect("memory does not fail");
            tally.note(Seen::Pruned);
        }
    }
}

/// Rows of versions that no change within the horizon can mean.
fn superseded(world: &World, domain: u32, floor: SeqNum) -> Vec<Vec<u8>> {
    let since: BTreeMap<Key, Revision> =
        records(world, domain).into_iter().map(|(key, _, record)| (key, record.since)).collect();
    let all: Vec<Vec<u8>> = version_rows(world, domain).into_iter().map(|(row, _)| row).collect();
    let next = |place: usize| {
        let key = path_key(&all[place]);
        let row = all.get(place + 1).filter(|next| path_key(next) == key);
        row.map(|next| revision_of(next)).or_else(|| since.get(&key).copied())
    };
    let is_over = |place: &usize| next(*place).is_none_or(|next| next.seq() < floor);
    (0..all.len()).filter(is_over).map(|place| all[place].clone()).collect()
}
