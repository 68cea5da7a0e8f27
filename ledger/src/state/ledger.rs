//! The ledger: what of the state is in memory, and the doors in.

mod opening;
mod restart;

use crate::format::check::EnvelopeCheck;
use crate::format::constants::{GROUP, GROUP_DOMAIN};
use crate::format::genesis::Genesis;
use crate::format::rules::{BRANCHES_SINCE, RULES};
use crate::policy::GroupPolicy;
use crate::state::domain::{Decision, Domain, Domains};
use crate::state::name;
use crate::state::overlay::Overlay;
use crate::state::record::{DomainRoot, Head, Usage};
use crate::state::rules::rules_name;
use crate::state::scope::Scope;
use crate::state::store::{StoreError, Table};
use crate::state::tree::{Tree, state_root};
use crate::vocabulary::revision::Revision;
use quorate_pbft::{Committee, Digest, Epoch, ExecutedPoint, SeqNum};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The row of [`Table::Meta`] that holds the genesis file.
pub(crate) const GENESIS: &[u8] = b"genesis";
/// The row of [`Table::Meta`] that holds the state root, to check what is read at open.
pub(crate) const ROOT: &[u8] = b"state-root";

pub use opening::OpenError;
use opening::other_rules;
pub(crate) use opening::{domain_record, domain_records, group_domain, voters};

/// The executed state's top. A clone is a version, and cheap: clone before a batch, put it back if the commit fails.
#[derive(Debug, Clone)]
pub struct Ledger {
    genesis: Arc<Genesis>,
    head: Head,
    executed: ExecutedPoint,
    /// The voters of the head's epoch.
    voters: Arc<Committee>,
    /// The rules of the head's epoch.
    rules: u32,
    /// The voters of the next epoch, from the slot that names them on.
    next: Option<Arc<Committee>>,
    /// The rules of the next epoch, or of this one while none is known.
    next_rules: u32,
    group: Tree,
    domains: Arc<Domains>,
    policy: Arc<GroupPolicy>,
    organisations: u32,
    /// Contents that slots have named since they were taken last; none where nobody wants to know.
    named: Option<BTreeSet<Digest>>,
    /// Domains whose trees are here; none where all are.
    scope: Option<Arc<Scope>>,
}

impl Ledger {
    /// Root of the whole state.
    pub fn state_root(&self) -> Digest {
        state_root(&self.group.root(), self.group.count())
    }

    /// Entries of the whole state.
    pub fn entries(&self) -> u64 {
        let domains = self.domains.values().filter(|domain| domain.record.number != GROUP);
        self.group.count() + domains.map(|domain| domain.tree.count()).sum::<u64>()
    }

    /// The genesis.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Executed point, as the core wants to know it.
    pub fn executed(&self) -> &ExecutedPoint {
        &self.executed
    }

    /// The newest revision.
    pub fn revision(&self) -> Revision {
        Revision::slot(self.head.seq)
    }

    /// Head of the group's state.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The voters of the last executed slot's epoch.
    pub fn voters(&self) -> &Committee {
        &self.voters
    }

    /// The voters of the next epoch, with the last slot of this one, once both are known.
    pub fn next_voters(&self) -> Option<&Committee> {
        self.next.as_deref()
    }

    /// The rules of the last executed slot's epoch.
    pub fn rules(&self) -> u32 {
        self.rules
    }

    /// The rules of the next epoch, once it is named; until then those of this one.
    pub fn next_rules(&self) -> u32 {
        self.next_rules
    }

    /// Has a check of lanes go by the rules of this epoch, and of the next if that is known; belongs before messages of that one are
    /// checked.
    pub fn guide(&self, check: &EnvelopeCheck) {
        check.know_branches_from(match (self.rules, self.next_rules) {
            (BRANCHES_SINCE.., _) => 0,
            (_, BRANCHES_SINCE..) => self.head.epoch.next().get(),
            _ => u64::MAX,
        });
    }

    /// Rules of the next epoch that this program cannot execute.
    pub fn unknown_rules(&self) -> Option<u32> {
        Some(self.next_rules).filter(|rules| !RULES.contains(*rules))
    }

    /// Says whether this program can execute the next epoch.
    pub fn check_next_rules(&self) -> Result<(), OpenError> {
        self.unknown_rules().map_or(Ok(()), |rules| Err(other_rules(format!("rules {rules}"))))
    }

    /// The slot after which a reconfiguration takes effect that this slot decides (M1).
    pub(crate) fn boundary(&self, seq: SeqNum) -> SeqNum {
        let constants = self.genesis.constants();
        let (least, period) = (seq.get().saturating_add(constants.window), constants.checkpoint_period);
        SeqNum::new(least.div_ceil(period).saturating_mul(period))
    }

    /// Enters the epoch of a decided slot, where it is the first of the next one. The name of its rules, if it brings others.
    pub(crate) fn enter(&mut self, epoch: Epoch, seq: SeqNum) -> Result<Option<String>, StoreError> {
        if epoch == self.head.epoch {
            let last = self.next_voters().map(Committee::base);
            assert!(last.is_none_or(|last| seq <= last), "no slot of an epoch lies above its last one (M1)");
            return Ok(None);
        }
        let next = self.next.take().expect("an epoch begins where its members are known (M1)");
        assert!(
            next.epoch() == epoch && next.base().next() == seq,
            "an epoch begins after the last slot of the one before"
        );
        self.head.enter(epoch, next.len());
        self.voters = next;
        self.check_next_rules().map_err(|error| StoreError(error.to_string()))?;
        let name = rules_name(self.next_rules).expect("just checked");
        let is_other = self.rules != self.next_rules;
        self.rules = self.next_rules;
        Ok(is_other.then_some(name))
    }

    pub(crate) fn voters_shared(&self) -> Arc<Committee> {
        Arc::clone(&self.voters)
    }

    pub(crate) fn genesis_shared(&self) -> Arc<Genesis> {
        Arc::clone(&self.genesis)
    }

    pub(crate) fn group_policy(&self) -> Arc<GroupPolicy> {
        Arc::clone(&self.policy)
    }

    pub(crate) fn organisations(&self) -> u32 {
        self.organisations
    }

    pub(crate) fn head_mut(&mut self) -> &mut Head {
        &mut self.head
    }

    pub(crate) fn group(&self) -> &Tree {
        &self.group
    }

    pub(crate) fn domain(&self, name: &str) -> Option<&Domain> {
        self.domains.get(name).map(|domain| &**domain)
    }

    /// Name of the domain with this number.
    pub(crate) fn domain_named(&self, number: u32) -> Option<&str> {
        let found = self.domains.iter().find(|(_, domain)| domain.record.number == number);
        found.map(|(name, _)| name.as_str())
    }

    /// Whether the tree of a domain is here.
    pub fn holds(&self, domain: &str) -> bool {
        domain == GROUP_DOMAIN || self.scope.as_ref().is_none_or(|scope| scope.contains(domain))
    }

    /// Domains whose trees are here; none where all are.
    pub fn scope(&self) -> Option<&Scope> {
        self.scope.as_deref()
    }

    /// The same, of which the trees of some domains alone are here.
    pub(crate) fn within(self, scope: Arc<Scope>) -> Self {
        Self { scope: Some(scope), ..self }
    }

    pub(crate) fn domain_mut(&mut self, name: &str) -> &mut Domain {
        let domain = Arc::make_mut(&mut self.domains).get_mut(name).expect("domains are never removed");
        Arc::make_mut(domain)
    }

    pub(crate) fn domains(&self) -> &Domains {
        &self.domains
    }

    pub(crate) fn domains_shared(&self) -> Arc<Domains> {
        Arc::clone(&self.domains)
    }

    /// Contents that slots have named since the last call. The next slots add to `next`, if there is one.
    pub(crate) fn replace_named(&mut self, next: Option<BTreeSet<Digest>>) -> Option<BTreeSet<Digest>> {
        core::mem::replace(&mut self.named, next)
    }

    /// Keeps in memory what was decided.
    pub(crate) fn take_note(&mut self, decision: Decision) {
        match decision {
            Decision::Domain(name, record) => {
                let domains = Arc::make_mut(&mut self.domains);
                let domain = domains.entry(name).or_insert_with(|| {
                    let (tree, usage) = (Tree::empty(record.number), Usage::default());
                    Arc::new(Domain { tree, usage, record: record.clone() })
                });
                Arc::make_mut(domain).record = record;
            }
            Decision::Group(policy) => self.policy = Arc::new(policy),
            Decision::Organisation => self.organisations += 1,
            Decision::Next(members, rules) => (self.next, self.next_rules) = (Some(Arc::new(members)), rules),
        }
    }

    /// Writes the entries of a slot, hashes the trees that they touch, and stores the root.
    pub(crate) fn commit(&mut self, overlay: &mut Overlay) -> Result<(), StoreError> {
        let mut changes = overlay.write()?;
        let mut group = changes.remove(&GROUP).unwrap_or_default();
        for (name, domain) in Arc::make_mut(&mut self.domains) {
            let Some(changes) = changes.remove(&domain.record.number) else {
                continue;
            };
            let domain = Arc::make_mut(domain);
            domain.tree.touch(&changes);
            let root = DomainRoot { root: domain.tree.root(), count: domain.tree.count() };
            overlay.put(GROUP, name::domain_root(name), &root);
        }
        overlay.put(GROUP, name::HEAD.to_vec(), &self.head);
        group.extend(overlay.write()?.remove(&GROUP).unwrap_or_default());
        self.group.touch(&group);
        self.executed = self.point();
        self.named = overlay.take_named();
        let root = self.executed.state_root;
        overlay.put_now(Table::Meta, ROOT, &root.0)
    }

    fn point(&self) -> ExecutedPoint {
        let head = &self.head;
        let after = self.next.as_ref().filter(|next| next.base() == head.seq).unwrap_or(&self.voters);
        ExecutedPoint {
            epoch: head.epoch,
            seq: head.seq,
            lane_hash: head.lane_hash,
            tips: head.tips.clone(),
            lane_bytes: head.lane_bytes.clone(),
            time: head.time,
            state_root: self.state_root(),
            members_after: after.digest(),
            next: self.next.clone(),
        }
    }
}
