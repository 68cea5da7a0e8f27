//! Multiaddrs as they are given to commands: read there, so that none that nobody can dial comes into a file.

use quorate_service::replica::{is_door, is_multiaddr};

/// Text of a multiaddr, as it was given.
pub fn multiaddr(word: &str) -> Result<String, String> {
    sound(word, is_multiaddr)
}

/// Text of a multiaddr of a door to follow, at a relay or not.
pub fn door(word: &str) -> Result<String, String> {
    sound(word, is_door)
}

fn sound(word: &str, is_sound: fn(&str) -> bool) -> Result<String, String> {
    let fault = || format!("{word:?} is no multiaddr such as /ip4/10.0.0.3/tcp/7700");
    is_sound(word).then(|| word.to_owned()).ok_or_else(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_leads_to_a_door_and_to_no_other_address() {
        let name = "12D3KooWH3uVF6wv47WnArKHk5p6cvgCJEb74UTmxztmQDc298L3";
        let at_relay = format!("/ip4/10.0.0.3/tcp/8200/p2p/{name}/p2p-circuit/p2p/{name}");

        assert!(door(&at_relay).is_ok() && multiaddr(&at_relay).is_err());
        assert!(door("/ip4/10.0.0.3/tcp/8200").is_ok() && door("/ip4/10.0.0.3/udp/8200").is_err());
    }
}
