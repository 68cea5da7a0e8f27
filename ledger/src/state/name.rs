//! Names of entries: one byte for the kind, then what tells one from the next. Parts of a name are joined by a NUL.

use crate::vocabulary::ids::{ConflictId, EnvelopeId, ProposalId, TransactionId};
use quorate_pbft::{Digest, Epoch, EvidenceKind, PublicKey};

/// Head of the group: [`super::record::Head`].
pub(crate) const HEAD: &[u8] = b"H";
/// Which rules the group executes by.
pub(crate) const RULES: &[u8] = b"R";
/// Slots of the last hour of ledger time, in the group's tree: [`super::horizon::Marks`].
pub(crate) const RECENT: &[u8] = b"T";
/// Usage of a domain for old contents: [`super::record::Usage`].
pub(crate) const USAGE: &[u8] = b"U";

/// Count of the organisations, in the group's tree.
pub(crate) const ORGANISATIONS: &[u8] = b"N";
/// Count of the organisations that have a voice: somebody is enrolled for them. In the group's tree.
pub(crate) const ACTIVE_ORGANISATIONS: &[u8] = b"V";

/// The group's own policy, in the group's tree.
pub(crate) const POLICY: &[u8] = b"P";

/// The revision that put the policy in force there, in a domain's tree, or the group's; none for one of before rules 16.
pub(crate) const POLICY_SINCE: &[u8] = b"S";

/// Work that an organisation owes, in the group's tree: [`super::record::WorkOwed`].
pub(crate) fn work_of_organisation(name: &str) -> Vec<u8> {
    named(b'W', name.as_bytes())
}

/// Work that a member owes, in the group's tree.
pub(crate) fn work_of_member(key: &PublicKey) -> Vec<u8> {
    named(b'X', &key.0)
}

/// The numbers of a domain's line of locks, in its tree.
pub(crate) const LOCKS: &[u8] = b"K";

/// The locks at a path, and who waits for it, in its domain's tree.
pub(crate) fn lock(path: &str) -> Vec<u8> {
    named(b'k', path.as_bytes())
}

/// Places of an author's locks, held or awaited, in the group's tree.
pub(crate) fn author_locks(key: &PublicKey) -> Vec<u8> {
    named(b'j', &key.0)
}

/// A proposal, in the tree of the domain that it concerns.
pub(crate) fn proposal(id: &ProposalId) -> Vec<u8> {
    named(b'p', id.0.as_bytes())
}

/// Ids of an organisation's open proposals, in the tree of the domain that they concern; those of before rules 16 are not among them.
pub(crate) fn open_proposals(organisation: &str) -> Vec<u8> {
    named(b'n', organisation.as_bytes())
}

/// A change that waits for the word of others, in its domain's tree.
pub(crate) fn pending(id: &EnvelopeId) -> Vec<u8> {
    named(b'w', id.0.as_bytes())
}

/// A change that waited for the word of others and was refused in the end, in its domain's tree.
pub(crate) fn refused(id: &EnvelopeId) -> Vec<u8> {
    named(b'z', id.0.as_bytes())
}

fn named(kind: u8, name: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + name.len());
    bytes.push(kind);
    bytes.extend_from_slice(name);
    bytes
}

/// A domain's rules, in the group's tree.
pub(crate) fn domain(name: &str) -> Vec<u8> {
    named(b'd', name.as_bytes())
}

/// A domain's root, in the group's tree.
pub(crate) fn domain_root(name: &str) -> Vec<u8> {
    named(b't', name.as_bytes())
}

/// Domain of whose root this is the name.
pub(crate) fn domain_of_root(name: &[u8]) -> Option<&str> {
    name.strip_prefix(b"t").and_then(|domain| core::str::from_utf8(domain).ok())
}

/// An organisation, in the group's tree.
pub(crate) fn organisation(name: &str) -> Vec<u8> {
    named(b'o', name.as_bytes())
}

/// Count of an organisation's keys that are enrolled and not revoked, in the group's tree.
pub(crate) fn authors_of(organisation: &str) -> Vec<u8> {
    named(b'v', organisation.as_bytes())
}

/// An author's enrolment, in the group's tree.
pub(crate) fn author(key: &PublicKey) -> Vec<u8> {
    named(b'a', &key.0)
}

/// Before the key in the name of an observer's enrolment.
pub(crate) const OBSERVER: &[u8] = b"O";

/// Enrolment of an observer, in the group's tree.
pub(crate) fn observer(key: &PublicKey) -> Vec<u8> {
    [OBSERVER, &key.0].concat()
}

/// Count of all observers, in the group's tree.
pub(crate) const OBSERVERS: &[u8] = b"B";

/// Count of an organisation's observers, in the group's tree.
pub(crate) fn observers_of(organisation: &str) -> Vec<u8> {
    named(b'B', organisation.as_bytes())
}

/// Members of an epoch, in the group's tree.
pub(crate) fn epoch(epoch: Epoch) -> Vec<u8> {
    named(b'm', &epoch.get().to_be_bytes())
}

/// A key that is a member's, or was one, in the group's tree.
pub(crate) fn member(key: &PublicKey) -> Vec<u8> {
    named(b'M', &key.0)
}

/// Evidence against a replica's key, in the group's tree.
pub(crate) fn evidence(key: &PublicKey, epoch: Epoch, kind: EvidenceKind) -> Vec<u8> {
    let mut name = named(b'e', &key.0);
    name.extend_from_slice(&epoch.get().to_be_bytes());
    name.push(kind as u8);
    name
}

/// Count of recorded evidence against a replica's key, in the group's tree.
pub(crate) fn offences(key: &PublicKey) -> Vec<u8> {
    named(b'x', &key.0)
}

/// Service of a replica's lane, by its key, in the group's tree.
pub(crate) fn service(key: &PublicKey) -> Vec<u8> {
    named(b'y', &key.0)
}

/// A file, in its domain's tree.
pub(crate) fn file(path: &str) -> Vec<u8> {
    named(b'f', path.as_bytes())
}

/// Kind of the names of authors' numbers.
pub(crate) const SEQUENCE: u8 = b's';

/// An author's numbers, in the domain's tree.
pub(crate) fn sequence(key: &PublicKey) -> Vec<u8> {
    named(SEQUENCE, &key.0)
}

/// Fill of an author's rate, in the domain's tree.
pub(crate) fn taken_by_author(key: &PublicKey) -> Vec<u8> {
    named(b'q', &key.0)
}

/// Fill of an organisation's rate, in the domain's tree.
pub(crate) fn taken_by_organisation(name: &str) -> Vec<u8> {
    named(b'Q', name.as_bytes())
}

/// A conflict, in its domain's tree.
pub(crate) fn conflict(id: &ConflictId) -> Vec<u8> {
    named(b'c', id.0.as_bytes())
}

/// First byte of the names of branches.
pub(crate) const TRANSACTION: u8 = b'g';

/// The group's branch of a transaction over several groups, in the group's tree.
pub(crate) fn transaction(id: &TransactionId) -> Vec<u8> {
    named(TRANSACTION, id.0.as_bytes())
}

/// What a branch has promised to write, in its domain's tree.
pub(crate) fn promise(id: &TransactionId) -> Vec<u8> {
    named(b'l', id.0.as_bytes())
}

/// Count of an organisation's branches that are not decided, in their domain's tree.
pub(crate) fn open_branches(organisation: &str) -> Vec<u8> {
    named(b'i', organisation.as_bytes())
}

/// First byte of the names of other groups.
pub(crate) const FOREIGN: u8 = b'G';

/// Another group whose proofs count, in the group's tree.
pub(crate) fn foreign(group: &Digest) -> Vec<u8> {
    named(FOREIGN, group.as_bytes())
}
