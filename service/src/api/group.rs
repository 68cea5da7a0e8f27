//! Members, epochs, peers and checkpoints.

use super::Shared;
use super::conduct;
use super::members;
use super::page::{Cut, json};
use super::param::{InQuery, wants_proof};
use super::peer_name::peer_id;
use super::problem::Answer;
use crate::clock::now_ms;
use crate::conduct::Who;
use crate::engine::{PeerFacts, Published};
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use quorate_client::api::{
    CheckpointEntry, Conduct, EpochEntry, EpochMember, GroupLimits, Member, MemberProgram, Members, Page, Peer,
    Standing,
};
use quorate_ledger::EpochEntry as Found;
use quorate_ledger::RulesRange;
use quorate_ledger::reputation::Reputation;
use quorate_net::{PeerInfo, Source};
use quorate_pbft::{Epoch, Program, PublicKey, ReplicaId, SeqNum, Time, View};
use schemars::JsonSchema;
use serde::Deserialize;

/// Type of a file's body.
const FILE: &str = "application/octet-stream";

/// The voters of the epoch.
pub async fn members(State(service): Shared) -> Answer<Json<Members>> {
    let Published { moment, report, .. } = service.now();
    let (epoch, rules, next_rules) =
        (moment.ledger.head().epoch.get(), moment.ledger.rules(), moment.ledger.next_rules());
    let read = move || Ok((moment.view().members()?, moment.view().next_members()?));
    let (members, next) = service.blocking(read).await?;
    let items = members.into_iter().map(|member| Member {
        replica: member.replica.get(),
        key: member.key,
        peer_id: peer_id(&member.key),
        organisation: member.organisation,
        standing: standing(member.evidence, member.reputation),
        program: report.program_of(member.replica).map(program),
    });
    let pending = next.map(|(after, members)| members::pending((epoch, next_rules), after, members));
    Ok(Json(Members { items: items.collect(), next: None, epoch, rules, pending }))
}

/// The genesis, byte for byte. A client that has none of its own has nothing to check it with.
pub async fn genesis(State(service): Shared) -> Response {
    ([(header::CONTENT_TYPE, FILE)], service.genesis.bytes().to_vec()).into_response()
}

/// The limits that the genesis sets to a change.
pub async fn limits(State(service): Shared) -> Json<GroupLimits> {
    let limits = service.genesis.limits();
    Json(GroupLimits {
        file_bytes_max: limits.file_bytes_max,
        envelope_bytes_max: limits.envelope_bytes_max,
        changes_max: limits.changes_max,
        operations_max: limits.operations_max,
        base_horizon_ms: Some(limits.base_horizon_ms),
    })
}

/// The query of the epochs.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct EpochsQuery {
    #[serde(flatten)]
    cut: Cut,
    /// Whether the file that proves them is wanted instead.
    #[serde(default)]
    #[schemars(with = "Option<bool>")]
    proof: Option<String>,
}

/// The epochs so far, or the file that leads through them from the genesis.
pub async fn epochs(State(service): Shared, InQuery(query): InQuery<EpochsQuery>) -> Answer<Response> {
    let moment = service.moment();
    let (from, limit) = (query.cut.cursor()?.map(Epoch::new), query.cut.limit()?);
    if wants_proof(query.proof.as_deref())? {
        return service.answers.send(FILE, move || Ok(moment.view().chain_of_epochs()?.encode())).await;
    }
    json(&service, move || {
        let page = moment.view().epochs(from, limit)?;
        Ok(Page { items: page.items.into_iter().map(epoch).collect(), next: page.next })
    })
    .await
}

fn epoch(found: Found) -> EpochEntry {
    let member = |(replica, key, organisation): (ReplicaId, PublicKey, String)| EpochMember {
        replica: replica.get(),
        key,
        organisation,
    };
    let members = found.members.into_iter().map(member).collect();
    let (after, until) = (found.after.get(), found.until.map(SeqNum::get));
    EpochEntry { epoch: found.epoch.get(), after, until, rules: found.rules, members }
}

fn program(said: Program) -> MemberProgram {
    let Program { wire, rules_oldest: oldest, rules_newest: newest, version: [major, minor, patch] } = said;
    MemberProgram { version: format!("{major}.{minor}.{patch}"), rules: RulesRange { oldest, newest }, wire }
}

fn standing(evidence: u8, reputation: Reputation) -> Standing {
    let state = if evidence > 0 { "accused" } else { "good" };
    Standing { state: state.to_owned(), figure: reputation.score, reasons: reputation.reasons }
}

/// The other members, as this replica hears them, and other peers that have offended.
pub async fn peers(State(service): Shared) -> Json<Page<Peer>> {
    let report = service.report();
    let facts = |id: ReplicaId| report.peers.iter().find(|facts| facts.replica == id);
    let links = service.membership.links().into_iter();
    let members = links.map(|link| peer(&link, link.id.and_then(facts), conduct::of(&service, Who::Member(link.key))));
    Json(Page { items: members.chain(conduct::others(&service)).chain(conduct::liars(&service)).collect(), next: None })
}

fn peer(link: &PeerInfo, facts: Option<&PeerFacts>, conduct: Conduct) -> Peer {
    Peer {
        replica: link.id.map(ReplicaId::get),
        peer_id: link.peer_id.to_string(),
        address: link.address.as_ref().map(ToString::to_string),
        source: link.told.map(|(source, _)| source.word().to_owned()),
        told_ms: link.told.filter(|(source, _)| *source != Source::Config).map(|(_, age)| age.as_millis() as u64),
        connected: link.is_up,
        heard_ms: facts.and_then(|facts| facts.heard_at).map(ago),
        executed_seq: facts.and_then(|facts| facts.executed).map(SeqNum::get),
        view: facts.and_then(|facts| facts.view).map(View::get),
        lie: None,
        conduct,
    }
}

fn ago(at: Time) -> u64 {
    now_ms().saturating_sub(at.get())
}

/// The newest certified checkpoint at hand. Earlier ones say nothing more: each covers all before it.
pub async fn checkpoints(State(service): Shared) -> Answer<Json<Page<CheckpointEntry>>> {
    let certified = service.now().certified;
    let items = certified.map(|certified| {
        let (ledger, certificate) = (&certified.moment.ledger, &certified.certificate);
        CheckpointEntry {
            epoch: certificate.epoch().get(),
            seq: certificate.seq().get(),
            state_root: ledger.executed().state_root,
            lane_hash: ledger.executed().lane_hash,
            signers: certificate.signers().map(ReplicaId::get).collect(),
        }
    });
    Ok(Json(Page { items: items.into_iter().collect(), next: None }))
}
