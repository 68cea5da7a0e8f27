//! Certificates: q (or n) statements that agree.

use crate::limits::Constants;
use crate::wire::{
    Committee, Digest, Epoch, Kind, Position, ReplicaId, SeqNum, Signature, Signed, Statement, Tip, Verify, View,
    bounded,
};
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// A certificate as somebody sends it. Says nothing until [`Committee::check`] made a [`QuorumCert`] of it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ClaimedCert {
    /// Epoch whose members signed (M3).
    pub epoch: Epoch,
    /// Ack (lane certificate), Prepare (prepared, or with n signers committed: N5), Commit or Checkpoint.
    pub kind: Kind,
    /// View of the statements.
    pub view: View,
    /// Slot or position of the statements.
    pub seq: SeqNum,
    /// Digest of the statements.
    pub digest: Digest,
    /// Strictly ascending by signer.
    #[borsh(deserialize_with = "bounded::list::<{ Constants::REPLICAS_MAX }, _, _>")]
    pub signatures: Vec<(ReplicaId, Signature)>,
}

/// Why a claimed certificate proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertError {
    /// Statements of another epoch than the committee's (M3).
    #[error("the statements are of epoch {0}")]
    Epoch(Epoch),
    /// No certificate is made of statements of this kind.
    #[error("statements of kind {0:?} make no certificate")]
    Kind(Kind),
    /// Acknowledgements of a lane that no member has.
    #[error("there is no lane {0}")]
    Lane(u64),
    /// Signers repeat or are not in order.
    #[error("signers are not strictly ascending")]
    Order,
    /// Fewer than q signers.
    #[error("{got} signers, {needed} needed")]
    TooFew {
        /// Distinct signers.
        got: usize,
        /// q.
        needed: usize,
    },
    /// A signature is not its signer's.
    #[error("the signature of replica {0} does not fit")]
    Signature(ReplicaId),
}

/// Proof that at least `committee.quorum()` distinct replicas signed `digest` at (`view`, `seq`).
///
/// Private fields and no decoding: a peer sends a [`ClaimedCert`], and [`Committee::check`] turns it into this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuorumCert {
    claimed: ClaimedCert,
}

impl QuorumCert {
    /// Kind of its statements.
    pub fn kind(&self) -> Kind {
        self.claimed.kind
    }

    /// Epoch of the committee that checked it.
    pub fn epoch(&self) -> Epoch {
        self.claimed.epoch
    }

    /// View of the statements; for lane certificates see [`QuorumCert::lane`].
    pub fn view(&self) -> View {
        self.claimed.view
    }

    /// Slot of the statements, or the position in a lane.
    pub fn seq(&self) -> SeqNum {
        self.claimed.seq
    }

    /// The digest that they agree on.
    pub fn digest(&self) -> Digest {
        self.claimed.digest
    }

    /// The lane that a certificate of Acks is about.
    pub fn lane(&self) -> Option<ReplicaId> {
        (self.kind() == Kind::Ack).then(|| self.claimed.view.lane())
    }

    /// The tip that a certificate of Acks names.
    pub fn tip(&self) -> Tip {
        self.claimed.tip().1
    }

    /// Signers, ascending.
    pub fn signers(&self) -> impl ExactSizeIterator<Item = ReplicaId> + '_ {
        self.claimed.signatures.iter().map(|(signer, _)| *signer)
    }

    /// The statements that it is made of.
    pub fn statements(&self, group: Digest) -> impl Iterator<Item = Signed> + '_ {
        let statement = self.claimed.statement(group);
        self.claimed.signatures.iter().map(move |(signer, signature)| Signed {
            statement,
            signer: *signer,
            signature: *signature,
        })
    }

    /// Invariants of a certificate on its way into memory, counted in another way than the committee counts.
    pub(crate) fn check_in(&self, committee: &Committee) {
        let (signers, n) = (self.claimed.signatures.len(), committee.len());
        assert!(3 * signers > 2 * n, "I12: a certificate of {signers} of {n}");
        assert!(self.claimed.epoch == committee.epoch(), "I12: a certificate of {}", self.claimed.epoch);
    }

    /// The certificate as it travels.
    pub fn claim(&self) -> &ClaimedCert {
        &self.claimed
    }
}

impl ClaimedCert {
    /// The lane and tip that a certificate of Acks names.
    pub fn tip(&self) -> (ReplicaId, Tip) {
        let lane = self.view.lane();
        (lane, Tip { position: Position::new(self.seq.get()), digest: self.digest })
    }

    /// The proof that this claim was found to be when the message that it came in was verified: by this committee, for
    /// the epoch is the claim's own, and the door lets no message of another one in (M3).
    pub(crate) fn into_checked(self, committee: &Committee) -> QuorumCert {
        assert!(committee.check_shape(&self).is_ok(), "I12: a certificate came in that proves nothing in this epoch");
        QuorumCert { claimed: self }
    }

    fn statement(&self, group: Digest) -> Statement {
        Statement { group, epoch: self.epoch, kind: self.kind, view: self.view, seq: self.seq, digest: self.digest }
    }
}

impl Committee {
    /// Turns a claim into proof, or says what is wrong with it. Verifies every signature (pitfall 59).
    pub fn check(&self, claimed: ClaimedCert, verify: &dyn Verify) -> Result<QuorumCert, CertError> {
        self.check_shape(&claimed)?;
        let bytes = claimed.statement(self.group()).signed_bytes();
        for (signer, signature) in &claimed.signatures {
            let key = self.key(*signer).ok_or(CertError::Signature(*signer))?;
            if !verify.verify(key, &bytes, signature) {
                return Err(CertError::Signature(*signer));
            }
        }
        Ok(QuorumCert { claimed })
    }

    /// Makes a certificate of statements that were each verified before; none unless q distinct signers agree.
    pub(crate) fn assemble<'a>(&self, statements: impl IntoIterator<Item = &'a Signed>) -> Option<QuorumCert> {
        let mut statements: Vec<&Signed> = statements.into_iter().collect();
        statements.sort_unstable_by_key(|signed| signed.signer);
        let first = statements.first()?.statement;
        if statements.iter().any(|signed| signed.statement != first) {
            return None;
        }
        let signatures = statements.iter().map(|signed| (signed.signer, signed.signature)).collect();
        let Statement { epoch, kind, view, seq, digest, .. } = first;
        let claimed = ClaimedCert { epoch, kind, view, seq, digest, signatures };
        self.check_shape(&claimed).ok()?;
        Some(QuorumCert { claimed })
    }

    fn check_shape(&self, claimed: &ClaimedCert) -> Result<(), CertError> {
        if claimed.epoch != self.epoch() {
            return Err(CertError::Epoch(claimed.epoch));
        }
        if !matches!(claimed.kind, Kind::Ack | Kind::Prepare | Kind::Commit | Kind::Checkpoint) {
            return Err(CertError::Kind(claimed.kind));
        }
        if claimed.kind == Kind::Ack && claimed.view.get() >= self.len() as u64 {
            return Err(CertError::Lane(claimed.view.get()));
        }
        if claimed.signatures.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
            return Err(CertError::Order);
        }
        let (got, needed) = (claimed.signatures.len(), self.quorum());
        if got < needed {
            return Err(CertError::TooFew { got, needed });
        }
        Ok(())
    }
}
