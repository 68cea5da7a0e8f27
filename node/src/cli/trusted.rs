//! Genesis that a user trusts, where a command can do with the one that lies in the current folder.

use super::failure::Failure;
use quorate_client::http::Client;
use quorate_ledger::Genesis;
use quorate_service::config::GENESIS_FILE;
use quorate_service::replica::read_genesis;
use std::path::{Path, PathBuf};

/// File of the genesis: the named one, else that of the current folder, of which standard error is told.
///
/// No answer of a node is ever taken for it.
pub fn genesis(named: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    let own = PathBuf::from(GENESIS_FILE);
    if !own.exists() {
        let next = "give --genesis FILE with the genesis of the group: it is what you trust";
        return Err(Failure::usage(format!("there is no {GENESIS_FILE} in this folder")).next(next));
    }
    tell!("quorate: checked with {GENESIS_FILE} of this folder");
    Ok(own)
}

/// Genesis to ask a node's questions by, and whether it is one that the user trusts: the named one, else that of the current
/// folder, else the node's own, by which nothing is checked.
pub async fn or_of_node(named: Option<&Path>, node: &Client) -> Result<(Genesis, bool), Failure> {
    if named.is_some() || Path::new(GENESIS_FILE).exists() {
        return Ok((read_genesis(&genesis(named)?).map_err(Failure::usage)?, true));
    }
    tell!("quorate: not checked: there is no {GENESIS_FILE} in this folder, and that of the node vouches for nothing");
    tell!("  next: `quorate snapshot verify FILE --genesis G` checks the file with the genesis that you trust");
    Ok((node.genesis().await?, false))
}
