//! Opening of a ledger: the state that a genesis makes, and a state that is read back and checked.

use super::{GENESIS, Ledger, ROOT};
use crate::format::constants::{GROUP, GROUP_DOMAIN};
use crate::format::genesis::Genesis;
use crate::format::rules::RULES;
use crate::policy::DomainPolicy;
use crate::state::domain::{Decision, Domain, Domains};
use crate::state::entry::Entries;
use crate::state::overlay::Overlay;
use crate::state::record::{AuthorRecord, DomainRecord, DomainRoot, EpochRecord, Head, MemberRecord, Usage};
use crate::state::rules::rules_name;
use crate::state::scope::{self, Scope};
use crate::state::store::{Read, Store, StoreError, Table};
use crate::state::tree::Tree;
use crate::state::{entry, name};
use crate::vocabulary::name::Principal;
use crate::vocabulary::revision::Revision;
use quorate_pbft::{Committee, Digest, Epoch, ExecutedPoint, SeqNum};
use std::collections::BTreeMap;
use std::sync::Arc;

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

/// The voters of an epoch and its rules, by its entry: one that has begun, or the next one.
pub(crate) fn voters(
    entries: &impl Entries,
    genesis: &Genesis,
    of: Epoch,
) -> Result<Option<(Committee, u32)>, StoreError> {
    let record = epoch(entries, of)?;
    Ok(record.and_then(|record| Some((record.committee(genesis.group(), of)?, record.rules))))
}

pub(super) fn other_rules(theirs: String) -> OpenError {
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
