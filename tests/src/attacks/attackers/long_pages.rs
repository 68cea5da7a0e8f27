//! Long pages: the longest page of the log that can be asked for, again and again.
//! Must survive: everybody's requests. May suffer: other long pages.

use super::super::target::Target;
use super::wire;
use tokio::io::AsyncWriteExt as _;

/// Readers at a time.
const AT_ONCE: usize = 8;

pub(super) async fn attack(target: Target) -> anyhow::Result<()> {
    wire::for_ever(AT_ONCE, move |number| {
        let to = target.victim;
        async move {
            let path = match number % 2 {
                0 => "/v1/domains/main/log?limit=1000&level=sequential",
                _ => "/v1/domains/main/tree?limit=1000&level=sequential",
            };
            let mut stream = wire::connect(to, number).await?;
            let head = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
            wire::drain(&mut stream).await;
            Ok(())
        }
    })
    .await;
    Ok(())
}
