//! Nonsense frames: a member sends bytes that are no messages, as fast as others take them.
//! Must survive: everything. May suffer: the member's own links.

use super::super::target::Target;
use quorate_net::Channel;
use std::time::Duration;

/// Frames between two rests.
const BURST: usize = 200;
/// Between two bursts.
const REST: Duration = Duration::from_millis(50);

pub(super) async fn attack(target: Target) -> anyhow::Result<()> {
    let (network, events) = quorate_net::start(target.network()?).await?;
    let frame = quorate_net::Bytes::from(vec![0xee; 1_000]);
    loop {
        for _ in 0..BURST {
            // Full queues are expected.
            let _ = network.broadcast(Channel::Votes, frame.clone());
        }
        let rest = tokio::time::sleep(REST);
        tokio::pin!(rest);
        loop {
            tokio::select! { () = &mut rest => break, event = events.recv() => if event.is_none() { return Ok(()) } }
        }
    }
}
