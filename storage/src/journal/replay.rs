//! Reading the journal back at a start.

use super::frame::{ALIGN, FRAME_BYTES, Head};
use super::{End, FILES, Files, Mark};
use redb::StorageBackend;
use std::io;

/// Bytes that the search for records behind a broken one reads at a time.
const WINDOW_BYTES: usize = 1 << 20;

/// The journal as it was found.
#[derive(Debug)]
pub(crate) struct Replayed {
    /// Payloads of the records that are not folded yet, in order.
    pub(crate) records: Vec<Vec<u8>>,
    /// Where to go on.
    pub(crate) end: End,
}

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
    let mut reading = Reading::of(files, first, 0);
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
        let End { mark, last, life, number, .. } = reading.end;
        let next = Mark { generation: mark.generation + 1, seed: last };
        let mut after = Reading::of(files, next, life);
        let is_last = number == 1 || next.generation == first.generation + FILES as u64;
        if is_last || !after.header()? {
            return Ok(Replayed { records, end: reading.end });
        }
        reading = after;
    }
}

/// A walk through one generation.
struct Reading<'a> {
    file: &'a dyn StorageBackend,
    end: End,
}

impl<'a> Reading<'a> {
    fn of(files: &'a Files, mark: Mark, life: u32) -> Self {
        let end = End { mark, last: mark.seed, number: 0, at: 0, life };
        Self { file: files.of(mark.generation), end }
    }

    /// Whether the generation begins here. A header that is broken before records of its generation is damage.
    fn header(&mut self) -> Result<bool, JournalError> {
        let generation = self.end.mark.generation.to_le_bytes();
        if self.next()?.is_some_and(|payload| payload == generation) {
            return Ok(true);
        }
        self.refuse_damage().map(|()| false)
    }

    /// The next record, if it is whole.
    fn next(&mut self) -> Result<Option<Vec<u8>>, JournalError> {
        let Some((head, payload)) = self.read(self.end.at)? else { return Ok(None) };
        if head.place.number != self.end.number || head.place.life < self.end.life {
            return Ok(None);
        }
        let Some(checksum) = head.verify(&self.end.mark.seed, &payload) else { return Ok(None) };
        self.end = End {
            last: checksum,
            number: self.end.number + 1,
            at: self.end.at + head.record_bytes(),
            life: head.place.life,
            ..self.end
        };
        Ok(Some(payload))
    }

    /// The record at a place of the file, if the file has room for it.
    fn read(&self, at: u64) -> Result<Option<(Head, Vec<u8>)>, JournalError> {
        let length = self.file.len()?;
        let Some(room) = length.checked_sub(at + FRAME_BYTES as u64) else { return Ok(None) };
        let mut frame = [0; FRAME_BYTES];
        self.file.read(at, &mut frame)?;
        let head = Head::parse(&frame);
        if head.length as u64 > room {
            return Ok(None);
        }
        let mut payload = vec![0; head.length];
        self.file.read(at + FRAME_BYTES as u64, &mut payload)?;
        Ok(Some((head, payload)))
    }

    /// Looks behind the end for a record that was written when the one missing here was durable.
    fn refuse_damage(&self) -> Result<(), JournalError> {
        let length = self.file.len()?;
        let (mut from, mut window) = (self.end.at, Vec::new());
        while from + (FRAME_BYTES as u64) <= length {
            window.resize((length - from).min((WINDOW_BYTES + FRAME_BYTES) as u64) as usize, 0);
            self.file.read(from, &mut window)?;
            for offset in (0..(window.len() - FRAME_BYTES + 1).min(WINDOW_BYTES)).step_by(ALIGN) {
                let head = Head::parse(window[offset..offset + FRAME_BYTES].try_into().expect("the frame's length"));
                if self.vouches(&head) && self.is_record(from + offset as u64)? {
                    let (Mark { generation, .. }, at, number) = (self.end.mark, self.end.at, self.end.number);
                    return Err(JournalError::Damaged { generation, file: generation % FILES as u64, at, number });
                }
            }
            from += WINDOW_BYTES as u64;
        }
        Ok(())
    }

    /// Whether a record with this head was written when the one missing here was durable.
    fn vouches(&self, head: &Head) -> bool {
        head.place.durable > self.end.number && head.place.number >= head.place.durable
    }

    fn is_record(&self, at: u64) -> Result<bool, JournalError> {
        let found = self.read(at)?;
        Ok(found.is_some_and(|(head, payload)| head.verify(&self.end.mark.seed, &payload).is_some()))
    }
}
