//! Asking one node, patiently: what may pass by itself is tried again until the time is up.

mod slow;

use crate::address::Address;
use crate::api::{PROBLEM_TYPE, Problem, SESSION_HEADER, Ticket};
use crate::session::{Session, SessionError, Token};
use crate::tls::{self, TlsError};
use crate::transport::{self, Full, Pieces, Transport, TransportError};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER};
use hyper::{Request, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::future::Future;
use std::io::ErrorKind;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Types of `hyper` that the functions here take and give.
pub use hyper::{HeaderMap, StatusCode, Uri};

/// Bytes of one answer: more than any file, proof or page, so that a node cannot fill our memory.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Status and code of a node that has no room on its disk.
pub(crate) const DISK_FULL: (u16, &str) = (507, "disk-full");

/// Statuses and codes with which a node says that it took nothing, and that it may be asked again.
const HELD_BACK: [(u16, &str); 3] = [(429, "rate"), (429, "busy"), DISK_FULL];

/// Reason where the time was up before a try.
pub(crate) const NONE_SENT: &str = "its time was up before anything was asked";

/// Reason of a try that took all the time that was left.
pub(crate) const SILENT: &str = "it is silent";

/// Reason of a try at whose address no program takes connections.
pub const NOTHING_LISTENS: &str = "nothing listens there";

/// Time without a byte after which a node is called silent.
const SILENCE: Duration = Duration::from_secs(1);

/// Pause after the first failed try; doubles with each.
const PAUSE_MIN: Duration = Duration::from_millis(50);

/// Longest pause between two tries: a node that comes back is noticed within a second.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Why there is no answer, or not the wished one.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Address that is no URL of a node.
    #[error("`{node}` is not the URL of a node: {why}")]
    Address {
        /// As given.
        node: String,
        /// Fault in the URL.
        why: String,
    },
    /// Path or query that no address can hold.
    #[error("the question is too long for an address: {0} bytes, at most 65534 are possible; nothing was asked")]
    TooLong(usize),
    /// Secret that no header can carry.
    #[error("a token is one line of visible ASCII")]
    Token,
    /// Authorities that cannot be read.
    #[error(transparent)]
    Trust(#[from] TlsError),
    /// Session that cannot be kept.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The other side speaks no TLS, or shows a certificate that nobody trusted has signed.
    #[error("no TLS with {node}: {why}")]
    Tls {
        /// Node that was asked.
        node: String,
        /// Fault in words.
        why: String,
        /// Whether the certificate is over, or not valid yet, by the clock here.
        is_of_time: bool,
    },
    /// No answer in time. A request that was sent may still take effect.
    #[error("no answer from {node} within {:.1} s; last: {last}", .waited.as_secs_f32())]
    NoAnswer {
        /// Node that was asked.
        node: String,
        /// For how long.
        waited: Duration,
        /// End of the last try.
        last: String,
        /// The node's words, where it held back every single try (429, 507): it has taken nothing of what was sent.
        held_back: Option<Box<Problem>>,
        /// The node's last ticket for the envelope that was waited for: what it waits for, where it was taken.
        ticket: Option<Box<Ticket>>,
    },
    /// The node says no.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// The answer is not what this API gives.
    #[error("{node} gave an answer that is not quorate's: {why}")]
    Garbled {
        /// Node that was asked.
        node: String,
        /// Fault in the answer.
        why: String,
    },
}

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

/// Request whose body is still being made, and the body of its answer.
pub(crate) type Begun = (mpsc::Sender<Bytes>, Incoming);

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

impl ClientError {
    /// See [`Problem::is_of_size_here`].
    pub fn is_of_size_here(&self) -> bool {
        matches!(self, Self::Refused(problem) if problem.is_of_size_here())
    }

    /// Error of what was sent before: that the node holds it back now settles nothing.
    pub(crate) fn of_sent(self) -> Self {
        match self {
            Self::NoAnswer { node, waited, last, ticket, .. } => {
                Self::NoAnswer { node, waited, last, held_back: None, ticket }
            }
            other => other,
        }
    }
}

impl Answer {
    /// A header's value, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// End of one try.
enum Try {
    Answered(Answer),
    Again {
        why: String,
        after: Option<Duration>,
    },
    /// 429 or 507, in quorate's own words: nothing was taken.
    HeldBack {
        problem: Box<Problem>,
        after: Option<Duration>,
    },
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

    /// GET, decoded from JSON.
    pub async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, &str)]) -> Result<T, ClientError> {
        self.decode(&self.get_bytes(path, query).await?.body)
    }

    /// GET, as it comes.
    pub fn get_bytes<'c>(&'c self, path: &'c [&str], query: &'c [(&str, &str)]) -> Asked<'c, Answer> {
        Box::pin(async move {
            self.own_writes(query).await?;
            self.look(path, query).await
        })
    }

    /// GET, as it comes, whatever this client's session has written.
    pub(crate) async fn look(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Answer, ClientError> {
        self.ask(get(self.url(path, query)?, HeaderMap::new())).await
    }

    /// GET of an address beside `/v1`, as it comes.
    pub async fn get_beside(&self, address: &str) -> Result<Answer, ClientError> {
        let url = self.base.below(address, &[], &[]).map_err(ClientError::TooLong)?;
        self.ask(get(url, HeaderMap::new())).await
    }

    /// Asks once whether the node is alive; why there is no answer, where there is none.
    pub async fn is_there(&self) -> Result<(), String> {
        self.probe("healthz").await
    }

    /// Asks once whether the node can order and is up to date, as far as the node knows; why not, where it says so.
    pub async fn is_ready(&self) -> Result<(), String> {
        self.probe("readyz").await
    }

    async fn probe(&self, address: &str) -> Result<(), String> {
        let url = self.base.below(address, &[], &[]).map_err(|bytes| ClientError::TooLong(bytes).to_string())?;
        let asked: Asked<'_, Try> = Box::pin(self.ask_once(get(url, HeaderMap::new())));
        match timeout(self.timeout, asked).await {
            Ok(Ok(Try::Answered(_))) => Ok(()),
            Ok(Ok(Try::Again { why, .. })) => Err(why),
            Ok(Ok(Try::HeldBack { problem, .. })) => Err(reason(&problem)),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(SILENT.into()),
        }
    }

    /// POST of bytes, which are the same in every try.
    pub(crate) async fn post_bytes(&self, url: Uri, kind: &'static str, body: Vec<u8>) -> Result<Answer, ClientError> {
        self.post_within(&mut self.tries(), url, kind, body).await
    }

    /// The same, with tries that say afterwards whether one may have been taken.
    pub(crate) async fn post_within(
        &self,
        tries: &mut Tries<'_>,
        url: Uri,
        kind: &'static str,
        body: Vec<u8>,
    ) -> Result<Answer, ClientError> {
        self.ask_within(tries, post(url, kind, body)).await
    }

    /// Begins an endless answer; only the beginning is tried again.
    pub(crate) fn stream(&self, url: Uri, headers: HeaderMap) -> Asked<'_, Response<Incoming>> {
        Box::pin(self.streamed(url, headers))
    }

    async fn streamed(&self, url: Uri, headers: HeaderMap) -> Result<Response<Incoming>, ClientError> {
        let mut tries = Tries::new(self);
        loop {
            match tries.within(self.send(get(url.clone(), headers.clone()))).await? {
                Some(Ok(response)) if response.status().is_success() => return Ok(response),
                Some(Ok(response)) => self.refused(&mut tries, response).await?,
                Some(Err(error)) => tries.pause(self.words(&error)?, None).await?,
                None => tries.pause(SILENT.into(), None).await?,
            }
        }
    }

    /// Begins a request whose body is still being made, of which so many pieces wait; only the beginning is tried again.
    pub(crate) fn begin(&self, url: Uri, headers: HeaderMap, waiting: usize) -> Asked<'_, Begun> {
        Box::pin(self.begun(url, headers, waiting))
    }

    async fn begun(&self, url: Uri, headers: HeaderMap, waiting: usize) -> Result<Begun, ClientError> {
        let mut tries = Tries::new(self);
        loop {
            let (to, from) = mpsc::channel(waiting);
            let mut request = Request::post(url.clone()).body(Pieces(from)).expect("an address and a body");
            *request.headers_mut() = headers.clone();
            self.show(request.headers_mut());
            match tries.within(self.http.begin(request)).await? {
                Some(Ok(response)) if response.status().is_success() => return Ok((to, response.into_body())),
                Some(Ok(response)) => self.refused(&mut tries, response).await?,
                Some(Err(error)) => tries.pause(self.words(&error)?, None).await?,
                None => tries.pause(SILENT.into(), None).await?,
            }
        }
    }

    /// Notes an answer that begins nothing; its body has the time that is left.
    async fn refused(&self, tries: &mut Tries<'_>, response: Response<Incoming>) -> Result<(), ClientError> {
        match tries.within(self.receive(response)).await? {
            Some(refused) => tries.note(refused?).await,
            None => tries.pause(SILENT.into(), None).await,
        }
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

    async fn ask(&self, request: Request<Full>) -> Result<Answer, ClientError> {
        self.ask_within(&mut self.tries(), request).await
    }

    fn ask_within<'t>(&'t self, tries: &'t mut Tries<'_>, request: Request<Full>) -> Asked<'t, Answer> {
        Box::pin(self.asked(tries, request))
    }

    async fn asked(&self, tries: &mut Tries<'_>, request: Request<Full>) -> Result<Answer, ClientError> {
        loop {
            // Copies a pointer to the body, not the body.
            let outcome = match tries.within(self.ask_once(request.clone())).await? {
                // Whoever was asked before may have taken it: that this node never does settles nothing.
                Some(Err(ClientError::Refused(problem))) if tries.is_uncertain && problem.is_of_size_here() => {
                    tries.last = problem.to_string();
                    return Err(tries.given_up());
                }
                Some(outcome) => outcome?,
                None => Try::Again { why: SILENT.into(), after: None },
            };
            match outcome {
                Try::Answered(answer) => return Ok(answer),
                again => tries.note(again).await?,
            }
        }
    }

    async fn send(&self, mut request: Request<Full>) -> Result<Response<Incoming>, TransportError> {
        self.show(request.headers_mut());
        self.http.send(request).await
    }

    /// Adds the secret and the session's token.
    fn show(&self, headers: &mut HeaderMap) {
        if let Some(value) = &self.authorization {
            headers.insert(AUTHORIZATION, value.clone());
        }
        let token = self.session().and_then(|session| HeaderValue::from_str(&session.token()?.to_string()).ok());
        token.map(|token| headers.insert(SESSION_HEADER, token));
    }

    async fn ask_once(&self, request: Request<Full>) -> Result<Try, ClientError> {
        match self.send(request).await {
            Ok(response) => self.receive(response).await,
            Err(error) => Ok(Try::Again { why: self.words(&error)?, after: None }),
        }
    }

    /// Why a try failed; an error where no other try can do better.
    fn words(&self, error: &TransportError) -> Result<String, ClientError> {
        match fault_of_tls(error) {
            Some(fault) => {
                let (node, why, is_of_time) = (self.node().into(), fault.to_string(), is_of_time(fault));
                Err(ClientError::Tls { node, why, is_of_time })
            }
            None => Ok(words(error)),
        }
    }

    async fn receive(&self, response: Response<Incoming>) -> Result<Try, ClientError> {
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
    async fn body(
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

/// Moment after a time from now; a time that no clock counts to is a year.
fn after(timeout: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(timeout).unwrap_or_else(|| now + Duration::from_secs(365 * 24 * 60 * 60))
}

fn post(url: Uri, kind: &'static str, body: Vec<u8>) -> Request<Full> {
    let mut request = Request::post(url).body(body.into()).expect("an address and a body");
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    request
}

fn get(url: Uri, headers: HeaderMap) -> Request<Full> {
    let mut request = Request::get(url).body(Full::default()).expect("an address and no body");
    *request.headers_mut() = headers;
    request
}

/// Tries of one question until the client's time is up.
pub struct Tries<'c> {
    client: &'c Client,
    pause: Duration,
    last: String,
    begun: Instant,
    is_told: bool,
    /// Last problem that the node reported while it held back every try.
    held_back: Option<Box<Problem>>,
    /// Last ticket of an envelope that is waited for.
    pub(crate) ticket: Option<Box<Ticket>>,
    /// Whether a try may have been taken.
    pub(crate) is_uncertain: bool,
}

impl<'c> Tries<'c> {
    fn new(client: &'c Client) -> Self {
        let (pause, begun) = (PAUSE_MIN, Instant::now());
        let last = NONE_SENT.into();
        let (is_told, held_back, ticket, is_uncertain) = Default::default();
        Self { client, pause, last, begun, is_told, held_back, ticket, is_uncertain }
    }

    /// Outcome of a try; none once the time is up.
    async fn within<T>(&mut self, once: impl Future<Output = T>) -> Result<Option<T>, ClientError> {
        let (mut once, left) = (std::pin::pin!(once), self.left()?);
        if let Some(notice) = self.client.notice.filter(|_| !self.is_told) {
            let quiet = notice.after.saturating_sub(self.begun.elapsed()).max(SILENCE).min(left);
            if let Ok(outcome) = timeout(quiet, once.as_mut()).await {
                return Ok(Some(outcome));
            }
            self.tell(SILENT);
        }
        // The request is out, and may have been taken: without time left it has no outcome, which is no end without a try.
        Ok(timeout(self.left().unwrap_or_default(), once).await.ok())
    }

    /// Gives the client's notice where it is due.
    fn tell(&mut self, why: &str) {
        if let Some(notice) = self.client.notice
            && !self.is_told
            && self.begun.elapsed() >= notice.after
        {
            self.is_told = true;
            (notice.tell)(self.client.node(), why);
        }
    }

    /// The time that is left, or the error that ends it all.
    fn left(&self) -> Result<Duration, ClientError> {
        let left = self.client.deadline.saturating_duration_since(Instant::now());
        if left > Duration::ZERO { Ok(left) } else { Err(self.given_up()) }
    }

    /// Waits before the next try, because of `why`.
    pub async fn pause(&mut self, why: String, at_least: Option<Duration>) -> Result<(), ClientError> {
        self.tell(&why);
        self.last = why;
        let pause = at_least.unwrap_or(self.pause).max(self.pause);
        if pause > self.left()? && at_least.is_some() {
            return Err(self.given_up());
        }
        tokio::time::sleep(pause.min(self.left()?)).await;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        Ok(())
    }

    /// Waits before the next look at an envelope that has no verdict.
    pub(crate) async fn pause_for(&mut self, ticket: Ticket) -> Result<(), ClientError> {
        let why = ticket.words();
        self.ticket = Some(Box::new(ticket));
        self.pause(why, None).await
    }

    /// The error that ends these tries, where the time was up before the next question; another one with the ticket that came last.
    pub(crate) fn or_given_up(&self, mut error: ClientError) -> ClientError {
        match &mut error {
            ClientError::NoAnswer { last, .. } if last == NONE_SENT => return self.given_up(),
            ClientError::NoAnswer { ticket: ticket @ None, .. } => *ticket = self.ticket.clone(),
            _ => (),
        }
        error
    }

    async fn note(&mut self, outcome: Try) -> Result<(), ClientError> {
        self.is_uncertain |= !matches!(outcome, Try::HeldBack { .. });
        match outcome {
            Try::Again { why, after } => self.pause(why, after).await,
            Try::HeldBack { problem, after } => {
                let after = if self.client.is_tried_once { Some(Duration::MAX) } else { after };
                let why = reason(&problem);
                self.held_back = Some(problem);
                self.pause(why, after).await
            }
            Try::Answered(answer) => self.pause(format!("status {}", answer.status), None).await,
        }
    }

    /// The error of what a node held back, and nobody sends again.
    pub(crate) fn held_back_by(mut self, problem: Problem) -> ClientError {
        self.last = reason(&problem);
        self.held_back = Some(Box::new(problem));
        self.given_up()
    }

    /// The error that ends it all.
    pub(crate) fn given_up(&self) -> ClientError {
        let (node, waited) = (self.client.node().into(), self.client.timeout);
        let held_back = self.held_back.clone().filter(|_| !self.is_uncertain);
        ClientError::NoAnswer { node, waited, last: self.last.clone(), held_back, ticket: self.ticket.clone() }
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

/// Why a node cannot answer now: its own words, where the problem has them.
fn reason(problem: &Problem) -> String {
    match &problem.why {
        Some(why) => format!("{}: {why}", problem.code),
        None => problem.to_string(),
    }
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
    if refused { NOTHING_LISTENS.into() } else { cause.to_string() }
}
