//! HTTP/1.1 to nodes over pooled connections, by hyper; TLS by rustls where the address says so. No proxy and no redirect: nodes are members of the group, mostly on
//! loopback, and no proxy of the environment knows them.

use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::{Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// Whole body of a request; copies share the bytes.
pub(crate) type Full = http_body_util::Full<Bytes>;

/// Failure of a connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransportError {
    /// No answer began.
    #[error("no answer")]
    Send(#[from] hyper_util::client::legacy::Error),
    /// The answer broke off.
    #[error("the answer broke off")]
    Body(#[from] hyper::Error),
}

/// Body of a request that is sent as it is made.
pub(crate) struct Pieces(pub(crate) mpsc::Receiver<Bytes>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

/// Connections to nodes. Copies share them.
#[derive(Clone)]
pub(crate) struct Transport {
    whole: Client<HttpsConnector<HttpConnector>, Full>,
    pieces: Client<HttpsConnector<HttpConnector>, Pieces>,
}

impl Transport {
    pub(crate) fn new(tls: ClientConfig) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.enforce_http(false); // TLS goes over it
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(connector);
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new());
        Self { whole: builder.build(connector.clone()), pieces: builder.build(connector) }
    }

    /// Sends a request; returns with the head of the answer.
    pub(crate) async fn send(&self, request: Request<Full>) -> Result<Response<Incoming>, TransportError> {
        Ok(self.whole.request(request).await?)
    }

    /// Sends a request whose body is still being made; returns with the head of the answer.
    pub(crate) async fn begin(&self, request: Request<Pieces>) -> Result<Response<Incoming>, TransportError> {
        Ok(self.pieces.request(request).await?)
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}

/// The next bytes of an answer; none at its end.
pub(crate) async fn chunk(body: &mut Incoming) -> Result<Option<Bytes>, TransportError> {
    while let Some(frame) = body.frame().await {
        if let Ok(bytes) = frame?.into_data() {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}
