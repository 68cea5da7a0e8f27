//! The questions of the API, one function each.

use crate::api::{
    AuthorInfo, CLOSED_DOMAIN, Conduct, ENVELOPE_TYPE, GroupLimits, JSON_TYPE, KnownGroupEntry, LevelFacts, MemberPlan,
    OCTETS_TYPE, Problem, Status, Ticket, TransactionEntry,
};
use crate::http::{Client, ClientError, NONE_SENT, SILENT};
use hyper::StatusCode;
use quorate_ledger::proof::{BranchProof, OrderProof, Proof};
use quorate_ledger::{BranchState, Code, EnvelopeId, Genesis, Level, Receipt, Reconfiguration, State, TransactionId};
use quorate_pbft::{PublicKey, SeqNum};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// Attempts at one number beyond which a node is not believed: the next one would be signed for good.
const ATTEMPTS_MAX: u64 = 1 << 32;

/// Answer of a node about an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Posted {
    /// The verdict.
    Verdict(Receipt),
    /// None yet.
    Ticket(Ticket),
}

/// Page of a list that may be a log.
#[derive(Deserialize)]
struct Listed<T> {
    items: Vec<T>,
    next: Option<String>,
    begins: Option<u64>,
    #[serde(default)]
    gaps: bool,
}

/// Items of a list that may be a log, with what the node does not tell of it.
#[derive(Debug)]
pub struct Log<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Cursor of what comes after them, where the list goes on.
    pub next: Option<String>,
    /// The oldest slot of which the node tells, where the list ends because older items are forgotten there.
    pub begins: Option<u64>,
    /// Whether items are left out between these, whose receipts a repair has dropped.
    pub gaps: bool,
}

impl Client {
    /// Asks for the node's status.
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.get(&["status"], &[]).await
    }

    /// The genesis that the node has, which is none to trust.
    pub async fn genesis(&self) -> Result<Genesis, ClientError> {
        let answer = self.get_bytes(&["genesis"], &[]).await?;
        Genesis::parse(&answer.body).map_err(|why| self.garbled(why.to_string()))
    }

    /// Limits of the group.
    pub async fn limits(&self) -> Result<GroupLimits, ClientError> {
        self.get(&["limits"], &[]).await
    }

    /// An author's numbers in a domain.
    pub async fn author(&self, domain: &str, key: &PublicKey) -> Result<AuthorInfo, ClientError> {
        let info: AuthorInfo = self.get(&["domains", domain, "authors", &key.to_string()], &[]).await?;
        let mut attempts = info.pending.iter().map(|held| held.attempt).chain([info.attempt]);
        match attempts.any(|attempt| attempt > ATTEMPTS_MAX) {
            true => Err(self.garbled("an attempt that nobody gets to")),
            false => Ok(info),
        }
    }

    /// Sends an envelope and takes the answer that the node has now.
    pub async fn post(&self, bytes: Vec<u8>) -> Result<Posted, ClientError> {
        self.post_once((None, bytes), "", false).await
    }

    /// The same of an envelope with this id that may have been sent before: a refusal is the answer only where the node does
    /// not know the envelope.
    pub(crate) async fn post_again(&self, id: Option<EnvelopeId>, bytes: Vec<u8>) -> Result<Posted, ClientError> {
        self.post_once((id, bytes), "", true).await
    }

    /// Content of a file at a level; none where no file stands there. A domain that does not exist is an error.
    pub async fn file(&self, domain: &str, path: &str, level: Level) -> Result<Option<Vec<u8>>, ClientError> {
        let parts: Vec<&str> = ["domains", domain, "files"].into_iter().chain(path.split('/')).collect();
        match self.get_bytes(&parts, &[("level", level_name(level))]).await {
            Ok(answer) => Ok(Some(answer.body)),
            Err(ClientError::Refused(problem)) if problem.code == Code::MissingPath.to_string() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends an envelope, again and again, until there is a verdict at that level; at `eventual`, until it is taken.
    pub async fn submit(&self, bytes: Vec<u8>, level: Level) -> Result<Posted, ClientError> {
        self.submit_as(None, bytes, level).await
    }

    /// The same of an envelope with this id: a refusal after a try that may have been taken is the answer only where the node
    /// does not know the envelope.
    pub async fn submit_as(&self, id: Option<EnvelopeId>, bytes: Vec<u8>, level: Level) -> Result<Posted, ClientError> {
        self.submit_noting((id, bytes), level, &mut false).await
    }

    /// The same; notes whether the envelope was taken, or a try before the one that was answered may have been.
    pub async fn submit_noting(
        &self,
        (id, bytes): (Option<EnvelopeId>, Vec<u8>),
        level: Level,
        is_uncertain: &mut bool,
    ) -> Result<Posted, ClientError> {
        if level == Level::Eventual {
            return self.post_noting((id, bytes), "", false, is_uncertain).await;
        }
        let (mut tries, mut was_taken) = (self.tries(), false);
        loop {
            match self.post_noting((id, bytes.clone()), level_name(level), was_taken, is_uncertain).await {
                Ok(Posted::Ticket(ticket)) => {
                    (was_taken, *is_uncertain) = (true, true);
                    tries.pause_for(ticket).await?;
                }
                Err(ClientError::NoAnswer { last, .. }) if was_taken && last == NONE_SENT => {
                    return Err(tries.given_up());
                }
                // Another node behind the same address took it: that this one never does settles nothing.
                Err(ClientError::Refused(problem)) if was_taken && problem.is_of_size_here() => {
                    return Err(tries.given_up());
                }
                // A node that has taken it, and restarted, may hold it back: it may be on a lane all the same.
                Err(ClientError::NoAnswer { node, waited, last, .. }) if was_taken => {
                    return Err(ClientError::NoAnswer { node, waited, last, held_back: None, ticket: tries.ticket });
                }
                Err(error @ ClientError::NoAnswer { .. }) => return self.in_the_end(id, error).await,
                other => return other,
            }
        }
    }

    /// Error of an envelope that a node gave no answer to in time, with the reason why it waits there where a look tells it; or its
    /// verdict.
    async fn in_the_end(&self, id: Option<EnvelopeId>, error: ClientError) -> Result<Posted, ClientError> {
        let is_silent = matches!(&error, ClientError::NoAnswer { last, .. } if last == SILENT);
        let Some(id) = id.filter(|_| is_silent) else { return Err(error) };
        match (self.within(LOOKS_WITHIN).envelope(&id).await, error) {
            (Ok(Posted::Ticket(ticket)), ClientError::NoAnswer { node, waited, held_back, .. }) => {
                let (last, ticket) = (ticket.words(), Some(Box::new(ticket)));
                Err(ClientError::NoAnswer { node, waited, last, held_back, ticket })
            }
            (Ok(verdict @ Posted::Verdict(_)), _) => Ok(verdict),
            (_, error) => Err(error),
        }
    }

    /// Waits until the node has executed every change of this client's session that a read waits for, as its query names a
    /// level.
    pub(crate) async fn own_writes(&self, query: &[(&str, &str)]) -> Result<(), ClientError> {
        let named = query.iter().find(|(key, _)| *key == "level");
        let Some(level) = named.and_then(|(_, name)| level_named(name)) else { return Ok(()) };
        let written = self.session().map(|session| session.awaited(level).to_vec()).unwrap_or_default();
        for id in &written {
            self.own_write(id).await?;
        }
        Ok(())
    }

    async fn own_write(&self, id: &EnvelopeId) -> Result<(), ClientError> {
        let mut tries = self.tries();
        loop {
            let (why, advice) = match self.envelope(id).await {
                Ok(Posted::Verdict(_)) => return self.forget(id),
                // One whose wait is over may be sent again, and be ordered then.
                Ok(Posted::Ticket(ticket)) => (ticket.words(), IF_LOST),
                Err(ClientError::Refused(problem)) if problem.status == 404 => unseen(&problem),
                Err(error) => return Err(tries.or_given_up(error)),
            };
            tries.pause(format!("{id}, which this session wrote: {why}; {advice}"), None).await?;
        }
    }

    /// Notes in the session that a change of it is about to be sent.
    pub(crate) fn remember(&self, id: EnvelopeId) -> Result<(), ClientError> {
        self.session().map_or(Ok(()), |mut session| Ok(session.wrote(id)?))
    }

    /// Notes in the session that a change of it has its verdict, or never will.
    pub(crate) fn forget(&self, id: &EnvelopeId) -> Result<(), ClientError> {
        self.session().map_or(Ok(()), |mut session| Ok(session.settled(id)?))
    }

    /// Facts about a path that a choice of level rests on.
    pub async fn level_facts(&self, domain: &str, path: &str) -> Result<LevelFacts, ClientError> {
        self.get(&["domains", domain, "facts"], &[("path", path)]).await
    }

    /// Asks for the receipt of an envelope, or its ticket.
    pub async fn envelope(&self, id: &EnvelopeId) -> Result<Posted, ClientError> {
        let answer = self.look(&["envelopes", &id.to_string()], &[]).await?;
        let posted = self.posted(answer.status, &answer.body)?;
        let (Posted::Verdict(receipt) | Posted::Ticket(Ticket { receipt, .. })) = &posted;
        if receipt.id == *id { Ok(posted) } else { Err(self.garbled("an answer about another envelope")) }
    }

    /// Asks for the proof file of a receipt. It is not checked here, but it speaks of this envelope.
    pub async fn receipt_proof(&self, id: &EnvelopeId) -> Result<Vec<u8>, ClientError> {
        let proof = self.look(&["envelopes", &id.to_string()], &[("proof", "true")]).await?.body;
        match Proof::decode(&proof) {
            Ok(Proof::Receipt(told)) if told.claim().id == *id => Ok(proof),
            _ => Err(self.garbled("not the proof of this envelope's receipt")),
        }
    }

    /// The group's branch of a transaction over several groups; none where the node knows none.
    pub async fn transaction(&self, id: &TransactionId, level: Level) -> Result<Option<TransactionEntry>, ClientError> {
        match self.get(&["transactions", &id.to_string()], &[("level", level_name(level))]).await {
            Ok(entry) => Ok(Some(entry)),
            Err(ClientError::Refused(problem)) if problem.status == 404 => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The proof that the group's branch of a transaction is in this state, or in one that never leads there: waited for until enough
    /// members have signed such a state. The signatures are not checked here.
    pub async fn transaction_proof(&self, id: &TransactionId, state: BranchState) -> Result<BranchProof, ClientError> {
        let mut tries = self.tries();
        loop {
            let why = match self.branch_proof(id).await {
                Ok(proof) if !can_become(proof.record().state, state) => return Ok(proof),
                Ok(_) => format!("its branch is not {state:?} there"),
                Err(ClientError::Refused(problem)) if problem.status == 404 => problem.to_string(),
                Err(error) => return Err(tries.or_given_up(error)),
            };
            tries.pause(why, None).await?;
        }
    }

    /// The proof of the group's branch of a transaction as it is. The signatures are not checked here.
    pub async fn branch_proof(&self, id: &TransactionId) -> Result<BranchProof, ClientError> {
        let query = [("proof", "true"), ("level", level_name(Level::Sequential))];
        let answer = self.look(&["transactions", &id.to_string()], &query).await?;
        let proof = BranchProof::decode(&answer.body).filter(|proof| proof.record().transaction.id() == *id);
        proof.ok_or_else(|| self.garbled("not the proof of this transaction"))
    }

    /// Other groups whose proofs count in this one.
    pub async fn known_groups(&self) -> Result<Vec<KnownGroupEntry>, ClientError> {
        self.list(&["groups"], &[("level", level_name(Level::Sequential))], usize::from(u16::MAX)).await
    }

    /// Asks about the certified state, as somebody does who copies it.
    pub async fn state(&self, ask: Vec<u8>) -> Result<Vec<u8>, ClientError> {
        self.state_that(&[], ask).await
    }

    /// Asks about another state: with `seq`, the certified one after that slot; with `after`, the first certified one from
    /// there on; with `executed`, one that may be unsigned.
    pub async fn state_that(&self, query: &[(&str, &str)], ask: Vec<u8>) -> Result<Vec<u8>, ClientError> {
        self.post_slow(self.url(&["state"], query)?, OCTETS_TYPE, ask).await
    }

    /// Asks for decided slots or bundles.
    pub async fn order(&self, question: Vec<u8>) -> Result<Vec<u8>, ClientError> {
        self.post_slow(self.url(&["order"], &[])?, OCTETS_TYPE, question).await
    }

    /// Asks for the proof of the order up to a slot; without one, up to the newest certified state.
    pub async fn order_proof(&self, seq: Option<SeqNum>) -> Result<OrderProof, ClientError> {
        let seq = seq.map(|seq| seq.to_string());
        let query = seq.as_deref().map(|seq| ("seq", seq));
        let answer = self.look(&["order"], query.as_slice()).await?;
        OrderProof::decode(&answer.body).ok_or_else(|| self.garbled("not a proof of the order"))
    }

    /// Asks what a reconfiguration would change, and why it could not take effect now.
    pub async fn plan_members(&self, change: &Reconfiguration) -> Result<MemberPlan, ClientError> {
        let change = serde_json::to_vec(change).expect("a reconfiguration is plain data");
        let answer = self.post_bytes(self.url(&["members", "plan"], &[])?, JSON_TYPE, change).await?;
        self.decode(&answer.body)
    }

    /// Ends what restrains a peer for its conduct.
    pub async fn release(&self, peer: &str) -> Result<Conduct, ClientError> {
        let answer = self.post_bytes(self.url(&["peers", peer, "release"], &[])?, OCTETS_TYPE, Vec::new()).await?;
        self.decode(&answer.body)
    }

    /// Reads a list page by page, up to `limit` items. A page may be short or empty and have a next one all the same,
    /// where the node looked at many that were not asked for.
    pub async fn list<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        limit: usize,
    ) -> Result<Vec<T>, ClientError> {
        Ok(self.list_log(path, query, limit).await?.items)
    }

    /// The same of a log, with what the node does not tell of it.
    pub async fn list_log<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        limit: usize,
    ) -> Result<Log<T>, ClientError> {
        let (mut items, mut from, mut empty, mut gaps) = (Vec::new(), String::new(), 0, false);
        let mut came = Came::default();
        loop {
            let left = (limit - items.len()).min(PAGE_ITEMS).to_string();
            let query: Vec<_> =
                query.iter().copied().chain([("from", from.as_str()), ("limit", left.as_str())]).collect();
            let page: Listed<T> = self.page(path, &query, &mut came).await?;
            gaps |= page.gaps;
            let before = items.len();
            items.extend(page.items);
            items.truncate(limit);
            empty = if items.len() > before { 0 } else { empty + 1 };
            match page.next {
                Some(next) if items.len() < limit && next != from && empty <= EMPTY_PAGES_MAX => from = next,
                next => {
                    let begins = page.begins.filter(|_| next.is_none());
                    return Ok(Log { items, next, begins, gaps });
                }
            }
        }
    }

    /// Reads a page of a list of which so much has come.
    pub async fn page<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        came: &mut Came,
    ) -> Result<T, ClientError> {
        let page = self.renewed().get_bytes(path, query).await?.body;
        match came.is_too_much_with(page.len()) {
            true => Err(self.garbled(format!("a list of more than {PAGES_MAX} pages or {LIST_BYTES_MAX} bytes"))),
            false => self.decode(&page),
        }
    }

    async fn post_once(
        &self,
        sent: (Option<EnvelopeId>, Vec<u8>),
        wait: &str,
        was_sent: bool,
    ) -> Result<Posted, ClientError> {
        self.post_noting(sent, wait, was_sent, &mut false).await
    }

    /// The same; notes whether a try before the one that was answered may have been taken.
    async fn post_noting(
        &self,
        (id, bytes): (Option<EnvelopeId>, Vec<u8>),
        wait: &str,
        was_sent: bool,
        is_uncertain: &mut bool,
    ) -> Result<Posted, ClientError> {
        let (url, mut tries) = (self.url(&["envelopes"], &[("wait", wait)])?, self.tries());
        let answer = self.post_within(&mut tries, url, ENVELOPE_TYPE, bytes).await;
        *is_uncertain |= was_sent || tries.is_uncertain;
        match (answer, id) {
            (Ok(answer), _) => self.posted(answer.status, &answer.body),
            (Err(ClientError::Refused(problem)), Some(id)) if was_sent || tries.is_uncertain => {
                self.unless_known(&id, problem, was_sent).await
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Knowledge of the node about an envelope that it refuses and somebody may have taken; the refusal where it has none. That the
    /// look is held back says nothing of a try of this command; what was sent by an earlier one stays open in any case.
    async fn unless_known(
        &self,
        id: &EnvelopeId,
        refusal: Box<Problem>,
        was_sent: bool,
    ) -> Result<Posted, ClientError> {
        match self.envelope(id).await {
            // The node may know it, and tells who shows a token.
            Err(ClientError::Refused(problem)) if problem.code == CLOSED_DOMAIN => Err(self.tries().given_up()),
            Err(ClientError::Refused(_)) => Err(ClientError::Refused(refusal)),
            // Its wait is over: whoever holds its numbers now, it is not this one that is ordered.
            Ok(Posted::Ticket(ticket)) if ticket.receipt.state == State::Expired => Err(ClientError::Refused(refusal)),
            Err(ClientError::NoAnswer { node, waited, held_back, ticket, .. }) => {
                let (last, held_back) = (refusal.to_string(), held_back.filter(|_| was_sent));
                Err(ClientError::NoAnswer { node, waited, last, held_back, ticket })
            }
            known => known,
        }
    }

    fn posted(&self, status: StatusCode, body: &[u8]) -> Result<Posted, ClientError> {
        if status == StatusCode::ACCEPTED {
            return Ok(Posted::Ticket(self.decode(body)?));
        }
        let receipt: Receipt = self.decode(body)?;
        if receipt.state == State::Expired {
            return Ok(Posted::Ticket(Ticket { receipt, waits_for: None, why: None }));
        }
        if receipt.is_verdict() { Ok(Posted::Verdict(receipt)) } else { Err(self.garbled("200 without a verdict")) }
    }
}

/// Whether a branch in one state comes to be in another one.
fn can_become(now: BranchState, then: BranchState) -> bool {
    use BranchState::{Aborted, Committed, Prepared, Settled};
    match now {
        Prepared => then != Prepared,
        Settled(_) => matches!(then, Committed | Aborted),
        Committed | Aborted => false,
    }
}

/// Pages and bytes of a list so far.
#[derive(Debug, Default)]
pub struct Came {
    pages: usize,
    bytes: usize,
}

impl Came {
    /// Counts a page of so many bytes; whether no list of an honest node has so much.
    fn is_too_much_with(&mut self, bytes: usize) -> bool {
        (self.pages, self.bytes) = (self.pages + 1, self.bytes.saturating_add(bytes));
        self.pages > PAGES_MAX || self.bytes > LIST_BYTES_MAX
    }
}

/// Time of a look at an envelope whose answer did not come in time.
const LOOKS_WITHIN: Duration = Duration::from_secs(1);

/// Pages of one list: a domain of ten million files fills a tenth of them.
const PAGES_MAX: usize = 100_000;

/// Bytes of all pages of one list: some million changes with long messages, or more files. A node that goes on for ever must not
/// fill our memory.
const LIST_BYTES_MAX: usize = 8 << 30;

/// Items that one page is asked to have.
const PAGE_ITEMS: usize = 1_000;

/// Empty pages in a row that are followed: a node looks at a thousand items for each, and one that lies may go on for ever.
const EMPTY_PAGES_MAX: usize = 10_000;

/// Advice on a change of a session that has no verdict.
const IF_LOST: &str = "if the change was lost, sign it again and remove the session's file";

/// Reason in words why a change of a session is waited for that a node does not know, and advice. It may be new, and on its
/// way to that node; where history is pruned, which is told with the members to ask, it may also be old and applied.
fn unseen(problem: &Problem) -> (String, &'static str) {
    match problem.members.as_deref() {
        None => ("it has not seen it".to_owned(), IF_LOST),
        Some([]) => (problem.detail.clone(), "look whether its files are there before you sign it again"),
        Some(_) => (
            problem.detail.clone(),
            "another member may know what became of it, asked with the same session; do not sign it again before",
        ),
    }
}

/// A level as queries spell it.
pub fn level_name(level: Level) -> &'static str {
    match level {
        Level::Eventual => "eventual",
        Level::Causal => "causal",
        Level::Sequential => "sequential",
        Level::Strong => "strong",
    }
}

/// Level of this name.
pub fn level_named(name: &str) -> Option<Level> {
    let levels = [Level::Eventual, Level::Causal, Level::Sequential, Level::Strong];
    levels.into_iter().find(|level| level_name(*level) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_without_an_end_is_too_much_by_its_pages_or_its_bytes() {
        let (mut small, mut large) = (Came::default(), Came::default());
        assert!((0..PAGES_MAX).all(|_| !small.is_too_much_with(9)) && small.is_too_much_with(9));
        assert!((0..LIST_BYTES_MAX >> 26).all(|_| !large.is_too_much_with(64 << 20)) && large.is_too_much_with(1));
    }

    #[test]
    fn a_branch_is_waited_for_only_while_it_can_come_to_be_so() {
        use BranchState::{Aborted, Committed, Prepared, Settled};
        for (now, then) in [(Prepared, Committed), (Prepared, Settled(true)), (Settled(true), Aborted)] {
            assert!(can_become(now, then), "{now:?}, {then:?}");
        }
        for (now, then) in [(Aborted, Prepared), (Committed, Aborted), (Settled(false), Prepared), (Prepared, Prepared)]
        {
            assert!(!can_become(now, then), "{now:?}, {then:?}");
        }
    }
}
