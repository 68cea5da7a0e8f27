//! A group of engines over simulated disks. The network is a queue, the clock a number.

use quorate_ledger::keys::Purpose;
use quorate_ledger::{
    Base, Body, Change, DomainRules, Enrolment, Envelope, EnvelopeCheck, EnvelopeId, FORMAT, Genesis, GenesisFile,
    Ledger, Limits, Mode, Op, Read, Receipt, Revision, Table,
};
use quorate_net::Channel;
use quorate_pbft::{
    Admitted, Constants, Digest, Ed25519, Ed25519Signer, Message, Now, PublicKey, Question, ReplicaId, SeqNum, Signer,
    Ticks, Time,
};
use quorate_service::engine::{
    Candidate, Committees, Engine, EngineError, History, Notice, Outgoing, Place, Request, Round, Setup,
};
use quorate_service::pool::{Checker, Dropped};
use quorate_storage::faulty::{Disk, Loss};
use quorate_storage::{Db, Fold, SupplyLimits};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::{Arc, RwLock};

/// Rounds after which something must have happened: half a minute of the simulated clock.
pub const ROUNDS_MAX: usize = 6_000;
/// Milliseconds between two rounds.
pub const STEP_MS: u64 = 5;

/// Milliseconds between two shows of the ends of epochs.
const ENDS_EVERY_MS: u64 = 500;

/// A replica and the disk that outlives it.
pub struct Site {
    pub disk: Disk,
    pub engine: Option<Engine>,
    pub inbox: Vec<(PublicKey, Vec<u8>)>,
    /// Checks by the lists that count at this replica.
    pub checker: Checker,
    pub notices: Vec<Notice>,
    /// Bytes of no use that each member sent it.
    pub useless: BTreeMap<PublicKey, u64>,
}

pub struct Group {
    pub genesis: Arc<Genesis>,
    pub sites: Vec<Site>,
    pub now: Now,
    pub starts: u64,
    pub history: History,
    /// Sites that hear nobody, and that nobody hears.
    pub cut_off: BTreeSet<usize>,
    /// Sites that nobody hears.
    pub mute: BTreeSet<usize>,
    /// A site, and what it has sent since it is watched.
    pub watched: Option<usize>,
    pub said: Vec<Arc<Message>>,
    /// Milliseconds by which the wall clocks of some sites are ahead.
    pub ahead: BTreeMap<usize, u64>,
}

pub fn member(number: u16) -> Ed25519Signer {
    Ed25519Signer::from_seed(&[100 + number as u8; 32])
}

pub fn author() -> Ed25519Signer {
    Ed25519Signer::from_seed(&[1; 32])
}

pub fn enrol(purpose: Purpose, key: &Ed25519Signer) -> Enrolment {
    Enrolment::prove(purpose, "org", key)
}

pub fn genesis(replicas: u16, constants: Constants, limits: Limits) -> Genesis {
    Genesis::build(founding(replicas, constants, limits)).expect("a good genesis")
}

/// Genesis file that the founders of a group agree on.
pub fn founding(replicas: u16, constants: Constants, limits: Limits) -> GenesisFile {
    GenesisFile {
        format: FORMAT.into(),
        name: "simulated".into(),
        rules: None,
        restarted_from: None,
        organisations: vec!["org".into()],
        members: (0..replicas).map(|number| enrol(Purpose::Member, &member(number))).collect(),
        authors: vec![enrol(Purpose::Author, &author())],
        domains: vec![DomainRules::open("main")],
        constants,
        limits,
    }
}

/// A change that writes a file.
fn writing(path: &str, base: Revision, content: &[u8]) -> Change {
    let op = Op::Put { path: path.into(), mode: Mode::File, content: Digest(Sha256::digest(content).into()) };
    Change::new(Base::Revision(base), vec![op], "", 0)
}

impl Group {
    pub fn new(replicas: u16) -> Self {
        Self::with(replicas, Constants::default())
    }

    pub fn with(replicas: u16, constants: Constants) -> Self {
        Self::keeping(History::All, replicas, constants)
    }

    pub fn keeping(history: History, replicas: u16, constants: Constants) -> Self {
        Self::limited(history, replicas, constants, Limits::default())
    }

    pub fn limited(history: History, replicas: u16, constants: Constants, limits: Limits) -> Self {
        Self::of(genesis(replicas, constants, limits), history)
    }

    /// The group of a genesis.
    pub fn of(genesis: Genesis, history: History) -> Self {
        let genesis = Arc::new(genesis);
        let now = Now { ticks: Ticks::new(0), wall: Time::new(1_700_000_000_000) };
        let (cut_off, mute, watched, said, ahead) = Default::default();
        let mut group = Self { genesis, sites: vec![], now, starts: 0, history, cut_off, mute, watched, said, ahead };
        for _ in 0..group.genesis.founders().len() {
            group.sit_down();
        }
        group
    }

    /// A replica more, with the state of the genesis and a key of its own. It follows until a list names it.
    pub fn sit_down(&mut self) -> usize {
        let checker = Checker {
            committees: RwLock::new(Committees::of(Arc::new(self.genesis.founders().clone()))),
            constants: self.genesis.constants().clone(),
            verify: Arc::new(Ed25519),
            payload: Arc::new(EnvelopeCheck::new(&self.genesis)),
            certified: Arc::default(),
        };
        self.sites.push(Site {
            disk: Disk::new(),
            engine: None,
            inbox: vec![],
            notices: vec![],
            useless: BTreeMap::new(),
            checker,
        });
        let site = self.sites.len() - 1;
        self.found(site);
        self.start(site);
        site
    }

    pub fn found(&self, site: usize) {
        let db = Db::on(&self.sites[site].disk).expect("an empty disk");
        let mut batch = db.begin().expect("a batch");
        Ledger::create(&mut batch, &self.genesis).expect("a ledger");
        batch.commit().and_then(|()| db.fold()).expect("a commit");
    }

    pub fn start(&mut self, site: usize) {
        self.sites[site].engine = Some(self.opened(site).expect("what the disk holds"));
    }

    pub fn opened(&mut self, site: usize) -> Result<Engine, EngineError> {
        self.starts += 1;
        let setup = Setup {
            genesis: self.genesis.clone(),
            signer: Arc::new(member(site as u16)),
            verify: Arc::new(Ed25519),
            incarnation: self.starts,
            die: self.starts,
            history: self.history,
        };
        Engine::open(setup, Db::on(&self.sites[site].disk).expect("the disk"))
    }

    /// A door for observers shows the ends of epochs to who is behind.
    fn show_ends(&mut self, site: usize) {
        let committees = self.sites[site].checker.committees();
        let known = |other: &usize| committees.current().replica_of(&key_of(*other)).is_some();
        let others = self.sites.iter().enumerate().filter(|(other, _)| *other != site && known(other));
        let engines = others.filter_map(|(other, seat)| Some((other, seat.engine.as_ref()?)));
        let shown = engines.max_by_key(|(_, engine)| engine.committees().current().epoch());
        let Some((by, engine)) = shown else { return };
        let ends = engine.published().moment.ends(committees.current().epoch()).expect("the disk");
        let frames = ends.iter().map(|message| (key_of(by), borsh::to_vec(message).expect("into memory")));
        let frames: Vec<_> = frames.collect();
        self.sites[site].inbox.extend(frames);
    }

    /// Starts an observer on the disk of a seat whose replica does not run.
    pub fn observe(&mut self, site: usize) {
        let db = Db::on(&self.sites[site].disk).expect("the disk");
        let engine = Engine::observe(self.genesis.clone(), Arc::new(Ed25519), db);
        self.sites[site].engine = Some(engine.expect("what the disk holds"));
    }

    pub fn crash(&mut self, site: usize, loss: Loss) {
        self.sites[site].disk.crash(loss);
        self.sites[site].engine = None;
        self.sites[site].inbox.clear();
    }

    pub fn round(&mut self, site: usize, requests: Vec<Request>) -> Option<Round> {
        let engine = self.sites[site].engine.as_mut()?;
        let wall = Time::new(self.now.wall.get() + self.ahead.get(&site).copied().unwrap_or_default());
        let mut round = engine.round(Now { wall, ..self.now }, requests).ok()?;
        round.fold.take().map_or(Ok(()), Fold::run).ok()?;
        Some(round)
    }

    /// Every engine takes what came; then time passes.
    pub fn turn(&mut self) {
        for site in 0..self.sites.len() {
            let frames = std::mem::take(&mut self.sites[site].inbox);
            let checker = &self.sites[site].checker;
            let checked = frames.iter().map(|(from, frame)| checker.check(*from, Channel::Bulk, frame));
            let messages = checked.filter(|checked| !is_late(checked)).map(|checked| checked.expect("honest messages"));
            let requests = messages.map(|message| Request::Message(Box::new(message))).collect();
            if let Some(round) = self.round(site, requests) {
                self.let_out(site, round);
            }
        }
        if self.now.ticks.get().is_multiple_of(ENDS_EVERY_MS) {
            let follows = |site: &usize| self.sites[*site].engine.as_ref().is_some_and(|e| e.number().is_none());
            let followers: Vec<usize> = (0..self.sites.len()).filter(follows).collect();
            followers.into_iter().for_each(|site| self.show_ends(site));
        }
        self.now.ticks = self.now.ticks.after(STEP_MS);
        self.now.wall = Time::new(self.now.wall.get() + STEP_MS);
    }

    pub fn let_out(&mut self, from: usize, round: Round) {
        let committees = self.sites[from].engine.as_ref().map(Engine::committees);
        committees.into_iter().for_each(|committees| self.sites[from].checker.set_committees(committees));
        for Outgoing { committee, to, message } in round.outbox {
            if self.watched == Some(from) {
                self.said.push(message.clone());
            }
            let key = |number: ReplicaId| *committee.key(number).expect("a member");
            if let (Message::Ask(question), None) = (&*message, committee.replica_of(&key_of(from))) {
                self.ask(from, to.map(key), question);
                continue;
            }
            // Followers hear statuses and ends of epochs, as at a door for observers.
            let is_news = matches!(*message, Message::Status { .. } | Message::StableCheckpoint(_));
            let bytes = borsh::to_vec(&*message).expect("writing into memory cannot fail");
            for site in (0..self.sites.len()).filter(|site| *site != from) {
                let is_member = committee.replica_of(&key_of(site)).is_some();
                let is_cut = [site, from].iter().any(|end| self.cut_off.contains(end)) || self.mute.contains(&from);
                let hears = !is_cut && to.map_or(is_member || is_news, |to| key(to) == key_of(site));
                if hears {
                    self.sites[site].inbox.push((key_of(from), bytes.clone()));
                }
            }
        }
        self.sites[from].notices.extend(round.notices);
        for (key, bytes) in round.useless {
            *self.sites[from].useless.entry(key).or_default() += bytes;
        }
    }

    /// A member answers a follower from its disk.
    fn ask(&mut self, site: usize, of: Option<PublicKey>, question: &Question) {
        let Some(key) = of else { return };
        let asked = (0..self.sites.len()).find(|site| key_of(*site) == key).expect("a replica of this group");
        let Some(engine) = &self.sites[asked].engine else { return };
        let moment = engine.published().moment;
        let answer = moment.snapshot.supply(question, SupplyLimits::default()).expect("the disk");
        let bytes = answer.iter().map(|message| (key, borsh::to_vec(message).expect("into memory")));
        let bytes: Vec<_> = bytes.collect();
        self.sites[site].inbox.extend(bytes);
    }

    /// Lets rounds pass until every member may sign.
    pub fn until_all_may_sign(&mut self) {
        self.until("all may sign", |group| {
            group
                .sites
                .iter()
                .flat_map(|site| &site.engine)
                .all(|e| !e.core().member().expect("a member").is_recovering())
        });
    }

    pub fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        for _ in 0..ROUNDS_MAX {
            if is_so(self) {
                return;
            }
            self.turn();
        }
        panic!("not within {ROUNDS_MAX} rounds: {what}");
    }

    pub fn envelope(&self, seq: u64, path: &str) -> Candidate {
        self.putting(seq, path, path, Revision::GENESIS)
    }

    /// An envelope that writes a text at a path.
    pub fn putting(&self, seq: u64, path: &str, text: &str, base: Revision) -> Candidate {
        self.signed(&author(), (seq, base), path, text.as_bytes().to_vec())
    }

    pub fn signed(
        &self,
        author: &Ed25519Signer,
        (seq, base): (u64, Revision),
        path: &str,
        content: Vec<u8>,
    ) -> Candidate {
        self.sealed(author, seq, vec![writing(path, base, &content)], vec![content])
    }

    /// An envelope in a domain, on a base that is not executed yet.
    pub fn early(&self, domain: &str) -> Candidate {
        let content = b"early".to_vec();
        let change = writing("early", Revision::slot(SeqNum::new(99_999)), &content);
        self.sealed_in(domain, &author(), 1, vec![change], vec![content])
    }

    /// An envelope under two numbers, which writes one file twice.
    pub fn pair(&self, from_seq: u64) -> Candidate {
        let content = b"twice".to_vec();
        let change = writing("twice", Revision::GENESIS, &content);
        self.sealed(&author(), from_seq, vec![change.clone(), change], vec![content])
    }

    /// An envelope with some changes, from a number on.
    pub fn sealed(
        &self,
        author: &Ed25519Signer,
        from_seq: u64,
        changes: Vec<Change>,
        contents: Vec<Vec<u8>>,
    ) -> Candidate {
        self.sealed_in("main", author, from_seq, changes, contents)
    }

    fn sealed_in(
        &self,
        domain: &str,
        author: &Ed25519Signer,
        from_seq: u64,
        changes: Vec<Change>,
        contents: Vec<Vec<u8>>,
    ) -> Candidate {
        let body = Body {
            author: author.public_key(),
            domain: domain.into(),
            from_seq,
            to_seq: from_seq + changes.len() as u64 - 1,
            attempt: 1,
            changes,
            carried: vec![],
        };
        let envelope = Envelope::sign(&self.genesis.group(), body, contents, author);
        Candidate::new(envelope.id(&self.genesis.group()), &envelope, "org".into(), envelope.encode())
    }

    pub fn submit(&mut self, site: usize, envelope: &Candidate) {
        let request = Request::Submit { caller: 7, envelope: envelope.clone(), queues: false };
        let round = self.round(site, vec![request]).expect("a round");
        self.let_out(site, round);
    }

    /// Offers an envelope at level `eventual`.
    pub fn queue(&mut self, site: usize, envelope: &Candidate) {
        let request = Request::Submit { caller: 7, envelope: envelope.clone(), queues: true };
        let round = self.round(site, vec![request]).expect("a round");
        self.let_out(site, round);
    }

    pub fn run_short_of_room(&self, is_short: bool) {
        self.sites.iter().flat_map(|site| &site.engine).for_each(|engine| engine.room().note_short(is_short));
    }

    /// Those of some contents that are on a disk, and those whose digests stand anywhere in its rows.
    pub fn kept_and_named(&self, site: usize, contents: &BTreeSet<Digest>) -> (BTreeSet<Digest>, BTreeSet<Digest>) {
        let moment = self.sites[site].engine.as_ref().expect("it runs").published().moment;
        let mut named = BTreeSet::new();
        for table in [Table::Entries, Table::Past] {
            let scanned = moment.snapshot.scan(table, &[], &[0xff; 64], &mut |_, value| {
                named.extend(value.windows(32).map(|bytes| Digest(bytes.try_into().expect("32 bytes"))));
                ControlFlow::Continue(())
            });
            scanned.expect("the disk");
        }
        let has = |content: &&Digest| moment.view().content(content).expect("the disk").is_some();
        (contents.iter().filter(has).copied().collect(), contents.intersection(&named).copied().collect())
    }

    pub fn place(&self, site: usize, id: &EnvelopeId) -> Option<Place> {
        let mempool = self.sites[site].engine.as_ref().expect("it runs").shared_mempool();
        mempool.lock().expect("one thread").place(id)
    }

    /// A group of which only replica 0 is left, which has noticed.
    pub fn left_alone() -> Self {
        let mut group = Self::new(4);
        let voters = |group: &Self| group.sites.iter().flat_map(|site| &site.engine).all(|e| e.core().can_order());
        group.until("all hear each other", voters);
        group.leave_alone();
        group
    }

    /// Replica 0 is left alone, and notices.
    pub fn leave_alone(&mut self) {
        (1..4).for_each(|site| self.crash(site, Loss::All));
        self.until("it hears nobody", |group| !group.sites[0].engine.iter().any(|e| e.core().can_order()));
        self.turn();
    }

    pub fn receipt(&self, site: usize, id: &EnvelopeId) -> Option<Receipt> {
        let moment = self.sites[site].engine.as_ref()?.published().moment;
        moment.ledger.receipt(&moment.snapshot, id).expect("a disk that reads")
    }

    pub fn executed(&self, site: usize) -> SeqNum {
        self.sites[site].engine.as_ref().map_or(SeqNum::default(), |engine| engine.ledger().executed().seq)
    }

    pub fn roots_agree(&self) -> bool {
        let points = self.sites.iter().filter_map(|site| site.engine.as_ref()).map(|e| e.ledger().executed().clone());
        let points: Vec<_> = points.collect();
        points.iter().all(|point| *point == points[0])
    }
}

/// The key of the replica at a site.
pub fn key_of(site: usize) -> PublicKey {
    member(site as u16).public_key()
}

/// Whether a message comes from before or after the epochs that count here: a door drops it.
fn is_late(checked: &Result<Admitted, Dropped>) -> bool {
    matches!(checked, Err(Dropped::OtherEpoch(_) | Dropped::Stranger(_)))
}
