//! Chains of envelopes that were sent without waiting for each: who wrote what last.
//!
//! An envelope's writes are laid out by path when another one is first based on it, so envelopes that nobody builds on
//! cost nothing, and a long chain costs each of its links only what that link wrote. Chain rows can be derived from the
//! authors' verdicts.

use crate::state::abort::Abort;
use crate::state::overlay::Overlay;
use crate::state::record::Verdict;
use crate::state::store::{Read, StoreError, Table};
use crate::state::tree::{self, Key};
use crate::state::{entry, name, rows};
use crate::vocabulary::file::File;
use crate::vocabulary::ids::EnvelopeId;
use crate::vocabulary::verdict::Code;
use borsh::{BorshDeserialize, BorshSerialize};
use core::ops::ControlFlow;

/// Forks on the way from an envelope to the start of its chain: each is one more look for every path.
const FORKS_MAX: u32 = 64;

/// An envelope's place in a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Link {
    /// The chain's first envelope.
    chain: EnvelopeId,
    /// From 1.
    depth: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
struct Chain {
    length: u64,
    /// Link at which it left another chain.
    parent: Option<Link>,
    forks: u32,
}

/// The place of an accepted envelope, as what another one is now based on.
pub(crate) fn enter(overlay: &mut Overlay, id: EnvelopeId, verdict: &Verdict) -> Result<Link, Abort> {
    if let Some(link) = entry::load_row(overlay.stored(), Table::History, &rows::link(&id))? {
        return Ok(link);
    }
    let (link, chain) = place(overlay.stored(), id, verdict)?;
    for (path, file) in &verdict.view.writes {
        let key = tree::key_of(&name::file(path));
        overlay.derive(Table::History, &rows::chain_write(&link.chain, &key, link.depth), file)?;
    }
    overlay.derive(Table::History, &rows::chain(&link.chain), &chain)?;
    overlay.derive(Table::History, &rows::link(&id), &link)?;
    Ok(link)
}

/// At the end of its parent's chain, or the start of a new one.
fn place(read: &dyn Read, id: EnvelopeId, verdict: &Verdict) -> Result<(Link, Chain), Abort> {
    let start = |parent, forks| (Link { chain: id, depth: 1 }, Chain { length: 1, parent, forks });
    let Some(parent) = &verdict.view.parent else {
        return Ok(start(None, 0));
    };
    let parent: Option<Link> = entry::load_row(read, Table::History, &rows::link(parent))?;
    let parent = parent.ok_or_else(|| entry::damaged("the parent of a chain"))?;
    let chain = chain(read, &parent.chain)?;
    if chain.length == parent.depth {
        let depth = parent.depth + 1;
        return Ok((Link { depth, ..parent }, Chain { length: depth, ..chain }));
    }
    if chain.forks == FORKS_MAX {
        return Err(Abort::refused(Code::BaseUnknown, format!("the chain of bases forks more than {FORKS_MAX} times")));
    }
    Ok(start(Some(parent), chain.forks + 1))
}

fn chain(read: &dyn Read, id: &EnvelopeId) -> Result<Chain, StoreError> {
    let chain = entry::load_row(read, Table::History, &rows::chain(id))?;
    chain.ok_or_else(|| entry::damaged("a chain"))
}

/// Last write of the chain at a path; none where it never wrote there.
pub(crate) fn written(read: &dyn Read, link: &Link, path: &Key) -> Result<Option<Option<File>>, StoreError> {
    let mut at = Some(*link);
    while let Some(link) = at {
        let (from, to) = (rows::chain_write(&link.chain, path, 0), rows::chain_write(&link.chain, path, link.depth));
        let mut found = Ok(None);
        read.scan_back(Table::History, &from, &to, &mut |_, value| {
            found = entry::value_of(value).map(Some);
            ControlFlow::Break(())
        })?;
        if let Some(file) = found? {
            return Ok(Some(file));
        }
        at = chain(read, &link.chain)?.parent;
    }
    Ok(None)
}
