//! `quorate compact`: room that a stopped replica's database does not need goes back to the file system.

use super::failure::{Failure, Outcome};
use super::print;
use quorate_service::config::{Config, Overrides};
use quorate_storage::{Compacted, compact};
use serde_json::json;
use std::path::PathBuf;

/// Give room that the database of a stopped replica does not need back to the disk
///
/// A start does the same where history was forgotten and more than half of the file holds nothing.
#[derive(Debug, clap::Args)]
pub struct Compact {
    /// The replica's folder
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Compact) -> Outcome {
    let data = Config::load(&args.dir, Overrides::default()).map_err(Failure::usage)?.data;
    let Compacted { before, after, .. } = compact(&data, 0).map_err(Failure::met)?;
    if args.json {
        return Ok(print::json(&json!({ "before_bytes": before, "after_bytes": after }))?);
    }
    Ok(print::say(format!("{before} bytes before, {after} bytes after"))?)
}
