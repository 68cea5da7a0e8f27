//! Errand: some parts of a tree, asked for until all that they need is here.

use super::check::{Refused, TakeError, Under};
use super::frame::{Ask, CONTENTS_MAX, GivenRows, NAMED_MAX, PARTS_MAX, Wanted, WantedContent, WantedPart, WantedRows};
use super::vouched::Vouched;
use crate::format::genesis::Genesis;
use crate::state::store::{Read, Store, StoreError, Table};
use crate::state::tree::part::Part;
use crate::state::tree::{Key, TreeNumber, key_of, row};
use crate::state::{entry, rows};
use quorate_pbft::{Digest, SeqNum};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Parts of a domain's tree on their way.
pub struct Errand {
    pub(super) domain: String,
    pub(super) number: TreeNumber,
    /// Parts that have not arrived whole.
    pub(super) parts: Vec<WantedPart>,
    pub(super) arrived: Vec<Arrived>,
    /// Contents that are not in the store yet, each with what names it.
    lacking: Vec<WantedContent>,
    /// Whether contents are asked for by their entries.
    by_entry: bool,
    pub(super) stage: Stage,
    /// Slot of the newest state of which it has entries or rows: a state before it may vouch for more rows.
    pub(super) newest: SeqNum,
    /// Parts that had changed before their rows or contents were here.
    pub(super) moved: u32,
}

/// Things that an errand asks for next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Parts,
    Rows,
    Contents,
    Done,
}

/// Part whose entries are known.
pub(super) struct Arrived {
    pub(super) part: Part,
    /// Slot of the state in which the entries stand: only in that one must all that they name be there.
    seq: SeqNum,
    /// Entries that are new or have another value.
    pub(super) entries: Vec<Entry>,
    /// Keys of those that are gone.
    pub(super) gone: Vec<Key>,
}

/// Entry with the rows that it vouches for, as far as they have arrived.
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) name: Vec<u8>,
    pub(super) value: Vec<u8>,
    pub(super) vouched: Vouched,
    /// Running hash of the newest row that the store holds.
    held: Digest,
    /// Whether the rows lead to that one, so that it and those before it stay.
    pub(super) joined: bool,
}

impl Errand {
    pub(super) fn new(domain: String, number: TreeNumber, parts: Vec<WantedPart>) -> Self {
        let (arrived, lacking, newest) = Default::default();
        Self { domain, number, parts, arrived, lacking, by_entry: false, stage: Stage::Parts, newest, moved: 0 }
    }

    /// The same, which asks for contents by the entries that name them.
    pub(super) fn by_entry(self) -> Self {
        Self { by_entry: true, ..self }
    }

    /// The next question; none once everything is here.
    pub fn ask(&self) -> Option<Ask> {
        let wanted = match self.stage {
            Stage::Parts => Wanted::Parts(self.parts.clone()),
            Stage::Rows => Wanted::Rows(self.incomplete().map(|(wanted, _)| wanted).take(PARTS_MAX).collect()),
            Stage::Contents if self.by_entry => Wanted::Named(self.next_contents().to_vec()),
            Stage::Contents => Wanted::Contents(self.next_contents().iter().map(|wanted| wanted.hash).collect()),
            Stage::Done => return None,
        };
        Some(Ask { domain: self.domain.clone(), wanted })
    }

    fn next_contents(&self) -> &[WantedContent] {
        let most = if self.by_entry { NAMED_MAX } else { CONTENTS_MAX };
        &self.lacking[..self.lacking.len().min(most)]
    }

    /// Parts that changed on the way and are asked for in a later pass: a server that always says so serves nothing.
    pub fn moved(&self) -> u32 {
        self.moved
    }

    /// Whether anything of it has arrived: parts may all have changed on the way.
    pub fn has_brought(&self) -> bool {
        !self.arrived.is_empty()
    }

    fn incomplete(&self) -> impl Iterator<Item = (WantedRows, &Arrived)> + '_ {
        self.arrived.iter().flat_map(|arrived| {
            let wanted = move |entry: &Entry| {
                let (from, held) = (entry.vouched.missing()?, entry.vouched.until(entry.held));
                let after =
                    entry.vouched.rows.last().map_or_else(Vec::new, |(key, _)| key[rows::PAST_BYTES..].to_vec());
                Some((WantedRows { entry: entry.key, from, held, after }, arrived))
            };
            arrived.entries.iter().filter_map(wanted)
        })
    }

    /// Notes the entries of a part, all of them, and compares them with those that the store holds.
    pub(super) fn arrive(
        &mut self,
        read: &dyn Read,
        part: Part,
        entries: Vec<(Vec<u8>, Vec<u8>)>,
        under: &Under,
    ) -> Result<(), TakeError> {
        let keys: BTreeSet<Key> = entries.iter().map(|(name, _)| key_of(name)).collect();
        let mut fresh = Vec::new();
        for (name, value) in entries {
            let key = key_of(&name);
            let held = read.get(Table::Entries, &row(self.number, &key))?;
            if held.as_ref().is_some_and(|held| held.starts_with(&entry::value_hash(&value).0)) {
                continue;
            }
            let unread =
                |StoreError(why)| StoreError(format!("q members certified what this program cannot read: {why}"));
            let vouched = Vouched::of(&name, &value, under.floor).map_err(unread)?;
            let held = held.as_deref().and_then(entry::decode);
            let held = held.map(|(name, value)| Vouched::of(name, value, SeqNum::default())).transpose()?;
            let held = held.filter(Vouched::is_chain).and_then(|held| held.missing()).unwrap_or(Digest::ZERO);
            let mut entry = Entry { key, name, value, vouched, held, joined: false };
            entry.close_at_held();
            fresh.push(entry);
        }
        let gone = held_keys(read, self.number, &part)?.into_iter().filter(|key| !keys.contains(key)).collect();
        (self.newest, self.stage) = (self.newest.max(under.seq), Stage::Rows);
        self.arrived.push(Arrived { part, seq: under.seq, entries: fresh, gone });
        Ok(())
    }

    /// Takes rows of entries in the order in which they were asked for.
    pub(super) fn take_rows(
        &mut self,
        genesis: &Genesis,
        given: Vec<Option<GivenRows>>,
        under: &Under,
    ) -> Result<(), TakeError> {
        let wanted = self.incomplete().take(PARTS_MAX).map(|(wanted, arrived)| (wanted, (arrived.part, arrived.seq)));
        let wanted: Vec<(WantedRows, (Part, SeqNum))> = wanted.collect();
        if given.is_empty() || given.len() > wanted.len() {
            return Err(Refused::NotAsked.into());
        }
        self.newest = self.newest.max(under.seq);
        let mut moved = BTreeSet::new();
        for ((wanted, (part, seq)), given) in wanted.into_iter().zip(given) {
            let is_whole = match given {
                Some(given) => self.take_rows_of(genesis, &wanted, given, under.floor)?,
                None => false,
            };
            if !is_whole && under.seq == seq {
                return Err(Refused::MissingRow.into());
            }
            if !is_whole {
                moved.insert(part);
            }
        }
        self.drop_parts(&moved);
        Ok(())
    }

    /// Answers whether all rows of the entry are here, or more are to come.
    fn take_rows_of(
        &mut self,
        genesis: &Genesis,
        wanted: &WantedRows,
        given: GivenRows,
        floor: SeqNum,
    ) -> Result<bool, Refused> {
        let entries = self.arrived.iter_mut().flat_map(|arrived| &mut arrived.entries);
        let entry = entries.into_iter().find(|entry| entry.key == wanted.entry).expect("it was asked for");
        if given.rows.is_empty() {
            return Ok(false);
        }
        entry.vouched.raise_floor(floor);
        for (place, value) in given.rows {
            if entry.vouched.missing().is_none() {
                break; // a state before the one that vouches for the entry, or for rows before these, may vouch for more
            }
            let key = rows::at_place(self.number, &wanted.entry, &place);
            entry.vouched.take(genesis, &key, &value).map_err(|error| Refused::WrongRow(error.0))?;
        }
        entry.close_at_held();
        Ok(given.more || entry.vouched.missing().is_none())
    }

    /// Puts contents into the store in the order in which they were asked for.
    pub(super) fn take_contents(
        &mut self,
        store: &mut dyn Store,
        given: Vec<Option<Vec<u8>>>,
        under: &Under,
    ) -> Result<(), TakeError> {
        if given.is_empty() || given.len() > self.next_contents().len() {
            return Err(Refused::NotAsked.into());
        }
        let asked: Vec<Digest> = self.lacking.drain(..given.len()).map(|wanted| wanted.hash).collect();
        if let Some((wrong, _)) = asked
            .iter()
            .zip(&given)
            .find(|(hash, content)| content.as_ref().is_some_and(|bytes| Sha256::digest(bytes)[..] != hash.0))
        {
            return Err(Refused::WrongContent(*wrong).into());
        }
        let mut moved = BTreeSet::new();
        for (hash, content) in asked.into_iter().zip(given) {
            match content {
                Some(bytes) => store.give(Table::Contents, hash.0.to_vec(), bytes)?,
                None if self.naming(&hash).any(|arrived| arrived.seq == under.seq) => {
                    return Err(Refused::MissingContent(hash).into());
                }
                None => moved.extend(self.naming(&hash).map(|arrived| arrived.part)),
            }
        }
        self.drop_parts(&moved);
        Ok(())
    }

    /// Goes on to the next stage where nothing of this one is left.
    pub(super) fn advance(&mut self, read: &dyn Read) -> Result<(), StoreError> {
        if self.stage == Stage::Rows && self.incomplete().next().is_none() {
            self.stage = Stage::Contents;
            self.lacking = self.lacking_in(read)?;
        }
        if self.stage == Stage::Contents && self.lacking.is_empty() {
            self.stage = Stage::Done;
        }
        Ok(())
    }

    fn lacking_in(&self, read: &dyn Read) -> Result<Vec<WantedContent>, StoreError> {
        let entries = self.arrived.iter().flat_map(|arrived| &arrived.entries);
        let named = entries.flat_map(|entry| {
            entry.vouched.contents.iter().map(|(hash, place)| (*hash, (entry.key, place.as_slice())))
        });
        let named: BTreeMap<Digest, (Key, &[u8])> = named.collect();
        let mut lacking = Vec::new();
        for (hash, (entry, place)) in named {
            if read.get(Table::Contents, &hash.0)?.is_none() {
                lacking.push(WantedContent { entry, place: place.to_vec(), hash });
            }
        }
        Ok(lacking)
    }

    /// Parts of which an entry or one of its rows names a content.
    fn naming(&self, hash: &Digest) -> impl Iterator<Item = &Arrived> {
        self.arrived.iter().filter(move |arrived| arrived.names(hash))
    }

    /// Forgets parts that have changed: the next pass finds them.
    fn drop_parts(&mut self, moved: &BTreeSet<Part>) {
        self.moved += moved.len() as u32; // as many as one question names
        self.arrived.retain(|arrived| !moved.contains(&arrived.part));
    }
}

impl Arrived {
    fn names(&self, hash: &Digest) -> bool {
        self.entries.iter().any(|entry| entry.vouched.contents.contains_key(hash))
    }
}

impl Entry {
    fn close_at_held(&mut self) {
        if self.vouched.is_chain() && self.vouched.missing() == Some(self.held) {
            self.vouched.close();
            self.joined = true;
        }
    }
}

fn held_keys(read: &dyn Read, number: TreeNumber, part: &Part) -> Result<Vec<Key>, StoreError> {
    let ((from, to), mut keys) = (part.rows(number), Vec::new());
    read.scan(Table::Entries, &from, &to, &mut |key, _| {
        keys.extend(key.get(4..).and_then(|key| Key::try_from(key).ok()));
        core::ops::ControlFlow::Continue(())
    })?;
    Ok(keys)
}
