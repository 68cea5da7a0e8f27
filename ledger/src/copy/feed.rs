//! Feed of some domains: a store that holds the group's own tree and theirs goes from certified state to certified state,
//! each time by the difference, and executes nothing.

use super::check::TakeError;
use super::errand::Errand;
use super::session::{Next, Session};
use super::written::remove_tree;
use crate::format::constants::{GROUP, GROUP_DOMAIN};
use crate::format::genesis::Genesis;
use crate::proof::Checkpoint;
use crate::state::domain::Domain;
use crate::state::entry;
use crate::state::ledger::{GENESIS, Ledger, OpenError, ROOT, domain_records, group_domain};
use crate::state::memory_store::MemoryStore;
use crate::state::name;
use crate::state::record::Head;
use crate::state::scope::{self, Scope};
use crate::state::store::{Read, Store, StoreError, Table};
use crate::state::tree::Tree;
use quorate_pbft::{Digest, QuorumCert, SeqNum};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The row of [`Table::Meta`] with the certified state that a store holds whole.
const CERTIFIED: &[u8] = b"certified-scope";

/// Domains that one store follows at most.
pub const SCOPE_MAX: usize = 8;

/// Feed of a store with some domains of a group.
pub struct Feed {
    session: Session,
    scope: Arc<Scope>,
    genesis: Genesis,
}

/// State that a store holds.
pub struct Fed {
    /// The ledger over it: for readers alone.
    pub ledger: Ledger,
    /// Certificate of it; none of the state that the genesis makes.
    pub certificate: Option<QuorumCert>,
}

impl Feed {
    /// Takes up what a store holds of these domains, with the state that it holds whole: none where a copy was cut off. The
    /// store may be as the genesis made it; one that holds all domains, or others, is refused.
    pub fn open(store: &mut dyn Store, genesis: &Genesis, scope: &Scope) -> Result<(Self, Option<Fed>), OpenError> {
        if store.get(Table::Meta, GENESIS)?.is_none_or(|stored| stored != genesis.bytes()) {
            return Err(OpenError::OtherGenesis);
        }
        let head: Option<Head> = entry::load(&*store, GROUP, name::HEAD)?;
        match scope::load(&*store)? {
            Some(held) if held != *scope => return Err(OpenError::Scoped(held)),
            Some(_) => (),
            None if head.is_some_and(|head| head.seq > SeqNum::default()) => return Err(OpenError::Whole),
            None => scope::keep(store, scope)?,
        }
        for (name, record) in domain_records(&*store)? {
            if !scope.contains(&name) {
                remove_tree(store, (&name, record.number))?;
            }
        }
        let scope = Arc::new(scope.clone());
        let session = Session::over(&*store, genesis, Some(scope.clone()))?;
        let mut feed = Self { session, scope, genesis: genesis.clone() };
        let fed = feed.held(&*store)?;
        Ok((feed, fed))
    }

    /// State that the genesis makes, for readers of a store that holds none yet.
    pub fn before_all(&self) -> Result<Ledger, OpenError> {
        Ok(Ledger::create(&mut MemoryStore::default(), &self.genesis)?.within(self.scope.clone()))
    }

    fn held(&mut self, store: &dyn Read) -> Result<Option<Fed>, OpenError> {
        let Some(expected) = store.get(Table::Meta, ROOT)? else { return Ok(None) };
        entry::check_rows(store)?;
        let Some(kept): Option<Checkpoint> = entry::load_row(store, Table::Meta, CERTIFIED)? else {
            return Ok(Some(Fed { ledger: self.before_all()?, certificate: None }));
        };
        let certificate = kept.verify(&self.genesis).map_err(|_| entry::damaged("the certified state"))?;
        match self.session.certified.know(&kept) {
            // An answer since then has shown a later epoch: members that have left are believed no more (M3).
            Err(why) if !why.is_lie() => return Ok(None),
            known => known.map_err(|_| entry::damaged("the certified state"))?,
        }
        let found = self.ledger(store)?;
        if self.session.whole(store)?.is_none() {
            let expected = Digest(expected.try_into().map_err(|_| entry::damaged("the root"))?);
            return Err(OpenError::Damaged { expected, found: found.state_root() });
        }
        Ok(Some(Fed { ledger: found, certificate: Some(certificate) }))
    }

    /// Begins to take the difference to a newer state. Until that is whole the store holds none.
    pub fn begin(&mut self, store: &mut dyn Store) -> Result<(), StoreError> {
        self.session.begin_anew();
        store.delete(Table::Meta, ROOT)
    }

    /// The next parts to ask for; none once the store holds a certified state whole, which [`Feed::finish`] notes.
    pub fn next(&mut self, store: &dyn Read) -> Result<Result<Errand, Box<Checkpoint>>, StoreError> {
        match self.session.next(store)? {
            Next::Errand(errand) => Ok(Ok(errand)),
            Next::Whole(checkpoint) => Ok(Err(checkpoint)),
            Next::Wait => panic!("a feed has one errand at a time"),
        }
    }

    /// Passes so far: the first question of each is answered from the newest state.
    pub fn passes(&self) -> u32 {
        self.session.passes()
    }

    /// Slot of the newest state that was shown.
    pub fn shown(&self) -> Option<SeqNum> {
        self.session.certified.newest().map(|newest| newest.head().seq)
    }

    /// Takes the answer to an errand's question. Nothing of an answer that is refused is written.
    pub fn take(&mut self, errand: &mut Errand, store: &mut dyn Store, answer: &[u8]) -> Result<(), TakeError> {
        self.session.take(errand, store, answer)
    }

    /// Takes back an errand that its server did not finish.
    pub fn give_back(&mut self, errand: Errand) {
        self.session.give_back(errand);
    }

    /// Writes what an errand has brought.
    pub fn install(&mut self, errand: Errand, store: &mut dyn Store) -> Result<(), StoreError> {
        self.session.install(errand, store)
    }

    /// Notes the state that the store holds whole.
    pub fn finish(&mut self, store: &mut dyn Store, checkpoint: &Checkpoint) -> Result<Fed, OpenError> {
        self.session.finish(store, checkpoint)?;
        store.put(Table::Meta, CERTIFIED, &entry::bytes_of(checkpoint))?;
        self.session.not_below(checkpoint.head().seq);
        let certificate = checkpoint.verify(&self.genesis).expect("the session has checked it");
        Ok(Fed { ledger: self.ledger(&*store)?, certificate: Some(certificate) })
    }

    fn ledger(&self, read: &dyn Read) -> Result<Ledger, OpenError> {
        let mut domains = BTreeMap::from([group_domain()]);
        for (name, record) in domain_records(read)? {
            let (tree, usage) = match self.session.trees.get(&name) {
                Some(tree) => (tree.clone(), entry::load(read, record.number, name::USAGE)?.unwrap_or_default()),
                None => (Tree::empty(record.number), Default::default()),
            };
            domains.insert(name, Arc::new(Domain { record, usage, tree }));
        }
        let group = self.session.trees[GROUP_DOMAIN].clone();
        Ledger::over(read, &self.genesis, (group, domains), Some(self.scope.clone()))
    }
}
