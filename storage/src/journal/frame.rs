//! One record on the disk: a head of 56 bytes, the payload, zeros up to a multiple of eight.
//!
//! The head has the payload's length, a checksum of the head, the record's number, how many records before it were
//! durable when it was written, the checksum of the record before it, and its own.

use borsh::{BorshDeserialize, BorshSerialize};
use sha2::{Digest as _, Sha256};

/// First half of a SHA-256.
pub(crate) type Checksum = [u8; 16];

/// Bytes before a payload.
pub(crate) const HEAD_BYTES: usize = 4 + 4 + 8 + 8 + 16 + 16;

/// Alignment of records.
pub(crate) const ALIGN: usize = 8;

/// Start of a generation: its number, and what its checksums begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub(crate) struct Mark {
    pub(crate) generation: u64,
    pub(crate) seed: Checksum,
}

/// First record of a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Header {
    pub(crate) mark: Mark,
    /// Records of the generation before it: all were durable when it was written.
    pub(crate) before: u64,
}

/// Place of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Number within the generation; 0 is the header.
    pub(crate) number: u64,
    /// Records before it that were durable when it was written.
    pub(crate) durable: u64,
    /// Checksum of the record before it; of the header: the seed.
    pub(crate) after: Checksum,
}

/// What precedes a payload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    pub(crate) length: usize,
    check: [u8; 4],
    pub(crate) place: Place,
    checksum: Checksum,
}

/// Makes a record of bytes that are [`HEAD_BYTES`] of any kind and a payload: writes the head, and zeros behind. Returns the
/// checksum.
pub(crate) fn seal(bytes: &mut Vec<u8>, place: Place, seed: &Checksum) -> Checksum {
    let payload = &bytes[HEAD_BYTES..];
    let length = u32::try_from(payload.len()).expect("a round weighs less than 4 GiB");
    let (check, checksum) = (check(seed, length, place), checksum(seed, place, payload));
    let head = Head { length: length as usize, check, place, checksum };
    bytes[..HEAD_BYTES].copy_from_slice(&head.to_bytes());
    bytes.resize(bytes.len().next_multiple_of(ALIGN), 0);
    checksum
}

impl Head {
    /// Reads what precedes a payload; any bytes are some head.
    pub(crate) fn parse(bytes: &[u8; HEAD_BYTES]) -> Self {
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let sum = |at: usize| bytes[at..at + 16].try_into().expect("sixteen bytes");
        Self {
            length: u32::from_le_bytes(bytes[..4].try_into().expect("four bytes")) as usize,
            check: bytes[4..8].try_into().expect("four bytes"),
            place: Place { number: number(8), durable: number(16), after: sum(24) },
            checksum: sum(40),
        }
    }

    /// The bytes that it was read from.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let Self { length, check, place: Place { number, durable, after }, checksum } = self;
        let (length, number, durable) = ((length as u32).to_le_bytes(), number.to_le_bytes(), durable.to_le_bytes());
        [&length[..], &check, &number, &durable, &after, &checksum].concat()
    }

    /// Whether these bytes were written as a head under a seed: looked at before a payload is read.
    pub(crate) fn is_sound(&self, seed: &Checksum) -> bool {
        check(seed, self.length as u32, self.place) == self.check
    }

    /// Bytes of the record, head and padding included.
    pub(crate) fn record_bytes(&self) -> u64 {
        (HEAD_BYTES + self.length).next_multiple_of(ALIGN) as u64
    }

    /// The checksum, if the payload is the one that was written with this head.
    pub(crate) fn verify(&self, seed: &Checksum, payload: &[u8]) -> Option<Checksum> {
        (checksum(seed, self.place, payload) == self.checksum).then_some(self.checksum)
    }
}

fn check(seed: &Checksum, length: u32, place: Place) -> [u8; 4] {
    let hash = of_place(seed, place).chain_update(length.to_le_bytes()).finalize();
    hash[..4].try_into().expect("four bytes of thirty-two")
}

fn checksum(seed: &Checksum, place: Place, payload: &[u8]) -> Checksum {
    let hash = of_place(seed, place).chain_update(payload).finalize();
    hash[..16].try_into().expect("sixteen bytes of thirty-two")
}

fn of_place(seed: &Checksum, place: Place) -> Sha256 {
    let hash = Sha256::new().chain_update(seed).chain_update(place.number.to_le_bytes());
    hash.chain_update(place.durable.to_le_bytes()).chain_update(place.after)
}
