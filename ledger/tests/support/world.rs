//! A ledger on its own: slots are made up, as if a group had decided them.

use super::twin::{Twin, certified};
use super::{author, digest, genesis, genesis_with, keep_step};
use core::ops::ControlFlow;
use quorate_ledger::policy::DomainPolicy;
use quorate_ledger::{
    Act, Base, Body, Change, Dependency, Envelope, EnvelopeId, Genesis, Ledger, Limits, MemoryStore, Mode, Op,
    OpenError, Outcome, ProposalFate, ProposalId, Read, Receipt, Revision, Table,
};
use quorate_pbft::{
    Bundle, BundleHeader, Content, Decided, Digest, ExecutedPoint, Item, ItemKind, Kind, Position, ReplicaId, SeqNum,
    Signer, Statement, Time, Tip, View, hash_parts, items_root,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A store with a ledger over it, and authors who keep their numbers.
#[derive(Clone)]
pub struct World {
    pub genesis: Genesis,
    pub store: MemoryStore,
    pub ledger: Ledger,
    pub time: u64,
    lanes: BTreeMap<u16, Tip>,
    numbers: BTreeMap<(u8, String), u64>,
    attempts: u64,
    /// Ledger that is rebuilt from copies beside this one.
    twin: Option<Twin>,
}

/// Envelope to send: author, domain, changes, contents.
#[derive(Clone)]
pub struct Draft {
    pub body: Body,
    pub contents: Vec<Vec<u8>>,
    who: u8,
}

impl World {
    pub fn new() -> Self {
        Self::of(genesis(4))
    }

    pub fn with(limits: Limits) -> Self {
        Self::of(genesis_with(4, limits))
    }

    pub fn of(genesis: Genesis) -> Self {
        let mut store = MemoryStore::new();
        let ledger = Ledger::create(&mut store, &genesis).expect("an empty store");
        let (lanes, numbers) = (BTreeMap::new(), BTreeMap::new());
        let twin = Some(Twin::of(&ledger, &store));
        Self { genesis, store, ledger, time: 1_000_000, lanes, numbers, attempts: 0, twin }
    }

    /// The world that goes on from a copy of this one's state, under a genesis that names it.
    pub fn restarted(&self, genesis: Genesis) -> Result<Self, OpenError> {
        let mut store = certified(&self.ledger, &self.store).0;
        let ledger = Ledger::restart(&mut store, &genesis)?;
        let twin = Some(Twin::of(&ledger, &store));
        let (time, lanes, numbers, attempts) = (self.time, BTreeMap::new(), self.numbers.clone(), self.attempts);
        Ok(Self { genesis, store, ledger, time, lanes, numbers, attempts, twin })
    }

    /// The newest revision.
    pub fn now(&self) -> Base {
        Base::Revision(self.ledger.revision())
    }

    /// Draft with a change in `main` and the author's next number.
    pub fn draft(&mut self, who: u8, base: Base, ops: &[Edit]) -> Draft {
        self.draft_in("main", who, base, ops)
    }

    /// Draft with a change and the author's next number.
    pub fn draft_in(&mut self, domain: &str, who: u8, base: Base, ops: &[Edit]) -> Draft {
        let seq = self.numbers.entry((who, domain.into())).or_insert(1);
        self.attempts += 1; // one more than any before, whatever became of those
        let (ops, contents): (Vec<Op>, Vec<Option<Vec<u8>>>) = ops.iter().map(Edit::op).unzip();
        let body = Body {
            author: author(who).public_key(),
            domain: domain.into(),
            from_seq: *seq,
            to_seq: *seq,
            attempt: self.attempts,
            changes: vec![Change::new(base, ops, "a message", 0)],
            carried: vec![],
        };
        *seq += 1;
        Draft { body, contents: contents.into_iter().flatten().collect(), who }
    }

    /// Signs.
    pub fn sign(&self, draft: &Draft) -> Envelope {
        Envelope::sign(&self.genesis.group(), draft.body.clone(), draft.contents.clone(), &author(draft.who))
    }

    pub fn id(&self, draft: &Draft) -> EnvelopeId {
        self.sign(draft).id(&self.genesis.group())
    }

    /// Executes a slot with these envelopes on lane 0, in this order.
    pub fn slot(&mut self, drafts: &[&Draft]) -> Outcome {
        let items = drafts.iter().map(|draft| self.item(draft)).collect();
        self.slot_of(vec![(0, items)])
    }

    pub fn item(&self, draft: &Draft) -> Item {
        Item { kind: ItemKind::Envelope, bytes: self.sign(draft).encode() }
    }

    /// Executes a slot with one bundle for each lane named.
    pub fn slot_of(&mut self, lanes: Vec<(u16, Vec<Item>)>) -> Outcome {
        let decided = self.decided(lanes);
        self.executes(&decided)
    }

    /// Executes a slot here and in the ledger that is rebuilt from copies.
    pub fn executes(&mut self, decided: &Decided) -> Outcome {
        self.twin = self.twin.take().filter(|twin| twin.is_beside(&self.ledger));
        let outcome = self.ledger.execute(&mut self.store, decided).expect("memory does not fail");
        keep_step(&self.ledger, &mut self.store);
        self.twin.iter_mut().for_each(|twin| twin.follow(decided, &outcome));
        outcome
    }

    /// Executes a slot that a view change filled with null: ledger time stands still.
    pub fn null_slot(&mut self) -> Outcome {
        let point = self.point();
        let (epoch, seq, time, lane_hash) = (point.epoch, point.seq.next(), point.time, point.lane_hash);
        let decided = Decided { epoch, seq, content: Content::NULL, time, bundles: vec![], lane_hash };
        self.executes(&decided)
    }

    /// The point that the next slot follows: after the last slot of an epoch the next one begins, with lanes of its own.
    fn point(&mut self) -> ExecutedPoint {
        let point = self.ledger.executed();
        let entered = point.entered();
        self.lanes.retain(|_, _| entered.is_none());
        entered.unwrap_or_else(|| point.clone())
    }

    /// The next slot as a group would have decided it, two milliseconds after the one before.
    pub fn decided(&mut self, lanes: Vec<(u16, Vec<Item>)>) -> Decided {
        self.time += 2;
        let point = self.point();
        let (epoch, seq, mut lane_hash) = (point.epoch, point.seq.next(), point.lane_hash);
        let mut bundles = Vec::new();
        for (lane, items) in lanes.into_iter().filter(|(_, items)| !items.is_empty()) {
            let bundle = self.bundle(lane, items);
            lane_hash = hash_parts("test/lane-hash", &[&lane_hash.0, &bundle.header.digest().0]);
            bundles.push(Arc::new(bundle));
        }
        let cut = bundles.iter().map(|b| (b.header.lane, self.lanes[&b.header.lane.get()])).collect();
        let content = Content { cut, time: Some(Time::new(self.time)), mark: false };
        Decided { epoch, seq, content, time: Time::new(self.time), bundles, lane_hash }
    }

    fn bundle(&mut self, lane: u16, items: Vec<Item>) -> Bundle {
        let tip = self.lanes.get(&lane).copied().unwrap_or_default();
        let bytes = items.iter().map(|item| item.bytes.len() as u64).sum();
        let header = BundleHeader {
            lane: ReplicaId::new(lane),
            position: tip.position.next(),
            parent: tip.digest,
            items: items.len() as u32,
            bytes,
            items_root: items_root(&items),
            lane_bytes: bytes,
        };
        let statement = Statement {
            group: self.genesis.group(),
            epoch: self.ledger.executed().epoch,
            kind: Kind::Bundle,
            view: View::new(0),
            seq: SeqNum::new(header.position.get()),
            digest: header.digest(),
        };
        let statement = statement.sign(header.lane, &super::replica(lane as u8));
        self.lanes.insert(lane, Tip { position: header.position, digest: header.digest() });
        Bundle { header, statement, items }
    }

    /// Executes an author's change on the newest revision, in a slot of its own; it gets a verdict.
    pub fn does(&mut self, who: u8, ops: &[Edit]) -> Receipt {
        let draft = self.draft(who, self.now(), ops);
        self.verdict(&draft)
    }

    /// As [`World::does`], in another domain.
    pub fn does_in(&mut self, domain: &str, who: u8, ops: &[Edit]) -> Receipt {
        let draft = self.draft_in(domain, who, self.now(), ops);
        self.verdict(&draft)
    }

    /// As [`World::does`], based on an older revision.
    pub fn does_on(&mut self, base: Base, who: u8, ops: &[Edit]) -> Receipt {
        let draft = self.draft(who, base, ops);
        self.verdict(&draft)
    }

    /// A new policy of a domain: author 0 proposes it, authors 1 and 2 approve.
    pub fn decide(&mut self, domain: &str, policy: DomainPolicy) {
        let proposal = self.agrees(domain, Act::SetPolicy { policy });
        let entry = self.view().proposal(&proposal).expect("memory").expect("it was made");
        assert!(entry.proposal.end.is_some_and(|end| end.how == ProposalFate::Effective), "the policy was decided");
    }

    /// An act that author 0 proposes, and authors 1 and 2 approve.
    pub fn agrees(&mut self, domain: &str, act: Act) -> ProposalId {
        let receipt = self.does_in(domain, 0, &[Edit::Other(Op::Propose { act })]);
        let proposal = ProposalId::of(&receipt.id, 0);
        for who in [1, 2] {
            self.does_in(domain, who, &[Edit::Other(Op::Approve { proposal })]);
        }
        proposal
    }

    /// Executes empty slots up to the last one of the epoch.
    pub fn fill(&mut self) {
        while !self.ledger.executed().is_last() {
            self.slot(&[]);
        }
    }

    /// The verdict on an envelope in a slot of its own.
    pub fn verdict(&mut self, draft: &Draft) -> Receipt {
        let outcome = self.slot(&[draft]);
        assert_eq!(outcome.deferred, [], "it is the envelope's turn");
        let receipt = outcome.receipts.into_iter().next().expect("a verdict");
        if receipt.state == quorate_ledger::State::Refused {
            self.numbers.insert((draft.who, draft.body.domain.clone()), draft.body.from_seq);
        }
        receipt
    }

    /// An author's next number, where somebody else than this world has counted.
    pub fn renumber(&mut self, who: u8, domain: &str, next: u64) {
        self.numbers.insert((who, domain.into()), next);
    }

    /// A refusal used no number.
    pub fn give_back(&mut self, who: u8) {
        self.give_back_in("main", who);
    }

    /// As [`World::give_back`], in any domain.
    pub fn give_back_in(&mut self, domain: &str, who: u8) {
        let number = self.numbers.get_mut(&(who, domain.into())).expect("the author has sent something");
        *number -= 1;
    }

    /// Text that is served at a path of `main`.
    pub fn text(&self, path: &str) -> Option<String> {
        let file = self.view().file("main", path, None).expect("memory does not fail").found()?;
        let bytes = self.view().content(&file.hash).expect("memory does not fail").expect("a content");
        Some(String::from_utf8(bytes).expect("text"))
    }

    /// Keys of all rows of a table.
    pub fn rows(&self, table: Table) -> Vec<Vec<u8>> {
        let mut keys = Vec::new();
        let scanned = self.store.scan(table, &[], &[0xff; 4_200], &mut |key, _| {
            keys.push(key.to_vec());
            ControlFlow::Continue(())
        });
        scanned.expect("memory does not fail");
        keys
    }

    /// Keys of the rows of one kind in an index or the archive.
    pub fn rows_of(&self, table: Table, kind: u8) -> Vec<Vec<u8>> {
        self.rows(table).into_iter().filter(|key| key[0] == kind).collect()
    }

    /// Keys of the versions of paths: tree, path's key, revision.
    pub fn versions(&self) -> Vec<Vec<u8>> {
        self.rows(Table::Past).into_iter().filter(|key| key.len() == 48).collect()
    }

    pub fn view(&self) -> quorate_ledger::StateView<'_> {
        self.ledger.view(&self.store)
    }

    pub fn position(&self, lane: u16) -> Position {
        self.lanes.get(&lane).copied().unwrap_or_default().position
    }
}

/// An operation with its content.
#[derive(Debug, Clone)]
pub enum Edit {
    Put(String, Mode, Vec<u8>),
    Mode(String, Mode, Digest),
    Delete(String),
    Rename(String, String),
    /// Operation that is not about files.
    Other(Op),
}

impl Edit {
    pub fn op(&self) -> (Op, Option<Vec<u8>>) {
        match self.clone() {
            Self::Put(path, mode, bytes) => (Op::Put { path, mode, content: digest(&bytes) }, Some(bytes)),
            Self::Mode(path, mode, content) => (Op::Put { path, mode, content }, None),
            Self::Delete(path) => (Op::Delete { path }, None),
            Self::Rename(from, to) => (Op::Rename { from, to }, None),
            Self::Other(op) => (op, None),
        }
    }
}

pub fn write(path: &str, text: &str) -> Edit {
    Edit::Put(path.into(), Mode::File, text.into())
}

pub fn remove(path: &str) -> Edit {
    Edit::Delete(path.into())
}

pub fn rename(from: &str, to: &str) -> Edit {
    Edit::Rename(from.into(), to.into())
}

pub fn revision(text: &str) -> Base {
    Base::Revision(text.parse().expect("a revision"))
}

pub fn at(text: &str) -> Revision {
    text.parse().expect("a revision")
}

/// Changes of one author in `main`, each of which depends on the one before.
pub fn composition(world: &mut World, who: u8, base: Base, parts: &[&[Edit]]) -> Draft {
    let mut draft = world.draft(who, base, parts[0]);
    for (number, part) in (draft.body.from_seq..).zip(&parts[1..]) {
        let more = world.draft(who, base, part);
        let mut change = more.body.changes[0].clone();
        let (author, domain) = (author(who).public_key(), "main".to_owned());
        change.wishes.depends_on = vec![Dependency { author, domain, seq: number }];
        draft.body.changes.push(change);
        draft.contents.extend(more.contents);
        draft.body.to_seq += 1;
    }
    draft
}
