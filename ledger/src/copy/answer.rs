//! Answers from a certified state: as much of what is asked for as fits, with the way up to the root that was signed.

use super::frame::{Answer, Ask, DomainPath, ENTRIES_MAX, Given, GivenPart, GivenRows, Held, LEVELS, ROWS_MAX, Wanted};
use super::frame::{WantedContent, WantedPart, WantedRows};
use super::vouched::{Vouched, named_by};
use crate::format::constants::GROUP;
use crate::proof::{Checkpoint, ProveError};
use crate::state::domain::Domain;
use crate::state::index::Indexed as _;
use crate::state::ledger::Ledger;
use crate::state::record::{ConflictRecord, DomainRoot};
use crate::state::store::{Read, StoreError, Table};
use crate::state::tree::part::Subtree;
use crate::state::tree::{Tree, key_of, row};
use crate::state::{entry, name, rows};
use core::ops::ControlFlow;
use quorate_pbft::{Digest, QuorumCert, SeqNum};

/// Bytes after which nothing more is put into an answer.
const ENOUGH_BYTES: usize = 1 << 20;

/// Bytes as which a row counts, at least, that is read and not given.
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
            let part = |wanted: &WantedPart, _| given_part((tree, read), wanted);
            let (given, cost) = fitting(wanted, part, part_bytes)?;
            (Given::Parts(given), cost)
        }
        Wanted::Rows(wanted) => {
            let rows = |wanted: &WantedRows, left| given_rows(ledger, (tree, read), floor, wanted, left);
            let (given, cost) = fitting(wanted, rows, |rows| rows.as_ref().map_or(1, rows_bytes))?;
            (Given::Rows(given), cost)
        }
        Wanted::Contents(wanted) => {
            let (given, cost) = fitting(wanted, |hash, _| Ok((stored_content(read, hash)?, 0)), content_bytes)?;
            (Given::Contents(given), cost)
        }
        Wanted::Named(wanted) => {
            let content = |wanted: &WantedContent, _| named_content((tree, read), wanted);
            let (given, cost) = fitting(wanted, content, content_bytes)?;
            (Given::Contents(given), cost)
        }
    };
    let domain = if is_group { None } else { Some(domain_path((ledger, read), &ask.domain, domain)?) };
    let answer = Answer { checkpoint, domain, given };
    Ok((borsh::to_vec(&answer).expect("writing into memory cannot fail"), cost))
}

/// A content, if the entry or the row that is named with it names it, and the bytes that were read to see that.
fn named_content(
    (tree, read): (&Tree, &dyn Read),
    wanted: &WantedContent,
) -> Result<(Option<Vec<u8>>, usize), StoreError> {
    let Some(stored) = read.get(Table::Entries, &row(tree.number(), &wanted.entry))? else { return Ok((None, 0)) };
    let (name, value) = entry::decode(&stored).ok_or_else(|| entry::damaged("an entry"))?;
    let (is_named, bytes) = if wanted.place.is_empty() {
        (Vouched::of(name, value, SeqNum::default())?.contents.contains_key(&wanted.hash), 0)
    } else {
        let past = read.get(Table::Past, &rows::at_place(tree.number(), &wanted.entry, &wanted.place))?;
        let named = past.as_ref().map(|past| named_by(name, past)).transpose()?.unwrap_or_default();
        (named.contains(&wanted.hash), past.map_or(0, |past| past.len()))
    };
    let content = if is_named { stored_content(read, &wanted.hash)? } else { None };
    Ok((content, stored.len() + bytes))
}

/// A content, if it is here; an error where the disk has changed it: given as an answer, it would be called a lie.
fn stored_content(read: &dyn Read, hash: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
    read.get(Table::Contents, &hash.0)?.map(|bytes| entry::sound_content(hash, bytes)).transpose()
}

fn content_bytes(content: &Option<Vec<u8>>) -> usize {
    content.as_ref().map_or(1, Vec::len)
}

/// Answers to the first questions of a list: those that fit, and one in any case. Bytes that are read in vain take room too,
/// and so many were by all of them.
fn fitting<W, G>(
    wanted: &[W],
    mut give: impl FnMut(&W, usize) -> Result<(G, usize), StoreError>,
    bytes: impl Fn(&G) -> usize,
) -> Result<(Vec<G>, usize), StoreError> {
    let (mut given, mut left, mut cost) = (Vec::new(), ENOUGH_BYTES, 0);
    for wanted in wanted {
        let (next, read) = match give(wanted, left) {
            Err(_) if !given.is_empty() => break, // it is an error once it is asked for first
            next => next?,
        };
        cost += read;
        let taken = bytes(&next) + read;
        if taken > left && !given.is_empty() {
            cost += bytes(&next);
            break;
        }
        given.push(next);
        left = left.saturating_sub(taken);
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

/// A part by its entries where they are wanted and few, else by its subtrees; and the bytes that were read in vain.
fn given_part((tree, read): (&Tree, &dyn Read), wanted: &WantedPart) -> Result<(GivenPart, usize), StoreError> {
    let look = tree.look(&wanted.part);
    let are_few = wanted.entries && look.count() <= ENTRIES_MAX as u64;
    let entries = if are_few { entries(read, tree, wanted, look.count())? } else { None };
    let vain = if are_few && entries.is_none() { ENOUGH_BYTES } else { 0 };
    let held = match entries {
        Some(entries) => Held::Entries(entries),
        None => Held::Subtrees(look.below(LEVELS, read)?),
    };
    Ok((GivenPart { siblings: look.siblings(read)?, held }, vain))
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

/// Rows of an entry from the wanted one on, none where the entry does not vouch for that one or it lies too far back; and
/// the bytes of those before.
pub(super) fn given_rows(
    ledger: &Ledger,
    (tree, read): (&Tree, &dyn Read),
    floor: SeqNum,
    wanted: &WantedRows,
    left: usize,
) -> Result<(Option<GivenRows>, usize), StoreError> {
    let Some(stored) = read.get(Table::Entries, &row(tree.number(), &wanted.entry))? else { return Ok((None, 0)) };
    let (name, value) = entry::decode(&stored).ok_or_else(|| entry::damaged("an entry"))?;
    let mut vouched = Vouched::of(name, value, floor)?;
    let at = rows::at_place(tree.number(), &wanted.entry, &wanted.after);
    let last = if wanted.after.is_empty() { None } else { read.get(Table::Past, &at)? };
    let mut vain = stored.len() + last.as_ref().map_or(0, Vec::len);
    if !vouched.go_to(wanted, last.as_deref().map(|last| (at.as_slice(), last)))? {
        return Ok((None, vain));
    }
    let (mut has_begun, mut bytes, after) = (false, 0, wanted.after.as_slice());
    let taken = vouched.take_held(read, ledger.genesis(), (tree.number(), name), after, |so_far, length| {
        if !has_begun {
            so_far.rows.clear();
            has_begun = so_far.missing() == Some(wanted.from);
        }
        let is_full = !so_far.rows.is_empty() && (bytes > left || so_far.rows.len() >= ROWS_MAX);
        let is_enough = if has_begun { is_full || so_far.ends_at(wanted.held) } else { vain > left };
        if is_enough {
            vain += length.max(READ_BYTES); // it was read, and is not given
            return ControlFlow::Break(());
        }
        *(if has_begun { &mut bytes } else { &mut vain }) += length.max(READ_BYTES);
        ControlFlow::Continue(())
    })?;
    match taken {
        // Sides behind a place are held against the hash that the question names, and compared with the entry at their end.
        Err(_) if !after.is_empty() && name.first() == Some(&ConflictRecord::KIND) => return Ok((None, vain + bytes)),
        taken => taken?,
    }
    if !has_begun && !after.is_empty() {
        return Err(entry::damaged(vouched.what())); // the row before it leads on to one that is not there
    }
    if !has_begun {
        return Ok((None, vain));
    }
    let more = vouched.missing().is_some() && !vouched.ends_at(wanted.held);
    let rows = vouched.rows.into_iter().map(|(key, value)| (key[rows::PAST_BYTES..].to_vec(), value)).collect();
    Ok((Some(GivenRows { rows, more }), vain))
}

fn part_bytes(part: &GivenPart) -> usize {
    let subtrees_bytes = |subtrees: &[Subtree]| subtrees.iter().map(subtree_bytes).sum::<usize>();
    let held = match &part.held {
        Held::Subtrees(subtrees) => subtrees_bytes(subtrees),
        Held::Entries(entries) => entries.iter().map(|(name, value)| name.len() + value.len() + 8).sum(),
    };
    subtrees_bytes(&part.siblings) + held
}

/// Bytes of a subtree; of one that is a leaf, a row is read too.
fn subtree_bytes(subtree: &Subtree) -> usize {
    match subtree {
        Subtree::Empty => 1,
        Subtree::Leaf(_) => 65 + READ_BYTES,
        Subtree::Inner(_) => 33,
    }
}

fn rows_bytes(rows: &GivenRows) -> usize {
    rows.rows.iter().map(|(place, value)| place.len() + value.len() + 8).sum::<usize>() + 1
}
