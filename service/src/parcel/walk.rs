//! Check of decided slots as they stream by: each by its certificate, each bundle by the digest that a decided tip leads
//! to, and all of them together by the order that a quorum has certified.
//!
//! In memory are the headers of one slot's bundles and nothing of the slots before.

use super::error::Wrong;
use super::frame::{Decision, Frame};
use quorate_ledger::Genesis;
use quorate_ledger::proof::{Checkpoint, Epochs, OrderProof};
use quorate_pbft::{
    Admitted, Bundle, Content, Ed25519, ExecutedPoint, Item, Message, PayloadCheck, ReplicaId, SeqNum, Tip, Unverified,
    VerifyContext,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Walk along the frames of a parcel of slots.
#[derive(Clone)]
pub struct Walk<'g> {
    trust: Option<Trust<'g>>,
    point: ExecutedPoint,
    /// The tip of each lane that has come by; the others are where they stood before the first slot.
    known: Vec<bool>,
    begin: Option<SeqNum>,
    open: Option<Open>,
    end: Option<Box<OrderProof>>,
    /// Bundles so far.
    pub bundles: u64,
}

/// The genesis that signatures are checked with, and the epochs that it leads to.
#[derive(Clone)]
struct Trust<'g> {
    genesis: &'g Genesis,
    epochs: Epochs,
}

/// Slot whose bundles are still to come.
#[derive(Clone)]
struct Open {
    content: Content,
    /// Of each lane: the next bundle, and the tip below the last.
    awaited: VecDeque<(ReplicaId, Tip, Tip)>,
    /// Headers by lane, from the tip down.
    headers: BTreeMap<ReplicaId, Vec<Arc<Bundle>>>,
}

/// Items of a certified bundle: f + 1 honest members have checked them.
struct CheckedByMembers;

impl PayloadCheck for CheckedByMembers {
    fn is_valid(&self, _: &Item) -> bool {
        true
    }
}

impl<'g> Walk<'g> {
    /// A walk before the first frame. Without a genesis nothing is known about signatures, only that the parts fit.
    pub fn new(genesis: Option<&'g Genesis>) -> Self {
        let trust = genesis.map(|genesis| Trust { genesis, epochs: Epochs::of(genesis) });
        let (point, known) = (ExecutedPoint::default(), Vec::new());
        Self { trust, point, known, begin: None, open: None, end: None, bundles: 0 }
    }

    /// The same for somebody who knows these epochs: what ends below the newest of them is refused (M3).
    pub fn after(genesis: &'g Genesis, known: &Epochs) -> Self {
        Self { trust: Some(Trust { genesis, epochs: known.clone() }), ..Self::new(None) }
    }

    /// Epochs that are known now; none without a genesis.
    pub fn epochs(&self) -> Option<&Epochs> {
        self.trust.as_ref().map(|trust| &trust.epochs)
    }

    /// Takes the next frame. The message of it for a follower, where its signatures were checked.
    pub fn take(&mut self, frame: &Frame) -> Result<Option<Admitted>, Wrong> {
        match frame {
            Frame::Slots { begin, .. } if self.begin.is_none() => self.on_begin(frame, begin).map(|()| None),
            Frame::Slot(decision) if self.is_between() => self.on_slot(decision),
            Frame::Bundle(bundle) if self.open.is_some() => self.on_bundle(bundle),
            Frame::End(proof) if self.is_between() => self.on_end(proof),
            _ => Err(Wrong::Misplaced),
        }
    }

    /// Whether a slot or the end follows.
    pub fn is_between(&self) -> bool {
        self.begin.is_some() && self.open.is_none() && self.end.is_none()
    }

    /// The slot before the first.
    pub fn begin(&self) -> Option<SeqNum> {
        self.begin
    }

    /// The order after the last whole slot. Lanes that have not come by stand at 0; see [`Walk::tip`].
    pub fn point(&self) -> &ExecutedPoint {
        &self.point
    }

    /// The last slot that came whole.
    pub fn good(&self) -> Option<SeqNum> {
        self.begin.filter(|begin| self.point.seq > *begin).map(|_| self.point.seq)
    }

    /// The tip of a lane, if it has come by.
    pub fn tip(&self, lane: ReplicaId) -> Option<Tip> {
        let is_known = self.known.get(lane.index()).copied().unwrap_or(false);
        is_known.then(|| self.point.tips[lane.index()])
    }

    /// The next bundle of the slot that came last.
    pub fn awaited(&self) -> Option<(ReplicaId, Tip, Tip)> {
        self.open.as_ref()?.awaited.front().copied()
    }

    /// The certified state at the end.
    pub fn certified(&self) -> Option<&Checkpoint> {
        self.end.as_ref().map(|end| end.checkpoint())
    }

    fn on_begin(&mut self, frame: &Frame, begin: &OrderProof) -> Result<(), Wrong> {
        if let (Some((_, theirs)), Some(trust)) = (frame.begins(), &mut self.trust) {
            let ours = trust.genesis.group();
            if theirs != ours {
                return Err(Wrong::Group { theirs, ours });
            }
            trust.epochs = begin.verify(&trust.epochs)?;
        }
        let (seq, members) = (begin.seq(), begin.checkpoint().head().tips.len());
        if members == 0 {
            return Err(Wrong::Misplaced);
        }
        self.point = ExecutedPoint {
            epoch: begin.checkpoint().head().epoch,
            seq,
            lane_hash: begin.lane_hash(),
            ..ExecutedPoint::genesis(members)
        };
        // Before the first slot every lane is empty.
        self.known = vec![seq == SeqNum::default(); members];
        self.begin = Some(seq);
        Ok(())
    }

    fn on_slot(&mut self, decision: &Decision) -> Result<Option<Admitted>, Wrong> {
        let Decision { certificate, content, from } = decision;
        let (due, found) = (self.point.seq.next(), certificate.seq);
        if found != due {
            return Err(Wrong::Gap { due, found });
        }
        if certificate.epoch != self.point.epoch {
            return Err(Wrong::Epoch(certificate.epoch));
        }
        let fits = content.is_well_formed(self.known.len()) && certificate.digest == content.digest();
        if !fits || from.len() != content.cut.len() {
            return Err(Wrong::Misplaced);
        }
        let message = Message::Decided { certificate: certificate.clone(), content: content.clone() };
        let admitted = self.admitted(message)?;
        let mut awaited = VecDeque::new();
        for ((lane, tip), from) in content.cut.iter().zip(from) {
            let stood = self.tip(*lane).unwrap_or(*from);
            if stood != *from {
                return Err(Wrong::Lane(*lane));
            }
            (self.known[lane.index()], self.point.tips[lane.index()]) = (true, stood);
            if tip.position > stood.position {
                awaited.push_back((*lane, *tip, stood));
            }
        }
        self.open = Some(Open { content: content.clone(), awaited, headers: BTreeMap::new() });
        self.close();
        Ok(admitted)
    }

    fn on_bundle(&mut self, bundle: &Bundle) -> Result<Option<Admitted>, Wrong> {
        let (lane, next, below) = self.awaited().ok_or(Wrong::Misplaced)?;
        let (header, position) = (&bundle.header, next.position);
        if (header.lane, header.tip()) != (lane, next) {
            return Err(Wrong::Bundle { lane, position });
        }
        let parent = Tip { position: position.previous().unwrap_or_default(), digest: header.parent };
        let is_last = parent.position == below.position;
        if is_last && parent != below {
            return Err(Wrong::Lane(lane));
        }
        let admitted = self.admitted(Message::Bundle(Arc::new(bundle.clone())))?;
        if let Some(open) = &mut self.open {
            let bare = Bundle { header: header.clone(), statement: bundle.statement, items: Vec::new() };
            open.headers.entry(lane).or_default().push(Arc::new(bare));
            open.awaited.pop_front();
            if !is_last {
                open.awaited.push_front((lane, parent, below));
            }
        }
        self.bundles += 1;
        self.close();
        Ok(admitted)
    }

    /// Ends the slot whose bundles have all come.
    fn close(&mut self) {
        let Some(open) = self.open.take_if(|open| open.awaited.is_empty()) else { return };
        let path = |lane, _| Some(open.headers.get(&lane)?.iter().rev().cloned().collect());
        let advanced = self.point.advanced(&open.content, path);
        (_, self.point) = advanced.expect("every lane that advances has its bundles");
    }

    fn on_end(&mut self, proof: &OrderProof) -> Result<Option<Admitted>, Wrong> {
        if self.good().is_none() {
            return Err(Wrong::Gap { due: self.point.seq.next(), found: proof.seq() }); // it holds no slot
        }
        if let Some(trust) = &mut self.trust {
            trust.epochs = proof.verify(&trust.epochs)?;
        }
        let ends = (proof.seq(), proof.lane_hash(), proof.checkpoint().head().epoch);
        if ends != (self.point.seq, self.point.lane_hash, self.point.epoch) {
            return Err(Wrong::Order(self.point.seq));
        }
        let admitted = self.admitted(Message::StableCheckpoint(proof.checkpoint().certificate().clone()))?;
        self.end = Some(Box::new(proof.clone()));
        Ok(admitted)
    }

    /// Checks the signatures of a message as a follower checks those of a peer's.
    fn admitted(&self, message: Message) -> Result<Option<Admitted>, Wrong> {
        let Some(trust) = &self.trust else { return Ok(None) };
        let committee = trust.epochs.committee(self.point.epoch).ok_or(Wrong::Epoch(self.point.epoch))?;
        let constants = trust.genesis.constants();
        let context = VerifyContext { committee, verify: &Ed25519, payload: &CheckedByMembers, constants };
        let verified = Unverified::new(ReplicaId::default(), message).verify(&context)?;
        match verified.message() {
            // What is left of a bundle that its owner has signed wrongly.
            Message::Evidence(_) => Err(Wrong::Misplaced),
            _ => Ok(Some(Admitted::Verified(verified))),
        }
    }
}
