//! Replies to envelopes.

use super::problem::Answer;
use super::service::Service;
use crate::engine::Published;
use crate::levels;
use crate::observing::wire::Answered;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use quorate_client::api::Ticket;
use quorate_ledger::{Level, Receipt, Revision};
use std::sync::Arc;
use tokio::time::Instant;

/// Reply to an envelope that the gate let in, or whose verdict is known.
pub enum Reply {
    /// The receipt, at the level that was waited for.
    Receipt(Arc<Receipt>),
    /// No verdict yet.
    Ticket(Box<Ticket>),
    /// A member's own words, handed on by an observer.
    Member(StatusCode, Answered),
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        match self {
            Self::Receipt(receipt) => Json(receipt.as_ref()).into_response(),
            Self::Ticket(ticket) => (StatusCode::ACCEPTED, Json(ticket)).into_response(),
            Self::Member(status, Answered { content_type, retry_after, body, .. }) => {
                let named = [(header::CONTENT_TYPE, Some(content_type)), (header::RETRY_AFTER, retry_after)];
                let named = named.into_iter().filter_map(|(name, value)| Some((name, value?)));
                (status, AppendHeaders(named.collect::<Vec<_>>()), body).into_response()
            }
        }
    }
}

/// The receipt, once the wished level is reached; up to a moment.
pub async fn settled(service: &Service, receipt: Arc<Receipt>, level: Level, end: Instant) -> Answer<Reply> {
    let seq = receipt.revision.map(Revision::seq).unwrap_or_default();
    let is_settled =
        |published: &Published| levels::is_settled(level, seq, published.moment.seq(), published.report.stable);
    service.until_by(end, is_settled).await?;
    Ok(Reply::Receipt(receipt))
}
