//! Intake of a member: requests from its authors, and messages from other members.

use super::app::App;
use super::wire::{MAX_BYTES, Message, Request};
use anyhow::Context as _;
use bytes::Bytes;
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Receiver, Recipients};
use commonware_utils::channel::mpsc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Verifications in a row before others get a turn on the thread.
const VERIFIED_IN_A_ROW: usize = 8;

/// Requests that are shared in one message at most.
const SHARED_AT_ONCE: usize = 1_024;

/// Answers authors at a port, each over its own connection.
pub async fn serve_authors(app: App, listener: TcpListener) -> anyhow::Result<()> {
    let (shared, to_share) = mpsc::unbounded_channel();
    tokio::spawn(share(app.clone(), to_share));
    loop {
        let (author, _) = listener.accept().await?;
        author.set_nodelay(true)?;
        tokio::spawn(serve(app.clone(), shared.clone(), author)); // ends when the author leaves
    }
}

/// Takes requests of an author in turn: a length and so many bytes each, answered by the view that made it final.
async fn serve(app: App, shared: mpsc::UnboundedSender<Request>, mut author: TcpStream) -> anyhow::Result<()> {
    loop {
        let length = author.read_u32().await? as usize;
        anyhow::ensure!(length <= MAX_BYTES, "too long a request");
        let mut bytes = vec![0; length];
        author.read_exact(&mut bytes).await?;
        let request = Request::decode(bytes.into()).filter(Request::is_signed).context("a bad request")?;
        let answered = app.offer(request.clone());
        shared.send(request)?;
        author.write_u64(answered.await?).await?;
    }
}

/// Sends authors' requests to all other members, as many at once as there are.
async fn share(mut app: App, mut to_share: mpsc::UnboundedReceiver<Request>) {
    let mut requests = Vec::new();
    while to_share.recv_many(&mut requests, SHARED_AT_ONCE).await > 0 {
        while !requests.is_empty() {
            let mut bytes = 0;
            let mut fits = |request: &Request| {
                bytes += request.bytes.len();
                bytes <= MAX_BYTES
            };
            let count = requests.iter().take_while(|request| fits(request)).count();
            let message = Message::requests(&requests[..count]);
            requests.drain(..count);
            app.send(Recipients::All, message, false);
        }
    }
}

/// Takes messages from other members, and verifies what no message before brought.
pub async fn serve_members(mut app: App, mut inbound: impl Receiver<PublicKey = PublicKey>) {
    while let Ok((from, bytes)) = inbound.recv().await {
        match Message::decode(Bytes::copy_from_slice(bytes.as_ref())) {
            Some(Message::Requests(requests)) if are_signed(&app, &requests).await => app.add(requests),
            Some(Message::Block(block)) if are_signed(&app, &block.requests).await => app.keep(block),
            Some(Message::Wanted(digest)) => app.send_block(Recipients::One(from), &digest),
            _ => (), // an honest member sends nothing else
        }
    }
}

/// True if all requests have good signatures. Each is verified once.
async fn are_signed(app: &App, requests: &[Request]) -> bool {
    for (count, request) in requests.iter().filter(|request| !app.is_known(request)).enumerate() {
        if !request.is_signed() {
            return false;
        }
        if count % VERIFIED_IN_A_ROW == VERIFIED_IN_A_ROW - 1 {
            tokio::task::yield_now().await;
        }
    }
    true
}
