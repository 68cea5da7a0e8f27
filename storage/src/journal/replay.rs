//! Reading the journal back at a start.

use super::frame::{ALIGN, HEAD_BYTES, Head, Header};
use super::{End, FILES, Files, Mark};
use redb::StorageBackend;
use std::collections::VecDeque;
use std::io;

/// Bytes that the search for records behind a broken one reads at a time.
const WINDOW_BYTES: usize = 1 << 20;

/// Bytes of a header's payload.
const HEADER_BYTES: usize = 8 + 16 + 8;

/// The journal as it was found.
#[derive(Debug)]
pub(crate) struct Replayed {
    /// Payloads of the records that are not folded yet, in order.
    pub(crate) records: Vec<Vec<u8>>,
    /// Where to go on.
    pub(crate) end: End,
    /// Records that none behind them says were durable.
    pub(crate) unsure: Unsure,
}

/// The newest records of a generation, each with its place in the file, in order.
pub(crate) type Unsure = VecDeque<(u64, Vec<u8>)>;

/// Why the journal cannot be read back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    /// The generation after the folded one is not there: promises are lost.
    #[error("the journal is not the one of this database: generation {generation} is missing in file {file}")]
    Missing { generation: u64, file: u64 },
    /// A record is broken behind which there are others that came after a sync of it.
    #[error("the journal is damaged: file {file}, byte {at}, record {number} of generation {generation}")]
    Damaged { generation: u64, file: u64, at: u64, number: u64 },
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads what was recorded from a generation on. The first one must be there; the torn end of the last one is left
/// out, for nothing that was let out rests on it.
pub(crate) fn replay(files: &Files, first: Mark) -> Result<Replayed, JournalError> {
    let mut reading = Reading::of(files, first);
    if !reading.header()? {
        let generation = first.generation;
        return Err(JournalError::Missing { generation, file: generation % FILES as u64 });
    }
    let mut records = Vec::new();
    loop {
        while let Some(record) = reading.next()? {
            records.push(record);
        }
        reading.refuse_damage()?;
        let End { mark, last, number, .. } = reading.end;
        let next = Mark { generation: mark.generation + 1, seed: last };
        let mut after = Reading::of(files, next);
        if after.claimed()?.is_some_and(|header| header.mark != next || header.before != number) {
            return Err(reading.damage()); // its end was durable when the next generation began
        }
        if next.generation == first.generation + FILES as u64 || !after.header()? {
            return Ok(Replayed { records, end: reading.end, unsure: reading.unsure });
        }
        reading = after;
    }
}

/// A walk through one generation.
struct Reading<'a> {
    file: &'a dyn StorageBackend,
    end: End,
    unsure: Unsure,
}

impl<'a> Reading<'a> {
    fn of(files: &'a Files, mark: Mark) -> Self {
        let end = End { mark, last: mark.seed, number: 0, at: 0 };
        Self { file: files.of(mark.generation), end, unsure: Unsure::new() }
    }

    /// Whether the generation begins here. A header that is broken before records of its generation is damage.
    fn header(&mut self) -> Result<bool, JournalError> {
        if self.next()?.is_some() {
            return Ok(true);
        }
        self.refuse_damage().map(|()| false)
    }

    /// The header in the file, by its own seed, if it is one of this generation.
    fn claimed(&self) -> Result<Option<Header>, JournalError> {
        let Some(head) = self.head(0)?.filter(|head| head.length == HEADER_BYTES) else { return Ok(None) };
        let payload = self.payload(0, &head)?;
        let header = borsh::from_slice::<Header>(&payload).ok();
        let generation = self.end.mark.generation;
        Ok(header.filter(|header| {
            header.mark.generation == generation && head.verify(&header.mark.seed, &payload).is_some()
        }))
    }

    /// The next record, if it is whole.
    fn next(&mut self) -> Result<Option<Vec<u8>>, JournalError> {
        let Some(head) = self.head(self.end.at)?.filter(|head| self.follows(head)) else { return Ok(None) };
        let payload = self.payload(self.end.at, &head)?;
        let Some(checksum) = head.verify(&self.end.mark.seed, &payload) else { return Ok(None) };
        self.unsure.push_back((self.end.at, [&head.to_bytes(), &payload[..]].concat()));
        let settled = (self.unsure.len() as u64).saturating_sub(self.end.number + 1 - head.place.durable);
        self.unsure.drain(..settled as usize);
        let at = self.end.at + head.record_bytes();
        self.end = End { last: checksum, number: self.end.number + 1, at, ..self.end };
        Ok(Some(payload))
    }

    fn follows(&self, head: &Head) -> bool {
        let place = head.place;
        place.number == self.end.number && place.after == self.end.last && head.is_sound(&self.end.mark.seed)
    }

    /// The head at a place of the file, if the file has room for its record.
    fn head(&self, at: u64) -> Result<Option<Head>, JournalError> {
        let Some(room) = self.file.len()?.checked_sub(at + HEAD_BYTES as u64) else { return Ok(None) };
        let mut bytes = [0; HEAD_BYTES];
        self.file.read(at, &mut bytes)?;
        Ok(Some(Head::parse(&bytes)).filter(|head| head.length as u64 <= room))
    }

    fn payload(&self, at: u64, head: &Head) -> Result<Vec<u8>, JournalError> {
        let mut payload = vec![0; head.length];
        self.file.read(at + HEAD_BYTES as u64, &mut payload)?;
        Ok(payload)
    }

    /// Looks behind the end for a record that was written when the one missing here was durable.
    fn refuse_damage(&self) -> Result<(), JournalError> {
        let length = self.file.len()?;
        let (mut from, mut window) = (self.end.at, Vec::new());
        while from + (HEAD_BYTES as u64) <= length {
            window.resize((length - from).min((WINDOW_BYTES + HEAD_BYTES) as u64) as usize, 0);
            self.file.read(from, &mut window)?;
            for offset in (0..(window.len() - HEAD_BYTES + 1).min(WINDOW_BYTES)).step_by(ALIGN) {
                let head = Head::parse(window[offset..offset + HEAD_BYTES].try_into().expect("the head's length"));
                if self.vouches(&head, from + offset as u64) {
                    return Err(self.damage());
                }
            }
            from += WINDOW_BYTES as u64;
        }
        Ok(())
    }

    /// Whether a record with this head at this place was written when the one missing here was durable. Numbers first: of
    /// random bytes only one in 2^80 has two that fit, too few for a checksum of 32 bits to let one pass by chance.
    /// The head's own checksum says the rest: of bytes that look like one, no payload is read.
    fn vouches(&self, head: &Head, at: u64) -> bool {
        let place = head.place;
        let is_behind = place.durable > self.end.number && place.number >= place.durable;
        is_behind && self.has_room_before(place.number, at) && head.is_sound(&self.end.mark.seed)
    }

    /// Whether all records from the end up to this number, each a head at least, fit in before a place.
    fn has_room_before(&self, number: u64, at: u64) -> bool {
        number - self.end.number <= (at - self.end.at) / HEAD_BYTES as u64
    }

    fn damage(&self) -> JournalError {
        let End { mark: Mark { generation, .. }, at, number, .. } = self.end;
        JournalError::Damaged { generation, file: generation % FILES as u64, at, number }
    }
}
