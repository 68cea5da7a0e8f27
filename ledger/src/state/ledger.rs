//! The ledger: what of the state is in memory, and the doors in.

mod restart;

use crate::format::constants::{GROUP, GROUP_DOMAIN};
use crate::format::genesis::Genesis;
use crate::format::rules::RULES;
use crate::policy::{DomainPolicy, GroupPolicy};
use crate::state::domain::{Decision, Domain, Domains};
use crate::state::entry::Entries;
use crate::state::overlay::Overlay;
use crate::state::record::{AuthorRecord, DomainRecord, DomainRoot, EpochRecord, Head, MemberRecord, Usage};
use crate::state::rules::rules_name;
use crate::state::scope::{self, Scope};
use crate::state::store::{Read, Store, StoreError, Table};
use crate::state::tree::{Tree, state_root};
use crate::state::{entry, name};
use crate::vocabulary::name::Principal;
use crate::vocabulary::revision::Revision;
use quorate_pbft::{Committee, Digest, Epoch, ExecutedPoint, SeqNum};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The row of [`Table::Meta`] that holds the genesis file.
pub(crate) const GENESIS: &[u8] = b"genesis";
/// The row of [`Table::Meta`] that holds the state root, to check what is read at open.
pub(crate) const ROOT: &[u8] = b"state-root";

/// Why a ledger does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The disk said no, or what is on it cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No ledger was created here.
    #[error("there is no ledger here")]
    Absent,
    /// There is one already.
    #[error("there is a ledger here already")]
    Present,
    /// Ledger of another group.
    #[error("the ledger is of another genesis")]
    OtherGenesis,
    /// Ledger that was executed by other rules than this program's.
    #[error("the group executes by {theirs:?}, and this program by {ours}: start one that knows those rules")]
    OtherRules {
        /// On the disk, or in the genesis.
        theirs: String,
        /// In this program.
        ours: String,
    },
    /// A group that goes on from another one's state, which is not in its genesis.
    #[error(
        "the group goes on from slot {seq} of group {group}, and that state is not in its genesis: with a key that never voted in this \
         group `quorate init --from SNAPSHOT` begins with it; else `quorate copy` has the state of now from a node that runs"
    )]
    Restarted {
        /// The group that is over.
        group: Digest,
        /// Slot of its state.
        seq: u64,
    },
    /// A state that a group cannot go on from, or not with these members.
    #[error("the group cannot go on from this state: {0}")]
    NotRestarted(String),
    /// State of which only the trees of some domains are here.
    #[error("only {} of the group's state is here", scope::named(.0))]
    Scoped(Scope),
    /// State of all domains, where those of some alone are to be kept.
    #[error("the state of all domains is here")]
    Whole,
    /// The entries do not hash to the root that was stored with them.
    #[error("the state on disk does not hash to its root: {found} is not {expected}")]
    Damaged {
        /// The root that was stored.
        expected: Digest,
        /// Root of the entries as they are.
        found: Digest,
    },
    /// The entries of a domain do not hash to the root that the state names for it.
    #[error(
        "the state on disk is damaged: the entries of domain {0:?} do not hash to the root that the state names for it"
    )]
    DamagedDomain(String),
}

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
    /// Writes the state that the genesis makes into an empty store.
    pub fn create(store: &mut dyn Store, genesis: &Genesis) -> Result<Self, OpenError> {
        if store.get(Table::Meta, GENESIS)?.is_some() {
            return Err(OpenError::Present);
        }
        if let Some((restart, _)) = genesis.restarted() {
            return Err(OpenError::Restarted { group: restart.group, seq: restart.seq });
        }
        let rules = rules_name(genesis.rules()).ok_or_else(|| other_rules(format!("rules {}", genesis.rules())))?;
        store.put(Table::Meta, GENESIS, genesis.bytes())?;
        let mut ledger = Self::at_genesis(genesis);
        let mut overlay = Overlay::new(store, None);
        ledger.found(&rules, &mut overlay);
        ledger.commit(&mut overlay)?;
        Ok(ledger)
    }

    /// Reads the top of the state back, and checks all entries against the stored root.
    pub fn open(read: &dyn Read, genesis: &Genesis) -> Result<Self, OpenError> {
        let stored = read.get(Table::Meta, GENESIS)?.ok_or(OpenError::Absent)?;
        if stored != genesis.bytes() {
            return Err(OpenError::OtherGenesis);
        }
        if let Some(scope) = scope::load(read)? {
            return Err(OpenError::Scoped(scope));
        }
        let ledger = Self::over(read, genesis, (Tree::open(GROUP, read)?, open_domains(read)?), None)?;
        let expected = required(read.get(Table::Meta, ROOT)?.and_then(|root| root.try_into().ok()), "the root")?;
        let (expected, found) = (Digest(expected), ledger.state_root());
        let damaged = ledger.damaged_domain(read)?;
        entry::check_rows(read)?;
        match damaged {
            _ if found != expected => Err(OpenError::Damaged { expected, found }),
            Some(domain) => Err(OpenError::DamagedDomain(domain)),
            None => Ok(ledger),
        }
    }

    /// Whether a store was written to its end: a copy that is not whole has no root.
    pub fn is_whole(read: &dyn Read) -> Result<bool, StoreError> {
        Ok(read.get(Table::Meta, ROOT)?.is_some())
    }

    /// The ledger over trees that are known: of all domains, or of those in a scope. The latter executes nothing, and holds a
    /// state of any rules.
    pub(crate) fn over(
        read: &dyn Read,
        genesis: &Genesis,
        (group, domains): (Tree, Domains),
        scope: Option<Arc<Scope>>,
    ) -> Result<Self, OpenError> {
        let known = if scope.is_some() { None } else { Some(known_rules(read)?) };
        let head: Head = required(entry::load(read, GROUP, name::HEAD)?, "the head")?;
        let is_its = |epoch: &EpochRecord| known.is_none_or(|known| epoch.rules == known);
        let voters = required(epoch(&read, head.epoch)?.filter(is_its), "the epoch")?;
        let rules = voters.rules;
        let next = epoch(&read, head.epoch.next())?;
        let next_rules = next.as_ref().map_or(rules, |next| next.rules);
        let committee = |record: EpochRecord, epoch| record.committee(genesis.group(), epoch).map(Arc::new);
        let mut ledger = Self {
            genesis: Arc::new(genesis.clone()),
            executed: ExecutedPoint::default(),
            voters: required(committee(voters, head.epoch), "the members")?,
            rules,
            next: next.and_then(|next| committee(next, head.epoch.next())),
            next_rules,
            head,
            group,
            domains: Arc::new(domains),
            policy: Arc::new(required(entry::load(read, GROUP, name::POLICY)?, "the group's policy")?),
            organisations: required(entry::load(read, GROUP, name::ORGANISATIONS)?, "the number of organisations")?,
            named: None,
            scope,
        };
        ledger.executed = ledger.point();
        Ok(ledger)
    }

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

    fn at_genesis(genesis: &Genesis) -> Self {
        let head = Head::genesis(genesis.file().members.len());
        let executed = ExecutedPoint::default();
        Self {
            genesis: Arc::new(genesis.clone()),
            head,
            executed,
            voters: Arc::new(genesis.founders().clone()),
            rules: genesis.rules(),
            next: None,
            next_rules: genesis.rules(),
            group: Tree::empty(GROUP),
            domains: Arc::new(BTreeMap::from([group_domain()])),
            policy: Arc::default(),
            organisations: genesis.file().organisations.len() as u32,
            named: None,
            scope: None,
        }
    }

    /// Writes what the genesis names.
    fn found(&mut self, rules: &String, overlay: &mut Overlay) {
        let genesis = Arc::clone(&self.genesis);
        let file = genesis.file();
        overlay.put(GROUP, name::RULES.to_vec(), rules);
        let (since, members) = (Epoch::new(0), file.members.iter().map(|member| member.key).collect());
        overlay.put(GROUP, name::epoch(since), &EpochRecord { after: SeqNum::new(0), members, rules: genesis.rules() });
        for member in &file.members {
            let (organisation, proof) = (member.organisation.clone(), member.proof);
            let record = MemberRecord { organisation, proof, addresses: Vec::new(), since, until: None };
            overlay.put(GROUP, name::member(&member.key), &record);
        }
        for organisation in &file.organisations {
            overlay.put(GROUP, name::organisation(organisation), &Revision::GENESIS);
        }
        let mut authors: BTreeMap<&str, u32> = BTreeMap::new();
        for author in &file.authors {
            *authors.entry(&author.organisation).or_default() += 1;
            let organisation = author.organisation.clone();
            let record = AuthorRecord { organisation, since: Revision::GENESIS, revoked: None };
            overlay.put(GROUP, name::author(&author.key), &record);
        }
        overlay.put(GROUP, name::ACTIVE_ORGANISATIONS.to_vec(), &(authors.len() as u32)); // a genesis holds fewer than 2^32 bytes
        for (organisation, count) in authors {
            overlay.put(GROUP, name::authors_of(organisation), &count);
        }
        for (number, rules) in (1..).zip(&file.domains) {
            let policy = DomainPolicy::new(rules.writers.clone(), rules.readers.clone());
            let record = DomainRecord { number, since: Revision::GENESIS, policy };
            overlay.put(GROUP, name::domain(&rules.name), &record);
            overlay.put(number, name::USAGE.to_vec(), &Usage::default());
            self.take_note(Decision::Domain(rules.name.clone(), record));
        }
        overlay.put(GROUP, name::ORGANISATIONS.to_vec(), &self.organisations);
        overlay.put(GROUP, name::POLICY.to_vec(), &*self.policy);
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

    /// The first domain whose root the group's tree does not name.
    fn damaged_domain(&self, read: &dyn Read) -> Result<Option<String>, StoreError> {
        for (name, domain) in self.domains.iter().filter(|(_, domain)| domain.record.number != GROUP) {
            let named: Option<DomainRoot> = entry::load(read, GROUP, &name::domain_root(name))?;
            if named != Some(DomainRoot { root: domain.tree.root(), count: domain.tree.count() }) {
                return Ok(Some(name.to_string()));
            }
        }
        Ok(None)
    }
}

/// Rules by which a state was executed, if this program knows them.
fn known_rules(read: &dyn Read) -> Result<u32, OpenError> {
    let theirs: String = required(entry::load(read, GROUP, name::RULES)?, "the rules")?;
    let ours = (RULES.oldest..=RULES.newest).find(|rules| rules_name(*rules).as_ref() == Some(&theirs));
    ours.ok_or_else(|| other_rules(theirs))
}

/// Entry of an epoch: one that has begun, or the next one.
fn epoch(entries: &impl Entries, epoch: Epoch) -> Result<Option<EpochRecord>, StoreError> {
    entries.entry(GROUP, &name::epoch(epoch))
}

/// The voters of an epoch, by its entry: one that has begun, or the next one.
pub(crate) fn voters(entries: &impl Entries, genesis: &Genesis, of: Epoch) -> Result<Option<Committee>, StoreError> {
    Ok(epoch(entries, of)?.and_then(|record| record.committee(genesis.group(), of)))
}

fn other_rules(theirs: String) -> OpenError {
    let (merging, policies) = (quorate_semantic::Rules::NEWEST.name(), crate::policy::VERSION);
    OpenError::OtherRules { theirs, ours: format!("quorate-ledger {RULES}; {merging}; {policies}") }
}

/// The group's own domain: everybody who is enrolled may speak there, and it has no files.
pub(crate) fn group_domain() -> (String, Arc<Domain>) {
    let policy = DomainPolicy::new(vec![Principal::Everyone], vec![Principal::Everyone]);
    let record = DomainRecord { number: GROUP, since: Revision::GENESIS, policy };
    let domain = Domain { record, usage: Usage::default(), tree: Tree::empty(GROUP) };
    (GROUP_DOMAIN.to_owned(), Arc::new(domain))
}

fn required<T>(found: Option<T>, what: &str) -> Result<T, StoreError> {
    found.ok_or_else(|| entry::damaged(what))
}

/// Names and records of the domains.
pub(crate) fn domain_records(read: &dyn Read) -> Result<Vec<(String, DomainRecord)>, StoreError> {
    let mut found = Vec::new();
    entry::entries(read, |name, value| {
        found.extend(domain_record(name, value)?);
        Ok(())
    })?;
    Ok(found)
}

/// Name and record of a domain, where an entry of the group's tree is one.
pub(crate) fn domain_record(name: &[u8], value: &[u8]) -> Result<Option<(String, DomainRecord)>, StoreError> {
    let Some(domain) = name.strip_prefix(b"d") else { return Ok(None) };
    let domain = String::from_utf8(domain.to_vec()).map_err(|_| entry::damaged("a domain's name"))?;
    Ok(Some((domain, entry::value_of(value)?)))
}

fn open_domains(read: &dyn Read) -> Result<Domains, StoreError> {
    let mut domains = BTreeMap::from([group_domain()]);
    for (name, record) in domain_records(read)? {
        let usage = required(entry::load(read, record.number, name::USAGE)?, "a domain's usage")?;
        let tree = Tree::open(record.number, read)?;
        domains.insert(name, Arc::new(Domain { record, usage, tree }));
    }
    Ok(domains)
}
