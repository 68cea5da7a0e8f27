//! Authors who sign envelopes, hand them in, and ask again until they are executed.
//!
//! To the core an envelope is bytes. Here it is an author, a number and a text, under the author's tag.

use quorate_pbft::{Digest, Item, ItemKind, PayloadCheck, hash_parts};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes before the text: tag, author, number.
const HEAD_BYTES: usize = 32 + 2 + 8;

/// Names an envelope: its author and number.
pub type EnvelopeName = (u16, u64);

/// What the clients of a run have asked for.
#[derive(Debug, Clone, Default)]
pub struct Clients {
    next: BTreeMap<u16, u64>,
    made: BTreeMap<EnvelopeName, Item>,
}

impl Clients {
    /// The author's next envelope.
    pub fn write(&mut self, author: u16, text_bytes: u32) -> (EnvelopeName, Item) {
        let number = self.next.entry(author).or_insert(1);
        let name = (author, *number);
        *number += 1;
        let item = envelope(name, text_bytes as usize);
        self.made.insert(name, item.clone());
        (name, item)
    }

    /// Everything asked for so far.
    pub fn made(&self) -> impl Iterator<Item = (EnvelopeName, &Item)> {
        self.made.iter().map(|(name, item)| (*name, item))
    }

    /// What is not in `executed`.
    pub fn missing<'a>(&'a self, executed: &'a BTreeSet<EnvelopeName>) -> impl Iterator<Item = &'a Item> {
        self.made.iter().filter(|(name, _)| !executed.contains(name)).map(|(_, item)| item)
    }
}

fn envelope((author, number): EnvelopeName, text_bytes: usize) -> Item {
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

/// The author and number of an envelope whose tag fits.
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
            ItemKind::Member => false,
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
