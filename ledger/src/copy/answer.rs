//! Answers from a certified state: as much of what is asked for as fits, with the way up to the root that was signed.

use super::frame::{Answer, Ask, DomainPath, ENTRIES_MAX, Given, GivenPart, GivenRows, Held, LEVELS, ROWS_MAX, Wanted};
use super::frame::{WantedPart, WantedRows};
use super::vouched::Vouched;
use crate::format::constants::GROUP;
use crate::proof::{Checkpoint, ProveError};
use crate::state::domain::Domain;
use crate::state::ledger::Ledger;
use crate::state::record::DomainRoot;
use crate::state::store::{Read, StoreError, Table};
use crate::state::tree::{Key, Tree, key_of, row};
use crate::state::{entry, name, rows};
use core::ops::ControlFlow;
use quorate_pbft::{Digest, QuorumCert, SeqNum};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes after which nothing more is put into an answer.
const ENOUGH_BYTES: usize = 1 << 20;

/// Bytes as which a row counts that is read and not given.
const READ_BYTES: usize = 64;

/// Answers a question from the state that `read` has of this ledger and that `certificate` certifies.
pub fn answer(ledger: &Ledger, read: &dyn Read, certificate: &QuorumCert, ask: &Ask) -> Result<Vec<u8>, ProveError> {
    Ok(answer_at_cost(ledger, read, certificate, ask)?.0)
}

/// The same, and the bytes as which the rows count that were read for it and not given.
pub fn answer_at_cost(
    ledger: &Ledger,
    read: &dyn Read,
    certificate: &QuorumCert,
    ask: &Ask,
) -> Result<(Vec<u8>, usize), ProveError> {
    let epochs = ledger.view(read).chain_of_epochs()?;
    give((ledger, read), Checkpoint::of((ledger, read), certificate, &epochs)?, ask)
}

/// Answers a question from a state that nobody has signed: for those who compare states. Nobody copies such an answer.
pub fn answer_executed(ledger: &Ledger, read: &dyn Read, ask: &Ask) -> Result<Vec<u8>, ProveError> {
    Ok(give((ledger, read), Checkpoint::unsigned(ledger, read)?, ask)?.0)
}

fn give(
    (ledger, read): (&Ledger, &dyn Read),
    checkpoint: Checkpoint,
    ask: &Ask,
) -> Result<(Vec<u8>, usize), ProveError> {
    let domain = ledger.domain(&ask.domain).filter(|_| ledger.holds(&ask.domain));
    let domain = domain.ok_or(ProveError::Unknown("the domain"))?;
    let is_group = domain.record.number == GROUP;
    let tree = if is_group { ledger.group() } else { &domain.tree };
    let floor = ledger.floor(tree.number());
    let (given, cost) = match &ask.wanted {
        Wanted::Parts(wanted) => {
            let part = |wanted: &WantedPart, _| Ok((given_part((tree, read), wanted)?, 0));
            let (given, cost) = fitting(wanted, part, part_bytes)?;
            (Given::Parts(given), cost)
        }
        Wanted::Rows(wanted) => {
            let rows = |wanted: &WantedRows, left| given_rows(ledger, (tree, read), floor, wanted, left);
            let (given, cost) = fitting(wanted, rows, |rows| rows.as_ref().map_or(1, rows_bytes))?;
            (Given::Rows(given), cost)
        }
        Wanted::Contents(wanted) => {
            let content = |hash: &Digest, _| Ok((read.get(Table::Contents, &hash.0)?, 0));
            let (given, cost) = fitting(wanted, content, content_bytes)?;
            (Given::Contents(given), cost)
        }
        Wanted::Named(wanted) => {
            let mut naming = Naming { ledger, tree, read, floor, known: BTreeMap::new() };
            let (given, cost) = fitting(wanted, |(entry, hash), _| naming.content(entry, hash), content_bytes)?;
            (Given::Contents(given), cost)
        }
    };
    let domain = if is_group { None } else { Some(domain_path((ledger, read), &ask.domain, domain)?) };
    let answer = Answer { checkpoint, domain, given };
    Ok((borsh::to_vec(&answer).expect("writing into memory cannot fail"), cost))
}

/// Contents that entries name, each entry looked at once.
struct Naming<'a> {
    ledger: &'a Ledger,
    tree: &'a Tree,
    read: &'a dyn Read,
    floor: SeqNum,
    known: BTreeMap<Key, BTreeSet<Digest>>,
}

impl Naming<'_> {
    /// The content, if the entry or a row that it vouches for names it, and the count of rows that were read.
    fn content(&mut self, entry: &Key, hash: &Digest) -> Result<(Option<Vec<u8>>, usize), StoreError> {
        let mut read = 0;
        if !self.known.contains_key(entry) {
            let (contents, rows) = self.named_by(entry)?;
            self.known.insert(*entry, contents);
            read = rows;
        }
        let is_named = self.known[entry].contains(hash);
        Ok((if is_named { self.read.get(Table::Contents, &hash.0)? } else { None }, read))
    }

    fn named_by(&self, entry: &Key) -> Result<(BTreeSet<Digest>, usize), StoreError> {
        let Some(stored) = self.read.get(Table::Entries, &row(self.tree.number(), entry))? else {
            return Ok((BTreeSet::new(), 0));
        };
        let (name, value) = entry::decode(&stored).ok_or_else(|| entry::damaged("an entry"))?;
        let mut vouched = Vouched::of(name, value, self.floor)?;
        let at = (self.tree.number(), name);
        vouched.take_held(self.read, self.ledger.genesis(), at, |_| ControlFlow::Continue(()))?;
        Ok((vouched.contents, vouched.rows.len()))
    }
}

fn content_bytes(content: &Option<Vec<u8>>) -> usize {
    content.as_ref().map_or(1, Vec::len)
}

/// Answers to the first questions of a list: those that fit, and one in any case. Rows that are read in vain take room too,
/// and so much of it was taken by all of them.
fn fitting<W, G>(
    wanted: &[W],
    mut give: impl FnMut(&W, usize) -> Result<(G, usize), StoreError>,
    bytes: impl Fn(&G) -> usize,
) -> Result<(Vec<G>, usize), StoreError> {
    let (mut given, mut left, mut cost) = (Vec::new(), ENOUGH_BYTES, 0);
    for wanted in wanted {
        let (next, read) = give(wanted, left)?;
        let (taken, read) = (bytes(&next), read * READ_BYTES);
        cost += read;
        if taken > left && !given.is_empty() {
            break;
        }
        given.push(next);
        left = left.saturating_sub(taken + read);
        if left == 0 {
            break;
        }
    }
    Ok((given, cost))
}

fn domain_path((ledger, read): (&Ledger, &dyn Read), name: &str, domain: &Domain) -> Result<DomainPath, StoreError> {
    let tree = &domain.tree;
    Ok(DomainPath {
        root: DomainRoot { root: tree.root(), count: tree.count() },
        root_path: ledger.group().prove(&key_of(&name::domain_root(name)), read)?,
        usage: domain.usage.clone(),
        usage_path: tree.prove(&key_of(name::USAGE), read)?,
    })
}

/// A part by its entries where they are wanted and few, else by its subtrees.
fn given_part((tree, read): (&Tree, &dyn Read), wanted: &WantedPart) -> Result<GivenPart, StoreError> {
    let look = tree.look(&wanted.part);
    let are_few = wanted.entries && look.count() <= ENTRIES_MAX as u64;
    let entries = if are_few { entries(read, tree, wanted, look.count())? } else { None };
    let held = entries.map_or_else(|| Held::Subtrees(look.below(LEVELS)), Held::Entries);
    Ok(GivenPart { siblings: look.siblings, held })
}

/// Names and values of a part; none where they are too long for one answer, unless it is one entry.
#[allow(clippy::type_complexity)] // a name for a list of pairs would hide it
fn entries(
    read: &dyn Read,
    tree: &Tree,
    wanted: &WantedPart,
    count: u64,
) -> Result<Option<Vec<(Vec<u8>, Vec<u8>)>>, StoreError> {
    let ((from, to), mut found, mut bytes) = (wanted.part.rows(tree.number()), Vec::new(), 0);
    read.scan(Table::Entries, &from, &to, &mut |_, row| {
        bytes += row.len();
        found.push(entry::decode(row).map(|(name, value)| (name.to_vec(), value.to_vec())));
        if bytes <= ENOUGH_BYTES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    if bytes > ENOUGH_BYTES && count > 1 {
        return Ok(None);
    }
    let entries: Option<Vec<_>> = found.into_iter().collect();
    entries.map(Some).ok_or_else(|| entry::damaged("an entry"))
}

/// Rows of an entry from the wanted one on, none where the entry does not vouch for that one; and the count of those before.
fn given_rows(
    ledger: &Ledger,
    (tree, read): (&Tree, &dyn Read),
    floor: SeqNum,
    wanted: &WantedRows,
    left: usize,
) -> Result<(Option<GivenRows>, usize), StoreError> {
    let Some(stored) = read.get(Table::Entries, &row(tree.number(), &wanted.entry))? else { return Ok((None, 0)) };
    let (name, value) = entry::decode(&stored).ok_or_else(|| entry::damaged("an entry"))?;
    let mut vouched = Vouched::of(name, value, floor)?;
    let (mut start, mut bytes) = (None, 0);
    vouched.take_held(read, ledger.genesis(), (tree.number(), name), |so_far| {
        if start.is_none() && so_far.begins_at(wanted.from, wanted.held) {
            start = Some(so_far.rows.len());
        }
        let Some(start) = start else { return ControlFlow::Continue(()) };
        let last = so_far.rows[start..].last();
        bytes += last.map_or(0, |(_, value)| value.len());
        let is_full = so_far.rows.len() > start && (bytes > left || so_far.rows.len() - start >= ROWS_MAX);
        if is_full || (so_far.is_chain() && so_far.missing() == Some(wanted.held)) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    let Some(start) = start else { return Ok((None, vouched.rows.len())) };
    let more = vouched.missing().is_some_and(|missing| !vouched.is_chain() || missing != wanted.held);
    let rows = vouched.rows.drain(start..).map(|(key, value)| (key[rows::PAST_BYTES..].to_vec(), value)).collect();
    Ok((Some(GivenRows { rows, more }), start))
}

fn part_bytes(part: &GivenPart) -> usize {
    let held = match &part.held {
        Held::Subtrees(subtrees) => subtrees.len() * 33,
        Held::Entries(entries) => entries.iter().map(|(name, value)| name.len() + value.len() + 8).sum(),
    };
    part.siblings.len() * 33 + held
}

fn rows_bytes(rows: &GivenRows) -> usize {
    rows.rows.iter().map(|(place, value)| place.len() + value.len() + 8).sum::<usize>() + 1
}
