//! State of the core at a start: [`Recovered`], put together by seeks and short ranges, however long the history is.

use crate::gone;
use crate::key::{self, Place};
use crate::own;
use crate::record::kept;
use crate::row::{self, Accepted, Committed, LaneCert, Own, decode};
use crate::rows::{Order, Row, Rows};
use crate::snapshot::Snapshot;
use crate::starts::{self, Start};
use crate::tables::Name;
use quorate_ledger::StoreError;
use quorate_pbft::{
    Bundle, ClaimedCert, Digest, Epoch, ExecutedPoint, Kind, Position, REMEMBERED_SLOTS, Recovered, RecoveredSlot,
    ReplicaId, SeqNum, Signed, View,
};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Every kind that is stored.
pub(crate) const KINDS: [Kind; 8] = [
    Kind::Bundle,
    Kind::Ack,
    Kind::PrePrepare,
    Kind::Prepare,
    Kind::Commit,
    Kind::Checkpoint,
    Kind::ViewChange,
    Kind::NewView,
];

impl Snapshot {
    /// Reads the records that still matter from where execution stands. `executed` is the ledger's, read from the same
    /// snapshot.
    ///
    /// Votes, checkpoints and slots start above `low`, the highest stable checkpoint that is executed too: one that is
    /// not has not moved it, and below that one this replica may still have to repeat its word (C2).
    pub fn recover(&self, executed: ExecutedPoint) -> Result<Recovered, StoreError> {
        let group = self.group()?.unwrap_or_default(); // without one there is no row that leaves it out
        let epoch = self.epoch()?.max(executed.epoch);
        let (view, changing) = self.view(epoch)?;
        let low = self.stable(executed.seq)?.map_or(SeqNum::default(), |cert| cert.seq);
        let lanes = Lanes { epoch, tips: &executed.tips.iter().map(|tip| tip.position).collect::<Vec<_>>() };
        let floors = self.floors(epoch)?;
        Ok(Recovered {
            epoch,
            view,
            changing,
            oldest: self.oldest()?.map_or(executed.seq.next(), |oldest| oldest.min(executed.seq.next())),
            stable: self.stable(executed.seq)?,
            statements: match &floors {
                Some((low, tips)) => self.statements(group, &Lanes { epoch, tips }, *low)?,
                None => self.statements(group, &lanes, low)?,
            },
            floors: floors.map(|(low, tips)| (low, by_lane(&tips).collect())),
            bundles: self.bundles(group, &lanes)?,
            lane_certs: self.lane_certs(&lanes)?,
            headers: self.headers(group, epoch)?,
            certificates: self.certificates(epoch)?,
            slots: self.slots(group, low.next())?,
            evidence: self.evidence()?,
            view_change: starts::own_demand(self, epoch)?,
            new_views: self.starts(epoch, |named| !named)?,
            named_new_views: self.starts(epoch, |named| named)?,
            broken: self.about(key::BROKEN)?,
            executed,
            states: Vec::new(), // who executes them again knows
        })
    }

    /// Bounds of what was pruned, where a newer state was put under the promises: slots between were never here, and all
    /// statements above the bounds are.
    fn floors(&self, epoch: Epoch) -> Result<Option<(SeqNum, Vec<Position>)>, StoreError> {
        let pruned = self.pruned()?;
        if gone::oldest(self)? <= pruned.seq.next() {
            return Ok(None);
        }
        let mut tips = Vec::new();
        if pruned.epoch != epoch {
            return Ok(Some((pruned.seq, tips))); // slots are numbered over all epochs, positions of lanes in each
        }
        for (lane, tip) in pruned.tips {
            tips.resize(tips.len().max(lane.index() + 1), Position::default());
            tips[lane.index()] = tip;
        }
        Ok(Some((pruned.seq, tips)))
    }

    fn view(&self, epoch: Epoch) -> Result<(View, bool), StoreError> {
        let value = self.row(Name::Views, &epoch.get().to_be_bytes())?;
        value.map_or(Ok((View::default(), false)), |value| decode(&value))
    }

    /// The lowest slot whose decision is here, and served.
    fn oldest(&self) -> Result<Option<SeqNum>, StoreError> {
        let from = key::slot(gone::oldest(self)?);
        let first = self.nearest_key(Name::Committed, &from, &key::slot(SeqNum::new(u64::MAX)), Order::Up)?;
        first.map(|key| key::parse_slot(&key)).transpose()
    }

    /// Slot of the newest stable checkpoint that was certified to this replica, executed or not.
    pub fn newest_stable(&self) -> Result<Option<SeqNum>, StoreError> {
        let newest = self.nearest(Name::Stable, &[], &key::slot(SeqNum::new(u64::MAX)), Order::Down)?;
        let slot = |(key, value): (Vec<u8>, Vec<u8>)| Ok((key::parse_slot(&key)?, decode::<ClaimedCert>(&value)?.seq));
        let slots = newest.map(slot).transpose()?;
        Ok(slots.filter(|(key, seq)| key == seq).map(|(_, seq)| seq)) // a damaged row says nothing
    }

    /// The highest stable checkpoint up to a slot.
    pub(crate) fn stable(&self, up_to: SeqNum) -> Result<Option<ClaimedCert>, StoreError> {
        let newest = self.nearest(Name::Stable, &[], &key::slot(up_to), Order::Down)?;
        newest.map(|(_, value)| decode(&value)).transpose()
    }

    fn statements(&self, group: Digest, lanes: &Lanes<'_>, low: SeqNum) -> Result<Vec<Signed>, StoreError> {
        let me = own::me(self, lanes.epoch)?;
        let mut found = BTreeMap::new();
        for kind in KINDS {
            for view in own::views(self, lanes.epoch, kind)? {
                let above = match kind {
                    Kind::Bundle => me.map_or(0, |me| lanes.tip(me)),
                    Kind::Ack => lanes.tip(ReplicaId::new(view.get() as u16)),
                    Kind::ViewChange | Kind::NewView | Kind::Status => u64::MAX,
                    Kind::PrePrepare | Kind::Prepare | Kind::Commit | Kind::Checkpoint => low.get(),
                };
                let from = Place::new(lanes.epoch, kind, view.get(), above.saturating_add(1));
                let to = Place::new(lanes.epoch, kind, view.get(), u64::MAX);
                self.each(Name::Statements, &from.key(), &to.key(), |key, value| put(&mut found, group, key, value))?;
            }
        }
        for (key, value) in self.newest_of_each(lanes.epoch)? {
            put(&mut found, group, &key, &value)?;
        }
        Ok(found.into_values().collect())
    }

    /// The newest of each kind in the newest epoch that has one; of Acks, of each lane of this epoch.
    fn newest_of_each(&self, epoch: Epoch) -> Result<Vec<Row>, StoreError> {
        let mut newest = Vec::new();
        for lane in own::views(self, epoch, Kind::Ack)? {
            newest.extend(own::newest_in(self, epoch, Kind::Ack, lane)?);
        }
        let epochs = own::epochs(self)?;
        for kind in KINDS {
            for epoch in &epochs {
                if let Some(row) = own::newest(self, *epoch, kind)? {
                    newest.push(row);
                    break;
                }
            }
        }
        Ok(newest)
    }

    fn bundles(&self, group: Digest, lanes: &Lanes<'_>) -> Result<Vec<Arc<Bundle>>, StoreError> {
        let mut bundles = Vec::new();
        self.each_above(Name::Bundles, lanes, |_, _, value| {
            bundles.push(Arc::new(row::parse_bundle(value, group, lanes.epoch)?));
            Ok(())
        })?;
        Ok(bundles)
    }

    fn lane_certs(&self, lanes: &Lanes<'_>) -> Result<Vec<ClaimedCert>, StoreError> {
        let mut certs = Vec::new();
        self.each_above(Name::LaneCerts, lanes, |lane, position, value| {
            certs.push(decode::<LaneCert>(value)?.claim(lanes.epoch, lane, position));
            Ok(())
        })?;
        Ok(certs)
    }

    /// The newest header of each lane. One that is damaged is left to others: this replica only remembers whose it was.
    fn headers(&self, group: Digest, epoch: Epoch) -> Result<Vec<Signed>, StoreError> {
        let mut found = Vec::new();
        for lane in self.lanes(Name::Bundles, epoch)? {
            let at = |position| key::lane(epoch, lane, Position::new(position));
            let Some(key) = self.nearest_key(Name::Bundles, &at(0), &at(u64::MAX), Order::Down)? else { continue };
            let bundle = self.beginning(Name::Bundles, &key).ok().flatten();
            found.extend(bundle.and_then(|bundle| row::parse_statement(&bundle, group, epoch).ok()));
        }
        Ok(found)
    }

    /// The newest certificate of each lane and those of the newest decisions, as far as these are undamaged.
    fn certificates(&self, epoch: Epoch) -> Result<Vec<ClaimedCert>, StoreError> {
        let mut found = Vec::new();
        for lane in self.lanes(Name::LaneCerts, epoch)? {
            if let Some((key, value)) = self.newest_of_lane(Name::LaneCerts, epoch, lane)? {
                found.push(decode::<LaneCert>(&value)?.claim(epoch, lane, key::parse_lane(&key)?.2));
            }
        }
        let mut slots = Vec::new();
        self.keys(Name::Committed, &[], &key::slot(SeqNum::new(u64::MAX)), Order::Down, &mut |key, _| {
            slots.push(key::parse_slot(key)?);
            Ok(if slots.len() < REMEMBERED_SLOTS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        let decided = slots.into_iter().filter_map(|seq| kept(self, seq)?.ok());
        found.extend(decided.map(|slot| slot.certificate));
        Ok(found)
    }

    fn newest_of_lane(&self, table: Name, epoch: Epoch, lane: ReplicaId) -> Result<Option<Row>, StoreError> {
        let at = |position| key::lane(epoch, lane, Position::new(position));
        self.nearest(table, &at(0), &at(u64::MAX), Order::Down)
    }

    fn slots(&self, group: Digest, from: SeqNum) -> Result<Vec<RecoveredSlot>, StoreError> {
        let mut slots = BTreeMap::new();
        let to = SeqNum::new(u64::MAX);
        self.each(Name::Accepted, &key::slot(from), &key::slot_view(to, View::new(u64::MAX)), |at, value| {
            let (seq, row) = (key::parse_slot(at)?, decode::<Accepted>(value)?);
            let pre_prepare = row.pre_prepare(group, seq, key::parse_view(at)?);
            slot(&mut slots, seq).accepted.push((pre_prepare, row.content));
            Ok(())
        })?;
        self.each(Name::Prepared, &key::slot(from), &key::slot(to), |at, value| {
            slot(&mut slots, key::parse_slot(at)?).prepared = Some(decode(value)?);
            Ok(())
        })?;
        self.each(Name::Committed, &key::slot(from), &key::slot(to), |at, value| {
            let row: Committed = decode(value)?;
            slot(&mut slots, key::parse_slot(at)?).committed = Some((row.certificate, row.content));
            Ok(())
        })?;
        Ok(slots.into_values().collect())
    }

    /// Starts of an epoch's views: those that were entered, or those that were only named.
    pub(crate) fn starts(&self, epoch: Epoch, wanted: impl Fn(bool) -> bool) -> Result<Vec<Start>, StoreError> {
        let entered = key::view(epoch, View::new(0)).len();
        let found = starts::all(self, epoch)?.into_iter().filter(|(key, _)| wanted(key.len() > entered));
        Ok(found.map(|(_, start)| start).collect())
    }

    /// The start of a view, if it is the one that is asked for.
    pub(crate) fn new_view(&self, epoch: Epoch, view: View, digest: Digest) -> Result<Option<Start>, StoreError> {
        let value = self.row(Name::NewViews, &key::view(epoch, view))?;
        let entered: Option<Start> = value.map(|value| decode(&value)).transpose()?;
        if let Some(found) = entered.filter(|(statement, _)| statement.statement.digest == digest) {
            return Ok(Some(found));
        }
        let named = self.row(Name::NewViews, &key::named_start(epoch, view, digest))?;
        named.map(|value| decode(&value)).transpose()
    }

    /// Rows of each lane above its executed tip, lane by lane.
    fn each_above(
        &self,
        table: Name,
        lanes: &Lanes<'_>,
        mut each: impl FnMut(ReplicaId, Position, &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        for lane in self.lanes(table, lanes.epoch)? {
            let at = |position| key::lane(lanes.epoch, lane, Position::new(position));
            let (from, to) = (at(lanes.tip(lane).saturating_add(1)), at(u64::MAX));
            self.each(table, &from, &to, |key, value| each(lane, key::parse_lane(key)?.2, value))?;
        }
        Ok(())
    }

    /// Lanes with rows in a table, ascending.
    pub(crate) fn lanes(&self, table: Name, epoch: Epoch) -> Result<Vec<ReplicaId>, StoreError> {
        let last = key::lane(epoch, ReplicaId::new(u16::MAX), Position::new(u64::MAX));
        let (mut found, mut next) = (Vec::new(), Some(0));
        while let Some(lane) = next {
            let from = key::lane(epoch, ReplicaId::new(lane), Position::new(0));
            let Some(key) = self.nearest_key(table, &from, &last, Order::Up)? else { break };
            let (_, lane, _) = key::parse_lane(&key)?;
            found.push(lane);
            next = lane.get().checked_add(1);
        }
        Ok(found)
    }

    /// Calls `each` for the rows of `from..=to`, in key order.
    pub(crate) fn each(
        &self,
        table: Name,
        from: &[u8],
        to: &[u8],
        mut each: impl FnMut(&[u8], &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.rows(table, from, to, Order::Up, &mut |key, value| each(key, value).map(ControlFlow::Continue))
    }
}

/// Executed positions of the lanes of an epoch.
struct Lanes<'a> {
    epoch: Epoch,
    tips: &'a [Position],
}

impl Lanes<'_> {
    fn tip(&self, lane: ReplicaId) -> u64 {
        self.tips.get(lane.index()).copied().unwrap_or_default().get()
    }
}

fn by_lane(tips: &[Position]) -> impl Iterator<Item = (ReplicaId, SeqNum)> {
    let number = |(index, tip): (usize, &Position)| (ReplicaId::new(index as u16), SeqNum::new(tip.get()));
    tips.iter().enumerate().map(number)
}

fn put(found: &mut BTreeMap<Place, Signed>, group: Digest, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
    let place = Place::parse(key)?;
    found.insert(place, decode::<Own>(value)?.signed(group, place));
    Ok(())
}

fn slot(slots: &mut BTreeMap<SeqNum, RecoveredSlot>, seq: SeqNum) -> &mut RecoveredSlot {
    slots.entry(seq).or_insert_with(|| RecoveredSlot { seq, accepted: Vec::new(), prepared: None, committed: None })
}
