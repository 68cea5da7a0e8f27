//! Certified checkpoints, held against the own states (C2, C3).

use crate::wire::{Digest, QuorumCert, SeqNum};
use alloc::collections::BTreeMap;

/// Own digests kept until a certificate comes: a window of checkpoint slots, and more while nothing becomes stable.
const OWN_MAX: usize = 1_024;
/// Certificates kept above the executed slot: the lowest, so that comparing goes on during a long catch-up, and the newest.
const AHEAD_MAX: usize = 8;

/// Own digests and certificates that have not met yet, and the newest checkpoint where they did.
#[derive(Debug, Clone, Default)]
pub(super) struct Checkpoints {
    own: BTreeMap<SeqNum, Digest>,
    certified: BTreeMap<SeqNum, QuorumCert>,
    stable: Option<QuorumCert>,
}

/// A state that is not the certified one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Divergence {
    pub(super) seq: SeqNum,
    pub(super) ours: Digest,
    pub(super) certified: Digest,
}

impl Checkpoints {
    pub(super) fn stable(&self) -> Option<&QuorumCert> {
        self.stable.as_ref()
    }

    /// The newest certified checkpoint, executed or not.
    pub(super) fn newest(&self) -> Option<&QuorumCert> {
        self.certified.last_key_value().map(|(_, certificate)| certificate).or(self.stable.as_ref())
    }

    pub(super) fn resume(&mut self, stable: Option<QuorumCert>) {
        self.stable = stable;
    }

    /// The own state after a checkpoint slot.
    pub(super) fn note(&mut self, seq: SeqNum, digest: Digest) {
        self.own.insert(seq, digest);
        if self.own.len() > OWN_MAX {
            self.own.pop_first();
        }
    }

    pub(super) fn learn(&mut self, certificate: QuorumCert) {
        let stable = self.stable.as_ref().map(QuorumCert::seq).unwrap_or_default();
        if certificate.seq() <= stable {
            return;
        }
        self.certified.insert(certificate.seq(), certificate);
        if self.certified.len() > AHEAD_MAX {
            let second = self.certified.keys().rev().nth(1).copied();
            second.and_then(|second| self.certified.remove(&second));
        }
    }

    /// Compares all that are certified and executed. The newest of them, if there is one.
    pub(super) fn compare(&mut self, executed: SeqNum) -> Result<Option<QuorumCert>, Divergence> {
        let later = self.certified.split_off(&executed.next());
        let due = core::mem::replace(&mut self.certified, later);
        let mut newest = None;
        for (seq, certificate) in due {
            // States from before a restart are not known any more; the next ones build on them.
            let Some(ours) = self.own.get(&seq).copied() else { continue };
            let certified = certificate.digest();
            if ours != certified {
                return Err(Divergence { seq, ours, certified });
            }
            newest = Some(certificate);
        }
        if let Some(newest) = &newest {
            self.own = self.own.split_off(&newest.seq().next());
            self.stable = Some(newest.clone());
        }
        Ok(newest)
    }
}
