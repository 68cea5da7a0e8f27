//! Asking one node, patiently: what may pass by itself is tried again until the time is up.

mod answer;
mod error;
mod question;
mod slow;
mod tries;

pub use error::ClientError;
pub use tries::Tries;

use crate::address::Address;
use crate::api::{PROBLEM_TYPE, Problem, SESSION_HEADER, Ticket};
use crate::session::{Session, Token};
use crate::tls;
use crate::transport::{self, Full, Pieces, Transport, TransportError};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER};
use hyper::{Request, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tries::{Try, reason};

/// Types of `hyper` that the functions here take and give.
pub use hyper::{HeaderMap, StatusCode, Uri};

/// Status and code of a node that has no room on its disk.
pub(crate) const DISK_FULL: (u16, &str) = (507, "disk-full");

/// Reason where the time was up before a try.
pub(crate) const NONE_SENT: &str = "its time was up before anything was asked";

/// Reason of a try that took all the time that was left.
pub(crate) const SILENT: &str = "it is silent";

/// Reason of a try at whose address no program takes connections.
pub const NOTHING_LISTENS: &str = "nothing listens there";

/// Words of a try that met something else than HTTP, as TLS is.
pub const NO_HTTP: &str = "no HTTP is spoken there";

/// Words of TLS with a node that shows an authority's certificate.
pub const AUTHORITY_SHOWN: &str =
    "it shows a certificate of an authority (CA:TRUE), which signs others and is no node's";

/// A node to ask, and until when: one time for all questions together, from [`Client::new`] on. A client that is kept asks each one as
/// [`Client::renewed`].
#[derive(Debug, Clone)]
pub struct Client {
    http: Transport,
    base: Address,
    timeout: Duration,
    deadline: Instant,
    /// Whether a try that the node holds back is the last.
    is_tried_once: bool,
    notice: Option<Notice>,
    authorization: Option<HeaderValue>,
    session: Option<Arc<Mutex<Session>>>,
}

/// Word to people that a question still has no answer: once, after this time.
#[derive(Debug, Clone, Copy)]
pub struct Notice {
    /// Time without an answer.
    pub after: Duration,
    /// Takes the node, and why its last try failed.
    pub tell: fn(&str, &str),
}

/// Question under way. Boxed, so that no crate that asks compiles HTTP once more.
pub(crate) type Asked<'c, T> = Pin<Box<dyn Future<Output = Result<T, ClientError>> + Send + 'c>>;

/// A whole answer that is not an error.
#[derive(Debug)]
pub struct Answer {
    /// 200 or another success.
    pub status: StatusCode,
    /// As received.
    pub headers: HeaderMap,
    /// As received.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header's value, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Client {
    /// A client of the node at `node`, e.g. `http://127.0.0.1:8080`. The time runs from now.
    pub fn new(node: &str, timeout: Duration) -> Result<Self, ClientError> {
        Self::trusting(node, timeout, None)
    }

    /// The same, trusting the authorities of a PEM file instead of the system's.
    pub fn trusting(node: &str, timeout: Duration, ca: Option<&Path>) -> Result<Self, ClientError> {
        let base = Address::parse(node).map_err(|why| ClientError::Address { node: node.into(), why: why.into() })?;
        let deadline = after(timeout);
        let http = Transport::new(tls::trusting(base.is_tls(), ca)?);
        let (is_tried_once, notice, authorization, session) = (false, None, None, None);
        Ok(Self { http, base, timeout, deadline, is_tried_once, notice, authorization, session })
    }

    /// The same client with its whole time before it again.
    pub fn renewed(&self) -> Self {
        Self { deadline: after(self.timeout), ..self.clone() }
    }

    /// The same client, which does not try again what a node holds back.
    pub(crate) fn with_one_try(&self) -> Self {
        Self { is_tried_once: true, ..self.clone() }
    }

    /// The same client with no more time than this before it.
    pub fn within(&self, timeout: Duration) -> Self {
        Self { timeout: timeout.min(self.timeout), ..self.clone() }.renewed()
    }

    /// The same client, which tells of a wait.
    pub fn with_notice(self, notice: Notice) -> Self {
        Self { notice: Some(notice), ..self }
    }

    /// The same client, which shows the node the secret of its `admin.token`.
    pub fn with_token(self, secret: &str) -> Result<Self, ClientError> {
        let mut value = HeaderValue::from_str(&format!("Bearer {secret}")).map_err(|_| ClientError::Token)?;
        value.set_sensitive(true);
        Ok(Self { authorization: Some(value), ..self })
    }

    /// The same client in a session: it reads nothing from before what the session has seen.
    pub fn in_session(self, session: Session) -> Self {
        Self { session: Some(Arc::new(Mutex::new(session))), ..self }
    }

    /// The session, if there is one.
    pub(crate) fn session(&self) -> Option<MutexGuard<'_, Session>> {
        Some(self.session.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Time that an answer may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The node's address as text.
    pub fn node(&self) -> &str {
        self.base.as_str()
    }

    /// Address of a path below `/v1`, its components percent-encoded one by one, without the empty query parameters.
    pub fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Uri, ClientError> {
        self.base.below("v1", path, query).map_err(ClientError::TooLong)
    }

    /// Reads JSON that this API should have given.
    pub fn decode<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, ClientError> {
        serde_json::from_slice(body).map_err(|error| self.garbled(error.to_string()))
    }

    /// Reads JSON that came within an answer. From its text: readers of text are compiled for all types anyway.
    pub fn read<T: DeserializeOwned>(&self, value: &Value) -> Result<T, ClientError> {
        self.decode(value.to_string().as_bytes())
    }

    /// An answer that is not what this API gives.
    pub fn garbled(&self, why: impl Into<String>) -> ClientError {
        ClientError::Garbled { node: self.node().into(), why: why.into() }
    }

    /// Pauses as between two tries, for an answer that is there but not yet the wished one.
    pub fn tries(&self) -> Tries<'_> {
        Tries::new(self)
    }
}

/// Moment after a time from now; a time that no clock counts to is a year.
fn after(timeout: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(timeout).unwrap_or_else(|| now + Duration::from_secs(365 * 24 * 60 * 60))
}
