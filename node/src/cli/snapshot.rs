//! `quorate snapshot`: the group's state in a file that needs no trust.

use super::copy::{failed, node_of, teller};
use super::failure::{Failure, Outcome};
use super::print;
use super::reach::secret;
use quorate_service::copying::{self, Exported};
use quorate_service::replica::read_genesis;
use serde_json::json;
use std::path::PathBuf;

/// Save the group's state in a file, or check such a file
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Write the state that a node holds, as a quorum has signed it, into a file
    Export {
        /// API address of the node
        #[arg(long, value_name = "URL")]
        from: String,
        /// The group's genesis: the answers of the node are checked
        #[arg(long, value_name = "FILE")]
        genesis: PathBuf,
        /// The file to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// File with the secret of the node's `admin.token`
        #[arg(long, env = "QUORATE_TOKEN", value_name = "FILE")]
        token: Option<PathBuf>,
        /// PEM file with the authorities to trust with an https:// node, instead of the system's
        #[arg(long, env = "QUORATE_CA", value_name = "FILE")]
        ca: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Check a file offline: that it holds one state whole, and that a quorum has signed it
    Verify {
        /// The snapshot file
        file: PathBuf,
        /// The group's genesis: what you trust
        #[arg(long, value_name = "FILE")]
        genesis: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
pub async fn run(command: &Command) -> Outcome {
    match command {
        Command::Export { from, genesis, out, token, ca, json } => {
            let token = token.as_deref().map(secret).transpose()?;
            let node = node_of(from, ca.as_deref(), token.as_deref())?;
            let genesis = read_genesis(genesis).map_err(Failure::usage)?;
            let exported = copying::export(node, out, &genesis, teller()).await.map_err(failed)?;
            tell(&exported, *json)
        }
        Command::Verify { file, genesis, json } => {
            let genesis = read_genesis(genesis).map_err(Failure::usage)?;
            let verified = copying::verify(file, &genesis).await;
            let verified = verified.map_err(|why| Failure::no(format!("{} does not verify: {why}", file.display())))?;
            tell(&verified, *json)
        }
    }
}

fn tell(exported: &Exported, as_json: bool) -> Outcome {
    let Exported { progress, seq, state_root } = exported;
    if as_json {
        return Ok(print::json(&json!({
            "seq": seq.get(),
            "state_root": state_root.to_string(),
            "answers": progress.answers,
            "bytes": progress.bytes,
        }))?);
    }
    print::say(format!("the state of slot {seq}: {} bytes in {} answers", progress.bytes, progress.answers))?;
    Ok(print::say(format!("state root {state_root}"))?)
}
