//! Sessions: a reader who shows what an earlier answer said of the state is not answered from an older one (R).

use super::Shared;
use super::door::Seat;
use super::problem::{Answer, Failure};
use super::service::Service;
use crate::engine::Published;
use crate::levels;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use quorate_client::api::SESSION_HEADER;
use quorate_client::session::Token;
use quorate_ledger::Level;
use quorate_pbft::SeqNum;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Time for which a request waits for its session's slot; then its client is asked to come again.
const WAIT: Duration = Duration::from_secs(2);

/// Pause before it comes again, in milliseconds.
const AGAIN_MS: u64 = 500;

/// Waits until this replica has executed what the session has seen. Reads of level `eventual` wait for nothing.
pub async fn wait(State(service): Shared, request: Request, next: Next) -> Response {
    let is_eventual = request.uri().query().is_some_and(|query| query.split('&').any(|part| part == "level=eventual"));
    let level = if is_eventual { Level::Eventual } else { Level::Sequential };
    let from = request.extensions().get::<Arc<Seat>>().map(|seat| seat.address());
    if levels::awaits_session(level)
        && let Err(failure) = caught_up(&service, request.headers(), from).await
    {
        return failure.into_response();
    }
    next.run(request).await
}

/// Says in the answer what this replica has executed by then.
pub async fn show(State(service): Shared, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let token = Token { group: service.genesis.group(), slot: service.moment().seq().get() };
    let token = HeaderValue::from_str(&token.to_string()).expect("hex and a number");
    response.headers_mut().insert(SESSION_HEADER, token);
    response
}

async fn caught_up(service: &Service, headers: &HeaderMap, from: Option<IpAddr>) -> Answer<()> {
    let Some(shown) = headers.get(SESSION_HEADER) else { return Ok(()) };
    let token = shown.to_str().ok().and_then(Token::parse);
    let token = token.ok_or_else(|| Failure::bad_request("the session's token is GROUP:SLOT"))?;
    if token.group != service.genesis.group() {
        let detail = format!("the session is of the group {}, this node is of another", token.group);
        return Err(Failure::new(StatusCode::CONFLICT, "other-group", detail));
    }
    let seen = SeqNum::new(token.slot);
    let is_shown = |published: &Published| levels::shows_session(published.moment.seq(), seen);
    if is_shown(&service.now()) {
        return Ok(());
    }
    let room = service.sessions.room(seen, &service.now(), service.genesis.constants().window);
    let _place = room.place(from).ok_or_else(|| Failure::busy("too many sessions wait for this replica"))?;
    match tokio::time::timeout(WAIT, service.until(is_shown)).await {
        Ok(reached) => reached.map(|_| ()),
        Err(_) => Err(behind(seen, service.moment().seq())),
    }
}

fn behind(seen: SeqNum, executed: SeqNum) -> Failure {
    let detail =
        format!("this replica has executed {executed}, and the session has seen {seen}; ask again, or ask another");
    Failure::new(StatusCode::SERVICE_UNAVAILABLE, "behind", detail).after_ms(AGAIN_MS)
}
