//! Another group as its genesis says it is, and epochs of it that were seen.

use super::failure::{Failure, Outcome};
use super::known::seen;
use quorate_ledger::{KnownGroup, SpelledAct};
use quorate_service::replica::read_genesis;
use std::fs;
use std::path::Path;

/// The group of a genesis with the members of its newest epoch that was seen.
pub fn known(genesis: &Path, epochs: Option<&Path>, name: Option<&str>) -> Result<KnownGroup, Failure> {
    let genesis = read_genesis(genesis).map_err(Failure::usage)?;
    if let Some(file) = epochs {
        fs::metadata(file).map_err(|error| Failure::file(file, error))?; // without it the founders would be proposed
    }
    let seen = epochs.map(|file| seen(file, &genesis)).transpose()?;
    let committee = seen.as_ref().map_or(genesis.founders(), |seen| seen.epochs().newest());
    let name = name.unwrap_or(genesis.name()).to_owned();
    Ok(KnownGroup {
        name,
        group: genesis.group(),
        epoch: committee.epoch(),
        members: committee.keys().copied().collect(),
    })
}

/// Refuses a proposal that makes another group known than this one, or other members of it.
pub fn is_named(proposed: Option<&SpelledAct>, known: &KnownGroup) -> Outcome {
    let Some(SpelledAct::KnowGroup { group, epoch, members, .. }) = proposed else {
        return Err(Failure::usage("the proposal makes no group known; nothing was signed").next("leave --genesis out"));
    };
    let why = match () {
        () if *group != known.group => "it names another group than the genesis",
        () if *epoch != known.epoch.get() => "it names another epoch than the newest one given here",
        () if *members != known.members => "it names other members than that epoch of the group has",
        () => return Ok(()),
    };
    Err(Failure::no(format!("{why}; nothing was signed")).next("`quorate proposals show ID` shows what it names"))
}
