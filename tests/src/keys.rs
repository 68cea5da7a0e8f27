//! Signing in a run: real ed25519, verified once for the whole run, or a keyed hash that costs next to nothing.
//!
//! Both stand behind the same doors, so the core cannot tell.

use crate::clients::EnvelopeName;
use quorate_ledger::keys::Purpose;
use quorate_ledger::{DomainRules, Enrolment, EnvelopeId, FORMAT, Genesis, GenesisFile, Limits};
use quorate_pbft::{Committee, Constants, Digest, Ed25519, Ed25519Signer, Epoch, PublicKey, Signature, Signer, Verify};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// Signature scheme of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signatures {
    /// A hash of key and bytes. The public key is enough to forge; no attacker here does.
    Keyed,
    /// The real thing.
    Ed25519,
}

impl std::fmt::Display for Signatures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Keyed => "keyed",
            Self::Ed25519 => "ed25519",
        })
    }
}

/// Keys of a run.
#[derive(Clone)]
pub struct Keys {
    /// The members' signers, by their place.
    pub signers: Vec<Arc<dyn Signer>>,
    /// Verifies what any of them signs.
    pub verify: Arc<dyn Verify>,
    /// The members.
    pub committee: Committee,
    /// Signers of envelopes.
    pub authors: Authors,
    /// The genesis, where the group's real signatures can be checked against it.
    pub genesis: Option<Arc<Genesis>>,
}

/// The authors of a run.
#[derive(Clone, Default)]
pub struct Authors {
    /// Their signers, by number.
    pub signers: Vec<Ed25519Signer>,
    /// Their numbers, by key.
    pub numbers: BTreeMap<PublicKey, u16>,
}

/// Count of a group's honest authors; theirs are the first numbers.
pub const AUTHORS: u16 = 5;

/// Count of authors that may be anything else; their numbers follow.
pub const ROGUES: u16 = 4;

impl Keys {
    /// The keys of a group of `n`; the same for every seed.
    pub fn new(n: usize, signatures: Signatures) -> Self {
        Self::with_joiners(n, n, signatures)
    }

    /// The keys of a group of `n` and of those who join it later, `people` in all.
    pub fn with_joiners(n: usize, people: usize, signatures: Signatures) -> Self {
        let signers: Vec<Arc<dyn Signer>> = (0..people).map(|index| signer(index, signatures)).collect();
        let verify: Arc<dyn Verify> = match signatures {
            Signatures::Keyed => Arc::new(KeyedHash),
            Signatures::Ed25519 => Arc::new(Remembering::default()),
        };
        let members = signers.iter().take(n).map(|signer| signer.public_key()).collect();
        let group = Digest([7; 32]);
        let committee = Committee::new(group, Epoch::new(0), members).expect("the keys differ");
        Self { signers, verify, committee, authors: Authors::default(), genesis: None }
    }

    /// The keys of a group whose member list changes. Where signatures are real ones it has a genesis, and proofs lead from
    /// there through its epochs.
    pub fn with_epochs(
        n: usize,
        people: usize,
        signatures: Signatures,
        constants: &Constants,
        rules: Option<u32>,
    ) -> Self {
        let keys = Self::with_joiners(n, people, signatures);
        match signatures {
            Signatures::Keyed => keys,
            Signatures::Ed25519 => {
                let keys = Self { authors: Authors::new(n), ..keys };
                keys.founded(n, constants, Limits::default(), rules)
            }
        }
    }

    /// The keys of a group with a genesis of its own that names these rules, and that genesis.
    pub fn with_genesis(n: usize, constants: &Constants, rules: Option<u32>) -> (Self, Arc<Genesis>) {
        Self::with_limits(n, constants, Limits::default(), rules)
    }

    /// The same with limits of its own.
    pub fn with_limits(n: usize, constants: &Constants, limits: Limits, rules: Option<u32>) -> (Self, Arc<Genesis>) {
        let keys = Self { authors: Authors::new(n), ..Self::new(n, Signatures::Ed25519) };
        let keys = keys.founded(n, constants, limits, rules);
        let genesis = keys.genesis.clone().expect("just made");
        (keys, genesis)
    }

    /// The same keys in a group with a genesis.
    fn founded(self, n: usize, constants: &Constants, limits: Limits, rules: Option<u32>) -> Self {
        let genesis = Arc::new(genesis(&self, n, constants, limits, rules));
        Self { committee: genesis.founders().clone(), genesis: Some(genesis), ..self }
    }
}

impl Authors {
    fn new(n: usize) -> Self {
        let all = 0..AUTHORS + ROGUES + n as u16;
        let signers: Vec<Ed25519Signer> = all.map(|number| Ed25519Signer::from_seed(&author_seed(number))).collect();
        let numbers = signers.iter().zip(0..).map(|(signer, number)| (signer.public_key(), number)).collect();
        Self { signers, numbers }
    }

    /// The author who speaks for an organisation where the group governs itself. Honest, as the first ones are.
    pub fn governor(organisation: usize) -> u16 {
        AUTHORS + ROGUES + organisation as u16
    }

    /// Organisation of an author, in a group of `n`: each replica has one.
    pub fn organisation(author: u16, n: usize) -> usize {
        let firsts = [AUTHORS + ROGUES, AUTHORS, 0];
        let first = firsts.into_iter().find(|first| author >= *first).unwrap_or_default();
        usize::from(author - first) % n
    }

    /// Names an envelope. An honest author's has its number; all others may say more than one thing under a number, or
    /// write in several domains, and are named after what they signed.
    pub fn name(&self, key: &PublicKey, number: u64, id: &EnvelopeId) -> Option<EnvelopeName> {
        let author = *self.numbers.get(key)?;
        let named = id.0.0.first_chunk().map_or(number, |first| u64::from_le_bytes(*first));
        Some((author, if author < AUTHORS { number } else { named }))
    }
}

/// Seed of an author's key.
pub(crate) fn author_seed(number: u16) -> [u8; 32] {
    let mut seed = [0xa7; 32];
    seed[..2].copy_from_slice(&number.to_le_bytes());
    seed
}

/// Genesis with an organisation for each replica; everybody may write in `main`.
fn genesis(keys: &Keys, n: usize, constants: &Constants, limits: Limits, rules: Option<u32>) -> Genesis {
    let enrol = |purpose: Purpose, organisation: usize, signer: &dyn Signer| {
        Enrolment::prove(purpose, &format!("org-{organisation:02}"), signer)
    };
    let members = keys.signers.iter().take(n).enumerate();
    let authors = keys.authors.signers.iter().enumerate();
    let mut authors: Vec<Enrolment> =
        authors.map(|(at, author)| enrol(Purpose::Author, Authors::organisation(at as u16, n), author)).collect();
    authors.sort_unstable_by_key(|author| author.key);
    let file = GenesisFile {
        format: FORMAT.to_owned(),
        name: "simulated".to_owned(),
        rules,
        restarted_from: None,
        organisations: (0..n).map(|index| format!("org-{index:02}")).collect(),
        members: members.map(|(at, member)| enrol(Purpose::Member, at, &**member)).collect(),
        authors,
        domains: vec![DomainRules::open("main")],
        constants: constants.clone(),
        limits,
    };
    Genesis::build(file).expect("plans have good constants")
}

fn signer(index: usize, signatures: Signatures) -> Arc<dyn Signer> {
    let mut seed = [0x51; 32];
    seed[..8].copy_from_slice(&(index as u64).to_le_bytes());
    match signatures {
        Signatures::Keyed => Arc::new(KeyedSigner(PublicKey(seed))),
        Signatures::Ed25519 => Arc::new(Ed25519Signer::from_seed(&seed)),
    }
}

struct KeyedSigner(PublicKey);

impl Signer for KeyedSigner {
    fn public_key(&self) -> PublicKey {
        self.0
    }

    fn sign(&self, bytes: &[u8]) -> Signature {
        tag(&self.0, bytes)
    }
}

struct KeyedHash;

impl Verify for KeyedHash {
    fn verify(&self, key: &PublicKey, bytes: &[u8], signature: &Signature) -> bool {
        tag(key, bytes) == *signature
    }
}

/// Ed25519 that answers from memory what it was asked before (G2: verify once, for all replicas of the run).
#[derive(Default)]
struct Remembering(Mutex<HashMap<Question, bool>>);

type Question = ([u8; 64], PublicKey, Vec<u8>);

impl Verify for Remembering {
    fn verify(&self, key: &PublicKey, bytes: &[u8], signature: &Signature) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let question = (signature.0, *key, bytes.to_vec());
        *known.entry(question).or_insert_with(|| Ed25519.verify(key, bytes, signature))
    }
}

/// Two 64-bit multiply-and-fold lanes over key and bytes: no cryptography, but no accident collides.
fn tag(key: &PublicKey, bytes: &[u8]) -> Signature {
    let (mut a, mut b) = (0x9e37_79b9_7f4a_7c15_u64, 0xc2b2_ae3d_27d4_eb4f_u64);
    for chunk in key.0.chunks(8).chain(bytes.chunks(8)) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        let word = u64::from_le_bytes(word) ^ ((chunk.len() as u64) << 56);
        a = fold(a ^ word, 0xff51_afd7_ed55_8ccd);
        b = fold(b ^ word.rotate_left(32), 0xc4ce_b9fe_1a85_ec53);
    }
    let mut signature = [0x5a; 64];
    signature[..8].copy_from_slice(&a.to_le_bytes());
    signature[8..16].copy_from_slice(&b.to_le_bytes());
    Signature(signature)
}

fn fold(word: u64, by: u64) -> u64 {
    let wide = u128::from(word) * u128::from(by);
    (wide as u64) ^ ((wide >> 64) as u64) ^ word.rotate_left(17)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_kind_of_signature_fits_its_key_and_its_bytes_only() {
        for signatures in [Signatures::Keyed, Signatures::Ed25519] {
            let keys = Keys::new(2, signatures);
            let signature = keys.signers[0].sign(b"bytes");
            let (own, other) = (keys.signers[0].public_key(), keys.signers[1].public_key());
            assert!(keys.verify.verify(&own, b"bytes", &signature));
            assert!(!keys.verify.verify(&other, b"bytes", &signature));
            assert!(!keys.verify.verify(&own, b"bytes!", &signature));
            assert!(!keys.verify.verify(&own, b"bytes\0", &signature));
        }
    }
}
