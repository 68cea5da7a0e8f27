//! Receipts: the verdict on an envelope at its exact position.

#[cfg(feature = "execution")]
use crate::policy;
use crate::vocabulary::bounds::OPERATIONS_MAX;
use crate::vocabulary::hexed;
use crate::vocabulary::ids::{ConflictId, EnvelopeId};
use crate::vocabulary::revision::Revision;
use crate::vocabulary::verdict::{Code, Stage};
#[cfg(feature = "execution")]
use crate::vocabulary::verdict::{NOT_NOW, TOO_MUCH};
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{Digest, PublicKey, ReplicaId, bounded, hash};
use serde::{Deserialize, Serialize};

/// State of an envelope.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, BorshSerialize, BorshDeserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "EnvelopeState"))]
#[serde(rename_all = "kebab-case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum State {
    /// Took effect as it was; nothing it touched had moved.
    Applied = 1,
    /// Took effect, merged with what others did meanwhile.
    Merged = 2,
    /// Some path could not be merged: all sides are kept, the rest took effect.
    Conflict = 3,
    /// A stage said no; nothing changed.
    Refused = 4,
    /// Not ordered yet: a number or a dependency before it is missing. Never in the order.
    Waiting = 5,
    /// Kept until there is a quorum. Never in the order.
    Queued = 6,
    /// Waited too long; the same bytes may be sent again. Never in the order.
    Expired = 7,
    /// Ordered, and takes effect when others have approved or attested it; then it has another receipt.
    Pending = 8,
}

/// Outcome of one path.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, BorshSerialize, BorshDeserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum PathOutcome {
    /// As the author wrote it.
    Applied = 1,
    /// Merged with what others wrote.
    Merged = 2,
    /// In conflict: the last agreed content goes on being served.
    Conflict = 3,
    /// As the author wrote it, and a conflict that the author had seen is settled by it.
    Settled = 4,
    /// As it was: the policy of the path puts somebody else's side above the author's.
    Overruled = 5,
    /// Locked by the author, or the author's lease begins again.
    Locked = 6,
    /// The author stands in line for a lock.
    Queued = 7,
    /// The author's lock, or place in line, is given back.
    Released = 8,
    /// As it was: a transaction over several groups has promised a write, and keeps others out until its decision.
    Prepared = 9,
}

/// The rung of the merge ladder that answered; `none` for a conflict.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, BorshSerialize, BorshDeserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Rung {
    /// Identical, or changed on one side only.
    OneSided = 1,
    /// Lines.
    Text = 2,
    /// Structured data by key.
    Data = 3,
    /// Import sets.
    Imports = 4,
    /// Declarations.
    Code = 5,
    /// No rung: a conflict.
    None = 6,
}

/// Effect of an envelope on one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PathChange {
    /// Path at which it took effect; after somebody's rename that is another path than the author named.
    pub path: String,
    /// State of the envelope.
    pub outcome: PathOutcome,
    /// Which rung answered.
    pub rung: Rung,
}

/// Paths and conflicts that one receipt may name: an operation names two paths, and a merge may follow a rename.
const ENTRIES_MAX: usize = 4 * OPERATIONS_MAX;

/// The verdict on an envelope. JSON as the interface says; [`Receipt::digest`] of the borsh form is what is proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Receipt {
    /// The envelope.
    pub id: EnvelopeId,
    /// Its domain.
    pub domain: String,
    /// Its author.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "crate::vocabulary::shape::Hex<32>"))]
    pub author: PublicKey,
    /// Number of its first change.
    pub from_seq: u64,
    /// Number of its last change.
    pub to_seq: u64,
    /// Outcome of the path.
    pub state: State,
    /// The revision that it made, or at which it was refused; none while it waits.
    pub revision: Option<Revision>,
    /// The replica on whose lane it was executed; none while it waits.
    #[serde(with = "lane")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u16>"))]
    pub lane: Option<ReplicaId>,
    /// The stage that refused it.
    pub stage: Option<Stage>,
    /// Why it was refused.
    pub code: Option<Code>,
    /// Why it was refused, for people.
    pub detail: Option<String>,
    /// Conflicts that it opened or joined, ascending; then those that it proposed for, voted on or settled.
    #[borsh(deserialize_with = "bounded::list::<ENTRIES_MAX, _, _>")]
    pub conflicts: Vec<ConflictId>,
    /// Effects on paths, ascending by path.
    #[borsh(deserialize_with = "bounded::list::<ENTRIES_MAX, _, _>")]
    pub changes: Vec<PathChange>,
}

impl Receipt {
    /// Effects in a domain: the receipt of a transaction names paths of other domains than its own as `domain//path`,
    /// which no path can be.
    pub fn changes_in(&self, domain: &str) -> Vec<PathChange> {
        let here = |change: &PathChange| match change.path.split_once("//") {
            None => (self.domain == domain).then(|| change.clone()),
            Some((of, path)) => (of == domain).then(|| PathChange { path: path.to_owned(), ..change.clone() }),
        };
        self.changes.iter().filter_map(here).collect()
    }

    /// Whether it was refused for the work that its envelope asks for, of which several envelopes may ask. Details are agreed, as
    /// all of a receipt is.
    #[cfg(feature = "execution")]
    pub fn asks_too_much(&self) -> bool {
        let is_such = matches!(self.code, Some(Code::Validator | Code::Quota)); // others end with what authors name
        let detail = self.detail.as_deref().filter(|_| is_such);
        detail.is_some_and(|detail| detail.ends_with(TOO_MUCH) || policy::was_behind_others(detail))
    }

    /// Whether it was refused for work that its organisation owes: once that is paid it has a whole budget.
    #[cfg(feature = "execution")]
    pub fn is_for_another_slot(&self) -> bool {
        self.code == Some(Code::Validator) && self.detail.as_deref() == Some(NOT_NOW)
    }

    /// The receipt's leaf in its slot's list.
    pub fn digest(&self) -> Digest {
        hash("quorate/v1/receipt", self)
    }

    /// Whether the order has spoken.
    pub fn is_verdict(&self) -> bool {
        !matches!(self.state, State::Waiting | State::Queued | State::Expired)
    }
}

mod lane {
    use quorate_pbft::ReplicaId;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(lane: &Option<ReplicaId>, serializer: S) -> Result<S::Ok, S::Error> {
        lane.map(ReplicaId::get).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ReplicaId>, D::Error> {
        Ok(Option::<u16>::deserialize(deserializer)?.map(ReplicaId::new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt() -> Receipt {
        Receipt {
            id: EnvelopeId(Digest([1; 32])),
            domain: "main".into(),
            author: PublicKey([2; 32]),
            from_seq: 3,
            to_seq: 3,
            state: State::Merged,
            revision: "7.1".parse().ok(),
            lane: Some(ReplicaId::new(2)),
            stage: None,
            code: None,
            detail: None,
            conflicts: vec![],
            changes: vec![PathChange { path: "a".into(), outcome: PathOutcome::Merged, rung: Rung::OneSided }],
        }
    }

    #[test]
    fn a_receipt_reads_as_the_interface_says() {
        let json = serde_json::to_value(receipt()).expect("a receipt is JSON");
        let expected = serde_json::json!({
            "id": "01".repeat(32), "domain": "main", "author": "02".repeat(32), "from_seq": 3, "to_seq": 3,
            "state": "merged", "revision": "7.1", "lane": 2, "stage": null, "code": null, "detail": null,
            "conflicts": [], "changes": [{ "path": "a", "outcome": "merged", "rung": "one-sided" }],
        });
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_value::<Receipt>(json).ok(), Some(receipt()));
    }

    #[test]
    fn every_rung_is_named_as_the_merge_layer_names_it() {
        use quorate_semantic::Rung as Theirs;
        for rung in [Theirs::OneSided, Theirs::Text, Theirs::Data, Theirs::Imports, Theirs::Code, Theirs::None] {
            let named = serde_json::to_value(Rung::from(rung)).expect("a rung is JSON");
            assert_eq!(named, rung.name());
        }
    }
}
