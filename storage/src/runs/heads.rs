//! Heads of sections in memory, within a bound: those that were asked for go last (the clock of Corbató, 1968).

use super::section::Head;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// Run and section.
type Place = (u64, u32);

/// Heads in memory, up to so many bytes.
#[derive(Debug)]
pub(crate) struct Heads {
    bytes_max: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    heads: BTreeMap<Place, Held>,
    /// The next one to go first.
    order: VecDeque<Place>,
    bytes: usize,
}

#[derive(Debug)]
struct Held {
    head: Arc<Head>,
    /// Whether it was asked for since it was last looked at.
    is_wanted: bool,
}

impl Heads {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, kept: Mutex::default() }
    }

    /// The head at a place; reads it if it is not here.
    pub(crate) fn get(&self, place: Place, read: impl FnOnce() -> io::Result<Head>) -> io::Result<Arc<Head>> {
        if let Some(head) = self.with(|kept| kept.get(place)) {
            return Ok(head);
        }
        let head = Arc::new(read()?); // nobody waits for the disk
        self.with(|kept| kept.put(place, head.clone(), self.bytes_max));
        Ok(head)
    }

    /// Gives back the memory of a run's heads: nobody reads the run any more.
    pub(crate) fn forget(&self, run: u64) {
        self.with(|kept| kept.forget(run));
    }

    fn with<T>(&self, work: impl FnOnce(&mut Kept) -> T) -> T {
        work(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Kept {
    fn forget(&mut self, run: u64) {
        for (_, held) in self.heads.extract_if((run, 0)..=(run, u32::MAX), |_, _| true) {
            self.bytes -= held.head.weight();
        }
        self.order.retain(|(of, _)| *of != run);
    }

    fn get(&mut self, place: Place) -> Option<Arc<Head>> {
        let held = self.heads.get_mut(&place)?;
        held.is_wanted = true;
        Some(held.head.clone())
    }

    fn put(&mut self, place: Place, head: Arc<Head>, bytes_max: usize) {
        self.bytes += head.weight();
        match self.heads.insert(place, Held { head, is_wanted: false }) {
            Some(before) => self.bytes -= before.head.weight(), // two have read it at once
            None => self.order.push_back(place),
        }
        while self.bytes > bytes_max
            && let Some(place) = self.order.pop_front()
        {
            match self.heads.get_mut(&place) {
                Some(held) if held.is_wanted => {
                    held.is_wanted = false;
                    self.order.push_back(place);
                }
                _ => self.bytes -= self.heads.remove(&place).map_or(0, |held| held.head.weight()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_of_a_run_that_is_gone_take_no_memory() {
        let heads = Heads::new(1 << 20);
        for place in [(1, 0), (1, 1), (2, 0)] {
            heads.get(place, || Ok(Head::default())).expect("a head");
        }
        heads.forget(1);
        let kept = heads.kept.into_inner().expect("nobody panicked");
        assert_eq!((kept.heads.len(), kept.bytes), (1, Head::default().weight()));
        assert_eq!(kept.order, [(2, 0)]);
    }
}
