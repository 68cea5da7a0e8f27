//! Every equivocation whose two halves two honest replicas hold is on the ledger in the end (E2, E5).
//!
//! A replica holds a statement from when it heard it until it is killed, or a stable checkpoint lies two periods above.
//! Votes beyond its view or its window are not asked for: it may drop them. Headers are compared with the tips that
//! others announce, demands and starts with those that they hold (E2): two headers of which nobody honest acknowledged a
//! bundle, and two statements about demands or starts that nobody honest has seen, need not meet. Nor need two votes for a
//! slot that nobody honest has executed, or two acknowledgements of a bundle like that: there is nothing to keep them
//! apart from.

use super::bounds::EVIDENCE_AGAINST_ONE;
use super::{Oracle, Verdict};
use crate::attackers::Attack;
use crate::scene::{Fact, Scene, Survey, statements};
use quorate_pbft::{
    Digest, Epoch, EvidenceKey, EvidenceKind, Kind, Message, ReplicaId, SeqNum, Signed, Statement, View,
};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub(super) struct Evidenced {
    heard: BTreeMap<Place, Vec<(ReplicaId, Digest)>>,
    split: Vec<Place>,
    /// Bundles that an honest replica acknowledged, demands and starts that one has seen whole.
    announced: BTreeSet<Place>,
}

/// Signer, kind (votes are one), epoch, view and slot.
type Place = (ReplicaId, EvidenceKind, Epoch, View, SeqNum);

fn place(signed: &Signed) -> Option<Place> {
    let Statement { kind, epoch, view, seq, .. } = signed.statement;
    let kind = match kind {
        Kind::Status => return None,
        Kind::PrePrepare | Kind::Prepare | Kind::Commit => EvidenceKind::Proposal,
        Kind::Bundle => EvidenceKind::Bundle,
        Kind::Ack => EvidenceKind::Ack,
        // Before the first slot nobody goes by anything.
        Kind::Checkpoint if seq == SeqNum::new(0) => return None,
        Kind::Checkpoint => EvidenceKind::Checkpoint,
        Kind::ViewChange => EvidenceKind::ViewChange,
        Kind::NewView => EvidenceKind::NewView,
    };
    Some((signed.signer, kind, epoch, view, seq))
}

impl Evidenced {
    fn hear(&mut self, by: ReplicaId, signed: &Signed) {
        let Some(place) = place(signed) else { return };
        let holders = self.heard.entry(place).or_default();
        let digest = signed.statement.digest;
        if holders.contains(&(by, digest)) {
            return;
        }
        let was_split = is_split(holders);
        holders.push((by, digest));
        if !was_split && is_split(holders) {
            self.split.push(place);
        }
    }

    fn acknowledge(&mut self, ack: &Statement) {
        if let Ok(owner) = u16::try_from(ack.view.get()) {
            let place = (ReplicaId::new(owner), EvidenceKind::Bundle, ack.epoch, View::new(0), ack.seq);
            self.announced.insert(place);
        }
    }

    /// Whether two different halves at this place are held by replicas that had no reason to drop them.
    fn is_held(&self, place: &Place, survey: &Survey<'_>, scene: &Scene<'_>) -> bool {
        let compared = matches!(place.1, EvidenceKind::Bundle | EvidenceKind::ViewChange | EvidenceKind::NewView);
        if (compared && !self.announced.contains(place)) || !is_reached(place, survey) {
            return false;
        }
        let kept_below = 2 * scene.plan.constants.checkpoint_period;
        let keeps = |replica: &ReplicaId| {
            let standing = survey.standings.iter().find(|standing| standing.replica == *replica);
            let pruned = matches!(place.1, EvidenceKind::Proposal | EvidenceKind::Checkpoint);
            standing.is_some_and(|standing| !pruned || place.4.plus(kept_below) > standing.stable)
        };
        let holders: Vec<_> =
            self.heard.get(place).into_iter().flatten().filter(|(by, _)| keeps(by)).copied().collect();
        is_split(&holders)
    }
}

/// Whether honest replicas go by something there: above the highest executed slot, and above the highest executed bundle
/// of a lane, they may have nothing to compare a word with.
fn is_reached((_, kind, _, view, seq): &Place, survey: &Survey<'_>) -> bool {
    let mut cores = survey.standings.iter().filter_map(|standing| standing.machine.replica());
    match kind {
        EvidenceKind::Proposal | EvidenceKind::Checkpoint => {
            survey.standings.iter().any(|standing| *seq <= standing.executed)
        }
        EvidenceKind::Ack => cores.any(|core| {
            let tips = &core.executed_point().tips;
            tips.get(view.get() as usize).is_some_and(|tip| seq.get() <= tip.position.get())
        }),
        _ => true,
    }
}

fn is_split(holders: &[(ReplicaId, Digest)]) -> bool {
    holders.iter().any(|(_, digest)| Some(digest) != holders.first().map(|(_, first)| first))
}

/// True for liars whose statements must be kept; a flooder says more than anybody has to keep (E2).
fn is_liar(signer: ReplicaId, scene: &Scene<'_>) -> bool {
    scene.plan.attackers.iter().any(|(liar, attack)| *liar == signer && *attack != Attack::Flooder)
}

/// Whether the hearer of a vote may not drop it.
fn is_due(signed: &Signed, view: View, stable: SeqNum, scene: &Scene<'_>) -> bool {
    let statement = &signed.statement;
    let vote = matches!(statement.kind, Kind::PrePrepare | Kind::Prepare | Kind::Commit | Kind::Checkpoint);
    let constants = &scene.plan.constants;
    let in_window = statement.seq <= stable.plus(constants.window);
    let recent = statement.seq.plus(constants.checkpoint_period) > stable;
    !vote || (statement.view <= view && in_window && recent)
}

impl Oracle for Evidenced {
    fn name(&self) -> &'static str {
        "evidence"
    }

    fn watch(&mut self, fact: &Fact<'_>, scene: &Scene<'_>) -> Verdict {
        match fact {
            Fact::Heard { message: Message::Recalled { .. }, .. } => (),
            Fact::Heard { by, message, view, stable } => {
                let lies = statements(message).into_iter().filter(|signed| is_liar(signed.signer, scene));
                let due: Vec<Signed> = lies.filter(|signed| is_due(signed, *view, *stable, scene)).collect();
                due.iter().for_each(|signed| self.hear(*by, signed));
                if matches!(message, Message::ViewChange { .. } | Message::NewView { .. }) {
                    self.announced.extend(due.iter().filter_map(place));
                }
            }
            Fact::Sent { message: Message::Ack(signed), .. } => self.acknowledge(&signed.statement),
            Fact::Killed { replica } => {
                self.heard.values_mut().for_each(|holders| holders.retain(|(by, _)| by != replica));
            }
            _ => (),
        }
        Ok(())
    }

    fn waits_for(&self, survey: &Survey<'_>, scene: &Scene<'_>) -> Option<String> {
        self.split.iter().find_map(|place| {
            let (signer, kind, epoch, view, seq) = *place;
            let key = EvidenceKey { signer, epoch, kind };
            let recorded = survey.standings.iter().all(|standing| {
                let against = standing.recorded.iter().filter(|recorded| recorded.signer == signer).count();
                standing.recorded.contains(&key) || against as u64 >= EVIDENCE_AGAINST_ONE
            });
            let missing = !recorded && self.is_held(place, survey, scene);
            missing.then(|| format!("{signer} said two things ({kind:?}, view {view}, slot {seq}), nobody proved it"))
        })
    }
}
