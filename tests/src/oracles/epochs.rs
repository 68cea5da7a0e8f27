//! Epochs: one member list and one end for each, no honest vote outside its epoch's slots nor in an epoch whose beginning q
//! members of the one before have not signed, and in the end everybody honest is in
//! the newest epoch, with the part that its list gives (M1, M3).

use super::{Extreme, Oracle, Verdict};
use crate::presets::{MILLI, SECOND};
use crate::scene::{Fact, Scene, Survey, statements};
use crate::weather::Micros;
use quorate_pbft::{ClaimedCert, Committee, Decided, Digest, Epoch, Executed, Kind, ReplicaId, SeqNum, Signed};
use std::collections::{BTreeMap, BTreeSet};

/// Name of the longest way from the slot that names an epoch to its first one.
const WAY: &str = "ms from the name of an epoch to its first slot";
/// Name of the longest time between the last slot of an epoch and the first of the next.
const GAP: &str = "ms between two epochs";

#[derive(Default)]
pub(super) struct Epochs {
    /// The last slot before each later epoch, and the digest of its members.
    begins: BTreeMap<Epoch, (SeqNum, Digest)>,
    /// The lowest and the highest slot that somebody honest voted for in each epoch.
    voted: BTreeMap<Epoch, (SeqNum, SeqNum)>,
    /// Signers of each state, by epoch and slot: numbers of members, from their words and from certificates on disks.
    signed: BTreeMap<(Epoch, SeqNum, Digest), BTreeSet<ReplicaId>>,
    /// Who voted last, and in which epoch: its disk is shown after its words.
    voter: Option<(ReplicaId, Epoch)>,
    crossed: u64,
    /// When somebody honest first executed the slot that names an epoch, and the last slot before it.
    seen: BTreeMap<Epoch, (Micros, Option<Micros>)>,
    /// The longest ways from there to the first slot of an epoch.
    longest: (Micros, Micros),
}

/// Time of a run after the calm: no epoch can take longer.
const PATIENCE: Micros = 61 * SECOND;

impl Epochs {
    fn name(&mut self, by: ReplicaId, next: &Committee, scene: &Scene<'_>) -> Verdict {
        let named = (next.base(), next.digest());
        let keys =
            scene.plan.list(next.epoch()).into_iter().map(|place| scene.keys.signers[place.index()].public_key());
        if !keys.eq(next.keys().copied()) {
            return Err(format!("{by} names other members of epoch {}", next.epoch()));
        }
        let first = *self.begins.entry(next.epoch()).or_insert(named);
        if first != named {
            return Err(format!("{by} lets epoch {} begin after {named:?}, another after {first:?}", next.epoch()));
        }
        self.check(next.epoch())
    }

    /// Votes of an epoch and of the one before lie on their sides of the slot between them.
    fn check(&self, epoch: Epoch) -> Verdict {
        let Some((base, _)) = self.begins.get(&epoch) else { return Ok(()) };
        let before = epoch.previous().and_then(|before| self.voted.get(&before)).map(|(_, highest)| *highest);
        let after = self.voted.get(&epoch).map(|(lowest, _)| *lowest);
        if before.is_some_and(|highest| highest > *base) || after.is_some_and(|lowest| lowest <= *base) {
            return Err(format!(
                "votes up to {before:?} before epoch {epoch}, which begins after {base}; in it from {after:?}"
            ));
        }
        Ok(())
    }

    /// Notes how long the group is on its way to an epoch, and between the last slot of one and the first of the next.
    fn time(&mut self, decided: &Decided, executed: &Executed, now: Micros) {
        if let Some(next) = &executed.next {
            let (_, ended) = self.seen.entry(next.epoch()).or_insert((now, None));
            *ended = ended.or((next.base() == decided.seq).then_some(now));
        }
        let base = self.begins.get(&decided.epoch).map(|(base, _)| *base);
        if base.is_some_and(|base| decided.seq == base.next()) {
            self.crossed += 1;
            if let Some((named, Some(ended))) = self.seen.insert(decided.epoch, (now, None)) {
                let (way, gap) = self.longest;
                self.longest = (way.max(now - named), gap.max(now - ended));
            }
        }
    }

    fn sign(&mut self, epoch: Epoch, seq: SeqNum, digest: Digest, signer: ReplicaId) {
        self.signed.entry((epoch, seq, digest)).or_default().insert(signer);
    }

    /// M1: an epoch begins when q members of the one before have signed the state that names its list.
    fn entered(&self, epoch: Epoch, scene: &Scene<'_>) -> Verdict {
        let Some(before) = epoch.previous() else { return Ok(()) };
        let Some((base, _)) = self.begins.get(&epoch) else {
            return Err(format!("somebody votes in epoch {epoch}, which no slot names"));
        };
        let of_base = (before, *base, Digest::ZERO)..=(before, *base, Digest([u8::MAX; 32]));
        let signers = self.signed.range(of_base).map(|(_, signers)| signers.len()).max().unwrap_or_default();
        let quorum = 2 * scene.plan.list(before).len() / 3 + 1;
        if signers < quorum {
            return Err(format!(
                "somebody votes in epoch {epoch}, and {signers} of {quorum} signed its beginning at {base}"
            ));
        }
        Ok(())
    }

    fn vote(&mut self, signed: &Signed) -> Verdict {
        let (epoch, seq) = (signed.statement.epoch, signed.statement.seq);
        if signed.statement.kind == Kind::Checkpoint {
            self.sign(epoch, seq, signed.statement.digest, signed.signer);
        }
        let (lowest, highest) = self.voted.entry(epoch).or_insert((seq, seq));
        (*lowest, *highest) = (seq.min(*lowest), seq.max(*highest));
        self.check(epoch)?;
        self.check(epoch.next())
    }
}

impl Oracle for Epochs {
    fn name(&self) -> &'static str {
        "epochs"
    }

    fn watch(&mut self, fact: &Fact<'_>, scene: &Scene<'_>) -> Verdict {
        if scene.plan.lists.is_empty() {
            return Ok(());
        }
        let is_later = |voter: ReplicaId| match fact {
            Fact::Sent { from, .. } => *from != voter,
            _ => matches!(fact, Fact::Heard { .. }),
        };
        if let Some((_, epoch)) = self.voter.take_if(|(voter, _)| is_later(*voter)) {
            self.entered(epoch, scene)?;
        }
        match fact {
            Fact::Sent { from, message, .. } => {
                let votes =
                    |kind: Kind| matches!(kind, Kind::PrePrepare | Kind::Prepare | Kind::Commit | Kind::Checkpoint);
                let own = |signed: &Signed| scene.plan.seat(signed.statement.epoch, signed.signer) == Some(*from);
                let votes = statements(message).into_iter().filter(|of| own(of) && votes(of.statement.kind));
                let votes: Vec<Signed> = votes.collect();
                self.voter = votes.last().map(|signed| (*from, signed.statement.epoch)).or(self.voter);
                votes.iter().try_for_each(|signed| self.vote(signed))
            }
            Fact::Stored { certificate, .. } if certificate.kind == Kind::Checkpoint => {
                let ClaimedCert { epoch, seq, digest, .. } = **certificate;
                certificate.signatures.iter().for_each(|(signer, _)| self.sign(epoch, seq, digest, *signer));
                Ok(())
            }
            Fact::Executed { by, decided, executed, .. } => {
                self.time(decided, executed, scene.now);
                executed.next.as_ref().map_or(Ok(()), |next| self.name(*by, next, scene))
            }
            _ => Ok(()),
        }
    }

    fn waits_for(&self, survey: &Survey<'_>, scene: &Scene<'_>) -> Option<String> {
        let newest = self.begins.keys().next_back().copied().unwrap_or_default();
        survey.standings.iter().find_map(|standing| {
            let (replica, epoch) = (standing.replica, standing.epoch);
            if epoch != newest {
                return Some(format!("{replica} is in epoch {epoch}, {newest} is the newest"));
            }
            let listed = scene.plan.list(newest).contains(&replica);
            (standing.is_member != listed).then(|| format!("{replica} is a member of {newest}: {}", standing.is_member))
        })
    }

    fn extremes(&self) -> Vec<Extreme> {
        let extreme = |what, value| Extreme { what, value: value / MILLI, limit: PATIENCE / MILLI };
        let both = [(WAY, self.longest.0), (GAP, self.longest.1)];
        both.into_iter().filter(|_| self.crossed > 0).map(|(what, value)| extreme(what, value)).collect()
    }

    fn tallies(&self) -> BTreeMap<&'static str, u64> {
        [("epochs that a replica began", self.crossed)].into_iter().filter(|(_, count)| *count > 0).collect()
    }
}
