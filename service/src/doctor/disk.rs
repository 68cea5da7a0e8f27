//! Disk: how long a durable write takes, measured in a file of its own beside the database, which is removed again.

use super::Item;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Name of the check.
const CHECK: &str = "durable-write";
/// Name of the file. One that a run left that was killed is taken by the next.
const FILE: &str = "doctor.write";
/// Writes that are measured, one after the other.
const WRITES: usize = 20;
/// Bytes of a write: a page.
const WRITE_BYTES: usize = 4_096;
/// Time after which no other write is begun, of the time that is waited; the first is made in any case.
const BEGINS_WITHIN: Duration = Duration::from_secs(2);
/// Time after which a write is not waited for any more.
const PATIENCE: Duration = Duration::from_secs(4);
/// Median above which a disk is called slow.
const SLOW: Duration = Duration::from_millis(10);

const IF_SLOW: &str = "each order waits for several such writes, one after the other: a disk that nobody else keeps busy, or one \
                       that makes writes durable by itself, orders faster";
const IF_SILENT: &str = "look at the disk and at what the system says of it; a file doctor.write beside the database may be left, \
                         and can be removed";

/// Times of durable writes, and how the measuring ended.
struct Measured {
    took: Vec<Duration>,
    end: End,
}

enum End {
    Whole,
    Silent,
    Failed(io::Error),
}

/// Check of the disk that holds a folder; none where the folder cannot be written.
pub(super) fn durable_writes(folder: &Path) -> Option<Item> {
    judged(measured(folder, PATIENCE, durably))
}

/// Measures on a thread of its own, for a disk that hangs keeps whoever asks it.
fn measured(
    folder: &Path,
    patience: Duration,
    write: impl Fn(&File, usize) -> io::Result<()> + Send + 'static,
) -> Measured {
    let (tell, told) = channel();
    let (path, until, mut took) = (folder.join(FILE), Instant::now() + patience, Vec::new());
    thread::spawn(move || match writes(path, write, &tell) {
        Ok(()) => (),
        Err(error) => drop(tell.send(Err(error))), // nobody may listen any more
    });
    let end = loop {
        match told.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Ok(time)) => took.push(time),
            Ok(Err(error)) => break End::Failed(error),
            Err(RecvTimeoutError::Disconnected) => break End::Whole,
            Err(RecvTimeoutError::Timeout) => break End::Silent,
        }
    };
    Measured { took, end }
}

/// Writes again and again, and tells the time of each.
fn writes(
    path: PathBuf,
    write: impl Fn(&File, usize) -> io::Result<()>,
    tell: &Sender<io::Result<Duration>>,
) -> io::Result<()> {
    let (begun, own) = (Instant::now(), Own::make(path)?);
    for place in (0..WRITES).take_while(|place| *place == 0 || begun.elapsed() < BEGINS_WITHIN) {
        let before = Instant::now();
        write(&own.file, place)?;
        let _ = tell.send(Ok(before.elapsed())); // as above
    }
    Ok(())
}

fn durably(file: &File, place: usize) -> io::Result<()> {
    file.write_all_at(&[place as u8; WRITE_BYTES], (place * WRITE_BYTES) as u64)?;
    file.sync_data()
}

/// File of the measure, which goes with it.
struct Own {
    file: File,
    path: PathBuf,
}

impl Own {
    /// Makes it with its whole length, so that no write that is measured has to find room.
    fn make(path: PathBuf) -> io::Result<Self> {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => (),
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let own = Self { file, path };
        own.file.write_all_at(&[0; WRITES * WRITE_BYTES], 0)?;
        own.file.sync_all()?;
        Ok(own)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path); // on a disk that fails it stays
    }
}

/// Judgement on a measure; none where the folder cannot be written, of which other checks tell.
fn judged(Measured { mut took, end }: Measured) -> Option<Item> {
    took.sort_unstable();
    match end {
        End::Failed(error) if is_unwritable(&error) => None,
        End::Failed(error) => Some(Item::fault(CHECK, format!("a durable write fails: {error}"), IF_SILENT)),
        End::Silent => {
            let detail = format!("a durable write has not come back within {} s", PATIENCE.as_secs());
            Some(Item::fault(CHECK, detail, IF_SILENT))
        }
        End::Whole => Some(told(took.get(took.len() / 2)?, took.last()?, took.len())),
    }
}

fn is_unwritable(error: &io::Error) -> bool {
    use ErrorKind::{NotFound, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    [NotFound, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull].contains(&error.kind())
}

/// The fact, which is no fault of the folder on a slow disk either.
fn told(median: &Duration, worst: &Duration, writes: usize) -> Item {
    let ms = |time: &Duration| time.as_secs_f64() * 1_000.0;
    let detail = format!("takes {:.1} ms, at worst {:.1} ms of {writes} times", ms(median), ms(worst));
    match *median > SLOW {
        false => Item::well(CHECK, detail),
        true => Item { advice: Some(IF_SLOW.to_owned()), ..Item::well(CHECK, format!("{detail}: the disk is slow")) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Item of a folder whose disk takes so long for each write; the folder is left as it was.
    fn on_a_disk(write_takes: Duration) -> Item {
        let folder = tempfile::tempdir().expect("a folder");
        let write = move |_: &File, _| {
            thread::sleep(write_takes);
            Ok(())
        };
        let item = judged(measured(folder.path(), PATIENCE, write)).expect("it can be written");
        assert_eq!(fs::read_dir(folder.path()).expect("our folder").count(), 0, "the file is gone");
        item
    }

    #[test]
    fn the_time_of_a_durable_write_is_a_fact_and_no_fault() {
        let folder = tempfile::tempdir().expect("a folder");
        let item = durable_writes(folder.path()).expect("it can be written");
        assert!(item.ok && item.detail.contains(" times"), "{item:?}");
        assert_eq!(on_a_disk(Duration::ZERO).advice, None);
    }

    #[test]
    fn of_a_slow_disk_it_is_said_that_orders_wait_for_it() {
        let item = on_a_disk(SLOW + Duration::from_millis(1));
        assert!(item.ok && item.detail.ends_with("the disk is slow"), "{item:?}");
        assert!(item.advice.is_some_and(|advice| advice.contains("each order waits")));
    }

    #[test]
    fn a_disk_that_hangs_is_a_fault_and_keeps_nobody() {
        let (folder, begun) = (tempfile::tempdir().expect("a folder"), Instant::now());
        let hangs = |_: &File, _| {
            thread::sleep(Duration::from_secs(20));
            Ok(())
        };
        let item = judged(measured(folder.path(), Duration::from_millis(50), hangs)).expect("an item");
        assert!(!item.ok && item.detail.contains("has not come back"), "{item:?}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }

    #[test]
    fn a_disk_that_fails_is_a_fault_and_a_folder_that_cannot_be_written_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let item = |kind: ErrorKind| judged(measured(folder.path(), PATIENCE, move |_, _| Err(io::Error::from(kind))));
        assert!(item(ErrorKind::Other).is_some_and(|item| !item.ok));
        assert_eq!(item(ErrorKind::ReadOnlyFilesystem), None);
        assert_eq!(durable_writes(&folder.path().join("nowhere")), None);
    }
}
