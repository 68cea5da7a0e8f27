//! `quorate bundle import` of an outbox at nodes that do not take everything.

use crate::watching::{node, problem, status};
use crate::{code, folder, quorate};
use quorate_client::content;
use quorate_client::keys;
use quorate_client::outbox::Outbox;
use quorate_ledger::{Base, Body, Change, Envelope, Mode, Op, Revision};
use quorate_pbft::{Digest, Signer as _};
use std::path::Path;
use tempfile::TempDir;

/// The group of the node.
const GROUP: Digest = Digest([9; 32]);

/// A folder with an outbox that is packed: a change for each of these domains; and their ids.
fn packed(domains: &[&str]) -> (TempDir, Vec<String>) {
    let folder = folder(&[]);
    assert_eq!(code(&quorate(folder.path(), &["keys", "new", "--out", "key"])), 0);
    let ids = domains.iter().map(|domain| kept(&folder.path().join("key"), domain)).collect();
    assert_eq!(code(&quorate(folder.path(), &["bundle", "outbox", "--key", "key", "--out", "outbox"])), 0);
    (folder, ids)
}

fn kept(key: &Path, domain: &str) -> String {
    let signer = keys::read(key).expect("a key");
    let op = Op::Put { path: "a".into(), mode: Mode::File, content: content::digest(b"x") };
    let change = Change::new(Base::Revision(Revision::GENESIS), vec![op], "", 0);
    let (author, domain, changes) = (signer.public_key(), domain.to_owned(), vec![change]);
    let body = Body { author, domain, from_seq: 1, to_seq: 1, attempt: 1, changes, carried: vec![] };
    let envelope = Envelope::sign(&GROUP, body, vec![b"x".to_vec()], &signer);
    let mut outbox = Outbox::open(key).expect("an outbox");
    outbox.enter(GROUP).expect("its first group");
    outbox.keep(&GROUP, &envelope).expect("a disk");
    envelope.id(&GROUP).to_string()
}

#[test]
fn epochs_beside_an_outbox_are_refused_before_anything_is_sent() {
    let (folder, _) = packed(&["main"]);
    let import = ["bundle", "import", "outbox", "--receipts", "receipts", "--epochs", "epochs"];

    let refused = quorate(folder.path(), &[&import[..], &["--node", "http://127.0.0.1:1"]].concat());

    let why = String::from_utf8_lossy(&refused.stderr);
    assert!(code(&refused) == 2 && why.contains("--epochs is for slots"), "{why}");
}

#[test]
fn a_change_that_is_too_large_for_an_observer_is_named_and_in_no_others_way() {
    let (folder, ids) = packed(&["main", "other"]);
    let too_large = problem("413 Payload Too Large", None, "too-large", "an observer hands on 4194304 bytes at most");
    let refused = problem("422 Unprocessable Content", Some("signature"), "unknown-author", "it is not enrolled");
    let node = node(vec![status(5), too_large, refused]);

    let said = quorate(folder.path(), &["bundle", "import", "outbox", "--receipts", "receipts", "--node", &node]);

    let (told, why) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(code(&said) == 1 && why.contains(&ids[0]) && why.contains("--node URL of a member"), "{told}{why}");
    assert!(told.contains(&format!("not ordered  {}: unknown-author", ids[1])), "{told}{why}");
    assert!(folder.path().join("receipts").exists(), "what was ordered goes home");
}
