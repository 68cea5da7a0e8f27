//! Authors who sign envelopes, hand them in, and ask again until they are executed.
//!
//! In runs with a ledger they are real envelopes. To the core alone an envelope is bytes: there it is an author, a
//! number and a text, under a tag.

mod claim;
#[path = "../../../ledger/tests/support/crafted.rs"]
mod crafted;
mod hands;
mod rogues;

pub use claim::{Claim, Deed, Ground, item_digest};
pub use hands::Hand;
pub use rogues::{Forgery, Trick, rogue};

use crate::keys::Keys;
use quorate_ledger::{Base, Body, Change, Dependency, Envelope, EnvelopeId, Genesis, Mode, Op, Revision, Wishes};
use quorate_pbft::{Digest, Item, ItemKind, PayloadCheck, hash_parts};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Bytes before the text: tag, author, number.
const HEAD_BYTES: usize = 32 + 2 + 8;

/// Files that each author writes by itself, and files that all write.
const OWN_FILES: u64 = 5;
const SHARED_FILES: u64 = 3;

/// The author whose envelopes ask for the next member list, where there is no ledger.
pub const CHANGER: u16 = 1_000;

/// Names an envelope: its author and number.
pub type EnvelopeName = (u16, u64);

/// Requests of the clients of a run.
#[derive(Default)]
pub struct Clients {
    ledger: Option<(Keys, Arc<Genesis>)>,
    next: BTreeMap<(u16, &'static str), u64>,
    last: BTreeMap<u16, EnvelopeId>,
    made: BTreeMap<EnvelopeName, Item>,
    /// Envelopes signed so far.
    signed: u64,
    claims: Vec<Claim>,
}

/// An envelope with one change before it is signed.
#[derive(Clone)]
struct Draft {
    author: u16,
    domain: &'static str,
    number: u64,
    attempt: u64,
    base: Base,
    ground: Ground,
    deed: Deed,
    /// File and content of a write that names its own.
    file: Option<(String, Vec<u8>)>,
    /// An author's number that it waits for, and the same for the ledger.
    after: Option<(u16, u64, Dependency)>,
    /// Operation in place of a write.
    op: Option<Op>,
    /// Bytes of an honest text; a rogue's are its own.
    bytes: usize,
    hand: Hand,
}

impl Draft {
    fn of(author: u16, number: u64, attempt: u64) -> Self {
        let (base, ground, deed) = (Base::Revision(Revision::GENESIS), Ground::Genesis, Deed::Writes);
        Self {
            author,
            domain: "main",
            number,
            attempt,
            base,
            ground,
            deed,
            file: None,
            after: None,
            op: None,
            bytes: 0,
            hand: Hand::Own,
        }
    }
}

impl Clients {
    /// Authors who are enrolled in a genesis.
    pub fn enrolled(keys: &Keys, genesis: Arc<Genesis>) -> Self {
        Self { ledger: Some((keys.clone(), genesis)), ..Self::default() }
    }

    /// The author's next envelope.
    pub fn write(&mut self, author: u16, text_bytes: u32) -> (EnvelopeName, Item) {
        let number = self.next(author, "main");
        let bytes = text_bytes as usize;
        let (name, item) = if self.ledger.is_none() {
            ((author, number), plain((author, number), bytes))
        } else {
            let draft = Draft { bytes, ..Draft::of(author, number, 1) };
            self.sign(match self.last.get(&author) {
                Some(last) if number.is_multiple_of(2) => {
                    Draft { base: Base::Envelope(*last), ground: Ground::After(*last), ..draft }
                }
                _ => draft,
            })
        };
        self.made.insert(name, item.clone());
        (name, item)
    }

    /// The author's next version of a file that nobody else writes.
    pub fn write_file(&mut self, author: u16, path: String, text: Vec<u8>) -> (EnvelopeName, EnvelopeId) {
        let draft = Draft::of(author, self.next(author, "main"), 1);
        let draft = Draft { file: Some((path, text)), ..draft };
        let (name, item) = self.sign(match self.last.get(&author) {
            Some(last) => Draft { base: Base::Envelope(*last), ground: Ground::After(*last), ..draft },
            None => draft,
        });
        self.made.insert(name, item);
        (name, self.last[&author])
    }

    /// An honest author's next number in a domain.
    fn next(&mut self, author: u16, domain: &'static str) -> u64 {
        let next = self.next.entry((author, domain)).or_insert(1);
        *next += 1;
        *next - 1
    }

    /// Claims signed since the last call, where there is a ledger.
    pub fn claims(&mut self) -> Vec<Claim> {
        std::mem::take(&mut self.claims)
    }

    /// Envelopes that must be executed in the end.
    pub fn asked(&self) -> impl Iterator<Item = &EnvelopeName> {
        self.made.keys()
    }

    /// Envelopes that are not in `executed`.
    pub fn missing<'a>(&'a self, executed: &'a BTreeSet<EnvelopeName>) -> impl Iterator<Item = &'a Item> {
        self.made.iter().filter(|(name, _)| !executed.contains(name)).map(|(_, item)| item)
    }

    /// Those of an author, in the order of their numbers.
    pub fn missing_of<'a>(
        &'a self,
        author: u16,
        executed: &'a BTreeSet<EnvelopeName>,
    ) -> impl Iterator<Item = &'a Item> {
        let of_author = self.made.range((author, 0)..=(author, u64::MAX));
        of_author.filter(|(name, _)| !executed.contains(name)).map(|(_, item)| item)
    }

    /// Signs an envelope and writes down what it says.
    fn sign(&mut self, draft: Draft) -> (EnvelopeName, Item) {
        let (keys, genesis) = self.ledger.clone().expect("only who has a ledger signs envelopes");
        let signer = draft.hand.signer(&keys.authors, draft.author);
        self.signed += 1;
        let (op, text) = match draft.op.clone() {
            Some(op) => (op, Vec::new()),
            None => self.writing(&draft),
        };
        let mut change = Change::new(draft.base, vec![op], "simulated", self.signed);
        let depends_on = draft.after.iter().map(|(.., dependency)| dependency.clone()).collect();
        change.wishes = Wishes { depends_on, ..Wishes::default() };
        let body = Body {
            author: signer.public_key(),
            domain: draft.domain.to_owned(),
            from_seq: draft.number,
            to_seq: draft.number,
            attempt: draft.attempt,
            changes: vec![change],
            carried: vec![],
        };
        let envelope = Envelope::sign(&genesis.group(), body, vec![text], &*signer);
        let id = envelope.id(&genesis.group());
        let item = Item { kind: ItemKind::Envelope, bytes: envelope.encode() };
        self.last.insert(draft.author, id);
        self.claims.push(Claim {
            id,
            item: item_digest(&item),
            author: draft.author,
            domain: draft.domain,
            number: draft.number,
            attempt: draft.attempt,
            ground: draft.ground,
            deed: draft.deed,
            hand: draft.hand,
            after: draft.after.map(|(author, number, _)| (author, number)),
        });
        let name = keys.authors.name(&signer.public_key(), draft.number, &id);
        (name.expect("the author is one of them"), item)
    }

    /// To one file: of the author's own, or of those that all write, so that there is something to merge.
    fn writing(&self, draft: &Draft) -> (Op, Vec<u8>) {
        let (author, number) = (draft.author, draft.number);
        if let Some((path, text)) = draft.file.clone() {
            let content = Digest(Sha256::digest(&text).into());
            return (Op::Put { path, mode: Mode::File, content }, text);
        }
        let path = match number % 3 {
            0 => format!("shared/{}", number % SHARED_FILES),
            _ => format!("author-{author}/{}", number % OWN_FILES),
        };
        let honest = || format!("{author} wrote {number}\n").into_bytes().into_iter().cycle().take(draft.bytes);
        let text: Vec<u8> = if draft.bytes > 0 { honest().collect() } else { rogues::text(author, self.signed) };
        let content = Digest(Sha256::digest(&text).into());
        (Op::Put { path, mode: Mode::File, content }, text)
    }
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
