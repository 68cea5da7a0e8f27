//! Proof of a group's branch of a transaction over several groups, as `quorate verify` checks and tells it.

use super::change::word;
use super::print::plain;
use super::signed::{Told, certified, numbers};
use quorate_client::api::TransactionState;
use quorate_client::verify::{Demands, NotProved};
use quorate_ledger::Genesis;
use quorate_ledger::proof::{BranchProof, Epochs};
use serde_json::json;

/// State of a branch in words: that of the API, and of a settled one its end to come.
pub fn words((state, settled): (TransactionState, Option<bool>)) -> String {
    let end = settled.map_or("", |commit| if commit { ", to be committed" } else { ", to be aborted" });
    format!("{}{end}", word(state))
}

/// Verifies the proof for a holder of this genesis who knows these epochs.
pub fn verify(
    proof: &BranchProof,
    (genesis, known): (&Genesis, &Epochs),
    demands: &Demands,
) -> Result<(Told, Epochs), NotProved> {
    let (epochs, record) = (proof.verify(known)?, proof.record());
    let all = &record.transaction;
    let own = || genesis.groups().find_map(|group| all.branch_of(&group)); // a group that was restarted had another id before
    let branch = if record.is_home { all.branches.first() } else { own() };
    let domain = branch.map(|branch| branch.domain.clone());
    match demands {
        Demands { envelope: Some(_), .. } => Err(NotProved::NotAReceipt),
        Demands { content: Some(_), .. } | Demands { nonce: Some(_), .. } | Demands { path: Some(_), .. } => {
            Err(NotProved::NotAFile)
        }
        Demands { domain: Some(wanted), .. } if domain.as_ref() != Some(wanted) => {
            let (found, wanted) = (domain.unwrap_or_default(), wanted.clone());
            Err(NotProved::Other { what: "domain", found, wanted })
        }
        _ => Ok((told(proof, domain), epochs)),
    }
}

fn told(proof: &BranchProof, domain: Option<String>) -> Told {
    let (record, checkpoint) = (proof.record(), proof.checkpoint());
    let (seq, time) = (checkpoint.head().seq.get(), checkpoint.head().time.get());
    let signers: Vec<_> = checkpoint.certificate().signatures.iter().map(|(signer, _)| *signer).collect();
    let (state, settled) = TransactionState::of(record.state);
    let mut lines = vec![
        format!("branch    of transaction {}", record.transaction.id()),
        format!("state     {}{}", words((state, settled)), if record.is_home { ", here at its home" } else { "" }),
        format!("author    {} of {}", record.author, plain(&record.organisation)),
    ];
    lines.extend(domain.as_ref().map(|domain| format!("domain    {}", plain(domain))));
    lines.extend(certified(seq, time, &signers));
    let document = json!({
        "verified": true,
        "kind": "branch",
        "id": record.transaction.id().to_string(),
        "state": state,
        "settled": settled,
        "home": record.is_home,
        "domain": domain,
        "author": record.author.to_string(),
        "organisation": record.organisation,
        "seq": seq,
        "time": time,
        "signers": numbers(&signers),
    });
    (document, lines)
}
