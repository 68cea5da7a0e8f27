//! Keys: numbers big-endian, so that byte order is their order.

use quorate_ledger::StoreError;
use quorate_pbft::{Digest, Epoch, EvidenceKey, Kind, Position, QuorumCert, ReplicaId, SeqNum, Signed, View};

/// In [`crate::tables::Name::About`]: the version of keys and values.
pub(crate) const FORMAT: &[u8] = b"format";
/// In [`crate::tables::Name::About`]: public key of the member whose promises these are.
pub(crate) const MEMBER: &[u8] = b"member";
/// In [`crate::tables::Name::About`]: the group whose records these are.
pub(crate) const GROUP: &[u8] = b"group";
/// In [`crate::tables::Name::About`]: at or below what rows may be gone.
pub(crate) const PRUNED: &[u8] = b"pruned";
/// In [`crate::tables::Name::About`]: at or below what decided slots and bundles may be gone.
pub(crate) const SERVED: &[u8] = b"served";
/// In [`crate::tables::Name::About`]: from where on the journal is not folded.
pub(crate) const JOURNAL: &[u8] = b"journal";
/// In [`crate::tables::Name::About`]: the sorted runs; none before the first.
pub(crate) const RUNS: &[u8] = b"runs";
/// In [`crate::tables::Name::About`]: why this replica takes no part any more.
pub(crate) const BROKEN: &[u8] = b"broken";

/// All keys of [`crate::tables::Name::About`].
pub(crate) const ABOUT: [&[u8]; 8] = [FORMAT, MEMBER, GROUP, PRUNED, SERVED, JOURNAL, RUNS, BROKEN];

/// Position of an own statement (E1). As bytes: 25.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) epoch: Epoch,
    pub(crate) kind: Kind,
    pub(crate) view: View,
    pub(crate) seq: SeqNum,
}

impl Place {
    pub(crate) const FIRST: [u8; 25] = [0; 25];
    pub(crate) const LAST: [u8; 25] = [u8::MAX; 25];

    pub(crate) fn new(epoch: Epoch, kind: Kind, view: u64, seq: u64) -> Self {
        Self { epoch, kind, view: View::new(view), seq: SeqNum::new(seq) }
    }

    pub(crate) fn of(signed: &Signed) -> Self {
        let said = &signed.statement;
        Self { epoch: said.epoch, kind: said.kind, view: said.view, seq: said.seq }
    }

    pub(crate) fn key(&self) -> [u8; 25] {
        let (epoch, view, seq) = (self.epoch.get(), self.view.get(), self.seq.get());
        join(&[&epoch.to_be_bytes(), &[self.kind as u8], &view.to_be_bytes(), &seq.to_be_bytes()])
    }

    pub(crate) fn parse(key: &[u8]) -> Result<Self, StoreError> {
        let kind = key.get(8..9).and_then(|byte| borsh::from_slice(byte).ok());
        let numbers = (number(key, 0), kind, number(key, 9), number(key, 17));
        let (Some(epoch), Some(kind), Some(view), Some(seq)) = numbers else {
            return Err(StoreError("a statement's key does not decode".into()));
        };
        Ok(Self::new(Epoch::new(epoch), kind, view, seq))
    }
}

/// A place in a lane: bundles and lane certificates.
pub(crate) fn lane(epoch: Epoch, lane: ReplicaId, position: Position) -> [u8; 18] {
    join(&[&epoch.get().to_be_bytes(), &lane.get().to_be_bytes(), &position.get().to_be_bytes()])
}

/// A second bundle at the place that `lane` names: behind the first, before the next place.
pub(crate) fn beside(lane: &[u8; 18], digest: Digest) -> [u8; 50] {
    join(&[lane, &digest.0])
}

/// Reverses [`lane`] and [`beside`].
pub(crate) fn parse_lane(key: &[u8]) -> Result<(Epoch, ReplicaId, Position), StoreError> {
    let lane = key.get(8..10).and_then(|bytes| bytes.try_into().ok()).map(u16::from_be_bytes);
    let (Some(epoch), Some(lane), Some(position)) = (number(key, 0), lane, number(key, 10)) else {
        return Err(StoreError("a lane's key does not decode".into()));
    };
    Ok((Epoch::new(epoch), ReplicaId::new(lane), Position::new(position)))
}

/// The epoch at the start of a key.
pub(crate) fn parse_epoch(key: &[u8]) -> Result<Epoch, StoreError> {
    number(key, 0).map(Epoch::new).ok_or_else(|| StoreError("an epoch's key does not decode".into()))
}

/// A slot.
pub(crate) fn slot(seq: SeqNum) -> [u8; 8] {
    seq.get().to_be_bytes()
}

/// A view of an epoch.
pub(crate) fn view(epoch: Epoch, view: View) -> [u8; 16] {
    join(&[&epoch.get().to_be_bytes(), &view.get().to_be_bytes()])
}

/// A start that was not entered, behind the one of its view that was.
pub(crate) fn named_start(epoch: Epoch, of: View, digest: Digest) -> [u8; 48] {
    join(&[&view(epoch, of), &digest.0])
}

/// The slot at the start of a key.
pub(crate) fn parse_slot(key: &[u8]) -> Result<SeqNum, StoreError> {
    number(key, 0).map(SeqNum::new).ok_or_else(|| StoreError("a slot's key does not decode".into()))
}

/// A slot in a view.
pub(crate) fn slot_view(seq: SeqNum, view: View) -> [u8; 16] {
    join(&[&slot(seq), &view.get().to_be_bytes()])
}

/// The view in what [`slot_view`] made.
pub(crate) fn parse_view(key: &[u8]) -> Result<View, StoreError> {
    number(key, 8).map(View::new).ok_or_else(|| StoreError("a view's key does not decode".into()))
}

/// A certificate that contradicts another one: its place, then its digest.
pub(crate) fn conflicting(cert: &QuorumCert) -> [u8; 57] {
    let place = Place { epoch: cert.epoch(), kind: cert.kind(), view: cert.view(), seq: cert.seq() };
    join(&[&place.key(), &cert.digest().0])
}

/// Evidence: what it is recorded under, then which it is.
pub(crate) fn evidence(key: &EvidenceKey, id: Digest) -> [u8; 43] {
    join(&[&key.signer.get().to_be_bytes(), &key.epoch.get().to_be_bytes(), &[key.kind as u8], &id.0])
}

fn number(key: &[u8], at: usize) -> Option<u64> {
    key.get(at..at + 8)?.try_into().ok().map(u64::from_be_bytes)
}

/// Parts one after the other; their lengths are constants that add up to `N`.
fn join<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut key = [0; N];
    let mut at = 0;
    for part in parts {
        key[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
    debug_assert_eq!(at, N, "a key has one length");
    key
}
