//! Words about changes that have waited for them, as a node tells them from its own history.

mod lone;

use lone::{anywhere, launch, plan};
use quorate_client::api::{PendingStory, Problem};
use quorate_client::author::{Author, Draft, Outcome};
use quorate_client::http::{Client, ClientError};
use quorate_client::keys::read_seed;
use quorate_ledger::answers::DIGEST;
use quorate_ledger::policy::{DomainPolicy, PathRule};
use quorate_ledger::{
    Act, Base, Body, Change, Envelope, EnvelopeId, Level, LockMode, Mode, Op, Principal, ProposalId, Receipt, Revision,
    State,
};
use quorate_pbft::{Digest, Ed25519Signer, Signer as _};
use quorate_service::init::{Made, Plan, make};
use quorate_service::replica::Running;
use std::time::Duration;
use tempfile::TempDir;

/// Time that anything may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// Organisations of the group, each with one author.
const ORGS: [&str; 4] = ["a", "b", "c", "d"];

/// A group of one replica in whose domain two other organisations approve changes of `reviewed/**`.
struct Reviewed {
    _folder: TempDir,
    made: Made,
    replica: Running,
}

impl Reviewed {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let orgs = ORGS.map(str::to_owned).to_vec();
        let made = make(&Plan { orgs, ..plan(&folder.path().join("group")) }).expect("a group");
        let replica = launch(&made.replicas[0], anywhere(), DIGEST).await.expect("a replica");
        let group = Self { _folder: folder, made, replica };
        let rule = PathRule { pattern: "reviewed/**".into(), approvals: 2, ..PathRule::default() };
        let everyone = || vec![Principal::Everyone];
        let policy = DomainPolicy { paths: vec![rule], ..DomainPolicy::new(everyone(), everyone()) };
        let proposed = group.does("a", Op::Propose { act: Act::SetPolicy { policy } }).await;
        let proposal = ProposalId::of(&proposed.id, 0);
        for org in ["b", "c"] {
            group.does(org, Op::Approve { proposal }).await;
        }
        group
    }

    fn client(&self) -> Client {
        Client::new(&self.replica.api_url(), LIMIT).expect("its address")
    }

    async fn does(&self, org: &str, op: Op) -> Receipt {
        self.submits(org, Draft { base: None, ops: vec![op], contents: vec![], message: String::new() }).await
    }

    async fn puts(&self, org: &str, path: &str, content: &str) -> Receipt {
        let bytes = content.as_bytes().to_vec();
        let op = Op::Put { path: path.into(), mode: Mode::File, content: quorate_client::content::digest(&bytes) };
        self.submits(org, Draft { base: None, ops: vec![op], contents: vec![bytes], message: String::new() }).await
    }

    async fn submits(&self, org: &str, draft: Draft) -> Receipt {
        let key = &self.made.authors[org];
        let mut author = Author::open(key, self.client(), "main").await.expect("its key");
        match author.submit(&draft, Level::Sequential).await.expect("an answer") {
            Outcome::Verdict(receipt) => receipt,
            Outcome::Ticket(ticket) => panic!("no verdict: {ticket:?}"),
        }
    }

    async fn attests(&self, org: &str, envelope: EnvelopeId, approve: bool) -> Receipt {
        self.does(org, Op::Attest { envelope, approve }).await
    }

    async fn story(&self, id: &EnvelopeId, query: &[(&str, &str)]) -> Result<PendingStory, ClientError> {
        self.client().get(&["domains", "main", "pending", &id.to_string()], query).await
    }

    async fn refused(&self, id: &EnvelopeId) -> Problem {
        match self.story(id, &[]).await {
            Err(ClientError::Refused(problem)) => *problem,
            other => panic!("not refused: {other:?}"),
        }
    }

    async fn stop(mut self) {
        self.replica.stop().await.expect("an orderly end");
    }
}

fn spoken(story: &PendingStory) -> Vec<(&str, bool)> {
    story.words.iter().map(|word| (word.organisation.as_str(), word.approve)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_approved_a_change_is_told_after_it_took_effect() {
    let group = Reviewed::new().await;
    let pending = group.puts("a", "reviewed/x", "one").await;
    assert_eq!(pending.state, State::Pending);
    let no = group.attests("d", pending.id, false).await;
    group.puts("b", "beside", "two").await;
    let waits = group.story(&pending.id, &[]).await.expect("a story");
    assert_eq!((waits.state, waits.decided, spoken(&waits)), (State::Pending, None, vec![("d", false)]));
    let first = group.attests("b", pending.id, true).await;
    let last = group.attests("c", pending.id, true).await;

    let told = group.story(&pending.id, &[]).await.expect("a story");

    assert_eq!((told.state, told.change.since), (State::Applied, pending.revision.expect("it was ordered")));
    assert_eq!(spoken(&told), [("d", false), ("b", true), ("c", true)]);
    let words: Vec<_> = told.words.iter().map(|word| (word.id, Some(word.revision), word.author)).collect();
    assert_eq!(words, [&no, &first, &last].map(|word| (word.id, word.revision, word.author)));
    assert!(told.decided > last.revision && told.next.is_none(), "{told:?}");
    group.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_behind_a_cursor_are_left_out() {
    let group = Reviewed::new().await;
    let pending = group.puts("a", "reviewed/x", "one").await;
    let first = group.attests("b", pending.id, true).await;
    group.attests("c", pending.id, true).await;

    let from = first.revision.expect("it was ordered").to_string();
    let told = group.story(&pending.id, &[("from", &from)]).await.expect("a story");

    assert_eq!(spoken(&told), [("c", true)]);
    group.stop().await;
}

/// Envelopes that the author of an organisation has not signed before: a change each, from its first number on.
fn envelopes(key: &Ed25519Signer, group: Digest, count: u64) -> Vec<Envelope> {
    let envelope = |number: u64| {
        let content = quorate_client::content::digest(b"x");
        let op = Op::Put { path: format!("beside/{number}"), mode: Mode::File, content };
        let change = Change::new(Base::Revision(Revision::GENESIS), vec![op], "", 0);
        let (author, domain, changes) = (key.public_key(), "main".to_owned(), vec![change]);
        let body = Body { author, domain, from_seq: number, to_seq: number, attempt: 1, changes, carried: vec![] };
        Envelope::sign(&group, body, vec![b"x".to_vec()], key)
    };
    (1..=count).map(envelope).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_log_is_looked_through_in_several_answers() {
    let group = Reviewed::new().await;
    let pending = group.puts("a", "reviewed/x", "one").await;
    group.attests("b", pending.id, true).await;
    let (client, key) = (group.client(), read_seed(&group.made.authors["d"]).expect("its key"));
    let id = client.status().await.expect("a status").group;
    let beside = envelopes(&Ed25519Signer::from_seed(&key), id, 1_000);
    for envelope in &beside[..beside.len() - 1] {
        client.renewed().post(envelope.encode()).await.expect("a ticket");
    }
    client.renewed().submit(beside[beside.len() - 1].encode(), Level::Sequential).await.expect("a verdict");
    group.attests("c", pending.id, true).await;

    let first = group.story(&pending.id, &[]).await.expect("a story");
    let from = first.next.clone().expect("there is more");
    let rest = group.story(&pending.id, &[("from", &from)]).await.expect("a story");

    assert_eq!((spoken(&first), spoken(&rest), rest.next.as_ref()), (vec![("b", true)], vec![("c", true)], None));
    group.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stopped_a_change_is_told_and_one_that_never_waited_is_not_found() {
    let group = Reviewed::new().await;
    let pending = group.puts("a", "reviewed/x", "one").await;
    for org in ["b", "c"] {
        group.attests(org, pending.id, false).await;
    }

    let told = group.story(&pending.id, &[]).await.expect("a story");
    assert_eq!((told.state, spoken(&told)), (State::Refused, vec![("b", false), ("c", false)]));
    let beside = group.puts("a", "beside", "two").await;
    for id in [beside.id, EnvelopeId(group.client().status().await.expect("a status").group)] {
        let problem = group.refused(&id).await;
        assert_eq!((problem.status, problem.code.as_str()), (404, "not-found"), "{problem}");
    }
    group.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_waits_with_all_its_answers_says_so_until_one_of_them_is_given_again() {
    let group = Reviewed::new().await;
    let lock = |path: String| Op::Acquire { path, mode: LockMode::X, lease_ms: 60_000, wait_ms: 0 };
    let locks = |number: u32| (0..10).map(move |of| lock(format!("locked/{number}/{of}"))).collect::<Vec<_>>();
    let says = |envelope| Op::Attest { envelope, approve: true };
    let draft = |ops| Draft { base: None, ops, contents: vec![], message: String::new() };
    let mut ids = Vec::new();
    for number in 0..2 {
        let bytes = b"one".to_vec();
        let content = quorate_client::content::digest(&bytes);
        let put = Op::Put { path: format!("reviewed/{number}"), mode: Mode::File, content };
        let ops = [vec![put], locks(number)].concat();
        let change = group.submits("a", Draft { contents: vec![bytes], ..draft(ops) }).await;
        assert_eq!(change.state, State::Pending);
        group.attests("b", change.id, true).await;
        ids.push(change.id);
    }
    let story = async |number: usize| group.story(&ids[number], &[]).await.expect("a story");
    assert!(!story(1).await.change.complete, "one answer is lacking");

    group.submits("c", draft(vec![says(ids[0]), says(ids[1])])).await;

    assert_eq!(story(0).await.state, State::Applied);
    let waits = story(1).await;
    assert_eq!((waits.state, waits.change.complete), (State::Pending, true), "16 locks are asked for by one envelope");
    group.attests("c", ids[1], true).await;
    assert_eq!(story(1).await.state, State::Applied);
    group.stop().await;
}
