//! Client with a session: one operation after the other, each at any level and at any replica.

use super::{REPLICAS, Shared};
use crate::dice::Dice;
use crate::levels::{Act, Operation, path, text, version};
use crate::plan::{FILES_EACH, SESSIONS, WRITERS};
use quorate_client::api::AT_HEADER;
use quorate_client::author::{Author, Draft, Outcome, SubmitError};
use quorate_client::calls::level_name;
use quorate_client::content;
use quorate_client::http::{Client as Http, ClientError};
use quorate_client::session::{Session, SessionError};
use quorate_ledger::{Level, Mode, Op, Revision, State};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Domain of all files.
pub(super) const DOMAIN: &str = "main";

/// Time that a client waits at one replica.
const PATIENCE: Duration = Duration::from_secs(3);

/// Between two operations, in milliseconds.
const REST_MS: (u64, u64) = (2, 30);

/// Client of a run.
pub(super) struct Client {
    pub(super) number: usize,
    pub(super) nodes: Vec<String>,
    /// Key of its author, if it writes.
    pub(super) key: Option<PathBuf>,
    /// Files of all sessions.
    pub(super) sessions: Arc<[PathBuf]>,
    pub(super) dice: Dice,
    pub(super) shared: Arc<Shared>,
}

impl Client {
    /// Works until somebody wants an end, and then until everything that it wrote has its verdict.
    pub(super) async fn work(mut self) {
        while !self.shared.stop.load(Ordering::Relaxed) {
            let level = *self.dice.pick(&[Level::Eventual, Level::Causal, Level::Sequential, Level::Strong]);
            let replica = self.any(REPLICAS);
            match (self.dice.below(10), self.key.is_some()) {
                (0..3, true) => {
                    let file = self.number * FILES_EACH + self.any(FILES_EACH);
                    self.write(file, level, replica).await;
                }
                (9, _) => self.hand(),
                _ => self.read(level, replica).await,
            }
            let rest = self.dice.between(REST_MS.0, REST_MS.1);
            tokio::time::sleep(Duration::from_millis(rest)).await;
        }
        self.settle().await;
    }

    fn any(&mut self, count: usize) -> usize {
        self.dice.below(count as u64) as usize
    }

    fn session(&self, number: usize) -> Result<Session, SessionError> {
        Session::open(&self.sessions[number])
    }

    /// A client of a replica, in this session.
    fn http(&self, replica: usize) -> Result<Http, ClientError> {
        Ok(Http::new(&self.nodes[replica], PATIENCE)?.in_session(self.session(self.number)?))
    }

    /// Writes the next version of a file.
    pub(super) async fn write(&mut self, file: usize, level: Level, replica: usize) {
        let version = self.shared.next_version();
        let content = text(version);
        let op = Op::Put { path: path(file), mode: Mode::File, content: content::digest(&content) };
        let message = format!("version {version}");
        let draft = Draft { base: None, ops: vec![op], contents: vec![content], message };
        let begun = self.shared.now();
        let submitted = self.submit(&draft, level, replica).await;
        let ended = match submitted {
            Ok(()) => Some(self.shared.now()),
            Err(SubmitError::Client(ClientError::NoAnswer { .. })) => None,
            Err(SubmitError::Unanswered { .. } | SubmitError::Earlier { .. }) => None,
            Err(other) => {
                self.shared.fail(format!("client {} writes at replica {replica}: {other}", self.number));
                None
            }
        };
        self.note(level, replica, (begun, ended), Act::Write { file, version });
    }

    async fn submit(&self, draft: &Draft, level: Level, replica: usize) -> Result<(), SubmitError> {
        let key = self.key.as_ref().expect("who writes has a key");
        let outcome = Author::open(key, self.http(replica)?, DOMAIN).await?.submit(draft, level).await?;
        if let Outcome::Verdict(receipt) = &outcome
            && receipt.state != State::Applied
        {
            // Nobody else writes there.
            self.shared
                .fail(format!("client {} at replica {replica}: {:?}, {}", self.number, receipt.state, receipt.id));
        }
        Ok(())
    }

    async fn read(&mut self, level: Level, replica: usize) {
        let file = self.any(WRITERS * FILES_EACH);
        let begun = self.shared.now();
        match self.look(file, level, replica).await {
            Ok(act) => self.note(level, replica, (begun, Some(self.shared.now())), act),
            Err(ClientError::NoAnswer { .. }) => {
                self.note(level, replica, (begun, None), Act::Read { file, shown: None, slot: 0 });
            }
            Err(other) => self.shared.fail(format!("client {} reads at replica {replica}: {other}", self.number)),
        }
    }

    async fn look(&self, file: usize, level: Level, replica: usize) -> Result<Act, ClientError> {
        let path = path(file);
        let asked = ["domains", DOMAIN, "files", path.as_str()];
        let answer = self.http(replica)?.get_bytes(&asked, &[("level", level_name(level))]).await?;
        let at: Option<Revision> = answer.header(AT_HEADER).and_then(|at| at.parse().ok());
        let slot = at.map(|at| at.seq().get()).unwrap_or_default();
        Ok(Act::Read { file, shown: Some(version(&answer.body)), slot })
    }

    /// Gives the session's token to another one.
    fn hand(&mut self) {
        let to = (self.number + 1 + self.any(SESSIONS - 1)) % SESSIONS;
        let handed = self.session(self.number).and_then(|own| {
            let Some(token) = own.token() else { return Ok(()) };
            self.session(to)?.saw(token)
        });
        if let Err(error) = handed {
            self.shared.fail(format!("client {}: {error}", self.number));
        }
        let now = self.shared.now();
        self.note(Level::Causal, 0, (now, Some(now)), Act::Hand { to });
    }

    /// Waits at one replica after the other until its outbox has all verdicts.
    async fn settle(&self) {
        let Some(key) = &self.key else { return };
        for replica in (0..REPLICAS).cycle() {
            let settled = async { Author::open(key, self.http(replica)?, DOMAIN).await?.settle().await };
            match settled.await {
                Ok(_) => return,
                Err(SubmitError::Client(ClientError::NoAnswer { .. })) => (),
                Err(other) => return self.shared.fail(format!("client {} in the end: {other}", self.number)),
            }
        }
    }

    fn note(&self, level: Level, replica: usize, (begun, ended): (u64, Option<u64>), act: Act) {
        self.shared.record(Operation { session: self.number, level, replica, begun, ended, act });
    }
}
