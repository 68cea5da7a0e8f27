//! Dependencies between rooms.

use crate::sources::metadata;

/// Each room and the rooms that it may name. A new arrow starts here, in its own commit, with its reason.
const ARROWS: &[(&str, &[&str])] = &[
    ("pbft", &[]),
    ("spread", &["pbft"]),
    ("semantic", &[]),
    ("ledger", &["pbft", "semantic"]),
    ("storage", &["ledger", "pbft"]),
    ("net", &["pbft"]),
    ("client", &["ledger", "pbft"]),
    ("bench", &["client", "ledger", "pbft"]), // keys and digests are types of `pbft`
    ("liar", &["pbft"]),
    ("git", &["ledger"]),
    ("service", &["client", "ledger", "net", "pbft", "storage"]),
    ("node", &["bench", "client", "git", "ledger", "liar", "pbft", "semantic", "service", "storage"]),
    ("tests", &["client", "ledger", "liar", "net", "pbft", "service", "spread", "storage"]), // `net`: members who send nonsense
];

#[test]
fn rooms_depend_only_along_the_arrows() {
    let metadata = metadata();
    for (room, allowed) in ARROWS {
        for dependency in dependencies(&metadata, room) {
            assert!(allowed.contains(&dependency.as_str()), "`{room}` may not depend on `{dependency}`");
        }
    }
}

#[test]
fn every_room_has_its_arrows_written_down() {
    let metadata = metadata();
    let members = metadata["workspace_members"].as_array().expect("members").len();
    assert_eq!(members, ARROWS.len(), "a room without a line in ARROWS, or a line without a room");
}

/// Our own rooms that `room` depends on, for building and for running; tests may use more.
fn dependencies(metadata: &serde_json::Value, room: &str) -> Vec<String> {
    let name = format!("quorate-{room}");
    let packages = metadata["packages"].as_array().expect("packages");
    let package = packages.iter().find(|package| package["name"] == name.as_str());
    let package = package.unwrap_or_else(|| panic!("there is no room `{room}`"));
    let dependencies = package["dependencies"].as_array().expect("dependencies");
    let ours = dependencies.iter().filter(|dependency| dependency["kind"].is_null());
    let names = ours.filter_map(|dependency| dependency["name"].as_str()?.strip_prefix("quorate-"));
    names.map(str::to_owned).collect()
}
