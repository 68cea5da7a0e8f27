//! Transactions: one envelope with changes of several domains of one group, executed at one position.
//!
//! The first changes of the envelope are its own domain's. Each change after them begins with [`Op::Enter`], which
//! names another domain and the author's number there, and is for that domain; its base is a revision. The envelope
//! takes effect in all domains at one revision, and uses its numbers in all of them; or it is refused, once, and uses
//! none. Each domain consents by its own policy, as if the change had come alone (the anchor check): membership, path
//! rules, locks and quota, and with [`Op::Anchor`] that nothing has changed there since the revision that the author
//! read. As for compositions, a conflict is a refusal. A change that would have to wait for approvals or attestations
//! is refused: a transaction is decided where it is ordered.
//!
//! This is for domains that one order covers, so nothing has to be prepared. Between groups no position is common: see
//! [`two_phase`](crate::format::two_phase).

use crate::format::body::Body;
use crate::format::change::{Base, Change, Op, OpKind};
use crate::format::constants::GROUP_DOMAIN;

/// Domains of one envelope beside its own.
pub(crate) const DOMAINS_MAX: usize = 16;

/// A change for another domain than its envelope's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entered<'a> {
    pub(crate) domain: &'a str,
    /// The author's number there.
    pub(crate) seq: u64,
    /// The author's attempt for it.
    pub(crate) attempt: u64,
    pub(crate) change: &'a Change,
}

/// The changes of an envelope for other domains, in order.
pub(crate) fn entered(body: &Body) -> impl Iterator<Item = Entered<'_>> {
    body.changes.iter().filter_map(|change| match change.ops.first() {
        Some(Op::Enter { domain, seq, attempt }) => Some(Entered { domain, seq: *seq, attempt: *attempt, change }),
        _ => None,
    })
}

impl Body {
    /// Domain, number and attempt of each change for another domain than the envelope's.
    pub fn elsewhere(&self) -> Vec<(String, u64, u64)> {
        entered(self).map(|entered| (entered.domain.to_owned(), entered.seq, entered.attempt)).collect()
    }
}

/// True for operations that a transaction may hold for another domain than its own.
fn is_for_others(op: &Op) -> bool {
    match op.kind() {
        OpKind::File | OpKind::Lock => true,
        OpKind::Transaction => matches!(op, Op::Anchor { .. }),
        OpKind::Governance | OpKind::Opinion => false,
    }
}

/// Fault in the form of a transaction; none for other envelopes.
pub(crate) fn malformed(body: &Body) -> Option<&'static str> {
    let is_enter = |op: &Op| matches!(op, Op::Enter { .. });
    let first = body.changes.iter().position(|change| change.ops.iter().any(is_enter))?;
    let (own, rest) = body.changes.split_at(first);
    let parts: Vec<Entered> = entered(body).collect();
    let mut domains: Vec<&str> = parts.iter().map(|part| part.domain).chain([body.domain.as_str()]).collect();
    domains.sort_unstable();
    let faults = [
        (own.is_empty(), "a transaction begins with a change of its own domain"),
        (parts.len() != rest.len(), "after the first change for another domain, each is for another one"),
        (parts.len() > DOMAINS_MAX, "a transaction is for too many domains"),
        (domains.contains(&GROUP_DOMAIN), "the group's own domain takes part in no transaction"),
        (domains.windows(2).any(|pair| pair[0] == pair[1]), "a transaction enters a domain twice"),
        (parts.iter().any(|part| part.seq == 0 || part.attempt == 0), "numbers and attempts start at 1"),
        (
            rest.iter().flat_map(|change| change.ops.iter().skip(1)).any(|op| !is_for_others(op)),
            "a change for another domain is about its files and locks",
        ),
        (
            rest.iter().any(|change| !matches!(change.base, Base::Revision(_))),
            "the base of a change for another domain is a revision",
        ),
    ];
    faults.iter().find(|(is_so, _)| *is_so).map(|(_, fault)| *fault)
}
