//! The core alone over a journal in memory: each effect is a step of its own, and a crash may fall between any two.
//!
//! Replicas with an odd number work in rounds, as the engine does: all that comes before a commit is taken in, and then
//! counted once. The others count after each input. Who is in no member list follows; who was in an earlier one is its elder.

use super::{Book, Machine, News, Outgoing, Progress};
use crate::clients::{EnvelopeName, ItemCheck};
use crate::dice::Dice;
use crate::keys::Keys;
use crate::plan::Plan;
use quorate_pbft::{
    Committee, Constants, Decided, Effect, Effects, Elder, Epoch, EvidenceKey, Executed, Follower, FollowerConfig,
    Input, Journal, Kind, Message, Now, PublicKey, Question, ReaderId, Record, Replica, ReplicaConfig, ReplicaId,
    SeqNum, Signer, Ticks, Verify, VerifyContext, Wanted,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An effect that waits for the disk.
enum Waiting {
    Write(Box<Record>),
    Execute(Arc<Decided>, Executed),
    Leave(Outgoing),
    Supply(ReplicaId, Question),
    Answer(ReaderId, SeqNum),
}

/// The part that a replica has in the epoch at work.
enum Part {
    Member(Box<Replica>),
    Follower(Box<Follower>),
}

/// A replica, its journal and its book.
pub struct CoreMachine {
    me: ReplicaId,
    signer: Arc<dyn Signer>,
    verify: Arc<dyn Verify>,
    constants: Constants,
    people: Vec<PublicKey>,
    founders: Arc<Committee>,
    incarnation: u64,
    /// The members of the epoch at work.
    committee: Arc<Committee>,
    part: Option<Part>,
    elders: BTreeMap<Epoch, Elder>,
    journal: Journal,
    book: Book,
    waiting: Vec<Waiting>,
    told: Option<Now>,
    /// The next members, once the epoch is over.
    over: Option<Arc<Committee>>,
    /// Inputs were taken in and not counted yet.
    in_round: bool,
}

impl CoreMachine {
    /// A replica of a new group, or one that waits to join it.
    pub fn new(me: ReplicaId, plan: &Plan, keys: &Keys) -> Self {
        Self::twin(me, u64::from(me.get()) + 1, plan, keys)
    }

    /// The same, of whom there may be another one with the same key: their incarnations differ.
    pub fn twin(me: ReplicaId, incarnation: u64, plan: &Plan, keys: &Keys) -> Self {
        let people: Vec<PublicKey> = keys.signers.iter().map(|signer| signer.public_key()).collect();
        let lists = plan.lists.iter().map(|list| list.iter().map(|place| people[place.index()]).collect()).collect();
        let founders = Arc::new(keys.committee.clone());
        let mut machine = Self {
            me,
            signer: keys.signers[me.index()].clone(),
            verify: keys.verify.clone(),
            constants: plan.constants.clone(),
            people,
            incarnation,
            committee: founders.clone(),
            part: None,
            elders: BTreeMap::new(),
            journal: Journal::new(founders.len()),
            book: Book::with_lists(lists),
            waiting: Vec::new(),
            told: None,
            over: None,
            in_round: false,
            founders,
        };
        machine.part = Some(match machine.config(&machine.committee) {
            Some(config) => Part::Member(Box::new(Replica::new(ReplicaConfig { die: 0, ..config }))),
            None => Part::Follower(Box::new(Follower::new(machine.follower_config(&machine.committee)))),
        });
        machine
    }

    /// The configuration of a member of this committee, if this replica is one.
    fn config(&self, committee: &Committee) -> Option<ReplicaConfig> {
        Some(ReplicaConfig {
            me: committee.replica_of(&self.signer.public_key())?,
            committee: committee.clone(),
            constants: self.constants.clone(),
            signer: self.signer.clone(),
            verify: self.verify.clone(),
            incarnation: self.incarnation,
            die: self.incarnation,
            program: quorate_pbft::Program::default(),
        })
    }

    fn follower_config(&self, committee: &Committee) -> FollowerConfig {
        FollowerConfig { committee: committee.clone(), constants: self.constants.clone(), verify: self.verify.clone() }
    }

    fn works_in_rounds(&self) -> bool {
        self.me.index() % 2 == 1
    }

    /// The replica that has a number in an epoch.
    fn seat(&self, committee: &Committee, number: ReplicaId) -> ReplicaId {
        let key = committee.key(number).expect("replicas name members of their epoch");
        let at = self.people.iter().position(|known| known == key).expect("everybody sits at the table");
        ReplicaId::new(at as u16)
    }

    fn take_in(&mut self, input: Input, news: &mut Vec<News>) {
        let mut effects = Effects::new();
        match &mut self.part {
            None => return,
            Some(Part::Member(replica)) => replica.take_in(input, &mut effects),
            Some(Part::Follower(follower)) => follower.take_in(input, &mut effects),
        }
        self.in_round = true;
        let executed = self.work_off_all(&mut effects, news);
        assert!(executed.is_empty(), "the core hands out slots when it advances");
        if !self.works_in_rounds() {
            self.advance(news);
        }
    }

    fn advance(&mut self, news: &mut Vec<News>) {
        let mut effects = Effects::new();
        while self.in_round {
            match &mut self.part {
                None => return,
                Some(Part::Member(replica)) => replica.advance(&mut effects),
                Some(Part::Follower(follower)) => follower.advance(&mut effects),
            }
            let executed = self.work_off_all(&mut effects, news);
            self.in_round = !executed.is_empty();
            for outcome in executed {
                match &mut self.part {
                    None => return,
                    Some(Part::Member(replica)) => replica.take_in(Input::Executed(outcome), &mut effects),
                    Some(Part::Follower(follower)) => follower.take_in(Input::Executed(outcome), &mut effects),
                }
            }
            self.cross();
        }
    }

    /// Goes into the next epoch, once this one is over.
    fn cross(&mut self) {
        let Some(next) = self.over.take() else { return };
        let handover = match self.part.take() {
            Some(Part::Member(replica)) => replica.hand_over(),
            Some(Part::Follower(follower)) => follower.hand_over(),
            None => return,
        };
        let mut effects = Effects::new();
        self.part = Some(match self.config(&next) {
            Some(config) => Part::Member(Box::new(Replica::enter(config, handover, &mut effects))),
            None => Part::Follower(Box::new(Follower::enter(self.follower_config(&next), handover, &mut effects))),
        });
        self.committee = next;
        self.in_round = true;
        let executed = self.work_off_all(&mut effects, &mut Vec::new());
        assert!(executed.is_empty(), "an epoch begins without a slot");
    }

    fn work_off_all(&mut self, effects: &mut Effects, news: &mut Vec<News>) -> Vec<Executed> {
        let committee = self.committee.clone();
        effects.take().into_iter().filter_map(|effect| self.work_off(effect, &committee, news)).collect()
    }

    fn leave(&mut self, committee: &Arc<Committee>, to: Option<ReplicaId>, message: Arc<Message>) {
        let to = to.map(|to| self.seat(committee, to));
        self.waiting.push(Waiting::Leave(Outgoing { committee: committee.clone(), to, message }));
    }

    /// The outcome, if the effect was to execute.
    fn work_off(&mut self, effect: Effect, committee: &Arc<Committee>, news: &mut Vec<News>) -> Option<Executed> {
        match effect {
            Effect::Persist(record) => {
                if let Record::Committed { certificate, .. } = &record {
                    news.push(News::Decided { fast: certificate.kind() == Kind::Prepare });
                }
                self.waiting.push(Waiting::Write(Box::new(record)));
            }
            Effect::Send { to, message } => self.leave(committee, Some(to), message),
            Effect::Broadcast(message) => self.leave(committee, None, message),
            Effect::Execute(decided) => {
                let context = VerifyContext {
                    committee: &self.founders,
                    verify: &*self.verify,
                    payload: &ItemCheck,
                    constants: &self.constants,
                };
                let executed = self.book.execute(&decided, &context);
                self.waiting.push(Waiting::Execute(decided, executed.clone()));
                return Some(executed);
            }
            Effect::Supply { to, question } => {
                self.waiting.push(Waiting::Supply(self.seat(committee, to), question));
            }
            Effect::ReadReady { readers, seq, .. } => {
                self.waiting.extend(readers.into_iter().map(|reader| Waiting::Answer(reader, seq)));
            }
            Effect::EpochOver { certificate, next } => {
                if let Some(config) = self.config(committee) {
                    let elder = Elder::new(config, certificate.claim().clone(), SeqNum::new(1));
                    self.elders.insert(committee.epoch(), elder);
                }
                self.over = Some(next);
                self.in_round = true;
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
                Waiting::Supply(to, question) => {
                    let answer = self.supplied_in(question.epoch, &question.wanted);
                    let Some(committee) = self.committee(question.epoch) else { continue };
                    let answer = answer.into_iter().map(Arc::new);
                    leaving.extend(answer.map(|message| Outgoing {
                        committee: committee.clone(),
                        to: Some(to),
                        message,
                    }));
                }
                Waiting::Answer(reader, seq) => news.push(News::ReadAnswered(reader, seq)),
            }
        }
        leaving
    }

    /// The epoch of the elder that speaks of itself: a member's until a checkpoint of its new epoch is stable (M2), for then
    /// its statuses tell; a leaver's newest one for as long as it runs.
    fn teller(&self) -> Option<Epoch> {
        let progress = self.progress()?;
        let speaks = !progress.is_member || progress.stable == self.committee.base();
        self.elders.keys().next_back().copied().filter(|_| speaks)
    }

    fn tell_of_the_end(&mut self, now: Now, news: &mut Vec<News>) {
        let Some(epoch) = self.teller() else { return };
        let (committee, mut effects) = (self.committee(epoch).expect("it was a member's"), Effects::new());
        self.elders.get_mut(&epoch).into_iter().for_each(|elder| elder.tell(now.ticks, &mut effects));
        effects.take().into_iter().for_each(|effect| drop(self.work_off(effect, &committee, news)));
    }

    /// A message of an epoch that is over here: its elder answers, if this replica was a member.
    fn hear_laggard(&mut self, now: Now, input: &Input, news: &mut Vec<News>) -> bool {
        let Input::Message(verified) = input else { return false };
        let Some(elder) = self.elders.get_mut(&verified.epoch()).filter(|_| verified.epoch() < self.committee.epoch())
        else {
            return false;
        };
        let mut effects = Effects::new();
        elder.take_in(now.ticks, verified.clone(), &mut effects);
        let committee = self.committee(verified.epoch()).expect("it was a member's");
        effects.take().into_iter().for_each(|effect| drop(self.work_off(effect, &committee, news)));
        true
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
            self.tell_of_the_end(now, news);
        }
        if let Some(input) = input
            && !self.hear_laggard(now, &input, news)
        {
            self.take_in(input, news);
        }
    }

    fn is_in_round(&self) -> bool {
        self.in_round
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
        (self.part, self.told, self.over, self.in_round) = (None, None, None, false);
        self.elders.clear();
        self.book.forget_above(self.journal.executed().seq);
        leaving
    }

    fn start(&mut self, incarnation: u64) -> SeqNum {
        assert!(self.part.is_none(), "the process runs");
        self.incarnation = incarnation;
        self.committee = self.committee(self.journal.epoch()).expect("a slot on the disk named them");
        let recovered = self.journal.recovered();
        self.part = Some(match self.config(&self.committee) {
            Some(config) => Part::Member(Box::new(Replica::recover(config, recovered))),
            None => {
                let config = self.follower_config(&self.committee);
                Part::Follower(Box::new(Follower::recover(config, recovered)))
            }
        });
        for journal in self.journal.epochs().skip(1) {
            let committee = self.committee(journal.epoch()).expect("a slot on the disk named them");
            let stable = journal.stable().expect("nobody leaves an epoch whose end is not certified");
            let next = self.committee(journal.epoch().next()).expect("a slot on the disk named them");
            assert_eq!(stable.seq, next.base(), "M1: epoch {} was left before its end was certified", journal.epoch());
            if let Some(config) = self.config(&committee) {
                self.elders.insert(journal.epoch(), Elder::new(config, stable.clone(), SeqNum::new(1)));
            }
        }
        self.journal.executed().seq
    }

    fn replica(&self) -> Option<&Replica> {
        match &self.part {
            Some(Part::Member(replica)) => Some(replica),
            _ => None,
        }
    }

    fn progress(&self) -> Option<Progress> {
        let (is_member, point, stable) = match self.part.as_ref()? {
            Part::Member(replica) => (true, replica.executed_point(), replica.stable()),
            Part::Follower(follower) => (false, follower.executed_point(), follower.stable()),
        };
        let stable = stable.map_or(self.committee.base(), |stable| stable.seq());
        Some(Progress { epoch: self.committee.epoch(), is_member, executed: point.seq, stable })
    }

    fn committee(&self, epoch: Epoch) -> Option<Arc<Committee>> {
        if epoch == self.founders.epoch() { Some(self.founders.clone()) } else { self.book.committee(epoch).cloned() }
    }

    fn farewell(&mut self, epoch: Epoch) -> Vec<Message> {
        self.elders.get_mut(&epoch).map(Elder::farewell).unwrap_or_default()
    }

    fn next_wakeup(&self) -> Option<Ticks> {
        let own = match self.part.as_ref()? {
            Part::Member(replica) => replica.next_wakeup(),
            Part::Follower(follower) => follower.next_wakeup(),
        };
        let told = || self.teller().and_then(|epoch| self.elders[&epoch].next_telling());
        own.into_iter().chain(told()).min()
    }

    fn envelopes(&self) -> &BTreeSet<EnvelopeName> {
        self.book.envelopes()
    }

    fn supplied(&self, wanted: &Wanted) -> Vec<Message> {
        self.journal.supply(wanted)
    }

    fn supplied_in(&self, epoch: Epoch, wanted: &Wanted) -> Vec<Message> {
        self.journal.of(epoch).map(|journal| journal.supply(wanted)).unwrap_or_default()
    }

    fn recorded(&self) -> &BTreeSet<EvidenceKey> {
        self.book.recorded()
    }
}
