//! A disk in memory that forgets, tears and fills up: for simulators and crash tests.
//!
//! Writes are visible at once and durable at the next sync. [`Disk::crash`] takes the power away: of what was not
//! synced it keeps nothing, everything, or, by a seed, some writes and some halves of writes, whichever came first. A
//! block counts as taken from its first write on, as on a file system with sparse files.

use crate::room::{Patient, Room};
use crate::runs::{Folder, Reserve};
use redb::StorageBackend;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, ErrorKind};
use std::ops::Range;
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
    name: String,
    generation: u64,
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, File>,
    /// Files that were made or removed since their folder was synced, and what was there; the newest last.
    unsynced_names: Vec<(String, Option<File>)>,
    generation: u64,
    operations: u64,
    syncs: u64,
    reads: u64,
    power_until: Option<u64>,
    taken: BTreeSet<(String, u64)>,
    blocks_max: Option<usize>,
    has_reserve_only: bool,
    refuses_merges: bool,
    /// Block that cannot be read.
    lost_block: Option<(String, u64)>,
    /// Number of the read that fails.
    lost_read: Option<u64>,
    /// Number of the sync that fails.
    lost_sync: Option<u64>,
}

#[derive(Default)]
struct File {
    image: Vec<u8>,
    unsynced: Vec<Change>,
    /// Writes whose sync has failed: no later one makes them durable.
    failed: Vec<Change>,
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
    pub fn file(&self, name: &str) -> Backend {
        Backend { disk: self.clone(), name: name.to_owned(), generation: self.state().generation }
    }

    /// The folder of its files, for a process that starts now.
    pub(crate) fn folder(&self, room: &Arc<Room>) -> Arc<dyn Folder> {
        Arc::new(DiskFolder { disk: self.clone(), room: room.clone(), generation: self.state().generation })
    }

    /// The power goes off and on again: whoever still holds the disk gets errors from now on, and the file is what
    /// `loss` leaves of it.
    pub fn crash(&self, loss: Loss) {
        let mut state = self.state();
        state.generation += 1;
        state.power_until = None;
        let mut random = Random(if let Loss::Some { seed } = loss { seed } else { 0 });
        state.files.values_mut().for_each(|file| file.lose(loss, &mut random));
        state.lose_names(loss, &mut random);
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
        let mut state = self.state();
        (state.blocks_max, state.has_reserve_only, state.refuses_merges) = (None, false, false);
    }

    /// Leaves no more than the part of the disk that is kept for what cannot wait.
    pub fn leave_the_reserve(&self) {
        self.state().has_reserve_only = true;
    }

    /// Leaves room for folds, and none for merges.
    pub fn refuse_merges(&self) {
        self.state().refuses_merges = true;
    }

    /// Fails every read of a block of 4 KiB from now on, as a drive does that has lost it; of none, mends it.
    pub fn lose_block(&self, block: Option<(&str, u64)>) {
        self.state().lost_block = block.map(|(name, block)| (name.to_owned(), block));
    }

    /// Fails the read after so many more, once.
    pub fn lose_read_after(&self, count: u64) {
        let mut state = self.state();
        state.lost_read = Some(state.reads + count + 1);
    }

    /// Fails the sync after so many more, once. As on Linux, what it was to make durable stays in memory, where whoever starts
    /// next reads it, and counts as written: no later sync does it, unless the bytes are written again.
    pub fn lose_sync_after(&self, count: u64) {
        let mut state = self.state();
        state.lost_sync = Some(state.syncs + count + 1);
    }

    /// Gives no answer while the guard lives, as a drive does that hangs.
    pub fn hang(&self) -> impl Sized + '_ {
        self.state()
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

    /// Names of all files.
    pub fn names(&self) -> Vec<String> {
        self.state().files.keys().cloned().collect()
    }

    /// Changes one bit of a file, as a drive does that rots.
    pub fn flip(&self, name: &str, bit: u64) {
        if let Some(file) = self.state().files.get_mut(name) {
            file.image[(bit / 8) as usize] ^= 1 << (bit % 8);
        }
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
        let (unsynced, failed) = (std::mem::take(&mut self.unsynced), std::mem::take(&mut self.failed));
        let written = self.image.clone();
        self.undo(&unsynced);
        self.undo(&failed);
        if loss != Loss::All {
            self.redo_some(&unsynced, &written, random);
        }
    }

    /// Makes durable what was written since the last sync.
    fn sync(&mut self) {
        for change in std::mem::take(&mut self.unsynced) {
            if let Change::Write { at, old } = change {
                self.failed.iter_mut().for_each(|failed| failed.is_overwritten(at..at + old.len(), &self.image));
            }
        }
    }

    /// A sync fails: lengths are the file system's, and it has them.
    fn fail_sync(&mut self) {
        let writes =
            std::mem::take(&mut self.unsynced).into_iter().filter(|change| matches!(change, Change::Write { .. }));
        self.failed.extend(writes);
    }

    fn undo(&mut self, changes: &[Change]) {
        for change in changes.iter().rev() {
            match change {
                Change::Write { at, old } => self.keep(*at, old), // a later change may have cut it off
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

impl Change {
    /// Another write of these places is durable: what was there before is no more.
    fn is_overwritten(&mut self, written: Range<usize>, image: &[u8]) {
        let Self::Write { at, old } = self else { return };
        let (from, to) = (written.start.max(*at), written.end.min(*at + old.len()).min(image.len()));
        if from < to {
            old[from - *at..to - *at].copy_from_slice(&image[from..to]);
        }
    }
}

impl State {
    fn file(&mut self, name: &str) -> &mut File {
        if !self.files.contains_key(name) {
            self.files.insert(name.to_owned(), File::default());
        }
        self.files.get_mut(name).expect("it is there")
    }

    /// Counts an operation, unless the power is off.
    fn operate(&mut self, generation: u64) -> io::Result<()> {
        if generation != self.generation || self.power_until.is_some_and(|until| self.operations >= until) {
            return Err(io::Error::other("the power is off"));
        }
        self.operations += 1;
        Ok(())
    }

    fn is_lost(&self, name: &str, at: u64, bytes: u64) -> bool {
        let is_in = |(file, block): &(String, u64)| {
            file == name && at < (block + 1) * BLOCK_BYTES && block * BLOCK_BYTES < at + bytes
        };
        self.lost_read == Some(self.reads) || self.lost_block.as_ref().is_some_and(is_in)
    }

    /// Takes back some of what was made and removed since the last sync of the folder.
    fn lose_names(&mut self, loss: Loss, random: &mut Random) {
        if loss == Loss::Nothing {
            return;
        }
        for (name, before) in std::mem::take(&mut self.unsynced_names).into_iter().rev() {
            if loss == Loss::All || random.below(2) == 0 {
                match before {
                    Some(file) => drop(self.files.insert(name, file)),
                    None => drop(self.files.remove(&name)),
                }
            }
        }
    }

    fn take_blocks(&mut self, name: &str, at: u64, bytes: u64) -> io::Result<()> {
        for block in at / BLOCK_BYTES..(at + bytes).div_ceil(BLOCK_BYTES) {
            let is_full = self.blocks_max.is_some_and(|max| self.taken.len() >= max);
            let block = (name.to_owned(), block);
            if is_full && !self.taken.contains(&block) {
                return Err(ErrorKind::StorageFull.into());
            }
            self.taken.insert(block);
        }
        Ok(())
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state().file(&self.name).image.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        state.reads += 1;
        if state.is_lost(&self.name, offset, out.len() as u64) {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        let at = offset as usize;
        let file = state.file(&self.name);
        out.copy_from_slice(file.image.get(at..at + out.len()).ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.operate(self.generation)?;
        let file = state.file(&self.name);
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
        if state.lost_sync == Some(state.syncs) {
            state.file(&self.name).fail_sync();
            return Err(io::Error::from_raw_os_error(EIO));
        }
        state.file(&self.name).sync();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        state.operate(self.generation)?;
        state.take_blocks(&self.name, offset, data.len() as u64)?;
        let at = offset as usize;
        let file = state.file(&self.name);
        let place = file.image.get_mut(at..at + data.len()).ok_or(ErrorKind::UnexpectedEof)?;
        let old = place.to_vec();
        place.copy_from_slice(data);
        file.unsynced.push(Change::Write { at, old });
        Ok(())
    }
}

/// The disk's files as one process sees them.
#[derive(Debug)]
struct DiskFolder {
    disk: Disk,
    room: Arc<Room>,
    generation: u64,
}

impl DiskFolder {
    fn backend(&self, name: &str) -> Backend {
        Backend { disk: self.disk.clone(), name: name.to_owned(), generation: self.generation }
    }

    /// Puts a file, or none, in the place of what is there.
    fn replace(&self, name: &str, file: Option<File>) -> io::Result<()> {
        let mut state = self.disk.state();
        state.operate(self.generation)?;
        let before = state.files.remove(name);
        state.files.extend(file.map(|file| (name.to_owned(), file)));
        state.taken.retain(|(of, _)| of != name);
        state.unsynced_names.push((name.to_owned(), before));
        Ok(())
    }
}

impl Folder for DiskFolder {
    fn make(&self, name: &str, is_patient: bool) -> io::Result<Box<dyn StorageBackend>> {
        self.replace(name, Some(File::default()))?;
        let (file, room) = (self.backend(name), self.room.clone());
        Ok(if is_patient { Box::new(Patient { file, room, is_journal: true }) } else { Box::new(file) })
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn StorageBackend>> {
        match self.disk.state().files.contains_key(name) {
            true => Ok(Box::new(Patient { file: self.backend(name), room: self.room.clone(), is_journal: false })),
            false => Err(ErrorKind::NotFound.into()),
        }
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.replace(name, None)
    }

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.disk.names())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.operate(self.generation)?;
        state.unsynced_names.clear();
        Ok(())
    }

    /// A disk says so by failing: that is tested.
    fn has_room_for(&self, _bytes: u64, reserve: Reserve) -> bool {
        let state = self.disk.state();
        !state.refuses_merges && (reserve == Reserve::MayBeUsed || !state.has_reserve_only)
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
