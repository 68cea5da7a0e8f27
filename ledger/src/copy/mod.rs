//! Copies: all that executing the next slots can ask for, and nothing else.
//!
//! A state has four kinds of data. **Entries** stand under the root. **Vouched rows** ([`Table::Past`], contents) lead
//! back to an entry by a running hash or by their own. **Derived rows** ([`Table::Index`], [`Table::Names`]) only say
//! again what entries and vouched rows say. **History** ([`Table::Archive`], receipts, the tree of slots) is for
//! readers. A copy takes the first, checks and takes the second as far as the horizon goes, makes the third, and leaves
//! the fourth, but for the rows by which readers find conflicts and proposals that still stand: the ledger that opens on
//! it never differs from the one it was taken from.
//!
//! [`Session`] makes a copy from the answers of others, of whom some may lie: it walks the difference between what a store
//! holds and a state that q members signed. Each answer is proved by itself against that state before anything of it is
//! written. [`answer`] gives such answers. A [`Feed`] does the same for some domains alone, from state to state. [`Survey`] finds what of a stored state is damaged.

mod frame;
mod vouched;
mod derived;
mod answer;
mod check;
mod errand;
mod written;
mod frontier;
mod session;
mod feed;
mod compare;
mod survey;
mod lacking;

mod unnamed;
pub(crate) mod forget;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod feed_tests;
#[cfg(test)]
mod compare_tests;
#[cfg(test)]
mod stray_tests;
#[cfg(test)]
mod states_tests;
#[cfg(test)]
mod cost_tests;
#[cfg(test)]
mod epochs_tests;
#[cfg(test)]
mod survey_tests;

pub use answer::{answer, answer_at_cost, answer_executed};
pub use check::{Refused, TakeError};
pub use compare::{Comparison, Difference, Incomparable, Shown, Signed};
pub use errand::Errand;
pub use feed::{Fed, Feed, SCOPE_MAX};
pub use frame::{ANSWER_BYTES_MAX, ASK_BYTES_MAX, Ask};
pub use lacking::Lacking;
pub use session::{Next, Session, copy_steps};
pub use survey::{Damage, Fault, Survey, Walk};

use vouched::Vouched;

use crate::format::constants::GROUP;
use crate::format::genesis::Genesis;
use crate::proof::epochs;
use crate::state::index::Indexed as _;
use crate::state::ledger::{GENESIS, Ledger, ROOT};
use crate::state::record::FileRecord;
use crate::state::store::{Read, Store, StoreError, Table};
use crate::state::tree::{TreeNumber, key_of};
use crate::state::{entry, rows};
use core::ops::ControlFlow;
use quorate_pbft::{Digest, SeqNum};

/// Entries that are read before their rows are written: a reader and a writer may be one database.
const ENTRIES_AT_ONCE: usize = 1_024;
/// Bytes of entries after which no more are read: they are in memory.
const ENTRIES_BYTES: usize = 256 << 10;

/// Bytes of the versions of one path after which no more are in memory.
const VERSIONS_BYTES: u64 = 256 << 10;

/// Key and row of entries.
type Entries = Vec<(Vec<u8>, Vec<u8>)>;

impl Ledger {
    /// Copies the state that `read` has of this ledger into an empty store. Each vouched row and content is checked; an
    /// error names one that is missing or another than it should be.
    pub fn copy(&self, read: &dyn Read, into: &mut dyn Store) -> Result<(), StoreError> {
        for row in [GENESIS, ROOT] {
            let value = read.get(Table::Meta, row)?.ok_or_else(|| entry::damaged("the genesis or the root"))?;
            into.put(Table::Meta, row, &value)?;
        }
        epochs::kept(read, self.genesis())?.iter().try_for_each(|step| epochs::keep(into, step))?;
        let mut from = Vec::new();
        while let Some(next) = self.copy_some(read, into, &from)? {
            from = next;
        }
        Ok(())
    }

    /// Copies some entries from a key on, with all that they vouch for; the key to go on from, none after the last.
    pub fn copy_some(&self, read: &dyn Read, into: &mut dyn Store, from: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let found = entries_from(read, from)?;
        let next = found.last().map(|(last, _)| [last.as_slice(), &[0]].concat());
        for (key, row) in found {
            let tree = key.first_chunk().map(|tree| TreeNumber::from_be_bytes(*tree));
            let domain = tree.and_then(|tree| Some((self.domain_named(tree)?, self.floor(tree))));
            let domain = domain.ok_or_else(|| entry::damaged("the tree of an entry"))?;
            let mut left = u64::MAX;
            copy_entry(self.genesis(), domain, (read, into), (&key, &row), &mut left)?;
            into.give(Table::Entries, key, row)?;
        }
        Ok(next)
    }

    /// The oldest slot that a base in a domain may name.
    pub(crate) fn floor(&self, tree: TreeNumber) -> SeqNum {
        let domain = self.domains().values().find(|domain| domain.record.number == tree && tree != GROUP);
        let floor = self.head().times.floor();
        domain.map_or(floor, |domain| floor.max(domain.usage.marks.floor()))
    }
}

/// Copies all that an entry vouches for, each row checked, or as much as `left` has room for; whether that was all. The entry itself is
/// left to the caller.
fn copy_entry(
    genesis: &Genesis,
    (domain, floor): (&str, SeqNum),
    (read, into): (&dyn Read, &mut dyn Store),
    at: (&[u8], &[u8]),
    left: &mut u64,
) -> Result<bool, StoreError> {
    let tree = at.0.first_chunk().map(|tree| TreeNumber::from_be_bytes(*tree));
    let found = tree.zip(entry::decode(at.1)).ok_or_else(|| entry::damaged("an entry"))?;
    let (tree, (name, value)) = found;
    let vouched = match name.first() {
        Some(&FileRecord::KIND) => {
            if !copy_versions(genesis, (read, into), (tree, name, value), floor, left)? {
                return Ok(false);
            }
            Vouched::of(name, value, floor)?
        }
        _ => Vouched::held(read, genesis, (tree, name, value), floor)?,
    };
    if !copy_contents((read, into), &vouched, left)? {
        return Ok(false);
    }
    for (table, key, value) in derived::of(tree, name, value, &vouched)? {
        into.give(table.into(), key, value)?;
    }
    for (key, value) in derived::listings(domain, name, value)? {
        into.give(Table::Archive, key, value)?;
    }
    for (key, value) in vouched.rows {
        *left = left.saturating_sub(value.len() as u64);
        into.give(Table::Past, key, value)?;
    }
    Ok(true)
}

/// Copies the versions that the entry of a path vouches for, the newest first, behind those that are there; whether that was all.
fn copy_versions(
    genesis: &Genesis,
    (read, into): (&dyn Read, &mut dyn Store),
    (tree, name, value): (TreeNumber, &[u8], &[u8]),
    floor: SeqNum,
    left: &mut u64,
) -> Result<bool, StoreError> {
    let (first, last) = rows::past_of(tree, &key_of(name));
    while *left > 0 {
        let mut vouched = Vouched::of(name, value, floor)?;
        let there = match vouched.missing() {
            Some(_) => into.first_keys(Table::Past, &first, &last, 1)?.pop(),
            None => return Ok(true),
        };
        let oldest = there.as_ref().map(|key| into.get(Table::Past, key)).transpose()?.flatten();
        if let Some((key, row)) = there.as_ref().zip(oldest.as_ref())
            && !vouched.go_behind(key, row)?
        {
            return Ok(true);
        }
        let after = there.as_ref().map_or(&[][..], |key| &key[rows::PAST_BYTES..]);
        let (mut bytes, room) = (0, VERSIONS_BYTES.min(*left));
        vouched.take_held(read, genesis, (tree, name), after, |_, length| {
            let is_full = bytes >= room;
            bytes += if is_full { 0 } else { length as u64 };
            if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })??;
        if bytes == 0 {
            return Err(entry::damaged(vouched.what()));
        }
        if !copy_contents((read, into), &vouched, left)? {
            return Ok(false);
        }
        for (key, value) in vouched.rows {
            into.give(Table::Past, key, value)?;
        }
        *left = left.saturating_sub(bytes);
    }
    Ok(false)
}

/// Copies the contents that an entry or its rows name, or as many as there is room for; whether these were all.
fn copy_contents(
    (read, into): (&dyn Read, &mut dyn Store),
    vouched: &Vouched,
    left: &mut u64,
) -> Result<bool, StoreError> {
    for content in vouched.contents.keys() {
        *left = left.saturating_sub(copy_content(read, into, content)?);
        if *left == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

fn entries_from(read: &dyn Read, from: &[u8]) -> Result<Entries, StoreError> {
    let (mut found, mut bytes) = (Vec::new(), 0);
    read.scan(Table::Entries, from, &[0xff; 37], &mut |key, row| {
        bytes += row.len();
        found.push((key.to_vec(), row.to_vec()));
        let is_full = found.len() >= ENTRIES_AT_ONCE || bytes >= ENTRIES_BYTES;
        if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(found)
}

/// Copies a content that is not there yet; its bytes.
fn copy_content(read: &dyn Read, into: &mut dyn Store, content: &Digest) -> Result<u64, StoreError> {
    if !into.first_keys(Table::Contents, &content.0, &content.0, 1)?.is_empty() {
        return Ok(0);
    }
    let bytes = read.get(Table::Contents, &content.0)?;
    let bytes = bytes.ok_or_else(|| StoreError(format!("content {content} is missing")))?;
    let length = bytes.len() as u64;
    into.give(Table::Contents, content.0.to_vec(), entry::sound_content(content, bytes)?)?;
    Ok(length)
}
