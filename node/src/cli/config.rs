//! `quorate config`: a replica's configuration, checked and shown.

use super::doctor;
use super::failure::{Failure, Outcome};
use super::print::{self, Table, plain};
use quorate_service::config::{Setting, effective};
use quorate_service::doctor::configuration;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Check and show a replica's configuration
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Check the folder's configuration, genesis, key and addresses against each other: what is wrong, and what to do
    Check(Folder),
    /// Show the settings that the file makes; with --effective every one, and its origin
    Show {
        #[command(flatten)]
        folder: Folder,
        /// Show every setting as `start` would use it: of the environment, of the file, or by default
        #[arg(long)]
        effective: bool,
    },
}

/// Folder of a replica.
#[derive(Debug, clap::Args)]
pub struct Folder {
    /// The replica's folder [default: the current folder]
    #[arg(long, value_name = "DIR", default_value = ".", hide_default_value = true)]
    dir: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(command: &Command) -> Outcome {
    match command {
        Command::Check(folder) => doctor::report(&configuration(&folder.dir), folder.json),
        Command::Show { folder, effective } => show(folder, *effective),
    }
}

fn show(folder: &Folder, all: bool) -> Outcome {
    let mut settings = effective(&folder.dir).map_err(|error| {
        Failure::usage(error).next(format!("`quorate config check --dir {}` says more", folder.dir.display()))
    })?;
    settings.retain(|setting| all || setting.origin == "file");
    if folder.json {
        return Ok(print::json(&json!({ "settings": settings }))?);
    }
    let mut table = Table::new(&["key", "origin", "value"]);
    for Setting { key, value, origin } in settings {
        table.row([key, origin.to_owned(), words(&value)]);
    }
    Ok(table.print("no settings")?)
}

fn words(value: &Value) -> String {
    match value {
        Value::Null => "not set".to_owned(),
        Value::String(text) => plain(text),
        other => plain(&other.to_string()),
    }
}
