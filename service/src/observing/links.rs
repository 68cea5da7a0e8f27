//! Links of observers that are served: one for each key, so that no key holds the places of others.

use quorate_pbft::PublicKey;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

/// Links by key.
#[derive(Clone, Default)]
pub struct Links(Arc<Mutex<BTreeMap<PublicKey, Arc<CancellationToken>>>>);

/// Link of a key, until it is dropped or the key comes again.
pub struct Link {
    links: Links,
    key: PublicKey,
    over: Arc<CancellationToken>,
}

impl Links {
    /// Link of a key that came now; an older one of that key ends.
    pub fn begin(&self, key: PublicKey) -> Link {
        let over = Arc::new(CancellationToken::new());
        if let Some(before) = self.lock().insert(key, over.clone()) {
            before.cancel();
        }
        Link { links: self.clone(), key, over }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PublicKey, Arc<CancellationToken>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link {
    /// Returns once the key has come again.
    pub async fn over(&self) {
        self.over.cancelled().await;
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let mut links = self.links.lock();
        if links.get(&self.key).is_some_and(|newest| Arc::ptr_eq(newest, &self.over)) {
            links.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_comes_again_ends_its_older_link_and_no_other() {
        let (links, keys) = (Links::default(), [PublicKey([1; 32]), PublicKey([2; 32])]);
        let [first, other] = keys.map(|key| links.begin(key));
        let second = links.begin(keys[0]);
        assert_eq!([&first, &other, &second].map(|link| link.over.is_cancelled()), [true, false, false]);
        drop(first);
        let third = links.begin(keys[0]);
        assert!(second.over.is_cancelled() && !third.over.is_cancelled());
        drop((second, other, third));
        assert!(links.lock().is_empty());
    }
}
