//! `/v1/members/plan`: what a reconfiguration would change, and why it could not take effect now.

use super::Shared;
use super::page::json;
use super::problem::{Answer, Failure};
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use quorate_client::api::{EpochMember, MemberPlan, MustBeUp, PendingEpoch, Step};
use quorate_ledger::{MemberEntry, Plan, Reconfiguration};
use quorate_pbft::{Committee, SeqNum};

/// The next epoch, while a reconfiguration is pending.
pub fn pending(epoch: u64, after: SeqNum, members: Vec<MemberEntry>) -> PendingEpoch {
    let member = |entry: MemberEntry| EpochMember {
        replica: entry.replica.get(),
        key: entry.key,
        organisation: entry.organisation,
    };
    let members = members.into_iter().map(member).collect();
    PendingEpoch { epoch: epoch + 1, after: after.get(), members }
}

/// Answers with the plan of a reconfiguration. Nothing changes.
pub async fn plan(State(service): Shared, body: Result<Bytes, BytesRejection>) -> Answer<Response> {
    let body = body.map_err(|error| Failure::new(error.status(), "bad-request", error.body_text()))?;
    let change: Reconfiguration =
        serde_json::from_slice(&body).map_err(|error| Failure::bad_request(format!("no reconfiguration: {error}")))?;
    let moment = service.now().moment;
    json(&service, move || Ok(told(moment.view().plan(&change)?))).await
}

fn told(plan: Plan) -> MemberPlan {
    let Plan { present, next, refused } = plan;
    let step = |count: fn(&Committee) -> usize| Step { before: count(&present), after: next.as_ref().map(count) };
    let (n, f, q) = (step(Committee::len), step(Committee::faulty_max), step(Committee::quorum));
    let must_be_up = next.map(|next| MustBeUp { count: next.quorum(), of: next.keys().copied().collect() });
    MemberPlan { n, f, q, must_be_up, refused }
}
