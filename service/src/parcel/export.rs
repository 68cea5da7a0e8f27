//! Decided slots from a node into a parcel, which is checked while it is written.
//!
//! In memory are one answer and the headers of one slot's bundles. A run that was stopped goes on behind the last whole
//! slot of what it wrote, after having checked all of that again.

use super::error::{ParcelError, Wrong};
use super::frame::{Decision, Frame};
use super::read::Parcel;
use super::walk::Walk;
use super::write::Draft;
use crate::framed::{Mark, is_own};
use quorate_client::http::Client;
use quorate_ledger::Genesis;
use quorate_ledger::proof::OrderProof;
use quorate_pbft::{
    Bundle, ClaimedCert, Content, Digest, Epoch, Message, Position, Question, ReplicaId, SeqNum, Tip, Wanted, bounded,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Slots that one question names, and bundles.
const SLOTS_PER_QUESTION: u64 = 64;
const BUNDLES_PER_QUESTION: u64 = 256;
/// Messages of one answer.
const MESSAGES_MAX: usize = 512;

/// Parcel of slots to write.
pub struct Plan<'g> {
    /// The first slot; 0 is from genesis, as 1 is.
    pub from: SeqNum,
    /// The last slot; that of the newest certified state unless it is named.
    pub to: Option<SeqNum>,
    /// File to write.
    pub out: PathBuf,
    /// Genesis that signatures are checked with while the parcel is written.
    pub genesis: Option<&'g Genesis>,
}

/// Parcel of slots as far as it is written.
#[derive(Debug, Clone, Copy)]
pub struct Exported {
    /// The first slot.
    pub first: SeqNum,
    /// The last slot so far.
    pub last: SeqNum,
    /// The last slot of the whole.
    pub to: SeqNum,
    /// The slot behind which this run went on with an earlier one's.
    pub resumed: Option<SeqNum>,
    /// Bytes so far.
    pub bytes: u64,
}

/// Writes the parcel; goes on with one that was begun.
pub async fn export(node: &Client, plan: Plan<'_>, tell: impl Fn(Exported)) -> Result<Exported, ParcelError> {
    let Plan { from, to, out, genesis } = plan;
    let begins = from.previous().unwrap_or_default();
    if let Some(to) = to.filter(|to| *to <= begins) {
        return Err(ParcelError::Nothing(format!("no slot lies between {from} and {to}")));
    }
    let end = node.renewed().order_proof(to).await?;
    if end.seq() <= begins {
        let what = format!("{} has no certified slot after {begins}: there is nothing to carry yet", node.node());
        return Err(ParcelError::Nothing(what));
    }
    let group = node.renewed().status().await?.group;
    let source =
        Source { node, epoch: end.checkpoint().head().epoch, from: begins, older: BTreeMap::new(), looked: begins };
    source.is_asked(to.unwrap_or(end.seq()), end.seq())?;
    let packing = match resumed(&out, group, &source, end.seq(), genesis) {
        Some((walk, mark)) => {
            let resumed = walk.good();
            Packing { source, walk, draft: Draft::resume(&out, mark)?, resumed }
        }
        None => {
            let begin = Box::new(node.renewed().order_proof(Some(begins)).await?);
            let (head, mut walk) = (Frame::Slots { group, begin }, Walk::new(genesis));
            walk.take(&head).map_err(|why| source.untrue(why))?;
            source.is_asked(begins, walk.begin().unwrap_or_default())?;
            Packing { source, walk, draft: Draft::begin(&out, &head)?, resumed: None }
        }
    };
    packing.run(end, tell).await
}

/// Draft of an earlier run about the same slots, as far as it is whole.
fn resumed<'g>(
    out: &Path,
    group: Digest,
    source: &Source<'_>,
    to: SeqNum,
    genesis: Option<&'g Genesis>,
) -> Option<(Walk<'g>, Mark)> {
    let place = Draft::place(out);
    let mut parcel =
        is_own(&place).then(|| Parcel::open(&place).ok()).flatten().filter(|parcel| parcel.group == group)?;
    let (walk, mark) = parcel.walk_far(genesis)?;
    let is_same = (walk.begin(), walk.point().epoch) == (Some(source.from), source.epoch);
    (is_same && walk.point().seq <= to).then_some((walk, mark))
}

struct Packing<'g, 'n> {
    source: Source<'n>,
    walk: Walk<'g>,
    draft: Draft,
    resumed: Option<SeqNum>,
}

impl Packing<'_, '_> {
    async fn run(mut self, end: OrderProof, tell: impl Fn(Exported)) -> Result<Exported, ParcelError> {
        let to = end.seq();
        if let Err(error) = self.fill(end, tell).await {
            let is_done = self.walk.point().seq == to;
            if matches!(error, ParcelError::Untrue { .. }) && (is_done || self.resumed.is_some()) {
                self.draft.discard()?; // an earlier run may have begun it wrongly
            }
            return Err(error);
        }
        let exported = self.so_far(to);
        Ok(Exported { bytes: self.draft.end()?, ..exported })
    }

    async fn fill(&mut self, end: OrderProof, tell: impl Fn(Exported)) -> Result<(), ParcelError> {
        let to = end.seq();
        while self.walk.point().seq < to {
            let from = self.walk.point().seq.next();
            let decided = self.source.slots(from, to.min(from.plus(SLOTS_PER_QUESTION - 1))).await?;
            if decided.is_empty() {
                return Err(self.source.untrue(Wrong::Gap { due: from, found: to }));
            }
            for (certificate, content) in decided {
                self.pack(certificate, content).await?;
            }
            tell(self.so_far(to));
        }
        self.add(&Frame::End(Box::new(end)))
    }

    fn so_far(&self, to: SeqNum) -> Exported {
        let first = self.walk.begin().unwrap_or_default().next();
        Exported { first, last: self.walk.point().seq, to, resumed: self.resumed, bytes: self.draft.bytes() }
    }

    async fn pack(&mut self, certificate: ClaimedCert, content: Content) -> Result<(), ParcelError> {
        let (seq, mut from) = (certificate.seq, Vec::new());
        if certificate.epoch < self.source.epoch {
            return Err(self.source.over(certificate));
        }
        for (lane, _) in &content.cut {
            from.push(match self.walk.tip(*lane) {
                Some(tip) => tip,
                None => self.source.tip_before(*lane).await?,
            });
        }
        self.add(&Frame::Slot(Box::new(Decision { certificate, content, from })))?;
        while let Some((lane, next, below)) = self.walk.awaited() {
            let lowest = next.position.get().saturating_sub(BUNDLES_PER_QUESTION - 1);
            let lowest = Position::new(lowest).max(below.position.next());
            let bundles = self.source.bundles(lane, lowest, next.position).await?;
            let before = next.position;
            for bundle in bundles {
                let awaited = self.walk.awaited().filter(|(of, ..)| *of == lane);
                // At a place where a lane's owner has signed two bundles the one that is named counts.
                if awaited.is_some_and(|(_, next, _)| bundle.header.tip() == next) {
                    self.add(&Frame::Bundle(Box::new((*bundle).clone())))?;
                }
            }
            if self.walk.awaited().is_some_and(|(of, next, _)| (of, next.position) == (lane, before)) {
                let node = self.source.node.node().to_owned();
                return Err(ParcelError::Lacking { node, seq, lane, position: before });
            }
        }
        Ok(())
    }

    fn add(&mut self, frame: &Frame) -> Result<(), ParcelError> {
        self.walk.take(frame).map_err(|why| self.source.untrue(why))?;
        self.draft.add(frame)
    }
}

/// Node that hands out slots and bundles.
struct Source<'n> {
    node: &'n Client,
    /// Epoch that its lanes are of.
    epoch: Epoch,
    /// The slot before the first of the parcel.
    from: SeqNum,
    /// Tips that slots before the first name, the newest of each lane.
    older: BTreeMap<ReplicaId, Tip>,
    /// The slot above which these were looked for.
    looked: SeqNum,
}

impl Source<'_> {
    /// The tip of a lane before the first slot: slots before it are looked at, back to the one that names it or to the
    /// first of the epoch, with which lanes begin.
    async fn tip_before(&mut self, lane: ReplicaId) -> Result<Tip, ParcelError> {
        while !self.older.contains_key(&lane) && self.looked > SeqNum::default() {
            let from = SeqNum::new(self.looked.get().saturating_sub(SLOTS_PER_QUESTION - 1).max(1));
            let mut decided = Vec::new();
            let mut next = from;
            while next <= self.looked {
                let some = self.slots(next, self.looked).await?;
                next = some
                    .last()
                    .map(|(certificate, _)| certificate.seq.next())
                    .ok_or_else(|| self.untrue(Wrong::Gap { due: next, found: self.from }))?;
                decided.extend(some);
            }
            let of_epoch = decided.iter().rev().take_while(|(certificate, _)| certificate.epoch == self.epoch);
            for (lane, tip) in of_epoch.flat_map(|(_, content)| &content.cut) {
                let known = self.older.entry(*lane).or_insert(*tip);
                if tip.position > known.position {
                    *known = *tip;
                }
            }
            let is_of_epoch = decided.first().is_none_or(|(certificate, _)| certificate.epoch == self.epoch);
            self.looked = from.previous().filter(|_| is_of_epoch).unwrap_or_default();
        }
        Ok(self.older.get(&lane).copied().unwrap_or_default())
    }

    async fn slots(&self, from: SeqNum, to: SeqNum) -> Result<Vec<(ClaimedCert, Content)>, ParcelError> {
        let mut due = from;
        let mut decided = Vec::new();
        for message in self.ask(Wanted::Slots { from, to }).await? {
            let Message::Decided { certificate, content } = message else { continue };
            if certificate.seq != due || due > to {
                return Err(self.untrue(Wrong::Gap { due, found: certificate.seq }));
            }
            due = due.next();
            decided.push((certificate, content));
        }
        Ok(decided)
    }

    async fn bundles(&self, lane: ReplicaId, from: Position, to: Position) -> Result<Vec<Arc<Bundle>>, ParcelError> {
        let messages = self.ask(Wanted::Bundles { lane, from, to }).await?.into_iter();
        Ok(messages
            .filter_map(|message| if let Message::Bundle(bundle) = message { Some(bundle) } else { None })
            .collect())
    }

    async fn ask(&self, wanted: Wanted) -> Result<Vec<Message>, ParcelError> {
        let question = Question { epoch: self.epoch, wanted };
        let question = borsh::to_vec(&question).expect("writing into memory cannot fail");
        let node = self.node.renewed();
        let answer = node.order(question).await?;
        let messages = bounded::list::<MESSAGES_MAX, _, _>(&mut &answer[..]);
        Ok(messages.map_err(|error| node.garbled(error.to_string()))?)
    }

    /// Refuses a proof of another slot than was asked for.
    fn is_asked(&self, due: SeqNum, found: SeqNum) -> Result<(), ParcelError> {
        if due == found { Ok(()) } else { Err(self.untrue(Wrong::Gap { due, found })) }
    }

    /// A slot whose epoch was over before the newest state was signed.
    fn over(&self, ClaimedCert { seq, epoch, .. }: ClaimedCert) -> ParcelError {
        ParcelError::OtherEpoch { node: self.node.node().to_owned(), seq, epoch, newest: self.epoch }
    }

    fn untrue(&self, why: Wrong) -> ParcelError {
        ParcelError::Untrue { node: self.node.node().to_owned(), why }
    }
}
