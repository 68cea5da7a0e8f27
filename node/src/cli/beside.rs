//! Nodes on this machine, by the folders of their replicas.

use super::reach::DEFAULT_NODE;
use quorate_service::config::{Config, GENESIS_FILE};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// Address at which a replica's API is reached on its own machine.
pub fn own_address(config: &Config) -> String {
    let here = if config.api.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { config.api.ip() };
    let scheme = if config.tls_certificate.is_some() { "https" } else { "http" };
    format!("{scheme}://{}", SocketAddr::new(here, config.api.port()))
}

/// API addresses of the replicas of the same group whose folders stand beside this one; without any, the default node's.
pub fn nodes(dir: &Path) -> Vec<String> {
    let group = fs::read(dir.join(GENESIS_FILE)).ok();
    let is_of_group = |folder: &PathBuf| fs::read(folder.join(GENESIS_FILE)).ok() == group;
    let found: Vec<String> = folders(dir).iter().filter(|it| is_of_group(it)).filter_map(|it| address(it)).collect();
    if group.is_none() || found.is_empty() { vec![DEFAULT_NODE.to_owned()] } else { found }
}

/// Folders beside this one, by name.
fn folders(dir: &Path) -> Vec<PathBuf> {
    let Ok(own) = dir.canonicalize() else { return vec![] };
    let entries = own.parent().and_then(|parent| fs::read_dir(parent).ok());
    let paths = entries.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let mut others: Vec<PathBuf> = paths.filter(|path| *path != own).collect();
    others.sort();
    others
}

/// API address of the replica in a folder; none where the folder is not a replica's.
fn address(folder: &Path) -> Option<String> {
    Some(own_address(&Config::of_another(folder).ok()?))
}
