//! Progress of earlier imports, as the domain's log tells it.

use super::super::failure::{Failure, Outcome};
use super::super::listing::LIST_MAX;
use super::super::print;
use super::others::Others;
use super::places::Places;
use super::seen::Seen;
use crate::counted::counted;
use quorate_client::api::{Identity, LogEntry, LogPage, Page, PendingChange, TreeEntry};
use quorate_client::calls::Came;
use quorate_client::http::{Client, ClientError};
use quorate_git::{Entries, GitError, ObjectId, Origin, Repository, Skipped};
use quorate_ledger::{EnvelopeId, Revision};
use quorate_pbft::PublicKey;
use std::collections::BTreeSet;

/// The commit of a line up to which imports have come.
pub struct Earlier {
    /// The commit.
    pub commit: ObjectId,
    /// Changes that brought in a part of it, where another is to come.
    pub begun: Option<Begun>,
    /// The change that brought it in, where it is the own key's: a later one can be based on it.
    pub change: Option<EnvelopeId>,
}

/// Earlier imports, and what others did beside them.
pub struct Found {
    /// The commit up to which imports have come.
    pub earlier: Option<Earlier>,
    /// Changes of others; none where somebody says which commit's files are there.
    pub others: Others,
    /// Paths that imports wrote and nobody else has changed since.
    pub brought: BTreeSet<String>,
    /// Whether imports have come to the very commit of the line that somebody names: what is missing before it was left out knowingly.
    pub is_come_to: bool,
    /// Whether the log may lack changes of others.
    pub is_cut: bool,
}

impl Earlier {
    /// Entries of git's tree at these paths, as far as imports have come.
    pub fn entries(&self, repository: &Repository, paths: &BTreeSet<String>) -> Result<Entries, GitError> {
        let commit = repository.commit(self.commit)?;
        let mut entries = repository.entries(&commit, paths)?;
        let Some(Begun { paths: there, is_whole }) = &self.begun else { return Ok(entries) };
        let before = match commit.parents.first().filter(|_| !is_whole) {
            Some(&parent) => repository.entries(&repository.commit(parent)?, paths)?,
            None => Entries::new(),
        };
        let lacking = entries.iter_mut().filter(|(path, _)| !there.contains(*path));
        lacking.for_each(|(path, entry)| *entry = before.get(path).copied().flatten());
        Ok(entries)
    }

    /// Object that the repository lacks for the entry at a path.
    pub fn missing(&self, repository: &Repository, path: &str) -> Result<Option<Skipped>, GitError> {
        let commit = repository.commit(self.commit)?;
        let begun = self.begun.as_ref().filter(|begun| !begun.is_whole);
        let before = begun.and(commit.parents.first()).copied();
        let before = before.map(|parent| repository.missing(&repository.commit(parent)?, path)).transpose()?;
        Ok(repository.missing(&commit, path)?.or(before.flatten()))
    }
}

/// The first parts of a commit.
pub struct Begun {
    /// Paths that they set.
    pub paths: BTreeSet<String>,
    /// Whether they bring in the commit's whole tree, and not its difference.
    pub is_whole: bool,
}

/// Keys whose words about commits count.
pub struct Trust {
    /// The own key.
    own: PublicKey,
    /// Keys whose words count: the own one, and those that were named.
    keys: BTreeSet<PublicKey>,
    /// The others of the organisation: where one of them says more, somebody must say whether it counts.
    others: BTreeSet<PublicKey>,
}

/// Changes of a line's commits that were seen so far, newest first.
struct Search<'a> {
    places: &'a Places<'a>,
    /// Commit whose files are there, as somebody says, and the place of the line up to which it counts: what lies below that is
    /// not looked at.
    after: Option<(ObjectId, usize)>,
    found: Option<(usize, Earlier)>,
    seen: Seen,
    /// Whether what comes now was there before another history: of its commits none counts.
    is_below: bool,
    others: Others,
    /// The furthest commit that an untrusted colleague names.
    said: Option<(usize, ObjectId, PublicKey)>,
}

impl Trust {
    /// Trust in keys of one organisation.
    pub async fn of(client: &Client, key: PublicKey, named: &[PublicKey]) -> Result<Self, ClientError> {
        let all: Vec<Identity> = client.list(&["identities"], &[], LIST_MAX).await?;
        let organisation =
            all.iter().find(|identity| identity.key == key).map(|identity| identity.organisation.clone());
        let keys: BTreeSet<PublicKey> = named.iter().copied().chain([key]).collect();
        let same = all.iter().filter(|identity| Some(&identity.organisation) == organisation.as_ref());
        let others = same.map(|identity| identity.key).filter(|other| !keys.contains(other)).collect();
        Ok(Self { own: key, keys, others })
    }
}

impl Search<'_> {
    /// Takes an entry.
    fn takes(&mut self, entry: LogEntry, trust: &Trust) -> Outcome {
        let Some(origin) = Origin::read(&entry.message) else {
            self.others.note(&entry, false);
            return Ok(());
        };
        let place = self.places.of(origin.commit).filter(|place| self.after.is_none_or(|(_, lowest)| *place <= lowest));
        let place = place.filter(|_| !self.is_below);
        let (is_trusted, is_ours) = (trust.keys.contains(&entry.author), trust.others.contains(&entry.author));
        self.others.note(&entry, is_trusted);
        if let Some(place) = place.filter(|_| is_trusted || is_ours) {
            self.seen.note(place, origin.part, is_trusted);
        }
        match place {
            Some(place) if is_trusted => self.notes(place, entry, &origin, &trust.own),
            Some(place) if is_ours => {
                self.said = self.said.into_iter().chain([(place, origin.commit, entry.author)]).min();
            }
            None if is_trusted && self.found.is_none() && self.after.is_none() => {
                return Err(self.places.lack(origin.commit));
            }
            None if is_trusted => self.is_below = true,
            _ => (),
        }
        Ok(())
    }

    /// Notes a change of the line.
    fn notes(&mut self, place: usize, entry: LogEntry, origin: &Origin, own: &PublicKey) {
        let is_last = origin.part.number >= origin.part.of;
        let change = Some(entry.id).filter(|_| entry.author == *own);
        let paths = entry.changes.into_iter().map(|change| change.path);
        match &mut self.found {
            Some((at, _)) if *at < place => (),
            Some((at, earlier)) if *at == place => match &mut earlier.begun {
                Some(_) if is_last => earlier.begun = None,
                Some(begun) => begun.paths.extend(paths),
                None => (),
            },
            found => {
                let begun = (!is_last).then(|| Begun { paths: paths.collect(), is_whole: origin.part.is_whole });
                *found = Some((place, Earlier { commit: origin.commit, begun, change }));
            }
        }
    }

    /// Whether older entries have something to say: before the tip is there whole, and where a commit before it seems to be missing,
    /// which may have been applied late.
    fn goes_on(&self) -> bool {
        !self.is_complete() || self.is_undecided() || self.seen.gap(true).is_some()
    }

    /// Whether an import of the commit at which another line, whose files are there as somebody says, left this one may be from
    /// before that: only an older entry of the other line tells that it is the way back.
    fn is_undecided(&self) -> bool {
        let found = self.found.as_ref().map(|(place, _)| *place);
        self.after.is_some_and(|(after, at)| found == Some(at) && self.places.of(after).is_none() && !self.is_below)
    }

    /// Whether the tip is there whole.
    fn is_complete(&self) -> bool {
        matches!(self.found, Some((0, Earlier { begun: None, .. })))
    }

    /// Whether no commit is known to be there whole, so that an older entry may tell of one.
    fn is_open(&self) -> bool {
        !self.is_below && !matches!(self.found, Some((_, Earlier { begun: None, .. })))
    }

    /// Commit after which to go on; refuses where an untrusted colleague says that a later one is there.
    fn end(self, is_cut: bool) -> Result<Found, Failure> {
        let place = self.found.as_ref().map_or(usize::MAX, |(place, _)| *place);
        let is_whole = matches!(self.found, Some((_, Earlier { begun: None, .. })));
        let is_come_to =
            self.after.is_some_and(|(after, at)| is_whole && at == place && self.places.of(after).is_some());
        let brought = self.others.brought();
        match (self.after, self.said) {
            (Some((after, at)), _)
                if at < place || at == place && (self.is_undecided() || self.places.of(after).is_some()) =>
            {
                let earlier = Some(Earlier { commit: after, begun: None, change: None });
                Ok(Found { earlier, others: Others::default(), brought, is_come_to, is_cut: false })
            }
            (None, Some((said, commit, key))) if said < place => {
                let what = format!("{key} of the same organisation says that commit {} is there", print::short(commit));
                Err(Failure::no(format!("{what}: nothing was sent")).next(format!(
                    "--trust {key} goes by its word, as by that of a key before yours; --after COMMIT does not"
                )))
            }
            _ => {
                let earlier = self.found.map(|(_, earlier)| earlier);
                Ok(Found { earlier, others: self.others, brought, is_come_to, is_cut })
            }
        }
    }
}

/// Looks through a domain's log, newest first, for the furthest commit of a line that trusted keys have imported; none where
/// that is nothing. Others may write such messages as well, and would leave out commits of this import. What others did up to the
/// accepted revision is in nobody's way.
pub async fn find(
    client: &Client,
    domain: &str,
    trust: &Trust,
    (places, after, accepted): (&Places<'_>, Option<ObjectId>, Revision),
) -> Result<Found, Failure> {
    let lowest = after.map(|after| places.nearest(after)).transpose().map_err(Failure::usage)?;
    let mut search = Search {
        places,
        after: after.zip(lowest),
        found: None,
        seen: Seen::after(lowest),
        is_below: false,
        others: Others::since(accepted),
        said: None,
    };
    let (mut from, mut came) = (String::new(), Came::default());
    let (mut gaps, mut has_gaps, mut is_cut) = (false, false, false);
    let (begins, is_part) = loop {
        let level = if from.is_empty() { "strong" } else { "sequential" };
        let query = [("level", level), ("from", from.as_str()), ("limit", "1000")];
        let page = client.page(&["domains", domain, "log"], &query, &mut came).await;
        let LogPage { items, next, begins, gaps: here } = match page {
            Err(ClientError::Refused(problem)) if problem.status == 404 => return search.end(false),
            other => other?,
        };
        gaps |= here && search.is_open();
        has_gaps |= here;
        is_cut |= here && items.first().is_none_or(|newest| newest.revision > accepted);
        items.into_iter().try_for_each(|entry| search.takes(entry, trust))?;
        match next {
            Some(next) if next != from && search.goes_on() => from = next,
            next => break (begins, next.is_some()),
        }
    };
    if gaps && after.is_none() && !search.is_complete() {
        return Err(of_gaps(domain));
    }
    // A commit that was applied late stands among later ones: only the whole log tells which are missing.
    if let Some(place) = search.seen.gap(begins.is_some()).filter(|_| !has_gaps && !is_part) {
        return Err(places.gap(place));
    }
    let found = search.end(is_cut || begins.is_some_and(|slot| slot > accepted.seq().get()))?;
    if found.earlier.is_none() {
        nothing_was_forgotten(client, domain, begins).await?;
    }
    Ok(found)
}

/// Refuses where a domain with files has a log that does not go back to its beginning: an import may be forgotten here.
async fn nothing_was_forgotten(client: &Client, domain: &str, begins: Option<u64>) -> Outcome {
    let Some(slot) = begins else { return Ok(()) };
    let tree: Page<TreeEntry> = client.renewed().get(&["domains", domain, "tree"], &[("limit", "1")]).await?;
    if tree.items.is_empty() {
        return Ok(());
    }
    let what = format!(
        "the log of {domain} begins with slot {slot} here, and an import may have come before: nothing was sent"
    );
    Err(Failure::no(what)
        .next("name a node that keeps the whole history, or say with --after COMMIT which commit's files are there"))
}

/// Failure of an import that may be in a log which does not tell of all.
fn of_gaps(domain: &str) -> Failure {
    let what = format!(
        "a repair of this node has dropped receipts, and its log of {domain} lacks their changes, of an import perhaps: nothing was sent"
    );
    Failure::no(what).next("name another member's node, or say with --after COMMIT which commit's files are there")
}

/// Refuses where changes of these authors wait for the word of others: the log does not tell of them yet.
pub async fn none_waits(client: &Client, domain: &str, trust: &Trust) -> Outcome {
    let pending: Vec<PendingChange> = match client.list(&["domains", domain, "pending"], &[], LIST_MAX).await {
        Err(ClientError::Refused(problem)) if problem.status == 404 => return Ok(()),
        other => other?,
    };
    match pending.iter().filter(|change| trust.keys.contains(&change.author)).count() {
        0 => Ok(()),
        count => {
            let what = format!(
                "{} of this key or a trusted one in {domain} wait for approvals: nothing was sent",
                counted(count, "change")
            );
            Err(Failure::no(what)
                .next(format!("`quorate pending list --domain {domain}` shows them; then run this again")))
        }
    }
}
