//! `quorate tx commit --with`: a transaction over several groups. Each group has a key of its own here, whose open transaction is that
//! group's branch; the first group is the home, which decides.
//!
//! The terms are kept beside every key before anything is signed, so that a command that was killed is given again.

use super::super::branch::words;
use super::super::change::{resend, tell_earlier, tell_unnoted, word};
use super::super::failure::{Exit, Failure, Outcome};
use super::super::lock::lease;
use super::super::print::{self, plain, short};
use super::open::{Folder, Open, command};
use super::{ANEW, Commit, is_of_base, is_unsent, is_whole};
use quorate_client::api::{Salt, TransactionBranch, TransactionEntry, TransactionState, TransactionTerms};
use quorate_client::author::{Across, AcrossError, Author, Draft, Ended, Plan, Refusal, Side, SubmitError};
use quorate_client::http::Client;
use quorate_client::keys;
use quorate_ledger::{Branch, Code, GlobalTransaction, Level, TransactionId};
use quorate_pbft::Digest;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Key of one group, what is open beside it, and a node of the group.
struct Desk {
    key: PathBuf,
    folder: Folder,
    /// None where a command before this one has ended it.
    open: Option<Open>,
    /// Author of what is open.
    author: Option<Author>,
    client: Client,
    /// Group of the node, and of all that the key has signed.
    group: Digest,
}

/// Runs `quorate tx commit --with`.
pub async fn commit(args: &Commit) -> Outcome {
    let (word, patience) = (&args.word, args.word.reach.patience()?);
    if word.level != Level::Sequential {
        return Err(Failure::usage("--with waits for the verdict of each group: leave --level out"));
    }
    are_several(std::iter::once(word.signing.key()?).chain(args.with.iter().map(|(key, _)| key)))?;
    let keys = || std::iter::once(word.signing.key()).flatten().chain(args.with.iter().map(|(key, _)| key));
    let under_way = keys().find_map(|key| Folder::of(key).ok()?.read().ok()??.id());
    let told = |failure| under_way.iter().fold(failure, goes_on);
    let mut desks = vec![Desk::at(word.signing.key()?, word.reach.client()?, patience).await.map_err(told)?];
    for (key, node) in &args.with {
        desks.push(Desk::at(key, word.reach.client_elsewhere(node)?, patience).await.map_err(told)?);
    }
    forget_ended(&mut desks).await.map_err(told)?;
    let terms = kept(&mut desks, lease(args.lease)?)?;
    let id = GlobalTransaction::from(&terms).id();
    let ended = carried(&mut desks, &terms, &word.message).await.map_err(|failure| failure.about("transaction", id))?;
    end((&id, &terms), &ended, &mut desks, word.reach.json)
}

/// Failure of a transaction of which something may be prepared.
fn goes_on(failure: Failure, id: &TransactionId) -> Failure {
    failure.about("transaction", id).next(format!(
        "{id} may be prepared: the same command goes on from there; `quorate tx show {id} --node URL` tells how a group's branch stands"
    ))
}

/// Forgets terms of which no group promises anything any more, where something that was added since is no branch of them.
async fn forget_ended(desks: &mut [Desk]) -> Outcome {
    let Some(terms) = known(desks).filter(|terms| desks.iter().any(|desk| desk.is_in(terms).is_err())) else {
        return Ok(());
    };
    let id = GlobalTransaction::from(&terms).id();
    let has = |branch: &TransactionBranch| desks.iter().any(|desk| desk.group == branch.group);
    if !terms.branches.iter().all(has) {
        return Ok(());
    }
    for desk in desks.iter_mut() {
        if !desk.has_ended(&id).await? {
            return Ok(()); // what follows tells of it
        }
    }
    for Desk { folder, open, .. } in desks {
        if let Some(open) = open.as_mut().filter(|open| open.across.as_ref() == Some(&terms)) {
            open.across = None;
            folder.write(open)?;
        }
    }
    Ok(())
}

/// Refuses a key that is named twice, in whatever way.
fn are_several<'a>(keys: impl Iterator<Item = &'a PathBuf>) -> Outcome {
    let mut known = Vec::new();
    for key in keys {
        let home = keys::home(key)?;
        let home = home.canonicalize().unwrap_or(home);
        if known.contains(&home) {
            return Err(Failure::usage(format!("--with {}: each group has a key of its own", key.display())));
        }
        known.push(home);
    }
    Ok(())
}

/// Goes through the phases.
async fn carried(desks: &mut [Desk], terms: &TransactionTerms, message: &str) -> Result<Ended, Failure> {
    let (transaction, mut sides) = (GlobalTransaction::from(terms), Vec::new());
    for desk in desks {
        sides.push(desk.side(terms, message).await?);
    }
    let id = transaction.id();
    let failed = |error| failed(&id, error);
    Across::open(&transaction, sides).await.map_err(failed)?.run().await.map_err(failed)
}

impl Desk {
    async fn at(key: &Path, client: Client, patience: Duration) -> Result<Self, Failure> {
        let folder = Folder::locked(key, patience)?;
        let (open, mut author) = (folder.read()?, None);
        let group = match &open {
            Some(open) => {
                let failed = |error| match error {
                    SubmitError::Client(error) if open.across.is_some() => error.into(), // something may be sent
                    error => Failure::from(error),
                };
                let opened = Author::open(key, client.renewed(), open.home()?).await.map_err(failed)?;
                author.insert(opened).group_of_node().await.map_err(failed)?
            }
            None => client.renewed().status().await?.group,
        };
        Ok(Self { key: key.into(), folder, open, author, client, group })
    }

    /// What is open; a failure that names the key if nothing is.
    fn open(&self) -> Result<&Open, Failure> {
        let none = || Failure::no(format!("no transaction is open for {}", self.key.display()));
        self.open.as_ref().ok_or_else(|| none().next("`quorate tx begin` opens one"))
    }

    /// Whether the group promises nothing of a transaction any more, and nothing of it is on its way.
    async fn has_ended(&mut self, id: &TransactionId) -> Result<bool, Failure> {
        if let Some(author) = &mut self.author {
            let settled = author.settle_telling(tell_earlier).await;
            tell_unnoted(author);
            settled.map_err(|error| author.earlier(error))?;
        }
        let branch = self.client.renewed().transaction(id, Level::Strong).await?;
        Ok(branch.is_none_or(|branch| branch.state == TransactionState::Aborted))
    }

    /// Branch of this group.
    fn branch(&self) -> Result<TransactionBranch, Failure> {
        let open = self.open()?;
        is_unsent(open)?;
        let (domain, change) = (open.home()?.to_owned(), Branch::change_of(&open.branch()?.ops));
        Ok(TransactionBranch { group: self.group, domain, change })
    }

    /// Refuses what is open for another transaction over several groups, or is no branch of this one.
    fn is_in(&self, terms: &TransactionTerms) -> Outcome {
        let (key, id) = (self.key.display(), |terms: &TransactionTerms| GlobalTransaction::from(terms).id());
        match self.open.as_ref().map(|open| &open.across) {
            Some(Some(other)) if other != terms => {
                let what = format!("{key}: it takes part in another transaction over several groups: {}", id(other));
                Err(Failure::no(what).next("`quorate tx commit --with` with the keys of that one goes on with it"))
            }
            Some(None) if !terms.branches.contains(&self.branch()?) => {
                let what = format!("{key}: what was added is no branch of {}, which another key has begun", id(terms));
                Err(Failure::no(what).next("`quorate tx abort` with that other key throws away what is over of it"))
            }
            _ => Ok(()),
        }
    }

    /// Author and operations of this group.
    async fn side(&mut self, terms: &TransactionTerms, message: &str) -> Result<Side, Failure> {
        let branch = terms.branches.iter().find(|branch| branch.group == self.group);
        let none = || Failure::no(format!("{} is of group {}, which takes no part", self.client.node(), self.group));
        let domain = &branch.ok_or_else(none)?.domain;
        let mut author = match self.author.take() {
            Some(author) => author,
            None => Author::open(&self.key, self.client.renewed(), domain).await?,
        };
        author.renew();
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

/// Terms of the transaction, as they are kept beside the keys; now for the first time where they are not, once all that is open is a
/// branch of it.
fn kept(desks: &mut [Desk], lease_ms: u64) -> Result<TransactionTerms, Failure> {
    let terms = match known(desks) {
        Some(known) => known,
        None => agreed(desks, lease_ms)?,
    };
    desks.iter().try_for_each(|desk| desk.is_in(&terms))?;
    let together = together(desks);
    let mut fresh = desks.iter().filter_map(|desk| desk.open.as_ref()).filter(|open| open.across.is_none());
    fresh.try_for_each(|open| is_whole(open, &together))?;
    for Desk { folder, open, .. } in desks {
        if let Some(open) = open.as_mut().filter(|open| open.across.is_none()) {
            (open.across, open.together) = (Some(terms.clone()), together.clone());
            folder.write(open)?;
        }
    }
    Ok(terms)
}

fn known(desks: &[Desk]) -> Option<TransactionTerms> {
    desks.iter().find_map(|desk| desk.open.as_ref()?.across.clone())
}

fn agreed(desks: &[Desk], lease_ms: u64) -> Result<TransactionTerms, Failure> {
    let (mut salt, mut branches) = ([0; 16], Vec::<TransactionBranch>::new());
    getrandom::fill(&mut salt).map_err(|error| Failure::usage(format!("no randomness from the system: {error}")))?;
    for desk in desks {
        let branch = desk.branch()?;
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

/// Clears the desks, each as its own branch ended, and tells the end.
fn end((id, terms): (&TransactionId, &TransactionTerms), ended: &Ended, desks: &mut [Desk], as_json: bool) -> Outcome {
    let state = |branch: &Option<TransactionEntry>| branch.as_ref().map(|branch| branch.state);
    let home = ended.branches.first().and_then(state).unwrap_or(TransactionState::Aborted);
    for Desk { folder, open, group, .. } in desks.iter_mut().rev() {
        let mut branches = terms.branches.iter().zip(&ended.branches);
        let own = branches.find(|(branch, _)| branch.group == *group).and_then(|(_, entry)| state(entry));
        match open {
            _ if own == Some(TransactionState::Committed) => folder.remove()?,
            Some(open) => {
                open.across = None;
                if ended.branches.iter().filter_map(state).any(|state| state != home) {
                    open.together.clear(); // the rest comes in alone, or not at all
                }
                folder.write(open)?;
            }
            None => (),
        }
    }
    let again = command(&together(desks));
    let refused = ended.refused.as_ref().map(|Refusal { node, why, .. }| json!({ "node": node, "why": why }));
    match as_json {
        true => print::json(&json!({ "id": id, "state": home, "refused": refused, "branches": ended.branches }))?,
        false => ended.branches.iter().zip(&terms.branches).try_for_each(|(entry, of)| print::say(line(entry, of)))?,
    }
    for (branch, entry) in terms.branches.iter().zip(&ended.branches) {
        if let Some(other) = state(entry).filter(|state| *state != home) {
            return Err(otherwise(id, home, (branch, other)));
        }
    }
    match &ended.refused {
        _ if home == TransactionState::Committed => Ok(()),
        Some(Refusal { node, why, code }) => {
            let what = format!("aborted in every group: {node} refuses: {}", plain(why));
            Err(Failure::no(what).next(anew(*code, &again)))
        }
        None => {
            let lease = terms.lease_ms.div_ceil(1_000);
            let what =
                format!("aborted in every group: its lease of {lease} s was over, or its home had ended it before");
            Err(Failure::no(what).next(format!("{}; --lease SECONDS gives it longer", anew(None, &again))))
        }
    }
}

/// Way on after a refusal, with the command to give again: a draft keeps the base that it began with.
fn anew(code: Option<Code>, again: &str) -> String {
    match code {
        code if is_of_base(code) => format!("{ANEW}; then `{again}`"),
        _ => format!(
            "what was added is kept: once the reason is gone, `{again}`; `quorate tx abort` with each key throws it away"
        ),
    }
}

/// Keys of all groups, the home first, each with a node. A key of an agent has a name that is no path.
fn together(desks: &[Desk]) -> Vec<(String, String)> {
    let name = |key: &PathBuf| key.canonicalize().unwrap_or_else(|_| key.clone()).display().to_string();
    desks.iter().map(|desk| (name(&desk.key), desk.client.node().to_owned())).collect()
}

/// Failure of a transaction whose branch in a group was settled otherwise than its home has decided.
fn otherwise(
    id: &TransactionId,
    home: TransactionState,
    (branch, state): (&TransactionBranch, TransactionState),
) -> Failure {
    let (home_word, state, group) = (word(home), word(state), short(branch.group));
    let place = format!("{} of group {group}, whose organisations have settled that", plain(&branch.domain));
    Failure::no(format!("{id}: {home_word} by its home, and {state} in {place}")).next(match home {
        TransactionState::Committed => {
            "what was added there is kept: `quorate tx commit` with its key brings it in alone, `quorate tx abort` throws it away"
        }
        _ => "what was added for the other groups is kept: `quorate tx commit` brings it in alone, or take back there what took effect",
    })
}

fn line(entry: &Option<TransactionEntry>, of: &TransactionBranch) -> String {
    let at = entry.as_ref().and_then(|entry| entry.decided).map(|at| format!(" at {at}")).unwrap_or_default();
    let state = entry.as_ref().map_or_else(|| "not prepared".to_owned(), |entry| words((entry.state, entry.settled)));
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
        refused @ AcrossError::Refused { .. } => Failure::no(refused).next(format!(
            "another member of that domain ends the branch: `quorate tx decide {id} --home URL`; the home's own ends with its lease"
        )),
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
