//! `/v1/domains/{d}/authors/{key}` and `/v1/identities`.

use super::Shared;
use super::param::{InPath, key};
use super::problem::Answer;
use crate::engine::Offered;
use axum::Json;
use axum::extract::State;
use quorate_client::api::{AuthorInfo, Identity, Page, Pending};
use quorate_ledger::Revision;

/// An author in a domain.
pub async fn author(
    State(service): Shared,
    InPath((domain, text)): InPath<(String, String)>,
) -> Answer<Json<AuthorInfo>> {
    let author = key(&text)?;
    let moment = service.now().moment;
    let executed = moment.view().author(&domain, &author)?;
    let pending = service.waiting().of(&author, &domain).map(pending).collect();
    Ok(Json(AuthorInfo {
        group: service.genesis.group(),
        key: author,
        next_seq: executed.next_seq,
        attempt: executed.attempt,
        pending,
        standing: standing(executed.organisation.is_some(), executed.revoked),
        repeated: executed.repeated,
        revision: Revision::slot(moment.seq()),
    }))
}

fn pending(offered: &Offered) -> Pending {
    Pending { id: offered.id, from_seq: offered.from_seq, to_seq: offered.to_seq, attempt: offered.attempt }
}

/// Everybody who may sign changes, by key.
pub async fn identities(State(service): Shared) -> Answer<Json<Page<Identity>>> {
    let moment = service.now().moment;
    let items = moment.view().identities()?.into_iter().map(|(key, record)| Identity {
        key,
        organisation: record.organisation,
        standing: standing(true, record.revoked),
    });
    Ok(Json(Page { items: items.collect(), next: None }))
}

fn standing(enrolled: bool, revoked: Option<Revision>) -> String {
    match revoked {
        _ if !enrolled => "not enrolled".to_owned(),
        Some(revision) => format!("revoked at {revision}"),
        None => "good".to_owned(),
    }
}
