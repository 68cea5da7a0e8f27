//! Execution of one decided slot (L5, N6): its bundles in order, their items in order.

mod analysis;
pub(crate) mod deadlines;
mod envelope;
mod blocked;
mod leases;
mod cross_domain;
pub(crate) mod outcome;
mod owing;
mod used;
mod reputation;
mod resolve;
mod verdict;

use self::envelope::Origin;
use self::used::Used;
use crate::apply::RECENT_MS;
use crate::execute::outcome::Outcome;
use crate::format::check;
use crate::format::constants::GROUP;
use crate::format::receipt::Receipt;
use crate::lock::LockNews;
use crate::policy::attestation::Progress;
use crate::policy::reputation::Service;
use crate::state::abort::Deferred;
use crate::state::horizon::Marks;
use crate::state::ledger::{Ledger, voters};
use crate::state::overlay::Overlay;
use crate::state::record::{EvidenceRecord, Usage};
use crate::state::slot::{Listed, SlotLeaf};
use crate::state::store::{Store, StoreError, Table};
use crate::state::{entry, name, prune, rows};
use crate::vocabulary::event::Event;
use crate::vocabulary::ids::{ConflictId, EnvelopeId};
use core::time::Duration;
use quorate_pbft::{
    Bundle, Committee, Decided, Digest, Epoch, Evidence, EvidenceKey, Item, ItemKind, PublicKey, ReplicaId, SeqNum,
    Time, merkle_root,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Evidence recorded against one replica: more proves nothing more (E5).
const OFFENCES_MAX: u8 = 8;

impl Ledger {
    /// Executes the next slot. An error leaves the ledger unfit for use: go back to a clone.
    ///
    /// # Panics
    ///
    /// If the slot is not the one after the newest, or its time is before the newest one's: the core decides no such slot.
    pub fn execute(&mut self, store: &mut dyn Store, decided: &Decided) -> Result<Outcome, StoreError> {
        assert!(decided.seq == self.head().seq.next(), "slots are executed without gaps (N6)");
        assert!(decided.time >= self.head().time, "ledger time never goes back (T1)");
        let rules = self.enter(decided.epoch, decided.seq)?;
        let mut execution = Execution::new(self, store, decided);
        if let Some(rules) = rules {
            execution.overlay.put(GROUP, name::RULES.to_vec(), &rules);
        }
        execution.run(decided)
    }
}

/// A slot while it is executed.
pub(crate) struct Execution<'l, 's> {
    ledger: &'l mut Ledger,
    overlay: Overlay<'s>,
    seq: SeqNum,
    /// Ledger time of the slot.
    time: Time,
    list: Vec<Listed>,
    /// Verdicts and settlements so far: each makes a revision.
    verdicts: u32,
    receipts: Vec<Receipt>,
    deferred: Vec<Deferred>,
    recorded: Vec<EvidenceKey>,
    events: Vec<Event>,
    epoch: Epoch,
    /// Service of each lane in this slot.
    services: BTreeMap<ReplicaId, Service>,
    /// Authors that lost conflicts, by domain, since it was last written.
    losers: Vec<(u32, PublicKey)>,
    /// Authors whose numbers moved in other domains than their envelope's.
    moved: Vec<(PublicKey, String)>,
    /// Work that was done for each author, in time at the worst.
    work: BTreeMap<PublicKey, Duration>,
    /// Work that was done for each party, and what it owes.
    used: Used,
    /// Envelopes that lacked a content in this slot.
    lacking: BTreeSet<EnvelopeId>,
    /// Conflicts for which each lane has brought an analysis.
    analysed: BTreeSet<(ReplicaId, ConflictId)>,
    /// Pending changes to look at again after the envelope in hand.
    resolved: VecDeque<(EnvelopeId, Progress)>,
    /// Conflicts that the envelope in hand has brought enough votes for.
    won: Vec<ConflictId>,
    /// Steps of requests for locks.
    lock_news: Vec<LockNews>,
    /// Domains and paths at which locks were given back, or their leases were over.
    freed: BTreeSet<(u32, String)>,
    /// Usage of domains for old contents, where this slot changed it.
    usage: BTreeMap<String, Usage>,
}

impl<'l, 's> Execution<'l, 's> {
    pub(crate) fn new(ledger: &'l mut Ledger, store: &'s mut dyn Store, decided: &Decided) -> Self {
        let overlay = Overlay::new(store, ledger.replace_named(None));
        Self {
            ledger,
            overlay,
            seq: decided.seq,
            time: decided.time,
            list: Vec::new(),
            verdicts: 0,
            receipts: Vec::new(),
            deferred: Vec::new(),
            recorded: Vec::new(),
            events: Vec::new(),
            epoch: decided.epoch,
            services: BTreeMap::new(),
            losers: Vec::new(),
            moved: Vec::new(),
            work: BTreeMap::new(),
            used: Used::default(),
            lacking: BTreeSet::new(),
            analysed: BTreeSet::new(),
            resolved: VecDeque::new(),
            won: Vec::new(),
            lock_news: Vec::new(),
            freed: BTreeSet::new(),
            usage: BTreeMap::new(),
        }
    }

    /// Executes the slot and moves the ledger's head.
    pub(crate) fn run(mut self, decided: &Decided) -> Result<Outcome, StoreError> {
        let items = decided.bundles.iter().map(|bundle| bundle.items.len()).sum();
        self.list.reserve(items);
        self.receipts.reserve(items);
        self.leases()?;
        for bundle in &decided.bundles {
            for item in &bundle.items {
                self.item(bundle, item)?;
            }
        }
        self.held_up()?;
        self.deadlines()?;
        self.write_services()?;
        self.write_work()?;
        self.move_horizons(decided)?;
        self.finish(decided)
    }

    fn item(&mut self, bundle: &Bundle, item: &Item) -> Result<(), StoreError> {
        match item.kind {
            ItemKind::Envelope => {
                let origin = Origin { lane: bundle.header.lane, position: bundle.header.position };
                self.envelope(origin, &item.bytes)
            }
            ItemKind::Evidence => self.evidence(&item.bytes),
            ItemKind::ReadMark => {
                if let Ok(root) = item.bytes.as_slice().try_into() {
                    self.list.push(Listed::Mark(Digest(root)));
                }
                Ok(())
            }
            ItemKind::Analysis => self.analysis(bundle.header.lane, &item.bytes),
            ItemKind::Member => Ok(()),
        }
    }

    /// Records evidence once for (signer, epoch, kind), at most [`OFFENCES_MAX`] for a signer (E5). Surplus evidence is
    /// not even verified; evidence that was recorded before is named in the outcome again, for replicas that forgot it
    /// (at a restart, say) and still hold their own.
    fn evidence(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let genesis = self.ledger.genesis_shared();
        let Some(evidence) = check::evidence(bytes) else {
            return Ok(());
        };
        let key = evidence.key();
        let Some((committee, rules)) = self.committee(key.epoch)? else {
            return Ok(());
        };
        let Some(offender) = committee.key(key.signer) else {
            return Ok(());
        };
        let (entry_name, count_name) = (name::evidence(offender, key.epoch, key.kind), name::offences(offender));
        let count: u8 = self.overlay.get(0, &count_name)?.unwrap_or(0);
        let known: Option<EvidenceRecord> = self.overlay.get(0, &entry_name)?;
        if known.is_some() {
            self.is_recorded(key);
            return Ok(());
        }
        if count >= OFFENCES_MAX
            || !self.is_within_horizon(key.epoch)?
            || !check::proves((&evidence, Evidence::is_valid), &committee, &genesis, rules)
        {
            return Ok(());
        }
        let id = evidence.id();
        self.overlay.put(0, entry_name, &EvidenceRecord { id, signer: key.signer, recorded_at: self.seq });
        self.overlay.put(0, count_name, &(count + 1));
        self.overlay.put_row(Table::Archive, rows::evidence(&id), bytes.to_vec());
        let (view, seq) = evidence.place();
        self.overlay.put_row(Table::Archive, rows::evidence_at(self.seq, &id), entry::bytes_of(&(key, view, seq)));
        self.overlay.commit()?;
        self.is_recorded(key);
        Ok(())
    }

    /// The voters of an epoch and its rules, by its entry; none for an epoch that has not begun.
    fn committee(&self, epoch: Epoch) -> Result<Option<(Committee, u32)>, StoreError> {
        if epoch > self.epoch { Ok(None) } else { voters(&self.overlay, self.ledger.genesis(), epoch) }
    }

    /// Whether an epoch goes on, or its last slot lies within the horizon of bases: evidence of it is of use.
    fn is_within_horizon(&self, epoch: Epoch) -> Result<bool, StoreError> {
        let next = self.committee(epoch.next())?;
        Ok(next.is_none_or(|(next, _)| next.base() >= self.ledger.head().times.floor()))
    }

    /// Named once in a slot, however often it is in there: at most [`OFFENCES_MAX`] keys for each signer.
    fn is_recorded(&mut self, key: EvidenceKey) {
        if !self.recorded.contains(&key) {
            self.recorded.push(key);
        }
    }

    /// Moves the horizons, and forgets deleted paths that lie beyond.
    fn move_horizons(&mut self, decided: &Decided) -> Result<(), StoreError> {
        let genesis = self.ledger.genesis_shared();
        // A view change may fill the first slots with nulls: before the first time nothing is old (T1).
        if decided.time > Time::default() {
            self.ledger.head_mut().times.advance(decided.time.get(), self.seq, genesis.limits().base_horizon_ms);
            let known: Option<Marks> = self.overlay.get(GROUP, name::RECENT)?;
            let mut recent = known.clone().unwrap_or_default();
            recent.advance(decided.time.get(), self.seq, RECENT_MS);
            if known.as_ref() != Some(&recent) {
                self.overlay.put(GROUP, name::RECENT.to_vec(), &recent);
            }
        }
        for (domain, mut usage) in core::mem::take(&mut self.usage) {
            usage.marks.advance(usage.superseded_bytes, self.seq, genesis.limits().base_horizon_bytes);
            let known = self.ledger.domain_mut(&domain);
            self.overlay.put(known.record.number, name::USAGE.to_vec(), &usage);
            known.usage = usage;
        }
        let floor = self.ledger.head().times.floor();
        prune::deleted(&mut self.overlay, floor)?;
        prune::ended(&mut self.overlay, floor)
    }

    fn finish(mut self, decided: &Decided) -> Result<Outcome, StoreError> {
        let digests: Vec<Digest> = self.list.iter().map(Listed::digest).collect();
        let leaf = SlotLeaf {
            seq: self.seq,
            lane_hash: decided.lane_hash,
            list_root: merkle_root(&digests),
            list_len: digests.len() as u32,
        };
        let row = entry::bytes_of(&(&leaf, &self.list));
        self.overlay.put_row(Table::Archive, rows::slot(self.seq), row);
        for (place, news) in (0..).zip(&self.lock_news) {
            self.overlay.put_row(Table::Archive, rows::lock_news(news.revision, place), entry::bytes_of(news));
        }
        let head = self.ledger.head_mut();
        head.advance(decided);
        self.overlay.commit()?;
        let deadline = self.next_deadline()?;
        let head = self.ledger.head_mut();
        let overlay = &mut self.overlay;
        head.slots.push(&leaf.digest(), &mut |table, key, value| overlay.put_now(table, key, value))?;
        self.ledger.commit(&mut self.overlay)?;
        Ok(Outcome {
            state_root: self.ledger.state_root(),
            recorded: self.recorded,
            deadline,
            receipts: self.receipts,
            deferred: self.deferred,
            events: self.events,
            moved: self.moved,
            work: self.work,
        })
    }
}
