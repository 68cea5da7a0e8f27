//! Nodes that find each other: by the door of one member, after a restart at another port, and through a relay.

use crate::group::{Group, eventually};
use crate::http;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

const QUORATE: &str = env!("CARGO_BIN_EXE_quorate");

/// An observer, stopped by its own id.
struct Observer {
    child: Child,
    api: SocketAddr,
}

impl Observer {
    fn start(group: &Group, flags: &[&str]) -> Self {
        let api = group.api(4); // the first after the replicas'
        let mut child = Command::new(QUORATE)
            .args(["observe", "--log", "warn", "--api", &api.to_string()])
            .arg("--genesis")
            .arg(group.dir().join("genesis.json"))
            .arg("--dir")
            .arg(group.dir().join("observer"))
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()
            .expect("quorate runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line).expect("a line");
        assert!(line.starts_with("ready "), "{line:?}");
        Self { child, api }
    }

    fn awaits(&self, path: &str, content: &str) {
        eventually(&format!("{path} at the observer"), || {
            let answer = http::get(self.api, &format!("/v1/domains/main/files/{path}")).ok()?;
            (answer.status == 200 && answer.text() == content).then_some(())
        });
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A line of a replica's configuration: `listen` or `observers`.
fn setting(group: &Group, replica: usize, key: &str) -> String {
    let text = fs::read_to_string(group.dir().join(format!("replica-{replica}/config.toml"))).expect("a configuration");
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{key} = "))).expect("a setting");
    line.trim_matches('"').to_owned()
}

/// Takes the addresses of the others out of a configuration, and puts these lines in.
fn only(group: &Group, replica: usize, lines: &str) {
    let file = group.dir().join(format!("replica-{replica}/config.toml"));
    let text = fs::read_to_string(&file).expect("a configuration");
    let rest = text.split("[peers]").next().expect("the settings");
    fs::write(&file, format!("{lines}\n{rest}")).expect("our file");
}

/// A group in which the door of replica 0 is the one address in the configurations of the others, as their bootstrap and
/// under these keys.
fn scattered(keys: &[&str]) -> (Group, String) {
    let group = Group::init(4);
    let door = setting(&group, 0, "observers");
    only(&group, 0, "relay_server = \"1GiB\"");
    for replica in 1..4 {
        let lines = ["bootstrap"].iter().chain(keys).map(|key| format!("{key} = [{door:?}]\n"));
        only(&group, replica, &lines.collect::<String>());
    }
    (group, door)
}

/// A peer in what a node tells of the others, as soon as it is connected.
fn peer(api: SocketAddr, number: u64) -> Value {
    eventually(&format!("replica {number} at {api}"), || {
        let peers = http::get(api, "/v1/peers").ok()?.json();
        let peers = peers["items"].as_array()?.iter().find(|peer| peer["replica"] == number)?.clone();
        (peers["connected"] == true).then_some(peers)
    })
}

#[test]
fn replicas_and_an_observer_find_each_other_by_one_members_door() {
    let (mut group, door) = scattered(&[]);
    group.start_all();
    for replica in 0..4 {
        for other in (0..4).filter(|other| *other != replica) {
            peer(group.api(replica), other as u64);
        }
    }
    let observer = Observer::start(&group, &["--bootstrap", &door]);

    group.put(3, "from", "afar");
    observer.awaits("from", "afar");

    let two = peer(group.api(1), 2);
    assert_eq!((&two["source"], &two["address"]), (&Value::from("record"), &Value::from(setting(&group, 2, "listen"))));
    assert!(two["told_ms"].is_u64(), "{two}");
}

#[test]
fn a_replica_that_starts_again_at_other_ports_is_found_by_members_and_observers() {
    let (mut group, door) = scattered(&[]);
    group.start_all();
    let observer = Observer::start(&group, &["--bootstrap", &door]);
    group.put(0, "first", "1");
    observer.awaits("first", "1");

    group.kill(2);
    let file = group.dir().join("replica-2/config.toml");
    let text = fs::read_to_string(&file).expect("a configuration");
    let moved = ["listen", "observers"].into_iter().fold(text, |text, key| {
        let old = setting(&group, 2, key);
        let port: u16 = old.rsplit('/').next().and_then(|port| port.parse().ok()).expect("a port");
        text.replace(&old, &format!("/ip4/127.0.0.1/tcp/{}", port + 7))
    });
    fs::write(&file, moved).expect("our file");
    group.start(2);

    for replica in [0, 1, 3] {
        eventually(&format!("the new address at replica {replica}"), || {
            (peer(group.api(replica), 2)["address"] == *setting(&group, 2, "listen")).then_some(())
        });
    }
    eventually("the new door at the observer", || {
        let peers = http::get(observer.api, "/v1/peers").ok()?.json();
        let two = peers["items"].as_array()?.iter().find(|peer| peer["replica"] == 2)?.clone();
        (two["address"] == *setting(&group, 2, "observers")).then_some(())
    });
    group.put(2, "second", "2");
    observer.awaits("second", "2");
}

#[test]
fn an_observer_follows_through_a_relay() {
    let (mut group, door) = scattered(&["relay"]);
    group.start_all();
    let name = |replica: u64| peer(group.api(3), replica)["peer_id"].as_str().expect("a name").to_owned();
    let way = format!("{door}/p2p/{}/p2p-circuit/p2p/{}", name(0), name(1));
    let observer = Observer::start(&group, &["--peer", &way]);

    let one = peer(observer.api, 1);
    assert_eq!((&one["source"], &one["address"]), (&Value::from("relay"), &Value::from(way)));

    group.put(3, "through", "a wall");
    observer.awaits("through", "a wall");
}
