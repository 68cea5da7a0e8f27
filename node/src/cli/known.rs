//! Epochs that somebody has seen, in a file: what members that had left by then could have signed proves nothing (M3).

use super::failure::{Failure, Outcome};
use super::print;
use quorate_client::epochs::{EpochsError, SeenEpochs};
use quorate_ledger::Genesis;
use quorate_ledger::proof::Epochs;
use quorate_pbft::Committee;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// Epochs that were seen, where there is a file of them.
#[derive(Debug, clap::Args)]
pub struct Known {
    /// Epochs that you have seen: what ends below the newest is refused, what leads further is added
    #[arg(long, value_name = "FILE")]
    epochs: Option<PathBuf>,
}

impl Known {
    /// Whether there is a file of them.
    pub fn are_given(&self) -> bool {
        self.epochs.is_some()
    }

    /// Checks something by the epochs that are known, and remembers those that are known with it.
    pub fn check<T, E>(
        &self,
        genesis: &Genesis,
        check: impl FnOnce(&Epochs) -> Result<(T, Epochs), E>,
    ) -> Result<Result<T, E>, Failure> {
        let Some(path) = &self.epochs else { return Ok(check(&Epochs::of(genesis)).map(|(what, _)| what)) };
        let mut seen = seen(path, genesis)?;
        let checked = check(seen.epochs());
        checked.map_or_else(
            |why| Ok(Err(why)),
            |(what, further)| seen.saw(further, genesis).map(|()| Ok(what)).map_err(failed),
        )
    }

    /// Adds how a file of epochs is checked: its signatures begin with those of the members that the genesis names.
    pub fn needs_genesis(&self, failure: Failure) -> Failure {
        let Some(path) = &self.epochs else { return failure };
        let command = format!("quorate verify --epochs {} --genesis FILE", print::quoted(&path.to_string_lossy()));
        failure.next(format!(
            "give --genesis FILE, which names the members whose signatures the epochs begin with: `{command}`"
        ))
    }

    /// Prints the epochs of the file.
    pub fn print(&self, genesis: &Genesis, as_json: bool) -> Outcome {
        let Some(path) = &self.epochs else { return Ok(()) };
        fs::metadata(path).map_err(|error| Failure::file(path, error))?;
        print(seen(path, genesis)?.epochs(), as_json)
    }
}

/// Epochs that the user has seen, checked from the genesis on.
pub fn seen(path: &Path, genesis: &Genesis) -> Result<SeenEpochs, Failure> {
    let seen = SeenEpochs::open(path, genesis).map_err(failed)?;
    if seen.is_new() {
        let what = "is new: the genesis is all that is known, so members that left could have signed what it accepts";
        tell!("quorate: {} {what}", path.display());
    }
    Ok(seen)
}

fn failed(why: EpochsError) -> Failure {
    match why {
        EpochsError::NotEpochs { .. } => Failure::no(why),
        EpochsError::Io { .. } => Failure::met(why),
    }
}

fn print(epochs: &Epochs, as_json: bool) -> Outcome {
    if as_json {
        let keys = |committee: &Committee| committee.keys().map(ToString::to_string).collect::<Vec<_>>();
        let epoch = |committee: &Committee| json!({ "epoch": committee.epoch().get(), "members": keys(committee) });
        let epochs: Vec<Value> = epochs.committees().iter().map(epoch).collect();
        return Ok(print::json(&json!({ "verified": true, "kind": "epochs", "epochs": epochs }))?);
    }
    let line = |committee: &Committee| {
        format!("epoch {}  {} members, {} are a quorum", committee.epoch(), committee.len(), committee.quorum())
    };
    Ok(epochs.committees().iter().map(line).try_for_each(print::say)?)
}
