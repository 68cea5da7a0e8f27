//! An author over kills, refusals and races: one envelope for each number and attempt.

mod notes;
mod numbers;
mod pruned;
mod room;
mod streams;
mod uncertain;
mod waits;

use crate::events::status_in;
use crate::scripted::{self, GROUP, Reply, Request, json};
use quorate_client::api::{AuthorInfo, Pending, Problem};
use quorate_client::author::{Author, Draft, Outcome, SubmitError};
use quorate_client::http::{Client, ClientError};
use quorate_client::keys;
use quorate_client::outbox::{Answer, Outbox, OutboxError};
use quorate_client::session::Session;
use quorate_ledger::{Base, Body, Envelope, EnvelopeId, Level, Limits, Op, State};
use quorate_pbft::{Digest, PublicKey};
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::time::Duration;
use tempfile::TempDir;

struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().expect("a folder") };
        keys::create(&desk.key()).expect("a key");
        desk
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("a.key")
    }

    async fn author(&self, node: &str) -> Author {
        let client = Client::new(node, Duration::from_secs(20)).expect("an address");
        Author::open(&self.key(), client, "main").await.expect("a key and an outbox")
    }

    /// As a command does it: what is unanswered first, then one change.
    async fn put(&self, node: &str, level: Level) -> Result<Outcome, SubmitError> {
        let mut author = self.author(node).await;
        author.resend().await?;
        author.submit(&draft(), level).await
    }

    /// A command that is killed once a node with this script, silent at its end, was asked for everything.
    ///
    /// Returns the envelopes that the node was sent.
    async fn killed_put(&self, mut script: Vec<Reply>) -> Vec<Request> {
        script.push(Reply::Silence);
        let asked = script.len();
        let (node, requests) = scripted::node(script);
        tokio::select! {
            ended = self.put(&node, Level::Sequential) => panic!("the node is silent, and the command ended: {ended:?}"),
            seen = first(asked, &requests) => posted(seen),
        }
    }
}

fn draft() -> Draft {
    Draft { base: None, ops: vec![Op::Delete { path: "a".into() }], contents: vec![], message: "m".into() }
}

fn info(next_seq: u64, revision: &str) -> Reply {
    told(0, next_seq, revision)
}

fn told(attempt: u64, next_seq: u64, revision: &str) -> Reply {
    told_in(GROUP, attempt, next_seq, revision)
}

fn told_in(group: Digest, attempt: u64, next_seq: u64, revision: &str) -> Reply {
    holding(vec![], group, attempt, next_seq, revision)
}

fn holding(pending: Vec<Pending>, group: Digest, attempt: u64, next_seq: u64, revision: &str) -> Reply {
    let info = AuthorInfo {
        group,
        key: PublicKey([0; 32]),
        next_seq,
        attempt,
        pending,
        standing: Default::default(),
        figure_here: 500,
        rate: None,
        repeated: vec![],
        revision: revision.parse().expect("a revision"),
    };
    Reply::Http("200 OK\r\ncontent-type: application/json", json(&info))
}

fn refusal(status: &'static str, problem: &Problem) -> Reply {
    Reply::Http(status, json(problem))
}

const TAKEN: &str = "409 Conflict\r\ncontent-type: application/problem+json";
const REFUSED: &str = "422 Unprocessable Content\r\ncontent-type: application/problem+json";
const HELD_BACK: &str = "429 Too Many Requests\r\ncontent-type: application/problem+json\r\nretry-after: 3600";
const UNKNOWN: &str = "404 Not Found\r\ncontent-type: application/problem+json";
const TOO_LARGE: &str = "413 Payload Too Large\r\ncontent-type: application/problem+json";

/// An observer on a change that is larger than what it hands on.
fn too_large() -> Reply {
    refusal(TOO_LARGE, &Problem::new(413, "too-large", "an observer hands on 4194304 bytes at most"))
}

/// The envelopes among these requests, in order.
fn posted(requests: impl IntoIterator<Item = Request>) -> Vec<Request> {
    requests.into_iter().filter(|request| request.line.starts_with("POST /v1/envelopes")).collect()
}

/// The first requests of a node, once it has as many.
async fn first(count: usize, requests: &Receiver<Request>) -> Vec<Request> {
    let mut seen = vec![];
    while seen.len() < count {
        seen.extend(requests.try_iter());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    seen
}

fn body(request: &Request) -> Body {
    Envelope::decode(&request.body, &Limits::default()).expect("an envelope").body
}

/// Author with two changes without a verdict, the second based on the first.
async fn two_tickets() -> Desk {
    let desk = Desk::new();
    let (node, _requests) =
        scripted::node(vec![info(1, "3"), Reply::Ticket, Reply::Ticket, info(1, "3"), Reply::Ticket]);
    for _ in 0..2 {
        desk.put(&node, Level::Eventual).await.expect("a ticket");
    }
    desk
}
