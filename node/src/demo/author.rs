//! Author who signs for one organisation and waits for each verdict.

use super::DemoError;
use quorate_client::calls::Posted;
use quorate_client::http::Client;
use quorate_client::keys;
use quorate_git::{Commit, Operation, Part, Repository, pack};
use quorate_ledger::{Base, Body, Change, Envelope, EnvelopeId, Level, Limits, Op, Receipt, Revision, State};
use quorate_pbft::{Digest, Ed25519Signer, Signer as _};
use sha2::{Digest as _, Sha256};
use std::path::Path;
use std::time::{Duration, Instant};

/// An author of the replay, with its numbers in one domain.
pub struct Author {
    group: Digest,
    limits: Limits,
    signer: Ed25519Signer,
    client: Client,
    domain: String,
    next_seq: u64,
}

/// Envelopes of a commit, ordered.
pub struct Ordered {
    /// The last envelope.
    pub envelope: EnvelopeId,
    /// The revision that it reached.
    pub revision: Revision,
    /// Receipts of all its envelopes.
    pub receipts: Vec<Receipt>,
    /// Latency of each envelope.
    pub latencies: Vec<Duration>,
}

impl Author {
    /// The author with this key file, through the node of `client`.
    pub fn new(key: &Path, group: Digest, limits: &Limits, client: Client, domain: &str) -> Result<Self, DemoError> {
        let signer = keys::read(key)?;
        Ok(Self { group, limits: limits.clone(), signer, client, domain: domain.into(), next_seq: 1 })
    }

    /// Signs what a commit does and waits until it is executed; as several envelopes where one would be too large.
    pub async fn submit(
        &mut self,
        repository: &Repository,
        commit: &Commit,
        base: Base,
        operations: &[Operation],
    ) -> Result<Ordered, DemoError> {
        let message = commit.described(Part::ONLY);
        let (mut base, mut receipts, mut latencies) = (base, Vec::new(), Vec::new());
        let mut last = None;
        for range in pack(operations, message.len(), &self.limits) {
            let envelope = self.envelope(repository, commit, base, &operations[range], &message)?;
            let id = envelope.id(&self.group);
            let sent = Instant::now();
            let receipt = self.send(commit, envelope).await?;
            latencies.push(sent.elapsed());
            self.next_seq += 1;
            last = Some((id, receipt.revision));
            receipts.push(receipt);
            base = Base::Envelope(id);
        }
        match last {
            Some((envelope, Some(revision))) => Ok(Ordered { envelope, revision, receipts, latencies }),
            _ => Err(failed(commit, "its receipt names no revision")),
        }
    }

    fn envelope(
        &self,
        repository: &Repository,
        commit: &Commit,
        base: Base,
        operations: &[Operation],
        message: &str,
    ) -> Result<Envelope, DemoError> {
        let (mut ops, mut contents) = (Vec::new(), Vec::new());
        for operation in operations {
            ops.push(match operation {
                Operation::Delete { path } => Op::Delete { path: path.clone() },
                Operation::Put { path, entry } => {
                    let content = repository.content(entry.blob)?;
                    let digest = Digest(Sha256::digest(&content).into());
                    contents.push(content);
                    Op::Put { path: path.clone(), mode: entry.mode.into(), content: digest }
                }
            });
        }
        let time_ms = u64::try_from(commit.time.seconds).unwrap_or_default().saturating_mul(1000);
        let body = Body {
            author: self.signer.public_key(),
            domain: self.domain.clone(),
            from_seq: self.next_seq,
            to_seq: self.next_seq,
            attempt: 1,
            changes: vec![Change::new(base, ops, message, time_ms)],
            carried: vec![],
        };
        Ok(Envelope::sign(&self.group, body, contents, &self.signer))
    }

    async fn send(&self, commit: &Commit, envelope: Envelope) -> Result<Receipt, DemoError> {
        match self.client.renewed().submit(envelope.encode(), Level::Sequential).await? {
            Posted::Verdict(receipt) if receipt.state != State::Refused => Ok(receipt),
            Posted::Verdict(receipt) => {
                let (code, detail) = (receipt.code, receipt.detail.unwrap_or_default());
                Err(failed(commit, &format!("refused: {code:?} {detail}")))
            }
            Posted::Ticket(_) => Err(failed(commit, "it has no verdict")),
        }
    }
}

fn failed(commit: &Commit, what: &str) -> DemoError {
    DemoError::Change { commit: commit.id.to_string(), what: what.to_owned() }
}
