//! `quorate join request`: what a replica that is to become a member asks with.

use super::address::multiaddr;
use super::failure::{Failure, Outcome};
use super::keys::not_made;
use super::{document, print};
use quorate_client::joining::JoinRequest;
use quorate_client::keys::{self, KeyError};
use quorate_ledger::Joiner;
use quorate_pbft::{Ed25519Signer, Signer as _};
use quorate_service::config::REPLICA_KEY_FILE;
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
    #[arg(long, value_name = "MULTIADDR", required = true, value_parser = multiaddr)]
    listen: Vec<String>,
    /// Key file of the replica, as `quorate keys new` makes one: a key that was never a member's [default: a new one,
    /// replica.key beside the request]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
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
    let (signer, made) = match &args.key {
        Some(file) => (keys::read(file)?, None),
        None => new_key(args)?,
    };
    let request = args.signed(&signer)?;
    document::write_new(&args.out, &request)?;
    let (file, key) = (args.out.display(), signer.public_key());
    if args.json {
        let document = json!({ "file": file.to_string(), "key": key.to_string(), "key_file": made });
        return Ok(print::json(&document)?);
    }
    if let Some(made) = made {
        let next = "`quorate join` takes it as --key, or from its folder";
        print::say(format_args!("{}: the replica's new key; {next}", made.display()))?;
    }
    Ok(print::say(format_args!("{file}: a member's author proposes it: quorate members add {file}"))?)
}

impl Request {
    /// The request as this key proves it, if it is sound.
    fn signed(&self, signer: &Ed25519Signer) -> Result<JoinRequest, Failure> {
        let joiner = Joiner { addresses: self.listen.clone(), ..Joiner::prove(&self.org, signer) };
        let request = JoinRequest::new(joiner);
        request.clone().joiner().map_err(Failure::usage)?;
        Ok(request)
    }
}

/// A new key beside the request, where nothing else stands in the way of it.
fn new_key(args: &Request) -> Result<(Ed25519Signer, Option<PathBuf>), Failure> {
    args.signed(&Ed25519Signer::from_seed(&[0; 32]))?; // told before a key is made that nobody asks with
    document::free(&args.out)?;
    let file = args.out.with_file_name(REPLICA_KEY_FILE);
    match keys::create(&file) {
        Err(error @ KeyError::Exists(_)) => {
            Err(Failure::from(error).next("it may be a member's: give --key FILE if this replica is to have it"))
        }
        made => Ok((made.map_err(|error| not_made(&file, error))?, Some(file))),
    }
}
