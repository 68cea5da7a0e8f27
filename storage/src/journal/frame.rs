//! One record on the disk: length, life, number, how many before it were durable, checksum, payload, zeros up to a
//! multiple of eight.

use borsh::{BorshDeserialize, BorshSerialize};
use sha2::{Digest as _, Sha256};

/// First half of a SHA-256.
pub(crate) type Checksum = [u8; 16];

/// Bytes before a payload.
pub(crate) const FRAME_BYTES: usize = 4 + 4 + 8 + 8 + 16;

/// Alignment of records.
pub(crate) const ALIGN: usize = 8;

/// Start of a generation: its number, and what its checksums begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub(crate) struct Mark {
    pub(crate) generation: u64,
    pub(crate) seed: Checksum,
}

/// Place of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Starts of the database up to then: bytes that a crash left behind the end have a lower one.
    pub(crate) life: u32,
    /// Number within the generation; 0 is the header.
    pub(crate) number: u64,
    /// Records before it that were durable when it was written.
    pub(crate) durable: u64,
}

/// What precedes a payload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    pub(crate) length: usize,
    pub(crate) place: Place,
    checksum: Checksum,
}

/// The bytes of a record, and its checksum.
pub(crate) fn encode(place: Place, payload: &[u8], seed: &Checksum) -> (Vec<u8>, Checksum) {
    let checksum = checksum(seed, place, payload);
    let length = u32::try_from(payload.len()).expect("a round weighs less than 4 GiB");
    let mut bytes = Vec::with_capacity((FRAME_BYTES + payload.len()).next_multiple_of(ALIGN));
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&place.life.to_le_bytes());
    bytes.extend_from_slice(&place.number.to_le_bytes());
    bytes.extend_from_slice(&place.durable.to_le_bytes());
    bytes.extend_from_slice(&checksum);
    bytes.extend_from_slice(payload);
    bytes.resize(bytes.len().next_multiple_of(ALIGN), 0);
    (bytes, checksum)
}

impl Head {
    /// Reads what precedes a payload; any bytes are some head.
    pub(crate) fn parse(bytes: &[u8; FRAME_BYTES]) -> Self {
        let short = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        Self {
            length: short(0) as usize,
            place: Place { life: short(4), number: long(8), durable: long(16) },
            checksum: bytes[24..].try_into().expect("sixteen bytes"),
        }
    }

    /// Bytes of the record, frame and padding included.
    pub(crate) fn record_bytes(&self) -> u64 {
        (FRAME_BYTES + self.length).next_multiple_of(ALIGN) as u64
    }

    /// The checksum, if the payload is the one that was written with this head.
    pub(crate) fn verify(&self, seed: &Checksum, payload: &[u8]) -> Option<Checksum> {
        let is_whole = checksum(seed, self.place, payload) == self.checksum;
        is_whole.then_some(self.checksum)
    }
}

fn checksum(seed: &Checksum, place: Place, payload: &[u8]) -> Checksum {
    let mut hash = Sha256::new();
    hash.update(seed);
    hash.update(place.life.to_le_bytes());
    hash.update(place.number.to_le_bytes());
    hash.update(place.durable.to_le_bytes());
    hash.update(payload);
    hash.finalize()[..16].try_into().expect("sixteen bytes of thirty-two")
}
