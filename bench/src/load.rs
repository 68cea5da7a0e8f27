//! Closed-loop authors: each sends an envelope, waits for its receipt, and sends the next; or keeps so many under way.

use crate::args::BenchArgs;
use crate::group::Group;
use anyhow::{Context as _, bail};
use quorate_client::calls::Posted;
use quorate_client::http::Client;
use quorate_client::keys;
use quorate_ledger::{Base, Body, Change, Envelope, Level, Mode, Op, Receipt, Revision, State};
use quorate_pbft::{Digest, Ed25519Signer, Signer as _};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Files that one author writes in turn.
const FILES_PER_AUTHOR: u64 = 64;

/// Time that an envelope may take before the run is called off.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Envelope with its verdict.
#[derive(Debug, Clone, Copy)]
pub struct Answered {
    /// When it was handed in.
    pub sent: Instant,
    /// When its author held the receipt.
    pub at: Instant,
}

/// Result of a run.
pub struct Measured {
    /// Time of each envelope that was answered while counting, sorted.
    pub latencies: Vec<Duration>,
    /// Time over which commits were counted.
    pub elapsed: Duration,
    /// Processor time of all replicas while counting.
    pub cpu_seconds: f64,
    /// Space at the end of each minute, where minutes count.
    pub minutes: Vec<Minute>,
}

/// Space that all replicas take at the end of a minute.
#[derive(Debug, Clone, Serialize)]
pub struct Minute {
    /// From 1.
    pub minute: u64,
    /// Bytes of their folders on the disk.
    pub disk_bytes: u64,
    /// Bytes of their memory.
    pub memory_bytes: u64,
}

/// Drives the group with all authors at once.
pub async fn run(args: &BenchArgs, group: &Group) -> anyhow::Result<Measured> {
    let begin = Instant::now() + Duration::from_secs(args.warm_up);
    let end = begin + args.counted();
    let nodes: Vec<usize> = (0..group.nodes.len()).collect();
    let authors = authors(args, group, &nodes)?;
    let tasks: Vec<_> = authors.into_iter().map(|author| tokio::spawn(author.work(end))).collect();
    tokio::time::sleep_until(begin.into()).await;
    let (before, started) = (group.cpu_seconds()?, Instant::now());
    let minutes = minutes(args, group, begin).await?;
    tokio::time::sleep_until(end.into()).await;
    let (cpu_seconds, elapsed) = (group.cpu_seconds()? - before, started.elapsed());
    let mut latencies = Vec::new();
    for task in tasks {
        let answered = task.await.context("an author panicked")??;
        let counts = answered.iter().filter(|answered| answered.at >= begin && answered.at < end);
        latencies.extend(counts.map(|answered| answered.at - answered.sent));
    }
    latencies.sort_unstable();
    Ok(Measured { latencies, elapsed, cpu_seconds, minutes })
}

/// Looks at the end of each minute that counts, and tells at once what it sees.
async fn minutes(args: &BenchArgs, group: &Group, begin: Instant) -> anyhow::Result<Vec<Minute>> {
    let mut seen = Vec::new();
    for minute in 1..=args.minutes.unwrap_or_default() {
        tokio::time::sleep_until((begin + Duration::from_secs(60 * minute)).into()).await;
        let (disk_bytes, memory_bytes) = (group.disk_bytes()?, group.memory_bytes()?);
        eprintln!("bench: minute {minute}: {disk_bytes} bytes on the disk, {memory_bytes} bytes of memory");
        seen.push(Minute { minute, disk_bytes, memory_bytes });
    }
    Ok(seen)
}

/// Authors of the run, spread over these nodes.
pub fn authors(args: &BenchArgs, group: &Group, nodes: &[usize]) -> anyhow::Result<Vec<Author>> {
    (0..args.authors).map(|index| Author::new(args, group, index, &group.nodes[nodes[index % nodes.len()]])).collect()
}

/// Sends one envelope after the other to one node.
pub struct Author {
    group: Digest,
    signer: Ed25519Signer,
    client: Client,
    index: usize,
    changes: u64,
    bytes: usize,
    pause: Duration,
    next_seq: u64,
    base: Revision,
    under_way: Option<u64>,
}

impl Author {
    fn new(args: &BenchArgs, group: &Group, index: usize, node: &str) -> anyhow::Result<Self> {
        Ok(Self {
            group: group.genesis.group(),
            signer: keys::read(&group.author_key(index))?,
            client: Client::new(node, ANSWER_LIMIT)?,
            index,
            changes: args.changes,
            bytes: args.bytes,
            pause: args.pause(),
            next_seq: 1,
            base: Revision::GENESIS,
            under_way: args.stream,
        })
    }

    /// Works until `end`; what was answered, in order.
    pub async fn work(mut self, end: Instant) -> anyhow::Result<Vec<Answered>> {
        if let Some(under_way) = self.under_way {
            return self.stream(under_way, end).await;
        }
        let mut answered = Vec::new();
        let mut due = Instant::now() + self.pause.mul_f64((self.index % 64) as f64 / 64.0); // not all at once
        while due.max(Instant::now()) < end {
            tokio::time::sleep_until(due.into()).await;
            // At a rate, the time that an envelope waits for the one before counts as well.
            let sent = if self.pause.is_zero() { Instant::now() } else { due };
            due += self.pause;
            let envelope = self.envelope();
            let receipt = self.send(envelope).await?;
            answered.push(Answered { sent, at: Instant::now() });
            self.base = self.applied(&receipt)?;
            self.next_seq += self.changes;
        }
        Ok(answered)
    }

    /// Works over one connection, with so many envelopes under way.
    async fn stream(mut self, under_way: u64, end: Instant) -> anyhow::Result<Vec<Answered>> {
        let (offers, mut answers) = self.client.renewed().offers(Level::Sequential).await?;
        let (mut sent, mut waits, mut answered) = (0, BTreeMap::new(), Vec::new());
        loop {
            while Instant::now() < end && (waits.len() as u64) < under_way {
                waits.insert(sent, Instant::now());
                offers.send(&self.envelope()).await?;
                (sent, self.next_seq) = (sent + 1, self.next_seq + self.changes);
            }
            if waits.is_empty() {
                return Ok(answered);
            }
            let offered = answers.within(ANSWER_LIMIT).await?.context("no answer in time, or the stream ended")?;
            let sent = waits.remove(&offered.at).context("an answer to nothing")?;
            answered.push(Answered { sent, at: Instant::now() });
            let problem = offered.problem.map(|problem| problem.to_string()).unwrap_or_default();
            let receipt = offered.receipt.with_context(|| format!("author {}: no verdict, {problem}", self.index))?;
            self.base = self.applied(&receipt)?.max(self.base);
        }
    }

    async fn send(&self, envelope: Vec<u8>) -> anyhow::Result<Receipt> {
        match self.client.renewed().submit(envelope, Level::Sequential).await? {
            Posted::Verdict(receipt) => Ok(receipt),
            Posted::Ticket(ticket) => bail!("author {}: no verdict, {:?}", self.index, ticket.receipt.state),
        }
    }

    fn applied(&self, receipt: &Receipt) -> anyhow::Result<Revision> {
        if receipt.state != State::Applied {
            bail!("author {} number {}: {:?} {:?}", self.index, receipt.from_seq, receipt.state, receipt.detail);
        }
        receipt.revision.context("a receipt without a revision")
    }

    fn envelope(&self) -> Vec<u8> {
        let (mut changes, mut contents) = (Vec::new(), Vec::new());
        for seq in self.next_seq..self.next_seq + self.changes {
            let content = self.content(seq);
            let digest = Digest(Sha256::digest(&content).into());
            let path = format!("bench/{}/{}", self.index, seq % FILES_PER_AUTHOR);
            let op = Op::Put { path, mode: Mode::File, content: digest };
            let base = if changes.is_empty() { Base::Revision(self.base) } else { Base::Previous };
            changes.push(Change::new(base, vec![op], "", 0));
            contents.push(content);
        }
        let body = Body {
            author: self.signer.public_key(),
            domain: "main".into(),
            from_seq: self.next_seq,
            to_seq: self.next_seq + self.changes - 1,
            attempt: 1,
            changes,
            carried: Vec::new(),
        };
        Envelope::sign(&self.group, body, contents, &self.signer).encode()
    }

    /// A file that no other number of no other author has.
    fn content(&self, seq: u64) -> Vec<u8> {
        let line = format!("author {} number {seq}\n", self.index);
        line.bytes().cycle().take(self.bytes).collect()
    }
}
