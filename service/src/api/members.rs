//! `/v1/members/plan`: what a reconfiguration would change, and why it could not take effect now.

use super::Shared;
use super::page::json;
use super::problem::{Answer, Failure};
use crate::engine::Report;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use quorate_client::api::{EpochMember, MemberPlan, MustBeUp, PendingEpoch, Step};
use quorate_ledger::{MemberEntry, Plan, Reconfiguration};
use quorate_pbft::{Committee, Program, ReplicaId, SeqNum};

/// The next epoch, while a reconfiguration is pending.
pub fn pending((epoch, rules): (u64, u32), after: SeqNum, members: Vec<MemberEntry>) -> PendingEpoch {
    let member = |entry: MemberEntry| EpochMember {
        replica: entry.replica.get(),
        key: entry.key,
        organisation: entry.organisation,
    };
    let members = members.into_iter().map(member).collect();
    PendingEpoch { epoch: epoch + 1, after: after.get(), members, rules }
}

/// Answers with the plan of a reconfiguration. Nothing changes.
pub async fn plan(State(service): Shared, body: Result<Bytes, BytesRejection>) -> Answer<Response> {
    let body = body.map_err(|error| Failure::new(error.status(), "bad-request", error.body_text()))?;
    let change: Reconfiguration =
        serde_json::from_slice(&body).map_err(|error| Failure::bad_request(format!("no reconfiguration: {error}")))?;
    let published = service.now();
    json(&service, move || {
        let plan = published.moment.view().plan(&change)?;
        let unready = change.rules.map_or_else(Vec::new, |rules| unready(&published.report, &plan.present, rules));
        Ok(told(plan, unready))
    })
    .await
}

/// Members that are not known to execute by these rules: of another program, or not heard since this one began.
fn unready(report: &Report, members: &Committee, rules: u32) -> Vec<u16> {
    let executes = |program: Program| (program.rules_oldest..=program.rules_newest).contains(&rules);
    let is_ready = |member: &ReplicaId| report.program_of(*member).is_some_and(executes);
    members.replicas().filter(|member| !is_ready(member)).map(ReplicaId::get).collect()
}

fn told(plan: Plan, unready_for_rules: Vec<u16>) -> MemberPlan {
    let Plan { present, next, refused } = plan;
    let step = |count: fn(&Committee) -> usize| Step { before: count(&present), after: next.as_ref().map(count) };
    let (n, f, q) = (step(Committee::len), step(Committee::faulty_max), step(Committee::quorum));
    let must_be_up = next.map(|next| MustBeUp { count: next.quorum(), of: next.keys().copied().collect() });
    MemberPlan { n, f, q, must_be_up, refused, unready_for_rules }
}
