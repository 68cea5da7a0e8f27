//! Parts of an open database that batches, snapshots and folds share.

use crate::error::Poison;
use crate::journal::{Journal, Mark};
use crate::memory::MemTable;
use crate::pulse::Pulse;
use crate::room::Room;
use crate::runs::{Growth, Runs};
use crate::tables::{Name, Writes};
use crate::view::View;
use quorate_ledger::StoreError;
use redb::Database;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};

/// An open database.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) database: Database,
    pub(crate) room: Arc<Room>,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) poison: Arc<Poison>,
    view: Mutex<Arc<View>>,
    journal: Mutex<Option<Journal>>,
    given_back: Condvar,
    growth: Mutex<Growth>,
    /// Bytes of pages that a part of a fold may dirty.
    pub(crate) part_bytes: usize,
    /// Generation of the journal from which on rows are not folded.
    folded: AtomicU64,
}

impl Shared {
    pub(crate) fn new(
        (database, room): (Database, Arc<Room>),
        poison: Arc<Poison>,
        view: View,
        (journal, folded): (Journal, Mark),
        growth: Growth,
        part_bytes: usize,
    ) -> Self {
        let folded = AtomicU64::new(folded.generation);
        let (view, journal) = (Mutex::new(Arc::new(view)), Mutex::new(Some(journal)));
        let (given_back, growth) = (Condvar::new(), Mutex::new(growth));
        let pulse = Arc::default();
        Self { database, room, pulse, poison, view, journal, given_back, growth, part_bytes, folded }
    }

    /// The rows after the newest commit.
    pub(crate) fn view(&self) -> Arc<View> {
        lock(&self.view).clone()
    }

    /// Generation of the journal from which on rows are not folded.
    pub(crate) fn folded(&self) -> u64 {
        self.folded.load(Ordering::Acquire)
    }

    /// The right to fold; waits while another fold runs or merges.
    pub(crate) fn growth(&self) -> MutexGuard<'_, Growth> {
        lock(&self.growth)
    }

    /// Whether merges wait for another fold; not known while one runs.
    pub(crate) fn has_merges(&self) -> bool {
        self.growth.try_lock().is_ok_and(|growth| growth.has_work())
    }

    /// Damage that keeps runs from being merged; not known while a fold runs.
    pub(crate) fn unmerged(&self) -> Option<String> {
        self.growth.try_lock().ok()?.damage()
    }

    /// Whether a fold runs, or merges behind it.
    pub(crate) fn is_growing(&self) -> bool {
        matches!(self.growth.try_lock(), Err(TryLockError::WouldBlock))
    }

    /// Takes the one place to write from; waits while it is taken.
    pub(crate) fn turn(self: &Arc<Self>) -> Turn {
        let journal = self.given_back.wait_while(lock(&self.journal), |journal| journal.is_none());
        let journal = journal.unwrap_or_else(PoisonError::into_inner).take();
        Turn { shared: self.clone(), journal }
    }

    fn change(&self, change: impl FnOnce(&mut View)) {
        change(Arc::make_mut(&mut lock(&self.view)));
    }

    /// Puts the folded rows below: readers who come now find them in redb and in the runs.
    pub(crate) fn rebase(&self, folded: Mark, runs: Runs) -> Result<(), StoreError> {
        self.folded.store(folded.generation, Ordering::Release);
        let base = Arc::new(crate::base::Base::begin(&self.database, runs, &self.poison)?);
        self.change(|view| (view.base, view.frozen) = (base, None));
        Ok(())
    }
}

/// The right to write, and the end of the journal that goes with it.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) shared: Arc<Shared>,
    journal: Option<Journal>,
}

impl Turn {
    pub(crate) fn journal(&mut self) -> &mut Journal {
        self.journal.as_mut().expect("a turn has the journal until it is dropped")
    }

    /// Shows the rows of a commit to readers who come from now on.
    pub(crate) fn publish(&self, writes: [Writes; Name::COUNT]) {
        let view = self.shared.view();
        let at = view.at + 1;
        view.active.put(writes, at);
        self.shared.change(|view| view.at = at);
    }

    /// Sets the rows since the last fold aside, unless some are aside already.
    pub(crate) fn freeze(&self) -> Arc<MemTable> {
        let mut frozen = None;
        self.shared.change(|view| {
            view.frozen = Some(std::mem::take(&mut view.active));
            frozen.clone_from(&view.frozen);
        });
        frozen.expect("it was just set aside")
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *lock(&self.shared.journal) = self.journal.take();
        self.shared.given_back.notify_one();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
