//! Bundles of peers that do not go into the core, for their lanes owe too much already, and what bulk of no use costs.

use super::brought::{Earlier, FRESH_MS};
use super::drive::{Engine, Work};
use super::error::EngineError;
use super::loose::{FRAME_BYTES, costs};
use super::round::Notice;
use super::tolls::BUNDLE_BYTES;
use quorate_ledger::{Analysis, Claim, Novelty, StoreError};
use quorate_pbft::{
    Admitted, Bundle, BundleHeader, ClaimedCert, Input, Item, ItemKind, Message, Rejected, ReplicaId, Time, ViewChange,
};

/// Weight of a refused bundle of the sender's own lane, beside one that comes again or too early. An honest owner whose lane
/// owes too much after two times alone sends the first of them again at each status, 8 to 10 MiB a second: it must not wait for long.
const REFUSED_WEIGHS: u64 = 2;
/// Weight of words about what this replica promised that were not asked for: each of up to 20,480 is a signature to check, and an
/// honest member's late answer has a thousand.
const RECALLED_WEIGHS: u64 = 16;
/// Bytes that each signature within a ViewChange counts which is of no use: as much as one of those words.
const SIGNATURE_BYTES: u64 = 2 << 10;
/// Bytes that a read mark counts, for it has an entry in its slot's list and a place in its bundle. An honest lane has 50 in a
/// second at most, a third of what it may bring.
const MARK_BYTES: u64 = 128;
/// Bytes that an owner sends again for a status, and the bundle that passes them (N9).
const AGAIN_BYTES: u64 = 4 << 20;

impl Engine {
    /// Why a peer's message does not go into the core: a bundle with more of what no gate lets in than its
    /// lane may bring. A bundle of no use is charged to the member that hands it over.
    pub(super) fn turn_away(&mut self, heard: &Admitted, work: &mut Work) -> Result<Option<Rejected>, StoreError> {
        let Message::Bundle(bundle) = heard.message() else { return Ok(None) };
        let header = &bundle.header;
        let (lane, position) = (header.lane, header.position);
        let Some(is_needed) = self.core.needs_bundle(header) else {
            if !self.is_sent_again(heard.sender(), header) {
                self.charge(heard.sender(), costs(header), work);
            }
            return Ok(None);
        };
        if self.pays(bundle, is_needed, work)? {
            if !is_needed {
                work.handed.push((heard.sender(), header.clone()));
            }
            return Ok(None);
        }
        let weight = if heard.sender() == lane { REFUSED_WEIGHS } else { 1 };
        // While this replica is behind, conflicts have not begun here whose analyses all the honest bring.
        if !self.reporter.is_behind() {
            self.charge(heard.sender(), costs(header).saturating_mul(weight), work);
        }
        Ok(Some(Rejected::Bundle { lane, position, why: "more than a lane may bring of what no gate lets in" }))
    }

    /// Charges a lane for what no gate lets in of its bundle; whether the bundle is taken, as it is if the lane owes no more than it
    /// may or others have certified it. Of what others have certified one that catches up cannot tell the use: they have
    /// charged the lane.
    fn pays(&mut self, bundle: &Bundle, is_needed: bool, work: &Work) -> Result<bool, StoreError> {
        let (lane, tip, now) = (bundle.header.lane, bundle.header.tip(), self.own_clock);
        let (bytes, overhead) = self.bytes_of_no_gate(bundle, work)?;
        if bytes == 0 || is_needed && self.reporter.is_behind() {
            return Ok(true);
        }
        let charged = match self.dues.tolls.charge(lane, tip, bytes + overhead, now) {
            None if is_needed => self.dues.tolls.charge_anyway(lane, tip, bytes + overhead, now),
            None => return Ok(false),
            Some(charged) => charged,
        };
        if charged > 0 {
            let early = self.note_early(bundle, overhead);
            self.dues.tolls.may_be_given_back(lane, early.min(charged));
        }
        Ok(true)
    }

    /// Whether an owner may send a bundle again for nothing: for each status of a replica that may not sign yet it does, as it lacks
    /// the Ack.
    fn is_sent_again(&mut self, from: ReplicaId, header: &BundleHeader) -> bool {
        if from != header.lane || !self.core.is_recovering() {
            return false;
        }
        let bytes = self.dues.sent_again.entry(from).or_default();
        let is_free = *bytes < AGAIN_BYTES;
        *bytes = bytes.saturating_add(costs(header));
        is_free
    }

    /// Charges for bundles of this round that the core has not stored: they are too heavy so far ahead of execution, or loose,
    /// and then out of memory again, or the next to make room there. Free are new ones of the sender's own lane, as owners
    /// send each once before they know what is missing, one that is certified, for it was asked for, and all while this
    /// replica is behind or has stopped: then the honest send many in vain.
    pub(super) fn charge_for_dropped(&mut self, work: &mut Work) {
        let is_spared = self.broken.is_some() || self.reporter.is_behind();
        for (from, header) in std::mem::take(&mut work.handed) {
            let is_stored = || work.stored.contains(&(header.lane, header.tip()));
            if is_spared || self.core.needs_bundle(&header) == Some(true) || is_stored() {
                continue;
            }
            if from != header.lane || !self.dues.loose.entry(from).or_default().takes(&header) {
                self.charge(from, costs(&header), work);
            }
        }
    }

    /// Takes a message into the core. Bulk other than bundles is charged if the core refuses it or nobody asked for it, and words
    /// about what this replica promised if their sender has told it before: the first are asked for at a start, and may come late.
    pub(super) fn let_in(&mut self, heard: Admitted, work: &mut Work) -> Result<(), EngineError> {
        let (from, known) = (heard.sender(), work.round.notices.len());
        let (bytes, is_asked) = match heard.message() {
            Message::Recalled { .. } => (bytes_of(&heard) * RECALLED_WEIGHS, self.dues.recalled.insert(from)),
            Message::Bundle(_) => (0, true),
            message @ Message::ViewChange { body, .. } => {
                let bytes = bytes_of(&heard).saturating_add(SIGNATURE_BYTES.saturating_mul(signatures(body)));
                (bytes, self.dues.replies.takes(from, message))
            }
            message if message.is_bulk() => (bytes_of(&heard), self.dues.replies.takes(from, message)),
            _ => (0, true),
        };
        self.take_in(Input::from(heard), work)?;
        let is_refused = || work.round.notices[known..].iter().any(|notice| matches!(notice, Notice::Refused(_)));
        if bytes > 0 && (!is_asked || is_refused()) {
            self.charge(from, bytes, work);
        }
        Ok(())
    }

    /// Notes what a member's frame of no use costs. At an observer nobody is charged: no member's link is slowed there.
    fn charge(&self, from: ReplicaId, bytes: u64, work: &mut Work) {
        let key = self.core.member().and_then(|_| self.epochs.committee.key(from));
        if let Some(key) = key {
            let useless = work.round.useless.entry(*key).or_default();
            *useless = useless.saturating_add(bytes);
        }
    }

    /// Bytes of items that no gate lets in: envelopes of authors who were never enrolled, copies of what had its verdict a while
    /// ago, and what the lane brought before. All evidence counts, for what it proves shows at its execution alone, and so
    /// does an analysis unless it is the lane's first of a conflict that has begun, that is open or was settled just now, as the member
    /// may not have seen, and of which the member has said nothing, or comes again as that one did nothing for the work that the
    /// member owed: one that comes before the conflict counts until that begins, for anybody can name a conflict. Conflicts that
    /// this replica did not see begin are free up to as many as wait at a member. Where all items count, so does the bundle.
    fn bytes_of_no_gate(&mut self, bundle: &Bundle, work: &Work) -> Result<(u64, u64), StoreError> {
        let (mut bytes, mut overhead) = (0, BUNDLE_BYTES);
        for (index, item) in bundle.items.iter().enumerate() {
            let counts = match item.kind {
                ItemKind::Envelope if self.is_new(&bundle.header, (index, item), work)? => 0,
                ItemKind::Analysis if self.is_wanted(&bundle.header, (index, item), work)? => 0,
                ItemKind::ReadMark => MARK_BYTES,
                ItemKind::Envelope | ItemKind::Analysis | ItemKind::Evidence | ItemKind::Member => {
                    item.bytes.len() as u64
                }
            };
            bytes += counts;
            overhead *= u64::from(counts > 0);
        }
        Ok((bytes, overhead))
    }

    fn is_wanted(
        &mut self,
        header: &BundleHeader,
        (index, item): (usize, &Item),
        work: &Work,
    ) -> Result<bool, StoreError> {
        let Some((of, key)) = Analysis::decode(&item.bytes).zip(self.epochs.committee.key(header.lane)) else {
            return Ok(false);
        };
        let (view, now) = (self.ledger.view(&work.batch), self.ledger.executed().time.get());
        let since = Time::new(now.saturating_sub(FRESH_MS));
        // Members bring some analyses long after their conflict began, which a replica that has started since did not see.
        if self.dues.brought.may_begin(header.lane, &of.conflict) && view.has_conflict(&of.conflict, since)? {
            self.dues.brought.begun_by(header.lane);
            self.dues.begins(&of.conflict, self.own_clock);
        }
        let is_first = self.dues.brought.is_wanted(header.lane, (header.position, index), &of.conflict);
        Ok(is_first && view.awaited_analysis(&of.conflict, key, since)?)
    }

    /// Notes what is given back as conflicts begin, of a bundle that was charged; its bytes.
    fn note_early(&mut self, bundle: &Bundle, mut overhead: u64) -> u64 {
        let BundleHeader { lane, position, .. } = bundle.header;
        let mut early = 0;
        for (index, item) in bundle.items.iter().enumerate().filter(|(_, item)| item.kind == ItemKind::Analysis) {
            let (place, bytes) = ((position, index), item.bytes.len() as u64 + std::mem::take(&mut overhead));
            if let Some(of) = Analysis::decode(&item.bytes)
                && self.dues.brought.is_charged(lane, place, (&of.conflict, bytes), self.own_clock)
            {
                early += bytes;
            }
        }
        early
    }

    fn is_new(
        &mut self,
        header: &BundleHeader,
        (index, item): (usize, &Item),
        work: &Work,
    ) -> Result<bool, StoreError> {
        let Some(claim) = Claim::read(&item.bytes) else { return Ok(false) };
        let novelty = self.ledger.novelty(&work.batch, &claim, &item.bytes)?;
        let earlier = self.dues.brought.note(header.lane, (header.position, index), &claim, self.own_clock);
        let now = self.ledger.executed().time.get();
        Ok(match novelty {
            Novelty::Stranger => false,
            // What was executed without a verdict is brought again.
            Novelty::New => earlier != Some(Earlier::Waits),
            Novelty::Nowhere => earlier.is_none(),
            Novelty::Judged { at, lane } => {
                let is_fresh = now.saturating_sub(at.get()) <= FRESH_MS;
                is_fresh && lane != Some(header.lane) && earlier.is_none()
            }
        })
    }
}

/// Signatures of others in a ViewChange.
fn signatures(body: &ViewChange) -> u64 {
    let certified = |certificate: &ClaimedCert| certificate.signatures.len();
    let prepared = body.prepared.iter().map(|entry| 1 + certified(&entry.certificate)).sum::<usize>();
    (prepared + body.voted.len() + body.checkpoint.as_ref().map_or(0, certified)) as u64
}

fn bytes_of(heard: &Admitted) -> u64 {
    FRAME_BYTES + borsh::object_length(heard.message()).map_or(0, |bytes| bytes as u64)
}
