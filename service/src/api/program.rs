//! `/version` and `/v1/log`: the program, and the levels of its log.

use super::problem::{Answer, Failure};
use crate::build;
use crate::logging;
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use quorate_client::api::{LogLevels, Version};
use quorate_ledger::{RULES, rules_name};
use quorate_pbft::WIRE;

/// The program that answers.
pub async fn version() -> Json<Version> {
    let [version, commit, rustc] = [build::VERSION, build::COMMIT, build::RUSTC].map(str::to_owned);
    let rules = rules_name(RULES.newest).expect("it knows its own");
    Json(Version { version, commit, rustc, rules, executes: RULES, wire: WIRE })
}

/// The filter in force.
pub async fn levels() -> Answer<Json<LogLevels>> {
    let filter = logging::current().ok_or_else(|| Failure::not_found("this process writes no log"))?;
    Ok(Json(LogLevels { filter }))
}

/// Sets the filter until the process ends.
pub async fn set_levels(body: Result<Bytes, BytesRejection>) -> Answer<Json<LogLevels>> {
    const FORM: &str = r#"expected {"filter": "info,quorate_service=debug"}"#;
    let code = |status| if status == StatusCode::PAYLOAD_TOO_LARGE { "too-large" } else { "bad-request" };
    let body = body.map_err(|error| Failure::new(error.status(), code(error.status()), error.body_text()))?;
    let asked: LogLevels =
        serde_json::from_slice(&body).map_err(|error| Failure::bad_request(format!("{error}; {FORM}")))?;
    logging::set(&asked.filter).map_err(|error| Failure::bad_request(error.to_string()))?;
    tracing::warn!(event = "log-levels", filter = asked.filter, "the levels of the log were set");
    levels().await
}
