//! The end of a run: the group's order of the versions, and the files that each replica shows.

use super::REPLICAS;
use super::client::DOMAIN;
use crate::attacks::group::Group;
use crate::levels::{History, Shelf, path, version};
use crate::plan::{FILES_EACH, WRITERS};
use quorate_client::api::{LogEntry, Status};
use quorate_client::http::{Client, ClientError};
use quorate_ledger::PathOutcome;
use std::time::Duration;

/// Time that the replicas may take to reach one point.
const AGREE_LIMIT: Duration = Duration::from_secs(60);

/// Time that an answer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(200);

/// Items of a list: more than a run writes.
const ITEMS_MAX: usize = 10_000_000;

/// Fills in places and shelves; the slot at which all replicas stand. In words, why they do not.
pub(super) async fn look(group: &Group, history: &mut History) -> Result<u64, String> {
    let client = |replica| Client::new(&group.target().node(replica), ANSWER_LIMIT).map_err(|error| error.to_string());
    let clients: Vec<Client> = (0..REPLICAS).map(client).collect::<Result<_, _>>()?;
    let slot = agreement(&clients).await?;
    let log: Vec<LogEntry> = clients[0]
        .renewed()
        .list(&["domains", DOMAIN, "log"], &[("level", "sequential")], ITEMS_MAX)
        .await
        .map_err(|error| format!("the log of replica 0: {error}"))?;
    let applied = |entry: &&LogEntry| entry.changes.iter().all(|change| change.outcome == PathOutcome::Applied);
    let placed = log.iter().filter(applied).map(|entry| {
        let place = (entry.revision.seq().get(), entry.revision.place().unwrap_or_default());
        (version(entry.message.as_bytes()), place)
    });
    history.places = placed.collect();
    for (replica, client) in clients.iter().enumerate() {
        let shelf = shelf(client).await.map_err(|error| format!("the files of replica {replica}: {error}"))?;
        history.shelves.insert(replica, shelf);
    }
    Ok(slot)
}

/// Files as a replica shows them without asking anybody.
async fn shelf(client: &Client) -> Result<Shelf, ClientError> {
    let mut shelf = Shelf::new();
    for file in 0..WRITERS * FILES_EACH {
        let path = path(file);
        let asked = ["domains", DOMAIN, "files", path.as_str()];
        let answer = client.renewed().get_bytes(&asked, &[("level", "eventual")]).await?;
        shelf.insert(file, version(&answer.body));
    }
    Ok(shelf)
}

async fn agreement(clients: &[Client]) -> Result<u64, String> {
    let deadline = tokio::time::Instant::now() + AGREE_LIMIT;
    loop {
        let mut statuses: Vec<Status> = Vec::new();
        for client in clients {
            statuses.push(client.renewed().status().await.map_err(|error| error.to_string())?);
        }
        let stand: Vec<_> = statuses.iter().map(|status| (status.executed_seq, status.state_root)).collect();
        if stand.windows(2).all(|pair| pair[0].0 == pair[1].0) {
            let is_one = stand.windows(2).all(|pair| pair[0].1 == pair[1].1);
            return if is_one { Ok(stand[0].0) } else { Err(format!("one slot, several states: {stand:?}")) };
        }
        if tokio::time::Instant::now() > deadline {
            return Err(format!("after {} s of calm the replicas stand at {stand:?}", AGREE_LIMIT.as_secs()));
        }
        tokio::time::sleep(LOOK).await;
    }
}
