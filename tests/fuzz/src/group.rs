//! A group of four in which every signature fits: the fuzzer speaks for everybody, the replica under test included.

use quorate_pbft::{
    Committee, Constants, Digest, Epoch, Item, Kind, PayloadCheck, PublicKey, ReplicaConfig, ReplicaId, SeqNum,
    Signature, Signed, Signer, Statement, Verify, View,
};
use std::sync::Arc;

/// Signs with anybody's key and finds every signature right.
#[derive(Clone, Copy)]
pub struct Anybody(pub PublicKey);

impl Signer for Anybody {
    fn public_key(&self) -> PublicKey {
        self.0
    }

    fn sign(&self, _: &[u8]) -> Signature {
        Signature([0; 64])
    }
}

impl Verify for Anybody {
    fn verify(&self, _: &PublicKey, _: &[u8], _: &Signature) -> bool {
        true
    }
}

impl PayloadCheck for Anybody {
    fn is_valid(&self, item: &Item) -> bool {
        item.bytes.first() != Some(&255)
    }
}

fn key(index: u16) -> PublicKey {
    PublicKey([index as u8 + 1; 32])
}

/// Four members.
pub fn committee() -> Committee {
    Committee::new(Digest([7; 32]), Epoch::new(0), (0..4).map(key).collect()).expect("four distinct keys")
}

/// Replica `me` of the four, with small water marks so that few inputs reach them.
pub fn config(me: u16, incarnation: u64) -> ReplicaConfig {
    ReplicaConfig {
        me: ReplicaId::new(me),
        committee: committee(),
        constants: Constants { checkpoint_period: 4, window: 8, ..Constants::default() },
        signer: Arc::new(Anybody(key(me))),
        verify: Arc::new(Anybody(key(me))),
        incarnation,
        die: incarnation,
        program: quorate_pbft::Program::default(),
    }
}

/// A statement in the name of `signer`.
pub fn signed(kind: Kind, view: u64, seq: u64, digest: Digest, signer: u16) -> Signed {
    let statement = Statement {
        group: Digest([7; 32]),
        epoch: Epoch::new(0),
        kind,
        view: View::new(view),
        seq: SeqNum::new(seq),
        digest,
    };
    statement.sign(ReplicaId::new(signer), &Anybody(key(signer)))
}
