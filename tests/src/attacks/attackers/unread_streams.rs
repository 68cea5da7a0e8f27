//! Unread streams: events from the beginning of the history, by connections that never read.
//! Must survive: memory. May suffer: the attacker's own streams.

use super::super::target::Target;
use super::wire;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;

/// Streams at a time.
const AT_ONCE: usize = 200;

pub(super) async fn attack(target: Target) -> anyhow::Result<()> {
    wire::for_ever(AT_ONCE, move |number| {
        let to = target.victim;
        async move {
            let mut stream = wire::connect_narrow(to, number).await?;
            stream.write_all(wire::head("/v1/events?from=0").as_bytes()).await?;
            tokio::time::sleep(Duration::from_secs(20)).await;
            Ok(())
        }
    })
    .await;
    Ok(())
}
