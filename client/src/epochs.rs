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
    /// The disk said no.
    #[error("epochs {}: {error}", .path.display())]
    Io {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        error: io::Error,
    },
    /// The file does not lead from the genesis to an epoch.
    #[error("epochs {}: {why}", .path.display())]
    NotEpochs {
        /// Path of the file.
        path: PathBuf,
        /// Fault of it.
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
    /// Reads the file and checks all of it; one that is not there knows what the genesis knows.
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

    /// Remembers epochs, if they lead further. The file is replaced as a whole.
    pub fn saw(&mut self, epochs: Epochs) -> Result<(), EpochsError> {
        if epochs.newest().epoch() > self.epochs.newest().epoch() || !self.path.exists() {
            write(&self.path, &epochs.encode()).map_err(|error| EpochsError::Io { path: self.path.clone(), error })?;
            self.epochs = epochs;
        }
        Ok(())
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(PROOF_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut draft = path.to_owned().into_os_string();
    draft.push(".tmp");
    let mut file = File::create(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)
}
