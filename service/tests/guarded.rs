//! Reads that are guarded: what a domain that not everyone may read tells takes a token, by whatever way it is asked for.

mod lone;

use lone::{anywhere, launch, plan};
use quorate_client::author::{Author, Draft};
use quorate_client::http::Client;
use quorate_client::keys::read_seed;
use quorate_ledger::answers::DIGEST;
use quorate_ledger::policy::{DomainPolicy, PathRule};
use quorate_ledger::{Act, Base, Body, Change, Envelope, Level, Mode, Op, Principal, Revision, State};
use quorate_pbft::{Digest, Ed25519Signer, Signer as _};
use quorate_service::config::{ADMIN_TOKEN_FILE, Overrides, Reads};
use quorate_service::init::make;
use quorate_service::replica::{Running, read_genesis};
use quorate_service::tokens::{self, Role};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Time that anything may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

/// Word in each path, content and rule of the domain `lab`.
const MARK: &str = "enigma";

/// Path, content and message of the one file there.
const FILE: &str = "enigma-plan";

/// A replica that is a group of two domains, of which `lab` may be closed.
struct Node {
    _folder: tempfile::TempDir,
    replica: Running,
    author: Ed25519Signer,
    key: PathBuf,
    group: Digest,
    /// Secret of a token of the role `read`.
    token: String,
    /// Numbers that the author has used, by domain.
    used: BTreeMap<&'static str, u64>,
}

/// Answer without its headers.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    body: String,
}

impl Answer {
    fn of(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Self { status, body: text.split_once("\r\n\r\n").expect("a head").1.to_owned() }
    }

    /// Whether it is refused for want of a token, with the domain's name.
    fn is_kept(&self) -> bool {
        [401, 403].contains(&self.status) && self.body.contains("closed-domain") && self.body.contains("lab")
    }
}

impl Node {
    /// A node with this choice of readers and, unless programs of this machine are operators, a secret.
    async fn new(reads: Option<Reads>, has_secret: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut plan = plan(&folder.path().join("group"));
        plan.domains.push("lab".to_owned());
        let made = make(&plan).expect("a group");
        let (_, token) = tokens::make(&made.replicas[0], Role::Read, None, None).expect("a token");
        if has_secret {
            std::fs::write(made.replicas[0].join(ADMIN_TOKEN_FILE), "secret").expect("our folder");
        }
        let replica = launch(&made.replicas[0], Overrides { reads, ..anywhere() }, DIGEST).await.expect("a replica");
        let group = read_genesis(&plan.out.join("genesis.json")).expect("a genesis").group();
        let key = made.authors["org"].clone();
        let author = Ed25519Signer::from_seed(&read_seed(&key).expect("a key"));
        Self { _folder: folder, replica, author, key, group, token, used: BTreeMap::new() }
    }

    /// A node whose reads are guarded, with a file in each domain, of which `lab` is closed.
    async fn guarded() -> Self {
        let mut node = Self::new(Some(Reads::Guarded), true).await;
        node.writes("main", "open-plan").await;
        node.writes("lab", FILE).await;
        node.closes().await;
        node
    }

    async fn writes(&mut self, domain: &'static str, path: &str) -> Value {
        let envelope = self.envelope(domain, put(path), vec![path.as_bytes().to_vec()]);
        self.takes(&envelope).await
    }

    async fn closes(&mut self) {
        let envelope = self.closing();
        self.takes(&envelope).await;
    }

    /// The group decides that its organisation alone reads `lab`.
    fn closing(&mut self) -> Vec<u8> {
        let org = || vec![Principal::Organisation("org".into())];
        let rule = PathRule { pattern: format!("{MARK}/**"), ..PathRule::default() };
        let policy = DomainPolicy { paths: vec![rule], ..DomainPolicy::new(org(), org()) };
        self.envelope("lab", Op::Propose { act: Act::SetPolicy { policy } }, Vec::new())
    }

    fn envelope(&mut self, domain: &'static str, op: Op, contents: Vec<Vec<u8>>) -> Vec<u8> {
        let number = self.used.entry(domain).or_default();
        *number += 1;
        let message = if domain == "lab" { FILE } else { "" };
        let body = Body {
            author: self.author.public_key(),
            domain: domain.to_owned(),
            from_seq: *number,
            to_seq: *number,
            attempt: 1,
            changes: vec![Change::new(Base::Revision(Revision::GENESIS), vec![op], message, 0)],
            carried: Vec::new(),
        };
        Envelope::sign(&self.group, body, contents, &self.author).encode()
    }

    /// The receipt of an envelope that is posted without a token.
    async fn takes(&self, envelope: &[u8]) -> Value {
        let head = format!("POST /v1/envelopes?wait=sequential HTTP/1.1\r\nContent-Length: {}\r\n", envelope.len());
        let answer = self.send(&head, envelope).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let receipt: Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!(receipt["state"], "applied", "{receipt}");
        receipt
    }

    async fn begin(&self, head: &str, body: &[u8]) -> TcpStream {
        let url = self.replica.api_url();
        let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await.expect("it listens");
        let head = format!("{head}Host: 127.0.0.1\r\nConnection: close\r\n\r\n");
        stream.write_all(&[head.as_bytes(), body].concat()).await.expect("it reads");
        stream
    }

    async fn send(&self, head: &str, body: &[u8]) -> Answer {
        let mut stream = self.begin(head, body).await;
        let mut bytes = Vec::new();
        timeout(LIMIT, stream.read_to_end(&mut bytes)).await.expect("in time").expect("an answer");
        Answer::of(&bytes)
    }

    /// Answer to who shows no token.
    async fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\n"), &[]).await
    }

    async fn get_with(&self, secret: &str, path: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\nAuthorization: Bearer {secret}\r\n"), &[]).await
    }

    /// Stream of events of who shows these headers, once it has begun.
    async fn listens(&self, headers: &str) -> TcpStream {
        let mut stream = self.begin(&format!("GET /v1/events HTTP/1.1\r\n{headers}"), &[]).await;
        let said = until(&mut stream, "text/event-stream").await;
        assert!(said.contains("text/event-stream"), "{said}");
        stream
    }

    /// Addresses of the description that are asked by GET, but for the stream, with what stands here in place of their parts.
    async fn questions(&self, envelope: &str) -> Vec<(String, String)> {
        let document: Value = serde_json::from_str(&self.get("/openapi.json").await.body).expect("JSON");
        let paths = document["paths"].as_object().expect("paths").iter();
        let asked = paths.filter(|(path, methods)| methods["get"].is_object() && *path != "/v1/events");
        let key = self.author.public_key().to_string();
        let filled = |path: &String| {
            let parts =
                [("{domain}", "lab"), ("{path}", FILE), ("{key}", &key), ("{hash}", envelope), ("{id}", envelope)];
            let filled = parts.iter().fold(path.clone(), |path, (part, value)| path.replace(part, value));
            if path.ends_with("/causality") { format!("{filled}?first={envelope}&second={envelope}") } else { filled }
        };
        asked.map(|(path, _)| (path.clone(), filled(path))).collect()
    }

    async fn stop(mut self) {
        self.replica.stop().await.expect("an orderly end");
    }
}

/// Text that comes until this stands in it or the stream ends.
async fn until(stream: &mut TcpStream, word: &str) -> String {
    let (mut said, mut piece) = (String::new(), [0; 4_096]);
    while !said.contains(word) {
        match timeout(LIMIT, stream.read(&mut piece)).await.expect("in time") {
            Ok(count @ 1..) => said += &String::from_utf8_lossy(&piece[..count]),
            Ok(0) | Err(_) => break,
        }
    }
    said
}

/// A file whose content is its path.
fn put(path: &str) -> Op {
    Op::Put { path: path.into(), mode: Mode::File, content: quorate_client::content::digest(path.as_bytes()) }
}

/// Address of the one file of `lab`.
fn file() -> String {
    format!("/v1/domains/lab/files/{FILE}?level=sequential")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_domain_takes_a_token_of_the_role_read_and_one_that_everyone_may_read_takes_none() {
    let node = Node::guarded().await;

    let refused = node.get(&file()).await;
    assert_eq!(refused.status, 401, "{}", refused.body);
    for words in ["closed-domain", "not everyone may read domain \\\"lab\\\"", "quorate token new --role read"] {
        assert!(refused.body.contains(words), "{}", refused.body);
    }
    assert_eq!(node.get_with("guess", &file()).await.status, 403);
    assert_eq!(node.get_with(&node.token, &file()).await, Answer { status: 200, body: FILE.to_owned() });
    assert_eq!(node.get_with("secret", &file()).await.status, 200);
    assert_eq!(node.get("/v1/domains/main/files/open-plan?level=sequential").await.status, 200);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_without_a_token_tells_a_path_a_content_or_a_rule_of_a_closed_domain() {
    let mut node = Node::guarded().await;
    let receipt = node.writes("lab", "enigma-notes").await;
    let envelope = receipt["id"].as_str().expect("an id");

    let (mut told, mut kept) = (Vec::new(), 0);
    for (path, question) in node.questions(envelope).await {
        let answer = node.get(&question).await;
        assert!(!answer.body.contains(MARK), "{question}: {}", answer.body);
        let shown = node.get_with(&node.token, &question).await;
        assert!(!answer.is_kept() || !shown.is_kept(), "{question}: {}", shown.body);
        kept += usize::from(answer.is_kept());
        told.extend(shown.body.contains(MARK).then_some(path));
    }

    assert!(kept >= 20, "{kept} addresses");
    for path in ["tree", "files/{path}", "log", "changes", "policy"] {
        assert!(told.contains(&format!("/v1/domains/{{domain}}/{path}")), "{path}: {told:?}");
    }
    assert!(told.contains(&"/v1/envelopes/{id}".to_owned()) && told.contains(&"/v1/proposals".to_owned()), "{told:?}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_of_a_closed_domain_where_nothing_stands_is_refused_like_one_where_a_file_does() {
    let node = Node::guarded().await;
    let known = format!("If-None-Match: \"{}\"\r\n", quorate_client::content::digest(FILE.as_bytes()));
    let asked =
        [("GET", "", ""), ("HEAD", "", ""), ("GET", "&at=0", ""), ("GET", "&proof=true", ""), ("GET", "", &known)];

    for (method, query, headers) in asked {
        let ask =
            |path: &str| format!("{method} /v1/domains/lab/files/{path}?level=sequential{query} HTTP/1.1\r\n{headers}");
        let (there, nowhere) = (node.send(&ask(FILE), &[]).await, node.send(&ask("nowhere"), &[]).await);
        assert_eq!((there.status, &there), (401, &nowhere), "{method} {query} {headers}");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_domain_is_the_same_however_its_name_is_spelt() {
    let node = Node::guarded().await;
    for name in ["%6cab", "l%61b", "%6C%61%62"] {
        assert!(node.get(&format!("/v1/domains/{name}/tree?level=sequential")).await.is_kept(), "{name}");
    }
    for name in ["Lab", "lab%20", "%ff", "lab%2f"] {
        let answer = node.get(&format!("/v1/domains/{name}/tree?level=sequential")).await;
        assert!([400, 404].contains(&answer.status), "{name}: {}", answer.body);
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_about_all_domains_are_open_until_one_is_closed() {
    let mut node = Node::new(Some(Reads::Guarded), true).await;
    let of_all = ["/v1/domains", "/v1/conflicts?level=sequential", "/v1/domains/@group/log?level=sequential"];
    for path in of_all {
        assert_eq!(node.get(path).await.status, 200, "{path}");
    }

    node.closes().await;

    for path in of_all {
        assert!(node.get(path).await.is_kept(), "{path}");
        assert_eq!(node.get_with(&node.token, path).await.status, 200, "{path}");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_events_ends_where_a_domain_is_closed_to_its_reader_and_goes_on_for_one_with_a_token() {
    let mut node = Node::new(Some(Reads::Guarded), true).await;
    let mut stranger = node.listens("").await;
    let mut shown = node.listens(&format!("Authorization: Bearer {}\r\n", node.token)).await;
    node.writes("main", "open-plan").await;
    assert!(until(&mut stranger, "open-plan").await.contains("event: receipt"));

    node.closes().await;
    node.writes("lab", FILE).await;

    let rest = until(&mut stranger, MARK).await; // until it ends: the node may still tell of its own start before
    assert!(!rest.contains("event: receipt") && !rest.contains("lab"), "{rest}");
    assert!(until(&mut shown, FILE).await.contains(FILE));
    assert!(node.get("/v1/events?from=0").await.is_kept());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_has_waited_for_a_state_in_which_its_domain_is_closed_is_refused() {
    let mut node = Node::new(Some(Reads::Guarded), true).await;
    let receipt = node.writes("main", "open-plan").await;
    let newest: Revision = receipt["revision"].as_str().and_then(|text| text.parse().ok()).expect("a revision");
    let closing = node.closing();
    let written = node.envelope("lab", put(FILE), vec![FILE.as_bytes().to_vec()]);
    let later = newest.seq().plus(2);

    let question = format!("/v1/domains/lab/tree?at={later}");
    let asked = async {
        sleep(Duration::from_millis(200)).await; // by then it waits
        node.takes(&closing).await;
        node.takes(&written).await;
    };
    let (answer, ()) = tokio::join!(node.get(&question), asked);

    // On a busy machine the domain may be closed only after the wait has ended without that state.
    assert!(answer.is_kept() || answer.status == 404, "{answer:?}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_posts_to_a_closed_domain_is_answered_the_receipt_and_asks_for_it_again_with_a_token_alone() {
    let mut node = Node::guarded().await;
    let receipt = node.writes("lab", "enigma-notes").await;

    let again = format!("/v1/envelopes/{}", receipt["id"].as_str().expect("an id"));

    assert!(node.get(&again).await.is_kept() && node.get(&format!("{again}?proof=true")).await.is_kept());
    assert_eq!(node.get_with(&node.token, &again).await.status, 200);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_author_without_a_token_learns_what_became_of_a_change_that_still_waited() {
    let node = Node::guarded().await;
    let client = Client::new(&node.replica.api_url(), LIMIT).expect("its address");
    let mut author = Author::open(&node.key, client, "main").await.expect("its key");
    let draft = Draft { base: None, ops: vec![put("a")], contents: vec![b"a".to_vec()], message: String::new() };
    author.submit(&draft, Level::Eventual).await.expect("an answer");

    let settled = author.settle().await.expect("answers");

    assert!(matches!(&settled[..], [receipt] if receipt.state == State::Applied), "{settled:?}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loopback_reads_a_closed_domain_where_it_reads_what_is_for_operators() {
    let mut node = Node::new(Some(Reads::Guarded), false).await;
    node.writes("lab", FILE).await;
    node.closes().await;

    assert_eq!(node.get(&file()).await.status, 200);
    let by_a_proxy = format!("GET {} HTTP/1.1\r\nX-Forwarded-For: 192.0.2.7\r\n", file());
    assert!(node.send(&by_a_proxy, &[]).await.is_kept());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_are_open_where_nobody_says_otherwise() {
    let mut node = Node::new(None, true).await;
    node.writes("lab", FILE).await;
    node.closes().await;

    for path in [file().as_str(), "/v1/domains", "/v1/conflicts?level=sequential"] {
        assert_eq!(node.get(path).await.status, 200, "{path}");
    }
    node.stop().await;
}
