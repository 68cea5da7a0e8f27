//! A group of one replica, and replicas in this process.

use quorate_pbft::Digest;
use quorate_service::config::{Config, Overrides};
use quorate_service::init::Plan;
use quorate_service::replica::{LaunchError, Options, Running};
use std::path::Path;

/// Ports that the system chooses.
pub fn anywhere() -> Overrides {
    Overrides {
        listen: Some("/ip4/127.0.0.1/tcp/0".into()),
        api: Some(([127, 0, 0, 1], 0).into()),
        ..Overrides::default()
    }
}

/// The replica of this folder, by a program with these answers.
pub async fn launch(dir: &Path, flags: Overrides, answers: Digest) -> Result<Running, LaunchError> {
    let config = Config::load(dir, flags).expect("what init made");
    Running::launch(Options { dir: dir.to_owned(), config, interceptor: None, answers }).await
}

/// Plan of a group of one in a new folder.
pub fn plan(out: &Path) -> Plan {
    Plan {
        out: out.to_owned(),
        replicas: 1,
        orgs: vec!["org".to_owned()],
        base_port: 7_700,
        api_port: 8_700,
        horizon_ms: None,
        lan: false,
        name: None,
        domains: vec!["main".to_owned()],
    }
}
