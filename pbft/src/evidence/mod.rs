//! Proofs of faults: their forms, how they are noticed, and how they reach the ledger (E2 to E6).

pub(crate) mod proof;
pub(crate) mod bundle_evidence;
pub(crate) mod view_evidence;
pub(crate) mod reference;
pub(crate) mod witness;
pub(crate) mod accusation;
pub(crate) mod view_faults;
pub(crate) mod forensics;
