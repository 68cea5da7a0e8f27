//! Naming the guilty after more than f replicas were faulty (E4).
//!
//! Two certificates that contradict each other exist only if q − f or more replicas lied. In one view (or beside each
//! other in a lane) their common signers did. Across views those may be honest; then the lie stands in the first start
//! that does not carry what was decided: in a ViewChange that leaves it out, in one whose entry a start on the way
//! contradicts, or in the start itself. All of these are pairs of signed things, so whoever has the remains of the
//! group need only hold everything against everything: no path through the views has to be guessed.
//!
//! Remains are not believed: a finding is proved like any evidence, or it is not named.

use crate::evidence::proof::{Evidence, EvidenceKey};
use crate::evidence::view_evidence::{InvalidNewView, InvalidViewChange, Omission};
use crate::views::view_change::{NewView, ViewChange};
use crate::wire::{ClaimedCert, Digest, Kind, QuorumCert, ReplicaId, SeqNum, Signed, Statement, VerifyContext, View};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Pieces found at one position that are looked at: two words of each store of the largest group.
const WORDS_PER_POSITION_MAX: usize = 512;

/// Remains of a group, in stores or elsewhere: all of one epoch, all of it unread.
#[derive(Debug, Clone, Default)]
pub struct Remains {
    /// Statements of anybody.
    pub statements: Vec<Signed>,
    /// Certificates of any kind.
    pub certificates: Vec<ClaimedCert>,
    /// ViewChanges for views.
    pub view_changes: Vec<(Signed, Arc<ViewChange>)>,
    /// NewViews.
    pub new_views: Vec<(Signed, Arc<NewView>)>,
    /// Proofs that somebody made before.
    pub evidence: Vec<Evidence>,
}

/// Two certificates that cannot both come from a group with at most f liars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Certificate of the lower view.
    pub first: QuorumCert,
    /// The other.
    pub second: QuorumCert,
}

/// Proofs and conflicts found in remains.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    /// Certificates that contradict each other, one pair for each slot, checkpoint or lane position.
    pub conflicts: Vec<Conflict>,
    /// Valid evidence, one piece for each signer and kind, ascending.
    pub proofs: Vec<Evidence>,
}

impl Findings {
    /// Replicas that are proved guilty of something.
    pub fn culprits(&self) -> BTreeSet<ReplicaId> {
        self.proofs.iter().map(|proof| proof.key().signer).collect()
    }
}

impl Remains {
    /// Adds what somebody else left.
    pub fn extend(&mut self, other: Self) {
        self.statements.extend(other.statements);
        self.certificates.extend(other.certificates);
        self.view_changes.extend(other.view_changes);
        self.new_views.extend(other.new_views);
        self.evidence.extend(other.evidence);
    }

    /// Holds everything against everything.
    pub fn investigate(&self, context: &VerifyContext<'_>) -> Findings {
        let mut inquest = Inquest::new(self, context);
        inquest.equivocations();
        inquest.view_changes();
        inquest.new_views();
        let conflicts = inquest.conflicts(self);
        let known = self.evidence.iter().cloned();
        known.for_each(|evidence| inquest.accuse(evidence));
        Findings { conflicts, proofs: inquest.proofs.into_values().collect() }
    }
}

/// Place at which two words of one signer cannot both be honest: votes of one view and slot are one place (E2).
type Position = (ReplicaId, Option<Kind>, View, SeqNum);

fn position(signed: &Signed) -> Option<Position> {
    let Statement { kind, view, seq, .. } = signed.statement;
    let kind = (!kind.is_vote()).then_some(kind);
    (kind != Some(Kind::Status)).then_some((signed.signer, kind, view, seq))
}

struct Inquest<'a> {
    context: &'a VerifyContext<'a>,
    words: BTreeMap<Position, Vec<Signed>>,
    /// By digest, each with the statement that names it; only bodies that are what their statements say.
    view_changes: BTreeMap<(ReplicaId, Digest), (Signed, Arc<ViewChange>)>,
    new_views: BTreeMap<Digest, (Signed, Arc<NewView>)>,
    proofs: BTreeMap<EvidenceKey, Evidence>,
}

impl<'a> Inquest<'a> {
    fn new(remains: &Remains, context: &'a VerifyContext<'a>) -> Self {
        let mut inquest = Self {
            context,
            words: BTreeMap::new(),
            view_changes: BTreeMap::new(),
            new_views: BTreeMap::new(),
            proofs: BTreeMap::new(),
        };
        remains.new_views.iter().for_each(|(signed, body)| inquest.read_start(signed, body));
        remains.view_changes.iter().for_each(|(signed, body)| inquest.read_view_change(signed, body));
        remains.certificates.iter().for_each(|claimed| inquest.read_certificate(claimed));
        remains.statements.iter().for_each(|signed| inquest.read(*signed));
        remains.evidence.iter().flat_map(Evidence::statements).for_each(|signed| inquest.read(signed));
        inquest
    }

    /// Signatures are verified when two words stand against each other: nearly none ever does.
    fn read(&mut self, signed: Signed) {
        let Some(position) = position(&signed) else { return };
        let words = self.words.entry(position).or_default();
        // A forged word beside a genuine one must not hide it.
        let known = words.iter().any(|word| (word.statement, word.signature) == (signed.statement, signed.signature));
        if !known && words.len() < WORDS_PER_POSITION_MAX {
            words.push(signed);
        }
    }

    fn read_certificate(&mut self, claimed: &ClaimedCert) {
        let ClaimedCert { kind, view, seq, digest, .. } = *claimed;
        let (group, epoch) = (self.context.committee.group(), self.context.committee.epoch());
        let statement = Statement { group, epoch, kind, view, seq, digest };
        for (signer, signature) in &claimed.signatures {
            self.read(Signed { statement, signer: *signer, signature: *signature });
        }
    }

    fn read_view_change(&mut self, signed: &Signed, body: &Arc<ViewChange>) {
        let window = self.context.constants.window;
        let small = body.prepared.len() as u64 <= window && body.voted.len() as u64 <= window;
        let named = (signed.signer, signed.statement.digest);
        if !small || self.view_changes.contains_key(&named) {
            return;
        }
        let whole = signed.statement.kind == Kind::ViewChange && signed.statement.digest == body.digest(window);
        if !whole || !signed.is_valid(self.context.committee, self.context.verify) {
            return;
        }
        self.read(*signed);
        self.view_changes.insert(named, (*signed, body.clone()));
        body.checkpoint.iter().for_each(|claimed| self.read_certificate(claimed));
        for entry in &body.prepared {
            self.read_certificate(&entry.certificate);
            self.read(entry.pre_prepare);
        }
        body.voted.iter().for_each(|entry| self.read(entry.pre_prepare));
    }

    fn read_start(&mut self, signed: &Signed, body: &Arc<NewView>) {
        let window = self.context.constants.window;
        let digest = signed.statement.digest;
        let small = body.pre_prepares.len() as u64 <= window && body.view_changes.len() <= self.context.committee.len();
        if !small || self.new_views.contains_key(&digest) {
            return;
        }
        let whole = signed.statement.kind == Kind::NewView && digest == body.digest(window);
        if !whole || !signed.is_valid(self.context.committee, self.context.verify) {
            return;
        }
        self.read(*signed);
        self.new_views.insert(digest, (*signed, body.clone()));
        body.view_changes.iter().for_each(|(signed, view_change)| self.read_view_change(signed, view_change));
        body.pre_prepares.iter().for_each(|signed| self.read(*signed));
    }

    /// Adds a proof that verifies, if it is the first of its signer and kind.
    fn accuse(&mut self, evidence: Evidence) {
        let key = evidence.key();
        if !self.proofs.contains_key(&key) && evidence.is_valid_in_remains(self.context) {
            self.proofs.insert(key, evidence);
        }
    }

    /// E2.
    fn equivocations(&mut self) {
        let split = |words: &&Vec<Signed>| words.iter().any(|word| word.statement.digest != words[0].statement.digest);
        let split: Vec<Vec<Signed>> = self.words.values().filter(split).cloned().collect();
        for words in split {
            let (committee, verify) = (self.context.committee, self.context.verify);
            let genuine: Vec<Signed> = words.into_iter().filter(|word| word.is_valid(committee, verify)).collect();
            let Some((first, others)) = genuine.split_first() else { continue };
            if let Some(pair) = others.iter().find_map(|other| Evidence::pair(first, other)) {
                self.accuse(pair);
            }
        }
    }

    /// E3: ViewChanges that are not sound, that a start contradicts which they name, or that leave something out.
    fn view_changes(&mut self) {
        let window = self.context.constants.window;
        for (signed, body) in self.view_changes.clone().into_values() {
            if let Some(found) = InvalidViewChange::find(&signed, &body, self.context) {
                self.accuse(Evidence::InvalidViewChange(Box::new(found)));
            }
            let named: BTreeSet<Digest> = body.named().map(|(_, digest)| digest).collect();
            for digest in named {
                let Some((start, named)) = self.new_views.get(&digest) else { continue };
                if let Some(found) = InvalidViewChange::against(&signed, &body, start, named, window) {
                    self.accuse(Evidence::InvalidViewChange(Box::new(found)));
                }
            }
            self.omissions(&signed, &body);
        }
    }

    fn omissions(&mut self, view_change: &Signed, body: &ViewChange) {
        let window = self.context.constants.window;
        let from = (view_change.signer, None, View::new(0), SeqNum::new(0));
        let to = (view_change.signer, None, body.view, SeqNum::new(0));
        let votes = self.words.range(from..to).flat_map(|(_, words)| words);
        let left_out: Vec<_> = votes.filter_map(|vote| Omission::find(vote, view_change, body, window)).collect();
        for found in left_out {
            self.accuse(Evidence::Omission(Box::new(found)));
        }
    }

    /// E3: starts that do not follow from their ViewChanges.
    fn new_views(&mut self) {
        let (committee, window) = (self.context.committee, self.context.constants.window);
        for (signed, body) in self.new_views.clone().into_values() {
            if let Some(found) = InvalidNewView::find(&signed, &body, committee, window) {
                self.accuse(Evidence::InvalidNewView(Box::new(found)));
            }
        }
    }

    /// Valid certificates that say different things of one slot, state or lane position: for each the first such pair.
    fn conflicts(&self, remains: &Remains) -> Vec<Conflict> {
        let mut places: BTreeMap<(Kind, View, SeqNum), Vec<&ClaimedCert>> = BTreeMap::new();
        for claimed in remains.certificates.iter().filter(|claimed| self.decides(claimed)) {
            let place = match claimed.kind {
                Kind::Ack => (Kind::Ack, claimed.view, claimed.seq),
                Kind::Checkpoint => (Kind::Checkpoint, View::new(0), claimed.seq),
                _ => (Kind::Commit, View::new(0), claimed.seq),
            };
            places.entry(place).or_default().push(claimed);
        }
        places.into_values().filter_map(|claims| self.conflict(claims)).collect()
    }

    /// N4, N5: q Commits, or Prepares of all.
    fn decides(&self, claimed: &ClaimedCert) -> bool {
        let fast = claimed.kind == Kind::Prepare && claimed.signatures.len() == self.context.committee.len();
        fast || matches!(claimed.kind, Kind::Commit | Kind::Checkpoint | Kind::Ack)
    }

    fn conflict(&self, claims: Vec<&ClaimedCert>) -> Option<Conflict> {
        let first = claims.first()?.digest;
        if claims.iter().all(|claimed| claimed.digest == first) {
            return None;
        }
        let check = |claimed: &&ClaimedCert| self.context.committee.check((*claimed).clone(), self.context.verify).ok();
        let mut genuine: Vec<QuorumCert> = claims.iter().filter_map(check).collect();
        genuine.sort_by_key(|certificate| certificate.view());
        let first = genuine.first()?.clone();
        let second = genuine.into_iter().find(|other| other.digest() != first.digest())?;
        Some(Conflict { first, second })
    }
}
