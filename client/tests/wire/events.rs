//! Streams of events that end, and where they go on.

use crate::scripted::{self, Reply};
use quorate_client::events::Events;
use quorate_client::http::Client;
use quorate_pbft::Digest;
use std::time::Duration;

const STREAM: &str = "200 OK\r\ncontent-type: text/event-stream";

/// Status of a node that has executed this slot.
fn status(executed: u64) -> Reply {
    status_in(Digest([9; 32]), executed)
}

/// Status of a node of this group that has executed this slot.
pub fn status_in(group: Digest, executed: u64) -> Reply {
    let hash = "09".repeat(32);
    let status = serde_json::json!({
        "group": group.to_string(), "name": "group", "replica": 0, "primary": 0, "role": "replica", "version": "0.1.0", "epoch": 0,
        "view": 0, "executed_seq": executed, "pending": 0, "state_root": hash, "lane_hash": hash,
        "stable_checkpoint": { "seq": 0, "state_root": hash }, "mode": "active", "why": "", "peers": [],
        "health": { "score": 1.0, "reasons": [] },
    });
    Reply::Http("200 OK\r\ncontent-type: application/json", status.to_string())
}

#[tokio::test]
async fn a_stream_that_ends_before_its_first_event_goes_on_where_it_began() {
    let event = "id: 6.1\nevent: receipt\ndata: x\n\n".to_owned();
    let (node, requests) =
        scripted::node(vec![status(5), Reply::Http(STREAM, ":\n\n".into()), Reply::Http(STREAM, event)]);
    let client = Client::new(&node, Duration::from_secs(20)).expect("an address");

    let event = Events::new(client, None).next().await.expect("an event");

    assert_eq!(event.id.as_deref(), Some("6.1"));
    let asked: Vec<String> = requests.try_iter().map(|request| request.line).collect();
    assert_eq!(asked, ["GET /v1/status", "GET /v1/events?from=5", "GET /v1/events?from=5"]);
}
