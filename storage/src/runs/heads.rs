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

    fn with<T>(&self, work: impl FnOnce(&mut Kept) -> T) -> T {
        work(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Kept {
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
