//! Authors who sign envelopes, hand them in, and ask again until they are executed.
//!
//! Where there is a ledger they are real envelopes. To the core alone an envelope is bytes: there it is an author, a
//! number and a text, under a tag.

use crate::keys::Keys;
use quorate_ledger::{Base, Body, Change, Envelope, EnvelopeId, Genesis, Mode, Op, Revision};
use quorate_pbft::{Digest, Item, ItemKind, PayloadCheck, Signer, hash_parts};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Bytes before the text: tag, author, number.
const HEAD_BYTES: usize = 32 + 2 + 8;

/// Files that each author writes by itself, and files that all write.
const OWN_FILES: u64 = 5;
const SHARED_FILES: u64 = 3;

/// Names an envelope: its author and number.
pub type EnvelopeName = (u16, u64);

/// What the clients of a run have asked for.
#[derive(Default)]
pub struct Clients {
    ledger: Option<(Keys, Arc<Genesis>)>,
    next: BTreeMap<u16, u64>,
    last: BTreeMap<u16, EnvelopeId>,
    made: BTreeMap<EnvelopeName, Item>,
}

impl Clients {
    /// Authors who are enrolled in a genesis.
    pub fn enrolled(keys: &Keys, genesis: Arc<Genesis>) -> Self {
        Self { ledger: Some((keys.clone(), genesis)), ..Self::default() }
    }

    /// The author's next envelope.
    pub fn write(&mut self, author: u16, text_bytes: u32) -> (EnvelopeName, Item) {
        let number = self.next.entry(author).or_insert(1);
        let name = (author, *number);
        *number += 1;
        let item = match &self.ledger {
            None => plain(name, text_bytes as usize),
            Some((keys, genesis)) => {
                let envelope = signed(keys, genesis, name, text_bytes as usize, self.last.get(&author));
                self.last.insert(author, envelope.id(&genesis.group()));
                Item { kind: ItemKind::Envelope, bytes: envelope.encode() }
            }
        };
        self.made.insert(name, item.clone());
        (name, item)
    }

    /// What is not in `executed`.
    pub fn missing<'a>(&'a self, executed: &'a BTreeSet<EnvelopeName>) -> impl Iterator<Item = &'a Item> {
        self.made.iter().filter(|(name, _)| !executed.contains(name)).map(|(_, item)| item)
    }
}

/// One change to one file: of the author's own, or of those that all write, so that there is something to merge.
fn signed(keys: &Keys, genesis: &Genesis, name: EnvelopeName, bytes: usize, last: Option<&EnvelopeId>) -> Envelope {
    let (author, number) = name;
    let path = match number % 3 {
        0 => format!("shared/{}", number % SHARED_FILES),
        _ => format!("author-{author}/{}", number % OWN_FILES),
    };
    let text: Vec<u8> = format!("{author} wrote {number}\n").into_bytes().into_iter().cycle().take(bytes).collect();
    let content = Digest(Sha256::digest(&text).into());
    let base = match last {
        Some(last) if number % 2 == 0 => Base::Envelope(*last),
        _ => Base::Revision(Revision::GENESIS),
    };
    let change = Change::new(base, vec![Op::Put { path, mode: Mode::File, content }], "simulated", number);
    let signer = &keys.authors.signers[usize::from(author)];
    let body = Body {
        author: signer.public_key(),
        domain: "main".to_owned(),
        from_seq: number,
        to_seq: number,
        attempt: 1,
        changes: vec![change],
        carried: vec![],
    };
    Envelope::sign(&genesis.group(), body, vec![text], signer)
}

fn plain((author, number): EnvelopeName, text_bytes: usize) -> Item {
    let mut body = Vec::with_capacity(10 + text_bytes);
    body.extend_from_slice(&author.to_le_bytes());
    body.extend_from_slice(&number.to_le_bytes());
    body.resize(10 + text_bytes, number as u8);
    let bytes = [tag(&body).as_bytes().as_slice(), &body].concat();
    Item { kind: ItemKind::Envelope, bytes }
}

fn tag(body: &[u8]) -> Digest {
    hash_parts("quorate/tests/envelope", &[body])
}

/// The author and number of a plain envelope whose tag fits.
pub fn name(bytes: &[u8]) -> Option<EnvelopeName> {
    let (signature, body) = bytes.split_at_checked(32)?;
    let author = u16::from_le_bytes(body.get(..2)?.try_into().ok()?);
    let number = u64::from_le_bytes(body.get(2..10)?.try_into().ok()?);
    (tag(body).as_bytes() == signature).then_some((author, number))
}

/// Says of an item whether it may be on a lane, as the ledger does for real envelopes.
#[derive(Debug, Clone, Copy)]
pub struct ItemCheck;

impl PayloadCheck for ItemCheck {
    fn is_valid(&self, item: &Item) -> bool {
        match item.kind {
            ItemKind::Envelope => item.bytes.len() >= HEAD_BYTES && name(&item.bytes).is_some(),
            ItemKind::Evidence => evidence_is_well_formed(&item.bytes),
            ItemKind::ReadMark => item.bytes.len() == 32,
            ItemKind::Member | ItemKind::Analysis => false,
        }
    }
}

fn evidence_is_well_formed(bytes: &[u8]) -> bool {
    borsh::from_slice::<quorate_pbft::Evidence>(bytes).is_ok_and(|evidence| evidence.is_well_formed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_with_a_flipped_bit_has_no_name() {
        let (named, item) = Clients::default().write(3, 20);
        assert_eq!(name(&item.bytes), Some(named));
        for bit in 0..item.bytes.len() * 8 {
            let mut bytes = item.bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(name(&bytes), None, "bit {bit}");
        }
    }
}
