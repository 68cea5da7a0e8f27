//! Base of the first change of an import.

use super::super::failure::Failure;
use super::super::print;
use super::earlier::Found;
use super::{files, sending};
use quorate_client::api::Causality;
use quorate_client::http::{Client, ClientError};
use quorate_git::Repository;
use quorate_ledger::{Base, EnvelopeId, Revision};
use std::collections::BTreeSet;

/// Reasons why what others did would be written over, and not merged with.
const TOO_LONG_AGO: &str = "too long ago for this history to be merged with that";
const SEEN: &str = "before the last import, which has seen that, so that this history would be written over it";
const OF_ANOTHER_KEY: &str =
    "beside the last import, which another key has signed, so that this key's changes cannot be merged with that";

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
    (repository, coming): (&Repository, impl FnOnce() -> Result<BTreeSet<String>, Failure>),
    allowed: Allowed,
) -> Result<Base, Failure> {
    let newest = executed.max(found.others.newest);
    let may_meet = found.is_cut || !found.others.are_none();
    let Some(earlier) = found.earlier.as_ref().filter(|_| may_meet) else { return Ok(Base::Revision(newest)) };
    let coming = coming()?;
    let otherwise = match found.is_cut && !coming.is_empty() || found.others.come(&coming) {
        true => files::otherwise((client, domain, newest), (repository, earlier), &coming).await?,
        false => BTreeSet::new(),
    };
    let is_based = allowed.last && (found.is_cut || found.others.meet(&coming, &otherwise));
    let last = earlier.change.filter(|_| is_based);
    if let Some((path, theirs)) = found.others.among(&otherwise, found.is_cut).filter(|_| !allowed.over) {
        let why = match (last, theirs) {
            (Some(last), Some(theirs)) => has_seen(client, domain, last, theirs).await?,
            (Some(_), None) => found.is_cut.then_some(TOO_LONG_AGO),
            (None, _) if is_based => Some(OF_ANOTHER_KEY),
            (None, _) => Some(TOO_LONG_AGO),
        };
        if let Some(why) = why {
            let missing = earlier.missing(repository, path).map_err(Failure::usage)?;
            let unknown = |missing| {
                sending::missing(&missing, "nobody knows whether others have changed it, and nothing more was sent")
            };
            return Err(missing.map_or_else(|| lost(path, why), unknown));
        }
    }
    Ok(last.map_or(Base::Revision(newest), Base::Envelope))
}

/// Why an import that is based on the last one writes over a change of others: the last one counts it as seen, or the node does not
/// know.
async fn has_seen(
    client: &Client,
    domain: &str,
    last: EnvelopeId,
    theirs: EnvelopeId,
) -> Result<Option<&'static str>, ClientError> {
    let (first, second) = (theirs.to_string(), last.to_string());
    match client.renewed().get(&["domains", domain, "causality"], &[("first", &first), ("second", &second)]).await {
        Ok(Causality { order, .. }) => Ok((order == "before").then_some(SEEN)),
        Err(ClientError::Refused(problem)) if problem.status == 404 => Ok(Some(TOO_LONG_AGO)),
        Err(error) => Err(error),
    }
}

fn lost(path: &str, why: &str) -> Failure {
    let path = print::plain(path);
    Failure::no(format!("others have changed {path} {why}: nothing more was sent"))
        .next("--over writes over what they did")
}
