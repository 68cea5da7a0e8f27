//! Strong reads: of a file that is not there, without a key; each used to cost every disk a slot.
//! Must survive: everybody's requests, and disks. May suffer: other strong reads of strangers.

use super::super::target::Target;
use super::wire;
use tokio::io::AsyncWriteExt as _;

/// Readers at a time.
const AT_ONCE: usize = 16;

pub(super) async fn attack(target: Target) -> anyhow::Result<()> {
    wire::for_ever(AT_ONCE, move |number| {
        let to = target.victim;
        async move {
            let mut stream = wire::connect(to, number).await?;
            for _ in 0..100 {
                let head =
                    "GET /v1/domains/main/files/nowhere HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n";
                stream.write_all(head.as_bytes()).await?;
                wire::drain(&mut stream).await;
                stream = wire::connect(to, number).await?;
            }
            Ok(())
        }
    })
    .await;
    Ok(())
}
