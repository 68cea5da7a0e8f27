//! Members, and what a reconfiguration would change.

use super::{EpochMember, Member};
use quorate_ledger::hexed;
use quorate_pbft::PublicKey;
use serde::{Deserialize, Serialize};

/// The voters of the epoch, and the next ones: `GET /v1/members`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Members {
    /// The voters, by number.
    pub items: Vec<Member>,
    /// Always null: all are in one page.
    pub next: Option<String>,
    /// The epoch in which they vote.
    pub epoch: u64,
    /// The next epoch, while a reconfiguration is pending; null otherwise.
    pub pending: Option<PendingEpoch>,
}

/// Epoch that is named and has not begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PendingEpoch {
    /// Its number.
    pub epoch: u64,
    /// The last slot before it.
    pub after: u64,
    /// Its voters, by number.
    pub members: Vec<EpochMember>,
}

/// Plan of a reconfiguration: `POST /v1/members/plan`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MemberPlan {
    /// Count of members.
    pub n: Step,
    /// Count of members that may fail or lie.
    pub f: Step,
    /// Count of members that decide.
    pub q: Step,
    /// Members that must be up once the next epoch has begun; null where the change makes no member list.
    pub must_be_up: Option<MustBeUp>,
    /// Why it could not take effect now; null if it could.
    pub refused: Option<String>,
}

/// Number before and after a reconfiguration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Step {
    /// Now.
    pub before: usize,
    /// In the next epoch; null where there would be none.
    pub after: Option<usize>,
}

/// Members of whom so many must be up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MustBeUp {
    /// So many.
    pub count: usize,
    /// Of these, by number.
    #[serde(with = "hexed::list")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<quorate_ledger::shape::Hex<32>>"))]
    pub of: Vec<PublicKey>,
}
