//! `quorate keys`: making and showing key files.

use super::failure::Outcome;
use super::print;
use quorate_client::keys;
use quorate_ledger::Enrolment;
use quorate_ledger::keys::Purpose;
use quorate_pbft::{PublicKey, Signer as _};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Make and show keys
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make a key; a file that is there is never overwritten
    New {
        /// The file to make, readable by its owner alone
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Prove to an organisation that you hold a key; it enrols you with what this prints
    Prove {
        /// The key file
        file: PathBuf,
        /// The organisation that will enrol the key
        #[arg(long, value_name = "NAME")]
        org: String,
        /// Print JSON, as it does anyway
        #[arg(long)]
        json: bool,
    },
    /// Show the public half of a key file
    Show {
        /// The key file
        file: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
pub fn run(command: &Command) -> Outcome {
    match command {
        Command::New { out, json } => show(out, &keys::create(out)?.public_key(), *json),
        Command::Prove { file, org, json: _ } => prove(file, org),
        Command::Show { file, json } => show(file, &keys::public(file)?, *json),
    }
}

fn prove(file: &Path, organisation: &str) -> Outcome {
    Ok(print::json(&Enrolment::prove(Purpose::Author, organisation, &keys::read(file)?))?)
}

fn show(file: &Path, key: &PublicKey, as_json: bool) -> Outcome {
    if as_json {
        print::json(&json!({ "file": file, "key": key.to_string() }))?;
    } else {
        print::say(key)?;
    }
    Ok(())
}
