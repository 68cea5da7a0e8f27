//! Closed-loop authors who sign what they send.

use crate::Args;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use std::time::Instant;

/// Keys that one author writes in turn, or as many as one request has changes: etcd refuses a key that comes twice.
const KEYS_PER_AUTHOR: u64 = 64;

/// Verifications by which one is timed.
const VERIFICATIONS: u32 = 1_000;

/// Key and value of a change.
pub struct Put {
    pub key: String,
    pub value: Vec<u8>,
}

/// Changes that an author signed together.
pub struct Signed {
    /// The changes.
    pub puts: Vec<Put>,
    /// Bytes that are signed: keys and values, each after its length.
    pub body: Vec<u8>,
    /// Key of the author.
    pub author: VerifyingKey,
    /// Signature of the bytes.
    pub signature: Signature,
}

/// Author with its key.
pub struct Author {
    signer: SigningKey,
    index: usize,
    changes: u64,
    bytes: usize,
    next_seq: u64,
}

impl Signed {
    /// Verifies the signature, once for each of so many members.
    pub fn verify(&self, members: u16) -> anyhow::Result<()> {
        (0..members).try_for_each(|_| Ok(self.author.verify_strict(&self.body, &self.signature)?))
    }
}

impl Author {
    pub fn new(args: &Args, index: usize) -> Self {
        let mut seed = [7; 32];
        seed[..8].copy_from_slice(&(index as u64).to_be_bytes());
        let signer = SigningKey::from_bytes(&seed);
        Self { signer, index, changes: args.changes, bytes: args.bytes, next_seq: 1 }
    }

    /// The next changes, signed together.
    pub fn next(&mut self) -> Signed {
        let puts: Vec<Put> = (self.next_seq..self.next_seq + self.changes).map(|seq| self.put(seq)).collect();
        self.next_seq += self.changes;
        let body = body(&puts);
        let signature = self.signer.sign(&body);
        Signed { puts, body, author: self.signer.verifying_key(), signature }
    }

    fn put(&self, seq: u64) -> Put {
        let line = format!("author {} number {seq}\n", self.index);
        let value = line.bytes().cycle().take(self.bytes).collect();
        Put { key: format!("bench/{}/{}", self.index, seq % KEYS_PER_AUTHOR.max(self.changes)), value }
    }
}

fn body(puts: &[Put]) -> Vec<u8> {
    let mut body = Vec::new();
    for part in puts.iter().flat_map(|put| [put.key.as_bytes(), &put.value]) {
        body.extend_from_slice(&(part.len() as u32).to_be_bytes());
        body.extend_from_slice(part);
    }
    body
}

/// Microseconds of a verification, timed bare.
pub fn verify_us(args: &Args) -> anyhow::Result<f64> {
    let signed = Author::new(args, 0).next();
    let started = Instant::now();
    (0..VERIFICATIONS).try_for_each(|_| signed.verify(1))?;
    Ok(started.elapsed().as_secs_f64() * 1e6 / f64::from(VERIFICATIONS))
}
