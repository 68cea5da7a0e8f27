//! A parcel that is read: its first frame says what follows, and whoever reads on checks it.

use super::error::{ParcelError, Wrong, unread};
use super::frame::{Frame, Kind};
use super::walk::Walk;
use crate::framed::{Mark, Reader};
use quorate_ledger::proof::{Epochs, Proof, Proved};
use quorate_ledger::{EnvelopeCheck, Genesis, Receipt, Revision, State};
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
    /// Content of a history, where it is one.
    pub history: Option<Listed>,
}

/// Domain of a history and its extent, and what is missing in it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The domain.
    pub domain: String,
    /// The first slot; 0 and 1 are from genesis.
    pub from: SeqNum,
    /// The last slot; the newest of the node unless it is named.
    pub to: Option<SeqNum>,
    /// Numbers of authors that no receipt has.
    pub gaps: Vec<String>,
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
    /// Frames after the first.
    found: u64,
}

impl Parcel {
    /// Opens a parcel and reads its first frame.
    pub fn open(path: &Path) -> Result<Self, ParcelError> {
        let mut frames = Reader::open(path).map_err(|error| unread(path, 0, None, error))?;
        let head: Frame = frames.read().map_err(|error| unread(path, frames.at, None, error))?;
        let why = Wrong::Misplaced;
        let unsound = || ParcelError::Unsound { path: path.to_owned(), at: frames.at, good: None, why };
        let (kind, group) = head.begins().ok_or_else(unsound)?;
        Ok(Self { path: path.to_owned(), frames, head, kind, group, found: 0 })
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

    /// Takes a walk along slots to the end of the parcel; `each` is told the walk and the message of each frame.
    pub fn walk<'g>(
        &mut self,
        mut walk: Walk<'g>,
        mut each: impl FnMut(&Walk<'g>, Option<Admitted>) -> Result<(), ParcelError>,
    ) -> Result<Walk<'g>, ParcelError> {
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

    /// The next frame between the first and the count that ends the parcel, with its number; none at the end.
    pub fn next_frame(&mut self) -> Result<Option<(u64, Frame)>, ParcelError> {
        let frame = self.read(None)?;
        if let Frame::Count(due) = frame {
            if due != self.found {
                return Err(self.unsound(None, Wrong::Count { due, found: self.found }));
            }
            self.frames.close().map_err(|error| unread(&self.path, self.frames.at, None, error))?;
            return Ok(None);
        }
        self.found += 1;
        Ok(Some((self.found, frame)))
    }

    /// Takes frame after frame; how many there were. A frame that is refused with a fault makes the parcel unsound.
    pub fn each(
        mut self,
        mut take: impl FnMut(u64, Frame) -> Result<(), Result<Wrong, ParcelError>>,
    ) -> Result<(u64, u64), ParcelError> {
        while let Some((number, frame)) = self.next_frame()? {
            let taken = take(number, frame);
            taken.map_err(|why| why.map_or_else(|error| error, |why| self.unsound(None, why)))?;
        }
        Ok((self.found, self.frames.end))
    }
}

/// Checks a parcel with the genesis and the epochs that somebody knows: each byte, each signature, and that nothing is missing.
/// Says which epochs are known with it. `each` is told the receipts, one after the other, before the end of the parcel was seen.
pub fn verify(
    path: &Path,
    (genesis, known): (&Genesis, &Epochs),
    mut each: impl FnMut(&Receipt),
) -> Result<(Verified, Epochs), ParcelError> {
    let mut parcel = Parcel::open(path)?;
    let (kind, theirs, ours) = (parcel.kind, parcel.group, genesis.group());
    if theirs != ours {
        let good = (kind == Kind::Slots).then_some(None);
        return Err(parcel.unsound(good, Wrong::Group { theirs, ours }));
    }
    let verified = Verified { kind, group: ours, bytes: 0, count: 0, slots: None, history: None };
    let mut epochs = known.clone();
    let mut proved = |number, frame| {
        let (receipt, shown) = receipt((genesis, known), number, frame)?;
        epochs = epochs.joined(shown.steps())?;
        Ok::<_, Wrong>(receipt)
    };
    let (count, bytes) = match kind {
        Kind::Slots => {
            let walk = parcel.walk(Walk::after(genesis, known), |_, _| Ok(()))?;
            let slots = slots(&walk);
            let count = slots.as_ref().map_or(0, |slots| slots.last.get() + 1 - slots.first.get());
            let verified = Verified { bytes: parcel.frames.end, count, slots, ..verified };
            return Ok((verified, walk.epochs().unwrap_or(known).clone()));
        }
        Kind::Outbox => {
            let check = EnvelopeCheck::new(genesis);
            parcel.each(|number, frame| envelope(&check, number, frame).map_err(Ok))?
        }
        Kind::Receipts => parcel.each(|number, frame| match frame {
            Frame::Unanswered { .. } => Ok(()),
            frame => {
                each(&proved(number, frame).map_err(Ok)?);
                Ok(())
            }
        })?,
        Kind::History => {
            let Frame::History { domain, from, to, .. } = parcel.head.clone() else {
                return Err(parcel.unsound(None, Wrong::Misplaced));
            };
            let mut history = History { from, to, ..History::default() };
            let (count, bytes) = parcel.each(|number, frame| {
                let receipt = proved(number, frame).map_err(Ok)?;
                history.take(&domain, &receipt, number).map_err(Ok)?;
                each(&receipt);
                Ok(())
            })?;
            let history = Some(Listed { domain, from, to, gaps: history.gaps() });
            return Ok((Verified { bytes, count, history, ..verified }, epochs));
        }
        Kind::State => (0, 0), // of `copying::verify`
    };
    Ok((Verified { bytes, count, ..verified }, epochs))
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

fn envelope(check: &EnvelopeCheck, number: u64, frame: Frame) -> Result<(), Wrong> {
    let Frame::Envelope(bytes) = frame else { return Err(Wrong::Misplaced) };
    let is_valid = check.is_valid(&Item { kind: ItemKind::Envelope, bytes });
    if is_valid { Ok(()) } else { Err(Wrong::Envelope(number)) }
}

/// Receipt that is proved to somebody who knows these epochs, and those that are known with it.
pub fn receipt((genesis, known): (&Genesis, &Epochs), number: u64, frame: Frame) -> Result<(Receipt, Epochs), Wrong> {
    let Frame::Receipt(bytes) = frame else { return Err(Wrong::Misplaced) };
    match Proof::decode(&bytes)?.verify_after(genesis, known)? {
        (Proved::Receipt(proved), epochs) => Ok((proved.receipt, epochs)),
        (Proved::File(_) | Proved::Evidence(_), _) => Err(Wrong::OtherProof(number)),
    }
}

/// Receipts of one domain in the order of execution.
#[derive(Default)]
struct History {
    from: SeqNum,
    to: Option<SeqNum>,
    last: Option<Revision>,
    /// First and last numbers of each author's receipts: one that waited for approval comes after later ones.
    numbers: BTreeMap<PublicKey, Vec<(u64, u64)>>,
}

impl History {
    fn take(&mut self, domain: &str, receipt: &Receipt, number: u64) -> Result<(), Wrong> {
        // The number of a change that was refused, or waits, stays free: it would hide the change that has it.
        let is_accepted = matches!(receipt.state, State::Applied | State::Merged | State::Conflict);
        let revision = receipt.revision.filter(|revision| is_accepted && Some(*revision) > self.last);
        let revision = revision.ok_or(Wrong::OtherProof(number))?;
        if revision.seq() < self.from || self.to.is_some_and(|to| revision.seq() > to) {
            return Err(Wrong::OtherProof(number));
        }
        if receipt.domain != domain && receipt.changes_in(domain).is_empty() {
            return Err(Wrong::OtherDomain { number, found: receipt.domain.clone() });
        }
        self.last = Some(revision);
        // What the group does by itself has no number.
        if receipt.domain == domain && receipt.from_seq > 0 {
            self.numbers.entry(receipt.author).or_default().push((receipt.from_seq, receipt.to_seq));
        }
        Ok(())
    }

    /// Numbers that are missing between others, and before the first where the history is from genesis.
    fn gaps(mut self) -> Vec<String> {
        let mut gaps = Vec::new();
        for (author, spans) in &mut self.numbers {
            spans.sort_unstable();
            let mut next = if self.from.get() <= 1 { 1 } else { spans.first().map_or(1, |(from, _)| *from) };
            for (from, to) in spans {
                if next < *from {
                    gaps.push(format!("{author}: {next} to {}", *from - 1));
                }
                next = next.max(to.saturating_add(1));
            }
        }
        gaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_ledger::EnvelopeId;

    fn receipt(state: State) -> Receipt {
        Receipt {
            id: EnvelopeId(Digest([1; 32])),
            domain: "main".into(),
            author: PublicKey([2; 32]),
            from_seq: 1,
            to_seq: 1,
            state,
            revision: "7.1".parse().ok(),
            lane: Some(ReplicaId::new(0)),
            stage: None,
            code: None,
            detail: None,
            conflicts: vec![],
            changes: vec![],
        }
    }

    fn taken(state: State) -> Result<(), Wrong> {
        History::default().take("main", &receipt(state), 1)
    }

    #[test]
    fn a_history_takes_the_receipt_of_each_accepted_change() {
        for state in [State::Applied, State::Merged, State::Conflict] {
            assert_eq!(taken(state), Ok(()), "{state:?}");
        }
    }

    #[test]
    fn a_refused_change_takes_no_accepted_ones_place_in_a_history() {
        assert_eq!(taken(State::Refused), Err(Wrong::OtherProof(1)));
    }

    #[test]
    fn a_pending_change_takes_no_accepted_ones_place_in_a_history() {
        assert_eq!(taken(State::Pending), Err(Wrong::OtherProof(1)));
    }
}
