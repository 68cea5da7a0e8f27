//! Restart of a group that lost more than f disks (M5): the state that another one goes on from, as its members signed it.

use super::checkpoint::Checkpoint;
use super::epochs::Epochs;
use super::error::ProofError;
use crate::format::genesis::{Genesis, GenesisError, Restart};

/// Restart of a group from this state, which its members signed, and the epochs that it shows.
pub fn restart_from(genesis: &Genesis, checkpoint: &Checkpoint) -> Result<(Restart, Epochs), ProofError> {
    restarted_from(genesis)?; // a group that goes on from an unproven one proves nothing
    let (certificate, epochs) = checkpoint.verify_after(&Epochs::of(genesis))?;
    let (committee, head) = (epochs.newest(), checkpoint.head());
    let signers = checkpoint.signers().into_iter().filter_map(|signer| committee.key(signer).copied());
    let restart = Restart {
        group: genesis.group(),
        epoch: certificate.epoch().get(),
        seq: certificate.seq().get(),
        time: head.time.get(),
        state_root: checkpoint.state_root(),
        signers: signers.collect(),
        proof: borsh::to_vec(checkpoint).expect("writing into memory cannot fail"),
        genesis: Box::new(genesis.file().clone()),
    };
    Ok((restart, epochs.joined(&checkpoint.steps())?))
}

/// Checks the restart by which a group began, and those before it: members of the group that is over signed just the state
/// that is named. The epochs that it shows; none of a group that began with nothing.
pub fn restarted_from(genesis: &Genesis) -> Result<Option<Epochs>, ProofError> {
    let Some((restart, before)) = genesis.restarted() else { return Ok(None) };
    let checkpoint: Checkpoint = borsh::from_slice(&restart.proof).map_err(|_| ProofError::Malformed)?;
    let (signed, epochs) = restart_from(before, &checkpoint)?;
    if signed != *restart {
        return Err(ProofError::Path("the state that the restart names"));
    }
    Ok(Some(epochs))
}

/// Reads a genesis file, and checks the restart by which its group began.
pub fn read_genesis(bytes: &[u8]) -> Result<Genesis, GenesisError> {
    let genesis = Genesis::parse(bytes)?;
    restarted_from(&genesis).map_err(|why| GenesisError::Unsigned(why.to_string()))?;
    Ok(genesis)
}

/// Checks that a state that is left, with the epochs that it shows, is of the history of these epochs: members that have left
/// could have signed another one (M3).
pub fn is_of_history((left, shown): (&Restart, &Epochs), known: &Epochs) -> Result<(), ProofError> {
    let epochs = known.joined(shown.steps())?;
    let of_its_epoch = epochs.steps().iter().find(|step| step.certificate.epoch.get() == left.epoch);
    let is_beside = of_its_epoch.is_some_and(|end| {
        let seq = end.certificate.seq.get();
        seq < left.seq || seq == left.seq && end.state_root != left.state_root
    });
    if is_beside { Err(ProofError::OtherState(left.seq)) } else { Ok(()) }
}

/// Checks that two states that are left, each with the epochs that it shows, are of one history.
pub fn of_one_history(one: (&Restart, &Epochs), other: (&Restart, &Epochs)) -> Result<(), ProofError> {
    is_of_history(one, other.1)?;
    is_of_history(other, one.1)?;
    let is_same = one.0.seq != other.0.seq || one.0.state_root == other.0.state_root;
    if is_same { Ok(()) } else { Err(ProofError::OtherState(one.0.seq)) }
}
