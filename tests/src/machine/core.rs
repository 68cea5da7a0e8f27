//! The core alone over a journal in memory: each effect is a step of its own, and a crash may fall between any two.
//!
//! Replicas with an odd number work in rounds, as the engine does: all that comes before a commit is taken in, and then
//! counted once. The others count after each input.

use super::{Book, Machine, News, Outgoing};
use crate::clients::{EnvelopeName, ItemCheck};
use crate::dice::Dice;
use quorate_pbft::{
    Decided, Effect, Effects, EvidenceKey, Executed, Input, Journal, Kind, Message, Now, ReaderId, Record, Replica,
    ReplicaConfig, ReplicaId, SeqNum, Ticks, VerifyContext, Wanted,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// An effect that waits for the disk.
enum Waiting {
    Write(Box<Record>),
    Execute(Arc<Decided>, Executed),
    Leave(Outgoing),
    Supply(ReplicaId, Wanted),
    Answer(ReaderId, SeqNum),
}

/// A replica, its journal and its book.
pub struct CoreMachine {
    config: ReplicaConfig,
    replica: Option<Replica>,
    journal: Journal,
    book: Book,
    waiting: Vec<Waiting>,
    told: Option<Now>,
    /// Inputs were taken in and not counted yet.
    in_round: bool,
}

impl CoreMachine {
    /// A replica of a new group.
    pub fn new(config: ReplicaConfig) -> Self {
        let journal = Journal::new(config.committee.len());
        let replica = Some(Replica::new(config.clone()));
        Self { config, replica, journal, book: Book::default(), waiting: Vec::new(), told: None, in_round: false }
    }

    fn works_in_rounds(&self) -> bool {
        self.config.me.index() % 2 == 1
    }

    fn take_in(&mut self, input: Input, news: &mut Vec<News>) {
        let Some(replica) = &mut self.replica else { return };
        let mut effects = Effects::new();
        replica.take_in(input, &mut effects);
        self.in_round = true;
        let executed = self.work_off_all(&mut effects, news);
        assert!(executed.is_empty(), "the core hands out slots when it advances");
        if !self.works_in_rounds() {
            self.advance(news);
        }
    }

    fn advance(&mut self, news: &mut Vec<News>) {
        let mut effects = Effects::new();
        while let Some(replica) = self.replica.as_mut().filter(|_| self.in_round) {
            replica.advance(&mut effects);
            let executed = self.work_off_all(&mut effects, news);
            self.in_round = !executed.is_empty();
            let Some(replica) = &mut self.replica else { return };
            executed.into_iter().for_each(|outcome| replica.take_in(Input::Executed(outcome), &mut effects));
        }
    }

    fn work_off_all(&mut self, effects: &mut Effects, news: &mut Vec<News>) -> Vec<Executed> {
        effects.take().into_iter().filter_map(|effect| self.work_off(effect, news)).collect()
    }

    /// The outcome, if the effect was to execute.
    fn work_off(&mut self, effect: Effect, news: &mut Vec<News>) -> Option<Executed> {
        match effect {
            Effect::Persist(record) => {
                if let Record::Committed { certificate, .. } = &record {
                    news.push(News::Decided { fast: certificate.kind() == Kind::Prepare });
                }
                self.waiting.push(Waiting::Write(Box::new(record)));
            }
            Effect::Send { to, message } => self.waiting.push(Waiting::Leave(Outgoing::To(to, message))),
            Effect::Broadcast(message) => self.waiting.push(Waiting::Leave(Outgoing::All(message))),
            Effect::Execute(decided) => {
                let context = VerifyContext {
                    committee: &self.config.committee,
                    verify: &*self.config.verify,
                    payload: &ItemCheck,
                    constants: &self.config.constants,
                };
                let executed = self.book.execute(&decided, &context);
                self.waiting.push(Waiting::Execute(decided, executed.clone()));
                return Some(executed);
            }
            Effect::Supply { to, question } => self.waiting.push(Waiting::Supply(to, question.wanted)),
            Effect::ReadReady { readers, seq, .. } => {
                self.waiting.extend(readers.into_iter().map(|reader| Waiting::Answer(reader, seq)));
            }
            Effect::Accuse(evidence) => news.push(News::Accused(evidence)),
            Effect::Refused(rejected) => news.push(News::Refused(rejected)),
            Effect::Broken(broken) => news.push(News::Broke(broken)),
        }
        None
    }

    fn make_durable(&mut self, effects: Vec<Waiting>, news: &mut Vec<News>) -> Vec<Outgoing> {
        let mut leaving = Vec::new();
        for effect in effects {
            match effect {
                Waiting::Write(record) => {
                    news.extend(stored(&record));
                    self.journal.record(&record);
                }
                Waiting::Execute(decided, executed) => {
                    self.journal.execute(&decided, &executed);
                    news.push(News::Executed(decided, executed));
                }
                Waiting::Leave(outgoing) => leaving.push(outgoing),
                Waiting::Supply(to, wanted) => {
                    let answer = self.journal.supply(&wanted);
                    leaving.extend(answer.into_iter().map(|message| Outgoing::To(to, Arc::new(message))));
                }
                Waiting::Answer(reader, seq) => news.push(News::ReadAnswered(reader, seq)),
            }
        }
        leaving
    }
}

fn stored(record: &Record) -> Option<News> {
    let (certificate, decides) = match record {
        Record::LaneCert(certificate) | Record::Prepared(certificate) | Record::Stable(certificate) => {
            (certificate, false)
        }
        Record::Committed { certificate, .. } => (certificate, true),
        _ => return None,
    };
    Some(News::Stored { certificate: certificate.claim().clone(), decides })
}

impl Machine for CoreMachine {
    fn input(&mut self, now: Now, input: Option<Input>, news: &mut Vec<News>) {
        if self.told != Some(now) || input.is_none() {
            self.told = Some(now);
            self.take_in(Input::Tick(now), news);
        }
        if let Some(input) = input {
            self.take_in(input, news);
        }
    }

    fn is_busy(&self) -> bool {
        self.in_round || !self.waiting.is_empty()
    }

    fn commit(&mut self, _now: Now, news: &mut Vec<News>) -> Vec<Outgoing> {
        self.advance(news);
        let effects = std::mem::take(&mut self.waiting);
        self.make_durable(effects, news)
    }

    fn kill(&mut self, dice: &mut Dice, news: &mut Vec<News>) -> Vec<Outgoing> {
        self.advance(news);
        let mut effects = std::mem::take(&mut self.waiting);
        let done = if dice.chance(50) { 0 } else { dice.below(effects.len() as u64 + 1) as usize };
        effects.truncate(done);
        let leaving = self.make_durable(effects, news);
        self.replica = None;
        self.told = None;
        self.book.forget_above(self.journal.executed().seq);
        leaving
    }

    fn start(&mut self, incarnation: u64) -> SeqNum {
        assert!(self.replica.is_none(), "the process runs");
        let config = ReplicaConfig { incarnation, die: incarnation, ..self.config.clone() };
        self.replica = Some(Replica::recover(config, self.journal.recovered()));
        self.journal.executed().seq
    }

    fn replica(&self) -> Option<&Replica> {
        self.replica.as_ref()
    }

    fn next_wakeup(&self) -> Option<Ticks> {
        self.replica.as_ref()?.next_wakeup()
    }

    fn envelopes(&self) -> &BTreeSet<EnvelopeName> {
        self.book.envelopes()
    }

    fn supplied(&self, wanted: &Wanted) -> Vec<Message> {
        self.journal.supply(wanted)
    }

    fn recorded(&self) -> &BTreeSet<EvidenceKey> {
        self.book.recorded()
    }
}
