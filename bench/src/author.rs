//! Authors: each sends an envelope, waits for its receipt, and sends the next; or keeps so many under way.

use crate::args::BenchArgs;
use crate::failure::Failure;
use crate::files::Files;
use crate::group::Group;
use crate::shared::Shared;
use anyhow::{Context as _, bail, ensure};
use quorate_client::calls::Posted;
use quorate_client::http::Client;
use quorate_client::keys;
use quorate_ledger::{Base, Body, Change, Envelope, Level, Mode, Op, Receipt, Revision, State};
use quorate_pbft::{Digest, Ed25519Signer, Signer as _};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Changes in an envelope of files that are to be there before the load.
const STOCK_CHANGES: u64 = 100;

/// Time that an envelope may take before the run is called off.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Envelope that was due, with its verdict.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// When it was handed in; at a rate, when it was to be.
    pub due: Instant,
    /// When its author held the receipt, or stopped without having sent it.
    pub at: Instant,
    /// Outcome; none where it was never sent.
    pub state: Option<State>,
}

impl Asked {
    fn answered(due: Instant, receipt: &Receipt) -> Self {
        Self { due, at: Instant::now(), state: Some(receipt.state) }
    }
}

/// Author with its key and the node that it talks to.
pub struct Author {
    group: Digest,
    signer: Ed25519Signer,
    client: Client,
    index: usize,
    changes: u64,
    files: Files,
    level: Level,
    shared: Shared,
    next_seq: u64,
    base: Revision,
}

impl Author {
    /// Author `index` of a group, at one of its nodes.
    pub fn new(args: &BenchArgs, group: &Group, index: usize, node: &str) -> anyhow::Result<Self> {
        Ok(Self {
            group: group.genesis.group(),
            signer: keys::read(&group.author_key(index))?,
            client: Client::new(node, ANSWER_LIMIT)?,
            index,
            changes: args.changes,
            files: Files::new(index, args.files_per_author(), args.bytes),
            level: args.level_of(index),
            shared: Shared::new(args, index),
            next_seq: 1,
            base: Revision::GENESIS,
        })
    }

    /// Works until `end`, with a pause from the begin of one envelope to the next; what was due, in order.
    pub async fn work(&mut self, pause: Duration, end: Instant) -> anyhow::Result<Vec<Asked>> {
        let mut asked = Vec::new();
        let mut due = Instant::now() + pause.mul_f64((self.index % 64) as f64 / 64.0); // not all at once
        while due.max(Instant::now()) < end {
            tokio::time::sleep_until(due.into()).await;
            let contents = self.contents().await?;
            // At a rate, the time that an envelope waits for the one before counts as well.
            let sent = if pause.is_zero() { Instant::now() } else { due };
            due += pause;
            let receipt = self.send(self.envelope(contents)).await?;
            asked.push(Asked::answered(sent, &receipt));
            self.base = self.based_on(&receipt)?;
            self.next_seq += self.changes;
        }
        asked.extend(unsent(due, pause, end));
        Ok(asked)
    }

    /// Works over one connection, with so many envelopes under way.
    pub async fn stream(&mut self, under_way: u64, end: Instant) -> anyhow::Result<Vec<Asked>> {
        let (offers, mut answers) = self.client.renewed().offers(self.level).await?;
        let (mut sent, mut waits, mut asked) = (0, BTreeMap::new(), Vec::new());
        loop {
            while Instant::now() < end && (waits.len() as u64) < under_way {
                waits.insert(sent, Instant::now());
                offers.send(&self.envelope(self.own_contents())).await?;
                (sent, self.next_seq) = (sent + 1, self.next_seq + self.changes);
            }
            if waits.is_empty() {
                return Ok(asked);
            }
            let offered = answers.within(ANSWER_LIMIT).await?.context("no answer in time, or the stream ended")?;
            let sent = waits.remove(&offered.at).context("an answer to nothing")?;
            let problem = offered.problem.map(|problem| problem.to_string()).unwrap_or_default();
            let receipt = offered.receipt.with_context(|| format!("author {}: no verdict, {problem}", self.index))?;
            asked.push(Asked::answered(sent, &receipt));
            self.base = self.based_on(&receipt)?.max(self.base);
        }
    }

    async fn send(&self, envelope: Vec<u8>) -> anyhow::Result<Receipt> {
        match self.client.renewed().submit(envelope, self.level).await? {
            Posted::Verdict(receipt) => Ok(receipt),
            Posted::Ticket(ticket) => bail!("author {}: no verdict, {:?}", self.index, ticket.receipt.state),
        }
    }

    /// Revision of what took effect, on which the next change is based.
    fn based_on(&self, receipt: &Receipt) -> anyhow::Result<Revision> {
        let expected = receipt.state == State::Applied || self.shared.is_contended() && took_effect(receipt.state);
        let (number, detail) = (receipt.from_seq, &receipt.detail);
        let told =
            || Failure::Verdict(format!("author {} number {number}: {:?} {detail:?}", self.index, receipt.state));
        ensure!(expected, told());
        receipt.revision.context("a receipt without a revision")
    }

    /// Writes each of its files once, many in an envelope.
    pub async fn stock(&mut self) -> anyhow::Result<()> {
        while self.next_seq <= self.files.count() {
            let end = (self.next_seq + STOCK_CHANGES).min(self.files.count() + 1);
            let receipt = self.send(self.envelope(self.files.of(self.next_seq..end))).await?;
            self.base = self.based_on(&receipt)?;
            self.next_seq = end;
        }
        Ok(())
    }

    /// Revision of its newest change.
    pub fn newest(&self) -> Revision {
        self.base
    }

    /// Reads its newest files back, at most so many, from the state of a node that has executed all that this author was told of;
    /// how many it read.
    pub async fn read_back(&self, node: &str, most: u64) -> anyhow::Result<u64> {
        let client = Client::new(node, ANSWER_LIMIT)?;
        let numbers = self.files.newest(self.next_seq, most);
        for (number, (path, content)) in numbers.clone().zip(self.files.of(numbers.clone())) {
            let there = client.renewed().file("main", &path, Level::Sequential).await?;
            let is_there = there.is_some_and(|bytes| bytes == content);
            let lost = || format!("author {} number {number} is acknowledged and not at {node}", self.index);
            ensure!(is_there, Failure::Verdict(lost()));
        }
        Ok(numbers.end - numbers.start)
    }

    /// Writes the file that others will edit, if this author is to; the revision where all of them begin.
    pub async fn write_first(&mut self) -> anyhow::Result<Revision> {
        if let Some(first) = self.shared.first() {
            let receipt = self.send(self.envelope(vec![first])).await?;
            self.base = self.based_on(&receipt)?;
            self.next_seq += 1;
        }
        Ok(self.base)
    }

    /// Lets the author begin on what others wrote.
    pub fn begin_at(&mut self, base: Revision) {
        self.base = base;
    }

    /// Paths and contents of the next envelope.
    async fn contents(&mut self) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
        let mut contents = self.own_contents();
        if let Some(edit) = self.shared.edit(&self.client.renewed(), self.next_seq, self.base).await? {
            contents[0] = edit;
        }
        Ok(contents)
    }

    fn own_contents(&self) -> Vec<(String, Vec<u8>)> {
        self.files.of(self.next_seq..self.next_seq + self.changes)
    }

    fn envelope(&self, contents: Vec<(String, Vec<u8>)>) -> Vec<u8> {
        let (paths, contents): (Vec<_>, Vec<_>) = contents.into_iter().unzip();
        let bases = std::iter::once(Base::Revision(self.base)).chain(std::iter::repeat(Base::Previous));
        let puts = paths.into_iter().zip(&contents).zip(bases);
        let changes = puts.map(|((path, content), base)| Change::new(base, vec![put(path, content)], "", 0)).collect();
        let body = Body {
            author: self.signer.public_key(),
            domain: "main".into(),
            from_seq: self.next_seq,
            to_seq: self.next_seq + contents.len() as u64 - 1,
            attempt: 1,
            changes,
            carried: Vec::new(),
        };
        Envelope::sign(&self.group, body, contents, &self.signer).encode()
    }
}

/// Envelopes that were due from one moment to another, one in each pause, and that nobody sends any more.
fn unsent(due: Instant, pause: Duration, end: Instant) -> impl Iterator<Item = Asked> {
    let at = Instant::now();
    let next = move |due: &Instant| Some(*due + pause);
    let dues = std::iter::successors(Some(due), next).take_while(move |due| !pause.is_zero() && *due < end);
    dues.map(move |due| Asked { due, at, state: None })
}

fn put(path: String, content: &[u8]) -> Op {
    Op::Put { path, mode: Mode::File, content: Digest(Sha256::digest(content).into()) }
}

fn took_effect(state: State) -> bool {
    matches!(state, State::Applied | State::Merged | State::Conflict)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelopes_that_an_author_did_not_come_to_send_are_those_due_until_the_end() {
        let (begin, pause) = (Instant::now(), Duration::from_millis(10));
        let dues = |pause, end: u64| -> Vec<Instant> {
            unsent(begin, pause, begin + Duration::from_millis(end)).map(|asked| asked.due).collect()
        };

        assert_eq!(dues(pause, 25), [0, 10, 20].map(|ms| begin + Duration::from_millis(ms)));
        assert_eq!(dues(pause, 0), []);
        assert_eq!(dues(Duration::ZERO, 25), [], "who sends after each answer owes nothing");
    }
}
