//! A disk in memory that forgets, tears and fills up: for simulators and crash tests.
//!
//! Writes are visible at once and durable at the next sync. [`Disk::crash`] takes the power away: of what was not
//! synced it keeps nothing, everything, or, by a seed, some writes and some halves of writes, whichever came first. A
//! block counts as taken from its first write on, as on a file system with sparse files.

use redb::StorageBackend;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes that a drive writes atomically.
const SECTOR_BYTES: usize = 512;

/// Bytes that a file system allocates at a time.
const BLOCK_BYTES: u64 = 4_096;

/// The operating system's number of an error of the disk.
const EIO: i32 = 5;

/// Fate in a crash of the writes since the last sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Every write survives: the process was killed, the machine runs on.
    Nothing,
    /// Every write since the last sync is lost.
    All,
    /// Each write is kept, lost or torn at sector bounds, late ones and early ones alike.
    Some {
        /// Decides which.
        seed: u64,
    },
}

/// A simulated disk with some files. Clones are the same disk.
#[derive(Clone, Default)]
pub struct Disk(Arc<Mutex<State>>);

/// A file as one process sees it, from its start to the next crash.
#[derive(Debug)]
pub struct Backend {
    disk: Disk,
    name: &'static str,
    generation: u64,
}

#[derive(Default)]
struct State {
    files: BTreeMap<&'static str, File>,
    generation: u64,
    operations: u64,
    syncs: u64,
    reads: u64,
    power_until: Option<u64>,
    taken: BTreeSet<(&'static str, u64)>,
    blocks_max: Option<usize>,
    /// Block that cannot be read.
    lost_block: Option<(&'static str, u64)>,
    /// Number of the read that fails.
    lost_read: Option<u64>,
}

#[derive(Default)]
struct File {
    image: Vec<u8>,
    unsynced: Vec<Change>,
}

/// A change since the last sync: what was there. The new bytes are in the image; of two writes to one place within one
/// sync the later one.
enum Change {
    Write { at: usize, old: Vec<u8> },
    Length { old: usize, cut_off: Vec<u8>, new: usize },
}

impl Disk {
    /// An empty disk without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// A file, empty at first, for a process that starts now.
    pub fn file(&self, name: &'static str) -> Backend {
        Backend { disk: self.clone(), name, generation: self.state().generation }
    }

    /// The power goes off and on again: whoever still holds the disk gets errors from now on, and the file is what
    /// `loss` leaves of it.
    pub fn crash(&self, loss: Loss) {
        let mut state = self.state();
        state.generation += 1;
        state.power_until = None;
        let mut random = Random(if let Loss::Some { seed } = loss { seed } else { 0 });
        state.files.values_mut().for_each(|file| file.lose(loss, &mut random));
    }

    /// Lets `count` more writes, resizes and syncs happen; every one after them fails, until the crash.
    pub fn cut_power_after(&self, count: u64) {
        let mut state = self.state();
        state.power_until = Some(state.operations + count);
    }

    /// Whether the power is off.
    pub fn is_off(&self) -> bool {
        let state = self.state();
        state.power_until.is_some_and(|until| state.operations >= until)
    }

    /// Lets `count` more blocks be taken; writes into other new blocks fail for want of space.
    pub fn fill_after(&self, count: usize) {
        let mut state = self.state();
        state.blocks_max = Some(state.taken.len() + count);
    }

    /// There is space again.
    pub fn free(&self) {
        self.state().blocks_max = None;
    }

    /// Fails every read of a block of 4 KiB from now on, as a drive does that has lost it; of none, mends it.
    pub fn lose_block(&self, block: Option<(&'static str, u64)>) {
        self.state().lost_block = block;
    }

    /// Fails the read after so many more, once.
    pub fn lose_read_after(&self, count: u64) {
        let mut state = self.state();
        state.lost_read = Some(state.reads + count + 1);
    }

    /// Writes, resizes and syncs up to now.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Syncs up to now.
    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// Reads up to now: pages that were not in memory.
    pub fn reads(&self) -> u64 {
        self.state().reads
    }

    /// Bytes of the blocks that were ever written.
    pub fn taken_bytes(&self) -> u64 {
        self.state().taken.len() as u64 * BLOCK_BYTES
    }

    /// A file as it is, synced or not.
    pub fn image(&self, name: &str) -> Vec<u8> {
        self.state().files.get(name).map_or_else(Vec::new, |file| file.image.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // a panic under the lock fails its own test; the bytes are still bytes
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl File {
    fn lose(&mut self, loss: Loss, random: &mut Random) {
        if loss == Loss::Nothing {
            return; // the next crash may still take what was not synced
        }
        let unsynced = std::mem::take(&mut self.unsynced);
        match loss {
            Loss::Nothing => {}
            Loss::All => self.undo(&unsynced),
            Loss::Some { .. } => {
                let written = self.image.clone();
                self.undo(&unsynced);
                self.redo_some(&unsynced, &written, random);
            }
        }
    }

    fn undo(&mut self, changes: &[Change]) {
        for change in changes.iter().rev() {
            match change {
                Change::Write { at, old } => self.image[*at..at + old.len()].copy_from_slice(old),
                Change::Length { old, cut_off, .. } => {
                    self.image.resize(old - cut_off.len(), 0);
                    self.image.extend_from_slice(cut_off);
                }
            }
        }
    }

    fn redo_some(&mut self, changes: &[Change], written: &[u8], random: &mut Random) {
        let (mut writes, mut length) = (Vec::new(), self.image.len());
        for change in changes {
            match change {
                Change::Length { new, .. } if random.below(2) == 0 => length = *new,
                Change::Length { .. } => {}
                // a place that a later change cut off is gone anyway
                Change::Write { at, old } => writes.extend(written.get(*at..at + old.len()).map(|new| (*at, new))),
            }
        }
        self.image.resize(length, 0);
        for (at, new) in writes {
            match random.below(3) {
                0 => {}
                1 => self.keep(at, new),
                _ => {
                    new.chunks(SECTOR_BYTES).enumerate().filter(|_| random.below(2) == 0).for_each(|(index, sector)| {
                        self.keep(at + index * SECTOR_BYTES, sector);
                    })
                }
            }
        }
    }

    /// Puts bytes where the file has room for them; what lies beyond its end is lost with its length.
    fn keep(&mut self, at: usize, bytes: &[u8]) {
        let end = self.image.len().min(at + bytes.len());
        if at < end {
            self.image[at..end].copy_from_slice(&bytes[..end - at]);
        }
    }
}

impl State {
    /// Counts an operation, unless the power is off.
    fn operate(&mut self, generation: u64) -> io::Result<()> {
        if generation != self.generation || self.power_until.is_some_and(|until| self.operations >= until) {
            return Err(io::Error::other("the power is off"));
        }
        self.operations += 1;
        Ok(())
    }

    fn is_lost(&self, name: &str, at: u64, bytes: u64) -> bool {
        let is_in = |(file, block): (&str, u64)| {
            file == name && at < (block + 1) * BLOCK_BYTES && block * BLOCK_BYTES < at + bytes
        };
        self.lost_read == Some(self.reads) || self.lost_block.is_some_and(is_in)
    }

    fn take_blocks(&mut self, name: &'static str, at: u64, bytes: u64) -> io::Result<()> {
        for block in at / BLOCK_BYTES..(at + bytes).div_ceil(BLOCK_BYTES) {
            let is_full = self.blocks_max.is_some_and(|max| self.taken.len() >= max);
            if is_full && !self.taken.contains(&(name, block)) {
                return Err(ErrorKind::StorageFull.into());
            }
            self.taken.insert((name, block));
        }
        Ok(())
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state().files.entry(self.name).or_default().image.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        state.reads += 1;
        if state.is_lost(self.name, offset, out.len() as u64) {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        let at = offset as usize;
        let file = state.files.entry(self.name).or_default();
        out.copy_from_slice(file.image.get(at..at + out.len()).ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.operate(self.generation)?;
        let file = state.files.entry(self.name).or_default();
        let (old, new) = (file.image.len(), len as usize);
        let cut_off = if new < old { file.image[new..].to_vec() } else { Vec::new() };
        file.image.resize(new, 0);
        file.unsynced.push(Change::Length { old, cut_off, new });
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.operate(self.generation)?;
        state.syncs += 1;
        state.files.entry(self.name).or_default().unsynced.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        state.operate(self.generation)?;
        state.take_blocks(self.name, offset, data.len() as u64)?;
        let at = offset as usize;
        let file = state.files.entry(self.name).or_default();
        let place = file.image.get_mut(at..at + data.len()).ok_or(ErrorKind::UnexpectedEof)?;
        let old = place.to_vec();
        place.copy_from_slice(data);
        file.unsynced.push(Change::Write { at, old });
        Ok(())
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        let bytes: usize = state.files.values().map(|file| file.image.len()).sum();
        f.debug_struct("Disk").field("bytes", &bytes).field("operations", &state.operations).finish()
    }
}

/// SplitMix64: enough to choose what a crash keeps, the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}
