//! Session: the walk of the difference between the state that a store holds and one that q members signed.
//!
//! A pass asks for the group's tree, then for those of the domains: only for parts whose hashes differ. Answers of one
//! pass may come from several servers and from several states, so passes follow each other until the store holds one
//! certified state whole. To go on after a stop is to walk again: parts that are here hash equal.

use super::check::{Certified, Refused, TakeError};
use super::errand::{Arrived, Entry, Errand, Stage};
use super::forget;
use super::frame::{Ask, Given, Held, Wanted, WantedPart};
use super::frontier::{ENTRIES_AT_FIRST, Frontier};
use super::written::{remove, remove_tree, write};
use crate::format::constants::{GROUP, GROUP_DOMAIN};
use crate::format::genesis::Genesis;
use crate::proof::{Checkpoint, Epochs, epochs};
use crate::state::ledger::{GENESIS, OpenError, ROOT, domain_record, domain_records};
use crate::state::record::{DomainRoot, Head};
use crate::state::scope::Scope;
use crate::state::store::{Read, Store, StoreError, Table};
use crate::state::tree::{Changes, Key, Tree, TreeNumber, row};
use crate::state::{entry, name};
use quorate_pbft::{Epoch, SeqNum};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The row of [`Table::Meta`] with slot of the newest state of which parts were written, and the epoch that was known by then.
const COPIED_FROM: &[u8] = b"copied-from";

/// Reason why the tree of an errand is there.
const KNOWN: &str = "a domain is known before anything is asked about it";

/// Copying in progress.
pub struct Session {
    pub(super) certified: Certified,
    /// Trees of the store, by domain.
    pub(super) trees: BTreeMap<String, Tree>,
    frontier: Frontier,
    /// Errands on their way.
    out: usize,
    phase: Phase,
    passes: u32,
    /// Domains whose trees are wanted; none where all are.
    pub(super) scope: Option<Arc<Scope>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Begin,
    Group,
    Domains,
}

/// Next step of a session.
pub enum Next {
    /// Parts to ask for.
    Errand(Errand),
    /// Errands are on their way, and what follows depends on them.
    Wait,
    /// The store holds this state.
    Whole(Box<Checkpoint>),
}

impl Session {
    /// Takes up what a store holds: nothing, an older state, or what an earlier session has brought.
    pub fn open(store: &mut dyn Store, genesis: &Genesis) -> Result<Self, OpenError> {
        match store.get(Table::Meta, GENESIS)? {
            None => store.put(Table::Meta, GENESIS, genesis.bytes())?,
            Some(stored) if stored == genesis.bytes() => (),
            Some(_) => return Err(OpenError::OtherGenesis),
        }
        store.delete(Table::Meta, ROOT)?;
        Self::over(store, genesis, None)
    }

    /// Takes up the trees that a store holds: all, or those in a scope.
    pub(super) fn over(read: &dyn Read, genesis: &Genesis, scope: Option<Arc<Scope>>) -> Result<Self, OpenError> {
        let head: Option<Head> = entry::load(read, GROUP, name::HEAD)?;
        let (copied, known_by) = copied_from(read)?;
        let least = head.as_ref().map_or(copied, |head| head.seq.max(copied));
        let mut trees = BTreeMap::from([(GROUP_DOMAIN.to_owned(), Tree::open(GROUP, read)?)]);
        for (name, record) in domain_records(read)? {
            if scope.as_ref().is_none_or(|scope| scope.contains(&name)) {
                trees.insert(name, Tree::open(record.number, read)?);
            }
        }
        // After the last slot of an epoch others may still be there: the step that leads on is not asked of them. A copy
        // that was cut off may have no head, but what was kept of epochs is known all the same.
        let steps = epochs::kept(read, genesis)?;
        let epoch = head.map(|head| head.epoch).or_else(|| steps.last().map(|last| last.certificate.epoch));
        let epoch = epoch.unwrap_or_default().max(known_by);
        let mut known = steps.into_iter().filter(|step| step.certificate.epoch < epoch);
        let epochs = known.try_fold(Epochs::of(genesis), Epochs::followed_by); // what an earlier run kept may have changed
        let epochs = epochs.map_err(|_| entry::damaged("the epochs"))?;
        let certified = Certified::new(genesis.clone(), epochs, least);
        Ok(Self { certified, trees, frontier: Frontier::default(), out: 0, phase: Phase::Begin, passes: 0, scope })
    }

    /// Takes no state below this slot, whatever the store holds.
    pub fn not_below(&mut self, least: SeqNum) {
        self.certified.not_below(least);
    }

    /// The next step.
    pub fn next(&mut self, read: &dyn Read) -> Result<Next, StoreError> {
        loop {
            if let Some(errand) = self.errand() {
                self.out += 1;
                return Ok(Next::Errand(errand));
            }
            if self.out > 0 {
                return Ok(Next::Wait);
            }
            match self.phase {
                Phase::Begin => self.begin_pass(read)?,
                Phase::Group => self.begin_domains(read)?,
                Phase::Domains => match self.whole(read)? {
                    Some(checkpoint) => return Ok(Next::Whole(Box::new(checkpoint))),
                    None => self.phase = Phase::Begin,
                },
            }
        }
    }

    /// Errand that asks this first, for answers that were recorded; none where the question is about a domain that is not
    /// known yet, or is no first one.
    pub fn recorded(&mut self, ask: &Ask) -> Option<Errand> {
        let Wanted::Parts(parts) = &ask.wanted else { return None };
        let tree = self.trees.get(&ask.domain)?;
        self.out += 1;
        self.frontier.clear(); // the record says what follows
        Some(Errand::new(ask.domain.clone(), tree.number(), parts.clone()))
    }

    /// Whether nothing is to be asked for until something follows from what is here.
    pub fn is_idle(&self) -> bool {
        self.frontier.is_empty() && self.out == 0
    }

    /// Passes so far.
    pub fn passes(&self) -> u32 {
        self.passes
    }

    /// Entries that the store holds, and entries of the newest state that was shown, as far as both are known.
    pub fn progress(&self, read: &dyn Read) -> Result<(u64, u64), StoreError> {
        let held = self.trees.values().map(Tree::count).sum();
        let mut all = self.certified.newest().map_or(0, |newest| newest.group_count);
        for name in self.trees.keys().filter(|name| *name != GROUP_DOMAIN) {
            all += domain_root(read, name)?.map_or(0, |root| root.count);
        }
        Ok((held, all))
    }

    /// Begins again where the last state was whole: with what has changed since.
    pub(super) fn begin_anew(&mut self) {
        assert!(self.is_idle(), "all parts of the last state are here");
        self.phase = Phase::Begin;
    }

    /// The first pass takes parts of whatever states there are; in the others none comes from a state that cannot be the
    /// whole one.
    fn begin_pass(&mut self, read: &dyn Read) -> Result<(), StoreError> {
        if self.passes > 0 {
            self.certified.not_below(copied_from(read)?.0);
        }
        self.passes += 1;
        self.phase = Phase::Group;
        let count = self.tree(GROUP_DOMAIN).count();
        self.want_tree(GROUP_DOMAIN, count);
        Ok(())
    }

    fn begin_domains(&mut self, read: &dyn Read) -> Result<(), StoreError> {
        self.phase = Phase::Domains;
        let names: Vec<String> = self.trees.keys().filter(|name| *name != GROUP_DOMAIN).cloned().collect();
        for name in names {
            let there = domain_root(read, &name)?;
            if let Some(there) = there.filter(|there| there.root != self.tree(&name).root()) {
                self.want_tree(&name, there.count);
            }
        }
        Ok(())
    }

    fn want_tree(&mut self, domain: &str, count: u64) {
        let tree = self.trees.get(domain).expect(KNOWN);
        self.frontier.want_tree(domain, tree, count);
    }

    /// State that the store holds whole, if one that was shown is. One that is older than any of which a part was
    /// written is not: rows of the newer one that no entry of the older replaces would stay.
    pub fn whole(&self, read: &dyn Read) -> Result<Option<Checkpoint>, StoreError> {
        let group = self.tree(GROUP_DOMAIN);
        let (newest, _) = copied_from(read)?;
        let shown = self.certified.with_group(group.root(), group.count());
        let Some(shown) = shown.filter(|shown| shown.head().seq >= newest) else { return Ok(None) };
        for (name, tree) in self.trees.iter().filter(|(name, _)| *name != GROUP_DOMAIN) {
            if domain_root(read, name)? != Some(DomainRoot { root: tree.root(), count: tree.count() }) {
                return Ok(None);
            }
        }
        Ok(Some(shown.clone()))
    }

    fn errand(&mut self) -> Option<Errand> {
        let (domain, parts) = self.frontier.next()?;
        let number = self.tree(&domain).number();
        let errand = Errand::new(domain, number, parts);
        Some(if self.scope.is_some() { errand.by_entry() } else { errand })
    }

    /// Takes the answer to an errand's question. Nothing of an answer that is refused is written.
    pub fn take(&mut self, errand: &mut Errand, store: &mut dyn Store, answer: &[u8]) -> Result<(), TakeError> {
        let (answer, under) = self.certified.admit(&errand.domain, answer)?;
        match (errand.stage, answer.given) {
            (Stage::Parts, Given::Parts(given)) => {
                if given.is_empty() || given.len() > errand.parts.len() {
                    return Err(Refused::NotAsked.into());
                }
                errand.parts.iter().zip(&given).try_for_each(|(wanted, given)| given.check(wanted, &under))?;
                let rest = errand.parts.split_off(given.len());
                for (wanted, given) in core::mem::take(&mut errand.parts).into_iter().zip(given) {
                    match given.held {
                        Held::Entries(entries) => errand.arrive(&*store, wanted.part, entries, &under)?,
                        Held::Subtrees(theirs) => {
                            let tree = self.trees.get(&errand.domain).expect(KNOWN);
                            self.frontier.compare(&errand.domain, tree, &wanted, &theirs, under.count);
                        }
                    }
                }
                self.frontier.want_again(&errand.domain, rest, 1);
                if errand.stage == Stage::Parts {
                    errand.stage = Stage::Done;
                }
            }
            (Stage::Rows, Given::Rows(given)) => errand.take_rows(self.certified.genesis(), given, &under)?,
            (Stage::Contents, Given::Contents(given)) => errand.take_contents(store, given, &under)?,
            _ => return Err(Refused::NotAsked.into()),
        }
        Ok(errand.advance(&*store)?)
    }

    /// Takes back an errand that its server did not finish.
    pub fn give_back(&mut self, errand: Errand) {
        self.out -= 1;
        let again = |arrived: Arrived| WantedPart { part: arrived.part, entries: true };
        let parts = errand.parts.into_iter().chain(errand.arrived.into_iter().map(again)).collect();
        self.frontier.want_again(&errand.domain, parts, ENTRIES_AT_FIRST);
    }

    /// Writes what an errand has brought: entries, the rows that they vouch for and the index of both.
    pub fn install(&mut self, errand: Errand, store: &mut dyn Store) -> Result<(), StoreError> {
        assert!(errand.stage == Stage::Done, "an errand is written once all of it is here");
        self.out -= 1;
        let newest = copied_from(&*store)?.0.max(errand.newest);
        note_copied(store, (newest, self.certified.epoch()))?;
        self.certified.keep_epochs(store)?;
        let mut changes = Changes::new();
        for arrived in errand.arrived {
            for key in arrived.gone {
                self.note_domain(store, errand.number, &key, None)?;
                remove(store, (&errand.domain, errand.number), &key)?;
                changes.insert(key, None);
            }
            for entry in arrived.entries {
                changes.insert(entry.key, Some(entry::value_hash(&entry.value)));
                self.note_domain(store, errand.number, &entry.key, Some(&entry))?;
                write(store, (&errand.domain, errand.number), entry)?;
            }
        }
        self.frontier.brings(changes.len());
        self.trees.get_mut(&errand.domain).expect(KNOWN).touch(&changes);
        Ok(())
    }

    /// Notes the state that the store holds: a ledger opens on it.
    pub fn finish(&self, store: &mut dyn Store, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        let group = self.tree(GROUP_DOMAIN);
        let is_it = (group.root(), group.count()) == (checkpoint.group_root, checkpoint.group_count);
        assert!(is_it, "the store holds the state that is noted");
        forget::begin_history(store, checkpoint.head().seq.next())?;
        checkpoint.head().slots.put_peaks(&mut |table, key, value| store.put(table, key, value))?;
        checkpoint.keep_steps(store)?;
        store.put(Table::Meta, ROOT, &checkpoint.state_root().0)
    }

    /// Takes up the tree of a domain whose entry comes, and drops that of one whose entry goes: a store of another
    /// state, as of a diverged replica, may have domains that the group has not, or under other numbers.
    fn note_domain(
        &mut self,
        store: &mut dyn Store,
        number: TreeNumber,
        key: &Key,
        new: Option<&Entry>,
    ) -> Result<(), StoreError> {
        if number != GROUP {
            return Ok(());
        }
        let old = store.get(Table::Entries, &row(GROUP, key))?;
        let old = old.as_deref().and_then(entry::decode).map(|(name, value)| domain_record(name, value)).transpose()?;
        let new = new.map(|entry| domain_record(&entry.name, &entry.value)).transpose()?;
        let (old, new) = (old.flatten(), new.flatten());
        if let Some((name, record)) = old
            && new.as_ref().is_none_or(|(_, new)| new.number != record.number)
        {
            remove_tree(store, (&name, record.number))?;
            self.trees.remove(&name);
            let emptied = self.trees.values_mut().find(|tree| tree.number() == record.number);
            emptied.into_iter().for_each(|tree| *tree = Tree::empty(record.number));
        }
        if let Some((name, record)) = new
            && self.scope.as_ref().is_none_or(|scope| scope.contains(&name))
        {
            self.trees.entry(name).or_insert_with(|| Tree::empty(record.number));
        }
        Ok(())
    }

    fn tree(&self, domain: &str) -> &Tree {
        self.trees.get(domain).expect(KNOWN)
    }
}

pub(super) fn note_copied(store: &mut dyn Store, (seq, epoch): (SeqNum, Epoch)) -> Result<(), StoreError> {
    store.put(Table::Meta, COPIED_FROM, &[seq.get().to_be_bytes(), epoch.get().to_be_bytes()].concat())
}

/// Copies the steps between epochs from a store that may be damaged, as far as they lead on from the genesis: a copy
/// believes no members that had left by then (M3). Where the head can be read, the epoch is the one that it is in.
pub fn copy_steps(read: &dyn Read, genesis: &Genesis, into: &mut dyn Store) -> Result<(), StoreError> {
    let mut known = Epochs::of(genesis);
    let mut last = known.newest().epoch();
    for step in epochs::readable(read, genesis) {
        let Ok(next) = known.followed_by(step.clone()) else { break };
        epochs::keep(into, &step)?;
        (last, known) = (next.newest().epoch(), next);
    }
    let is_sound = entry::has_sound_row(read, GROUP, name::HEAD).unwrap_or_default();
    let head: Option<Head> = if is_sound { entry::load(read, GROUP, name::HEAD).unwrap_or_default() } else { None };
    let (seq, before) = copied_from(&*into)?;
    note_copied(into, (seq, before.max(head.map_or(last, |head| head.epoch.min(last)))))
}

pub(super) fn copied_from(read: &dyn Read) -> Result<(SeqNum, Epoch), StoreError> {
    let Some(stored) = read.get(Table::Meta, COPIED_FROM)? else { return Ok(Default::default()) };
    let number = |from: usize| stored.get(from..)?.first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
    let seq = number(0).ok_or_else(|| entry::damaged("the slot of a copy"))?;
    Ok((SeqNum::new(seq), Epoch::new(number(8).unwrap_or_default()))) // a program before wrote the slot alone
}

fn domain_root(read: &dyn Read, domain: &str) -> Result<Option<DomainRoot>, StoreError> {
    entry::load(read, GROUP, &name::domain_root(domain))
}
