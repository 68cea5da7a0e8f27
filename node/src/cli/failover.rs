//! Several nodes for one command: it asks the first that is ready, else the first that answers, and stays with it.
//!
//! A node that has diverged, is behind or hears no quorum answers too: what it cannot say or order, the next one may.
//!
//! An envelope that may have left for one node is in the outbox, and the next command sends it again, perhaps to another node,
//! before its number is used.

use super::failure::{Exit, Failure, NOT_THERE};
use quorate_client::http::Client;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Builder;

/// Time in which a node answers, where it is not the only one.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);

/// Pause after none of the nodes has answered.
const PAUSE: Duration = Duration::from_millis(200);

/// The only node, else the first that is ready, else the first that answers: all are asked in their order, again and again
/// until one answers or the time is up.
pub fn first(nodes: &[String], patience: Duration, ca: Option<&Path>) -> Result<String, Failure> {
    if let [only] = nodes {
        return Ok(only.clone());
    }
    let clients = nodes.iter().map(|node| Client::trusting(node, ANSWERS_WITHIN, ca));
    let clients: Vec<Client> = clients.collect::<Result<_, _>>()?;
    // The caller may run on threads of a runtime, which no other can block.
    let asked = thread::scope(|scope| scope.spawn(|| asked(&clients, patience)).join());
    asked.expect("it panics nowhere")
}

fn asked(clients: &[Client], patience: Duration) -> Result<String, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(Failure::usage)?;
    runtime.block_on(answering(clients, Instant::now() + patience))
}

async fn answering(clients: &[Client], until: Instant) -> Result<String, Failure> {
    loop {
        let (mut there, mut silent) = (None, Vec::new());
        for client in clients {
            match client.is_there().await {
                Err(why) => silent.push(format!("{}: {why}", client.node())),
                Ok(()) if client.is_ready().await.is_ok() => return Ok(client.node().to_owned()),
                Ok(()) => there = there.or(Some(client.node())),
            }
        }
        if let Some(node) = there {
            return Ok(node.to_owned());
        }
        if Instant::now() >= until {
            let what = format!("no node answers; {}", silent.join("; "));
            return Err(Failure::new(Exit::Unreachable, what).next(NOT_THERE));
        }
        tokio::time::sleep(PAUSE).await;
    }
}
