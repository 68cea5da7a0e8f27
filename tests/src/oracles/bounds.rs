//! Bounded memory (B): whatever peers send, what an honest replica keeps of it stays within limits that follow from the
//! rules, written down here once more.

use super::{Extreme, Oracle, Verdict};
use crate::plan::Plan;
use crate::scene::{Fact, Scene};
use quorate_pbft::Holdings;
use std::collections::BTreeMap;

/// B: proposed, voted for, prepared and committed may all differ.
const CONTENTS_OF_A_SLOT: u64 = 4;
/// C1: marks come at most once in 50 ms and a certificate soon after.
const CHECKPOINTS_OF_A_SIGNER: u64 = 64;
/// E2: Bundle and Ack statements of one signer in one lane: twice what lies above a certified tip.
const LANE_STATEMENTS_OF_A_SIGNER: u64 = 1_024;
/// L1: twice what an owner may have out without a certificate.
const ACKS_OF_A_SIGNER: u64 = 16;
/// R: strong reads that wait at one replica.
const READS: u64 = 4_096;
/// A, L2: bytes that wait for the own lane, and evidence beyond.
const PENDING_BYTES: u64 = (64 << 20) + (1 << 20);
/// L1: the largest item, and its frame.
const ITEM_BYTES: u64 = (32 << 20) + (64 << 10);

#[derive(Default)]
pub(super) struct Bounds(BTreeMap<&'static str, (u64, u64)>);

/// Each buffer, how full it is and may be.
fn limits(holds: &Holdings, plan: &Plan) -> [(&'static str, u64, u64); 20] {
    let (n, constants) = (plan.n_max() as u64, &plan.constants);
    let window = constants.window;
    let count = |count: usize| count as u64;
    // One latest demand for each member names at most one start for each of its entries, P and Q; so does the own log.
    let starts = (n + 1) * 2 * window + 2;
    [
        // Decisions of a window above what is executed, which is at most a window and a half above what is stable.
        ("slots", count(holds.slots), 3 * window),
        ("contents of a slot", count(holds.contents), CONTENTS_OF_A_SLOT),
        ("votes of a slot", count(holds.votes), 2 * n),
        ("checkpoints of a signer", count(holds.checkpoint_votes), CHECKPOINTS_OF_A_SIGNER),
        // For each member three kinds of votes, checkpoints, demands, starts, bundles, and acknowledgements by lane.
        ("series of statements", count(holds.series), n * (7 + n)),
        ("statements of a series", count(holds.remembered), 3 * window),
        ("statements of a lane", count(holds.remembered_of_lanes), LANE_STATEMENTS_OF_A_SIGNER),
        ("references of a subject", count(holds.references), LANE_STATEMENTS_OF_A_SIGNER.max(3 * window)),
        ("evidence", count(holds.evidence), n),
        ("bundles of a lane", count(holds.bundles), constants.lane_ahead_bundles_max + 1),
        ("bytes of a lane", holds.bundle_bytes, constants.lane_ahead_bytes_max + ITEM_BYTES),
        ("loose bytes of a lane", loose(holds), u64::from(constants.bundle_bytes_max)),
        ("acks of a signer in a lane", count(holds.acks), ACKS_OF_A_SIGNER),
        ("certificates of a lane", count(holds.certificates), constants.lane_ahead_bundles_max),
        ("demands", count(holds.view_changes), n),
        ("starts", count(holds.new_views), starts),
        ("early proposals", count(holds.early), 2 * window),
        // The next slots, a content for each, each lane, and starts that peers claim or name.
        ("questions", count(holds.asking), 1 + 3 * window + 4 * n),
        ("reads", count(holds.reads), READS),
        ("pending bytes", holds.pending_bytes, PENDING_BYTES),
    ]
}

/// B: 1 MiB or one bundle.
fn loose(holds: &Holdings) -> u64 {
    if holds.loose_bundles <= 1 { 0 } else { holds.loose_bytes }
}

impl Oracle for Bounds {
    fn name(&self) -> &'static str {
        "bounds"
    }

    fn watch(&mut self, fact: &Fact<'_>, scene: &Scene<'_>) -> Verdict {
        let Fact::Holds { by, holdings } = fact else { return Ok(()) };
        for (what, value, limit) in limits(holdings, scene.plan) {
            let most = self.0.entry(what).or_insert((0, limit));
            most.0 = most.0.max(value);
            if value > limit {
                return Err(format!("{by} holds {value} ({what}), {limit} are enough"));
            }
        }
        Ok(())
    }

    fn extremes(&self) -> Vec<Extreme> {
        self.0.iter().map(|(what, (value, limit))| Extreme { what, value: *value, limit: *limit }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets::Preset;

    #[test]
    fn each_buffer_has_a_limit_that_one_more_exceeds() {
        let plan = Plan::of(1, Some(Preset::Short));
        let window = plan.constants.window as usize;
        let full = |holds: Holdings| limits(&holds, &plan).iter().filter(|(_, value, limit)| value > limit).count();
        assert_eq!(full(Holdings::default()), 0);
        assert_eq!(full(Holdings { evidence: plan.n, remembered: 3 * window, acks: 16, ..Holdings::default() }), 0);
        assert_eq!(full(Holdings { evidence: plan.n + 1, ..Holdings::default() }), 1);
        assert_eq!(full(Holdings { remembered: 3 * window + 1, acks: 17, ..Holdings::default() }), 2);
        assert_eq!(full(Holdings { loose_bundles: 1, loose_bytes: u64::MAX, ..Holdings::default() }), 0);
        assert_eq!(full(Holdings { loose_bundles: 2, loose_bytes: 2 << 20, ..Holdings::default() }), 1);
    }
}
