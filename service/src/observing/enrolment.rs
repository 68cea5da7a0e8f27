//! Places at the door for observers: some are kept for keys that the group has enrolled, and a closed domain is closed to
//! keys that its readers have not.

use super::scoped;
use crate::api::Service;
use quorate_ledger::{ObserverEntry, StateView, StoreError};
use quorate_pbft::PublicKey;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places that strangers leave free where so many observers are enrolled.
const KEPT_MAX: usize = 4;

/// Strangers that are served, and places of all.
#[derive(Clone)]
pub struct Strangers {
    served: Arc<Mutex<Served>>,
    places: usize,
    free: Arc<Semaphore>,
}

/// Numbers of the strangers that are served, in the order in which they came.
#[derive(Default)]
struct Served {
    numbers: BTreeSet<u64>,
    next: u64,
}

/// A stranger's place, given back when dropped.
pub struct StrangersPlace {
    served: Arc<Mutex<Served>>,
    number: u64,
}

/// Observer at the door.
pub struct Guest {
    key: PublicKey,
    /// Whether the group had enrolled its key when it came.
    is_enrolled: bool,
    place: Option<StrangersPlace>,
    /// Place among those of all.
    seat: Option<OwnedSemaphorePermit>,
    strangers: Strangers,
}

impl Strangers {
    /// Empty door of so many places.
    pub fn new(places: usize) -> Self {
        Self { served: Arc::default(), places, free: Arc::new(Semaphore::new(places)) }
    }

    fn take(&self, most: usize) -> Option<StrangersPlace> {
        let mut served = lock(&self.served);
        let number = served.next;
        (served.numbers.len() < most).then(|| {
            served.next += 1;
            served.numbers.insert(number);
            StrangersPlace { served: self.served.clone(), number }
        })
    }

    /// Strangers that may be served while so many observers are enrolled.
    fn most(&self, enrolled: u32) -> usize {
        self.places - KEPT_MAX.min(enrolled as usize).min(self.places)
    }
}

impl StrangersPlace {
    /// Whether so many strangers came before this one and are still served: those who came last are put out.
    fn is_beyond(&self, most: usize) -> bool {
        lock(&self.served).numbers.range(..self.number).count() >= most
    }
}

impl Drop for StrangersPlace {
    fn drop(&mut self) {
        lock(&self.served).numbers.remove(&self.number);
    }
}

fn lock(served: &Mutex<Served>) -> MutexGuard<'_, Served> {
    served.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Guest {
    /// Guest with this key.
    pub fn new(service: &Service, key: PublicKey, strangers: Strangers) -> Self {
        let is_enrolled = entry(service, &service.now().moment.view(), &key).is_some();
        Self { key, is_enrolled, place: None, seat: None, strangers }
    }

    /// Whether the group knows its key: a member's, or an enrolled observer's.
    pub fn is_known(&self, service: &Service) -> bool {
        self.is_enrolled || service.membership.directory.knows(&self.key)
    }

    /// Whether there is a place for it, which it keeps: a stranger takes one of the strangers'.
    pub fn takes_a_place(&mut self, service: &Service) -> bool {
        if !self.is_enrolled {
            self.place = self.strangers.take(self.strangers.most(enrolled(service, &service.now().moment.view())));
        }
        let may_have = self.is_enrolled || self.place.is_some();
        self.seat = self.strangers.free.clone().try_acquire_owned().ok().filter(|_| may_have);
        self.seat.is_some()
    }

    /// Why it may not have what it follows, or not any more: these domains, or decided slots, which hold the changes of every
    /// domain.
    pub fn refusal(&self, service: &Service, domains: &[String]) -> Option<String> {
        let moment = service.now().moment;
        let view = moment.view();
        let observer = match view.observer(&self.key) {
            Ok(observer) => observer,
            Err(error) => {
                service.note_damage(&error);
                return Some("this member cannot read who is enrolled: ask another".to_owned());
            }
        };
        if observer.is_none() && self.is_enrolled {
            return Some("the enrolment of this observer is over, or was revoked".to_owned());
        }
        if observer.is_none() && self.is_surplus(enrolled(service, &view)) {
            return Some("the place is one that is kept for enrolled observers".to_owned());
        }
        if !domains.is_empty() {
            return scoped::refusal(&view, domains, observer.is_some());
        }
        let name = observer.map_or_else(|| view.closed_domain(), |observer| view.closed_to(&observer))?;
        Some(format!("not everyone may read domain {name:?}, and decided slots hold the changes of every domain"))
    }

    /// Whether more strangers are served than may be, since others were enrolled, and it is one of those who came last.
    fn is_surplus(&self, enrolled: u32) -> bool {
        self.place.as_ref().is_some_and(|place| place.is_beyond(self.strangers.most(enrolled)))
    }
}

/// The enrolment of a key.
fn entry(service: &Service, view: &StateView<'_>, key: &PublicKey) -> Option<ObserverEntry> {
    read(service, view.observer(key))
}

/// Count of enrolled observers.
fn enrolled(service: &Service, view: &StateView<'_>) -> u32 {
    read(service, view.observers_count())
}

/// A disk that cannot be read enrols nobody.
fn read<T: Default>(service: &Service, found: Result<T, StoreError>) -> T {
    found.unwrap_or_else(|error| {
        service.note_damage(&error);
        T::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_have_all_places_but_those_that_are_kept_for_enrolled_observers() {
        let strangers = Strangers::new(8);
        assert_eq!([0, 1, 4, 5, 64].map(|enrolled| strangers.most(enrolled)), [8, 7, 4, 4, 4]);
    }

    #[test]
    fn only_those_strangers_leave_who_came_last_where_places_are_kept() {
        let strangers = Strangers::new(8);
        let mut held: Vec<_> = (0..8).map(|_| strangers.take(8).expect("a place")).collect();
        let beyond = |held: &[StrangersPlace]| held.iter().filter(|place| place.is_beyond(7)).count();
        assert_eq!((beyond(&held), held[7].is_beyond(7)), (1, true));
        held.remove(0);
        assert_eq!(beyond(&held), 0, "one has left by itself");
    }

    #[test]
    fn a_strangers_place_is_given_back() {
        let strangers = Strangers::new(2);
        let held = [strangers.take(2), strangers.take(2)];
        assert!(held.iter().all(Option::is_some) && strangers.take(2).is_none());
        drop(held);
        assert!(strangers.take(2).is_some());
    }
}
