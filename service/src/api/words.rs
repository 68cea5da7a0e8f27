//! Words about a change that waits for them, or has waited: who approved it, read from the node's own history.
//!
//! The state forgets the words with the end of the wait. Each is an accepted envelope of the domain between the revision that
//! ordered the change and that which ended its wait, and its bytes are in the bundle that brought it. An answer looks at a
//! bounded part of the log, and says where the next one goes on.

use super::problem::Answer;
use crate::engine::Moment;
use quorate_client::api::Word;
use quorate_ledger::{Brought, Envelope, EnvelopeId, Op, Revision, StoreError};
use quorate_pbft::{Digest, Epoch, Item, ItemKind, Message, Position, Question, ReplicaId, Wanted};
use quorate_storage::SupplyLimits;
use std::collections::BTreeMap;

/// Lines of the log that one answer looks at.
const LINES_MAX: usize = 1_000;

/// Bytes of receipts and bundles that one answer reads, and the bundle that passes them.
const BYTES_MAX: usize = 4 << 20;

/// Words of a part of the log.
#[derive(Default)]
pub struct Found {
    /// The words, in order.
    pub words: Vec<Word>,
    /// The revision behind which the next answer goes on, if there is more.
    pub next: Option<Revision>,
    /// The newest revision whose bundle is not kept here: it may have been a word.
    pub lacks: Option<Revision>,
}

/// Words about a change among the envelopes that a domain accepted after a revision and up to another.
pub fn between(
    moment: &Moment,
    (domain, change): (&str, &EnvelopeId),
    (after, until): (Revision, Revision),
) -> Answer<Found> {
    let view = moment.view();
    let lines = view.first_accepted(domain, (after, until), LINES_MAX)?;
    let (mut found, mut bundles) = (Found::default(), Bundles::new(moment, change));
    for (place, (revision, id)) in (1..).zip(&lines) {
        if let Some(brought) = view.brought(*revision, id)? {
            match bundles.word(&brought)? {
                None => found.lacks = Some(*revision),
                Some(None) => (),
                Some(Some(approve)) => {
                    let (id, author, revision) = (brought.id, brought.author, *revision);
                    let organisation = view.organisation(&author)?.unwrap_or_default();
                    found.words.push(Word { id, revision, author, organisation, approve });
                }
            }
        }
        if place == LINES_MAX || bundles.bytes >= BYTES_MAX {
            found.next = Some(*revision).filter(|last| *last < until);
            break;
        }
    }
    Ok(found)
}

/// Place of a bundle.
type Place = (Epoch, ReplicaId, Position);

/// Bundles that are read one after the other for what they say of a change; the last one is kept.
struct Bundles<'a> {
    moment: &'a Moment,
    change: &'a EnvelopeId,
    group: Digest,
    last: Option<(Place, BTreeMap<EnvelopeId, Option<bool>>)>,
    bytes: usize,
}

impl<'a> Bundles<'a> {
    fn new(moment: &'a Moment, change: &'a EnvelopeId) -> Self {
        Self { moment, change, group: moment.ledger.genesis().group(), last: None, bytes: 0 }
    }

    /// Word of an envelope about the change, if it has one; none where the envelope is not kept here.
    fn word(&mut self, brought: &Brought) -> Result<Option<Option<bool>>, StoreError> {
        let place = (brought.epoch, brought.lane, brought.position);
        self.bytes += brought.bytes;
        if self.last.as_ref().is_none_or(|(last, _)| *last != place) {
            self.last = Some((place, self.read(place)?));
        }
        Ok(self.last.as_ref().and_then(|(_, words)| words.get(&brought.id).copied()))
    }

    /// Envelopes of a bundle, each with its word about the change.
    fn read(&mut self, (epoch, lane, at): Place) -> Result<BTreeMap<EnvelopeId, Option<bool>>, StoreError> {
        let wanted = Wanted::Bundles { lane, from: at, to: at };
        let found = self.moment.snapshot.supply(&Question { epoch, wanted }, SupplyLimits::default())?;
        let mut words = BTreeMap::new();
        for message in &found {
            let Message::Bundle(bundle) = message else { continue };
            self.bytes += bundle.items.iter().map(|item| item.bytes.len()).sum::<usize>();
            words.extend(bundle.items.iter().filter_map(|item| self.of_item(item)));
        }
        Ok(words)
    }

    fn of_item(&self, item: &Item) -> Option<(EnvelopeId, Option<bool>)> {
        if item.kind != ItemKind::Envelope {
            return None;
        }
        let envelope: Envelope = borsh::from_slice(&item.bytes).ok()?;
        let ops = envelope.body.changes.iter().flat_map(|change| &change.ops);
        let mut words = ops.filter_map(|op| match op {
            Op::Attest { envelope, approve } if envelope == self.change => Some(*approve),
            _ => None,
        });
        Some((envelope.id(&self.group), words.next()))
    }
}
