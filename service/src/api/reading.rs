//! Reads of what not everyone may read: while `reads` in `config.toml` is `guarded`, they take a token of the role `read`.
//!
//! A read is checked before it is answered and once more when the answer is there, against the newest state: an answer that
//! has waited is of no state in which its domain was closed. A stream is checked at each event.

use super::admin::Access;
use super::param::InPath;
use super::problem::{Answer, Failure};
use super::service::Service;
use crate::engine::Moment;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use quorate_client::api::CLOSED_DOMAIN;
use quorate_ledger::{GROUP_DOMAIN, StateView};
use std::collections::HashMap;
use std::sync::Arc;

/// Guard of a route that tells of domains.
#[derive(Clone)]
pub struct Guard {
    /// Node that answers.
    pub service: Arc<Service>,
    /// Access to what not everyone may read.
    pub access: Access,
    /// Whether the answer tells of the domain in the address alone.
    pub is_of_domain: bool,
}

/// Reader of one answer.
#[derive(Clone)]
pub struct Reader {
    access: Access,
    /// Headers that show a token, or whence the request comes.
    shown: HeaderMap,
    /// Domain that is read; none where the answer tells of all.
    domain: Option<String>,
}

impl Guard {
    async fn reader(&self, parts: &mut Parts) -> Answer<Reader> {
        let domain = if self.is_of_domain { named(parts).await? } else { None };
        Ok(Reader { access: self.access.clone(), shown: parts.headers.clone(), domain })
    }
}

/// Domain that the address names, percent-decoded; none for the group's own, whose changes may be of several domains at once.
async fn named(parts: &mut Parts) -> Answer<Option<String>> {
    let InPath(mut named) = InPath::<HashMap<String, String>>::from_request_parts(parts, &()).await?;
    Ok(named.remove("domain").filter(|domain| domain != GROUP_DOMAIN))
}

impl Reader {
    /// Refuses what a state keeps from readers without a token.
    pub fn check(&self, moment: &Moment) -> Answer<()> {
        match self.closed(&moment.view()) {
            Some(domain) if !self.access.admits(&self.shown) => Err(self.refusal(domain)),
            Some(_) | None => Ok(()),
        }
    }

    /// Domain in the answer that not everyone may read.
    fn closed<'a>(&'a self, view: &StateView<'a>) -> Option<&'a str> {
        match &self.domain {
            Some(domain) => view.is_open(domain).is_some_and(|is_open| !is_open).then_some(domain),
            None => view.closed_domain(),
        }
    }

    fn refusal(&self, closed: &str) -> Failure {
        let all = if self.domain.is_none() { ", and this tells of all domains" } else { "" };
        let detail = format!(
            "not everyone may read domain {closed:?}{all}: ask an operator of this node for a token of the role read \
             (`quorate token new --role read`), and send it as `Authorization: Bearer SECRET`"
        );
        Failure::new(self.access.refusal(&self.shown), CLOSED_DOMAIN, detail)
    }
}

/// Lets a reader through whom the newest state admits, before and after the answer is made.
pub async fn only(State(guard): State<Guard>, request: Request, next: Next) -> Result<Response, Failure> {
    let (mut parts, body) = request.into_parts();
    let reader = guard.reader(&mut parts).await?;
    reader.check(&guard.service.moment())?;
    parts.extensions.insert(reader.clone());
    let response = next.run(Request::from_parts(parts, body)).await;
    reader.check(&guard.service.moment())?;
    Ok(response)
}
