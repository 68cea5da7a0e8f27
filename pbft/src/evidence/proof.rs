//! Proof of a replica's fault that needs no trust in who hands it over (E2 to E6).

use crate::evidence::bundle_evidence::InvalidBundle;
use crate::evidence::view_evidence::{InvalidNewView, InvalidViewChange, Omission};
use crate::wire::{Digest, Epoch, Kind, ReplicaId, SeqNum, Signed, VerifyContext, View, hash};
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// Faults that can be proved. The numbers are part of the encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum EvidenceKind {
    /// Two bundles at one position of the own lane.
    Bundle = 1,
    /// Two acknowledgements at one position of a lane.
    Ack = 2,
    /// Two digests among PrePrepare, Prepare and Commit of one view and slot.
    Proposal = 3,
    /// Two checkpoints of one slot.
    Checkpoint = 4,
    /// Two ViewChanges for one view.
    ViewChange = 5,
    /// Two NewViews.
    NewView = 6,
    /// A signed bundle that no honest owner signs (E6).
    InvalidBundle = 7,
    /// A ViewChange that leaves out what its signer voted for (E3).
    Omission = 8,
    /// A ViewChange with a part that does not verify (E3).
    InvalidViewChange = 9,
    /// A start of a view that does not follow from what it carries (E3).
    InvalidNewView = 10,
}

impl EvidenceKind {
    /// The fault that two different statements of a kind prove.
    pub fn of(kind: Kind) -> Self {
        match kind {
            Kind::Bundle => Self::Bundle,
            Kind::Ack => Self::Ack,
            Kind::PrePrepare | Kind::Prepare | Kind::Commit => Self::Proposal,
            Kind::Checkpoint => Self::Checkpoint,
            Kind::ViewChange => Self::ViewChange,
            Kind::NewView | Kind::Status => Self::NewView,
        }
    }
}

/// Key under which evidence is recorded: once for each (E5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct EvidenceKey {
    /// The offender.
    pub signer: ReplicaId,
    /// The epoch in which the offender has that number.
    pub epoch: Epoch,
    /// The fault.
    pub kind: EvidenceKind,
}

/// Proof of a fault.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(clippy::large_enum_variant)] // Pairs are nearly all that there ever is, and small as messages go.
pub enum Evidence {
    /// Two statements of one signer that cannot both be honest (E2), the smaller encoding first.
    Equivocation(Signed, Signed),
    /// A ViewChange that leaves out what its signer voted for (E3).
    Omission(Box<Omission>),
    /// A ViewChange with a part that no honest replica signs (E3).
    InvalidViewChange(Box<InvalidViewChange>),
    /// A start of a view that does not follow from its ViewChanges (E3).
    InvalidNewView(Box<InvalidNewView>),
    /// A signed bundle that no honest owner signs (E6).
    InvalidBundle(Box<InvalidBundle>),
}

impl Evidence {
    /// A pair of statements as evidence; none if they do not contradict each other.
    pub fn pair(a: &Signed, b: &Signed) -> Option<Self> {
        let contradict =
            a.signer == b.signer && a.statement.same_position(&b.statement) && a.statement.digest != b.statement.digest;
        contradict.then(|| Self::Equivocation(*a.min(b), *a.max(b)))
    }

    /// Whether the form is right: a real contradiction in the one order. Reads no signature.
    pub fn is_well_formed(&self) -> bool {
        match self {
            Self::Equivocation(a, b) => Self::pair(a, b).as_ref() == Some(self),
            Self::Omission(omission) => omission.vote.signer == omission.leaf.view_change.signer,
            Self::InvalidViewChange(invalid) => invalid.leaf.view_change.statement.kind == Kind::ViewChange,
            Self::InvalidNewView(invalid) => invalid.leaf.new_view.statement.kind == Kind::NewView,
            Self::InvalidBundle(invalid) => invalid.statement.statement.kind == Kind::Bundle,
        }
    }

    /// Whether it proves its claim to whoever trusts the committee and the group's numbers.
    pub fn is_valid(&self, context: &VerifyContext<'_>) -> bool {
        self.is_valid_by(context, u64::MAX)
    }

    /// The same for what is left of a group (E4), or offline. Also a ViewChange whose window ends below the slot proves a lie.
    pub fn is_valid_in_remains(&self, context: &VerifyContext<'_>) -> bool {
        self.is_valid_by(context, context.constants.window)
    }

    fn is_valid_by(&self, context: &VerifyContext<'_>, window: u64) -> bool {
        let VerifyContext { committee, verify, .. } = *context;
        let proved = match self {
            Self::Equivocation(a, b) => a.is_valid(committee, verify) && b.is_valid(committee, verify),
            Self::Omission(omission) => omission.is_valid(committee, verify, window),
            Self::InvalidViewChange(invalid) => invalid.is_valid(committee, verify),
            Self::InvalidNewView(invalid) => invalid.is_valid(committee, verify),
            Self::InvalidBundle(invalid) => invalid.is_valid(context),
        };
        self.is_well_formed() && proved
    }

    /// The offender's own statements that it rests on.
    pub fn statements(&self) -> Vec<Signed> {
        match self {
            Self::Equivocation(a, b) => vec![*a, *b],
            Self::Omission(omission) => vec![omission.vote, omission.leaf.view_change],
            Self::InvalidViewChange(invalid) => vec![invalid.leaf.view_change],
            Self::InvalidNewView(invalid) => vec![invalid.leaf.new_view],
            Self::InvalidBundle(invalid) => vec![invalid.statement],
        }
    }

    /// The key that it is recorded under.
    pub fn key(&self) -> EvidenceKey {
        let (signed, kind) = match self {
            Self::Equivocation(a, _) => (a, EvidenceKind::of(a.statement.kind)),
            Self::Omission(omission) => (&omission.vote, EvidenceKind::Omission),
            Self::InvalidViewChange(invalid) => (&invalid.leaf.view_change, EvidenceKind::InvalidViewChange),
            Self::InvalidNewView(invalid) => (&invalid.leaf.new_view, EvidenceKind::InvalidNewView),
            Self::InvalidBundle(invalid) => (&invalid.statement, EvidenceKind::InvalidBundle),
        };
        EvidenceKey { signer: signed.signer, epoch: signed.statement.epoch, kind }
    }

    /// View and slot (or what the statement's kind has in their places) at which it happened.
    pub fn place(&self) -> (View, SeqNum) {
        match self {
            Self::Equivocation(a, _) => (a.statement.view, a.statement.seq),
            Self::Omission(omission) => (omission.vote.statement.view, omission.vote.statement.seq),
            Self::InvalidViewChange(invalid) => (invalid.leaf.view_change.statement.view, invalid.leaf.seq),
            Self::InvalidNewView(invalid) => (invalid.leaf.new_view.statement.view, invalid.leaf.seq),
            Self::InvalidBundle(invalid) => (View::new(0), invalid.statement.statement.seq),
        }
    }

    /// Names this proof.
    pub fn id(&self) -> Digest {
        hash("quorate/v1/evidence", self)
    }
}
