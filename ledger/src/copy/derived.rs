//! Rows of the index, made from an entry and the rows that it vouches for, and the rows by which readers find what the
//! state still tells of.

use super::vouched::Vouched;
use crate::format::governance::Proposal;
use crate::lock::LockNode;
use crate::policy::attestation::PendingChange;
use crate::state::branch::{BranchRecord, Promise};
use crate::state::index::{IndexRow, Indexed};
use crate::state::record::{ConflictRecord, FileRecord, RefusedChange};
use crate::state::store::StoreError;
use crate::state::tree::TreeNumber;
use crate::state::{chain, entry, name, rows};
use crate::vocabulary::ids::{ConflictId, ProposalId};
use quorate_pbft::Digest;

/// Rows of an entry and of what it vouches for, in the order in which they are written: of the ends of a chain the last
/// one counts.
pub(super) fn of(tree: TreeNumber, name: &[u8], value: &[u8], vouched: &Vouched) -> Result<Vec<IndexRow>, StoreError> {
    match name.split_first() {
        Some((&name::SEQUENCE, _)) => {
            let rows = vouched.rows.iter().rev().map(|(key, row)| Ok(chain::index(key, &entry::value_of(row)?)));
            Ok(rows.collect::<Result<Vec<_>, StoreError>>()?.into_iter().flatten().collect())
        }
        Some((kind, rest)) => of_kind(*kind, (tree, rest), value),
        None => Ok(Vec::new()),
    }
}

/// Keys and values of rows of the archive.
pub(super) type Listings = Vec<(Vec<u8>, Vec<u8>)>;

/// Rows of the archive by which readers find a conflict or a proposal that stands in a domain's tree.
pub(super) fn listings(domain: &str, name: &[u8], value: &[u8]) -> Result<Listings, StoreError> {
    let id = || name.get(1..).and_then(|id| id.try_into().ok()).map(Digest).ok_or_else(|| entry::damaged("a name"));
    let keys = match name.first() {
        Some(&ConflictRecord::KIND) => {
            let (id, conflict): (_, ConflictRecord) = (ConflictId(id()?), entry::value_of(value)?);
            [rows::conflict(conflict.since, &id), rows::conflict_domain(&id)]
        }
        Some(&Proposal::KIND) => {
            let (id, proposal): (_, Proposal) = (ProposalId(id()?), entry::value_of(value)?);
            [rows::proposal(proposal.since, &id), rows::proposal_domain(&id)]
        }
        _ => return Ok(Vec::new()),
    };
    Ok(keys.map(|key| (key, entry::bytes_of(&domain))).into())
}

fn of_kind(kind: u8, at: (TreeNumber, &[u8]), value: &[u8]) -> Result<Vec<IndexRow>, StoreError> {
    match kind {
        FileRecord::KIND => index::<FileRecord>(at, value),
        ConflictRecord::KIND => index::<ConflictRecord>(at, value),
        PendingChange::KIND => index::<PendingChange>(at, value),
        LockNode::KIND => index::<LockNode>(at, value),
        Proposal::KIND => index::<Proposal>(at, value),
        RefusedChange::KIND => index::<RefusedChange>(at, value),
        BranchRecord::KIND => index::<BranchRecord>(at, value),
        Promise::KIND => index::<Promise>(at, value),
        _ => Ok(Vec::new()),
    }
}

fn index<T: Indexed>((tree, rest): (TreeNumber, &[u8]), value: &[u8]) -> Result<Vec<IndexRow>, StoreError> {
    let value: T = entry::value_of(value)?;
    value.index(tree, rest).ok_or_else(|| entry::damaged("the name of an entry"))
}
