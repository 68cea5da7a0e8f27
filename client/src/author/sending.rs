//! Changes on their way: signed with the author's next number, kept and sent, again where another machine took that.

use super::*;
use serde_json::Value;

/// Code of an answer about a domain that is not there.
const UNKNOWN_DOMAIN: &str = "unknown-domain";

/// Time in which the group says that it has no domain of a name. Where nothing can be confirmed, a change is signed all the same.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(3);

/// Times that an envelope is signed again because another machine took its number: each is one race that was lost.
const RACES_MAX: u32 = 16;

impl Author {
    /// Signs a change, keeps it, sends it, and waits for its answer at that level. Earlier changes without an answer that this
    /// author has not sent yet go first, of all domains, within what is left of the time, and the change has the whole time again:
    /// [`Author::fate`] tells their end. One whose end the node has forgotten ends each submit ([`SubmitError::Forgotten`] names its file).
    pub async fn submit(&mut self, draft: &Draft, level: Level) -> Result<Outcome, SubmitError> {
        let sign = |author: &Self, node: &AuthorInfo, floor, _: &[Place]| author.sign(draft, node, floor);
        self.sign_and_send(&[], level, sign, |_| Ok(())).await
    }

    /// Signs a change and keeps it for a parcel to carry: nothing is sent. The node may be one that hears nobody.
    pub async fn keep(&mut self, draft: &Draft) -> Result<EnvelopeId, SubmitError> {
        self.keep_telling(draft, |_| ()).await
    }

    /// The same; tells of what is given up first, on which no change may be based.
    pub async fn keep_telling(&mut self, draft: &Draft, tell: impl FnMut(&Answer)) -> Result<EnvelopeId, SubmitError> {
        self.give_up_hopeless()?.iter().for_each(tell);
        let node = self.node_that_knows_us().await?;
        self.outbox.enter(node.group)?;
        let envelope = self.sign(draft, &node, 0)?;
        self.is_sent = false;
        self.outbox.keep(&node.group, &envelope)?;
        Ok(envelope.id(&node.group))
    }

    /// Signs with the next number, keeps and sends, and again with the one after it where another machine took that.
    /// `sign` is given the author's numbers in its own domain, the number below which all are taken, and the places in the
    /// `others`; `signed` is told each envelope's id before it is sent, and where it fails, nothing is.
    pub(super) async fn sign_and_send(
        &mut self,
        others: &[&str],
        level: Level,
        sign: impl Fn(&Self, &AuthorInfo, u64, &[Place]) -> Result<Envelope, KeyError>,
        mut signed: impl FnMut(EnvelopeId) -> Result<(), SubmitError>,
    ) -> Result<Outcome, SubmitError> {
        if !self.has_unanswered() {
            (self.is_sent, self.is_held_back) = (true, false);
        } else if !self.is_sent {
            self.resend_telling(|_| ()).await?;
            self.renew();
        }
        let mut floor = 0;
        for _ in 0..RACES_MAX {
            let node = self.node_that_knows_us().await?;
            self.outbox.enter(node.group)?;
            let mut places = Vec::new();
            for domain in others {
                let info = self.info_in(domain).await?;
                places.push(self.outbox.next_place(domain, &info, 0, 1));
            }
            let envelope = sign(self, &node, floor, &places)?;
            if matches!(self.signer, Key::Agent(_)) {
                self.renew(); // the agent may have asked its owner
            }
            signed(envelope.id(&node.group))?;
            match self.keep_and_send(&node.group, &envelope, level).await? {
                Sent::Answered(outcome) => return Ok(*outcome),
                Sent::LostRace(next_seq) => floor = next_seq.max(floor),
            }
        }
        Err(self.client.garbled("every number is taken; does another machine use this key?").into())
    }

    /// Keeps an envelope that was signed just now, sends it, and waits for its answer at that level.
    async fn keep_and_send(&mut self, group: &Digest, envelope: &Envelope, level: Level) -> Result<Sent, SubmitError> {
        let id = envelope.id(group);
        self.is_sent = false; // until it is: whoever waits may stop at any time
        let (name, bytes) = self.outbox.keep(group, envelope)?;
        self.client.remember(id).map_err(|error| unanswered(unjudged(id, &envelope.body), error))?;
        let mut is_uncertain = false;
        let posted = self.client.submit_noting((Some(id), bytes), level, &mut is_uncertain).await;
        let posted = self.judged(Some(id), posted);
        self.note(Some(id), &name, &posted)?;
        self.is_sent = !self.is_held_back && (posted.is_ok() || !self.outbox.is_unanswered(&name));
        match posted {
            Ok(Posted::Verdict(receipt)) => Ok(Sent::Answered(Box::new(Outcome::Verdict(receipt)))),
            Ok(Posted::Ticket(ticket)) => Ok(Sent::Answered(Box::new(Outcome::Ticket(ticket)))),
            Err(ClientError::Refused(problem)) if is_lost_race(&problem) => {
                Ok(Sent::LostRace(problem.next_seq.unwrap_or(0)))
            }
            // It was signed just now and left this machine once, so that whoever used its numbers has sent another.
            Err(ClientError::Refused(problem)) if !is_uncertain && is_long_lost_race(&problem, &envelope.body) => {
                self.give_up_as(&name, &problem)?;
                Ok(Sent::LostRace(problem.next_seq.unwrap_or(0)))
            }
            Err(ClientError::Refused(problem)) if !problem.is_of_pruned_history() => {
                if problem.is_of_size_here() {
                    self.give_up_as(&name, &problem)?;
                }
                Err(refused(unjudged(id, &envelope.body), problem))
            }
            Err(ClientError::NoAnswer { node, waited, last, held_back: Some(problem), ticket }) => {
                self.give_up_as(&name, &problem)?;
                let receipt = Box::new(not_taken(unjudged(id, &envelope.body), &problem));
                let error = ClientError::NoAnswer { node, waited, last, held_back: Some(problem), ticket };
                Err(SubmitError::Unanswered { receipt, error })
            }
            Err(error) => Err(unanswered(unjudged(id, &envelope.body), error)),
        }
    }

    /// The newest revision that the node has executed, once it has executed what this author knows of.
    /// The node has the whole time to say it.
    pub async fn newest(&mut self) -> Result<Revision, SubmitError> {
        self.renew();
        Ok(self.node_that_knows_us().await?.revision)
    }

    /// The author's numbers, from a node that has executed what this author knows to be executed, and that holds nothing
    /// refused or given up under the next number: what it holds there is about to have its verdict.
    pub(super) async fn node_that_knows_us(&self) -> Result<AuthorInfo, SubmitError> {
        let seen = self.outbox.newest_revision().unwrap_or(Revision::GENESIS);
        let mut tries = self.client.tries();
        loop {
            let mut info = match self.info().await {
                Err(SubmitError::Client(error)) => return Err(tries.or_given_up(error).into()),
                info => info?,
            };
            if let Some(ours) = self.group().filter(|ours| *ours != info.group) {
                return Err(OutboxError::OtherGroup { ours, theirs: info.group }.into());
            }
            let why = match self.given_up_next(&info) {
                Some(id) => {
                    format!("it holds {id}, which was refused or given up; another member may take the next change")
                }
                None if info.revision >= seen => {
                    info.pending.retain(|held| !self.outbox.is_refused(&held.id));
                    return Ok(info);
                }
                None => self.behind_receipt(info.revision, seen),
            };
            tries.pause(why, None).await?;
        }
    }

    /// Words about a node that has not executed what a receipt says was executed. One that an earlier node made up names its
    /// file: it is not proved.
    fn behind_receipt(&self, executed: Revision, seen: Revision) -> String {
        let file = self.outbox.file_of_answer(seen).map(|file| format!(" in {}", file.display())).unwrap_or_default();
        format!("it has executed {executed}, the outbox has a receipt of {seen}{file}")
    }

    /// Envelope of this outbox that was refused or given up and keeps the next number at a node: one that is parked there
    /// gives way to the next change.
    fn given_up_next(&self, info: &AuthorInfo) -> Option<EnvelopeId> {
        let gives_way = |held: &Pending| held.parked && held.from_seq == info.next_seq;
        let is_next =
            |held: &&Pending| held.from_seq <= info.next_seq && info.next_seq <= held.to_seq && !gives_way(held);
        info.pending.iter().filter(is_next).map(|held| held.id).find(|id| self.outbox.is_refused(id))
    }

    pub(super) async fn info(&self) -> Result<AuthorInfo, SubmitError> {
        self.info_in(&self.domain).await
    }

    pub(super) async fn info_in(&self, domain: &str) -> Result<AuthorInfo, SubmitError> {
        match self.client.author(domain, &self.key()).await {
            Err(ClientError::Refused(problem)) if problem.code == UNKNOWN_DOMAIN && self.is_absent(domain).await => {
                Err(SubmitError::NoDomain(domain.to_owned()))
            }
            // An unknown author is a verdict's or the gate's to refuse: its change is sent like any other.
            Err(ClientError::Refused(problem)) if problem.status == 404 => Ok(self.stranger().await?),
            other => Ok(other?),
        }
    }

    /// Whether the group says that it has no such domain: a node may be behind. A change could wait for one without end.
    async fn is_absent(&self, domain: &str) -> bool {
        let (client, query) = (self.client.within(CONFIRMED_WITHIN), [("limit", "1"), ("level", "strong")]);
        let tree: Result<Value, ClientError> = client.get(&["domains", domain, "tree"], &query).await;
        matches!(tree, Err(ClientError::Refused(problem)) if problem.code == UNKNOWN_DOMAIN)
    }

    /// The numbers of an author that the node does not know there.
    async fn stranger(&self) -> Result<AuthorInfo, ClientError> {
        let status = self.client.status().await?;
        Ok(AuthorInfo {
            group: status.group,
            key: self.key(),
            next_seq: 1,
            attempt: 0,
            pending: vec![],
            standing: Standing::default(),
            figure_here: 500,
            rate: None,
            repeated: vec![],
            revision: Revision::slot(SeqNum::new(status.executed_seq)),
        })
    }
}

/// Result of sending an envelope.
enum Sent {
    Answered(Box<Outcome>),
    /// Another machine took its number; this one is next.
    LostRace(u64),
}
