//! Pages of lists: bounded in bytes whatever their items weigh, and leading to all of them.

use crate::group::Group;
use quorate_ledger::{Act, Mode, Op};
use quorate_pbft::Digest;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;

/// Bytes that no page may have, one item more than the bound included.
const PAGE_BYTES: usize = 2_200_000;

/// Follows a list to its end: the names of all items, and the pages.
fn follow(group: &Group, list: &str, name: &str) -> (BTreeSet<String>, usize) {
    let (mut seen, mut pages, mut from) = (BTreeSet::new(), 0, String::new());
    loop {
        let page = group.get(0, &format!("{list}?limit=1000&level=sequential&from={from}"));
        assert!(page.body.len() < PAGE_BYTES, "{} bytes: {list}", page.body.len());
        pages += 1;
        for item in page.json()["items"].as_array().expect("items") {
            assert!(seen.insert(item[name].as_str().expect("a name").to_owned()), "an item twice: {list}");
        }
        match page.json()["next"].as_str() {
            Some(next) => from = next.to_owned(),
            None => return (seen, pages),
        }
    }
}

#[test]
fn a_page_of_proposals_is_bounded_in_bytes_and_the_next_one_goes_on() {
    let group = Group::unpaced();
    for seq in 1..=6 {
        let schema = json!({"description": seq.to_string().repeat(65_000)});
        let rule = |number: usize| json!({"pattern": format!("{number}/**"), "format": "json", "schema": schema});
        let rules: Vec<_> = (0..14).map(rule).collect();
        let policy = serde_json::from_value(json!({"writers": ["*"], "readers": ["*"], "paths": rules}));
        let policy = policy.expect("a policy");
        let op = Op::Propose { act: Act::SetPolicy { policy } };
        let receipt = group.offer(0, &group.signed(seq, 1, vec![op], vec![])).json();
        assert_eq!(receipt["state"], "applied", "{receipt}");
    }

    let (seen, pages) = follow(&group, "/v1/proposals", "id");

    assert_eq!(seen.len(), 6);
    assert!(pages > 2, "{pages} pages");
}

#[test]
fn a_page_of_a_tree_of_long_paths_is_bounded_in_bytes_and_the_next_one_goes_on() {
    let group = Group::unpaced();
    let content = Digest(Sha256::digest(b"x").into());
    let folders = vec!["x".repeat(250); 15].join("/");
    let put = |number: usize| Op::Put { path: format!("{folders}/{number}"), mode: Mode::File, content };
    let ops = (0..1_000).map(put).collect();
    assert_eq!(group.offer(0, &group.signed(1, 1, ops, vec![b"x".to_vec()])).json()["state"], "applied");

    let (seen, pages) = follow(&group, "/v1/domains/main/tree", "path");

    assert_eq!(seen.len(), 1_000);
    assert!(pages > 2, "{pages} pages");
}
