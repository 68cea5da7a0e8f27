//! Verify once (rule G2): a bounded memory of what was found valid.
//!
//! Only good answers are kept, so garbage cannot push them out, and a hit never says more than a check would.

use quorate_pbft::{Ed25519Signer, Epoch, Item, PayloadCheck, PublicKey, Signature, Signer, Verify, hash_parts};
use std::collections::{HashMap, HashSet};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// Things remembered in each of the two generations of a cache: some seconds of a busy group at 32 bytes each.
const REMEMBERED_MAX: usize = 1 << 16;

/// Public keys kept decompressed: those of members, about 200 bytes each. Authors' signatures are checked by the ledger.
const KEYS_MAX: usize = 1 << 10;

/// Digests of what was found valid. The older half is forgotten when the newer is full.
#[derive(Debug, Default)]
struct Remembered(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    newer: HashSet<[u8; 32]>,
    older: HashSet<[u8; 32]>,
}

impl Remembered {
    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn contains(&self, digest: &[u8; 32]) -> bool {
        let generations = self.lock();
        generations.newer.contains(digest) || generations.older.contains(digest)
    }

    fn insert(&self, digest: [u8; 32]) {
        let mut generations = self.lock();
        if generations.newer.len() >= REMEMBERED_MAX {
            generations.older = mem::take(&mut generations.newer);
        }
        generations.newer.insert(digest);
    }
}

/// Strict ed25519 that keeps decompressed keys and remembers signatures that fit.
#[derive(Debug, Default)]
pub struct CachedVerify {
    fitting: Remembered,
    keys: RwLock<HashMap<PublicKey, ed25519_dalek::VerifyingKey>>,
}

impl CachedVerify {
    /// With nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    fn key(&self, key: &PublicKey) -> Option<ed25519_dalek::VerifyingKey> {
        if let Some(known) = self.keys.read().unwrap_or_else(PoisonError::into_inner).get(key) {
            return Some(*known);
        }
        let decompressed = ed25519_dalek::VerifyingKey::from_bytes(&key.0).ok()?;
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= KEYS_MAX {
            keys.clear();
        }
        keys.insert(*key, decompressed);
        Some(decompressed)
    }
}

/// Signs, and lets a cache know: own signatures come back in certificates and in the messages of others.
pub struct CachedSigner {
    signer: Ed25519Signer,
    cache: Arc<CachedVerify>,
}

impl CachedSigner {
    /// A signer whose signatures `cache` need not check.
    pub fn new(signer: Ed25519Signer, cache: Arc<CachedVerify>) -> Self {
        Self { signer, cache }
    }
}

impl Signer for CachedSigner {
    fn public_key(&self) -> PublicKey {
        self.signer.public_key()
    }

    fn sign(&self, bytes: &[u8]) -> Signature {
        let signature = self.signer.sign(bytes);
        self.cache.fitting.insert(digest_of_signed(&self.public_key(), bytes, &signature));
        signature
    }
}

fn digest_of_signed(key: &PublicKey, bytes: &[u8], signature: &Signature) -> [u8; 32] {
    hash_parts("quorate/v1/checked-signature", &[&key.0, &signature.0, bytes]).0
}

impl Verify for CachedVerify {
    fn verify(&self, key: &PublicKey, bytes: &[u8], signature: &Signature) -> bool {
        let whole = digest_of_signed(key, bytes, signature);
        if self.fitting.contains(&whole) {
            return true;
        }
        let parsed = ed25519_dalek::Signature::from_bytes(&signature.0);
        let fits = self.key(key).is_some_and(|key| key.verify_strict(bytes, &parsed).is_ok());
        if fits {
            self.fitting.insert(whole);
        }
        fits
    }
}

/// A payload check that remembers valid items: an envelope that came by HTTP is not verified again in a bundle.
pub struct CachedPayload {
    check: Arc<dyn PayloadCheck>,
    valid: Remembered,
}

impl CachedPayload {
    /// Remembers what `check` finds valid.
    pub fn new(check: Arc<dyn PayloadCheck>) -> Self {
        Self { check, valid: Remembered::default() }
    }

    /// Remembers an item that was found valid elsewhere.
    pub fn remember(&self, item: &Item) {
        self.valid.insert(digest_of(item));
    }
}

fn digest_of(item: &Item) -> [u8; 32] {
    hash_parts("quorate/v1/checked-item", &[&[item.kind as u8], &item.bytes]).0
}

impl PayloadCheck for CachedPayload {
    fn is_valid(&self, item: &Item) -> bool {
        let whole = digest_of(item);
        if self.valid.contains(&whole) {
            return true;
        }
        let valid = self.check.is_valid(item);
        if valid {
            self.valid.insert(whole);
        }
        valid
    }

    fn is_known(&self, item: &Item, epoch: Epoch) -> bool {
        self.check.is_known(item, epoch)
    }

    fn all_valid(&self, items: &[&Item]) -> bool {
        let digested = items.iter().map(|item| (digest_of(item), *item));
        let (digests, new): (Vec<_>, Vec<&Item>) = digested.filter(|(whole, _)| !self.valid.contains(whole)).unzip();
        let valid = self.check.all_valid(&new);
        if valid {
            digests.into_iter().for_each(|whole| self.valid.insert(whole));
        }
        valid
    }
}

impl std::fmt::Debug for CachedPayload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CachedPayload").field("valid", &self.valid).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_pbft::ItemKind;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_signature_counts_for_its_own_bytes_and_key_only() {
        let (verify, one, other) =
            (CachedVerify::new(), Ed25519Signer::from_seed(&[1; 32]), Ed25519Signer::from_seed(&[2; 32]));
        let signature = one.sign(b"said");

        assert!(verify.verify(&one.public_key(), b"said", &signature));
        assert!(verify.verify(&one.public_key(), b"said", &signature), "from memory");
        assert!(!verify.verify(&one.public_key(), b"unsaid", &signature));
        assert!(!verify.verify(&other.public_key(), b"said", &signature));
    }

    #[test]
    fn an_own_signature_is_known_for_its_own_bytes_and_key_only() {
        let (cache, other) = (Arc::new(CachedVerify::new()), Ed25519Signer::from_seed(&[2; 32]));
        let own = CachedSigner::new(Ed25519Signer::from_seed(&[1; 32]), cache.clone());
        let signature = own.sign(b"said");

        assert!(cache.fitting.contains(&digest_of_signed(&own.public_key(), b"said", &signature)));
        assert!(cache.verify(&own.public_key(), b"said", &signature));
        assert!(!cache.verify(&own.public_key(), b"unsaid", &signature));
        assert!(!cache.verify(&other.public_key(), b"said", &signature));
    }

    fn number_digest(number: u64) -> [u8; 32] {
        hash_parts("test", &[&number.to_be_bytes()]).0
    }

    #[test]
    fn the_memory_holds_at_most_two_generations() {
        let remembered = Remembered::default();
        for number in 0..3 * REMEMBERED_MAX as u64 {
            remembered.insert(number_digest(number));
        }

        let generations = remembered.lock();
        assert!(generations.newer.len() + generations.older.len() <= 2 * REMEMBERED_MAX);
        drop(generations);
        assert!(!remembered.contains(&number_digest(0)));
    }

    #[derive(Default)]
    struct Counting(AtomicUsize);

    impl PayloadCheck for Counting {
        fn is_valid(&self, item: &Item) -> bool {
            self.0.fetch_add(1, Ordering::Relaxed);
            !item.bytes.is_empty()
        }

        fn is_known(&self, _item: &Item, epoch: Epoch) -> bool {
            epoch >= Epoch::new(1)
        }
    }

    #[test]
    fn an_item_that_is_remembered_as_valid_is_known_in_the_epochs_of_its_rules_alone() {
        let cached = CachedPayload::new(Arc::new(Counting::default()));
        let item = Item { kind: ItemKind::Envelope, bytes: vec![1] };
        cached.remember(&item);
        assert_eq!([0, 1].map(|epoch| cached.is_known(&item, Epoch::new(epoch))), [false, true]);
    }

    #[test]
    fn an_item_that_the_gate_remembers_is_not_checked() {
        let counting = Arc::new(Counting::default());
        let cached = CachedPayload::new(counting.clone());
        let item = Item { kind: ItemKind::Envelope, bytes: vec![1] };

        cached.remember(&item);

        assert!(cached.is_valid(&item));
        assert_eq!(counting.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn of_many_items_those_that_were_valid_before_are_not_checked_again_and_a_bad_one_is_always_found() {
        let check = Arc::new(Counting::default());
        let (cached, item) = (CachedPayload::new(check.clone()), |bytes| Item { kind: ItemKind::Envelope, bytes });
        let (known, new, bad) = (item(vec![1]), item(vec![1, 2]), item(vec![]));
        cached.remember(&known);

        assert!(cached.all_valid(&[&known, &new]));
        assert!(cached.all_valid(&[&new, &known]));
        assert_eq!(check.0.load(Ordering::Relaxed), 1);
        assert!(!cached.all_valid(&[&known, &bad, &new]));
        assert!(!cached.all_valid(&[&bad]));
    }

    #[test]
    fn a_valid_item_is_checked_once_and_an_invalid_one_each_time() {
        let counting = Arc::new(Counting::default());
        let cached = CachedPayload::new(counting.clone());
        let good = Item { kind: ItemKind::Envelope, bytes: vec![1] };
        let bad = Item { kind: ItemKind::Envelope, bytes: vec![] };

        assert!(cached.is_valid(&good) && cached.is_valid(&good));
        assert!(!cached.is_valid(&bad) && !cached.is_valid(&bad));

        assert_eq!(counting.0.load(Ordering::Relaxed), 3);
    }
}
