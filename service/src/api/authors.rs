//! `/v1/domains/{d}/authors/{key}` and `/v1/identities`.

use super::Shared;
use super::page::json;
use super::param::{InPath, key};
use super::problem::Answer;
use crate::engine::{Candidate, Place};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use quorate_client::api::{AuthorInfo, Identity, Page, Pending, Standing};
use quorate_ledger::Revision;
use quorate_ledger::reputation::Reputation;
use std::collections::BTreeMap;

/// An author in a domain.
pub async fn author(
    State(service): Shared,
    InPath((domain, text)): InPath<(String, String)>,
) -> Answer<Json<AuthorInfo>> {
    let author = key(&text)?;
    let known: Vec<Pending> = {
        let mempool = service.mempool();
        mempool.known_of(&author, &domain).map(|known| pending(known, mempool.place(&known.id))).collect()
    };
    let moment = service.moment(); // read last: what is known no more has its verdict there
    let (read, place) = (moment.clone(), domain.clone());
    let look = move || {
        let executed = read.view().author(&place, &author)?;
        let mut pending = BTreeMap::new();
        for known in known.into_iter().filter(|known| known.from_seq >= executed.next_seq) {
            if known.from_seq > executed.next_seq || read.ledger.receipt(&read.snapshot, &known.id)?.is_none() {
                pending.entry(known.from_seq).or_insert(known); // one whose end this state does not show comes first
            }
        }
        Ok((executed, pending.into_values().collect()))
    };
    let (executed, pending) = service.blocking(look).await?;
    Ok(Json(AuthorInfo {
        group: service.genesis.group(),
        key: author,
        next_seq: executed.next_seq,
        attempt: executed.attempt,
        pending,
        standing: standing(executed.organisation.is_some(), executed.revoked, executed.reputation),
        figure_here: executed.score_here,
        rate: executed.rate,
        repeated: executed.repeated,
        revision: Revision::slot(moment.seq()),
    }))
}

fn pending(&Candidate { id, from_seq, to_seq, attempt, .. }: &Candidate, place: Option<Place>) -> Pending {
    Pending { id, from_seq, to_seq, attempt, parked: place.is_some_and(Place::is_parked) }
}

/// Lists the enrolled authors by key.
pub async fn identities(State(service): Shared) -> Answer<Response> {
    let moment = service.moment();
    json(&service, move || {
        let mut items = Vec::new();
        for (key, record) in moment.view().identities()? {
            let reputation = moment.view().reputation(&key)?;
            let standing = standing(true, record.revoked, reputation);
            items.push(Identity { key, organisation: record.organisation, standing });
        }
        Ok(Page { items, next: None })
    })
    .await
}

fn standing(enrolled: bool, revoked: Option<Revision>, reputation: Reputation) -> Standing {
    let state = match revoked {
        _ if !enrolled => "not enrolled".to_owned(),
        Some(revision) => format!("revoked at {revision}"),
        None => "good".to_owned(),
    };
    Standing { state, figure: reputation.score, reasons: reputation.reasons }
}
