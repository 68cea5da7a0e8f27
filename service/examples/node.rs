//! A node inside a program: a test group of one in a new folder, started, waited for, and ended in order.
//!
//! `cargo run -p quorate-service --example node -- /tmp/group-of-one`

use quorate_ledger::answers::DIGEST;
use quorate_service::config::Config;
use quorate_service::init::{Plan, make};
use quorate_service::replica::{Options, Running};
use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let out = std::env::args_os().nth(1).ok_or("usage: node FOLDER")?.into();
    let plan = Plan {
        out,
        replicas: 1,
        orgs: vec!["org".into()],
        base_port: 7_700,
        api_port: 8_700,
        horizon_ms: None,
        lan: false,
        name: None,
        domains: vec![], // `main`
    };
    let dir = make(&plan)?.replicas.remove(0);
    let config = Config::of_another(&dir)?; // its file alone; `Config::load` also heeds QUORATE_… of this process
    let mut node = Running::launch(Options { dir, config, interceptor: None, answers: DIGEST }).await?;
    println!("{} answers at {}; Ctrl-C ends it", node.name(), node.api_url());

    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = node.core_stopped() => (), // by itself: `stop` tells why, and closes the rest
    }
    node.drain().await;
    node.stop().await?;
    Ok(())
}
