//! Execution of one decided slot (L5, N6): its bundles in order, their items in order.

use crate::check;
use crate::envelope::Envelope;
use crate::judge::{self, Accepted, Case, Place};
use crate::ledger::Ledger;
use crate::outcome::{Event, Outcome};
use crate::receipt::{Receipt, State};
use crate::revision::Revision;
use crate::state::draft::Draft;
use crate::state::record::{EvidenceRecord, Sequence, Usage, Verdict, ViewRecord};
use crate::state::{entry, name, rows};
use crate::stop::{Stop, Unsettled, Why};
use crate::store::{Store, StoreError, Table};
use crate::turn::Done;
use crate::verdict::{Code, Refusal};
use borsh::{BorshDeserialize, BorshSerialize};
use quorate_pbft::{Bundle, Decided, Digest, Ed25519, EvidenceKey, Item, ItemKind, SeqNum, Time, hash, merkle_root};
use std::collections::BTreeMap;

/// Evidence recorded against one replica: more proves nothing more (E5).
const OFFENCES_MAX: u8 = 8;

/// One thing in a slot's list: what a proof can show to have happened there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Listed {
    /// A verdict: [`Receipt::digest`].
    Receipt(Digest) = 1,
    /// An executed read mark (R): the Merkle root of its readers' nonces.
    Mark(Digest) = 2,
}

impl Listed {
    /// The leaf in the slot's list.
    pub fn digest(&self) -> Digest {
        hash("quorate/v1/listed", self)
    }
}

/// What the tree of executed slots says of one.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SlotLeaf {
    /// The slot.
    pub seq: SeqNum,
    /// Over all bundles executed so far (L5).
    pub lane_hash: Digest,
    /// Merkle root over the digests of its list.
    pub list_root: Digest,
    /// Number of things in its list.
    pub list_len: u32,
}

impl SlotLeaf {
    /// The leaf.
    pub fn digest(&self) -> Digest {
        hash("quorate/v1/slot", self)
    }
}

/// A slot while it is executed.
pub(crate) struct Execution<'l, 's> {
    ledger: &'l mut Ledger,
    draft: Draft<'s>,
    seq: SeqNum,
    /// Ledger time of the slot.
    time: Time,
    list: Vec<Listed>,
    receipts: Vec<Receipt>,
    unsettled: Vec<Unsettled>,
    recorded: Vec<EvidenceKey>,
    events: Vec<Event>,
    /// What domains keep of old contents, where this slot changed it.
    usage: BTreeMap<String, Usage>,
}

impl<'l, 's> Execution<'l, 's> {
    pub(crate) fn new(ledger: &'l mut Ledger, store: &'s mut dyn Store, decided: &Decided) -> Self {
        Self {
            ledger,
            draft: Draft::new(store),
            seq: decided.seq,
            time: decided.time,
            list: Vec::new(),
            receipts: Vec::new(),
            unsettled: Vec::new(),
            recorded: Vec::new(),
            events: Vec::new(),
            usage: BTreeMap::new(),
        }
    }

    /// Executes the slot and moves the ledger's head.
    pub(crate) fn run(mut self, decided: &Decided) -> Result<Outcome, StoreError> {
        for bundle in &decided.bundles {
            for item in &bundle.items {
                self.item(bundle, item)?;
            }
        }
        self.move_horizons(decided)?;
        self.finish(decided)
    }

    fn item(&mut self, bundle: &Bundle, item: &Item) -> Result<(), StoreError> {
        match item.kind {
            ItemKind::Envelope => self.envelope(bundle, &item.bytes),
            ItemKind::Evidence => self.evidence(&item.bytes),
            ItemKind::ReadMark => {
                if let Ok(root) = item.bytes.as_slice().try_into() {
                    self.list.push(Listed::Mark(Digest(root)));
                }
                Ok(())
            }
            ItemKind::Member => Ok(()),
        }
    }

    /// Bytes that are no envelope cannot be in a certified bundle unless more than f replicas lie; they do nothing.
    fn envelope(&mut self, bundle: &Bundle, bytes: &[u8]) -> Result<(), StoreError> {
        let genesis = self.ledger.genesis_shared();
        let Ok(envelope) = Envelope::decode(bytes, genesis.limits()) else {
            return Ok(());
        };
        let revision = Revision::item(self.seq, self.receipts.len() as u32 + 1);
        let revision = revision.expect("a slot holds fewer than 2^32 items, and genesis is never executed");
        let domains = self.ledger.domains_shared();
        let domain = domains.get(&envelope.body.domain);
        let (times, group) = (self.ledger.head().times.floor(), self.ledger.group_policy());
        let case = Case {
            id: envelope.id(&genesis.group()),
            envelope: &envelope,
            revision,
            limits: genesis.limits(),
            place: domain.map(|domain| Place {
                name: &envelope.body.domain,
                record: &domain.record,
                group: &group,
                organisations: self.ledger.organisations(),
                domains: domains.len() as u32,
                held: self.usage.get(&envelope.body.domain).unwrap_or(&domain.usage).held(),
                floor: domain.usage.marks.floor().max(times),
            }),
            domains: &domains,
        };
        let author = case.author(&self.draft);
        let is_unknown = matches!(&author, Err(Stop::Refused(refusal)) if refusal.code == Code::UnknownAuthor);
        // Strangers, and everybody in domains that do not exist, have no numbers that could be kept.
        let number = domain.filter(|_| !is_unknown).map(|domain| domain.record.number);
        let sequence = match number {
            Some(number) => judge::sequence(&self.draft, number, &envelope.body)?,
            None => Sequence::new(),
        };
        let judged = match number {
            Some(_) => case.turn(&self.draft, &sequence).and_then(|()| case.stages(&mut self.draft, &author?)),
            None => author.and_then(|author| case.stages(&mut self.draft, &author)),
        };
        match judged {
            Ok(accepted) => self.settle(&case, bundle, number, sequence, Ok(accepted)),
            Err(Stop::Refused(refusal)) => {
                self.draft.reject();
                self.settle(&case, bundle, number, sequence, Err(refusal))
            }
            Err(Stop::Unsettled(why)) => self.unsettle(&case, number, sequence, why),
            Err(Stop::Store(error)) => Err(error),
        }
    }

    /// No verdict: nothing changes, unless the author is seen to have used a number twice (A3).
    fn unsettle(
        &mut self,
        case: &Case,
        number: Option<u32>,
        mut sequence: Sequence,
        why: Why,
    ) -> Result<(), StoreError> {
        self.draft.reject();
        let body = &case.envelope.body;
        if let (Some(number), Why::Taken) = (number, &why)
            && let Some(other) =
                self.draft.bytes(Table::History, &rows::number(number, &body.author, body.from_seq, body.attempt))?
            && other != case.id.0.0
            && sequence.repeated.len() < Sequence::REPEATED_MAX
            && let Err(place) = sequence.repeated.binary_search(&body.from_seq)
        {
            sequence.repeated.insert(place, body.from_seq);
            self.draft.put(number, name::sequence(&body.author), &sequence);
            self.draft.accept()?;
        }
        self.unsettled.push(Unsettled {
            id: case.id,
            author: body.author,
            domain: body.domain.clone(),
            from_seq: body.from_seq,
            to_seq: body.to_seq,
            why,
        });
        Ok(())
    }

    /// The order has spoken: writes the verdict where the author's next envelope, readers and proofs look for it.
    fn settle(
        &mut self,
        case: &Case,
        bundle: &Bundle,
        number: Option<u32>,
        mut sequence: Sequence,
        accepted: Result<Accepted, Refusal>,
    ) -> Result<(), StoreError> {
        let verdict = self.verdict(case, bundle, &sequence, accepted);
        let id = case.id.0.0.to_vec();
        if let Some(number) = number {
            self.count(number, &mut sequence, case, &verdict);
            self.draft.put_row(Table::Receipts, id, entry::bytes_of(&verdict));
        } else if self.draft.bytes(Table::Receipts, &id)?.is_none() {
            self.draft.put_row(Table::Receipts, id, entry::bytes_of(&verdict));
        }
        self.draft.accept()?;
        self.list.push(Listed::Receipt(verdict.receipt.digest()));
        self.receipts.push(verdict.receipt);
        Ok(())
    }

    /// Moves the author's numbers.
    fn count(&mut self, number: u32, sequence: &mut Sequence, case: &Case, verdict: &Verdict) {
        let (body, id) = (&case.envelope.body, case.id.0.0.to_vec());
        sequence.verdicts = hash("quorate/v1/verdict", verdict);
        if verdict.receipt.state == State::Refused {
            sequence.attempt = body.attempt;
        } else {
            (sequence.next, sequence.attempt) = (body.to_seq + 1, 0);
            self.draft.put_row(Table::History, rows::log(number, case.revision), id.clone());
        }
        let used = rows::number(number, &body.author, body.from_seq, body.attempt);
        self.draft.put_row(Table::History, used, id);
        self.draft.put(number, name::sequence(&body.author), sequence);
    }

    fn verdict(
        &mut self,
        case: &Case,
        bundle: &Bundle,
        sequence: &Sequence,
        accepted: Result<Accepted, Refusal>,
    ) -> Verdict {
        let body = &case.envelope.body;
        let mut receipt = receipt_of(case, bundle);
        let mut view = ViewRecord { first: Revision::GENESIS, parent: None, writes: Vec::new() };
        match accepted {
            Ok(accepted) => {
                receipt.state = accepted.done.state();
                receipt.changes = accepted.done.changes();
                self.take_in(&body.domain, accepted.done, &mut receipt);
                view = accepted.view;
            }
            Err(refusal) => {
                (receipt.stage, receipt.code) = (Some(refusal.stage), Some(refusal.code));
                receipt.detail = Some(refusal.detail);
            }
        }
        let messages = body.changes.iter().map(|change| &change.message).filter(|message| !message.is_empty());
        Verdict {
            receipt,
            attempt: body.attempt,
            position: bundle.header.position,
            messages: messages.cloned().collect(),
            time_ms: body.changes.last().map_or(0, |change| change.time_ms),
            view,
            time: self.time,
            before: sequence.verdicts,
            place: self.list.len() as u32,
        }
    }

    fn take_in(&mut self, domain: &str, done: Done, receipt: &mut Receipt) {
        receipt.conflicts = done.conflicts.into_iter().collect();
        self.events.extend(done.events);
        if (done.superseded_bytes, done.files, done.bytes) != (0, 0, 0)
            && let Some(known) = self.ledger.domain(domain)
        {
            let usage = self.usage.entry(domain.to_owned()).or_insert_with(|| known.usage.clone());
            usage.superseded_bytes = usage.superseded_bytes.saturating_add(done.superseded_bytes);
            usage.files = usage.files.saturating_add_signed(done.files);
            usage.bytes = usage.bytes.saturating_add_signed(done.bytes);
        }
        done.decisions.into_iter().for_each(|decision| self.ledger.take_note(decision));
    }

    /// Records evidence once for (signer, epoch, kind), at most [`OFFENCES_MAX`] for a signer (E5). What is surplus is
    /// not even verified.
    fn evidence(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let genesis = self.ledger.genesis_shared();
        let Some(evidence) = check::evidence(bytes) else {
            return Ok(());
        };
        let key = evidence.key();
        let Some(committee) = genesis.committee(key.epoch) else {
            return Ok(());
        };
        let Some(offender) = committee.key(key.signer) else {
            return Ok(());
        };
        let (entry_name, count_name) = (name::evidence(offender, key.epoch, key.kind), name::offences(offender));
        let count: u8 = self.draft.get(0, &count_name)?.unwrap_or(0);
        let known: Option<EvidenceRecord> = self.draft.get(0, &entry_name)?;
        if known.is_some() || count >= OFFENCES_MAX || !evidence.is_valid(committee, &Ed25519) {
            return Ok(());
        }
        let id = evidence.id();
        self.draft.put(0, entry_name, &EvidenceRecord { id, signer: key.signer, recorded_at: self.seq });
        self.draft.put(0, count_name, &(count + 1));
        self.draft.put_row(Table::History, rows::evidence(&id), bytes.to_vec());
        self.draft.put_row(Table::History, rows::evidence_at(self.seq, &id), Vec::new());
        self.draft.accept()?;
        self.recorded.push(key);
        Ok(())
    }

    /// Moves the horizons, and forgets deleted paths that lie beyond.
    fn move_horizons(&mut self, decided: &Decided) -> Result<(), StoreError> {
        let genesis = self.ledger.genesis_shared();
        self.ledger.head_mut().times.advance(decided.time.get(), self.seq, genesis.limits().base_horizon_ms);
        for (domain, mut usage) in core::mem::take(&mut self.usage) {
            usage.marks.advance(usage.superseded_bytes, self.seq, genesis.limits().base_horizon_bytes);
            let known = self.ledger.domain_mut(&domain);
            self.draft.put(known.record.number, name::USAGE.to_vec(), &usage);
            known.usage = usage;
        }
        crate::forget::deleted(&mut self.draft, self.ledger.head().times.floor())
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
        self.draft.put_row(Table::History, rows::slot(self.seq), row);
        let head = self.ledger.head_mut();
        head.advance(decided);
        self.draft.accept()?;
        head.range.push(&leaf.digest(), self.draft.store())?;
        self.ledger.commit(&mut self.draft)?;
        Ok(Outcome {
            state_root: self.ledger.state_root(),
            recorded: self.recorded,
            deadline: None,
            receipts: self.receipts,
            unsettled: self.unsettled,
            events: self.events,
        })
    }
}

/// A refusal's receipt without its reason.
fn receipt_of(case: &Case, bundle: &Bundle) -> Receipt {
    let body = &case.envelope.body;
    Receipt {
        id: case.id,
        domain: body.domain.clone(),
        author: body.author,
        from_seq: body.from_seq,
        to_seq: body.to_seq,
        state: State::Refused,
        revision: Some(case.revision),
        lane: Some(bundle.header.lane),
        stage: None,
        code: None,
        detail: None,
        conflicts: Vec::new(),
        changes: Vec::new(),
    }
}
