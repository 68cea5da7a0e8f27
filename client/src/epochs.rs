//! Epochs that a verifier has seen: proofs that end below the newest of them prove nothing to it any more (M3).
//!
//! The file is what `GET /v1/epochs?proof=true` answers. A proof that leads further is added to it.

use quorate_ledger::Genesis;
use quorate_ledger::proof::{Epochs, PROOF_BYTES_MAX, ProofError};
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Why seen epochs cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EpochsError {
    /// File that cannot be read or written.
    #[error("epochs {}: {error}", .path.display())]
    Io {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        error: io::Error,
    },
    /// The file does not lead from the genesis to an epoch, or leads to others than are to be added.
    #[error("epochs {}: {why}", .path.display())]
    NotEpochs {
        /// Path of the file.
        path: PathBuf,
        /// Fault of the file.
        why: ProofError,
    },
}

/// File of the epochs that were seen, and its content.
#[derive(Debug)]
pub struct SeenEpochs {
    path: PathBuf,
    epochs: Epochs,
}

impl SeenEpochs {
    /// Reads the file and checks all of it; one that is not there knows what the genesis knows ([`SeenEpochs::is_new`]).
    pub fn open(path: &Path, genesis: &Genesis) -> Result<Self, EpochsError> {
        let epochs = match read(path) {
            Ok(bytes) => {
                Epochs::decode(&bytes, genesis).map_err(|why| EpochsError::NotEpochs { path: path.into(), why })?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Epochs::of(genesis),
            Err(error) => return Err(EpochsError::Io { path: path.into(), error }),
        };
        Ok(Self { path: path.into(), epochs })
    }

    /// Epochs from the genesis to the newest that was seen.
    pub fn epochs(&self) -> &Epochs {
        &self.epochs
    }

    /// True if the file is not there yet: whoever opens it takes the word of members that may have left for the newest epoch.
    pub fn is_new(&self) -> bool {
        !self.path.exists()
    }

    /// Remembers epochs, beside all that were seen and those that the file holds by now; those of another history are refused.
    /// The file is replaced as a whole, by one process at a time.
    pub fn saw(&mut self, epochs: Epochs, genesis: &Genesis) -> Result<(), EpochsError> {
        let fault = |error| EpochsError::Io { path: self.path.clone(), error };
        let lock = File::create(beside(&self.path, ".lock")).map_err(fault)?;
        lock.lock().map_err(fault)?;
        let by_now = Self::open(&self.path, genesis)?.epochs;
        let joined = by_now.joined(self.epochs.steps()).and_then(|seen| seen.joined(epochs.steps()));
        let joined = joined.map_err(|why| EpochsError::NotEpochs { path: self.path.clone(), why })?;
        if joined != by_now || !self.path.exists() {
            write(&self.path, &joined.encode()).map_err(fault)?;
        }
        self.epochs = joined;
        Ok(())
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(PROOF_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = beside(path, ".tmp");
    let mut file = File::create(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(ending);
    name.into()
}
