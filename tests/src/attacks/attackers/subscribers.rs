//! Subscribers: hundreds of streams of what happens now, each read to the end.
//! Must survive: everybody's changes. May suffer: new subscribers.

use super::super::target::Target;
use super::wire;
use tokio::io::AsyncWriteExt as _;

/// Streams at a time.
const AT_ONCE: usize = 400;

pub(super) async fn attack(target: Target) -> anyhow::Result<()> {
    wire::for_ever(AT_ONCE, move |number| {
        let to = target.victim;
        async move {
            let mut stream = wire::connect(to, number).await?;
            stream.write_all(wire::head("/v1/events").as_bytes()).await?;
            wire::drain(&mut stream).await;
            Ok(())
        }
    })
    .await;
    Ok(())
}
