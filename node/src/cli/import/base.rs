//! Base of the first change of an import.

use super::super::failure::Failure;
use super::super::print;
use super::earlier::Found;
use quorate_client::api::Causality;
use quorate_client::http::{Client, ClientError};
use quorate_ledger::{Base, EnvelopeId, Revision};
use std::collections::BTreeSet;

/// Bases that will do.
#[derive(Debug, Clone, Copy)]
pub struct Allowed {
    /// The last import, in whose chain there is room.
    pub last: bool,
    /// Every base, though files of others are written over.
    pub over: bool,
}

/// Base of the first change: the newest revision; but where others changed what imports brought or what comes now, or may
/// have, the last import, if that has not seen what they changed. Refuses where their files would be written over.
pub async fn of(
    (client, domain): (&Client, &str),
    (found, executed): (&Found, Revision),
    coming: impl FnOnce() -> Result<BTreeSet<String>, Failure>,
    allowed: Allowed,
) -> Result<Base, Failure> {
    let newest = Base::Revision(executed.max(found.others.newest));
    let may_meet = found.is_cut || !found.others.are_none();
    let Some(earlier) = found.earlier.as_ref().filter(|_| may_meet) else { return Ok(newest) };
    let coming = coming()?;
    let theirs = found.others.among(&coming).filter(|_| !allowed.over);
    let last = earlier.change.filter(|_| allowed.last && (found.is_cut || found.others.meet(&coming)));
    match (last, theirs) {
        (Some(last), Some((path, Some(theirs)))) if has_seen(client, domain, last, theirs).await? => Err(lost(path)),
        (Some(last), _) => Ok(Base::Envelope(last)),
        (None, Some((path, _))) => Err(lost(path)),
        (None, None) => Ok(newest),
    }
}

/// Whether an import counts a change of others as seen, so that one based on it writes over that.
async fn has_seen(client: &Client, domain: &str, last: EnvelopeId, theirs: EnvelopeId) -> Result<bool, ClientError> {
    let (first, second) = (theirs.to_string(), last.to_string());
    match client.renewed().get(&["domains", domain, "causality"], &[("first", &first), ("second", &second)]).await {
        Ok(Causality { order, .. }) => Ok(order == "before"),
        Err(ClientError::Refused(problem)) if problem.status == 404 => Ok(false), // no envelope: votes made it
        Err(error) => Err(error),
    }
}

fn lost(path: &str) -> Failure {
    let path = print::plain(path);
    Failure::no(format!(
        "others have changed {path} too long ago for this history to be merged with that: nothing more was sent"
    ))
    .next("--over writes over what they did")
}
