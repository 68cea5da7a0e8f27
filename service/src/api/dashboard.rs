//! `/`: one page for people, whole in itself, that asks this replica alone.

use axum::response::Html;

/// The page.
pub async fn page() -> Html<&'static str> {
    Html(include_str!("dashboard.html"))
}
