//! The host that a request names: a page of another site that a browser was led here by reads nothing (DNS rebinding).

use super::problem::Failure;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use std::net::IpAddr;
use std::sync::Arc;

/// Lets requests through that name an address, `localhost` or a configured host.
pub async fn known(State(hosts): State<Arc<[String]>>, request: Request, next: Next) -> Result<Response, Failure> {
    if is_known(request.headers(), &hosts) {
        return Ok(next.run(request).await);
    }
    let detail = "this host is not served here: ask by address, or name the host in `hosts` of config.toml";
    Err(Failure::new(StatusCode::MISDIRECTED_REQUEST, "unknown-host", detail))
}

fn is_known(headers: &HeaderMap, hosts: &[String]) -> bool {
    match named(headers) {
        Some(host) => address(host).is_some() || is_localhost(host) || hosts.iter().any(|known| is_same(known, host)),
        None => !headers.contains_key(header::HOST),
    }
}

/// True where the request names this machine by a loopback address or `localhost`.
pub fn is_loopback(headers: &HeaderMap) -> bool {
    named(headers).is_some_and(|host| is_localhost(host) || address(host).is_some_and(|address| address.is_loopback()))
}

/// The host without its port.
fn named(headers: &HeaderMap) -> Option<&str> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map(|(address, _)| address),
        None => Some(host.split_once(':').map_or(host, |(name, _)| name)),
    }
}

fn address(host: &str) -> Option<IpAddr> {
    host.parse().ok()
}

fn is_localhost(host: &str) -> bool {
    is_same("localhost", host)
}

fn is_same(known: &str, host: &str) -> bool {
    known.trim_end_matches('.').eq_ignore_ascii_case(host.trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> HeaderMap {
        [(header::HOST, name.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn addresses_localhost_and_configured_hosts_are_served_and_no_others() {
        let configured = ["quorate.example.org".to_owned()];
        for name in ["127.0.0.1:8700", "[::1]:8700", "192.0.2.7", "localhost:1", "Quorate.Example.org:443"] {
            assert!(is_known(&host(name), &configured), "{name}");
        }
        assert!(is_known(&host("quorate.example.org"), &["quorate.example.org.".to_owned()]), "the root's dot");
        for name in ["evil.example", "evil.example:8700", "127.0.0.1.evil.example", "", "[::1"] {
            assert!(!is_known(&host(name), &configured), "{name}");
        }
        assert!(is_known(&HeaderMap::new(), &configured), "HTTP/1.0 has no host");
    }
}
