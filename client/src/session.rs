//! Sessions: what somebody has read and written, so that no later answer is from before it, whichever node gives it (R).
//!
//! A session is a small file. Every answer raises it, and every question that is not `eventual` shows it; a node that is
//! behind it waits until it is not.

use quorate_ledger::{EnvelopeId, Level};
use quorate_pbft::Digest;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Changes of level `eventual` that a session waits for at most before a causal read; older ones are left out.
const WRITTEN_MAX: usize = 64;

/// Bytes of a session's file at most.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// Why a session cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The disk said no.
    #[error("session {}: {error}", .path.display())]
    Io {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        error: io::Error,
    },
    /// Positions of two groups cannot be compared.
    #[error("session {} is of another group than this node; name another file for it", .0.display())]
    OtherGroup(PathBuf),
    /// The file holds something else.
    #[error("{} is no session; remove it, or name another file", .0.display())]
    NotASession(PathBuf),
}

/// A session's file, and what it held when this program last touched it.
///
/// Several programs may use one file: each change reads it again under a lock, and what they have seen is joined.
#[derive(Debug)]
pub struct Session {
    path: PathBuf,
    seen: Seen,
}

/// Sight of a session, as its file holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// The newest token; none before the first answer.
    token: Option<String>,
    /// Own changes that have no verdict as far as this session knows.
    written: Vec<EnvelopeId>,
}

impl Seen {
    /// Token to show; none before the first answer.
    pub fn token(&self) -> Option<Token> {
        Token::parse(self.token.as_deref()?)
    }

    /// Own changes whose verdict a read of this level waits for.
    pub fn awaited(&self, level: Level) -> &[EnvelopeId] {
        if level == Level::Causal { &self.written } else { &[] }
    }

    /// Takes a token, if it shows more of the same group.
    pub fn saw(&mut self, token: Token) {
        if self.token().is_none_or(|known| known.group == token.group && known.slot < token.slot) {
            self.token = Some(token.to_string());
        }
    }

    /// Notes an own change that is about to be sent.
    pub fn wrote(&mut self, id: EnvelopeId) {
        self.written.retain(|known| *known != id);
        self.written.push(id);
        let surplus = self.written.len().saturating_sub(WRITTEN_MAX);
        self.written.drain(..surplus);
    }

    /// Notes that an own change has its verdict, or never will.
    pub fn settled(&mut self, id: &EnvelopeId) {
        self.written.retain(|known| known != id);
    }
}

impl Session {
    /// Opens a session's file; one that is not there is made, and has seen nothing.
    pub fn open(path: &Path) -> Result<Self, SessionError> {
        let mut session = Self { path: path.into(), seen: Seen::default() };
        session.change(|_| ())?;
        Ok(session)
    }

    /// Token to show; none before the first answer.
    pub fn token(&self) -> Option<Token> {
        self.seen.token()
    }

    /// Own changes whose verdict a read of this level waits for.
    pub fn awaited(&self, level: Level) -> &[EnvelopeId] {
        self.seen.awaited(level)
    }

    /// Takes the token of an answer, if it shows more than this session has seen; refuses one of another group.
    pub fn saw(&mut self, token: Token) -> Result<(), SessionError> {
        match self.token() {
            Some(own) if own.group != token.group => return Err(SessionError::OtherGroup(self.path.clone())),
            Some(own) if own.slot >= token.slot => return Ok(()),
            _ => (),
        }
        self.change(|seen| seen.saw(token))
    }

    /// Notes an own change that is about to be sent.
    pub fn wrote(&mut self, id: EnvelopeId) -> Result<(), SessionError> {
        self.change(|seen| seen.wrote(id))
    }

    /// Notes that an own change has its verdict, or never will.
    pub fn settled(&mut self, id: &EnvelopeId) -> Result<(), SessionError> {
        if !self.seen.written.contains(id) {
            return Ok(());
        }
        self.change(|seen| seen.settled(id))
    }

    /// Changes the file as it is now, alone.
    fn change(&mut self, change: impl FnOnce(&mut Seen)) -> Result<(), SessionError> {
        let failed = |error| SessionError::Io { path: self.path.clone(), error };
        let beside = |end: &str| {
            let mut name = self.path.clone().into_os_string();
            name.push(end);
            PathBuf::from(name)
        };
        let lock = File::create(beside(".lock")).map_err(failed)?;
        lock.lock().map_err(failed)?;
        self.seen = self.read()?;
        change(&mut self.seen);
        let (draft, text) = (beside(".tmp"), serde_json::to_vec(&self.seen).expect("plain data"));
        let write = |mut file: File| file.write_all(&text).and_then(|()| file.sync_all());
        File::create(&draft).and_then(write).and_then(|()| fs::rename(&draft, &self.path)).map_err(failed)
    }

    fn read(&self) -> Result<Seen, SessionError> {
        let failed = |error| SessionError::Io { path: self.path.clone(), error };
        match fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Seen::default()),
            Err(error) => Err(failed(error)),
            Ok(file) if file.len() > FILE_BYTES_MAX => Err(SessionError::NotASession(self.path.clone())),
            Ok(_) => serde_json::from_slice(&fs::read(&self.path).map_err(failed)?)
                .map_err(|_| SessionError::NotASession(self.path.clone())),
        }
    }
}

/// Position in the order of a group, as [`crate::api::SESSION_HEADER`] carries it: `GROUP:SLOT`, the group in hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// Group whose slots these are.
    pub group: Digest,
    /// Slot up to which the session has seen the order.
    pub slot: u64,
}

impl Token {
    /// Reads a token; none in any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let (group, slot) = text.split_once(':')?;
        let token = Self { group: quorate_ledger::hexed::parse(group).ok()?, slot: slot.parse().ok()? };
        (token.to_string() == text).then_some(token) // one spelling
    }
}

impl std::fmt::Display for Token {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}:{}", self.group, self.slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(slot: u64) -> Token {
        Token { group: Digest([7; 32]), slot }
    }

    fn id(number: u8) -> EnvelopeId {
        EnvelopeId(Digest([number; 32]))
    }

    fn desk() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("session");
        (folder, path)
    }

    #[test]
    fn a_session_never_goes_back() {
        let (_folder, path) = desk();
        let mut session = Session::open(&path).expect("a new session");
        assert_eq!(session.token(), None);
        for slot in [3, 9, 5] {
            session.saw(token(slot)).expect("a disk");
        }
        assert_eq!(Session::open(&path).expect("its file").token(), Some(token(9)));
    }

    #[test]
    fn a_session_that_two_programs_use_joins_what_both_saw() {
        let (_folder, path) = desk();
        let (mut one, mut two) = (Session::open(&path).expect("a session"), Session::open(&path).expect("a session"));
        one.saw(token(100)).expect("a disk");
        one.wrote(id(1)).expect("a disk");
        two.saw(token(60)).expect("a disk");
        two.wrote(id(2)).expect("a disk");
        let session = Session::open(&path).expect("its file");
        assert_eq!((session.token(), session.awaited(Level::Causal)), (Some(token(100)), &[id(1), id(2)][..]));
    }

    #[test]
    fn a_token_of_another_group_is_refused() {
        let (_folder, path) = desk();
        let mut session = Session::open(&path).expect("a new session");
        session.saw(token(3)).expect("a disk");
        let other = Token { group: Digest([8; 32]), slot: 9 };
        assert!(matches!(session.saw(other), Err(SessionError::OtherGroup(_))));
        assert_eq!(Session::open(&path).expect("its file").token(), Some(token(3)));
    }

    #[test]
    fn a_word_that_is_no_token_is_none() {
        for word in ["", "9", "x:9", &format!("{}:-1", "07".repeat(32)), &format!("{}:", "07".repeat(32))] {
            assert_eq!(Token::parse(word), None, "{word}");
        }
        assert_eq!(Token::parse(&token(9).to_string()), Some(token(9)));
    }

    #[test]
    fn own_changes_are_remembered_until_each_is_settled() {
        let (_folder, path) = desk();
        let mut session = Session::open(&path).expect("a new session");
        session.wrote(id(1)).expect("a disk");
        session.wrote(id(2)).expect("a disk");
        session.settled(&id(1)).expect("a disk");
        let session = Session::open(&path).expect("its file");
        assert_eq!(session.awaited(Level::Causal), [id(2)]);
        assert_eq!(session.awaited(Level::Sequential), [], "only a causal read waits for them");
    }

    #[test]
    fn another_file_is_no_session() {
        let (_folder, path) = desk();
        fs::write(&path, "precious").expect("a file");
        assert!(matches!(Session::open(&path), Err(SessionError::NotASession(_))));
        assert_eq!(fs::read(&path).expect("a file"), b"precious");
    }
}
