//! `docs/encoding.md` is right: its vectors are read from the document and checked.

mod support;

use quorate_ledger::{
    Base, Body, Branch, Change, Dependency, Envelope, GlobalTransaction, Level, Limits, LockMode, Mode, Op, Predicate,
    Revision, Wishes, hexed,
};
use quorate_pbft::{
    Digest, Ed25519, Ed25519Signer, Epoch, Kind, PublicKey, ReplicaId, SeqNum, Signature, Signer, Statement, Verify,
    View,
};
use std::collections::BTreeMap;

type Vector = BTreeMap<String, String>;

/// The blocks of the document that are fenced as `vector`, by kind.
fn vectors(kind: &str) -> Vec<Vector> {
    let text = include_str!("../../docs/encoding.md");
    let blocks = text.split("```vector\n").skip(1).map(|block| block.split("```").next().expect("a fence ends"));
    let field = |line: &str| line.split_once(": ").map(|(key, value)| (key.to_owned(), value.to_owned()));
    let vectors = blocks.map(|block| block.lines().map(|line| field(line).expect("key: value")).collect());
    vectors.filter(|vector: &Vector| vector["kind"] == kind).collect()
}

fn bytes(vector: &Vector, key: &str) -> Vec<u8> {
    hex::decode(&vector[key]).expect("hex")
}

fn group() -> Digest {
    support::digest(b"a genesis file")
}

fn signer(n: u8) -> Ed25519Signer {
    Ed25519Signer::from_seed(&[n; 32])
}

fn body(domain: &str, from_seq: u64, attempt: u64, changes: Vec<Change>) -> Body {
    let to_seq = from_seq + changes.len() as u64 - 1;
    let (author, domain) = (signer(1).public_key(), domain.to_owned());
    Body { author, domain, from_seq, to_seq, attempt, changes, carried: vec![] }
}

/// The envelopes of the document, by name.
fn envelopes() -> Vec<(&'static str, Envelope)> {
    let sign = |body, contents: &[&[u8]]| {
        Envelope::sign(&group(), body, contents.iter().map(|bytes| bytes.to_vec()).collect(), &signer(1))
    };
    let put = |path: &str, mode, content: &[u8]| Op::Put { path: path.into(), mode, content: support::digest(content) };
    let genesis = Base::Revision(Revision::GENESIS);
    let hello = Change::new(genesis, vec![put("hello.txt", Mode::File, b"hello\n")], "first", 1_700_000_000_000);
    let first = sign(body("main", 1, 1, vec![hello]), &[b"hello\n"]);
    let base = Base::Envelope(first.id(&group()));
    let run = Change::new(base, vec![put("hello.txt", Mode::Exec, b"hello\n")], "", 0);
    let moved = vec![
        Op::Rename { from: "hello.txt".into(), to: "bin/hello".into() },
        Op::Delete { path: "ä b".into() },
        put("link", Mode::Link, b"bin/hello"),
    ];
    let at = Base::Revision("12.3".parse().expect("a revision"));
    let moved = Change::new(at, moved, "a move\n\nwith a body", 1_700_000_000_001);
    let steps = (0_u8..3).map(|n| {
        let base = if n == 0 { Base::Revision(Revision::slot(SeqNum::new(12))) } else { Base::Previous };
        Change::new(base, vec![put("count", Mode::File, &[b'0' + n])], "", u64::from(n))
    });
    let dependency = Dependency { author: signer(2).public_key(), domain: "other".into(), seq: 7 };
    let wishes = Wishes { critical: true, level: Some(Level::Strong), depends_on: vec![dependency] };
    let nothing = Change { wishes, ..Change::new(genesis, vec![], "nothing but wishes", 0) };
    let mut held = vec![Op::Fence { token: 7 }, Op::Release { path: "a".into() }];
    held.push(Op::Acquire { path: "b/c".into(), mode: LockMode::Six, lease_ms: 60_000, wait_ms: 500 });
    let held = Change::new(genesis, held, "", 0);
    let own = Dependency { author: signer(1).public_key(), domain: "main".into(), seq: 9 };
    let part = |n: u8, depends_on| Change {
        wishes: Wishes { depends_on, ..Wishes::default() },
        ..Change::new(
            if n == 0 { at } else { Base::Previous },
            vec![put(&n.to_string(), Mode::File, &[b'0' + n])],
            "",
            0,
        )
    };
    let here = Change::new(
        at,
        vec![Op::Anchor { revision: Revision::slot(SeqNum::new(12)) }, put("a", Mode::File, b"1")],
        "",
        0,
    );
    let enter = Op::Enter { domain: "other".into(), seq: 5, attempt: 2 };
    let there = Change::new(at, vec![enter, put("b", Mode::File, b"2")], "", 0);
    let made = vec![put("c", Mode::File, b"3")];
    let branch = |group: &[u8], domain: &str, ops: &[Op]| Branch {
        group: support::digest(group),
        domain: domain.into(),
        change: Branch::change_of(ops),
    };
    let branches = vec![branch(b"a genesis file", "main", &made), branch(b"another", "docs", &[])];
    let transaction = GlobalTransaction { salt: [7; 16], lease_ms: 60_000, branches };
    let decision = Op::Decide { transaction: transaction.id(), commit: true, proofs: vec![vec![1, 2], vec![]] };
    let decision = Change::new(at, vec![decision], "", 0);
    let promise = Change::new(at, [vec![Op::Prepare { transaction, proof: vec![] }], made].concat(), "", 0);
    vec![
        ("a put", first),
        ("a mode, on an envelope", sign(body("main", 2, 1, vec![run]), &[])),
        ("a rename, a delete and a link", sign(body("main", 3, 4, vec![moved]), &[b"bin/hello"])),
        ("three changes that build on each other", sign(body("main", 4, 1, steps.collect()), &[b"0", b"1", b"2"])),
        ("wishes", sign(body("a.domain-of_its.own", 1, 1, vec![nothing]), &[])),
        ("locks", sign(body("main", 7, 1, vec![held]), &[])),
        ("a composition", sign(body("main", 9, 1, vec![part(0, vec![]), part(1, vec![own])]), &[b"0", b"1"])),
        ("a transaction", sign(body("main", 11, 1, vec![here, there]), &[b"1", b"2"])),
        ("a branch of a transaction over two groups", sign(body("main", 12, 1, vec![promise]), &[b"3"])),
        ("its decision", sign(body("main", 13, 1, vec![decision]), &[])),
    ]
}

fn told(name: &str, envelope: &Envelope) -> String {
    let (seed, group, id) = (hex::encode([1; 32]), group(), envelope.id(&group()));
    let (signature, encoded) = (hex::encode(envelope.signature.0), hex::encode(envelope.encode()));
    format!(
        "kind: envelope\nname: {name}\nseed: {seed}\ngroup: {group}\nid: {id}\nsignature: {signature}\nbytes: {encoded}\n"
    )
}

#[test]
fn the_document_has_these_envelopes() {
    let text = include_str!("../../docs/encoding.md");
    let blocks = envelopes().into_iter().map(|(name, envelope)| told(name, &envelope));
    let missing: Vec<String> = blocks.filter(|block| !text.contains(block)).collect();
    assert!(missing.is_empty(), "docs/encoding.md should have\n```vector\n{}```", missing.join("```\n\n```vector\n"));
}

#[test]
fn every_envelope_of_the_document_is_read_signed_and_written_alike() {
    let vectors = vectors("envelope");
    assert!(vectors.len() >= 10);
    for vector in vectors {
        let encoded = bytes(&vector, "bytes");
        let group: Digest = hexed::parse(&vector["group"]).expect("a digest");
        let envelope = Envelope::decode(&encoded, &Limits::default()).expect("an envelope");
        let id = envelope.check_signature(&group, Predicate::Strict).expect("its author's");
        assert_eq!(id.to_string(), vector["id"]);
        assert_eq!(envelope.encode(), encoded);
        let seed = bytes(&vector, "seed").try_into().expect("32 bytes");
        let again = Envelope::sign(&group, envelope.body.clone(), envelope.contents, &Ed25519Signer::from_seed(&seed));
        assert_eq!(hex::encode(again.signature.0), vector["signature"]);
    }
}

#[test]
fn the_statement_of_the_document_is_signed_as_it_says() {
    let [vector] = &vectors("statement")[..] else { panic!("one statement") };
    let statement = Statement {
        group: group(),
        epoch: Epoch::new(0),
        kind: Kind::Checkpoint,
        view: View::new(0),
        seq: SeqNum::new(128),
        digest: support::digest(b"a checkpoint"),
    };
    let signed = statement.sign(ReplicaId::new(0), &signer(1));
    assert_eq!(hex::encode(statement.signed_bytes()), vector["signed"]);
    assert_eq!(hex::encode(signed.signature.0), vector["signature"]);
}

#[test]
fn the_proof_of_possession_of_the_document_is_signed_as_it_says() {
    let [vector] = &vectors("possession")[..] else { panic!("one proof of possession") };
    let key = PublicKey(bytes(vector, "key").try_into().expect("32 bytes"));
    let signature = Signature(bytes(vector, "signature").try_into().expect("64 bytes"));
    let signed = quorate_ledger::keys::possession_bytes(quorate_ledger::keys::Purpose::Author, "org-0", &key);
    assert_eq!(hex::encode(&signed), vector["signed"]);
    assert!(Ed25519.verify(&key, &signed, &signature));
}
