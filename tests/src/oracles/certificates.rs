//! Certificates verify from the genesis: every one that an honest replica sends or stores has enough members' signatures
//! over one statement, counted and encoded here once more; and no two of them contradict each other.

use super::{Oracle, Verdict};
use crate::scene::{Fact, Scene};
use quorate_pbft::{ClaimedCert, Digest, Kind, Message, NewView, ReplicaId, ViewChange};
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Certificates {
    /// The first of each place: lane and position, slot, checkpoint, or view and slot.
    known: BTreeMap<(Place, u64, u64, u64), Digest>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Lane,
    Prepared,
    Decision,
    State,
}

/// Meaning of a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// Meaning of the certificate's kind.
    Plain,
    /// Decision of a slot: q Commits or n Prepares.
    Decision,
}

impl Certificates {
    fn judge(&mut self, by: ReplicaId, claimed: &ClaimedCert, claim: Claim, scene: &Scene<'_>) -> Verdict {
        let place =
            check(claimed, claim, scene).map_err(|why| format!("{by} holds a certificate {why}: {claimed:?}"))?;
        let known = self.known.entry(place).or_insert(claimed.digest);
        if *known != claimed.digest {
            return Err(format!(
                "{by} holds a certificate for {}, there is one for {known} ({place:?})",
                claimed.digest
            ));
        }
        Ok(())
    }

    fn message(&mut self, by: ReplicaId, message: &Message, scene: &Scene<'_>) -> Verdict {
        match message {
            Message::PrePrepare { certificates, .. } | Message::Content { certificates, .. } => {
                certificates.iter().try_for_each(|claimed| self.judge(by, claimed, Claim::Plain, scene))
            }
            Message::LaneCert(claimed) | Message::StableCheckpoint(claimed) => {
                self.judge(by, claimed, Claim::Plain, scene)
            }
            Message::Decided { certificate, .. } => self.judge(by, certificate, Claim::Decision, scene),
            Message::ViewChange { body, .. } => self.demand(by, body, scene),
            Message::NewView { body, .. } => self.start(by, body, scene),
            _ => Ok(()),
        }
    }

    fn start(&mut self, by: ReplicaId, start: &NewView, scene: &Scene<'_>) -> Verdict {
        start.view_changes.iter().try_for_each(|(_, demand)| self.demand(by, demand, scene))
    }

    fn demand(&mut self, by: ReplicaId, demand: &ViewChange, scene: &Scene<'_>) -> Verdict {
        let prepared = demand.prepared.iter().map(|entry| &entry.certificate);
        // Where a later epoch begins there is nothing to sign: members of the epoch before signed that checkpoint.
        let begins = |claimed: &&ClaimedCert| claimed.epoch.get() > 0 && claimed.signatures.is_empty();
        let mut all = demand.checkpoint.iter().filter(|claimed| !begins(claimed)).chain(prepared);
        all.try_for_each(|claimed| self.judge(by, claimed, Claim::Plain, scene))
    }
}

/// Place that a certificate proves something about.
fn check(claimed: &ClaimedCert, claim: Claim, scene: &Scene<'_>) -> Result<(Place, u64, u64, u64), &'static str> {
    let list = scene.plan.list(claimed.epoch);
    let members = list.len();
    let epoch = claimed.epoch.get();
    let quorum = 2 * members / 3 + 1;
    let (view, seq) = (claimed.view.get(), claimed.seq.get());
    let (place, needed) = match (claimed.kind, claim) {
        (Kind::Ack, Claim::Plain) if view < members as u64 => ((Place::Lane, epoch, view, seq), quorum),
        (Kind::Prepare, Claim::Plain) => ((Place::Prepared, epoch, view, seq), quorum),
        (Kind::Prepare, Claim::Decision) => ((Place::Decision, 0, 0, seq), members),
        (Kind::Commit, _) => ((Place::Decision, 0, 0, seq), quorum),
        (Kind::Checkpoint, Claim::Plain) => ((Place::State, 0, 0, seq), quorum),
        _ => return Err("of something else"),
    };
    if list.is_empty() {
        return Err("of another epoch");
    }
    let mut signers: Vec<u16> = claimed.signatures.iter().map(|(signer, _)| signer.get()).collect();
    signers.sort_unstable();
    signers.dedup();
    if signers.len() != claimed.signatures.len() || signers.len() < needed {
        return Err("of too few");
    }
    let bytes = signed_bytes(claimed, scene);
    for (signer, signature) in &claimed.signatures {
        let place = list.get(signer.index()).ok_or("of somebody who is no member")?;
        let member = &scene.keys.signers[place.index()];
        if !scene.keys.verify.verify(&member.public_key(), &bytes, signature) {
            return Err("that somebody did not sign");
        }
    }
    Ok(place)
}

/// PROTOCOL, E: group, epoch, kind, view, seq and digest, numbers with the low byte first, after the name of the form.
fn signed_bytes(claimed: &ClaimedCert, scene: &Scene<'_>) -> Vec<u8> {
    let committee = &scene.keys.committee;
    let mut bytes = b"quorate/v1/statement\0".to_vec();
    bytes.extend_from_slice(&committee.group().0);
    bytes.extend_from_slice(&claimed.epoch.get().to_le_bytes());
    bytes.push(claimed.kind as u8);
    bytes.extend_from_slice(&claimed.view.get().to_le_bytes());
    bytes.extend_from_slice(&claimed.seq.get().to_le_bytes());
    bytes.extend_from_slice(&claimed.digest.0);
    bytes
}

impl Oracle for Certificates {
    fn name(&self) -> &'static str {
        "certificates"
    }

    fn watch(&mut self, fact: &Fact<'_>, scene: &Scene<'_>) -> Verdict {
        match fact {
            Fact::Sent { from, message, .. } => self.message(*from, message, scene),
            Fact::Stored { by, certificate, decides } => {
                let claim = if *decides { Claim::Decision } else { Claim::Plain };
                self.judge(*by, certificate, claim, scene)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Keys, Signatures};
    use crate::plan::Plan;
    use crate::presets::Preset;
    use quorate_pbft::{SeqNum, Statement, View};

    fn commit(keys: &Keys, signers: &[u16], digest: u8) -> ClaimedCert {
        let (group, epoch) = (keys.committee.group(), keys.committee.epoch());
        let (view, seq, digest) = (View::new(2), SeqNum::new(9), Digest([digest; 32]));
        let statement = Statement { group, epoch, kind: Kind::Commit, view, seq, digest };
        let sign = |signer: &u16| {
            let signer = ReplicaId::new(*signer);
            (signer, statement.sign(signer, &*keys.signers[signer.index()]).signature)
        };
        ClaimedCert { epoch, kind: Kind::Commit, view, seq, digest, signatures: signers.iter().map(sign).collect() }
    }

    fn judged(claimed: &[ClaimedCert], keys: &Keys) -> Verdict {
        let plan = Plan::of(1, Some(Preset::Short));
        let scene = Scene { plan: &plan, keys, now: 0, calm_since: None, clock: Default::default() };
        let mut oracle = Certificates::default();
        let by = ReplicaId::new(0);
        claimed
            .iter()
            .try_for_each(|claimed| oracle.watch(&Fact::Stored { by, certificate: claimed, decides: true }, &scene))
    }

    #[test]
    fn three_of_four_decide_and_two_do_not() {
        let keys = Keys::new(4, Signatures::Keyed);
        assert_eq!(judged(&[commit(&keys, &[0, 2, 3], 1)], &keys), Ok(()));
        assert!(judged(&[commit(&keys, &[0, 2], 1)], &keys).is_err());
        assert!(judged(&[commit(&keys, &[0, 2, 2], 1)], &keys).is_err());
    }

    #[test]
    fn a_certificate_with_one_bit_changed_is_noticed() {
        let keys = Keys::new(4, Signatures::Keyed);
        let good = commit(&keys, &[0, 1, 2], 1);
        assert!(judged(&[ClaimedCert { seq: SeqNum::new(8), ..good.clone() }], &keys).is_err());
        assert!(judged(&[ClaimedCert { view: View::new(3), ..good.clone() }], &keys).is_err());
        assert!(judged(&[ClaimedCert { digest: Digest([2; 32]), ..good }], &keys).is_err());
    }

    #[test]
    fn two_decisions_for_one_slot_are_noticed() {
        let keys = Keys::new(4, Signatures::Keyed);
        let two = [commit(&keys, &[0, 1, 2], 1), commit(&keys, &[1, 2, 3], 2)];
        assert!(judged(&two[..1], &keys).is_ok() && judged(&two[1..], &keys).is_ok());
        assert!(judged(&two, &keys).is_err());
    }
}
