//! Places at the door for observers: some are kept for keys that the group has enrolled, and a closed domain is closed to
//! keys that its readers have not.

use crate::api::Service;
use quorate_ledger::{ObserverEntry, StateView, StoreError};
use quorate_pbft::PublicKey;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Places that strangers leave free where so many observers are enrolled.
const KEPT_MAX: usize = 4;

/// Strangers that are served, and places of all.
#[derive(Clone)]
pub struct Strangers {
    served: Arc<AtomicUsize>,
    places: usize,
}

/// A stranger's place, given back when dropped.
pub struct StrangersPlace(Arc<AtomicUsize>);

/// Observer at the door.
pub struct Guest {
    key: PublicKey,
    /// Whether the group had enrolled its key when it came.
    is_enrolled: bool,
    place: Option<StrangersPlace>,
    strangers: Strangers,
}

impl Strangers {
    /// Nobody yet, at a door of so many places.
    pub fn new(places: usize) -> Self {
        Self { served: Arc::default(), places }
    }

    fn take(&self, most: usize) -> Option<StrangersPlace> {
        let more = |served: usize| (served < most).then_some(served + 1);
        self.served.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(StrangersPlace(self.served.clone()))
    }

    /// Strangers that may be served while so many observers are enrolled.
    fn most(&self, enrolled: u32) -> usize {
        self.places - KEPT_MAX.min(enrolled as usize).min(self.places)
    }
}

impl Drop for StrangersPlace {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Guest {
    /// Guest with this key.
    pub fn new(service: &Service, key: PublicKey, strangers: Strangers) -> Self {
        let moment = service.now().moment;
        let view = moment.view();
        let is_enrolled = entry(service, &view, &key).is_some();
        let place = if is_enrolled { None } else { strangers.take(strangers.most(enrolled(service, &view))) };
        Self { key, is_enrolled, place, strangers }
    }

    /// Gives back a stranger's place: a visit takes none.
    pub fn visits(&mut self) {
        self.place = None;
    }

    /// Whether the group knows its key: a member's, or an enrolled observer's.
    pub fn is_known(&self, service: &Service) -> bool {
        self.is_enrolled || service.membership.directory.knows(&self.key)
    }

    /// Whether it may have a place, if there is one.
    pub fn may_have_a_place(&self) -> bool {
        self.is_enrolled || self.place.is_some()
    }

    /// Why it may not have decided slots, which hold the changes of every domain, or not any more.
    pub fn refusal(&self, service: &Service) -> Option<String> {
        let moment = service.now().moment;
        let view = moment.view();
        let closed = match entry(service, &view, &self.key) {
            Some(observer) => view.closed_to(&observer),
            None if self.is_enrolled => {
                return Some("the enrolment of this observer is over, or was revoked".to_owned());
            }
            None if self.is_surplus(enrolled(service, &view)) => {
                return Some("the place is one that is kept for enrolled observers".to_owned());
            }
            None => view.closed_domain(),
        };
        let name = closed?;
        Some(format!("not everyone may read domain {name:?}, and decided slots hold the changes of every domain"))
    }

    /// Whether more strangers are served than may be, since others were enrolled.
    fn is_surplus(&self, enrolled: u32) -> bool {
        self.place.is_some() && self.strangers.served.load(Ordering::Relaxed) > self.strangers.most(enrolled)
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
    fn a_strangers_place_is_given_back() {
        let strangers = Strangers::new(2);
        let held = [strangers.take(2), strangers.take(2)];
        assert!(held.iter().all(Option::is_some) && strangers.take(2).is_none());
        drop(held);
        assert!(strangers.take(2).is_some());
    }
}
