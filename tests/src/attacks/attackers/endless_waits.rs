//! Endless waits: files at a revision that will not come for long, so that each question holds its connection.
//! Must survive: everybody's requests. May suffer: others who wait for the future.

use super::super::target::Target;
use super::wire;
use tokio::io::AsyncWriteExt as _;

/// Questions at a time.
const AT_ONCE: usize = 1_100;

pub(super) async fn attack(target: Target) -> anyhow::Result<()> {
    wire::for_ever(AT_ONCE, move |number| {
        let to = target.victim;
        async move {
            let mut stream = wire::connect(to, number).await?;
            stream.write_all(wire::head("/v1/domains/main/files/x?at=1000000000").as_bytes()).await?;
            wire::drain(&mut stream).await;
            Ok(())
        }
    })
    .await;
    Ok(())
}
