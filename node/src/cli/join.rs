//! `quorate join request`: what a replica that is to become a member asks with.

use super::document;
use super::failure::{Failure, Outcome};
use super::print;
use quorate_client::joining::JoinRequest;
use quorate_client::keys;
use quorate_ledger::Joiner;
use quorate_pbft::Signer as _;
use serde_json::json;
use std::path::PathBuf;

/// Become a member of a group that exists
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Request(Request),
}

/// Write the request with which a member's author proposes this replica; it holds nothing secret
#[derive(Debug, clap::Args)]
pub struct Request {
    /// The organisation that runs the replica
    #[arg(long, value_name = "NAME")]
    org: String,
    /// Multiaddr on which the members will reach the replica; may stand several times
    #[arg(long, value_name = "MULTIADDR", required = true)]
    listen: Vec<String>,
    /// Key file of the replica, as `quorate keys new` makes one: a key that was never a member's
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The request to make; a file that is there is never overwritten
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(command: &Command) -> Outcome {
    match command {
        Command::Request(args) => request(args),
    }
}

fn request(args: &Request) -> Outcome {
    let signer = keys::read(&args.key)?;
    let joiner = Joiner { addresses: args.listen.clone(), ..Joiner::prove(&args.org, &signer) };
    let request = JoinRequest::new(joiner);
    request.clone().joiner().map_err(Failure::usage)?;
    document::write_new(&args.out, &request)?;
    let (file, key) = (args.out.display(), signer.public_key());
    if args.json {
        return Ok(print::json(&json!({ "file": file.to_string(), "key": key.to_string() }))?);
    }
    Ok(print::say(format_args!("{file}: a member's author proposes it: quorate members add {file}"))?)
}
