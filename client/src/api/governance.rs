//! Governance: policies, proposals, and changes that wait for approvals and attestations.

use quorate_ledger::policy::{DomainPolicy, GroupPolicy};
use quorate_ledger::{Act, EnvelopeId, ProposalId, Revision, SpelledAct, State, hexed};
use quorate_pbft::PublicKey;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A domain's policy: `GET /v1/domains/{d}/policy`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PolicyOfDomain {
    /// The domain.
    pub domain: String,
    /// The whole policy, as a proposal to change it spells it.
    pub policy: DomainPolicy,
    /// Quorum that can change the policy now.
    pub decides: Decides,
}

/// Policy of the whole group: `GET /v1/policy`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PolicyOfGroup {
    /// The whole policy.
    pub policy: GroupPolicy,
    /// Quorum that can decide now.
    pub decides: Decides,
}

/// Quorum for changes of a policy, as things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Decides {
    /// Organisations that must agree.
    pub needed: u32,
    /// Organisations that can: somebody is enrolled who speaks for them.
    pub voices: u32,
    /// Organisations that the policy names, with a voice or without.
    pub named: u32,
    /// Whether the policy asks for more than can agree, or nobody can propose. A domain's policy is then changed by the
    /// group (`rescue`); the group's own by `needed` of the organisations that are left.
    pub stuck: bool,
}

/// A proposal and who agrees: an item of `GET /v1/proposals`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProposalEntry {
    /// Names it.
    pub id: ProposalId,
    /// The domain in which it is approved; `@group` for what concerns the whole group.
    pub domain: String,
    /// Author of the proposal.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub author: PublicKey,
    /// The revision that made it.
    pub since: Revision,
    /// Act that is proposed.
    pub proposal: Act,
    /// What an act of later rules encodes, if the node knows it. A client reads it out of `proposal` by itself.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub spelled: Option<SpelledAct>,
    /// Organisations that agree, ascending.
    pub approvals: Vec<String>,
    /// Count of approvals that the policy asks for now.
    pub needed: u32,
    /// `open`, `effective`, `failed` when it could not be done any more once enough agreed, or `withdrawn` by its author.
    pub state: String,
    /// The revision at which enough agreed, or at which it was withdrawn; null while it is open.
    pub decided: Option<Revision>,
    /// Why it failed.
    pub failed: Option<String>,
}

/// A change that waits for the word of others, or has waited, with the words so far: `GET /v1/domains/{d}/pending/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PendingStory {
    /// The change. Without requirements and answers of organisations once its wait is over: the state holds them no more.
    #[serde(flatten)]
    pub change: PendingChange,
    /// `pending` while it waits; then the state of its last receipt.
    pub state: State,
    /// The revision at which it took effect, or was refused; null while it waits.
    pub decided: Option<Revision>,
    /// Words about it, in the agreed order. The first of an organisation, and of a validator, counts.
    pub words: Vec<Word>,
    /// Cursor with which the search for words goes on; null where there are no more.
    pub next: Option<String>,
    /// The oldest slot from which on all words are known to the node, where it may lack words of before; else left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begins: Option<u64>,
}

/// Word about a change that waits for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Word {
    /// The envelope that gave it: the proof of its receipt shows that it was ordered.
    pub id: EnvelopeId,
    /// The revision that it made.
    pub revision: Revision,
    /// Author of the word.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub author: PublicKey,
    /// The author's organisation.
    pub organisation: String,
    /// Whether the change should take effect.
    pub approve: bool,
}

/// A change that waits for the word of others: an item of `GET /v1/domains/{d}/pending`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PendingChange {
    /// Its envelope.
    pub id: EnvelopeId,
    /// Author of the change.
    #[serde(with = "hexed")]
    #[cfg_attr(feature = "schema", schemars(with = "quorate_ledger::shape::Hex<32>"))]
    pub author: PublicKey,
    /// The author's organisation, which has no say in it.
    pub organisation: String,
    /// The revision that ordered it.
    pub since: Revision,
    /// Approvals and attestations that it needs, each of them.
    pub requirements: Vec<Required>,
    /// Answers of other organisations.
    pub organisations: BTreeMap<String, bool>,
    /// Whether it has every answer that it needs: then too little was left for it of what one envelope may cost, as others took effect
    /// by the same envelope, and one of its answers given again, alone, lets it take effect.
    #[serde(default)]
    pub complete: bool,
}

/// Approvals and attestations that the rule of a path asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Required {
    /// The rule's pattern.
    pub pattern: String,
    /// Organisations that must approve.
    pub approvals: u32,
    /// The rule's validators, of whom ⌊2n/3⌋ + 1 must attest.
    pub validators: Vec<ValidatorWord>,
}

/// A validator and what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ValidatorWord {
    /// Validator that may attest, as the policy names it.
    pub validator: quorate_ledger::Principal,
    /// Its word; null until it has spoken.
    pub word: Option<bool>,
}
