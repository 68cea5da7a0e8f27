//! etcd as the system packages it: Raft, for members who all tell the truth.

use crate::Args;
use crate::author::{Author, Put, verify_us};
use crate::load::{self, Answered, START_LIMIT};
use crate::process::Processes;
use crate::report::Peer;
use anyhow::{Context as _, ensure};
use base64ct::{Base64, Encoding as _};
use reqwest::Client;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Port of a member for the others, after its port for clients.
const PEER_PORTS_AFTER: u16 = 100;

/// Changes and bytes of one request that etcd takes unless told otherwise.
const TXN_OPS: u64 = 128;
const REQUEST_BYTES: u64 = 1_536 << 10;

/// Bytes of a change beside its value, at most.
const KEY_BYTES: u64 = 256;

/// Services that etcd's answer lacks.
const LEAVES_OUT: [&str; 3] = [
    "a member that lies is believed: no votes are signed, nothing proves anything to a third party",
    "signatures of authors are verified by the load generator, once for each member (counted here), and not kept",
    "one leader decides alone what a write does: no merging, no conflicts, no policies",
];

/// Loads a fresh group of members.
pub async fn measure(args: &Args) -> anyhow::Result<Peer> {
    let version = version()?;
    let folder = tempfile::tempdir()?;
    let processes = Processes::start((0..args.members).map(|member| command(args, member, folder.path())))?;
    await_leader(args).await?;
    let mut load = load::run(args, &processes, |index, end| work(args.clone(), index, end)).await?;
    load.cpu_us += verify_us(args)? * load.times.len() as f64 * f64::from(args.members);
    Ok(load.figures(args, "etcd", version, &LEAVES_OUT))
}

fn version() -> anyhow::Result<String> {
    let output = Command::new("etcd").arg("--version").output().context("etcd")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().next().unwrap_or_default();
    Ok(line.trim_start_matches("etcd Version: ").to_owned())
}

fn client_url(args: &Args, member: u16) -> String {
    format!("http://127.0.0.1:{}", args.base_port + member)
}

fn peer_url(args: &Args, member: u16) -> String {
    format!("http://127.0.0.1:{}", args.base_port + PEER_PORTS_AFTER + member)
}

fn command(args: &Args, member: u16, folder: &Path) -> Command {
    let name = |member: u16| format!("member-{member}");
    let all: Vec<String> =
        (0..args.members).map(|other| format!("{}={}", name(other), peer_url(args, other))).collect();
    let (client, peer) = (client_url(args, member), peer_url(args, member));
    let mut command = Command::new("etcd");
    command.arg("--data-dir").arg(folder.join(name(member)));
    command.args(["--name", &name(member), "--initial-cluster", &all.join(","), "--initial-cluster-state", "new"]);
    command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
    command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
    let request_bytes = args.changes * (args.bytes as u64 + KEY_BYTES);
    command.args(["--max-txn-ops", &args.changes.max(TXN_OPS).to_string()]);
    command.args(["--max-request-bytes", &request_bytes.max(REQUEST_BYTES).to_string()]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

async fn await_leader(args: &Args) -> anyhow::Result<()> {
    let (client, deadline) = (Client::new(), Instant::now() + START_LIMIT);
    let probe = [Put { key: "probe".into(), value: vec![1] }];
    for member in 0..args.members {
        while put(&client, &client_url(args, member), &probe).await.is_err() {
            ensure!(Instant::now() < deadline, "member {member} takes nothing; is the package etcd-server there?");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    Ok(())
}

async fn work(args: Args, index: usize, end: Instant) -> anyhow::Result<Vec<Answered>> {
    let (client, mut author) = (Client::new(), Author::new(&args, index));
    let url = client_url(&args, (index % usize::from(args.members)) as u16);
    let mut answered = Vec::new();
    while Instant::now() < end {
        let signed = author.next();
        signed.verify(args.members)?;
        let sent = Instant::now();
        put(&client, &url, &signed.puts).await?;
        answered.push((sent, Instant::now()));
    }
    Ok(answered)
}

/// Puts all or nothing.
async fn put(client: &Client, url: &str, puts: &[Put]) -> anyhow::Result<()> {
    let (way, body) = match puts {
        [one] => ("put", request(one)),
        all => (
            "txn",
            json!({ "success": all.iter().map(|put| json!({ "requestPut": request(put) })).collect::<Vec<_>>() }),
        ),
    };
    let answer = client.post(format!("{url}/v3/kv/{way}")).json(&body).send().await?;
    ensure!(answer.status().is_success(), "{}: {}", answer.status(), answer.text().await?);
    let _: Value = answer.json().await?;
    Ok(())
}

fn request(put: &Put) -> Value {
    json!({ "key": Base64::encode_string(put.key.as_bytes()), "value": Base64::encode_string(&put.value) })
}
