//! A replica that does not keep its whole history: what it says of what it has forgotten.

mod lone;

use lone::{anywhere, launch, plan};
use quorate_client::api::{Forgotten, Problem};
use quorate_client::calls::Posted;
use quorate_client::http::{Client, ClientError};
use quorate_client::keys::read_seed;
use quorate_client::outbox::Outbox;
use quorate_ledger::answers::DIGEST;
use quorate_ledger::{Base, Body, Change, Envelope, Level, Mode, Op, Receipt, Revision};
use quorate_pbft::{Digest, Ed25519Signer, Epoch, Question, SeqNum, Signer as _, Wanted};
use quorate_service::config::Overrides;
use quorate_service::engine::History;
use quorate_service::init::make;
use quorate_service::parcel::{MAY_BE_APPLIED, deliver, pack_outbox};
use quorate_service::replica::Running;
use serde_json::{Value, json};
use std::time::Duration;
use tempfile::TempDir;

/// Time that anything may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// A replica that keeps a byte of history beyond the windows of slots that all keep.
struct Forgetful {
    _folder: TempDir,
    replica: Running,
    client: Client,
    author: Ed25519Signer,
    group: Digest,
    /// Envelopes so far: the number of the next is one more.
    count: u64,
}

impl Forgetful {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let made = make(&plan(&folder.path().join("group"))).expect("a group");
        let flags = Overrides { history: Some(History::Bytes(1)), ..anywhere() };
        let replica = launch(&made.replicas[0], flags, DIGEST).await.expect("a replica");
        let client = Client::new(&replica.api_url(), LIMIT).expect("its address");
        let author = Ed25519Signer::from_seed(&read_seed(&made.authors["org"]).expect("its key"));
        let group = client.status().await.expect("a status").group;
        Self { _folder: folder, replica, client, author, group, count: 0 }
    }

    /// The next envelope of the author: a content at a path.
    fn envelope(&self, path: &str) -> Envelope {
        let content = format!("{path} {}\n", self.count).into_bytes();
        let op = Op::Put { path: path.into(), mode: Mode::File, content: quorate_client::content::digest(&content) };
        let number = self.count + 1;
        let body = Body {
            author: self.author.public_key(),
            domain: "main".into(),
            from_seq: number,
            to_seq: number,
            attempt: 1,
            changes: vec![Change::new(Base::Revision(Revision::GENESIS), vec![op], "", 0)],
            carried: vec![],
        };
        Envelope::sign(&self.group, body, vec![content], &self.author)
    }

    async fn puts(&mut self, path: &str) -> (Envelope, Receipt) {
        let envelope = self.envelope(path);
        let posted = self.client.submit(envelope.encode(), Level::Sequential).await.expect("an answer");
        let Posted::Verdict(receipt) = posted else { panic!("no verdict: {posted:?}") };
        self.count += 1;
        (envelope, receipt)
    }

    /// A first change of a path, and writes beside it until that is forgotten.
    async fn after_a_first_change() -> (Self, Envelope, Receipt) {
        let mut forgetful = Self::new().await;
        let (first, receipt) = forgetful.puts("a").await;
        while forgetful.client.renewed().envelope(&receipt.id).await.is_ok() {
            forgetful.puts(&format!("b{}", forgetful.count)).await;
        }
        (forgetful, first, receipt)
    }

    async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Value, ClientError> {
        self.client.renewed().get(path, query).await
    }

    async fn stop(mut self) {
        self.replica.stop().await.expect("an orderly end");
    }
}

/// Canonical bytes of a question about the first slot.
fn question_about_slot_1() -> Vec<u8> {
    let (from, to) = (SeqNum::new(1), SeqNum::new(1));
    borsh::to_vec(&Question { epoch: Epoch::default(), wanted: Wanted::Slots { from, to } }).expect("memory")
}

fn refused<T: std::fmt::Debug>(answer: Result<T, ClientError>) -> Problem {
    match answer {
        Err(ClientError::Refused(problem)) => *problem,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_applied_envelope_that_comes_again_after_its_receipt_was_forgotten_is_not_called_anothers() {
    let (forgetful, first, _) = Forgetful::after_a_first_change().await;

    let problem = refused(forgetful.client.renewed().post(first.encode()).await);

    assert_eq!((problem.status, problem.code.as_str()), (410, "history-pruned"), "{problem}");
    assert!(problem.detail.contains("history begins with slot"), "{problem}");
    assert!(matches!(problem.forgotten, Some(Forgotten::Receipt | Forgotten::Number)), "{problem:?}");
    forgetful.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_carried_change_whose_receipt_was_forgotten_goes_home_as_one_that_may_have_been_applied() {
    let (forgetful, first, _) = Forgetful::after_a_first_change().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (changes, home) = (folder.path().join("changes"), folder.path().join("receipts"));
    let mut outbox = Outbox::open(&folder.path().join("a.key")).expect("an outbox");
    outbox.enter(forgetful.group).expect("its first group");
    outbox.keep(&forgetful.group, &first).expect("a disk");
    pack_outbox(&outbox, &changes).expect("a disk");

    let delivered = deliver(&changes, &forgetful.client, &home).await.expect("a node that answers");

    let [(id, why)] = &delivered.unanswered[..] else { panic!("one change: {delivered:?}") };
    assert_eq!(*id, first.id(&forgetful.group));
    assert!(why.starts_with(MAY_BE_APPLIED) && why.contains("history begins with slot"), "{why}");
    forgetful.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_forgotten_is_told_with_who_else_may_keep_it() {
    let (forgetful, _, receipt) = Forgetful::after_a_first_change().await;
    let revision = receipt.revision.expect("it was applied").to_string();

    let log = refused(forgetful.get(&["domains", "main", "log"], &[("from", &revision)]).await);
    let slots = refused(forgetful.client.renewed().order(question_about_slot_1()).await);
    let words = refused(forgetful.get(&["domains", "main", "pending", &receipt.id.to_string()], &[]).await);

    for problem in [log, slots, words] {
        assert_eq!((problem.status, problem.code.as_str()), (410, "history-pruned"), "{problem}");
        assert!(problem.members.is_some_and(|others| others.is_empty()), "a group of one");
        assert!(problem.detail.contains("no other member keeps more"), "{}", problem.detail);
    }
    forgetful.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_envelope_is_not_said_to_have_been_never_ordered() {
    let (forgetful, _, receipt) = Forgetful::after_a_first_change().await;

    let look = refused(forgetful.get(&["envelopes", &receipt.id.to_string()], &[]).await);
    let proof = refused(forgetful.client.renewed().receipt_proof(&receipt.id).await);

    for problem in [look, proof] {
        assert_eq!((problem.status, problem.code.as_str()), (404, "not-found"), "{problem}");
        assert!(problem.detail.contains("what was ordered before slot"), "{problem}");
    }
    forgetful.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_whose_end_is_forgotten_says_where_it_begins() {
    let (mut forgetful, _, _) = Forgetful::after_a_first_change().await;
    forgetful.puts("c").await;
    let log = ["domains", "main", "log"];
    let part = forgetful.get(&log, &[("limit", "1")]).await.expect("a page");
    let path = forgetful.get(&log, &[("path", "c")]).await.expect("a page");
    let whole = forgetful.client.list_log::<Value>(&log, &[], usize::MAX).await.expect("all pages");

    assert!(part["next"].is_string() && part["begins"].is_null(), "{part}");
    assert!(path["next"].is_null() && path["begins"].as_u64() > Some(1), "{path}");
    assert!(whole.begins > Some(1) && !whole.gaps, "{whole:?}");
    forgetful.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changed_paths_are_told_after_a_revision_that_is_kept_and_after_no_other() {
    let (mut forgetful, _, first) = Forgetful::after_a_first_change().await;
    let (_, kept) = forgetful.puts("c").await;
    let (envelope, last) = forgetful.puts("d").await;
    let [first, kept, last] = [first, kept, last].map(|receipt| receipt.revision.expect("it was applied").to_string());
    let changes = ["domains", "main", "changes"];

    let forgotten = refused(forgetful.get(&changes, &[("after", &first)]).await);
    let page = forgetful.get(&changes, &[("after", &kept)]).await.expect("a page");

    assert_eq!((forgotten.status, forgotten.code.as_str()), (410, "history-pruned"), "{forgotten}");
    let content = quorate_client::content::digest(&envelope.contents[0]).to_string();
    let file = json!({ "mode": "file", "hash": content, "size": envelope.contents[0].len() });
    let item = json!({ "path": "d", "revision": last, "id": envelope.id(&forgetful.group).to_string(), "file": file });
    assert_eq!(page, json!({ "items": [item], "next": null }));
    forgetful.stop().await;
}
