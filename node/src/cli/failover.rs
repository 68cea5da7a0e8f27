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
use tokio::task::JoinSet;

/// Time in which a node answers, where it is not the only one.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);

/// Pause after none of the nodes has answered.
const PAUSE: Duration = Duration::from_millis(200);

/// Node that a command wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// Node that can order: a change or a read goes to the first that is ready, else to the first that answers.
    Ready,
    /// The first that answers: what is asked for is about the node itself.
    Answering,
}

/// The only node, else the first as it is wanted: all are asked at once, again and again until one answers or the time is up.
pub fn first(nodes: &[String], wants: Wants, patience: Duration, ca: Option<&Path>) -> Result<String, Failure> {
    if let [only] = nodes {
        return Ok(only.clone());
    }
    let clients = nodes.iter().map(|node| Client::trusting(node, ANSWERS_WITHIN, ca));
    let clients: Vec<Client> = clients.collect::<Result<_, _>>()?;
    // The caller may run on threads of a runtime, which no other can block.
    let asked = thread::scope(|scope| scope.spawn(|| asked(&clients, wants, patience)).join());
    Ok(nodes[asked.expect("it panics nowhere")?].clone())
}

/// Place of the node among the clients.
fn asked(clients: &[Client], wants: Wants, patience: Duration) -> Result<usize, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(Failure::usage)?;
    runtime.block_on(answering(clients, wants, Instant::now() + patience))
}

/// Node as it was found.
struct Look {
    place: usize,
    /// Why it did not answer.
    silent: Option<String>,
    is_wanted: bool,
}

/// Looks at all nodes at once, in their order.
async fn looked_at(clients: &[Client], wants: Wants) -> Vec<Look> {
    let mut asked = JoinSet::new();
    for (place, client) in clients.iter().cloned().enumerate() {
        asked.spawn(async move {
            let silent = client.is_there().await.err().map(|why| why.to_string());
            let is_wanted = silent.is_none() && (wants == Wants::Answering || client.is_ready().await.is_ok());
            Look { place, silent, is_wanted }
        });
    }
    let mut looks = asked.join_all().await;
    looks.sort_unstable_by_key(|look| look.place);
    looks
}

async fn answering(clients: &[Client], wants: Wants, until: Instant) -> Result<usize, Failure> {
    loop {
        let looks = looked_at(clients, wants).await;
        let wanted = looks.iter().position(|look| look.is_wanted);
        if let Some(place) = wanted.or_else(|| looks.iter().position(|look| look.silent.is_none())) {
            return Ok(place);
        }
        if Instant::now() >= until {
            let silent =
                looks.iter().zip(clients).filter_map(|(look, client)| Some((client.node(), look.silent.as_ref()?)));
            let silent: Vec<String> = silent.map(|(node, why)| format!("{node}: {why}")).collect();
            let what = format!("no node answers; {}", silent.join("; "));
            return Err(Failure::new(Exit::Unreachable, what).next(NOT_THERE));
        }
        tokio::time::sleep(PAUSE).await;
    }
}
