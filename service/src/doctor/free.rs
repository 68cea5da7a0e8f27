//! Addresses that a replica opens at its start, tried while it does not run: whether somebody else has them.

use super::Item;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

/// Name of the check.
const CHECK: &str = "free-addresses";

const ADVICE: &str = "`ss -ltnp` names the program that has an address: end it, or give the replica another one in config.toml, \
                      of this machine and with a port that its user may open";

/// Opens each address of a replica that does not run, as its key names it, and closes it again.
pub(super) fn addresses(own: &[(&str, SocketAddr)]) -> Item {
    let shut: Vec<String> = own.iter().filter_map(fault).collect();
    if !shut.is_empty() {
        return Item::fault(CHECK, shut.join("; "), ADVICE);
    }
    let free: Vec<String> = own.iter().map(|(key, address)| format!("{key} {address}")).collect();
    Item::well(CHECK, format!("nobody has them: {}", free.join(", ")))
}

fn fault((key, address): &(&str, SocketAddr)) -> Option<String> {
    let error = TcpListener::bind(address).err()?;
    Some(match error.kind() {
        ErrorKind::AddrInUse => format!("{key}: {address} is in use"),
        _ => format!("{key}: {address} cannot be opened: {error}"),
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
    fn an_address_of_another_machine_cannot_be_opened_here() {
        let elsewhere = SocketAddr::from(([192, 0, 2, 1], 8_700));
        let item = addresses(&[("api", elsewhere)]);
        assert!(!item.ok && item.detail.starts_with("api: 192.0.2.1:8700 cannot be opened"), "{item:?}");
    }
}
