//! Counts of an import, and its report.

use super::super::failure::{Exit, Failure, Outcome};
use super::super::print::{self, plain};
use super::rest::{Piece, Rest};
use crate::counted::counted;
use crate::lines::Line;
use quorate_git::{GitError, ObjectId, Part, Skipped};
use quorate_ledger::{Code, Receipt, Revision, State};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{self, IsTerminal as _};
use std::time::Instant;

/// Change that was sent and has no verdict yet.
#[derive(Debug)]
struct UnderWay {
    operations: usize,
    /// Whether a part of its commit goes before it.
    is_rest: bool,
    /// Changes that its commit took and what of it is left out, at the last one of them.
    last: Option<(usize, Vec<Value>)>,
}

/// Way in which an import goes on after a change that the order has refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Onward {
    /// With so many operations in each change of its commit at the most.
    Divided(usize),
    /// With the same change, after so many: its organisation had used the work of the slot.
    Again(usize),
}

/// Counts of one branch so far.
#[derive(Debug)]
pub struct Tally {
    begun: Instant,
    seconds: f64,
    branch: String,
    domain: String,
    tip: ObjectId,
    after: Option<ObjectId>,
    commits: usize,
    total: usize,
    /// Changes that the order took.
    pub changes: usize,
    split: usize,
    folded: usize,
    conflicts: usize,
    revision: Option<Revision>,
    skipped: Vec<Value>,
    /// Changes without a verdict, oldest first.
    under_way: VecDeque<UnderWay>,
    /// Whether nothing more can be based on what was brought in so far.
    is_unbased: bool,
    /// Way in which the import goes on after a refusal.
    onward: Option<Onward>,
    /// The first change that waits for approvals, and the count of changes with it.
    waiting: Option<(String, usize)>,
}

impl Tally {
    /// Counts of a line of which nothing was sent yet.
    pub fn of(line: &Line) -> Self {
        Self {
            begun: Instant::now(),
            seconds: 0.0,
            branch: line.branch.clone(),
            domain: line.domain.clone(),
            tip: line.tip,
            after: None,
            commits: 0,
            total: 0,
            changes: 0,
            split: 0,
            folded: 0,
            conflicts: 0,
            revision: None,
            skipped: Vec::new(),
            under_way: VecDeque::new(),
            is_unbased: false,
            onward: None,
            waiting: None,
        }
    }

    /// Begins with the rest of the line, or goes on with it.
    pub fn begin(&mut self, rest: &Rest<'_>) {
        if self.changes == 0 {
            (self.after, self.total, self.folded) = (rest.after, rest.count, rest.folded);
        }
        (self.under_way, self.is_unbased, self.onward) = (VecDeque::new(), false, None);
    }

    /// Notes a change of so many operations that goes out: one of so many parts of a commit.
    pub fn sends(&mut self, piece: &Piece, Part { number, of, .. }: Part, operations: usize) {
        let is_last = number == of;
        let last = is_last.then(|| (of, piece.change.skipped.iter().map(skipped).collect()));
        self.under_way.push_back(UnderWay { operations, is_rest: number > 1 || piece.is_begun, last });
    }

    /// Counts the oldest change that is under way; with its last one, a commit.
    fn accept(&mut self) {
        self.changes += 1;
        let Some((parts, skipped)) = self.under_way.pop_front().and_then(|change| change.last) else { return };
        self.commits += 1;
        self.split += usize::from(parts > 1);
        self.skipped.extend(skipped);
        if io::stderr().is_terminal() {
            tell_part!("\r{}: {} of {} commits", self.domain, self.commits, self.total.max(self.commits));
        }
    }

    /// Count of the changes so far, where the order has refused the next one for its base: nothing more can be based on the
    /// last import.
    pub fn unbased(&self) -> Option<usize> {
        self.is_unbased.then_some(self.changes)
    }

    /// Way in which the import goes on after the refusal that was judged last; none once it was asked for.
    pub fn onward(&mut self) -> Option<Onward> {
        self.onward.take()
    }

    /// Whether a change waits for approvals: one that is based on it would stand without it where it does not get them.
    pub fn waits(&self) -> bool {
        self.waiting.is_some()
    }

    /// Counts a verdict; a refusal ends the import, and names the commit.
    pub fn judge(&mut self, receipt: &Receipt, commit: impl FnOnce() -> Option<ObjectId>) -> Outcome {
        self.revision = self.revision.max(receipt.revision);
        self.conflicts += receipt.conflicts.len();
        let name = || commit().map_or_else(|| receipt.id.to_string(), |id| format!("commit {}", print::short(id)));
        match receipt.state {
            State::Refused => {
                self.is_unbased = matches!(receipt.code, Some(Code::BaseTooOld | Code::BaseUnknown));
                let refused = self.under_way.front().map(|change| (change.operations, change.is_rest));
                let (operations, is_rest) = refused.unwrap_or_default();
                self.onward = match (receipt.asks_too_much(), receipt.is_for_another_slot()) {
                    (true, _) if operations > 1 => Some(Onward::Divided(operations / 2)),
                    (_, true) => Some(Onward::Again(self.changes)),
                    _ => None,
                };
                let detail = receipt.detail.as_deref().map(plain).unwrap_or_default();
                let name = match (is_rest, self.waits()) {
                    (true, false) => format!("the rest of {}, of which a part is in the domain,", name()),
                    (true, true) => format!("the rest of {}, of which a part waits for approvals,", name()),
                    (false, _) => name(),
                };
                let what = format!("{name} was refused, and nothing after it went in: {detail}");
                Err(Failure::no(what).next(match receipt.code {
                    Some(Code::BaseTooOld) => {
                        "others have changed the domain, and the last import is too long ago to be \
                                               merged with that; --after COMMIT, with the commit that is there, puts \
                                               files as they are in git over theirs"
                            .to_owned()
                    }
                    _ => format!("`quorate receipt {}` tells more", receipt.id),
                }))
            }
            state => {
                self.accept();
                if state == State::Pending && self.waiting.is_none() {
                    self.waiting = Some((name(), self.changes));
                }
                Ok(())
            }
        }
    }

    /// Verdicts of all that was sent are in; fails where a commit waits for approvals.
    pub fn end(&mut self) -> Outcome {
        self.seconds = self.begun.elapsed().as_secs_f64();
        if io::stderr().is_terminal() && self.commits > 0 {
            tell!();
        }
        let Some((commit, changes)) = &self.waiting else { return Ok(()) };
        let behind = match self.changes - changes {
            0 => String::new(),
            count => format!("; {} behind it had gone out before that was known", counted(count, "change")),
        };
        let what = format!("{commit} waits for approvals, and nothing more was sent{behind}");
        let next =
            format!("`quorate pending list --domain {}` shows it; run this again once it is decided", self.domain);
        Err(Failure::no(what).next(next))
    }

    fn document(&self) -> Value {
        json!({
            "branch": self.branch, "domain": self.domain, "tip": self.tip.to_string(),
            "after": self.after.map(|after| after.to_string()), "commits": self.commits, "changes": self.changes,
            "folded": self.folded, "split": self.split, "skipped": self.skipped, "conflicts": self.conflicts,
            "revision": self.revision, "seconds": self.seconds,
        })
    }

    fn words(&self) -> Vec<String> {
        let (domain, tip) = (&self.domain, print::short(self.tip));
        let mut words = match self.after {
            Some(_) if self.commits == 0 => vec![format!("nothing is new: {domain} has the history up to {tip}")],
            Some(after) => vec![format!("{} after {}", self.headline(), print::short(after))],
            None => vec![self.headline()],
        };
        words.extend(self.revision.map(|revision| format!("newest revision {revision}")));
        if self.folded > 0 {
            words.push(format!("folded into their merges: {} of merged branches", counted(self.folded, "commit")));
        }
        if self.split > 0 {
            words.push(format!("too large for one envelope, sent as several: {}", counted(self.split, "commit")));
        }
        let left_out = |skipped: &Value| format!("left out: {}: {}", skipped["path"], skipped["reason"]);
        words.extend(self.skipped.iter().map(left_out));
        words
    }

    fn headline(&self) -> String {
        let (commits, tip) = (counted(self.commits, "commit"), print::short(self.tip));
        format!("{commits} up to {tip} in {}, in {:.1} s", self.domain, self.seconds)
    }
}

fn skipped(skipped: &Skipped) -> Value {
    json!({ "path": skipped.path, "commit": skipped.commit.to_string(), "reason": skipped.reason.to_string() })
}

/// A branch that did not go in.
pub struct Failed {
    pub branch: String,
    /// Its domain; none where the branch cannot be resolved.
    pub domain: Option<String>,
    pub failure: Failure,
}

impl Failed {
    /// A branch that cannot be resolved.
    pub fn of(error: GitError) -> Self {
        let branch = if let GitError::Reference { name, .. } = &error { name.clone() } else { "refs/heads".to_owned() };
        Self { branch, domain: None, failure: Failure::usage(error) }
    }
}

/// Prints what came in, and what did not; `are_all` is a list of branches, also where there is one.
pub fn report(tallies: &[Tally], failed: &[Failed], are_all: bool, json: bool) -> Outcome {
    match tallies {
        _ if json && are_all => {
            let failed = failed.iter().map(|Failed { branch, domain, failure }| {
                json!({ "branch": branch, "domain": domain, "error": failure.to_string(), "exit": failure.exit() as u8 })
            });
            let all: Vec<Value> = tallies.iter().map(Tally::document).chain(failed).collect();
            print::json(&json!({ "branches": all }))?
        }
        _ if json => tallies.iter().try_for_each(|tally| print::json(&tally.document()))?,
        _ => tallies.iter().flat_map(Tally::words).try_for_each(print::say)?,
    }
    for Failed { branch, failure, .. } in failed {
        tell!("{branch}:");
        failure.report(false);
    }
    let conflicts: usize = tallies.iter().map(|tally| tally.conflicts).sum();
    match (failed.len(), conflicts) {
        (0, 0) => Ok(()),
        (0, count) => Err(Failure::no(format!("{} with what others did", counted(count, "conflict")))
            .next("`quorate conflicts list` shows them")),
        (count, _) => {
            let what = format!("{count} of {} branches did not go in", count + tallies.len());
            // No answer is no refusal.
            let is_unanswered = failed.iter().any(|failed| failed.failure.exit() == Exit::Unreachable);
            Err(Failure::new(if is_unanswered { Exit::Unreachable } else { Exit::No }, what))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::advice::tests::refused_for;
    use super::*;

    /// Way on after a change of so many operations that was refused with this detail, and after that once more.
    fn onward(operations: usize, detail: &str) -> [Option<Onward>; 2] {
        let line = Line { branch: "main".into(), domain: "main".into(), tip: "0".repeat(40).parse().expect("an id") };
        let mut tally = Tally::of(&line);
        tally.under_way.push_back(UnderWay { operations, is_rest: false, last: None });
        tally.judge(&refused_for(detail), || None).expect_err("it was refused");
        [tally.onward(), tally.onward()]
    }

    #[test]
    fn a_refusal_for_work_is_answered_once() {
        let asks = "the envelope asks for the rules of more paths than one may";
        let late = "envelopes of its organisation, or what they let take effect, have used the work that one may have done at a time: \
                    send it again";
        assert_eq!(onward(7, asks), [Some(Onward::Divided(3)), None]);
        assert_eq!(onward(1, asks), [None; 2], "one file cannot be divided");
        assert_eq!(onward(1, late), [Some(Onward::Again(0)), None]);
        assert_eq!(onward(7, "it is no JSON"), [None; 2]);
    }
}
