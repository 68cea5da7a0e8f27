//! Judgement of the demo: the liars caught, agreement between replicas, and whether each has git's files.

use super::books::Books;
use super::cluster::Cluster;
use super::domain::{Contents, DomainReader};
use super::source::Source;
use super::{Byzantine, DemoError};
use quorate_client::api::{EvidenceEntry, Status};
use quorate_client::http::Client;
use quorate_client::verify::{Demands, kind_name, verify};
use quorate_ledger::proof::Proved;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// Time that evidence may take to be ordered, and replicas to come to rest at one slot.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks.
const PACE: Duration = Duration::from_millis(200);

/// A proof that anybody can check.
#[derive(Debug, Clone, Serialize)]
pub struct Caught {
    /// The replica.
    pub signer: u16,
    /// Kind of the fault.
    pub kind: String,
    /// Slot, or position in a lane, of the fault.
    pub seq: u64,
    /// The proof.
    pub file: String,
    /// Whether the file alone, with the genesis, proves it.
    pub verified: bool,
}

/// The outcome.
pub struct Verdict {
    pub evidence: Vec<Caught>,
    pub state_roots: BTreeMap<u16, String>,
    pub executed_seq: u64,
    pub agreed: bool,
    pub files_equal: bool,
    /// The first difference, if there is one.
    pub difference: Option<String>,
    /// Whether the liar was caught, by one proof at least, and nobody else at anything; none where nobody lied or was accused.
    pub caught: Option<bool>,
}

/// Waits for the evidence, then looks at every honest replica.
pub async fn judge(cluster: &Cluster, source: &Source, books: &Books) -> Result<Verdict, DemoError> {
    let entries = await_evidence(cluster).await?;
    let evidence = keep_evidence(cluster, &entries).await?;
    let (executed_seq, state_roots) = common_roots(cluster).await?;
    let first = state_roots.values().next();
    let agreed = first.is_some() && state_roots.values().all(|root| Some(root) == first);
    let difference = first_difference(cluster, source, books).await?;
    let caught = is_caught(cluster, &evidence);
    let files_equal = difference.is_none();
    Ok(Verdict { evidence, state_roots, executed_seq, agreed, files_equal, difference, caught })
}

/// The evidence on record, once there is some against the liar or patience has ended.
async fn await_evidence(cluster: &Cluster) -> Result<Vec<EvidenceEntry>, DemoError> {
    let client = cluster.client(cluster.honest()[0])?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let entries: Vec<EvidenceEntry> = client.renewed().list(&["evidence"], &[], 1_000).await?;
        let due = cluster.byzantine() == Byzantine::Equivocate && entries.is_empty();
        if !due || Instant::now() > deadline {
            return Ok(entries);
        }
        // A strong read makes a slot, so that a short history too has slots to lie about.
        let domain = &cluster.genesis().file().domains[0].name;
        client.renewed().get_bytes(&["domains", domain, "tree"], &[("level", "strong"), ("limit", "1")]).await?;
        tokio::time::sleep(PACE).await;
    }
}

/// Fetches each proof into `evidence/` and checks the file as a stranger would.
async fn keep_evidence(cluster: &Cluster, entries: &[EvidenceEntry]) -> Result<Vec<Caught>, DemoError> {
    let folder = cluster.dir().join("evidence");
    std::fs::create_dir_all(&folder).map_err(|error| DemoError::file(&folder, error))?;
    let client = cluster.client(cluster.honest()[0])?;
    let mut kept = Vec::new();
    for entry in entries {
        let path = folder.join(format!("replica-{}-{}-{}.proof", entry.signer, entry.kind, entry.seq));
        kept.push(keep(&client, cluster, entry, &path).await?);
    }
    Ok(kept)
}

async fn keep(client: &Client, cluster: &Cluster, entry: &EvidenceEntry, path: &Path) -> Result<Caught, DemoError> {
    let proof = client.renewed().get_bytes(&["evidence", &entry.id.to_string()], &[]).await?.body;
    std::fs::write(path, proof).map_err(|error| DemoError::file(path, error))?;
    let bytes = std::fs::read(path).map_err(|error| DemoError::file(path, error))?;
    let verified = match verify(&bytes, cluster.genesis().bytes(), &Demands::default()) {
        Ok(Proved::Evidence(proved)) => {
            proved.what.signer.get() == entry.signer && kind_name(proved.what.kind) == entry.kind
        }
        _ => false,
    };
    let (signer, kind, seq) = (entry.signer, entry.kind.clone(), entry.seq);
    Ok(Caught { signer, kind, seq, file: path.display().to_string(), verified })
}

fn is_caught(cluster: &Cluster, evidence: &[Caught]) -> Option<bool> {
    let only_the_liar = evidence.iter().all(|caught| caught.verified && Some(caught.signer) == cluster.liar_number());
    let is_due = cluster.byzantine() == Byzantine::Equivocate || !evidence.is_empty();
    is_due.then_some(only_the_liar && !evidence.is_empty())
}

/// The honest replicas' roots after one slot that all of them have executed and none has gone beyond.
async fn common_roots(cluster: &Cluster) -> Result<(u64, BTreeMap<u16, String>), DemoError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut statuses: Vec<(u16, Status)> = Vec::new();
        for replica in cluster.honest() {
            statuses.push((replica, cluster.client(replica)?.status().await?));
        }
        let seq = statuses[0].1.executed_seq;
        let together = statuses.iter().all(|(_, status)| status.executed_seq == seq);
        if together || Instant::now() > deadline {
            let at_one = statuses.into_iter().filter(|(_, status)| status.executed_seq == seq);
            return Ok((seq, at_one.map(|(replica, status)| (replica, status.state_root.to_string())).collect()));
        }
        tokio::time::sleep(PACE).await;
    }
}

/// Compares every file of every branch on every honest replica with git.
async fn first_difference(cluster: &Cluster, source: &Source, books: &Books) -> Result<Option<String>, DemoError> {
    let contents = Contents::new(source.repository());
    for branch in books.branches() {
        for replica in cluster.honest() {
            let reader = DomainReader::new(cluster.client(replica)?, &branch.domain, replica);
            match reader.check_tree(&contents, branch.tip, &branch.tree).await {
                Err(difference @ DemoError::Differs { .. }) => return Ok(Some(difference.to_string())),
                other => other?,
            }
        }
    }
    Ok(None)
}
