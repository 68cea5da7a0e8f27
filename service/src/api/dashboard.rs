//! `/`: one page for people, whole in itself, that asks this replica alone.

use axum::http::header;
use axum::response::{Html, IntoResponse};
use std::sync::LazyLock;

/// The page with its style and script.
static PAGE: LazyLock<String> = LazyLock::new(|| {
    let page = include_str!("dashboard/page.html");
    let page = page.replace("/*style*/", include_str!("dashboard/style.css"));
    page.replace("/*script*/", include_str!("dashboard/script.js"))
});

/// Sources of the page: itself, and the replica that serves it.
const SOURCES: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; \
                       base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page.
pub async fn page() -> impl IntoResponse {
    ([(header::CONTENT_SECURITY_POLICY, SOURCES)], Html(PAGE.as_str()))
}
