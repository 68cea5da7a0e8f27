//! The vote of a database that stands where another one is to be: nobody gives it up unasked.

use super::mark::marked;
use super::outcome::{CopyError, at};
use super::place::is_lost;
use crate::engine::{EngineError, replay};
use crate::shelter::sheltered;
use quorate_ledger::{Genesis, Ledger, OpenError};
use quorate_pbft::{Ed25519, PublicKey, SeqNum, Tip};
use quorate_storage::{Db, DbError, Promiser, Unkept};
use std::path::Path;

/// Slot of a database that opens, with all that this member has promised, and that no mark keeps from voting. An error where it
/// is another member's, another group's or a newer program's, or where nobody can tell: it may be sound all the same.
pub fn voting(data: &Path, genesis: &Genesis, member: &[u8; 32]) -> Result<Option<SeqNum>, CopyError> {
    if !data.exists() || marked(data).map_err(at(data))?.is_some() {
        return Ok(None);
    }
    match sheltered(|| Db::open(data)) {
        Some(Ok(db)) => sheltered(|| promised(&db, genesis, member)).unwrap_or(Ok(None)),
        Some(Err(error)) if !is_lost(&error) => Err(error.into()),
        Some(Err(_)) | None => Ok(None),
    }
}

fn promised(db: &Db, genesis: &Genesis, member: &[u8; 32]) -> Result<Option<SeqNum>, CopyError> {
    let opened = match replay::open(db, genesis) {
        Ok(opened) => opened,
        Err(EngineError::Open(other @ (OpenError::OtherGenesis | OpenError::OtherRules { .. }))) => {
            return Err(other.into());
        }
        Err(_) => return Ok(None),
    };
    let head = opened.ledger.head();
    let is_whole = promises_fault(db, genesis, (member, Some(&head.tips)))?.is_none();
    let is_marked = db.snapshot()?.broken()?.is_some();
    Ok((is_whole && !is_marked && db.is_of(member)?).then_some(head.seq))
}

/// Reason why the promises of a replica are not whole; an error where the disk does not give them, or they are another's.
pub(super) fn promises_fault(
    db: &Db,
    genesis: &Genesis,
    (member, tips): (&[u8; 32], Option<&[Tip]>),
) -> Result<Option<String>, CopyError> {
    if let Some(Err(error @ DbError::OtherMember(_))) = sheltered(|| db.is_of(member)) {
        return Err(error.into());
    }
    let Some(tips) = tips else { return Ok(Some("the head of the state cannot be read".to_owned())) };
    let snapshot = db.snapshot()?;
    let replayed = sheltered(|| replay::open(db, genesis)).and_then(Result::ok).map(|opened| opened.ledger);
    let folded = || sheltered(|| Ledger::open(&snapshot.apart(), genesis)).and_then(Result::ok);
    let epoch = sheltered(|| snapshot.apart().epoch()).and_then(Result::ok);
    let (committee, tips) = match replayed.or_else(folded) {
        None => (genesis.founders().clone(), tips),
        Some(ledger) => match ledger.next_voters().filter(|next| Some(next.epoch()) == epoch) {
            Some(next) => (next.clone(), &[][..]), // entered, and no slot of it executed
            None => (ledger.voters().clone(), tips),
        },
    };
    let (member, window) = (PublicKey(*member), genesis.constants().window);
    let by = Promiser { committee: &committee, member: &member, window, verify: &Ed25519 };
    let fault = match sheltered(|| snapshot.apart().check_promises(&by, tips)) {
        Some(Ok(())) => None,
        Some(Err(Unkept::LaterEpoch { of, known })) => return Err(CopyError::LaterEpoch { of, known }),
        Some(Err(Unkept::Damaged(error))) => Some(error.0),
        None => Some("the structure of their tables cannot be read".to_owned()),
    };
    match fault {
        Some(why) if db.room().unread() > 0 => Err(CopyError::Unread(why)),
        fault => Ok(fault),
    }
}
