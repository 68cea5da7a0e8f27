//! World outside the folder: the machine's clock, and the members at their configured addresses.

use super::Item;
use std::collections::BTreeSet;
use std::fs;
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// Time that a clock may be behind the last write: file servers have clocks of their own.
const AHEAD_MAX: Duration = Duration::from_secs(60);
/// Time in which a member takes a connection.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// The clock, held against the last write to the database: with one that was set back a replica refuses all proposals.
pub(super) fn clock(data: &Path, now: SystemTime) -> Option<Item> {
    let files = fs::read_dir(data).ok()?.flatten();
    let last = files.filter_map(|file| file.metadata().ok()?.modified().ok()).max()?;
    Some(match last.duration_since(now) {
        Ok(ahead) if ahead > AHEAD_MAX => Item::fault(
            "clock",
            format!("the database was last written {} s after the time of this machine", ahead.as_secs()),
            "`date -u` here, and synchronise the clock: members refuse each other's times beyond a minute",
        ),
        _ => Item::well("clock", "not before the last write to the database"),
    })
}

/// Members that take a connection at these hosts and ports, and those that do not: none is a fault of this folder.
pub(super) fn peers(peers: Vec<(String, String)>) -> Option<Item> {
    let (asked, (tell, answers)) = (peers.len(), mpsc::channel());
    let mut silent: BTreeSet<String> = peers.iter().map(|(name, at)| format!("{name} at {at}")).collect();
    for (name, at) in peers {
        let tell = tell.clone();
        thread::spawn(move || takes_connections(&at).then(|| tell.send(format!("{name} at {at}"))));
    }
    drop(tell);
    let end = Instant::now() + ANSWERS_WITHIN * 2; // a name server may be silent for longer
    while let Ok(there) = answers.recv_timeout(end.saturating_duration_since(Instant::now())) {
        silent.remove(&there);
    }
    let there = asked - silent.len();
    let silent: Vec<String> = silent.into_iter().collect();
    let beyond = if silent.is_empty() { String::new() } else { format!("; not {}", silent.join(", ")) };
    (asked > 0).then(|| Item::well("peers", format!("{there} of {asked} configured members take connections{beyond}")))
}

fn takes_connections(at: &str) -> bool {
    let addresses = at.to_socket_addrs().into_iter().flatten();
    addresses.take(2).any(|address| TcpStream::connect_timeout(&address, ANSWERS_WITHIN / 2).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_clock_that_was_set_back_is_a_fault() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("journal"), "written now").expect("our file");
        let now = SystemTime::now();

        let ok = [now, now - Duration::from_secs(3_600)].map(|now| clock(folder.path(), now).expect("a file").ok);

        assert_eq!(ok, [true, false]);
    }

    #[test]
    fn members_that_take_no_connection_are_named_and_no_fault() {
        let there = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let gone = TcpListener::bind("127.0.0.1:0").expect("loopback").local_addr().expect("its address");
        let asked = [("0", there.local_addr().expect("its address")), ("1", gone)];

        let item = peers(asked.map(|(name, at)| (name.to_owned(), at.to_string())).to_vec()).expect("two were asked");

        assert!(item.ok, "{item:?}");
        assert_eq!(item.detail, format!("1 of 2 configured members take connections; not 1 at {gone}"));
    }
}
