//! Slots and states of parcels into the folder of an observer that is stopped.
//!
//! A parcel is read twice: nothing of it is executed before all of it was checked. The slots then go through the engine as
//! those that members hand over do.

use super::error::{ParcelError, at};
use super::frame::{Frame, Kind};
use super::read::Parcel;
use super::walk::Walk;
use crate::clock::now_ms;
use crate::config::DATA;
use crate::copying::{self, Copied};
use crate::engine::{Engine, EngineError, Request};
use crate::observer;
use crate::pool::CachedVerify;
use quorate_ledger::Genesis;
use quorate_ledger::proof::Epochs;
use quorate_pbft::{Admitted, Digest, ExecutedPoint, Message, Now, QuorumCert, SeqNum, Ticks, Time};
use std::fs;
use std::mem;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Slots, bundles and bytes of bundles that are in memory at once, unless one slot has more: a follower takes 64 bundles
/// of a lane ahead.
const SLOTS_AT_ONCE: usize = 64;
const BUNDLES_AT_ONCE: usize = 64;
const BYTES_AT_ONCE: u64 = 4 << 20;
/// Rounds without a new slot after which an engine does not go on.
const IDLE_ROUNDS_MAX: usize = 1_000;

/// State of a folder after a parcel was taken.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The slot that was executed before.
    pub before: SeqNum,
    /// The slot that is executed now.
    pub seq: SeqNum,
    /// Root of the state.
    pub state_root: Digest,
    /// Whether a quorum has signed just that state.
    pub certified: bool,
}

/// Executes the slots of a parcel in the folder of a stopped observer, or puts the state of one there. Members that had left in
/// the epochs that the folder or somebody beside it knows are not believed (M3). Says which epochs are known with it.
pub fn import(
    path: &Path,
    dir: &Path,
    (genesis, known): (&Arc<Genesis>, &Epochs),
    tell: impl Fn(SeqNum),
) -> Result<(Imported, Epochs), ParcelError> {
    if copying::is_snapshot(path) {
        return state(path, dir, (genesis, known));
    }
    Parcel::open(path)?.of_kind(Kind::Slots)?.of_group(genesis.group(), "the genesis is")?;
    let mut site = if dir.join(DATA).exists() { Some(Site::open(dir, genesis)?) } else { None };
    let own = site.as_ref().map_or_else(|| ExecutedPoint::genesis(0), |site| site.point().clone());
    let known = site.as_ref().map_or_else(|| Ok(known.clone()), |site| site.knowing(known))?;
    let walk = || Walk::after(genesis, &known);
    let certificate = check(path, dir, walk(), &own)?;
    let mut site = site.take().map_or_else(|| Site::open(dir, genesis), Ok)?;
    if let Some(certificate) = certificate {
        // The certificate comes first: what it covers leaves memory while the rest is executed.
        site.round(vec![certificate])?;
        Parcel::open(path)?.walk(walk(), |walk, message| site.follow(walk, message, own.seq, &tell))?;
        site.flush()?;
    }
    let (seq, certified) = (site.point().seq, site.engine.core().stable().map(QuorumCert::seq));
    let state_root = site.engine.ledger().state_root();
    let imported = Imported { before: own.seq, seq, state_root, certified: certified == Some(seq) };
    Ok((imported, site.knowing(&known)?))
}

/// Checks a parcel to its end, and that it goes on where a folder stands. The certificate at its end; none where nothing in
/// it is new.
fn check(path: &Path, dir: &Path, walk: Walk<'_>, own: &ExecutedPoint) -> Result<Option<Admitted>, ParcelError> {
    let (mut last, executed) = (None, own.seq);
    let mut parcel = Parcel::open(path)?;
    let Frame::Slots { begin, .. } = parcel.head.clone() else { return Ok(None) };
    let begins = begin.seq().next();
    let walk = parcel.walk(walk, |walk, message| {
        last = message;
        if begins > executed.next() {
            return Err(ParcelError::Gap { dir: dir.to_owned(), executed, begins });
        }
        let here = walk.is_between().then_some(walk.point()).filter(|point| point.seq == executed);
        let here = here.map(|point| point.lane_hash).or_else(|| (begin.seq() == executed).then(|| begin.lane_hash()));
        match here.filter(|lane_hash| *lane_hash != own.lane_hash) {
            Some(_) => Err(ParcelError::OtherOrder { dir: dir.to_owned(), seq: executed }),
            None => Ok(()),
        }
    })?;
    Ok(last.filter(|_| walk.point().seq > executed))
}

/// Puts the certified state of a snapshot in place of the folder's, which must not be newer.
fn state(
    path: &Path,
    dir: &Path,
    (genesis, known): (&Arc<Genesis>, &Epochs),
) -> Result<(Imported, Epochs), ParcelError> {
    let (public, data) = (observer::furnish(dir, genesis, false)?, dir.join(DATA));
    let site = match data.exists().then(|| Site::open(dir, genesis)) {
        Some(Err(ParcelError::Launch(error))) if error.is_of_lost_database() => None, // kept beside the new one
        site => site.transpose()?,
    };
    let stands = site.map(|site| Ok::<_, ParcelError>((site.point().seq, site.knowing(known)?))).transpose()?;
    let is_there = stands.is_some();
    let (before, known) = stands.unwrap_or_else(|| (SeqNum::default(), known.clone()));
    if before > SeqNum::default() || !known.steps().is_empty() {
        let offered = copying::verify(path, (genesis, &known))?.0.seq;
        if offered <= before {
            return Err(ParcelError::Older { dir: dir.to_owned(), executed: before, offered });
        }
    }
    if before == SeqNum::default() && is_there {
        // Nothing but the genesis is in it.
        fs::remove_dir_all(&data).map_err(at(&data))?;
    }
    let Copied { seq, state_root, progress, .. } = copying::restore(path, &data, genesis, &public.0)?;
    if progress.answers == 0 {
        return Err(ParcelError::Ended { dir: dir.to_owned(), seq });
    }
    let epochs = Site::open(dir, genesis)?.knowing(&known)?;
    Ok((Imported { before, seq, state_root, certified: true }, epochs))
}

/// Observer of a folder, without members.
struct Site<'d> {
    dir: &'d Path,
    engine: Engine,
    began: Instant,
    /// Slots whose decisions a follower keeps, and what is in memory at once.
    slots_at_once: usize,
    /// Slot that comes by.
    coming: Group,
    /// Slots that came whole and are not executed yet.
    waiting: Group,
}

/// Slots with their bundles in the order in which a follower takes them.
#[derive(Default)]
struct Group {
    decided: Vec<Admitted>,
    bundles: Vec<Admitted>,
    bytes: u64,
}

impl<'d> Site<'d> {
    fn open(dir: &'d Path, genesis: &Arc<Genesis>) -> Result<Self, ParcelError> {
        let public = observer::furnish(dir, genesis, true)?;
        let engine = observer::open(genesis, &Arc::new(CachedVerify::new()), &dir.join(DATA), &public)?;
        let slots_at_once = SLOTS_AT_ONCE.min(genesis.constants().window as usize);
        let (began, coming, waiting) = (Instant::now(), Group::default(), Group::default());
        Ok(Self { dir, engine, began, slots_at_once, coming, waiting })
    }

    fn point(&self) -> &ExecutedPoint {
        self.engine.ledger().executed()
    }

    /// The epochs that the folder knows, and those that somebody knows beside it.
    fn knowing(&self, known: &Epochs) -> Result<Epochs, ParcelError> {
        let own = self.engine.published().moment.view().chain_of_epochs().map_err(EngineError::from)?;
        own.joined(known.steps()).map_err(|why| self.broken(why.to_string()))
    }

    /// Takes what a walk has checked, of slots above those that were executed before.
    fn follow(
        &mut self,
        walk: &Walk<'_>,
        message: Option<Admitted>,
        executed: SeqNum,
        tell: impl Fn(SeqNum),
    ) -> Result<(), ParcelError> {
        let seq = if walk.is_between() { walk.point().seq } else { walk.point().seq.next() };
        let Some(message) = message.filter(|_| seq > executed && walk.certified().is_none()) else { return Ok(()) };
        match message.message() {
            Message::Bundle(bundle) => {
                self.coming.bytes += bundle.header.bytes;
                self.coming.bundles.push(message);
            }
            _ => self.coming.decided.push(message),
        }
        if walk.is_between() {
            let slot = mem::take(&mut self.coming);
            if !self.waiting.has_room(&slot, self.slots_at_once) {
                self.flush()?;
                tell(self.point().seq);
            }
            self.waiting.add(slot);
        }
        Ok(())
    }

    /// Executes what waits: decisions first, for bundles are taken where a decided tip leads to them.
    fn flush(&mut self) -> Result<(), ParcelError> {
        let Group { decided, bundles, .. } = mem::take(&mut self.waiting);
        // Not the number of slots: after an interrupted run the first of them may be executed by now.
        let to = decided.iter().filter_map(slot_of).max().unwrap_or_default();
        self.round(decided)?;
        self.round(bundles)?;
        let mut idle = 0;
        while self.point().seq < to {
            let before = self.point().seq;
            self.round(Vec::new())?;
            idle = if self.point().seq > before { 0 } else { idle + 1 };
            if idle > IDLE_ROUNDS_MAX {
                return Err(self.broken("the data of the next slot is not there".to_owned()));
            }
        }
        Ok(())
    }

    fn round(&mut self, messages: Vec<Admitted>) -> Result<(), ParcelError> {
        let (ticks, wall) = (self.began.elapsed().as_millis() as u64, now_ms());
        let requests = messages.into_iter().map(|message| Request::Message(Box::new(message)));
        let round = self.engine.round(Now { ticks: Ticks::new(ticks), wall: Time::new(wall) }, requests.collect())?;
        if let Some(fold) = round.fold {
            fold.run().map_err(EngineError::from)?;
        }
        self.engine.broken().map_or(Ok(()), |broken| Err(self.broken(broken.to_string())))
    }

    fn broken(&self, why: String) -> ParcelError {
        ParcelError::Broken { dir: self.dir.to_owned(), seq: self.point().seq, why }
    }
}

fn slot_of(message: &Admitted) -> Option<SeqNum> {
    if let Message::Decided { certificate, .. } = message.message() { Some(certificate.seq) } else { None }
}

impl Group {
    fn has_room(&self, slot: &Self, slots_at_once: usize) -> bool {
        let is_full = self.decided.len() >= slots_at_once
            || self.bundles.len() + slot.bundles.len() > BUNDLES_AT_ONCE
            || self.bytes + slot.bytes > BYTES_AT_ONCE;
        self.decided.is_empty() || !is_full
    }

    fn add(&mut self, slot: Self) {
        self.decided.extend(slot.decided);
        self.bundles.extend(slot.bundles);
        self.bytes += slot.bytes;
    }
}
