//! Keys: files with an ed25519 seed, plain or under a passphrase, and keys that an SSH agent holds.

mod agent;
mod file;
mod locked;
pub mod passphrase;

pub(crate) use file::sync_folder;
pub use file::{FIRST_LINE, copy, create, is_locked, lock, open_to_others, read, read_seed, relock};

use file::Content;
use quorate_pbft::{Ed25519Signer, PublicKey, Signature, Signer as _};
use std::env;
use std::io;
use std::path::{Path, PathBuf};

/// Beginning of a key's name that an SSH agent holds; the fingerprint follows.
const AGENT: &str = "ssh-agent:";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A key is made once; what stands there may be the only copy of another.
    #[error("{} already exists and is left as it was; give another name", .0.display())]
    Exists(PathBuf),
    /// The disk said no.
    #[error("{}: {error}", .path.display())]
    Io {
        /// Path of the key file.
        path: PathBuf,
        /// Error of the operating system.
        error: io::Error,
    },
    /// The file holds something else.
    #[error("{} is not a quorate key file; `quorate keys new --out FILE` makes one", .0.display())]
    NotAKey(PathBuf),
    /// A passphrase is needed, and nobody is there to give it.
    #[error("{} is locked; {} names a file with its passphrase", .0.display(), passphrase::PASSPHRASE_FILE)]
    Locked(PathBuf),
    /// No passphrase could be read.
    #[error("passphrase of {}: {error}", .path.display())]
    Passphrase {
        /// Path of the key file.
        path: PathBuf,
        /// Error of the operating system.
        error: io::Error,
    },
    /// The passphrase is another, or the file was changed.
    #[error("the passphrase does not open {}", .0.display())]
    WrongPassphrase(PathBuf),
    /// An agent's key signs there and nowhere else.
    #[error("{}: an SSH agent holds this key, and its secret is needed here", .0.display())]
    OnlyInAgent(PathBuf),
    /// A hard link would keep the plain bytes under its other name.
    #[error("{} has other names (hard links), which would stay as they are; remove them first", .0.display())]
    OtherNames(PathBuf),
    /// The outbox of an agent's key has no place.
    #[error("HOME names no folder; the outbox of a key in an SSH agent lies in $HOME/.local/state/quorate")]
    NoHome,
    /// The SSH agent did not do it.
    #[error("SSH agent: {0}")]
    Agent(io::Error),
    /// The SSH agent holds other keys.
    #[error("the SSH agent holds no ed25519 key {0}; `ssh-add -l` shows what it holds")]
    NotInAgent(String),
    /// The operating system has no randomness to give.
    #[error("no randomness from the operating system: {0}")]
    Randomness(getrandom::Error),
}

/// A key that signs: held by this process, or by an SSH agent.
pub enum Key {
    /// From a key file.
    Held(Ed25519Signer),
    /// Named by a fingerprint or by the public half that `ssh-keygen` wrote.
    Agent(PublicKey),
}

impl Key {
    /// Opens the key with this name: a key file, `ssh-agent:SHA256:…`, or a `.pub` file whose key an SSH agent holds.
    pub fn open(name: &Path) -> Result<Self, KeyError> {
        match read(name) {
            Err(KeyError::OnlyInAgent(_)) => Ok(Self::Agent(public(name)?)),
            held => held.map(Self::Held),
        }
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        match self {
            Self::Held(signer) => signer.public_key(),
            Self::Agent(key) => *key,
        }
    }

    /// The signature of `bytes`.
    pub fn sign(&self, bytes: &[u8]) -> Result<Signature, KeyError> {
        match self {
            Self::Held(signer) => Ok(signer.sign(bytes)),
            Self::Agent(key) => agent::sign(key, bytes).map_err(KeyError::Agent),
        }
    }
}

/// The public half of a key; needs no passphrase.
pub fn public(name: &Path) -> Result<PublicKey, KeyError> {
    if let Some(fingerprint) = fingerprint(name) {
        let found = agent::find(fingerprint).map_err(KeyError::Agent)?;
        return found.ok_or_else(|| KeyError::NotInAgent(fingerprint.to_owned()));
    }
    Ok(match file::content(name)? {
        Content::Plain(seed) => Ed25519Signer::from_seed(&seed).public_key(),
        Content::Locked(locked) => locked.key,
        Content::SshPublic(key) => key,
    })
}

/// The path beside which a key's outbox lies: the key file, or a name in `$HOME/.local/state/quorate` for a key that an SSH
/// agent holds, however it is named. A link is the file that it leads to: one key has one outbox. It is the same for every
/// program of a user, so no variable but HOME has a say.
pub fn home(name: &Path) -> Result<PathBuf, KeyError> {
    let in_file = || match file::content(name) {
        Ok(Content::SshPublic(key)) => Some(agent::fingerprint_of(&key)),
        _ => None,
    };
    let Some(fingerprint) = fingerprint(name).map(str::to_owned).or_else(in_file) else {
        let target = Some(name).filter(|name| name.is_symlink()).and_then(|link| link.canonicalize().ok());
        return Ok(target.unwrap_or_else(|| name.into()));
    };
    let home = env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute()).ok_or(KeyError::NoHome)?;
    Ok(home.join(".local/state/quorate").join(fingerprint.replace(['/', ':'], "_")))
}

fn fingerprint(name: &Path) -> Option<&str> {
    name.to_str()?.strip_prefix(AGENT)
}
