//! Limits of the group, as a node tells them.

use quorate_client::api::GroupLimits;
use quorate_client::http::{Client, ClientError};
use quorate_ledger::Limits;

/// Limits of the group; the usual ones where the node is older than the question.
pub async fn limits(client: &Client) -> Result<Limits, ClientError> {
    match client.limits().await {
        Ok(GroupLimits { file_bytes_max, envelope_bytes_max, operations_max, base_horizon_ms, .. }) => {
            let usual = Limits::default();
            let base_horizon_ms = base_horizon_ms.unwrap_or(usual.base_horizon_ms);
            Ok(Limits { file_bytes_max, envelope_bytes_max, operations_max, base_horizon_ms, ..usual })
        }
        Err(ClientError::Refused(problem)) if problem.status == 404 => Ok(Limits::default()),
        Err(error) => Err(error),
    }
}
