//! Wide envelopes: an enrolled author's changes of as many paths as one envelope holds, one after the other.
//! Must survive: other authors' changes, in time. May suffer: the attacker's own.

use super::super::honest::wide;
use super::super::target::Target;
use super::wire;
use quorate_client::author::Author;
use quorate_client::http::Client;
use quorate_ledger::Level;
use std::time::Duration;

/// Paths of one envelope.
const PATHS: usize = 16_000;

pub(super) async fn attack(target: Target) -> anyhow::Result<()> {
    let client = Client::new(&target.node(0), Duration::from_secs(60))?;
    loop {
        let mut author = Author::open(&target.author_key(3), client.renewed(), "main").await?;
        // What is refused or late is tried again: the attacker has time.
        let _ = author.submit(&wide("wide", PATHS), Level::Sequential).await;
        drop(author);
        tokio::time::sleep(wire::REST).await;
    }
}
