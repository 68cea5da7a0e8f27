//! Seeks among own statements: every question here costs a few steps down a tree, however many rows there are.

use crate::key::{self, Place};
use crate::row::{Own, decode};
use crate::rows::{Order, Row, Rows};
use crate::tables::Name;
use quorate_ledger::StoreError;
use quorate_pbft::{Digest, Epoch, Kind, ReplicaId, Signed, View};

/// The own statement at a place.
pub(crate) fn at(rows: &impl Rows, group: Digest, place: Place) -> Result<Option<Signed>, StoreError> {
    let value = rows.row(Name::Statements, &place.key())?;
    value.map(|value| Ok(decode::<Own>(&value)?.signed(group, place))).transpose()
}

/// Epochs with own statements, newest first.
pub(crate) fn epochs(rows: &impl Rows) -> Result<Vec<Epoch>, StoreError> {
    let mut found = Vec::new();
    let mut to = Place::LAST;
    while let Some((key, _)) = rows.nearest(Name::Statements, &Place::FIRST, &to, Order::Down)? {
        let epoch = key::parse_epoch(&key)?;
        found.push(epoch);
        let Some(before) = epoch.previous() else { break };
        to = [u8::MAX; 25];
        to[..8].copy_from_slice(&before.get().to_be_bytes());
    }
    Ok(found)
}

/// Views (of Acks: lanes) with own statements of a kind, ascending.
pub(crate) fn views(rows: &impl Rows, epoch: Epoch, kind: Kind) -> Result<Vec<View>, StoreError> {
    let mut found = Vec::new();
    let (mut from, to) = (Place::new(epoch, kind, 0, 0), Place::new(epoch, kind, u64::MAX, u64::MAX).key());
    while let Some((key, _)) = rows.nearest(Name::Statements, &from.key(), &to, Order::Up)? {
        let view = Place::parse(&key)?.view;
        found.push(view);
        let Some(after) = view.get().checked_add(1) else { break };
        from.view = View::new(after);
    }
    Ok(found)
}

/// The newest own statement of a kind in an epoch: highest view, then highest seq.
pub(crate) fn newest(rows: &impl Rows, epoch: Epoch, kind: Kind) -> Result<Option<Row>, StoreError> {
    newest_within(rows, epoch, kind, 0, u64::MAX)
}

/// The newest own statement of a kind in a view; of Acks: of a lane.
pub(crate) fn newest_in(rows: &impl Rows, epoch: Epoch, kind: Kind, view: View) -> Result<Option<Row>, StoreError> {
    newest_within(rows, epoch, kind, view.get(), view.get())
}

fn newest_within(rows: &impl Rows, epoch: Epoch, kind: Kind, from: u64, to: u64) -> Result<Option<Row>, StoreError> {
    let (from, to) = (Place::new(epoch, kind, from, 0).key(), Place::new(epoch, kind, to, u64::MAX).key());
    rows.nearest(Name::Statements, &from, &to, Order::Down)
}

/// The number of this replica in an epoch, by its own newest bundle there.
pub(crate) fn me(rows: &impl Rows, epoch: Epoch) -> Result<Option<ReplicaId>, StoreError> {
    let newest = newest(rows, epoch, Kind::Bundle)?;
    newest.map(|(_, value)| Ok(decode::<Own>(&value)?.signer)).transpose()
}
