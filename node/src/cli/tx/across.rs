//! `quorate tx commit --with`: a transaction over several groups. Each group has a key of its own here, whose open transaction is that
//! group's branch; the first group is the home, which decides.
//!
//! The terms are kept beside every key before anything is signed, so that a command that was killed is given again.

use super::super::change::{resend, word};
use super::super::failure::{Exit, Failure, Outcome};
use super::super::lock::lease;
use super::super::print::{self, plain, short};
use super::open::{Folder, Open};
use super::{Commit, is_unsent};
use quorate_client::api::{Salt, TransactionBranch, TransactionEntry, TransactionState, TransactionTerms};
use quorate_client::author::{Across, AcrossError, Author, Draft, Ended, Plan, Side};
use quorate_client::http::Client;
use quorate_ledger::{Branch, GlobalTransaction, Level, TransactionId};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Another group of a transaction: the key whose open transaction is its branch, and a node of it.
#[derive(Debug, Clone)]
pub struct With {
    key: PathBuf,
    node: String,
}

/// Reads `KEY=URL`.
pub fn parse_with(text: &str) -> Result<With, String> {
    let (key, node) = text.rsplit_once('=').ok_or("a key and the URL of a node of its group: KEY=URL")?;
    Ok(With { key: key.into(), node: node.into() })
}

/// Key of one group, what is open beside it, and a node of the group.
struct Desk {
    key: PathBuf,
    folder: Folder,
    /// None where a command before this one has ended it.
    open: Option<Open>,
    client: Client,
}

/// Runs `quorate tx commit --with`.
pub async fn commit(args: &Commit) -> Outcome {
    let (word, patience) = (&args.word, args.word.reach.patience()?);
    if word.level != Level::Sequential {
        return Err(Failure::usage("--with waits for the verdict of each group: leave --level out"));
    }
    let mut desks = vec![Desk::at(word.signing.key()?, word.reach.client()?, patience)?];
    for With { key, node } in &args.with {
        if desks.iter().any(|desk| desk.key == *key) {
            return Err(Failure::usage(format!("--with {}: each group has a key of its own", key.display())));
        }
        desks.push(Desk::at(key, word.reach.client_elsewhere(node)?, patience)?);
    }
    let terms = kept(&mut desks, lease(args.lease)?).await?;
    let transaction = GlobalTransaction::from(&terms);
    let id = transaction.id();
    let mut sides = Vec::new();
    for desk in &desks {
        sides.push(desk.side(&terms, &word.message).await?);
    }
    let failed = |error| failed(&id, error);
    let ended = Across::open(&transaction, sides).await.map_err(failed)?.run().await.map_err(failed)?;
    end((&id, &terms), &ended, &mut desks, word.reach.json)
}

impl Desk {
    fn at(key: &Path, client: Client, patience: Duration) -> Result<Self, Failure> {
        let folder = Folder::locked(key, patience)?;
        Ok(Self { key: key.into(), open: folder.read()?, folder, client })
    }

    /// What is open; a failure that names the key if nothing is.
    fn open(&self) -> Result<&Open, Failure> {
        let none = || Failure::no(format!("no transaction is open for {}", self.key.display()));
        self.open.as_ref().ok_or_else(|| none().next("`quorate tx begin` opens one"))
    }

    /// Branch of this group.
    async fn branch(&self) -> Result<TransactionBranch, Failure> {
        let open = self.open()?;
        is_unsent(open)?;
        let (domain, change) = (open.home()?.to_owned(), Branch::change_of(&open.branch()?.ops));
        Ok(TransactionBranch { group: self.client.renewed().status().await?.group, domain, change })
    }

    /// Author and operations of this group.
    async fn side(&self, terms: &TransactionTerms, message: &str) -> Result<Side, Failure> {
        let group = self.client.renewed().status().await?.group;
        let branch = terms.branches.iter().find(|branch| branch.group == group);
        let none = || Failure::no(format!("{} is of group {group}, which takes no part", self.client.node()));
        let mut author = Author::open(&self.key, self.client.renewed(), &branch.ok_or_else(none)?.domain).await?;
        resend(&mut author).await?;
        let mut draft = Draft { base: None, ops: vec![], contents: vec![], message: message.to_owned() };
        if let Some(open) = &self.open {
            let (planned, Plan { contents, .. }) = (open.branch()?, self.folder.plan(open)?);
            let message = if message.is_empty() { planned.message } else { message.to_owned() };
            draft = Draft { base: Some(planned.base), ops: planned.ops, contents, message };
        }
        Ok(Side { author, draft })
    }
}

/// Terms of the transaction, as they are kept beside the keys; now for the first time where they are not.
async fn kept(desks: &mut [Desk], lease_ms: u64) -> Result<TransactionTerms, Failure> {
    let known = desks.iter().find_map(|desk| desk.open.as_ref()?.across.clone());
    let terms = match known {
        Some(known) => known,
        None => agreed(desks, lease_ms).await?,
    };
    for Desk { key, folder, open, .. } in desks {
        let Some(open) = open else { continue };
        match &open.across {
            Some(other) if *other != terms => {
                let id = GlobalTransaction::from(other).id();
                let what = format!("{}: it takes part in another transaction over several groups: {id}", key.display());
                return Err(
                    Failure::no(what).next("`quorate tx commit --with` with the keys of that one goes on with it")
                );
            }
            Some(_) => (),
            None => {
                open.across = Some(terms.clone());
                folder.write(open)?;
            }
        }
    }
    Ok(terms)
}

async fn agreed(desks: &[Desk], lease_ms: u64) -> Result<TransactionTerms, Failure> {
    let (mut salt, mut branches) = ([0; 16], Vec::<TransactionBranch>::new());
    getrandom::fill(&mut salt).map_err(|error| Failure::usage(format!("no randomness from the system: {error}")))?;
    for desk in desks {
        let branch = desk.branch().await?;
        if branches.iter().any(|other| other.group == branch.group) {
            let what = format!("{}: another of these nodes is of the same group", desk.client.node());
            return Err(
                Failure::usage(what).next("changes of one group are one transaction: `quorate tx add --domain`")
            );
        }
        branches.push(branch);
    }
    Ok(TransactionTerms { salt: Salt(salt), lease_ms, branches })
}

/// Clears the desks, the home's last, and tells the end.
fn end((id, terms): (&TransactionId, &TransactionTerms), ended: &Ended, desks: &mut [Desk], as_json: bool) -> Outcome {
    let state = |branch: &Option<TransactionEntry>| branch.as_ref().map(|branch| branch.state);
    let home = ended.branches.first().and_then(state).unwrap_or(TransactionState::Aborted);
    for Desk { folder, open, .. } in desks.iter_mut().rev() {
        match open {
            _ if home == TransactionState::Committed => folder.remove()?,
            Some(open) => {
                open.across = None;
                folder.write(open)?;
            }
            None => (),
        }
    }
    let refused = ended.refused.as_ref().map(|(node, why)| json!({ "node": node, "why": why }));
    match as_json {
        true => print::json(&json!({ "id": id, "state": home, "refused": refused, "branches": ended.branches }))?,
        false => ended.branches.iter().zip(&terms.branches).try_for_each(|(entry, of)| print::say(line(entry, of)))?,
    }
    let is_other = |branch: &TransactionEntry| branch.state != home;
    if ended.branches.iter().flatten().any(is_other) {
        return Err(Failure::no(format!(
            "{id}: organisations of a group have settled its branch otherwise than its home"
        )));
    }
    match &ended.refused {
        _ if home == TransactionState::Committed => Ok(()),
        Some((node, why)) => Err(Failure::no(format!("aborted in every group: {node} refuses: {}", plain(why)))),
        None => Err(Failure::no("aborted in every group: its home had decided so")),
    }
    .map_err(|failure| {
        failure.next(
            "what was added is kept: commit it anew once the reason is gone, or `quorate tx abort` throws it away",
        )
    })
}

fn line(entry: &Option<TransactionEntry>, of: &TransactionBranch) -> String {
    let at = entry.as_ref().and_then(|entry| entry.decided).map(|at| format!(" at {at}")).unwrap_or_default();
    let state = entry.as_ref().map_or_else(|| "not prepared".to_owned(), |entry| word(entry.state));
    format!("{state}{at}  {} of group {}", plain(&of.domain), short(of.group))
}

fn failed(id: &TransactionId, error: AcrossError) -> Failure {
    let next = format!(
        "the same command goes on from there; `quorate tx show {id} --node URL` tells how a group's branch stands"
    );
    match error {
        AcrossError::Open { node, step, cause } => {
            Failure::from(*cause).after(format_args!("{step} at {node}")).next(next)
        }
        refused @ AcrossError::Refused { .. } => Failure::no(refused).next(next),
        AcrossError::Behind { .. } => Failure::new(Exit::Unreachable, error).next(
            "give the command again with another node of that group, or once this one has executed what it lacks",
        ),
        AcrossError::OtherChange(_) => Failure::no(error).next(format!(
            "`quorate tx decide {id} --abort` at the home ends it; `quorate tx abort` throws away what was added"
        )),
        AcrossError::OtherGroups { .. } => {
            Failure::usage(error).next("name a node of each group with --node and --with")
        }
    }
}
