//! Sources of answers: a node, or a snapshot file, which holds the answers of a node in the order of the questions.

use quorate_client::http::Client;
use std::io::{self, Read, Write};

/// First bytes of a snapshot file.
const TAG: &[u8] = b"quorate-snapshot-1\n";

/// Their number.
pub(super) const TAG_BYTES: u64 = TAG.len() as u64;

/// Source of answers.
pub enum Source {
    /// A node that runs.
    Node(Box<Client>),
    /// A snapshot file, from its first answer on.
    Snapshot(Snapshot),
}

/// Snapshot file that is read.
pub struct Snapshot {
    name: String,
    file: Box<dyn Read + Send>,
}

impl Snapshot {
    /// Begins to read; an error if the file is no snapshot.
    pub fn open(name: String, mut file: Box<dyn Read + Send>) -> io::Result<Self> {
        let mut tag = [0; TAG.len()];
        file.read_exact(&mut tag)?;
        if tag != TAG {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no snapshot of this program"));
        }
        Ok(Self { name, file })
    }

    /// The next answer, of at most as many bytes as an answer may have.
    fn next(&mut self) -> io::Result<Vec<u8>> {
        let mut length = [0; 4];
        self.file.read_exact(&mut length)?;
        let length = u64::from(u32::from_le_bytes(length));
        if length > quorate_ledger::copy::ANSWER_BYTES_MAX as u64 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "an answer is too long"));
        }
        let mut answer = Vec::new();
        let read = (&mut self.file).take(length).read_to_end(&mut answer)?;
        if read as u64 == length { Ok(answer) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

impl Source {
    /// Name of the source, for people.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Node(node) => node.node(),
            Self::Snapshot(snapshot) => &snapshot.name,
        }
    }

    /// The answer to a question; in words why there is none.
    pub(super) async fn answer(&mut self, ask: Vec<u8>) -> Result<Vec<u8>, String> {
        match self {
            Self::Node(node) => node.renewed().state(ask).await.map_err(|error| error.to_string()),
            Self::Snapshot(snapshot) => snapshot.next().map_err(|error| format!("{}: {error}", snapshot.name)),
        }
    }
}

/// Snapshot file that is written.
pub(super) struct Recorder(Box<dyn Write + Send>);

impl Recorder {
    pub(super) fn begin(mut file: Box<dyn Write + Send>) -> io::Result<Self> {
        file.write_all(TAG)?;
        Ok(Self(file))
    }

    /// Adds an answer.
    pub(super) fn add(&mut self, answer: &[u8]) -> io::Result<()> {
        self.0.write_all(&(answer.len() as u32).to_le_bytes())?; // at most 64 MiB
        self.0.write_all(answer)
    }

    pub(super) fn end(mut self) -> io::Result<()> {
        self.0.flush()
    }
}
