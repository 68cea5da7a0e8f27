//! Starts of views on disk, and how long they stay (E1, V4).
//!
//! A start stays as long as its view may be named in an own ViewChange: while it is not below the own view, nor below
//! that of any accepted content that is kept, nor below the one in which the last covered slot was decided. It stays
//! besides while it carries a slot that is not covered, of which evidence may still be wanted (E4), and while a
//! ViewChange names it that is the own newest or lies in a start that stays: whoever sends these serves it.

use crate::key;
use crate::pruned::Pruned;
use crate::record::kept;
use crate::row::decode;
use crate::rows::{Order, Rows};
use crate::tables::Name;
use quorate_ledger::StoreError;
use quorate_pbft::{Digest, Epoch, NewView, SeqNum, Signed, View, ViewChange};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

/// A start with its statement.
pub(crate) type Start = (Signed, Arc<NewView>);

/// The starts of an epoch's views with their keys, ascending; one that was not entered has the longer key.
pub(crate) fn all(rows: &impl Rows, epoch: Epoch) -> Result<Vec<(Vec<u8>, Start)>, StoreError> {
    let mut found = Vec::new();
    let from = key::view(epoch, View::new(0));
    let to = key::named_start(epoch, View::new(u64::MAX), Digest([u8::MAX; 32]));
    rows.rows(Name::NewViews, &from, &to, Order::Up, &mut |key, value| {
        found.push((key.to_vec(), decode(value)?));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

/// The own newest ViewChange of an epoch.
pub(crate) fn own_demand(rows: &impl Rows, epoch: Epoch) -> Result<Option<(Signed, Arc<ViewChange>)>, StoreError> {
    let value = rows.row(Name::ViewChanges, &epoch.get().to_be_bytes())?;
    value.map(|value| decode(&value)).transpose()
}

/// The view below which no own ViewChange names a start any more, once the slots up to `bounds.seq` are covered.
pub(crate) fn view_floor(rows: &impl Rows, bounds: &Pruned) -> Result<View, StoreError> {
    let decided = kept(rows, bounds.seq).and_then(Result::ok).filter(|slot| slot.certificate.epoch == bounds.epoch);
    let own = rows.row(Name::Views, &bounds.epoch.get().to_be_bytes())?;
    let own: Option<(View, bool)> = own.map(|value| decode(&value)).transpose()?;
    let (Some(decided), Some((own, _))) = (decided, own) else { return Ok(bounds.view) };
    let mut floor = decided.certificate.view.min(own);
    if floor > bounds.view {
        let from = key::slot_view(bounds.seq.next(), View::new(0));
        let to = key::slot_view(SeqNum::new(u64::MAX), View::new(u64::MAX));
        rows.rows(Name::Accepted, &from, &to, Order::Up, &mut |key, _| {
            floor = floor.min(key::parse_view(key)?);
            Ok(ControlFlow::Continue(()))
        })?;
    }
    Ok(floor.max(bounds.view))
}

/// Keys of the starts that nothing rests on any more.
pub(crate) fn unneeded(rows: &impl Rows, bounds: &Pruned) -> Result<Vec<Vec<u8>>, StoreError> {
    let stays = |(_, (_, start)): &(Vec<u8>, Start)| start.view >= bounds.view || start.last() > bounds.seq;
    let (kept, old): (Vec<_>, Vec<_>) = all(rows, bounds.epoch)?.into_iter().partition(stays);
    let own = own_demand(rows, bounds.epoch)?.map(|(_, demand)| demand);
    let carried = kept.iter().flat_map(|(_, (_, start))| start.view_changes.iter().map(|(_, demand)| demand));
    let named: BTreeSet<Digest> =
        carried.chain(&own).flat_map(|demand| demand.named()).map(|(_, digest)| digest).collect();
    let unneeded = old.into_iter().filter(|(_, (statement, _))| !named.contains(&statement.statement.digest));
    Ok(unneeded.map(|(key, _)| key).collect())
}
