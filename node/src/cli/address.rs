//! Multiaddrs as they are given to commands: read there, so that none that nobody can dial comes into a file.

use quorate_service::replica::is_multiaddr;

/// Text of a multiaddr, as it was given.
pub fn multiaddr(word: &str) -> Result<String, String> {
    let fault = || format!("{word:?} is no multiaddr such as /ip4/10.0.0.3/tcp/7700");
    is_multiaddr(word).then(|| word.to_owned()).ok_or_else(fault)
}
