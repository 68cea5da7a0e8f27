//! Addresses that a replica opens at its start, tried while it does not run: whether somebody else has them.

use super::Item;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

/// Name of the check.
const CHECK: &str = "free-addresses";

const ADVICE: &str =
    "`ss -ltnp` names the program that has an address: end it, or give the replica another one in config.toml";
const IF_ELSEWHERE: &str =
    "the replica needs an address of the machine on which it runs, and a port that its user may open";

/// Opens each address of a replica that does not run, as its key names it, and closes it again.
pub(super) fn addresses(own: &[(&str, SocketAddr)]) -> Item {
    let (held, others): (Vec<_>, Vec<_>) = own.iter().filter_map(shut).partition(|(is_held, _)| *is_held);
    let words = |shut: Vec<(bool, String)>| shut.into_iter().map(|(_, what)| what).collect::<Vec<_>>().join("; ");
    if !held.is_empty() {
        return Item::fault(CHECK, words(held), ADVICE);
    }
    if !others.is_empty() {
        return Item { advice: Some(IF_ELSEWHERE.to_owned()), ..Item::well(CHECK, words(others)) };
    }
    let free: Vec<String> = own.iter().map(|(key, address)| format!("{key} {address}")).collect();
    Item::well(CHECK, format!("nobody has them: {}", free.join(", ")))
}

/// Whether somebody has an address that does not open, and the error in words.
fn shut((key, address): &(&str, SocketAddr)) -> Option<(bool, String)> {
    let error = TcpListener::bind(address).err()?;
    Some(match error.kind() {
        ErrorKind::AddrInUse => (true, format!("{key}: {address} is in use")),
        _ => (false, format!("{key}: {address} cannot be opened by this command: {error}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn an_address_that_somebody_has_is_named_with_its_key() {
        let holder = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let held = holder.local_addr().expect("it is bound");

        let taken = addresses(&[("operations", held)]);
        drop(holder);

        assert!(!taken.ok && taken.detail == format!("operations: {held} is in use"), "{taken:?}");
        assert_eq!(addresses(&[("operations", held)]).detail, format!("nobody has them: operations {held}"));
    }

    #[test]
    fn an_address_of_another_machine_is_told_of_and_no_fault() {
        let elsewhere = SocketAddr::from(([192, 0, 2, 1], 8_700));
        let item = addresses(&[("api", elsewhere)]);
        assert!(item.ok && item.detail.starts_with("api: 192.0.2.1:8700 cannot be opened"), "{item:?}");
        assert!(item.advice.is_some_and(|advice| advice.contains("on which it runs")));
    }
}
