//! The verdict at the end, from outside: what four replicas say, against what eight authors were told.

use super::clients::{Confirmed, DOMAIN, REGISTERS, Shared};
use super::group::{REPLICAS, node};
use super::linearizable;
use quorate_client::api::{EvidenceEntry, LogEntry, Status};
use quorate_client::http::{Client, ClientError};
use quorate_ledger::{EnvelopeId, Revision};
use std::collections::BTreeMap;
use std::time::Duration;

/// Time that the replicas may take to reach one point once no client writes any more.
const AGREE_LIMIT: Duration = Duration::from_secs(30);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// Time that an answer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Items of a list that are asked for: more than a run writes.
const ITEMS_MAX: usize = 1_000_000;

/// Findings of the judge.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Status at which the replicas agree; none if they do not.
    pub agreed: Option<Status>,
    /// Accusations of replicas, all over.
    pub accusations: usize,
    /// Registers whose history was explained.
    pub explained: usize,
    /// Failures found.
    pub failures: Vec<String>,
}

/// Judges a group that nobody writes to any more.
pub async fn judge(shared: &Shared) -> Verdict {
    let mut verdict = Verdict::default();
    match agreement().await {
        Ok(status) => verdict.agreed = Some(status),
        Err(what) => verdict.failures.push(what),
    }
    for replica in 0..REPLICAS {
        if let Err(error) = verdict.ask(replica, &shared.confirmed()).await {
            verdict.failures.push(format!("replica {replica}: {error}"));
        }
    }
    for (register, replica) in (0..REGISTERS).flat_map(|register| (0..REPLICAS).map(move |node| (register, node))) {
        if shared.read(usize::MAX, register, replica).await.is_none() {
            verdict.failures.push(format!("replica {replica} does not answer a strong read at the end"));
        }
    }
    verdict.failures.extend(shared.failures());
    verdict.explain(shared);
    verdict
}

impl Verdict {
    /// Evidence and history of one replica.
    async fn ask(&mut self, replica: usize, confirmed: &[Confirmed]) -> Result<(), ClientError> {
        let client = Client::new(&node(replica), ANSWER_LIMIT)?;
        let evidence: Vec<EvidenceEntry> = client.list(&["evidence"], &[], ITEMS_MAX).await?;
        self.accusations += evidence.len();
        self.failures.extend(evidence.iter().map(|entry| {
            format!("replica {replica} holds evidence against replica {}, all are honest: {}", entry.signer, entry.kind)
        }));
        let log: Vec<LogEntry> =
            client.list(&["domains", DOMAIN, "log"], &[("level", "sequential")], ITEMS_MAX).await?;
        let log = log.into_iter().map(|entry| (entry.id, entry.revision)).collect();
        self.failures.extend(lost(confirmed, &log).map(|what| format!("replica {replica}: {what}")));
        Ok(())
    }

    fn explain(&mut self, shared: &Shared) {
        for (register, operations) in shared.history.registers() {
            match linearizable::check(&operations) {
                Ok(()) => self.explained += 1,
                Err(unexplained) => self.failures.push(format!("register {register}: {unexplained}")),
            }
        }
    }
}

/// Confirmed changes that a log does not have, or has elsewhere.
fn lost<'a>(confirmed: &'a [Confirmed], log: &'a BTreeMap<EnvelopeId, Revision>) -> impl Iterator<Item = String> + 'a {
    confirmed.iter().filter_map(|Confirmed { id, revision }| match log.get(id) {
        None => Some(format!("{id} was confirmed at {revision:?} and is lost")),
        Some(found) if Some(*found) != *revision => {
            Some(format!("{id} was confirmed at {revision:?} and stands at {found}"))
        }
        Some(_) => None,
    })
}

/// The point at which all replicas stand with one state; in words, where they stand if there is none in time.
async fn agreement() -> Result<Status, String> {
    let deadline = tokio::time::Instant::now() + AGREE_LIMIT;
    loop {
        let mut statuses = Vec::new();
        for replica in 0..REPLICAS {
            let client = Client::new(&node(replica), ANSWER_LIMIT).map_err(|error| error.to_string())?;
            statuses.push(client.status().await.map_err(|error| error.to_string())?);
        }
        if let Some(differ) = divergence(&statuses) {
            return Err(differ);
        }
        if statuses.windows(2).all(|pair| pair[0].executed_seq == pair[1].executed_seq) {
            return Ok(statuses.swap_remove(0));
        }
        if tokio::time::Instant::now() > deadline {
            let stand: Vec<u64> = statuses.iter().map(|status| status.executed_seq).collect();
            return Err(format!("after {} s of calm the replicas stand at {stand:?}", AGREE_LIMIT.as_secs()));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Two replicas with different states at one point, in words.
fn divergence(statuses: &[Status]) -> Option<String> {
    let mut at: BTreeMap<u64, &Status> = BTreeMap::new();
    statuses.iter().find_map(|status| {
        let other = *at.entry(status.executed_seq).or_insert(status);
        let same = (other.state_root, other.lane_hash) == (status.state_root, status.lane_hash);
        (!same).then(|| {
            let (one, two) = (other.state_root, status.state_root);
            format!(
                "after slot {} replica {:?} has {one}, {:?} has {two}",
                status.executed_seq, other.replica, status.replica
            )
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_pbft::{Digest, SeqNum};

    fn id(number: u8) -> EnvelopeId {
        EnvelopeId(Digest([number; 32]))
    }

    #[test]
    fn what_was_confirmed_and_is_missing_or_elsewhere_is_told() {
        let at = |seq| Revision::slot(SeqNum::new(seq));
        let confirmed = |number| Confirmed { id: id(number), revision: Some(at(number.into())) };
        let log = BTreeMap::from([(id(1), at(1)), (id(2), at(3))]);

        let told: Vec<String> = lost(&[confirmed(1), confirmed(2), confirmed(4)], &log).collect();

        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("stands at 3") && told[1].contains("is lost"), "{told:?}");
    }

    /// Status of a replica that has executed so far and has this state.
    fn status(replica: u16, executed_seq: u64, state: u8) -> Status {
        let (root, zero) = (Digest([state; 32]).to_string(), Digest([0; 32]).to_string());
        let status = serde_json::json!({
            "group": zero, "name": "", "replica": replica, "primary": 0, "role": "replica", "version": "", "epoch": 0,
            "view": 0, "executed_seq": executed_seq, "pending": 0, "state_root": root, "lane_hash": zero,
            "stable_checkpoint": { "seq": 0, "state_root": zero }, "mode": "active", "why": "", "peers": [],
            "last_sync": null, "health": { "score": 1.0, "reasons": [] },
        });
        serde_json::from_value(status).expect("a status")
    }

    #[test]
    fn two_states_after_one_slot_are_a_divergence_and_after_two_slots_they_are_not() {
        assert_eq!(divergence(&[status(0, 7, 1), status(1, 8, 2), status(2, 7, 1)]), None);
        let told = divergence(&[status(0, 7, 1), status(1, 8, 2), status(2, 7, 3)]).expect("two states after slot 7");
        assert!(told.contains("slot 7") && told.contains("Some(0)") && told.contains("Some(2)"), "{told}");
    }
}
