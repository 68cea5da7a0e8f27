//! Genesis that a user trusts, where a command can do with the one that lies in the current folder.

use super::failure::Failure;
use quorate_service::config::GENESIS_FILE;
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
