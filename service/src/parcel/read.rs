//! A parcel that is read: its first frame says what follows, and whoever reads on checks it.

use super::error::{ParcelError, Wrong, unread};
use super::frame::{Frame, Kind};
use super::walk::Walk;
use crate::framed::{Mark, Reader};
use quorate_ledger::proof::{Proof, Proved, ProvedReceipt};
use quorate_ledger::{EnvelopeCheck, Genesis};
use quorate_pbft::{Admitted, Digest, Item, ItemKind, PayloadCheck as _, PublicKey, ReplicaId, SeqNum, Time};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Statement of a parcel that verifies.
#[derive(Debug, Clone)]
pub struct Verified {
    /// Kind of the parcel.
    pub kind: Kind,
    /// Group that it is of.
    pub group: Digest,
    /// Bytes of the file.
    pub bytes: u64,
    /// Envelopes, receipts or slots.
    pub count: u64,
    /// Slots, where it holds any.
    pub slots: Option<Slots>,
    /// Domain of a history, and the gaps between the numbers of its authors.
    pub history: Option<(String, Vec<String>)>,
}

/// Slots of a parcel, and the certified state that covers them.
#[derive(Debug, Clone)]
pub struct Slots {
    /// The first slot.
    pub first: SeqNum,
    /// The last slot.
    pub last: SeqNum,
    /// Their bundles.
    pub bundles: u64,
    /// Over all bundles up to the last slot.
    pub lane_hash: Digest,
    /// Slot of the certified state.
    pub certified: SeqNum,
    /// Ledger time of it.
    pub time: Time,
    /// Root of it.
    pub state_root: Digest,
    /// Replicas that signed it.
    pub signers: Vec<ReplicaId>,
}

/// Parcel that is read.
pub struct Parcel {
    path: PathBuf,
    frames: Reader<Frame>,
    /// First frame.
    pub head: Frame,
    /// Kind of it.
    pub kind: Kind,
    /// Group that it is of.
    pub group: Digest,
}

impl Parcel {
    /// Opens a parcel and reads its first frame.
    pub fn open(path: &Path) -> Result<Self, ParcelError> {
        let mut frames = Reader::open(path).map_err(|error| unread(path, 0, None, error))?;
        let head: Frame = frames.read().map_err(|error| unread(path, frames.at, None, error))?;
        let why = Wrong::Misplaced;
        let unsound = || ParcelError::Unsound { path: path.to_owned(), at: frames.at, good: None, why };
        let (kind, group) = head.begins().ok_or_else(unsound)?;
        Ok(Self { path: path.to_owned(), frames, head, kind, group })
    }

    /// Refuses a parcel of another kind.
    pub fn of_kind(self, wanted: Kind) -> Result<Self, ParcelError> {
        let (path, found) = (self.path.clone(), self.kind);
        if found == wanted { Ok(self) } else { Err(ParcelError::Kind { path, found, wanted }) }
    }

    /// Refuses a parcel of another group than whose this is.
    pub fn of_group(self, ours: Digest, whose: &str) -> Result<Self, ParcelError> {
        let (path, theirs, whose) = (self.path.clone(), self.group, whose.to_owned());
        if theirs == ours { Ok(self) } else { Err(ParcelError::OtherGroup { path, theirs, whose, ours }) }
    }

    /// A fault of the last frame.
    pub fn unsound(&self, good: Option<Option<SeqNum>>, why: Wrong) -> ParcelError {
        ParcelError::Unsound { path: self.path.clone(), at: self.frames.at, good, why }
    }

    fn read(&mut self, good: Option<Option<SeqNum>>) -> Result<Frame, ParcelError> {
        self.frames.read().map_err(|error| unread(&self.path, self.frames.at, good, error))
    }

    /// Walks along slots to the end of the parcel; `each` is told the walk and the message of each frame.
    pub fn walk<'g>(
        &mut self,
        genesis: Option<&'g Genesis>,
        mut each: impl FnMut(&Walk<'g>, Option<Admitted>) -> Result<(), ParcelError>,
    ) -> Result<Walk<'g>, ParcelError> {
        let mut walk = Walk::new(genesis);
        walk.take(&self.head).map_err(|why| self.unsound(Some(None), why))?;
        while walk.certified().is_none() {
            let (good, frame) = (walk.good(), self.read(Some(walk.good()))?);
            let message = walk.take(&frame).map_err(|why| self.unsound(Some(good), why))?;
            each(&walk, message)?;
        }
        self.frames.close().map_err(|error| unread(&self.path, self.frames.at, Some(walk.good()), error))?;
        Ok(walk)
    }

    /// As far as slots are whole and fit together: the walk up to there, and the place behind them.
    pub fn walk_far<'g>(&mut self, genesis: Option<&'g Genesis>) -> Option<(Walk<'g>, Mark)> {
        let (mut walk, mut last) = (Walk::new(genesis), None);
        let mut next = Some(self.head.clone());
        while let Some(frame) = next.take() {
            if matches!(frame, Frame::End(_)) || walk.take(&frame).is_err() {
                break;
            }
            if walk.is_between() {
                last = Some((walk.clone(), self.frames.mark()));
            }
            next = self.frames.read().ok();
        }
        last
    }

    /// Takes frame after frame up to the count that ends the parcel.
    pub fn each(
        &mut self,
        mut take: impl FnMut(u64, Frame) -> Result<(), Result<Wrong, ParcelError>>,
    ) -> Result<u64, ParcelError> {
        let mut found = 0;
        loop {
            match self.read(None)? {
                Frame::Count(due) if due == found => break,
                Frame::Count(due) => return Err(self.unsound(None, Wrong::Count { due, found })),
                frame => {
                    found += 1;
                    let taken = take(found, frame);
                    taken.map_err(|why| why.map_or_else(|error| error, |why| self.unsound(None, why)))?;
                }
            }
        }
        self.frames.close().map_err(|error| unread(&self.path, self.frames.at, None, error))?;
        Ok(found)
    }

    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.frames.end
    }
}

/// Checks a parcel with the genesis alone: each byte, each signature, and that nothing is missing.
pub fn verify(path: &Path, genesis: &Genesis) -> Result<Verified, ParcelError> {
    let mut parcel = Parcel::open(path)?;
    let (kind, group) = (parcel.kind, parcel.group);
    if group != genesis.group() {
        let good = (kind == Kind::Slots).then_some(None);
        return Err(parcel.unsound(good, Wrong::Group { theirs: group, ours: genesis.group() }));
    }
    let mut verified = Verified { kind, group, bytes: 0, count: 0, slots: None, history: None };
    match kind {
        Kind::Slots => {
            let slots = slots(&parcel.walk(Some(genesis), |_, _| Ok(()))?);
            verified.count = slots.as_ref().map_or(0, |slots| slots.last.get() + 1 - slots.first.get());
            verified.slots = slots;
        }
        Kind::Outbox => {
            let check = EnvelopeCheck::new(genesis);
            verified.count = parcel.each(|number, frame| envelope(&check, number, frame).map(drop).map_err(Ok))?;
        }
        Kind::Receipts => {
            verified.count = parcel.each(|number, frame| match frame {
                Frame::Unanswered { .. } => Ok(()),
                frame => receipt(genesis, number, frame).map(drop).map_err(Ok),
            })?;
        }
        Kind::History => (verified.count, verified.history) = history(&mut parcel, genesis)?,
        Kind::State => (),
    }
    Ok(Verified { bytes: parcel.bytes(), ..verified })
}

fn slots(walk: &Walk<'_>) -> Option<Slots> {
    let (checkpoint, point) = (walk.certified()?, walk.point());
    Some(Slots {
        first: walk.begin()?.next(),
        last: point.seq,
        bundles: walk.bundles,
        lane_hash: point.lane_hash,
        certified: checkpoint.head().seq,
        time: checkpoint.head().time,
        state_root: checkpoint.state_root(),
        signers: checkpoint.certificate().signatures.iter().map(|(signer, _)| *signer).collect(),
    })
}

/// Bytes of an envelope that a node may take.
pub fn envelope(check: &EnvelopeCheck, number: u64, frame: Frame) -> Result<Vec<u8>, Wrong> {
    let Frame::Envelope(bytes) = frame else { return Err(Wrong::Misplaced) };
    let item = Item { kind: ItemKind::Envelope, bytes };
    if check.is_valid(&item) { Ok(item.bytes) } else { Err(Wrong::Envelope(number)) }
}

/// Receipt that is proved.
pub fn receipt(genesis: &Genesis, number: u64, frame: Frame) -> Result<ProvedReceipt, Wrong> {
    let Frame::Receipt(bytes) = frame else { return Err(Wrong::Misplaced) };
    match Proof::decode(&bytes)?.verify(genesis)? {
        Proved::Receipt(proved) => Ok(proved),
        Proved::File(_) | Proved::Evidence(_) => Err(Wrong::OtherProof(number)),
    }
}

/// Receipts of one domain in the order of execution; how many, the domain, and the gaps between its authors' numbers.
fn history(parcel: &mut Parcel, genesis: &Genesis) -> Result<(u64, Option<(String, Vec<String>)>), ParcelError> {
    let Frame::History { domain, .. } = parcel.head.clone() else { return Ok((0, None)) };
    let (mut last, mut next, mut gaps) = (None, BTreeMap::<PublicKey, u64>::new(), Vec::new());
    let count = parcel.each(|number, frame| {
        let ProvedReceipt { receipt, .. } = receipt(genesis, number, frame).map_err(Ok)?;
        if receipt.revision.is_none() || receipt.revision <= last {
            return Err(Ok(Wrong::OtherProof(number)));
        }
        last = receipt.revision;
        if receipt.domain == domain {
            let due = next.insert(receipt.author, receipt.to_seq + 1).filter(|due| *due != receipt.from_seq);
            gaps.extend(due.map(|due| format!("{} {due}..{}", receipt.author, receipt.from_seq)));
        }
        Ok(())
    })?;
    Ok((count, Some((domain, gaps))))
}
