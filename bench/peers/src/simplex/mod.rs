//! `simplex` of commonware: consensus of members of whom some may lie, as a library for one's own application.
//!
//! Members are processes of this program. Each takes signed requests from its authors, verifies them, shares them with
//! the others, and answers when the block that holds them is final.

mod app;
mod chain;
mod intake;
mod member;
mod pool;
mod wire;

use crate::Args;
use crate::author::{Author, Signed};
use crate::load::{self, Answered, START_LIMIT};
use crate::process::Processes;
use crate::report::Peer;
use anyhow::{Context as _, ensure};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use wire::Request;

pub use member::{MemberArgs, run as run_member};

/// Version that `Cargo.toml` asks for.
const VERSION: &str = "2026.10.0";

/// Time that a request may take before the run is called off.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Services that the answer of a member lacks.
const LEAVES_OUT: [&str; 4] = [
    "only votes and certificates are on the disk: bodies of changes are not stored, and nothing is executed",
    "no receipts and no proofs: an author believes the one member that answers",
    "no merging, no conflicts, no policies",
    "a request that a leader repeats is not refused, and a member that starts anew cannot fetch what it missed",
];

/// Loads a fresh group of members.
pub async fn measure(args: &Args) -> anyhow::Result<Peer> {
    let folder = tempfile::tempdir()?;
    let commands = (0..args.members).map(|member| command(args, member, folder.path()));
    let processes = Processes::start(commands.collect::<anyhow::Result<Vec<_>>>()?)?;
    for member in 0..args.members {
        await_answer(args, member).await?;
    }
    let load = load::run(args, &processes, |index, end| work(args.clone(), index, end)).await?;
    Ok(load.figures(args, "simplex", VERSION.into(), &LEAVES_OUT))
}

fn command(args: &Args, member: u16, folder: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["member", "--index", &member.to_string(), "--members", &args.members.to_string()]);
    command.args(["--base-port", &args.base_port.to_string()]);
    command.arg("--folder").arg(folder.join(format!("member-{member}")));
    command.stdin(Stdio::piped()); // closed when this process ends, and so ends the member
    Ok(command)
}

/// Waits until a member answers a request, which takes a quorum.
async fn await_answer(args: &Args, member: u16) -> anyhow::Result<()> {
    let deadline = Instant::now() + START_LIMIT;
    let mut author = Author::new(args, args.authors + usize::from(member));
    loop {
        let answered = async { Connection::open(args, member).await?.send(&author.next()).await };
        let waited = timeout(START_LIMIT, answered).await;
        match waited.with_context(|| format!("member {member}: no answer in time"))? {
            Ok(()) => return Ok(()),
            Err(error) => ensure!(Instant::now() < deadline, "member {member} takes nothing: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn work(args: Args, index: usize, end: Instant) -> anyhow::Result<Vec<Answered>> {
    let mut author = Author::new(&args, index);
    let mut connection = Connection::open(&args, (index % usize::from(args.members)) as u16).await?;
    let mut answered = Vec::new();
    while Instant::now() < end {
        let signed = author.next();
        let sent = Instant::now();
        let waited = timeout(ANSWER_LIMIT, connection.send(&signed)).await;
        waited.with_context(|| format!("author {index}: no answer in time"))??;
        answered.push((sent, Instant::now()));
    }
    Ok(answered)
}

/// Connection of an author to a member.
struct Connection(TcpStream);

impl Connection {
    async fn open(args: &Args, member: u16) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(member::author_address(args.base_port, member)).await?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    /// Sends a request, and waits until it is final.
    async fn send(&mut self, signed: &Signed) -> anyhow::Result<()> {
        let request = Request::encode(&signed.author, &signed.signature, &signed.body);
        let mut frame = (request.len() as u32).to_be_bytes().to_vec();
        frame.extend_from_slice(&request);
        self.0.write_all(&frame).await?;
        self.0.read_u64().await.context("the member closed the connection")?;
        Ok(())
    }
}
