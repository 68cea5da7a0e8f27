//! systemd's notify protocol: a datagram to the socket that `NOTIFY_SOCKET` names. Without one nothing is said.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Line to the service manager.
pub struct Notify {
    line: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Notify {
    /// The line that the environment names.
    pub fn from_environment() -> Self {
        let name = std::env::var("NOTIFY_SOCKET").ok();
        let usec = std::env::var("WATCHDOG_USEC").ok().and_then(|usec| usec.parse().ok()).filter(|usec| *usec > 1);
        Self { line: name.as_deref().and_then(line), watchdog: usec.map(Duration::from_micros) }
    }

    /// Time between two signs of life, a sixth of what the manager waits: one falls into the seconds after each step of the core,
    /// however long the next takes. None where it does not watch.
    pub fn pulse(&self) -> Option<Duration> {
        self.watchdog.filter(|_| self.line.is_some()).map(|within| within / 6)
    }

    /// Tells a state, as in `READY=1`. A manager that does not listen misses it.
    pub fn tell(&self, state: &str) {
        if let Some((socket, to)) = &self.line {
            let _ = socket.send_to_addr(state.as_bytes(), to);
        }
    }
}

/// Socket of this name; one that begins with `@` is abstract.
fn line(name: &str) -> Option<(UnixDatagram, SocketAddr)> {
    let address = match name.strip_prefix('@') {
        Some(hidden) => SocketAddr::from_abstract_name(hidden),
        None => SocketAddr::from_pathname(name),
    };
    Some((UnixDatagram::unbound().ok()?, address.ok()?))
}
