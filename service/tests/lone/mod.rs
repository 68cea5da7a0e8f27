//! A group of one replica.

use quorate_service::init::Plan;
use std::path::Path;

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
