//! Answers of a node: a whole body, another try, or an error.

use super::*;
use std::io::ErrorKind;

/// Bytes of one answer: more than any file, proof or page, so that a node cannot fill our memory.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Statuses and codes with which a node says that it took nothing, and that it may be asked again.
const HELD_BACK: [(u16, &str); 3] = [(429, "rate"), (429, "busy"), DISK_FULL];

impl Client {
    /// Why a try failed; an error where no other try can do better.
    pub(super) fn words(&self, error: &TransportError) -> Result<String, ClientError> {
        match fault_of_tls(error) {
            Some(fault) => {
                let (node, why, is_of_time) = (self.node().into(), words_of_tls(fault), is_of_time(fault));
                Err(ClientError::Tls { node, why, is_of_time })
            }
            None => Ok(words(error)),
        }
    }

    pub(super) async fn receive(&self, response: Response<Incoming>) -> Result<Try, ClientError> {
        let (status, headers) = (response.status(), response.headers().clone());
        let body = match self.body(response.into_body(), None).await? {
            Ok(body) => body,
            Err(why) => return Ok(Try::Again { why, after: None }),
        };
        if status.is_success() {
            let token = headers.get(SESSION_HEADER).and_then(|token| Token::parse(token.to_str().ok()?));
            if let (Some(mut session), Some(token)) = (self.session(), token) {
                session.saw(token)?;
            }
            return Ok(Try::Answered(Answer { status, headers, body }));
        }
        let known = problem(&headers, &body);
        let is_for_later = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
        if known.is_none() && !is_for_later {
            let to = headers.get(LOCATION).and_then(|to| to.to_str().ok()).map(|to| format!(", to {to}"));
            return Err(self.garbled(format!("HTTP {status} of another program{}", to.unwrap_or_default())));
        }
        let problem = known.unwrap_or_else(|| unexplained(status));
        if HELD_BACK.contains(&(status.as_u16(), problem.code.as_str())) {
            return Ok(Try::HeldBack { problem: Box::new(problem), after: retry_after(&headers) });
        }
        if is_for_later {
            return Ok(Try::Again { why: reason(&problem), after: retry_after(&headers) });
        }
        Err(ClientError::Refused(Box::new(problem)))
    }

    /// Body of an answer, within which the node may be silent for so long, and then must keep a rate; none where another clock runs. The
    /// outer error is the node's fault, the inner one the line's.
    pub(super) async fn body(
        &self,
        mut from: Incoming,
        silent_max: Option<Duration>,
    ) -> Result<Result<Vec<u8>, String>, ClientError> {
        let (begun, mut body) = (Instant::now(), Vec::new());
        loop {
            if silent_max.is_some() && slow::drips(begun.elapsed(), body.len()) {
                return Ok(Err(slow::DRIPS.to_owned()));
            }
            let next = transport::chunk(&mut from);
            let Ok(next) = timeout(silent_max.unwrap_or(Duration::MAX), next).await else {
                return Ok(Err(SILENT.to_owned()));
            };
            match next {
                Ok(Some(chunk)) if body.len() + chunk.len() > ANSWER_BYTES_MAX => {
                    return Err(self.garbled(format!("more than {ANSWER_BYTES_MAX} bytes")));
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => return Ok(Ok(body)),
                Err(error) => return Ok(Err(words(&error))),
            }
        }
    }
}

/// The problem in an error's body.
fn problem(headers: &HeaderMap, body: &[u8]) -> Option<Problem> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.starts_with(PROBLEM_TYPE).then(|| serde_json::from_slice(body).ok()).flatten()
}

/// Problem made of the status, where the body holds none: a proxy's word, or that of a node under load.
fn unexplained(status: StatusCode) -> Problem {
    let reason = status.canonical_reason().unwrap_or("unknown status");
    Problem::new(status.as_u16(), &format!("http-{}", status.as_u16()), reason)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Fault that TLS found with the other side; none where the connection failed in another way.
fn fault_of_tls(error: &TransportError) -> Option<&rustls::Error> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(one) = cause {
        if let Some(fault) = one.downcast_ref() {
            return Some(fault);
        }
        // An error of the operating system hides the one that it was made of from `source`.
        let inner = one.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = inner.map_or(one.source(), |inner| Some(inner));
    }
    None
}

/// Fault in words: the library has none for an authority that is shown as a node's.
fn words_of_tls(fault: &rustls::Error) -> String {
    let words = fault.to_string();
    if words.contains("CaUsedAsEndEntity") { AUTHORITY_SHOWN.into() } else { words }
}

fn is_of_time(fault: &rustls::Error) -> bool {
    use rustls::CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
    let rustls::Error::InvalidCertificate(fault) = fault else { return false };
    matches!(fault, Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. })
}

/// Deepest cause of an error: what the operating system or the other side said.
fn words(error: &TransportError) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let refused = cause.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == ErrorKind::ConnectionRefused);
    match cause.downcast_ref::<hyper::Error>() {
        _ if refused => NOTHING_LISTENS.into(),
        Some(unread) if unread.is_parse() => NO_HTTP.into(),
        _ => cause.to_string(),
    }
}
