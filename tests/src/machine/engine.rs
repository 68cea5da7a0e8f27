//! The node's own engine: core, ledger and redb, over a disk whose power is cut in the middle of a commit.

use super::{Machine, News, Outgoing, Progress};
use crate::clients::EnvelopeName;
use crate::dice::Dice;
use crate::keys::{Authors, Keys};
use quorate_ledger::{Admission, Code, Envelope, EnvelopeId, Found, Genesis, Ledger, Receipt};
use quorate_pbft::{
    Admitted, Committee, Digest, Epoch, EvidenceKey, Input, Item, Message, Now, PublicKey, Question, Replica,
    ReplicaId, SeqNum, Signer, Ticks, Time, Verify, Wanted,
};
use quorate_service::engine::{self, Candidate, Engine, History, Notice, Request, Round, Setup};
use quorate_storage::faulty::{Disk, Loss};
use quorate_storage::{Db, Fold, SupplyLimits};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Writes and syncs of one commit, about: where in it the power may go.
const COMMIT_OPERATIONS: u64 = 12;

/// A replica as the service runs it.
pub struct EngineMachine {
    genesis: Arc<Genesis>,
    signer: Arc<dyn Signer>,
    verify: Arc<dyn Verify>,
    authors: Authors,
    disk: Disk,
    engine: Option<Engine>,
    requests: Vec<Request>,
    is_due: bool,
    now: Now,
    /// Verdicts that this machine ever gave: what somebody outside may have been told.
    verdicts: BTreeMap<EnvelopeName, EnvelopeId>,
    envelopes: BTreeSet<EnvelopeName>,
    recorded: BTreeSet<EvidenceKey>,
    /// The newest stable checkpoint that the world was told of.
    stable: Option<SeqNum>,
}

impl EngineMachine {
    /// A replica of a new group, on a disk that `init` made.
    pub fn new(me: ReplicaId, keys: &Keys, genesis: Arc<Genesis>) -> Self {
        let disk = Disk::new();
        let db = Db::on(&disk).expect("an empty disk takes a database");
        let mut batch = db.begin().expect("a good disk");
        Ledger::create(&mut batch, &genesis).expect("a good disk");
        batch.commit().and_then(|()| db.fold()).expect("a good disk");
        drop(db);
        let mut machine = Self {
            genesis,
            signer: keys.signers[me.index()].clone(),
            verify: keys.verify.clone(),
            authors: keys.authors.clone(),
            disk,
            engine: None,
            requests: Vec::new(),
            is_due: false,
            now: Now::default(),
            verdicts: BTreeMap::new(),
            envelopes: BTreeSet::new(),
            recorded: BTreeSet::new(),
            stable: None,
        };
        machine.start(u64::from(me.get()) + 1);
        machine
    }

    fn candidate(&self, item: Item) -> Candidate {
        let envelope = Envelope::decode(&item.bytes, self.genesis.limits()).expect("clients sign good envelopes");
        let organisation = self.engine.as_ref().map_or_else(String::new, |engine| {
            let moment = engine.published().moment;
            moment.ledger.organisation(&moment.snapshot, &envelope.body.author).expect("a good disk")
        });
        Candidate::new(envelope.id(&self.genesis.group()), &envelope, organisation, item.bytes)
    }

    fn name_of(&self, receipt: &Receipt) -> Option<EnvelopeName> {
        self.authors.name(&receipt.author, receipt.from_seq, &receipt.id)
    }

    fn tell(&mut self, round: Round, news: &mut Vec<News>) -> Vec<Outgoing> {
        for notice in round.notices {
            match notice {
                Notice::Verdict(receipt) => {
                    let Some(name) = self.name_of(&receipt) else { continue };
                    self.verdicts.insert(name, receipt.id);
                    self.envelopes.insert(name);
                    news.push(News::Verdict(name, receipt.digest()));
                }
                Notice::ReadReady { readers, mark } => {
                    news.extend(readers.into_iter().map(|reader| News::ReadAnswered(reader, mark.seq)));
                }
                Notice::Refused(rejected) => news.push(News::Refused(rejected)),
                Notice::Accused(evidence) => news.push(News::Accused(evidence)),
                Notice::Broken(broken) => news.push(News::Broke(broken)),
                _ => (),
            }
        }
        if round.slots > 0 {
            self.read_evidence();
            let engine = self.engine.as_ref().expect("a round was run");
            let recorded = self.recorded.iter().copied().collect();
            news.push(News::Reached { point: engine.ledger().executed().clone(), slots: round.slots as u64, recorded });
        }
        let stable = self.engine.as_ref().and_then(|engine| engine.core().stable());
        if let Some(stable) = stable.filter(|stable| Some(stable.seq()) != self.stable) {
            self.stable = Some(stable.seq());
            news.push(News::Stored { certificate: stable.claim().clone(), decides: false });
        }
        let leave = |engine::Outgoing { committee, to, message }| Outgoing { committee, to, message };
        let out = round.outbox.into_iter().map(leave).collect();
        // The power may go while the state is folded, as at any time.
        let folded = round.fold.map_or(Ok(()), Fold::run);
        assert!(folded.is_ok() || self.disk.is_off(), "a good disk fails: {folded:?}");
        out
    }

    fn read_evidence(&mut self) {
        let Some(engine) = &self.engine else { return };
        let moment = engine.published().moment;
        let page = moment.view().evidence(None, 1_000).expect("a good disk");
        self.recorded = page.items.iter().map(|entry| entry.what).collect();
    }
}

impl Machine for EngineMachine {
    fn input(&mut self, now: Now, input: Option<Input>, _news: &mut Vec<News>) {
        self.now = now;
        self.is_due = true;
        match input {
            Some(Input::Message(message)) => {
                self.requests.push(Request::Message(Box::new(Admitted::Verified(message))));
            }
            Some(Input::Word(word)) => self.requests.push(Request::Message(Box::new(Admitted::Word(word)))),
            Some(Input::Submit(item)) => {
                let envelope = self.candidate(item);
                self.requests.push(Request::Submit { caller: 0, envelope, queues: false });
            }
            Some(Input::Read { reader, nonce }) => self.requests.push(Request::Read { reader, nonce }),
            Some(
                Input::Withdraw(_)
                | Input::Tick(_)
                | Input::Executed(_)
                | Input::Deadline(_)
                | Input::Oldest(_)
                | Input::Resign,
            )
            | None => (),
        }
    }

    fn is_busy(&self) -> bool {
        self.is_due
    }

    fn commit(&mut self, now: Now, news: &mut Vec<News>) -> Vec<Outgoing> {
        self.is_due = false;
        self.now = now;
        let requests = std::mem::take(&mut self.requests);
        let engine = self.engine.as_mut().expect("only a process that runs commits");
        let round = engine.round(now, requests).unwrap_or_else(|error| panic!("a good disk fails: {error}"));
        self.tell(round, news)
    }

    /// Between two commits nothing is lost; in the middle of one the disk keeps what it likes of what was not synced.
    fn kill(&mut self, dice: &mut Dice, news: &mut Vec<News>) -> Vec<Outgoing> {
        let mut leaving = Vec::new();
        if dice.chance(70) {
            self.disk.cut_power_after(dice.below(COMMIT_OPERATIONS));
            let requests = std::mem::take(&mut self.requests);
            let now = self.now;
            let round = self.engine.as_mut().map(|engine| engine.round(now, requests));
            if let Some(Ok(round)) = round {
                leaving = self.tell(round, news);
            }
        }
        self.disk.crash(match dice.below(3) {
            0 => Loss::All,
            1 => Loss::Nothing,
            _ => Loss::Some { seed: dice.roll() },
        });
        self.engine = None;
        self.requests.clear();
        self.is_due = false;
        leaving
    }

    fn start(&mut self, incarnation: u64) -> SeqNum {
        assert!(self.engine.is_none(), "the process runs");
        let db = Db::on(&self.disk).unwrap_or_else(|error| panic!("the disk is damaged: {error}"));
        let setup = Setup {
            genesis: self.genesis.clone(),
            signer: self.signer.clone(),
            verify: self.verify.clone(),
            incarnation,
            die: incarnation,
            history: History::All,
        };
        let engine = Engine::open(setup, db).unwrap_or_else(|error| panic!("the state is damaged: {error}"));
        let executed = engine.ledger().executed().seq;
        self.engine = Some(engine);
        self.envelopes = self.receipts().keys().copied().collect();
        self.read_evidence();
        executed
    }

    fn replica(&self) -> Option<&Replica> {
        self.engine.as_ref().and_then(|engine| engine.core().member())
    }

    fn progress(&self) -> Option<Progress> {
        let core = self.replica()?;
        let stable = core.stable().map(|stable| stable.seq()).unwrap_or_default();
        let point = core.executed_point();
        Some(Progress { epoch: point.epoch, is_member: true, executed: point.seq, stable })
    }

    fn committee(&self, epoch: Epoch) -> Option<Arc<Committee>> {
        Some(Arc::new(self.genesis.founders().clone())).filter(|founders| founders.epoch() == epoch)
    }

    fn next_wakeup(&self) -> Option<Ticks> {
        self.engine.as_ref()?.next_wakeup(self.now)
    }

    fn envelopes(&self) -> &BTreeSet<EnvelopeName> {
        &self.envelopes
    }

    fn recorded(&self) -> &BTreeSet<EvidenceKey> {
        &self.recorded
    }

    fn supplied(&self, wanted: &Wanted) -> Vec<Message> {
        let Some(engine) = &self.engine else { return Vec::new() };
        let moment = engine.published().moment;
        let question = Question { epoch: engine.ledger().executed().epoch, wanted: wanted.clone() };
        moment.snapshot.supply(&question, SupplyLimits::default()).expect("a good disk")
    }

    fn turns_away(&self, item: &Item, at: Time) -> Option<Code> {
        let moment = self.engine.as_ref()?.published().moment;
        let admitted = moment.ledger.admit(&moment.snapshot, &item.bytes).expect("a good disk");
        let too_fast = |admission: Admission| {
            moment.ledger.comes_too_fast(&moment.snapshot, &admission, item.bytes.len(), at).expect("a good disk")
        };
        match admitted {
            Ok(admission) => too_fast(admission).map(|_| Code::Rate),
            Err(refused) => Some(refused.refusal.code),
        }
    }

    fn standing(&self, author: &PublicKey) -> (u64, u64) {
        let Some(engine) = &self.engine else { return (1, 0) };
        let standing = engine.published().moment.view().author("main", author).expect("a good disk");
        (standing.next_seq, standing.attempt)
    }

    fn repeated(&self, author: &PublicKey) -> Vec<u64> {
        let Some(engine) = &self.engine else { return Vec::new() };
        engine.published().moment.view().author("main", author).expect("a good disk").repeated
    }

    fn verdict(&self, id: &EnvelopeId) -> Option<Receipt> {
        let moment = self.engine.as_ref()?.published().moment;
        moment.ledger.receipt(&moment.snapshot, id).expect("a good disk")
    }

    fn receipts(&self) -> BTreeMap<EnvelopeName, Digest> {
        self.verdicts.iter().filter_map(|(name, id)| Some((*name, self.verdict(id)?.digest()))).collect()
    }

    fn published(&self) -> Option<(SeqNum, SeqNum)> {
        let published = self.engine.as_ref()?.published();
        Some((published.moment.seq(), published.report.stable))
    }

    fn file(&self, path: &str) -> Option<Vec<u8>> {
        let moment = self.engine.as_ref()?.published().moment;
        let found = moment.view().file("main", path, None).expect("a good disk");
        let Found::File(file) = found else { return None };
        Some(moment.view().content(&file.hash).expect("a good disk").unwrap_or_default())
    }

    fn log(&self, domain: &str) -> Vec<EnvelopeName> {
        let Some(engine) = &self.engine else { return Vec::new() };
        let moment = engine.published().moment;
        let (mut names, mut from) = (Vec::new(), None);
        loop {
            let page = moment.view().log(domain, None, from, 100).expect("a good disk");
            let ids = page.items.iter().map(|entry| entry.id);
            let receipts = ids.filter_map(|id| engine.ledger().receipt(&moment.snapshot, &id).expect("a good disk"));
            names.extend(receipts.filter_map(|receipt| self.name_of(&receipt)));
            from = page.items.last().map(|entry| entry.revision);
            if page.next.is_none() {
                return names;
            }
        }
    }
}
