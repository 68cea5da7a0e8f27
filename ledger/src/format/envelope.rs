//! Envelopes: what an author signs. An envelope has one encoding and one id, and is accepted or refused whole.
//!
//! `docs/encoding.md` gives the bytes; a test checks its vectors.

use crate::format::body::Body;
use crate::format::change::{Base, Change, Op, OpKind};
use crate::format::constants::Limits;
use crate::format::signature::{Predicate, Signed};
use crate::format::{composition, transaction, two_phase};
use crate::vocabulary::bounds::OPERATIONS_MAX;
use crate::vocabulary::ids::EnvelopeId;
use crate::vocabulary::path;
use crate::vocabulary::verdict::{Code, Refusal};
use borsh::io;
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{Digest, Signature, Signer, bounded, hash_parts};
use sha2::{Digest as _, Sha256};
use std::convert::Infallible;

/// Tag of what an envelope's id is the hash of.
const ID: &str = "quorate/v1/envelope";
/// Before the id where it is signed.
const SIGNED: &[u8] = b"quorate/v1/envelope-signature\0";

/// Bytes of a domain's name as an envelope may spell it, known or not.
const DOMAIN_BYTES_MAX: usize = 255;
/// Bytes of one message.
const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// Operations of one envelope that are not about files: each may need a signature checked while everybody waits.
const GOVERNING_MAX: usize = 64;
/// Bytes of the names of all folders above the paths of one envelope, [`FOLDER_BYTES`] more for each: everybody looks all
/// of them up, and those of one path are up to a thousand times as long as it is.
pub const FOLDERS_BYTES_MAX: usize = 64 << 20;
/// Bytes that a folder counts beside its name.
const FOLDER_BYTES: usize = 64;

/// A signed body with the contents that travel along, in the order of [`Body::carried`].
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Envelope {
    /// Part of an envelope that is signed.
    pub body: Body,
    /// Over the group and the body.
    pub signature: Signature,
    /// The contents' bytes.
    #[borsh(deserialize_with = "bounded::list::<OPERATIONS_MAX, _, _>")]
    pub contents: Vec<Vec<u8>>,
}

/// Work of this process on envelopes, for tests that count it.
#[cfg(feature = "testing")]
pub mod work {
    use core::sync::atomic::AtomicU64;

    /// Encodings read.
    pub static DECODED: AtomicU64 = AtomicU64::new(0);
    /// Signatures of authors checked.
    pub static VERIFIED: AtomicU64 = AtomicU64::new(0);
}

impl Envelope {
    /// Signs changes. `contents` may hold what the changes name in any order; what they do not name is left out.
    pub fn sign(group: &Digest, body: Body, contents: Vec<Vec<u8>>, signer: &dyn Signer) -> Self {
        let Ok(signed) = Self::sign_by(group, body, contents, |bytes| Ok::<_, Infallible>(signer.sign(bytes)));
        signed
    }

    /// Signs changes as [`Envelope::sign`], by a signer that may fail.
    pub fn sign_by<E>(
        group: &Digest,
        mut body: Body,
        contents: Vec<Vec<u8>>,
        sign: impl FnOnce(&[u8]) -> Result<Signature, E>,
    ) -> Result<Self, E> {
        let named = named_contents(&body);
        let mut carried: Vec<(Digest, Vec<u8>)> =
            contents.into_iter().map(|bytes| (Digest(Sha256::digest(&bytes).into()), bytes)).collect();
        carried.retain(|(digest, _)| named.contains(digest));
        carried.sort_unstable();
        carried.dedup();
        let contents;
        (body.carried, contents) = carried.into_iter().unzip();
        let id = id_of(group, &body);
        Ok(Self { signature: sign(&signed_bytes(&id))?, body, contents })
    }

    /// Names it.
    pub fn id(&self, group: &Digest) -> EnvelopeId {
        id_of(group, &self.body)
    }

    /// Its one encoding.
    pub fn encode(&self) -> Vec<u8> {
        borsh::to_vec(self).expect("writing into memory cannot fail")
    }

    /// Reads an encoding and checks its form: stage `structure`.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, Refusal> {
        #[cfg(feature = "testing")]
        work::DECODED.fetch_add(1, core::sync::atomic::Ordering::Relaxed);
        if bytes.len() as u64 > limits.envelope_bytes_max {
            let detail = format!("{} bytes, at most {} are allowed", bytes.len(), limits.envelope_bytes_max);
            return Err(Refusal::new(Code::TooLarge, detail));
        }
        let mut rest = bytes;
        let envelope = Self::deserialize(&mut rest).map_err(undecodable)?;
        if !rest.is_empty() {
            return Err(Refusal::new(Code::TrailingBytes, format!("{} bytes after the end", rest.len())));
        }
        envelope.check_form(limits)?;
        Ok(envelope)
    }

    /// The author's signature, and what it is to fit.
    pub fn signed(&self, id: &EnvelopeId) -> Signed {
        #[cfg(feature = "testing")]
        work::VERIFIED.fetch_add(1, core::sync::atomic::Ordering::Relaxed);
        Signed { key: self.body.author, bytes: signed_bytes(id), signature: self.signature }
    }

    /// Whether the signature is that of the named author: stage `signature`.
    pub fn check_signature(&self, group: &Digest, by: Predicate) -> Result<EnvelopeId, Refusal> {
        let id = self.id(group);
        if by.holds(&self.signed(&id)) { Ok(id) } else { Err(Refusal::forged(&self.body.author)) }
    }

    /// The bytes of a content that travels along.
    pub fn content(&self, digest: &Digest) -> Option<&[u8]> {
        let index = self.body.carried.binary_search(digest).ok()?;
        self.contents.get(index).map(Vec::as_slice)
    }

    /// The contents that travel along, by their digests.
    pub(crate) fn carried(&self) -> impl Iterator<Item = (&Digest, &[u8])> {
        self.body.carried.iter().zip(self.contents.iter().map(Vec::as_slice))
    }

    fn check_form(&self, limits: &Limits) -> Result<(), Refusal> {
        let body = &self.body;
        let count = body.changes.len() as u64;
        let end = body.from_seq.checked_add(count);
        if body.from_seq == 0 || body.attempt == 0 || end.is_none() || end != body.to_seq.checked_add(1) {
            return Err(malformed("numbers start at 1 and there is one change for each"));
        }
        if count == 0 || count > u64::from(limits.changes_max) {
            return Err(Refusal::new(Code::TooLarge, format!("{count} changes, 1 to {} fit", limits.changes_max)));
        }
        let governing =
            body.changes.iter().flat_map(|change| &change.ops).filter(|op| op.kind() != OpKind::File).count();
        if governing > GOVERNING_MAX {
            let detail = format!("{governing} operations that are not about files, at most {GOVERNING_MAX}");
            return Err(Refusal::new(Code::TooLarge, detail));
        }
        let ops: usize = body.changes.iter().map(|change| change.ops.len()).sum();
        if ops > limits.operations_max as usize {
            return Err(Refusal::new(Code::TooLarge, format!("{ops} operations, at most {}", limits.operations_max)));
        }
        let paths = body.changes.iter().flat_map(|change| &change.ops).flat_map(Op::paths);
        let folders: usize = paths.map(folders_bytes).sum();
        if folders > FOLDERS_BYTES_MAX {
            let detail = "paths with too many folders for one envelope; send them in several";
            return Err(Refusal::new(Code::TooLarge, detail));
        }
        if let Some(why) = transaction::malformed(body).or_else(|| two_phase::malformed(body)) {
            return Err(malformed(why));
        }
        if !composition::is_in_order(body) {
            return Err(malformed("a part of a composition depends on itself or on a later part"));
        }
        if body.domain.len() > DOMAIN_BYTES_MAX {
            return Err(malformed("the domain's name is too long"));
        }
        body.changes.iter().enumerate().try_for_each(|(index, change)| check_change(index, change))?;
        self.check_contents(limits)
    }

    fn check_contents(&self, limits: &Limits) -> Result<(), Refusal> {
        let carried = &self.body.carried;
        if carried.len() != self.contents.len() || carried.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(malformed("contents and their digests do not pair up in ascending order"));
        }
        if let Some(bytes) = self.contents.iter().find(|bytes| bytes.len() as u64 > limits.file_bytes_max) {
            let detail = format!("a file of {} bytes, at most {}", bytes.len(), limits.file_bytes_max);
            return Err(Refusal::new(Code::TooLarge, detail));
        }
        let named = named_contents(&self.body);
        for (digest, bytes) in carried.iter().zip(&self.contents) {
            if !named.contains(digest) || Sha256::digest(bytes)[..] != digest.0 {
                return Err(malformed("a content that is not what its digest says, or that nothing names"));
            }
        }
        Ok(())
    }
}

/// Bytes of a path that count towards [`FOLDERS_BYTES_MAX`].
pub fn folders_bytes(path: &str) -> usize {
    path::folders(path).map(|folder| folder.len() + FOLDER_BYTES).sum()
}

fn check_change(index: usize, change: &Change) -> Result<(), Refusal> {
    match change.base {
        Base::Previous if index == 0 => return Err(malformed("the first change has no change before it")),
        Base::Revision(revision) if !revision.is_well_formed() => return Err(malformed("a base that is no revision")),
        _ => (),
    }
    if change.message.len() > MESSAGE_BYTES_MAX {
        return Err(Refusal::new(Code::TooLarge, format!("a message has at most {MESSAGE_BYTES_MAX} bytes")));
    }
    let bad_op = |op: &Op| match op {
        Op::Enter { domain, .. } => domain.len() > DOMAIN_BYTES_MAX,
        Op::Anchor { revision } => !revision.is_well_formed(),
        Op::Put { .. } | Op::Delete { .. } | Op::Rename { .. } => false,
        Op::Acquire { .. } | Op::Release { .. } | Op::Fence { .. } => false,
        Op::Enrol { .. } | Op::Revoke { .. } | Op::Rotate { .. } | Op::Propose { .. } | Op::Suggest { .. } => false,
        Op::Approve { .. } | Op::Attest { .. } | Op::Vote { .. } | Op::Withdraw { .. } | Op::Ready { .. } => false,
        Op::Prepare { .. } | Op::Decide { .. } => false,
    };
    if change.ops.iter().any(bad_op) {
        return Err(malformed("a domain's name that is too long, or an anchor that is no revision"));
    }
    if change.wishes.depends_on.iter().any(|dep| dep.domain.len() > DOMAIN_BYTES_MAX) {
        return Err(malformed("a dependency on a domain whose name is too long"));
    }
    Ok(())
}

fn undecodable(error: io::Error) -> Refusal {
    match bounded::is_too_many(&error) {
        true => Refusal::new(Code::TooLarge, error.to_string()),
        false => malformed("not the encoding of an envelope"),
    }
}

fn malformed(detail: &str) -> Refusal {
    Refusal::new(Code::Malformed, detail)
}

/// The contents that the operations name.
fn named_contents(body: &Body) -> std::collections::BTreeSet<Digest> {
    body.changes.iter().flat_map(|change| &change.ops).filter_map(Op::content).copied().collect()
}

fn id_of(group: &Digest, body: &Body) -> EnvelopeId {
    let bytes = borsh::to_vec(body).expect("writing into memory cannot fail");
    EnvelopeId(hash_parts(ID, &[&group.0, &bytes]))
}

fn signed_bytes(id: &EnvelopeId) -> Vec<u8> {
    [SIGNED, id.0.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, author, body, put};
    use crate::vocabulary::revision::Revision;

    fn limits() -> Limits {
        Limits::default()
    }

    #[test]
    fn an_envelope_is_read_back_from_its_bytes() {
        let genesis = testing::genesis(4);
        let envelope = Envelope::sign(&genesis.group(), body(1, vec![put("a", b"x")]), vec![b"x".to_vec()], &author(0));
        let read = Envelope::decode(&envelope.encode(), &limits());
        assert_eq!(read.as_ref(), Ok(&envelope));
        assert_eq!(
            envelope.check_signature(&genesis.group(), Predicate::of(&genesis)),
            Ok(envelope.id(&genesis.group()))
        );
    }

    #[test]
    fn an_envelope_of_another_group_has_no_good_signature() {
        let envelope = Envelope::sign(&Digest([1; 32]), body(1, vec![]), vec![], &author(0));
        let refused = envelope.check_signature(&Digest([2; 32]), Predicate::Strict).expect_err("another group");
        assert_eq!(refused.code, Code::BadSignature);
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let group = testing::genesis(4).group();
        let envelope = Envelope::sign(&group, body(1, vec![put("a", b"x")]), vec![b"x".to_vec()], &author(0));
        let bytes = envelope.encode();
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let read = Envelope::decode(&bytes, &limits())
                .and_then(|envelope| envelope.check_signature(&group, Predicate::Strict));
            assert!(read.is_err(), "bit {bit}");
        }
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let envelope = Envelope::sign(&Digest([1; 32]), body(1, vec![]), vec![], &author(0));
        let mut bytes = envelope.encode();
        bytes.push(0);
        assert_eq!(Envelope::decode(&bytes, &limits()).map_err(|refusal| refusal.code), Err(Code::TrailingBytes));
    }

    #[test]
    fn a_truncated_envelope_is_refused_at_every_length() {
        let envelope = Envelope::sign(&Digest([1; 32]), body(1, vec![put("a", b"x")]), vec![b"x".to_vec()], &author(0));
        let bytes = envelope.encode();
        for end in 0..bytes.len() {
            assert_eq!(Envelope::decode(&bytes[..end], &limits()).map_err(|r| r.code), Err(Code::Malformed), "{end}");
        }
    }

    #[test]
    fn numbers_and_changes_must_fit() {
        for (from_seq, to_seq) in [(0, 0), (1, 2), (2, 1), (u64::MAX, u64::MAX), (1, u64::MAX)] {
            let wrong = Body { from_seq, to_seq, ..body(1, vec![]) };
            let bytes = Envelope::sign(&Digest([1; 32]), wrong, vec![], &author(0)).encode();
            assert_eq!(Envelope::decode(&bytes, &limits()).map_err(|r| r.code), Err(Code::Malformed), "{from_seq}");
        }
    }

    #[test]
    fn the_highest_numbers_that_an_envelope_can_have_are_read_like_any_others() {
        for count in 1..4 {
            let changes = (0..count).map(|_| Change::new(Base::Revision(Revision::GENESIS), vec![], "", 0)).collect();
            let (from_seq, to_seq) = (u64::MAX - count, u64::MAX - 1);
            let highest = Body { from_seq, to_seq, changes, ..body(1, vec![]) };
            let bytes = Envelope::sign(&Digest([1; 32]), highest, vec![], &author(0)).encode();
            assert!(Envelope::decode(&bytes, &limits()).is_ok(), "{count} changes");
        }
    }

    #[test]
    fn contents_that_nothing_names_are_left_out() {
        let envelope = Envelope::sign(&Digest([1; 32]), body(1, vec![put("a", b"x")]), vec![b"y".to_vec()], &author(0));
        assert_eq!(envelope.contents, Vec::<Vec<u8>>::new());
    }
}
