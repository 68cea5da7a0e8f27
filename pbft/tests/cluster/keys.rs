//! Keys, and signatures that are keyed hashes behind the same doors: thousands of runs take seconds.

use quorate_pbft::{
    Committee, Constants, Digest, Epoch, Item, ItemKind, PayloadCheck, PublicKey, ReplicaConfig, ReplicaId, Signature,
    Signer, Verify, VerifyContext, hash_parts,
};
use std::sync::Arc;

/// Signs with a keyed hash. Whoever knows the key can forge; nobody here does.
pub struct HashSigner(pub PublicKey);

fn tag(key: &PublicKey, bytes: &[u8]) -> Signature {
    let first = hash_parts("test/signature", &[&key.0, bytes]);
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&first.0);
    Signature(signature)
}

impl Signer for HashSigner {
    fn public_key(&self) -> PublicKey {
        self.0
    }

    fn sign(&self, bytes: &[u8]) -> Signature {
        tag(&self.0, bytes)
    }
}

pub struct HashVerify;

impl Verify for HashVerify {
    fn verify(&self, key: &PublicKey, bytes: &[u8], signature: &Signature) -> bool {
        tag(key, bytes) == *signature
    }
}

pub struct AnyItem;

impl PayloadCheck for AnyItem {
    fn is_valid(&self, item: &Item) -> bool {
        !item.bytes.is_empty()
    }
}

pub fn key(index: usize) -> PublicKey {
    PublicKey([index as u8 + 1; 32])
}

pub fn committee(n: usize) -> Committee {
    Committee::new(Digest([7; 32]), Epoch::new(0), (0..n).map(key).collect()).expect("distinct keys")
}

pub fn config(n: usize, me: usize, incarnation: u64, constants: &Constants) -> ReplicaConfig {
    ReplicaConfig {
        me: ReplicaId::new(me as u16),
        committee: committee(n),
        constants: constants.clone(),
        signer: Arc::new(HashSigner(key(me))),
        verify: Arc::new(HashVerify),
        incarnation,
        die: incarnation,
        program: quorate_pbft::Program::default(),
    }
}

pub fn envelope(text: &str) -> Item {
    Item { kind: ItemKind::Envelope, bytes: text.as_bytes().to_vec() }
}

/// What the door needs to know of a group.
pub fn context<'a>(committee: &'a Committee, constants: &'a Constants) -> VerifyContext<'a> {
    VerifyContext { committee, verify: &HashVerify, payload: &AnyItem, constants }
}

pub fn id(index: usize) -> ReplicaId {
    ReplicaId::new(index as u16)
}
