//! Dense posts: eight at a time, nobody's envelopes of millions of empty operations, just below the size that is taken.
//! Must survive: everything. May suffer: the attacker's own connections.

use super::super::target::Target;
use super::wire;
use std::rc::Rc;
use tokio::io::AsyncWriteExt as _;

/// Posts at a time.
const AT_ONCE: usize = 8;
/// Bytes of one.
const BYTES: usize = 31 << 20;
/// `Delete` of a path without a byte.
const EMPTY: [u8; 5] = [2, 0, 0, 0, 0];

/// The encoding of an envelope of as many empty operations as fit.
pub fn dense_envelope() -> Vec<u8> {
    let operations = BYTES / EMPTY.len();
    let mut bytes = vec![7; 32];
    bytes.extend(borsh::to_vec(&("main", 1u64, 1u64, 1u64, 1u32)).expect("memory"));
    bytes.push(3);
    bytes.extend((operations as u32).to_le_bytes());
    bytes.extend(EMPTY.repeat(operations));
    bytes.extend([0; 4 + 8 + 1 + 1 + 4 + 4 + 64 + 4]);
    bytes
}

pub(super) async fn attack(target: Target) -> anyhow::Result<()> {
    let body = Rc::new(dense_envelope());
    wire::for_ever(AT_ONCE, move |number| {
        let (body, to) = (body.clone(), target.victim);
        async move {
            let mut stream = wire::connect(to, number).await?;
            let head =
                format!("POST /v1/envelopes HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&body).await?;
            stream.shutdown().await?;
            wire::drain(&mut stream).await;
            Ok(())
        }
    })
    .await;
    Ok(())
}
