//! A follower with its disk and its book. It makes no promise, so each effect is durable at once: a crash takes what it only
//! had in memory.

use super::Book;
use crate::clients::ItemCheck;
use quorate_pbft::{
    Broken, Claims, Decided, Digest, Effect, Effects, Executed, Follower, FollowerConfig, Input, Journal, Message, Now,
    Record, ReplicaId, SeqNum, Ticks, VerifyContext, Wanted, hash_parts,
};
use std::sync::Arc;

/// News of a follower for the world.
#[derive(Debug)]
pub enum FollowerNews {
    /// Question for a member.
    Asks(ReplicaId, Wanted),
    /// Slot executed and durable.
    Executed(Arc<Decided>, Executed),
    /// The follower has stopped for good.
    Broke(Broken),
    /// Effect that no follower may have: it signs nothing and speaks to all of nothing.
    Forbidden(String),
}

/// A follower, its journal and its book.
pub struct FollowerMachine {
    config: FollowerConfig,
    follower: Option<Follower>,
    journal: Journal,
    book: Book,
    /// The slot from which on its execution is wrong, if it ever is.
    spoiled_at: Option<SeqNum>,
}

impl FollowerMachine {
    /// A follower that has not started, over an empty disk.
    pub fn new(config: FollowerConfig, spoiled_at: Option<SeqNum>) -> Self {
        let journal = Journal::new(config.committee.len());
        Self { config, follower: None, journal, book: Book::default(), spoiled_at }
    }

    /// The process starts from the disk.
    pub fn start(&mut self) {
        let empty = self.journal.executed().seq == SeqNum::default();
        self.follower = Some(if empty {
            Follower::new(self.config.clone())
        } else {
            Follower::recover(self.config.clone(), self.journal.recovered())
        });
    }

    /// The process is killed.
    pub fn kill(&mut self) {
        self.follower = None;
    }

    /// The core, while the process runs.
    pub fn follower(&self) -> Option<&Follower> {
        self.follower.as_ref()
    }

    /// The highest slot on the disk.
    pub fn executed(&self) -> SeqNum {
        self.journal.executed().seq
    }

    /// Another follower claims to have something.
    pub fn take_claims(&mut self, from: ReplicaId, claims: Claims) {
        self.follower.iter_mut().for_each(|follower| follower.take_claims(from, claims));
    }

    /// Another follower has left.
    pub fn forget(&mut self, other: ReplicaId) {
        self.follower.iter_mut().for_each(|follower| follower.forget(other));
    }

    /// Answer from the disk.
    pub fn supplied(&self, wanted: &Wanted) -> Vec<Message> {
        self.journal.supply(wanted)
    }

    /// When it wants to wake.
    pub fn next_wakeup(&self) -> Option<Ticks> {
        self.follower.as_ref()?.next_wakeup()
    }

    /// Hands in an input at a time; none, when the machine only wakes.
    pub fn input(&mut self, now: Now, input: Option<Input>) -> Vec<FollowerNews> {
        let mut news = Vec::new();
        self.step(Input::Tick(now), &mut news);
        if let Some(input) = input {
            self.step(input, &mut news);
        }
        news
    }

    fn step(&mut self, input: Input, news: &mut Vec<FollowerNews>) {
        let Some(follower) = &mut self.follower else { return };
        let mut effects = Effects::new();
        follower.step(input, &mut effects);
        for effect in effects.take() {
            self.work_off(effect, news);
        }
    }

    fn work_off(&mut self, effect: Effect, news: &mut Vec<FollowerNews>) {
        match effect {
            Effect::Persist(record) => {
                if !may_keep(&record) {
                    news.push(FollowerNews::Forbidden(format!("keeps {record:?}")));
                }
                self.journal.record(&record);
            }
            Effect::Send { to, message } => news.push(match &*message {
                Message::Ask(question) => FollowerNews::Asks(to, question.wanted.clone()),
                other => FollowerNews::Forbidden(format!("sends {other:?} to {to}")),
            }),
            Effect::Execute(decided) => self.execute(decided, news),
            Effect::Broken(broken) => news.push(FollowerNews::Broke(broken)),
            Effect::Refused(_) | Effect::EpochOver { .. } => (),
            Effect::Broadcast(_) | Effect::Supply { .. } | Effect::ReadReady { .. } | Effect::Accuse(_) => {
                news.push(FollowerNews::Forbidden(format!("wants {effect:?}")));
            }
        }
    }

    fn execute(&mut self, decided: Arc<Decided>, news: &mut Vec<FollowerNews>) {
        let context = VerifyContext {
            committee: &self.config.committee,
            verify: &*self.config.verify,
            payload: &ItemCheck,
            constants: &self.config.constants,
        };
        let mut executed = self.book.execute(&decided, &context);
        if self.spoiled_at.is_some_and(|at| at <= decided.seq) {
            executed.state_root = spoiled(&executed.state_root);
        }
        self.journal.execute(&decided, &executed);
        news.push(FollowerNews::Executed(decided, executed.clone()));
        self.step(Input::Executed(executed), news);
    }
}

/// Root that no correct execution has.
fn spoiled(root: &Digest) -> Digest {
    hash_parts("quorate/tests/spoiled", &[&root.0])
}

/// Records of a follower: what others decided, made or certified, and why it stopped.
fn may_keep(record: &Record) -> bool {
    match record {
        Record::Committed { .. }
        | Record::Bundle(_)
        | Record::Stable(_)
        | Record::Broken(_)
        | Record::Conflicting(_) => true,
        Record::Statement(_)
        | Record::View { .. }
        | Record::LaneCert(_)
        | Record::Accepted { .. }
        | Record::Prepared(_)
        | Record::Evidence(_)
        | Record::ViewChange { .. }
        | Record::NewView { .. }
        | Record::NamedNewView { .. } => false,
    }
}
