//! Repair of a stopped replica's database: damage is found, named, and made good from what peers give and prove.
//!
//! Contents are put back where they are, by their hashes. Other damage makes the state anew beside the database: sound
//! entries are taken from it, the rest from peers, at a state that q members have signed; then it takes the database's
//! place, with all promises of the replica. Where these are damaged too it is a copy, which does not vote.

use super::forgotten;
use super::liars::note;
use super::load::Load;
use super::mark::marked;
use super::outcome::{Copied, CopyError, at};
use super::place::{BEFORE_REPAIR, MENDED, database_at, ended_by_its_own, fresh, movable};
use super::vote::promises_fault;
use super::worker::answer;
use super::{Copying, Plan, Tell, beside, check, fill, settle, swap};
use crate::engine::{EngineError, replay};
use crate::health::Disk;
use crate::shelter::sheltered;
use quorate_client::http::Client;
use quorate_ledger::copy::{Damage, Fault, Lacking, Survey, TakeError, Walk};
use quorate_ledger::{Genesis, Ledger, OpenError, Store as _, StoreError, Table};
use quorate_pbft::{Digest, PublicKey, SeqNum, Tip};
use quorate_storage::{Batch, Db, Snapshot};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Damage of which no more is known.
const UNREADABLE: &str = "the structure of its file cannot be read";

/// Promises of an older disk.
const OUTRUN: &str =
    "the group has executed bundles of this replica that its disk does not know: the disk is older than they are";

/// Damage of a copy that would vote.
const UNMARKED: &str = "the row is missing that keeps a copy from voting";

/// The disk has no room for what was given.
const FULL: &str = "No space left on device for what was given: make room, and run again";

/// Bytes that are free on a disk that has no room.
const FULL_BYTES: u64 = 1 << 20;

/// Time for which one node is asked for contents before the next is.
const NODE_MAX: Duration = Duration::from_secs(300);

/// Damages that are listed; the others are counted.
const DAMAGES_MAX: usize = 1_000;

/// Findings of a look at a stopped replica's database.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Damages of the state.
    pub damages: Vec<Damage>,
    /// Damages that are not listed.
    pub more: u64,
    /// Rows that are not as they were written, where the look met none of them: newer ones hide them, or they are of a history
    /// that nothing vouches for.
    pub hidden: u64,
    /// Whether some of them are of the past.
    hides_past: bool,
    /// Reason why the state, or what follows it, cannot be read to its end.
    pub unreadable: Option<String>,
    /// Reason why the replica's promises are not whole.
    pub promises: Option<String>,
    /// Files among the entries.
    pub files: u64,
    /// Executed tips, where the head can be read.
    tips: Option<Vec<Tip>>,
    /// Slot that the replica executes next, where the database opens with all that was decided.
    next: Option<SeqNum>,
    /// Whether the newest members that are known then have its key among them.
    is_of_member: bool,
    /// Contents that are damaged or missing.
    contents: BTreeSet<Digest>,
    /// Keys of receipts that cannot be read.
    receipts: BTreeSet<String>,
    /// Whether nothing but contents and receipts is damaged.
    is_of_contents: bool,
}

impl Found {
    /// Whether nothing is damaged.
    pub fn is_whole(&self) -> bool {
        self.is_needless() && self.hidden == 0
    }

    /// Damaged rows that nothing needs, in words.
    pub fn hidden_in_words(&self) -> Option<String> {
        (self.hidden > 0).then(|| format!("rows that nothing needs are not as they were written: {}", self.hidden))
    }

    /// Whether nothing is damaged but rows that nothing needs.
    fn is_needless(&self) -> bool {
        self.damages.is_empty() && self.unreadable.is_none() && self.promises.is_none()
    }

    /// Whether nothing is damaged but history, for which nobody vouches: state and promises are whole.
    pub fn is_of_history(&self) -> bool {
        let are_receipts = self.damages.iter().all(|damage| damage.fault == Fault::Receipt);
        !self.is_whole() && are_receipts && self.unreadable.is_none() && self.promises.is_none()
    }

    /// Whether nothing is damaged but contents, and perhaps receipts.
    fn are_contents(&self) -> bool {
        self.is_of_contents && !self.contents.is_empty() && self.unreadable.is_none() && self.promises.is_none()
    }

    fn note(&mut self, damage: Damage) {
        match damage.fault {
            Fault::Content(hash) => drop(self.contents.insert(hash)),
            Fault::Receipt => drop(self.receipts.insert(damage.name.clone())),
            Fault::Entry | Fault::Vouched(_) | Fault::Derived => self.is_of_contents = false,
        }
        if self.damages.len() < DAMAGES_MAX {
            self.damages.push(damage);
        } else {
            self.more += 1;
        }
    }

    fn nothing_readable(why: impl ToString) -> Self {
        let why = why.to_string();
        Self { unreadable: Some(why.clone()), promises: Some(why), ..Self::default() }
    }
}

/// Outcome of a repair.
#[derive(Debug)]
pub struct Repaired {
    /// Damage before it.
    pub found: Found,
    /// Damage after it.
    pub left: Found,
    /// State that was made anew; none where the old one was mended in its place, or nothing was done.
    pub anew: Option<Copied>,
    /// Reasons why nodes gave nothing, or no more.
    pub failures: Vec<String>,
    /// Contents and answers that were taken.
    pub taken: u64,
    /// Receipts of history that could not be read, and are not here any more.
    pub dropped: Vec<String>,
    /// Slot that the replica executes next, where nothing is damaged and the nodes have forgotten that slot.
    pub forgotten: Option<SeqNum>,
    /// Whether contents alone are damaged, and a node that may have them gave no answer: history is not given up for it.
    pub is_unanswered: bool,
    /// Whether the replica votes on the database that stands there now: its promises are whole, and nothing keeps it from it.
    pub votes: bool,
}

/// Looks at the database of a stopped replica: each entry, each row that it vouches for, each content and receipt, the
/// slots that were decided since, and, where its key is known, the promises.
pub fn look(data: &Path, genesis: &Genesis, member: Option<&[u8; 32]>) -> Result<Found, CopyError> {
    ended_by_its_own(data)?;
    // Opened anew for each part: the library gives nothing more to who met an error once.
    let mut found = match part(data, |db| look_at_all(db, genesis, member))? {
        Ok(Ok(found)) => found,
        Ok(Err(why)) | Err(why) => {
            let folded = part(data, |db| look_at_state(&db.snapshot()?.apart(), genesis))?;
            let found = folded.unwrap_or_else(Found::nothing_readable);
            match found.damages.is_empty() && found.unreadable.is_none() {
                // All rows are sound: are they all, and what follows from the slots decided since?
                true => Found { unreadable: Some(why), ..found },
                false => found,
            }
        }
    };
    if found.damages.is_empty() && found.unreadable.is_none() {
        let unsound = part(data, |db| Ok(db.unsound_rows()))?.unwrap_or_default();
        found.hidden = unsound.iter().map(|(_, rows)| rows).sum();
        found.hides_past = unsound.iter().any(|(table, _)| *table == Table::Past);
    }
    if let Some(member) = member {
        let tips = found.tips.clone();
        let is_copy = marked(data).map_err(at(data))?.is_some();
        let fault = part(data, |db| match promises_fault(db, genesis, (member, tips.as_deref()))? {
            None if is_copy && db.snapshot()?.broken()?.is_none() => Ok(Some(UNMARKED.to_owned())),
            fault => Ok(fault),
        })?;
        found.promises = fault.unwrap_or_else(Some);
    }
    Ok(found)
}

/// Does this with the database, for a look; in words why its structure does not let it.
fn part<T>(data: &Path, look: impl FnOnce(&Db) -> Result<T, CopyError>) -> Result<Result<T, String>, CopyError> {
    let looked = sheltered(|| match opened(data)? {
        Ok(db) => look(&db).map(Ok),
        Err(why) => Ok(Err(why)),
    });
    looked.unwrap_or_else(|| Ok(Err(UNREADABLE.to_owned())))
}

/// The database; in words why it does not open. What is no damage ends the command.
fn opened(data: &Path) -> Result<Result<Db, String>, CopyError> {
    Ok(match sheltered(|| Db::open_damaged(data)) {
        Some(Ok(db)) => Ok(db),
        Some(Err(error)) if error.is_damage() => Err(error.to_string()),
        Some(Err(error)) => return Err(error.into()),
        None => Err(UNREADABLE.to_owned()),
    })
}

/// Looks at the state with the slots that were decided since the last fold; in words why it does not open with them, or why
/// no replica starts from there.
fn look_at_all(db: &Db, genesis: &Genesis, member: Option<&[u8; 32]>) -> Result<Result<Found, String>, CopyError> {
    match replay::open(db, genesis).and_then(replay::Opened::startable) {
        Ok(opened) => {
            let (ledger, found) = (&opened.ledger, look_at_state(&opened.snapshot.apart(), genesis)?);
            let names = |member: &[u8; 32]| {
                let mut committees = ledger.next_voters().into_iter().chain([ledger.voters()]);
                committees.any(|committee| committee.replica_of(&PublicKey(*member)).is_some())
            };
            let next = Some(ledger.head().seq.next());
            Ok(Ok(Found { next, is_of_member: member.is_some_and(names), ..found }))
        }
        // The state is sound, and what follows is a newer program's: nothing of it is replaced.
        Err(EngineError::Open(other @ OpenError::OtherRules { .. })) if opens(db, genesis)? => Err(other.into()),
        Err(error) => Ok(Err(error.to_string())),
    }
}

fn opens(db: &Db, genesis: &Genesis) -> Result<bool, StoreError> {
    Ok(Ledger::open(&db.snapshot()?.apart(), genesis).is_ok())
}

/// Walks the state.
fn look_at_state(snapshot: &Snapshot, genesis: &Genesis) -> Result<Found, CopyError> {
    let mut found = Found { is_of_contents: true, ..Found::default() };
    let survey = match sheltered(|| Survey::open(snapshot, genesis)) {
        Some(Ok(survey)) => survey,
        Some(Err(error @ OpenError::OtherGenesis)) => return Err(error.into()),
        Some(Err(error)) => return Ok(Found { unreadable: Some(error.to_string()), ..found }),
        None => return Ok(Found { unreadable: Some(UNREADABLE.to_owned()), ..found }),
    };
    let mut walk = Walk::default();
    let walked = sheltered(|| survey.go_on(snapshot, &mut walk, u64::MAX, &mut |damage| found.note(damage)));
    found.unreadable = match walked {
        Some(walked) => walked.err().map(|error| error.to_string()),
        None => Some(UNREADABLE.to_owned()),
    };
    (found.files, found.tips) = (walk.files, Some(survey.head().tips.clone()));
    Ok(found)
}

/// Finds what is damaged, and makes it good from the nodes of the plan. A replica that catches up takes their newest state
/// in place of the slots that it lacks, where nothing is damaged, and keeps its promises. The replica must be stopped.
pub fn repair(plan: Plan, catches_up: bool, tell: Tell) -> Copying<'static, Repaired> {
    Box::pin(repaired(plan, catches_up, tell))
}

async fn repaired(plan: Plan, catches_up: bool, tell: Tell) -> Result<Repaired, CopyError> {
    let Plan { data, genesis, member, from, .. } = plan;
    let mends = !from.is_empty();
    let places = (beside(&data, MENDED), beside(&data, BEFORE_REPAIR));
    let ended = if mends { settle(&data, (&places.0, &places.1), &genesis)? } else { None };
    let found = look(&data, &genesis, Some(&member))?;
    let (left, failures, dropped) = (found.clone(), Vec::new(), Vec::new());
    let (taken, is_unanswered, votes, forgotten) = (0, false, false, None);
    let mut done = Repaired { left, found, anew: ended, failures, taken, dropped, forgotten, is_unanswered, votes };
    if done.found.are_contents() && mends {
        if let Some(Ok(db)) = sheltered(|| Db::open(&data)) {
            // Where the database takes nothing, the state is made anew.
            let is_sound = put_back(&data, &db, &from, &mut done).await?;
            done.is_unanswered &= is_sound;
            let _ = sheltered(|| drop(db)); // closing a damaged file may fail
        }
        done.left = look(&data, &genesis, Some(&member))?;
        done.is_unanswered &= done.left.are_contents();
    }
    let plan = Plan { data: data.clone(), genesis: genesis.clone(), member, from, is_joiner: false };
    if !done.left.is_whole() && !done.left.is_of_history() && mends && !done.is_unanswered {
        make_anew(&plan, &mut done, None, &tell).await?;
    }
    if done.left.is_of_history() && mends {
        drop_receipts(&data, &mut done)?;
        done.left = look(&data, &genesis, Some(&member))?;
    }
    if done.left.is_needless() && done.left.hidden > 0 && mends {
        leave_out(&data, &genesis, &mut done)?;
        done.left = look(&data, &genesis, Some(&member))?;
    }
    if done.left.is_whole() && done.anew.is_none() && mends {
        go_on(&plan, &mut done, catches_up, &tell).await?;
    }
    let broken = part(&data, |db| Ok(db.snapshot()?.broken()?))?;
    done.votes = done.left.promises.is_none() && done.left.is_of_member && matches!(broken, Ok(None));
    Ok(done)
}

/// Takes the nodes' newest state in place of the slots that a replica without damage lacks; unless it is asked to, it looks
/// whether they have forgotten these.
async fn go_on(plan: &Plan, done: &mut Repaired, catches_up: bool, tell: &Tell) -> Result<(), CopyError> {
    match done.left.next {
        Some(next) if catches_up => make_anew(plan, done, Some(next), tell).await?,
        Some(next) if forgotten::is_forgotten(next, &plan.from).await => done.forgotten = Some(next),
        _ => (),
    }
    Ok(())
}

async fn make_anew(plan: &Plan, done: &mut Repaired, next: Option<SeqNum>, tell: &Tell) -> Result<(), CopyError> {
    if let Some(copied) = anew(plan, done, next, tell.clone()).await? {
        done.anew = Some(copied);
        done.left = look(&plan.data, &plan.genesis, Some(&plan.member))?;
    }
    Ok(())
}

/// Drops receipts that cannot be read: no state vouches for another node's, and no slot that is executed asks for them.
fn drop_receipts(data: &Path, done: &mut Repaired) -> Result<(), CopyError> {
    let Some(Ok(db)) = sheltered(|| Db::open(data)) else { return Ok(()) };
    let mut batch = db.begin()?;
    for receipt in &done.left.receipts {
        batch.delete(Table::Receipts, &hex::decode(receipt).expect("a survey names them by their key in hex"))?;
    }
    batch.commit()?;
    let folded = sheltered(|| db.fold());
    let _ = sheltered(|| drop(db)); // closing a damaged file may fail
    if let Some(Ok(())) = folded {
        done.dropped = done.left.receipts.iter().cloned().collect();
    }
    Ok(())
}

/// Leaves out rows that are not as they were written, where all that is needed was found whole: no merge goes past them. Of the
/// past these are versions from before the horizon, so that history begins there.
fn leave_out(data: &Path, genesis: &Genesis, done: &mut Repaired) -> Result<(), CopyError> {
    // Opened anew: what is executed again is no part of a fold.
    let Ok(ledger) = part(data, |db| Ok(replay::open(db, genesis)?.ledger))? else { return Ok(()) };
    let Some(Ok(db)) = sheltered(|| Db::open(data)) else { return Ok(()) };
    let left_out = sheltered(|| {
        let hides_past = done.left.hides_past;
        let note = |batch: &mut Batch| if hides_past { ledger.begin_history_with_horizon(batch) } else { Ok(()) };
        Ok::<_, CopyError>(db.leave_out_unsound(note)?)
    });
    match left_out {
        Some(Ok(())) => (),
        Some(Err(error)) if error.is_of_full_disk() => return Err(error),
        Some(Err(error)) => done.failures.push(error.to_string()),
        None => done.failures.push(UNREADABLE.to_owned()),
    }
    Ok(())
}

/// Puts contents back in their place, from one node after the other, each for a bounded time; a node that is silent is asked
/// again, as in a copy. Whether the database took all that was given.
async fn put_back(data: &Path, db: &Db, from: &[Client], done: &mut Repaired) -> Result<bool, CopyError> {
    let mut left = done.found.contents.clone();
    for node in from {
        let (mut lacking, mut silent, begun) = (Lacking::new(left.clone()), 0, Instant::now());
        let why = loop {
            let Some(ask) = lacking.ask() else { break None };
            if begun.elapsed() > NODE_MAX {
                done.is_unanswered = true;
                break Some(format!("{} is slow", node.node()));
            }
            let answer = match answer(node, &ask, &mut silent).await {
                Ok(Some(answer)) => answer,
                Ok(None) => continue,
                Err(error) => {
                    done.is_unanswered = true;
                    break Some(error.to_string());
                }
            };
            let mut batch = db.begin()?;
            let taken = lacking.take(&mut batch, &answer);
            batch.commit()?; // contents before a wrong one are sound
            if !matches!(sheltered(|| db.fold()), Some(Ok(()))) {
                if is_full(data) {
                    return Err(StoreError(FULL.to_owned()).into());
                }
                done.failures.push("the database does not take what was given".to_owned());
                return Ok(false);
            }
            match taken {
                Ok(()) => done.taken += 1,
                Err(TakeError::Store(error)) => return Err(error.into()),
                Err(TakeError::Refused(why)) => {
                    note(data, &[(node.node().to_owned(), why.clone())]);
                    break Some(format!("{}: {why}", node.node()));
                }
            }
        };
        left = lacking.left();
        if left.is_empty() {
            break;
        }
        done.failures.push(match why {
            Some(why) => why,
            None => format!("{} does not have {} of the contents", node.node(), left.len()),
        });
    }
    Ok(true)
}

/// Whether the disk has no room: that is no damage, and a second database would not find any.
fn is_full(data: &Path) -> bool {
    Disk::of(data).is_some_and(|disk| disk.free_bytes < FULL_BYTES)
}

/// Makes the state anew beside the database, and puts it in its place; none where no node led to a whole one, which
/// does not lie below the slot that a replica without damage executes next.
async fn anew(plan: &Plan, done: &mut Repaired, next: Option<SeqNum>, tell: Tell) -> Result<Option<Copied>, CopyError> {
    let (data, genesis) = (&plan.data, &plan.genesis);
    let (mended, before) = (beside(data, MENDED), beside(data, BEFORE_REPAIR));
    movable(data)?;
    if before.exists() {
        return Err(CopyError::InTheWay(before));
    }
    let old = opened(data)?.ok();
    let db = fresh(&mended)?; // an earlier run may have ended half-way
    db.claim(&plan.member)?;
    let mut load = Load::open(db, genesis)?.noted_by(data);
    if let Some(old) = &old {
        load.take_epochs(&old.snapshot()?.apart(), genesis)?;
        load.seed(&old.snapshot()?.apart(), genesis)?;
        load.not_below(least(&old.snapshot()?.apart(), genesis).max(next.unwrap_or_default()));
    }
    // Opened anew: what was met in the state says nothing of the promises. The lock is held until what is made is in its place.
    let _ = sheltered(|| drop(old)); // closing a damaged file may fail
    let old = opened(data)?;
    let held = database_at(data).filter(|_| old.is_ok());
    let promises = match done.left.promises {
        None => Some(old.as_ref().map_err(|why| StoreError(why.clone()))?),
        Some(_) => None,
    };
    let mut loses_promises = promises.is_none();
    let made = fill(load, plan.from.clone(), tell).await.and_then(|(load, failures)| {
        done.failures.extend(failures.into_iter().map(|(why, _)| why));
        let promises = promises.map(|old| Ok::<_, CopyError>(old.snapshot()?.apart())).transpose()?;
        let outruns = |promises: &Snapshot| load.outruns(promises, (genesis, &plan.member));
        let outrun = promises.as_ref().map(outruns).transpose()?;
        let promises = promises.filter(|_| outrun == Some(false));
        if outrun == Some(true) {
            (loses_promises, done.found.promises) = (true, Some(OUTRUN.to_owned()));
        }
        let finished = load.finish(genesis, promises.as_ref());
        let _ = sheltered(|| drop(promises));
        finished
    });
    let (progress, checkpoint) = match made {
        Ok(Some(made)) => made,
        unmade => {
            let _ = sheltered(|| drop(old));
            let removed = fs::remove_dir_all(&mended).map_err(at(&mended));
            return unmade.and(removed).map(|()| None);
        }
    };
    done.taken += progress.answers;
    let seq = checkpoint.head().seq;
    let place = |whole: Db| {
        let placed = swap(data, &mended, before, (held, loses_promises.then_some(seq)));
        drop(whole); // no other command has taken it meanwhile
        placed
    };
    let placed = check(&mended, genesis, checkpoint.state_root()).and_then(place);
    let _ = sheltered(|| drop(old));
    let before = placed?;
    Ok(Some(Copied { progress, seq, state_root: checkpoint.state_root(), before, before_seq: None }))
}

/// Slot that the state that is made anew does not lie below: the replica had been there, or reported it as stable in
/// demands and by votes.
fn least(old: &Snapshot, genesis: &Genesis) -> SeqNum {
    let head = sheltered(|| Survey::open(old, genesis)).and_then(Result::ok).and_then(|survey| survey.seq());
    let pruned = sheltered(|| old.apart().pruned()).and_then(Result::ok).map(|pruned| pruned.seq);
    let stable = sheltered(|| old.apart().newest_stable()).and_then(Result::ok).flatten();
    head.max(pruned).max(stable).unwrap_or_default()
}
