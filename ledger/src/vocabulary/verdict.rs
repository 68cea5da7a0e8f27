//! Refusals: the stage that said no, and its code.

use borsh::{BorshDeserialize, BorshSerialize};
use core::fmt;
use quorate_pbft::PublicKey;
use serde::{Deserialize, Serialize};

/// End of the details of refusals for work of which one envelope asks for more than it may.
#[cfg(feature = "execution")]
pub(crate) const TOO_MUCH: &str = "than one may";

/// Detail of refusals for work that an organisation owes.
#[cfg(feature = "execution")]
pub(crate) const NOT_NOW: &str = "envelopes of its organisation, or what they let take effect, have used the work that one may have done at a time: send it again";

/// The eight stages of validation, in order. The first that fails names the refusal.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, BorshSerialize, BorshDeserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Stage {
    /// The envelope's form and size.
    Structure = 1,
    /// Key and signature of the author.
    Signature = 2,
    /// Its place among its author's envelopes, and the bases that it names.
    Sequence = 3,
    /// Its operations against the files.
    Content = 4,
    /// Its domain and its author's membership there.
    Domain = 5,
    /// Formats, schemas, validators and approvals.
    Schema = 6,
    /// Owners, files written once, locks.
    Ownership = 7,
    /// Roles, quotas and rates.
    Access = 8,
}

/// Reason of a refusal, in one word that never changes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, BorshSerialize, BorshDeserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Code {
    /// Not an envelope, or one that breaks a rule of its form.
    Malformed = 1,
    /// Above a limit.
    TooLarge = 2,
    /// Bytes after the end.
    TrailingBytes = 3,
    /// The signature is not the named author's.
    BadSignature = 4,
    /// No such author is enrolled.
    UnknownAuthor = 5,
    /// The author's key was revoked.
    Revoked = 6,
    /// Another envelope holds one of its numbers.
    SequenceTaken = 7,
    /// Range that begins below the next number and is no copy.
    Overlap = 8,
    /// Too far above the next number.
    GapTooWide = 9,
    /// The base is no revision of the past, or no accepted envelope of this author and domain.
    BaseUnknown = 10,
    /// The base lies beyond the horizon.
    BaseTooOld = 11,
    /// The base is an envelope that was refused.
    BaseRefused = 12,
    /// A path that names no file.
    BadPath = 13,
    /// A file stands where a folder is needed.
    PathIsFile = 14,
    /// A folder stands where a file is needed.
    PathIsFolder = 15,
    /// No file of that name in the author's view.
    MissingPath = 16,
    /// No such domain.
    UnknownDomain = 17,
    /// The author is no member of the domain.
    NotMember = 18,
    /// The content does not parse as its format.
    DoesNotParse = 19,
    /// The content breaks its schema.
    Schema = 20,
    /// A validator says no.
    Validator = 21,
    /// Approvals are missing.
    Approvals = 22,
    /// The path belongs to somebody else.
    NotOwner = 23,
    /// The path may be written once.
    WriteOnce = 24,
    /// Lock of another author.
    Lock = 25,
    /// The author's role does not allow it.
    Role = 26,
    /// The domain's or author's quota is used up.
    Quota = 27,
    /// Too many in too short a time.
    Rate = 28,
    /// Act that cannot be proposed, enrolled or revoked so.
    BadAct = 29,
    /// No such open proposal in this domain.
    UnknownProposal = 30,
    /// No such pending change in this domain.
    UnknownPending = 31,
    /// No such open conflict, or no such side of it, in this domain.
    UnknownConflict = 32,
    /// A part of what holds together would come into conflict, or would be overruled.
    WouldConflict = 40,
    /// The domain has changed since the revision that the change is anchored at.
    Anchor = 41,
}

impl Code {
    /// The stage that it belongs to.
    pub fn stage(self) -> Stage {
        match self {
            Self::Malformed | Self::TooLarge | Self::TrailingBytes => Stage::Structure,
            Self::BadSignature | Self::UnknownAuthor | Self::Revoked => Stage::Signature,
            Self::SequenceTaken | Self::Overlap | Self::GapTooWide => Stage::Sequence,
            Self::BaseUnknown | Self::BaseTooOld | Self::BaseRefused => Stage::Sequence,
            Self::BadPath | Self::PathIsFile | Self::PathIsFolder | Self::MissingPath => Stage::Content,
            Self::BadAct | Self::UnknownProposal | Self::UnknownPending | Self::UnknownConflict => Stage::Content,
            Self::WouldConflict => Stage::Content,
            Self::UnknownDomain | Self::NotMember | Self::Anchor => Stage::Domain,
            Self::DoesNotParse | Self::Schema | Self::Validator | Self::Approvals => Stage::Schema,
            Self::NotOwner | Self::WriteOnce | Self::Lock => Stage::Ownership,
            Self::Role | Self::Quota | Self::Rate => Stage::Access,
        }
    }
}

macro_rules! shown_as_in_json {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Serialize::serialize(self, f)
            }
        }
    )*};
}
shown_as_in_json!(Stage, Code);

/// Why an envelope was refused: a code, its stage, and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{stage}: {code}: {detail}")]
pub struct Refusal {
    /// The first stage that failed.
    pub stage: Stage,
    /// Reason of the refusal.
    pub code: Code,
    /// Detail for people: the fault, its place, and what was expected. Bounded; the same on every replica.
    pub detail: String,
}

impl Refusal {
    /// The same, where it happened.
    pub(crate) fn within(self, place: &str) -> Self {
        Self { detail: format!("{place}: {}", self.detail), ..self }
    }

    /// A refusal with this code.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { stage: code.stage(), code, detail: detail.into() }
    }

    /// The refusal of what its author did not sign.
    pub fn forged(author: &PublicKey) -> Self {
        Self::new(Code::BadSignature, format!("not signed by {author}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_stages_are_spelled_as_the_interface_says() {
        assert_eq!(Code::TrailingBytes.to_string(), "trailing-bytes");
        assert_eq!(Code::PathIsFolder.to_string(), "path-is-folder");
        assert_eq!(Code::NotMember.to_string(), "not-member");
        assert_eq!(Stage::Ownership.to_string(), "ownership");
        assert_eq!(serde_json::to_string(&Code::GapTooWide).ok().as_deref(), Some("\"gap-too-wide\""));
    }

    #[test]
    fn a_refusal_names_the_stage_of_its_code() {
        let refusal = Refusal::new(Code::BaseTooOld, "x");
        assert_eq!(refusal.to_string(), "sequence: base-too-old: x");
    }
}
