//! Values: what a table's key and the group do not already say, in borsh.

use crate::key::Place;
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_ledger::StoreError;
use quorate_pbft::{
    Bundle, BundleHeader, ClaimedCert, Content, Digest, Epoch, Item, Kind, Position, ReplicaId, SeqNum, Signature,
    Signed, Statement, View,
};

/// An own statement: 98 bytes.
#[derive(BorshSerialize, BorshDeserialize)]
pub(crate) struct Own {
    pub(crate) signer: ReplicaId,
    digest: Digest,
    signature: Signature,
}

impl Own {
    pub(crate) fn of(signed: &Signed) -> Self {
        Self { signer: signed.signer, digest: signed.statement.digest, signature: signed.signature }
    }

    pub(crate) fn signed(self, group: Digest, place: Place) -> Signed {
        signed(group, place, self.digest, self.signer, self.signature)
    }
}

/// A PrePrepare with its content, whose digest it signs.
#[derive(BorshSerialize, BorshDeserialize)]
pub(crate) struct Accepted {
    pub(crate) epoch: Epoch,
    pub(crate) signer: ReplicaId,
    pub(crate) signature: Signature,
    pub(crate) content: Content,
}

impl Accepted {
    pub(crate) fn pre_prepare(&self, group: Digest, seq: SeqNum, view: View) -> Signed {
        let place = Place { epoch: self.epoch, kind: Kind::PrePrepare, view, seq };
        signed(group, place, self.content.digest(), self.signer, self.signature)
    }
}

/// A decided slot.
#[derive(BorshSerialize, BorshDeserialize)]
pub(crate) struct Committed {
    pub(crate) certificate: ClaimedCert,
    pub(crate) content: Content,
}

/// A lane certificate; epoch, lane and position are in the key.
#[derive(BorshSerialize, BorshDeserialize)]
pub(crate) struct LaneCert {
    pub(crate) digest: Digest,
    pub(crate) signatures: Vec<(ReplicaId, Signature)>,
}

impl LaneCert {
    pub(crate) fn claim(self, epoch: Epoch, lane: ReplicaId, position: Position) -> ClaimedCert {
        ClaimedCert {
            epoch,
            kind: Kind::Ack,
            view: View::new(u64::from(lane.get())),
            seq: SeqNum::new(position.get()),
            digest: self.digest,
            signatures: self.signatures,
        }
    }
}

/// A bundle without its statement, of which the header says all but the signature.
pub(crate) fn bundle(bundle: &Bundle) -> Vec<u8> {
    encode(&(&bundle.header, bundle.statement.signature, &bundle.items))
}

/// Reverses [`bundle`].
pub(crate) fn parse_bundle(value: &[u8], group: Digest, epoch: Epoch) -> Result<Bundle, StoreError> {
    let (header, signature, items): (BundleHeader, Signature, Vec<Item>) = decode(value)?;
    let statement = header_statement(&header, signature, group, epoch);
    Ok(Bundle { header, statement, items })
}

/// The header in what [`bundle`] made, without reading the items.
pub(crate) fn parse_header(value: &[u8]) -> Result<BundleHeader, StoreError> {
    BundleHeader::deserialize(&mut &*value).map_err(|_| StoreError("a stored bundle's header does not decode".into()))
}

/// The statement in what [`bundle`] made, without reading the items.
pub(crate) fn parse_statement(value: &[u8], group: Digest, epoch: Epoch) -> Result<Signed, StoreError> {
    let read = <(BundleHeader, Signature)>::deserialize(&mut &*value);
    let (header, signature) = read.map_err(|_| StoreError("a stored bundle's statement does not decode".into()))?;
    Ok(header_statement(&header, signature, group, epoch))
}

/// The statement that a lane's owner makes about a header.
pub(crate) fn header_statement(header: &BundleHeader, signature: Signature, group: Digest, epoch: Epoch) -> Signed {
    let place = Place::new(epoch, Kind::Bundle, 0, header.position.get());
    signed(group, place, header.digest(), header.lane, signature)
}

/// A statement put together again.
pub(crate) fn signed(group: Digest, at: Place, digest: Digest, signer: ReplicaId, signature: Signature) -> Signed {
    let statement = Statement { group, epoch: at.epoch, kind: at.kind, view: at.view, seq: at.seq, digest };
    Signed { statement, signer, signature }
}

pub(crate) fn encode(value: &impl BorshSerialize) -> Vec<u8> {
    borsh::to_vec(value).expect("writing into memory cannot fail")
}

pub(crate) fn decode<T: BorshDeserialize>(value: &[u8]) -> Result<T, StoreError> {
    borsh::from_slice(value).map_err(|error| StoreError(format!("a stored row does not decode: {error}")))
}
