//! Free ports in a row.

use super::DemoError;
use std::net::{Ipv4Addr, TcpListener};

/// Below the ports that Linux hands out to outgoing connections.
const FIRST: u16 = 20_000;
const LAST: u16 = 32_000;

/// The first of `count` ports in a row on loopback that nobody listens on now.
///
/// The search begins at a port that depends on the process, so that two demos at once seldom meet.
pub fn free(count: u16) -> Result<u16, DemoError> {
    let span = u32::from(LAST - FIRST - count);
    let begin = std::process::id().wrapping_mul(97) % span;
    let candidates = (0..span).step_by(usize::from(count)).map(|step| FIRST + ((begin + step) % span) as u16);
    candidates.into_iter().find(|first| (*first..first + count).all(is_free)).ok_or(DemoError::Ports(count))
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_that_somebody_listens_on_are_passed_over() {
        // Another program may take the port in between; then there is another one to hold.
        let hold = || TcpListener::bind((Ipv4Addr::LOCALHOST, free(4).expect("four free ports")));
        let held = (0..100).find_map(|_| hold().ok()).expect("a port to hold");
        let port = held.local_addr().expect("an address").port();
        assert!(!(port..port + 4).contains(&free(4).expect("four more")), "{port} is taken");
    }

    #[test]
    fn a_port_that_somebody_listens_on_is_not_free() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        assert!(!is_free(listener.local_addr().expect("an address").port()));
    }
}
