//! Tokens of operators, each with a name, a role and perhaps an end; their file in the replica's folder holds hashes alone.
//!
//! `quorate token` changes the file, and the node that runs there reads it again within a second, as it does the secret in
//! `admin.token`.

use crate::clock::now_ms;
use crate::config::ADMIN_TOKEN_FILE;
use quorate_ledger::hexed;
use quorate_pbft::{Digest, hash_parts};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// File of the tokens in a node's folder.
pub const TOKENS_FILE: &str = "tokens.json";
/// Tokens of one node.
const TOKENS_MAX: usize = 64;
/// Bytes of a name.
const NAME_BYTES_MAX: usize = 64;
/// Between two looks at the file.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Rights of a token; each has those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads what tells of the node and, where reads are guarded, domains that not everyone may read.
    Read,
    /// Changes how the node runs: levels of its log, peers that it restrains.
    Operate,
    /// Does everything, as the secret of `admin.token` does.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Read, Self::Operate, Self::Admin];
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Admin => "admin",
        })
    }
}

/// Token without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Name, by which it is revoked.
    pub name: String,
    /// Rights.
    pub role: Role,
    /// Hash of the secret.
    #[serde(with = "hexed")]
    pub hash: Digest,
    /// Milliseconds since 1970 at which it was made.
    pub made: u64,
    /// Milliseconds since 1970 from which it opens nothing; none for ever.
    pub until: Option<u64>,
}

impl Token {
    /// Whether it opens nothing at this time any more.
    fn is_over(&self, now: u64) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// Why the tokens stay as they are.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Path of the file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is none.
    #[error("{path} holds no tokens: {why}")]
    Malformed {
        /// Path of the file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Another command changes it, or was cut off.
    #[error("{0} is there: another command changes the tokens now; if none runs, remove that file")]
    Busy(PathBuf),
    /// A name twice.
    #[error("there is a token {0:?} already; revoke it first, or give another name")]
    Taken(String),
    /// A name that is none.
    #[error("a token's name has 1 to {NAME_BYTES_MAX} letters, digits, `.`, `-` or `_`, not {0:?}")]
    Name(String),
    /// Too many.
    #[error("there are {TOKENS_MAX} tokens; revoke one first")]
    Full,
    /// No token is called so.
    #[error("no token is called {0:?}; `quorate token list --dir DIR` shows them")]
    Unknown(String),
    /// No random bytes.
    #[error("no random bytes: {0}")]
    Random(String),
}

/// Tokens in a folder; none where the file is not there.
pub fn read(dir: &Path) -> Result<Vec<Token>, TokensError> {
    let path = dir.join(TOKENS_FILE);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(TokensError::Io { path, source }),
    };
    serde_json::from_slice(&text).map_err(|error| TokensError::Malformed { path, why: error.to_string() })
}

/// Makes a token, and returns it with its secret, which nothing keeps.
pub fn make(dir: &Path, role: Role, name: Option<&str>, until: Option<u64>) -> Result<(Token, String), TokensError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| TokensError::Random(error.to_string()))?;
    let secret = format!("quorate_{}", hex::encode(bytes));
    let hash = hashed(&secret);
    let name = name.map_or_else(|| format!("{role}-{}", hex::encode(&hash.0[..4])), str::to_owned);
    let is_sound = |letter: u8| letter.is_ascii_alphanumeric() || b".-_".contains(&letter);
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(is_sound) {
        return Err(TokensError::Name(name));
    }
    let token = Token { name, role, hash, made: now_ms(), until };
    change(dir, |tokens| {
        if tokens.iter().any(|known| known.name == token.name) {
            return Err(TokensError::Taken(token.name.clone()));
        }
        if tokens.len() >= TOKENS_MAX {
            return Err(TokensError::Full);
        }
        tokens.push(token.clone());
        Ok(())
    })?;
    Ok((token, secret))
}

/// Ends a token.
pub fn revoke(dir: &Path, name: &str) -> Result<(), TokensError> {
    change(dir, |tokens| {
        let before = tokens.len();
        tokens.retain(|token| token.name != name);
        if tokens.len() < before { Ok(()) } else { Err(TokensError::Unknown(name.to_owned())) }
    })
}

/// Puts changed tokens in the place of the old ones, whole or not at all; they belong to the owner of the folder.
fn change(dir: &Path, edit: impl FnOnce(&mut Vec<Token>) -> Result<(), TokensError>) -> Result<(), TokensError> {
    let (path, draft) = (dir.join(TOKENS_FILE), dir.join(format!("{TOKENS_FILE}.unfinished")));
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft);
    let mut file = made.map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => TokensError::Busy(draft.clone()),
        _ => TokensError::Io { path: draft.clone(), source },
    })?;
    let written = read(dir).and_then(|mut tokens| {
        edit(&mut tokens)?;
        let text = serde_json::to_vec_pretty(&tokens).expect("tokens are plain data");
        let mut write = || {
            file.write_all(&text)?;
            file.sync_all()?;
            give(&file, &fs::metadata(dir)?)?;
            fs::rename(&draft, &path)?;
            fs::File::open(dir)?.sync_all()
        };
        write().map_err(|source| TokensError::Io { path: path.clone(), source })
    });
    // A draft that was not put in place is nobody's.
    written.inspect_err(|_| drop(fs::remove_file(&draft)))
}

/// Gives the open file, and nothing that may stand at its path by now, to the owner of the folder. Who may not give it to
/// the folder's group is its owner all the same.
fn give(file: &fs::File, folder: &fs::Metadata) -> io::Result<()> {
    match fchown(file, Some(folder.uid()), Some(folder.gid())) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && file.metadata()?.uid() == folder.uid() => {
            Ok(())
        }
        done => done,
    }
}

/// Tokens that a running node admits.
#[derive(Debug)]
pub struct Tokens {
    dir: PathBuf,
    known: Mutex<Known>,
}

/// Content of the file `admin.token`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Secret {
    /// There is no such file.
    #[default]
    Absent,
    /// File without a secret, one that cannot be read, or one that is gone since.
    Unread,
    /// Hash of the secret.
    Read(Digest),
}

#[derive(Debug, Default)]
struct Known {
    secret: Secret,
    tokens: Vec<Token>,
    /// File that they were read from, by time, size and number.
    file: Option<(SystemTime, u64, u64)>,
}

impl Tokens {
    /// Tokens of a node's folder.
    pub fn open(dir: &Path) -> Self {
        let tokens = Self { dir: dir.to_owned(), known: Mutex::default() };
        tokens.look();
        tokens
    }

    /// Looks at the file again and again.
    pub async fn keep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let tokens = self.clone();
            if tokio::task::spawn_blocking(move || tokens.look()).await.is_err() {
                return; // a panic has said so
            }
        }
    }

    /// Rights of whoever shows this secret; none where no token has it, or that is over.
    pub fn role(&self, secret: &str) -> Option<Role> {
        // Hashes are compared, so that the time says nothing about how much of a guess was right.
        let (hash, now) = (hashed(secret), now_ms());
        let known = self.lock();
        if known.secret == Secret::Read(hash) {
            return Some(Role::Admin);
        }
        let found = known.tokens.iter().filter(|token| token.hash == hash && !token.is_over(now));
        found.map(|token| token.role).max()
    }

    /// Whether any token, or the secret, may open something.
    pub fn are_there(&self) -> bool {
        let known = self.lock();
        let now = now_ms();
        matches!(known.secret, Secret::Read(_)) || known.tokens.iter().any(|token| !token.is_over(now))
    }

    /// Whether there is an `admin.token`, or was one since the start.
    pub fn has_secret(&self) -> bool {
        self.lock().secret != Secret::Absent
    }

    fn look(&self) {
        let secret = Secret::of(&self.dir);
        self.lock().secret.replace(secret);
        self.look_at_tokens();
    }

    /// Reads the file if it has changed. One that cannot be read opens nothing.
    fn look_at_tokens(&self) {
        let path = self.dir.join(TOKENS_FILE);
        let told = fs::metadata(&path).and_then(|told| Ok((told.modified()?, told.len(), told.ino()))).ok();
        if self.lock().file == told {
            return;
        }
        let found = read(&self.dir);
        // One that holds no tokens is read again when it changes; one that could not be read, at the next look.
        let is_known = matches!(found, Ok(_) | Err(TokensError::Malformed { .. }));
        let tokens = found.unwrap_or_else(|error| {
            tracing::warn!(event = "tokens-unread", %error, "the tokens cannot be read: none of them opens anything");
            Vec::new()
        });
        let mut known = self.lock();
        (known.tokens, known.file) = (tokens, told.filter(|_| is_known));
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Secret {
    fn of(dir: &Path) -> Self {
        match fs::read_to_string(dir.join(ADMIN_TOKEN_FILE)) {
            Ok(secret) if !secret.trim().is_empty() => Self::Read(hashed(secret.trim())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::Absent,
            Ok(_) | Err(_) => Self::Unread,
        }
    }

    /// Takes what the next look found. A file that was there and is gone may be about to be replaced: it closes.
    fn replace(&mut self, found: Self) {
        *self = if found == Self::Absent && *self != Self::Absent { Self::Unread } else { found };
    }
}

fn hashed(secret: &str) -> Digest {
    hash_parts("quorate/token", &[secret.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_by_its_role_and_is_in_no_file() {
        let dir = tempfile::tempdir().expect("a folder");
        let (token, secret) = make(dir.path(), Role::Operate, Some("alice"), None).expect("a token");
        let tokens = Tokens::open(dir.path());

        assert_eq!(tokens.role(&secret), Some(Role::Operate));
        assert_eq!(tokens.role(&secret[..secret.len() - 1]), None);
        assert_eq!(read(dir.path()).expect("tokens"), [token]);
        let text = fs::read_to_string(dir.path().join(TOKENS_FILE)).expect("a file");
        assert!(!text.contains(&secret["quorate_".len()..]), "{text}");
    }

    #[test]
    fn a_revoked_token_opens_nothing_after_the_next_look() {
        let dir = tempfile::tempdir().expect("a folder");
        let (_, secret) = make(dir.path(), Role::Read, Some("a"), None).expect("a token");
        let (_, other) = make(dir.path(), Role::Read, Some("b"), None).expect("a token");
        let tokens = Tokens::open(dir.path());

        revoke(dir.path(), "a").expect("it is there");
        tokens.look();

        assert_eq!((tokens.role(&secret), tokens.role(&other)), (None, Some(Role::Read)));
        assert!(matches!(revoke(dir.path(), "a"), Err(TokensError::Unknown(_))));
    }

    #[test]
    fn the_secret_in_admin_token_does_all_as_it_is_at_the_last_look() {
        let dir = tempfile::tempdir().expect("a folder");
        let tokens = Tokens::open(dir.path());
        assert!(!tokens.has_secret() && !tokens.are_there());
        for (written, shown, role) in [("one\n", "one", Some(Role::Admin)), ("two", "one", None), ("\n", "", None)] {
            fs::write(dir.path().join(ADMIN_TOKEN_FILE), written).expect("our folder");
            tokens.look();
            assert_eq!((tokens.role(shown), tokens.has_secret()), (role, true), "{written:?}");
        }
    }

    #[test]
    fn a_secret_that_is_gone_opens_nothing_and_closes_until_there_is_another() {
        let dir = tempfile::tempdir().expect("a folder");
        let (tokens, file) = (Tokens::open(dir.path()), dir.path().join(ADMIN_TOKEN_FILE));
        fs::write(&file, "one\n").expect("our folder");
        tokens.look();

        fs::remove_file(&file).expect("it is there");
        for _ in 0..2 {
            tokens.look();
            assert_eq!((tokens.role("one"), tokens.has_secret()), (None, true));
        }

        fs::write(&file, "two\n").expect("our folder");
        tokens.look();
        assert_eq!(tokens.role("two"), Some(Role::Admin));
    }

    #[test]
    fn tokens_that_could_not_be_read_once_open_at_a_later_look() {
        let dir = tempfile::tempdir().expect("a folder");
        let (_, secret) = make(dir.path(), Role::Read, None, None).expect("a token");
        let (file, away) = (dir.path().join(TOKENS_FILE), dir.path().join("away"));
        fs::rename(&file, &away).expect("it is there");
        fs::create_dir(&file).expect("a folder that cannot be read as a file");
        let tokens = Tokens::open(dir.path());
        assert!(tokens.role(&secret).is_none() && tokens.lock().file.is_none());

        fs::remove_dir(&file).expect("it is there");
        fs::rename(&away, &file).expect("it is there");
        tokens.look();

        assert_eq!(tokens.role(&secret), Some(Role::Read));
    }

    #[test]
    fn a_token_ends_at_its_time() {
        let dir = tempfile::tempdir().expect("a folder");
        let (_, over) = make(dir.path(), Role::Admin, None, Some(now_ms())).expect("a token");
        let (_, open) = make(dir.path(), Role::Admin, None, Some(now_ms() + 3_600_000)).expect("a token");
        let tokens = Tokens::open(dir.path());

        assert_eq!((tokens.role(&over), tokens.role(&open)), (None, Some(Role::Admin)));
    }

    #[test]
    fn a_token_that_is_over_is_not_there_to_open_anything() {
        let dir = tempfile::tempdir().expect("a folder");
        make(dir.path(), Role::Admin, None, Some(now_ms())).expect("a token");

        assert!(!Tokens::open(dir.path()).are_there());
    }

    #[test]
    fn a_file_that_holds_no_tokens_opens_nothing_and_is_left_as_it_is() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join(TOKENS_FILE), "[{}]").expect("a file");

        assert!(!Tokens::open(dir.path()).are_there());
        assert!(matches!(make(dir.path(), Role::Read, None, None), Err(TokensError::Malformed { .. })));
        assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn a_name_is_taken_once_and_names_no_path() {
        let dir = tempfile::tempdir().expect("a folder");
        make(dir.path(), Role::Read, Some("a"), None).expect("a token");

        assert!(matches!(make(dir.path(), Role::Read, Some("a"), None), Err(TokensError::Taken(_))));
        assert!(matches!(make(dir.path(), Role::Read, Some("../a"), None), Err(TokensError::Name(_))));
    }
}
