//! Metadata of a commit.

use std::fmt;

use gix::ObjectId;
use gix::actor::SignatureRef;
use gix::bstr::{BStr, ByteSlice};
use gix::date::Time;
use gix::objs::CommitRefIter;

use super::GitError;

/// Bytes of a change's message; the ledger refuses longer ones.
pub const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// Person whom a commit names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The name; bytes that no encoding explains are replaced.
    pub name: String,
    /// The e-mail address.
    pub email: String,
}

impl fmt::Display for Person {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} <{}>", self.name, self.email)
    }
}

/// A commit without its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub id: ObjectId,
    /// The tree that it records.
    pub tree: ObjectId,
    /// Its parents in order; none where the history ends, also where a shallow clone cuts it.
    pub parents: Vec<ObjectId>,
    /// Author of the commit.
    pub author: Person,
    /// When, as seconds since 1970 and an offset; 1970 if the commit's date cannot be read.
    pub time: Time,
    /// Its message as it stands; bytes that neither UTF-8 nor the commit's own encoding explain are replaced.
    pub message: String,
}

impl Commit {
    /// Reads a commit from its object's bytes; `parents` are those that the repository lets it have.
    pub(super) fn read(id: ObjectId, data: &[u8], parents: Vec<ObjectId>) -> Result<Self, GitError> {
        let tree = CommitRefIter::from_bytes(data, id.kind()).tree_id();
        let tree = tree.map_err(|cause| GitError::Unreadable { id, cause })?;
        let text = |bytes: &BStr| decode(bytes, header(data, b"encoding"));
        let person = header(data, b"author").unwrap_or_default();
        let (author, time) = match SignatureRef::from_bytes(person) {
            Ok(author) => (
                Person { name: text(author.name.trim().as_bstr()), email: text(author.email.trim().as_bstr()) },
                author.time().unwrap_or_else(|_| Time::new(author.seconds(), 0)),
            ),
            Err(_) => (Person { name: text(person), email: String::new() }, Time::default()),
        };
        let message = data.split_once_str("\n\n").map_or_else(String::new, |(_, message)| text(message.as_bstr()));
        Ok(Self { id, tree, parents, author, time, message })
    }

    /// The first line of the message.
    pub fn title(&self) -> &str {
        self.message.trim_start().lines().next().unwrap_or_default()
    }
}

/// Field of a commit's header; git reads it also where a person has no address, or one without an end.
fn header<'a>(data: &'a [u8], name: &[u8]) -> Option<&'a BStr> {
    let mut fields = data.lines().take_while(|line| !line.is_empty());
    fields.find_map(|line| line.strip_prefix(name)?.strip_prefix(b" ")).map(BStr::new)
}

/// Text in the commit's own encoding: UTF-8 unless it says Latin-1.
fn decode(bytes: &BStr, encoding: Option<&BStr>) -> String {
    const LATIN_1: [&str; 4] = ["iso-8859-1", "iso8859-1", "latin1", "latin-1"];
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_)
            if encoding.is_some_and(|name| LATIN_1.iter().any(|alias| name.eq_ignore_ascii_case(alias.as_bytes()))) =>
        {
            bytes.iter().map(|&byte| char::from(byte)).collect()
        }
        Err(_) => bytes.to_str_lossy().into_owned(),
    }
}
