//! Envelopes that a key has signed: on disk before they are sent, kept until they are answered.
//!
//! So one key on one machine never signs two envelopes for one (number, attempt), whichever replicas it talks to and
//! however it was killed. Beside the key `FILE` lies the folder `FILE.outbox/`:
//!
//! - `lock`: held while a command uses the outbox;
//! - `group`: the group that all its envelopes are signed for;
//! - `<domain>-<from_seq>-<attempt>.envelope`: the bytes of a POST body;
//! - `<domain>-<from_seq>-<attempt>.answer`: the verdict on it, or the gate's refusal. Without one it is sent again.

mod chain;
mod disk;
mod hopeless;
mod name;
mod numbers;

pub use chain::Chain;
pub use disk::{lock, write};
pub use hopeless::GIVEN_UP;
pub use name::Name;
pub use numbers::Place;

use crate::api::{AuthorInfo, Problem};
use chain::Begun;
use name::{ANSWER, ENVELOPE};
use quorate_ledger::{Base, Body, Envelope, EnvelopeId, Limits, Receipt, Refusal, Revision, State, hexed};
use quorate_pbft::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Answered envelopes that are kept for each domain: what `receipt` and `log` can be asked about without a node.
const ANSWERED_MAX: usize = 256;

/// Bytes of answered envelopes that are kept for each domain.
const ANSWERED_BYTES_MAX: u64 = 64 << 20;

/// Why an outbox cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// Another command has it.
    #[error("another command, or another author in this process, uses {}", .0.display())]
    Busy(PathBuf),
    /// The disk said no.
    #[error("{}: {error}", .path.display())]
    Io {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        error: io::Error,
    },
    /// The lock's file cannot be opened, or its file system has no locks.
    #[error("{} cannot be locked, so nothing was done: {why}", .path.display())]
    NoLock {
        /// Path of the file.
        path: PathBuf,
        /// Why, and what to do.
        why: String,
    },
    /// A file holds what no outbox writes. Its envelope may have been sent, so the outbox does not guess.
    #[error("{} is damaged: {why}; if its change is known to be ordered or lost, remove the file", .path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Fault in the file.
        why: String,
    },
    /// Numbers of two groups must not mix.
    #[error(
        "the key has signed for group {ours}, the node is of group {theirs}; use another key there, or, if \
             that group goes on from {ours} (`quorate status`), move the key's outbox away: what it holds was for {ours}"
    )]
    OtherGroup {
        /// As pinned.
        ours: Digest,
        /// As the node says.
        theirs: Digest,
    },
}

/// Answer to an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// By the order.
    Verdict(Receipt),
    /// By the admission gate of a node: it was not ordered.
    Gate(Problem),
}

/// An envelope of the outbox.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its place among its author's.
    pub name: Name,
    /// Number of its last change.
    pub to_seq: u64,
    /// Its id.
    pub id: EnvelopeId,
    /// Domain, number and attempt that it uses in other domains: it is a transaction.
    elsewhere: Vec<(String, u64, u64)>,
    /// Envelopes that its changes are based on; unknown once it is answered and read back.
    bases: Vec<EnvelopeId>,
    /// Begin of the chain that it is in; unknown of one that an earlier program has answered.
    begun: Option<Begun>,
    /// Bytes of the envelope's file.
    bytes: u64,
    /// None until there is one.
    pub answer: Option<Answer>,
}

/// The content of an `.answer` file.
#[derive(Serialize, Deserialize)]
struct Answered {
    id: EnvelopeId,
    to_seq: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    elsewhere: Vec<(String, u64, u64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    begun: Option<Begun>,
    answer: Answer,
}

impl Entry {
    /// Whether the order accepted it, so that its numbers are used up.
    fn took_effect(&self) -> bool {
        matches!(&self.answer, Some(Answer::Verdict(receipt)) if receipt.state != State::Refused)
    }

    /// Whether this is a later attempt for all the numbers of `earlier`.
    fn repeats(&self, earlier: &Self) -> bool {
        self.name.from_seq == earlier.name.from_seq && self.to_seq >= earlier.to_seq
    }

    /// Verdict on it; none before there is an answer. A refusal by the gate counts as refused.
    pub fn state(&self) -> Option<State> {
        match self.answer.as_ref()? {
            Answer::Verdict(receipt) => Some(receipt.state),
            Answer::Gate(_) => Some(State::Refused),
        }
    }

    /// Itself as it counts in another domain, whose number it uses.
    fn seen_in(&self, domain: &str) -> Option<Self> {
        let (_, from_seq, attempt) = self.elsewhere.iter().find(|(of, ..)| of == domain)?;
        let name = Name { domain: domain.to_owned(), from_seq: *from_seq, attempt: *attempt };
        Some(Self { name, to_seq: *from_seq, ..self.clone() })
    }

    fn revision(&self) -> Option<Revision> {
        match &self.answer {
            Some(Answer::Verdict(receipt)) => receipt.revision,
            _ => None,
        }
    }
}

/// The outbox of one key, locked.
#[derive(Debug)]
pub struct Outbox {
    folder: PathBuf,
    /// Unlocked when it is closed.
    _lock: File,
    group: Option<Digest>,
    /// By domain; each ascending by number and attempt.
    entries: BTreeMap<String, Vec<Entry>>,
}

impl Outbox {
    /// Opens and locks the outbox beside the key file `key`. Errs with [`OutboxError::Busy`] at once if it is in use.
    pub fn open(key: &Path) -> Result<Self, OutboxError> {
        let mut folder = key.as_os_str().to_owned();
        folder.push(".outbox");
        let folder = PathBuf::from(folder);
        let failed = |error| OutboxError::Io { path: folder.clone(), error };
        disk::make_folder(&folder).map_err(failed)?;
        match lock(&folder.join("lock"))? {
            Some(lock) => Self::read(folder, lock),
            None => Err(OutboxError::Busy(folder)),
        }
    }

    /// Pins the group, or checks that it is the one for which this key has signed.
    pub fn enter(&mut self, group: Digest) -> Result<(), OutboxError> {
        match self.group {
            Some(ours) if ours == group => Ok(()),
            Some(ours) => Err(OutboxError::OtherGroup { ours, theirs: group }),
            None => {
                self.write("group", format!("{group}\n").as_bytes())?;
                self.group = Some(group);
                Ok(())
            }
        }
    }

    /// The group for which this key signs, once it has signed.
    pub fn group(&self) -> Option<Digest> {
        self.group
    }

    /// Envelopes without an answer, in the order in which they must be sent.
    pub fn unanswered(&self) -> Vec<Name> {
        let all = self.entries.values().flatten();
        all.filter(|entry| entry.answer.is_none()).map(|entry| entry.name.clone()).collect()
    }

    /// Envelopes without an answer that use numbers of a domain, in the same order.
    pub fn unanswered_in(&self, domain: &str) -> Vec<Name> {
        let uses = |entry: &&Entry| entry.name.domain == domain || entry.seen_in(domain).is_some();
        let all = self.entries.values().flatten().filter(|entry| entry.answer.is_none());
        all.filter(uses).map(|entry| entry.name.clone()).collect()
    }

    /// The newest envelope of a domain without an answer that comes before a number: what an envelope with that number
    /// is based on. (A later envelope waits for that number, so it cannot be a base before.) None where a later one took
    /// effect: whoever has executed that has executed all before it, and it is the base.
    pub fn newest_unanswered(&self, domain: &str, before: u64) -> Option<EnvelopeId> {
        let counts = |entry: &&Entry| entry.to_seq < before && (entry.answer.is_none() || entry.took_effect());
        let newest = self.entries.get(domain)?.iter().rfind(counts);
        newest.filter(|entry| entry.answer.is_none()).map(|entry| entry.id)
    }

    /// The newest revision that a receipt in this outbox names.
    pub fn newest_revision(&self) -> Option<Revision> {
        self.entries.values().flatten().filter_map(Entry::revision).max()
    }

    /// File of the answer that names this revision.
    pub fn file_of_answer(&self, revision: Revision) -> Option<PathBuf> {
        let named = self.entries.values().flatten().find(|entry| entry.revision() == Some(revision))?;
        Some(self.folder.join(named.name.file(ANSWER)))
    }

    /// The entry of that envelope, while the outbox remembers it.
    pub fn find(&self, id: &EnvelopeId) -> Option<&Entry> {
        self.entries.values().flatten().find(|entry| entry.id == *id)
    }

    /// The place of the next envelope with `count` changes. See [`Place`]; `floor` may be 0.
    pub fn next_place(&self, domain: &str, node: &AuthorInfo, floor: u64, count: u64) -> Place {
        let own = self.entries.get(domain).map_or(&[][..], Vec::as_slice);
        let others: Vec<Entry> = self.entries.values().flatten().filter_map(|entry| entry.seen_in(domain)).collect();
        if others.is_empty() {
            return numbers::next(own, node, floor, count);
        }
        numbers::next(&[own, &others].concat(), node, floor, count)
    }

    /// Whether an envelope has no answer yet.
    pub fn is_unanswered(&self, name: &Name) -> bool {
        self.entry(name).is_some_and(|entry| entry.answer.is_none())
    }

    /// The id of an envelope.
    pub fn id(&self, name: &Name) -> Option<EnvelopeId> {
        self.entry(name).map(|entry| entry.id)
    }

    /// File of an envelope.
    pub fn file(&self, name: &Name) -> PathBuf {
        self.folder.join(name.file(ENVELOPE))
    }

    /// The bytes of an envelope, as they were signed.
    pub fn bytes(&self, name: &Name) -> Result<Vec<u8>, OutboxError> {
        let path = self.file(name);
        fs::read(&path).map_err(|error| OutboxError::Io { path, error })
    }

    /// An envelope, as it was signed.
    pub fn envelope(&self, name: &Name) -> Result<Envelope, OutboxError> {
        let damaged = |why: Refusal| self.damaged(name, why.to_string());
        Envelope::decode(&self.bytes(name)?, &limits()).map_err(damaged)
    }

    fn damaged(&self, name: &Name, why: String) -> OutboxError {
        OutboxError::Damaged { path: self.file(name), why }
    }

    /// Makes a signed envelope durable. Only then it may be sent.
    pub fn keep(&mut self, group: &Digest, envelope: &Envelope) -> Result<(Name, Vec<u8>), OutboxError> {
        let body = &envelope.body;
        let name = Name { domain: body.domain.clone(), from_seq: body.from_seq, attempt: body.attempt };
        let (bytes, id, to_seq) = (envelope.encode(), envelope.id(group), body.to_seq);
        assert!(self.entry(&name).is_none(), "an outbox never signs twice for one number and attempt");
        self.write(&name.file(ENVELOPE), &bytes)?;
        let (elsewhere, bases, begun) = (body.elsewhere(), bases(body), self.begun(body));
        self.insert(Entry {
            name: name.clone(),
            to_seq,
            id,
            elsewhere,
            bases,
            begun,
            bytes: bytes.len() as u64,
            answer: None,
        });
        Ok((name, bytes))
    }

    /// Remembers how an envelope was answered, and forgets the oldest answers beyond the bounds. Where the disk says no, the
    /// answer counts as long as this outbox is open, and the envelope has none when it is opened again.
    pub fn answer(&mut self, name: &Name, answer: Answer) -> Result<(), OutboxError> {
        let entry = self.entries.get_mut(&name.domain).into_iter().flatten().find(|entry| entry.name == *name);
        let Some(entry) = entry else { return Ok(()) };
        entry.answer = Some(answer.clone());
        let (elsewhere, begun) = (entry.elsewhere.clone(), entry.begun);
        let answered = Answered { id: entry.id, to_seq: entry.to_seq, elsewhere, begun, answer };
        let json = serde_json::to_vec(&answered).expect("plain data with string keys");
        self.write(&name.file(ANSWER), &json)?;
        self.forget(&name.domain)
    }

    fn entry(&self, name: &Name) -> Option<&Entry> {
        self.entries.get(&name.domain)?.iter().find(|entry| entry.name == *name)
    }

    fn insert(&mut self, entry: Entry) {
        let entries = self.entries.entry(entry.name.domain.clone()).or_default();
        let at = entries.partition_point(|other| other.name < entry.name);
        entries.insert(at, entry);
    }

    fn write(&self, file: &str, bytes: &[u8]) -> Result<(), OutboxError> {
        disk::write(&self.folder, file, bytes).map_err(|error| OutboxError::Io { path: self.folder.join(file), error })
    }

    /// Drops the oldest answered envelopes of a domain. Entries on which numbers depend stay: the newest that took
    /// effect, and the highest attempt for each number above it.
    fn forget(&mut self, domain: &str) -> Result<(), OutboxError> {
        let Some(entries) = self.entries.get_mut(domain) else { return Ok(()) };
        let newest = entries.iter().rposition(Entry::took_effect).unwrap_or(0);
        let (mut count, mut bytes, mut gone) = (0, 0, Vec::new());
        let superseded =
            |at: &usize| *at < newest || entries.get(at + 1).is_some_and(|next| next.repeats(&entries[*at]));
        for at in (0..entries.len()).rev().filter(superseded).filter(|at| entries[*at].answer.is_some()) {
            (count, bytes) = (count + 1, bytes + entries[at].bytes);
            if count >= ANSWERED_MAX || bytes > ANSWERED_BYTES_MAX {
                gone.push(at);
            }
        }
        // The envelope first: an answer alone is harmless, an envelope alone would be sent again.
        for entry in gone.into_iter().map(|at| entries.remove(at)) {
            for ending in [ENVELOPE, ANSWER] {
                let file = entry.name.file(ending);
                let failed = |error| OutboxError::Io { path: self.folder.join(&file), error };
                disk::remove(&self.folder, &file).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn read(folder: PathBuf, lock: File) -> Result<Self, OutboxError> {
        let mut outbox = Self { folder, _lock: lock, group: None, entries: BTreeMap::new() };
        outbox.group = outbox.read_group()?;
        let failed = |error| OutboxError::Io { path: outbox.folder.clone(), error };
        let listed = fs::read_dir(&outbox.folder).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let files: Vec<String> = listed.iter().filter_map(|file| file.file_name().into_string().ok()).collect();
        for draft in files.iter().filter(|file| file.ends_with(disk::DRAFT)) {
            disk::remove(&outbox.folder, draft).map_err(failed)?;
        }
        for name in files.iter().filter_map(|file| Name::parse(file, ANSWER)) {
            outbox.insert(outbox.read_answered(name)?);
        }
        let mut envelopes: Vec<Name> = files.iter().filter_map(|file| Name::parse(file, ENVELOPE)).collect();
        envelopes.sort_unstable(); // each after those that it may be based on
        for name in envelopes {
            if outbox.entry(&name).is_none() {
                outbox.insert(outbox.read_unanswered(name)?);
            }
        }
        Ok(outbox)
    }

    fn read_group(&self) -> Result<Option<Digest>, OutboxError> {
        let path = self.folder.join("group");
        match fs::read_to_string(&path) {
            Ok(text) => match hexed::parse(text.trim_end()) {
                Ok(group) => Ok(Some(group)),
                Err(error) => Err(OutboxError::Damaged { path, why: error.to_string() }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(OutboxError::Io { path, error }),
        }
    }

    fn read_answered(&self, name: Name) -> Result<Entry, OutboxError> {
        let path = self.folder.join(name.file(ANSWER));
        let json = fs::read(&path).map_err(|error| OutboxError::Io { path: path.clone(), error })?;
        let answered: Answered = serde_json::from_slice(&json)
            .map_err(|error| OutboxError::Damaged { path: path.clone(), why: error.to_string() })?;
        let bytes = fs::metadata(self.folder.join(name.file(ENVELOPE))).map_or(0, |file| file.len());
        let Answered { id, to_seq, elsewhere, begun, answer } = answered;
        Ok(Entry { name, to_seq, id, elsewhere, bases: Vec::new(), begun, bytes, answer: Some(answer) })
    }

    fn read_unanswered(&self, name: Name) -> Result<Entry, OutboxError> {
        let damaged = |why: &str| self.damaged(&name, why.to_owned());
        let group = self.group.ok_or_else(|| damaged("the file `group` beside it is missing"))?;
        let envelope = self.envelope(&name)?;
        let (body, id) = (&envelope.body, envelope.id(&group));
        if (body.domain.as_str(), body.from_seq, body.attempt) != (name.domain.as_str(), name.from_seq, name.attempt) {
            return Err(damaged("its name is another envelope's"));
        }
        let (elsewhere, bases, bytes) = (body.elsewhere(), bases(body), envelope.encode().len() as u64);
        Ok(Entry { to_seq: body.to_seq, id, elsewhere, bases, begun: self.begun(body), bytes, name, answer: None })
    }
}

/// An outbox reads back what it wrote, whatever the limits of the group are.
pub fn limits() -> Limits {
    let (bytes, count) = (u64::MAX, u32::MAX);
    Limits {
        file_bytes_max: bytes,
        envelope_bytes_max: bytes,
        changes_max: count,
        operations_max: count,
        ..Limits::default()
    }
}

/// Envelopes that the changes of a body are based on.
fn bases(body: &Body) -> Vec<EnvelopeId> {
    let named = |base| if let Base::Envelope(id) = base { Some(id) } else { None };
    body.changes.iter().filter_map(|change| named(change.base)).collect()
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
