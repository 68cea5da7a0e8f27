//! Survey: a state as it is stored, held against what vouches for it, a bounded part at a time.
//!
//! Entries are held against their hashes, vouched rows against their entry, contents against their hashes, derived rows
//! against what they are derived from, and receipts must be readable. A survey goes on behind damage, so that all of it
//! is named, and needs nothing but the head: the rest of the state may be damaged.

use super::compare::described;
use super::frame::WantedRows;
use super::session::{copied_from, note_copied};
use super::vouched::Vouched;
use super::{copy_entry, derived, entries_from};
use crate::format::constants::{GROUP, GROUP_DOMAIN};
use crate::format::genesis::Genesis;
use crate::state::index::Indexed as _;
use crate::state::ledger::{GENESIS, Ledger, OpenError, domain_record};
use crate::state::record::{DomainRecord, FileRecord, Head, Usage, Verdict};
use crate::state::store::{Read, Store, StoreError, Table};
use crate::state::tree::{TreeNumber, key_of, row};
use crate::state::{entry, name, rows};
use crate::vocabulary::path::Shown;
use core::fmt;
use core::ops::ControlFlow;
use quorate_pbft::{Digest, SeqNum};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of a content from which a walk remembers that it has looked at it: many entries may name one.
const LARGE_BYTES: usize = 4_096;

/// Bytes of rows of one entry that are in memory at once, with the row that reaches beyond them.
const PAGE_BYTES: usize = 16 << 10;

/// Bytes after which a step of a copy ends: they are in memory until they are written.
const COPIED_BYTES: u64 = 16 << 20;

/// Receipts that are looked at before the bytes are counted.
const RECEIPTS_AT_ONCE: usize = 1_024;

/// Damage of a stored state: what, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Damage {
    /// Domain in whose tree the entry stands; empty for a receipt.
    pub domain: String,
    /// Kind of the entry: `file`, `conflict`, `head` …
    pub kind: &'static str,
    /// Path of a file, else the rest of the entry's name.
    pub name: String,
    /// Part of it that is damaged.
    pub fault: Fault,
}

/// Part of a state that is damaged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Fault {
    /// The entry does not hash to its own hash, or stands in another place than its name says.
    #[error("the entry is not the one that was written")]
    Entry,
    /// A row that the entry vouches for is missing, or another one.
    #[error("{0}")]
    Vouched(String),
    /// A content is missing, or has another hash.
    #[error("its content {0} is missing or damaged")]
    Content(Digest),
    /// A row that is derived from the entry is missing, or another one.
    #[error("a row of the index is missing or damaged")]
    Derived,
    /// A receipt of history cannot be read. Nothing vouches for it here.
    #[error("it cannot be read")]
    Receipt,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { domain, kind, name, fault } = self;
        match domain.is_empty() {
            true => write!(f, "{kind} {}: {fault}", Shown(name)),
            false => write!(f, "{kind} {} of domain {}: {fault}", Shown(name), Shown(domain)),
        }
    }
}

/// Progress of a walk through a state.
#[derive(Debug, Clone, Default)]
pub struct Walk {
    /// Key to go on from.
    from: Vec<u8>,
    /// Place in the entry there, if a part of it was looked at.
    inside: Option<Inside>,
    /// Bytes at which the step ends.
    until: u64,
    /// Whether the entries are through, and receipts are walked.
    in_history: bool,
    /// Key and row of a sound entry of which a copy has taken a part.
    begun: Option<(Vec<u8>, Vec<u8>)>,
    /// Large contents that were looked at.
    seen: BTreeSet<Digest>,
    /// Entries and receipts so far.
    pub rows: u64,
    /// Files among the entries.
    pub files: u64,
    /// Bytes of rows and contents so far.
    pub bytes: u64,
}

/// Place in an entry that vouches for more than one step reads.
#[derive(Debug, Clone, Default)]
struct Inside {
    key: Vec<u8>,
    /// Entry as it was when it was begun.
    row: Vec<u8>,
    /// Rows to go on with; none before the first.
    rows: Option<WantedRows>,
    /// Content up to which those that these rows name were looked at.
    content: Option<Digest>,
    /// Derived rows that were looked at: of the ends of a chain the newest counts.
    derived: BTreeSet<(Table, Vec<u8>)>,
}

/// Knowledge that a walk needs of the top of a state.
#[derive(Debug)]
pub struct Survey {
    genesis: Genesis,
    head: Head,
    /// Trees whose slot and horizon are as they were written: of the group's, the head says it.
    sound: BTreeSet<TreeNumber>,
    /// Domain of each tree, and the oldest slot within its horizon.
    trees: BTreeMap<TreeNumber, (String, SeqNum)>,
}

impl Survey {
    /// Reads the head and the domains of a state of which other parts may be damaged.
    pub fn open(read: &dyn Read, genesis: &Genesis) -> Result<Self, OpenError> {
        let stored = read.get(Table::Meta, GENESIS)?.ok_or(OpenError::Absent)?;
        if stored != genesis.bytes() {
            return Err(OpenError::OtherGenesis);
        }
        let head: Option<Head> = entry::load(read, GROUP, name::HEAD)?;
        let head = head.ok_or_else(|| entry::damaged("the head"))?;
        let floor = head.times.floor();
        let mut trees = BTreeMap::from([(GROUP, (GROUP_DOMAIN.to_owned(), floor))]);
        for (domain, record) in sound_domains(read)? {
            let usage: Option<Usage> = entry::load(read, record.number, name::USAGE).unwrap_or_default();
            let floor = usage.map_or(floor, |usage| floor.max(usage.marks.floor()));
            trees.insert(record.number, (domain, floor));
        }
        let mut sound = BTreeSet::new();
        for number in trees.keys() {
            let name = if *number == GROUP { name::HEAD } else { name::USAGE };
            sound.extend(entry::has_sound_row(read, *number, name)?.then_some(*number));
        }
        Ok(Self { genesis: genesis.clone(), head, sound, trees })
    }

    /// The same of a ledger that is open.
    pub fn of(ledger: &Ledger) -> Self {
        let numbers = ledger.domains().iter().map(|(name, domain)| (name, domain.record.number));
        let trees = numbers.map(|(name, number)| (number, (name.clone(), ledger.floor(number))));
        let trees: BTreeMap<_, _> = trees.collect();
        let sound = trees.keys().copied().collect();
        Self { genesis: ledger.genesis().clone(), head: ledger.head().clone(), sound, trees }
    }

    /// Head of the state.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Slot of the state, if the head is as it was written.
    pub fn seq(&self) -> Option<SeqNum> {
        self.sound.contains(&GROUP).then_some(self.head.seq)
    }

    /// Looks at the next rows, until so many bytes were read, and the row or content that reaches beyond them; whether that
    /// was all. Each damage is told to `found`. An error is one of the disk: nothing more can be read.
    pub fn go_on(
        &self,
        read: &dyn Read,
        walk: &mut Walk,
        bytes_max: u64,
        found: &mut dyn FnMut(Damage),
    ) -> Result<bool, StoreError> {
        walk.until = walk.bytes.saturating_add(bytes_max);
        while walk.bytes < walk.until {
            let next = match walk.in_history {
                false => self.some_entries(read, walk, found)?,
                true => some_receipts(read, walk, found)?,
            };
            match next {
                Some(next) => walk.from = next,
                None if walk.in_history => return Ok(true),
                None => (walk.in_history, walk.from) = (true, Vec::new()),
            }
        }
        Ok(false)
    }

    /// Copies the next entries that are sound, with all that they vouch for as far as a horizon goes that is known, until 16 MiB
    /// are full; whether it has come to the end. What an entry vouches for may take several steps, the entry itself comes with the last.
    pub fn copy_sound(&self, read: &dyn Read, into: &mut dyn Store, walk: &mut Walk) -> Result<bool, StoreError> {
        let Some(own_seq) = self.seq() else { return Ok(true) };
        let (from, mut left) = (std::mem::take(&mut walk.from), COPIED_BYTES);
        walk.until = u64::MAX;
        if from.is_empty() {
            // Rows are taken as far as the horizon of this state goes: the copy is of no older one.
            let (seq, epoch) = copied_from(&*into)?;
            note_copied(into, (seq.max(own_seq), epoch))?;
        }
        for (key, row) in entries_from(read, &from)? {
            walk.from = [key.as_slice(), &[0]].concat();
            left = left.saturating_sub(row.len() as u64);
            let is_begun = walk.begun.take().is_some_and(|begun| (&begun.0, &begun.1) == (&key, &row));
            let faults = if is_begun { Vec::new() } else { self.faults(read, (&key, &row), walk)? };
            if let Some((tree, _, _)) = parts(&key, &row).filter(|(tree, _, _)| self.sound.contains(tree))
                && let Some((domain, floor)) = self.trees.get(&tree)
                && faults.iter().all(|fault| *fault == Fault::Derived)
            {
                match copy_entry(&self.genesis, (domain, *floor), (read, into), (&key, &row), &mut left)? {
                    true => into.give(Table::Entries, key, row)?,
                    false => {
                        walk.from.clone_from(&key);
                        walk.begun = Some((key, row));
                    }
                }
            }
            if left == 0 {
                break;
            }
        }
        Ok(walk.from.is_empty())
    }

    /// The key to go on from, if there may be more.
    fn some_entries(
        &self,
        read: &dyn Read,
        walk: &mut Walk,
        found: &mut dyn FnMut(Damage),
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let mut next = None;
        for (key, row) in entries_from(read, &walk.from)? {
            for fault in self.faults(read, (&key, &row), walk)? {
                found(self.damage(&key, &row, fault));
            }
            next = Some(if walk.inside.is_some() { key } else { [key.as_slice(), &[0]].concat() });
            if walk.bytes >= walk.until {
                break;
            }
        }
        Ok(next)
    }

    /// Faults of an entry and of all that it vouches for, from the place on at which the walk stands in it, to the end of the
    /// step. Where some is left the walk stands in it afterwards.
    fn faults(&self, read: &dyn Read, at: (&[u8], &[u8]), walk: &mut Walk) -> Result<Vec<Fault>, StoreError> {
        walk.bytes += at.1.len() as u64;
        let inside = walk.inside.take().filter(|inside| inside.key == at.0);
        walk.rows += u64::from(inside.is_none());
        let tree = parts(at.0, at.1).filter(|_| entry::is_sound(at.0, at.1));
        let tree = tree.and_then(|(tree, name, value)| Some((tree, name, value, self.trees.get(&tree)?)));
        let faults = match tree {
            None => vec![Fault::Entry],
            Some((tree, name, value, (domain, floor))) => {
                walk.files += u64::from(inside.is_none() && is_file(name, value));
                let begun = || Inside { key: at.0.to_vec(), row: at.1.to_vec(), ..Inside::default() };
                let (mut inside, mut faults) = (inside.unwrap_or_else(begun), Vec::new());
                loop {
                    let page = inside.page(read, &self.genesis, (tree, name, value), *floor);
                    let page = page.inspect_err(|error| faults.push(Fault::Vouched(error.0.clone())));
                    let Ok(Some(page)) = page else { break };
                    walk.bytes += page.rows.iter().map(|(_, value)| value.len() as u64).sum::<u64>();
                    let content = walk.content_faults(read, &page, inside.content, &mut faults);
                    let (is_first, is_same) = (inside.content.is_none(), inside.row == at.1);
                    let looked_at = (&mut inside.derived, is_same);
                    let is_derived = !is_first || are_derived(read, (domain, tree), (name, value), &page, looked_at);
                    faults.extend((!is_derived).then_some(Fault::Derived));
                    inside.content = content;
                    if content.is_none() {
                        let Some((from, (last, _))) = page.missing().zip(page.rows.last()) else { break };
                        let (held, after) = (page.until(Digest::ZERO), last[rows::PAST_BYTES..].to_vec());
                        inside.rows = Some(WantedRows { entry: key_of(name), from, held, after });
                    }
                    if walk.bytes >= walk.until {
                        walk.inside = Some(inside);
                        break;
                    }
                }
                faults
            }
        };
        if !faults.is_empty() {
            read.get(Table::Meta, GENESIS)?; // a disk that says no is no damage of a row
        }
        Ok(faults)
    }

    fn damage(&self, key: &[u8], row: &[u8], fault: Fault) -> Damage {
        let at = parts(key, row);
        let domain = at.and_then(|(tree, _, _)| self.trees.get(&tree));
        let (kind, name) = at.map_or_else(|| ("entry", hex::encode(key)), |(_, name, _)| described(name));
        Damage { domain: domain.map_or_else(|| "?".to_owned(), |(domain, _)| domain.clone()), kind, name, fault }
    }
}

impl Inside {
    /// The next rows; none where an entry that has changed does not vouch for those that were to follow.
    fn page(
        &self,
        read: &dyn Read,
        genesis: &Genesis,
        (tree, name, value): (TreeNumber, &[u8], &[u8]),
        floor: SeqNum,
    ) -> Result<Option<Vouched>, StoreError> {
        let mut vouched = Vouched::of(name, value, floor)?;
        let after = self.rows.as_ref().map_or(&[][..], |wanted| wanted.after.as_slice());
        if let Some(wanted) = &self.rows {
            let at = rows::at_place(tree, &wanted.entry, after);
            let last = read.get(Table::Past, &at)?;
            if !vouched.go_to(wanted, last.as_deref().map(|last| (at.as_slice(), last)))? {
                return Ok(None);
            }
        }
        let (mut bytes, mut is_full) = (0, false);
        vouched.take_held(read, genesis, (tree, name), after, |_, length| {
            is_full = bytes >= PAGE_BYTES;
            bytes += length;
            if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })??;
        let is_whole = is_full || vouched.missing().is_none();
        if is_whole { Ok(Some(vouched)) } else { Err(entry::damaged(vouched.what())) }
    }
}

impl Walk {
    /// Looks at the contents behind one that an entry or its rows name, to the end of the step; the last one, where more are
    /// left.
    fn content_faults(
        &mut self,
        read: &dyn Read,
        vouched: &Vouched,
        behind: Option<Digest>,
        faults: &mut Vec<Fault>,
    ) -> Option<Digest> {
        let is_left = |hash: &&Digest| Some(**hash) > behind && !self.seen.contains(*hash);
        let mut left = vouched.contents.keys().filter(is_left).copied().collect::<Vec<_>>().into_iter().peekable();
        while let Some(hash) = left.next() {
            let bytes = read.get(Table::Contents, &hash.0).ok().flatten();
            let length = bytes.as_ref().map_or(0, Vec::len);
            self.bytes += length as u64;
            let is_sound = bytes.is_some_and(|bytes| entry::sound_content(&hash, bytes).is_ok());
            if !is_sound {
                faults.push(Fault::Content(hash));
            } else if length >= LARGE_BYTES {
                self.seen.insert(hash);
            }
            if self.bytes >= self.until && left.peek().is_some() {
                return Some(hash);
            }
        }
        None
    }
}

/// Tree, name and value of a row.
fn parts<'a>(key: &[u8], row: &'a [u8]) -> Option<(TreeNumber, &'a [u8], &'a [u8])> {
    let tree = key.first_chunk().map(|tree| TreeNumber::from_be_bytes(*tree))?;
    let (name, value) = entry::decode(row)?;
    Some((tree, name, value))
}

/// Whether an entry is that of a path with a file.
fn is_file(name: &[u8], value: &[u8]) -> bool {
    name.first() == Some(&FileRecord::KIND)
        && entry::value_of::<FileRecord>(value).is_ok_and(|record| record.file.is_some())
}

/// Whether the rows that are derived from an entry are there, as they should be, but for those that were looked at. Of an entry
/// that has changed since, rows of envelopes alone: the newest rows, which say where chains end, were not looked at.
fn are_derived(
    read: &dyn Read,
    (domain, tree): (&str, TreeNumber),
    (name, value): (&[u8], &[u8]),
    vouched: &Vouched,
    (looked_at, is_same): (&mut BTreeSet<(Table, Vec<u8>)>, bool),
) -> bool {
    let made = derived::of(tree, name, value, vouched).and_then(|index| {
        let index = index.into_iter().map(|(table, key, value)| ((table.into(), key), value));
        let listings = derived::listings(domain, name, value)?.into_iter();
        // Of the ends of a chain the last one counts.
        Ok(index.chain(listings.map(|(key, value)| ((Table::Archive, key), value))).collect::<BTreeMap<_, _>>())
    });
    let is_there = |((table, key), value): (&(Table, Vec<u8>), &Vec<u8>)| {
        read.get(*table, key).is_ok_and(|stored| stored.as_ref() == Some(value))
    };
    made.is_ok_and(|mut rows| {
        let is_asked = |key: &[u8]| is_same || key.first() == Some(&rows::ENVELOPE);
        rows.retain(|at, _| is_asked(&at.1) && looked_at.insert(at.clone()));
        rows.iter().all(is_there)
    })
}

fn some_receipts(
    read: &dyn Read,
    walk: &mut Walk,
    found: &mut dyn FnMut(Damage),
) -> Result<Option<Vec<u8>>, StoreError> {
    let (mut next, mut left) = (None, RECEIPTS_AT_ONCE);
    read.scan(Table::Receipts, &walk.from, &[0xff; 64], &mut |key, value| {
        walk.rows += 1;
        walk.bytes += value.len() as u64;
        if entry::value_of::<Verdict>(value).is_err() {
            let (domain, name) = (String::new(), hex::encode(key));
            found(Damage { domain, kind: "receipt", name, fault: Fault::Receipt });
        }
        next = Some([key, &[0]].concat());
        left -= 1;
        if left > 0 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(next)
}

/// Names and records of the domains whose entries are sound.
fn sound_domains(read: &dyn Read) -> Result<Vec<(String, DomainRecord)>, StoreError> {
    let mut found = Vec::new();
    read.scan(Table::Entries, &row(GROUP, &[0; 32]), &row(GROUP, &[0xff; 32]), &mut |key, row| {
        let sound = entry::decode(row).filter(|_| entry::is_sound(key, row));
        found.extend(sound.and_then(|(name, value)| domain_record(name, value).ok().flatten()));
        ControlFlow::Continue(())
    })?;
    Ok(found)
}
