//! Nodes of one process that stand until a test is over.

use crate::lone;
use quorate_ledger::answers::DIGEST;
use quorate_ledger::{Act, Base, Body, Change, Envelope, Observer, ObserverAct, Op, Revision};
use quorate_pbft::{Digest, Ed25519Signer, Signature, Signer as _};
use quorate_service::config::Overrides;
use quorate_service::replica::Running;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Time that anything may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A free port below those that the system hands out: nobody is given it before it is listened on.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(20_000);
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    std::iter::repeat_with(|| NEXT.fetch_add(1, Ordering::Relaxed)).take(10_000).find(is_free).expect("a port")
}

/// A replica of this folder with a door for observers.
pub async fn launch(dir: &Path, observers: &str) -> Running {
    let flags = Overrides { observers: Some(observers.to_owned()), ..lone::anywhere() };
    lone::launch(dir, flags, DIGEST).await.expect("a replica")
}

pub async fn eventually<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, found).await.expect("in time")
}

/// An observer of the one organisation, enrolled in a group for all domains and times.
pub fn enrols(secret: u8, group: Digest) -> Act {
    let signer = Ed25519Signer::from_seed(&[secret; 32]);
    let (key, organisation, proof) = (signer.public_key(), "org".into(), Signature([0; 64]));
    let mut observer = Observer { key, organisation, domains: vec![], until: u64::MAX, proof };
    observer.proof = signer.sign(&observer.signed_bytes(&group));
    ObserverAct::Enrol(observer).act()
}

/// Envelope of an author: one operation in a domain, under a number there.
pub fn envelope(
    author: &Ed25519Signer,
    group: Digest,
    (domain, number): (&str, u64),
    op: Op,
    contents: Vec<Vec<u8>>,
) -> Vec<u8> {
    let change = Change::new(Base::Revision(Revision::GENESIS), vec![op], "", 0);
    let body = Body {
        author: author.public_key(),
        domain: domain.to_owned(),
        from_seq: number,
        to_seq: number,
        attempt: 1,
        changes: vec![change],
        carried: vec![],
    };
    Envelope::sign(&group, body, contents, author).encode()
}
