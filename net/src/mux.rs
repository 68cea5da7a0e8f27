//! Yamux with a bounded window.
//!
//! libp2p's own wrapper leaves yamux's limit at 1 GiB a connection. The window grows while round trips look long, and
//! the peer decides how long they look: a faulty member could make us buffer all of it, and on a slow link a vote would
//! queue behind it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{self, Ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use futures::{AsyncRead, AsyncWrite};
use libp2p::core::muxing::{StreamMuxer, StreamMuxerEvent};
use libp2p::core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo};
use yamux::{Connection, ConnectionError, Mode};

use crate::limits::{RECEIVE_WINDOW_BYTES, STREAMS_MAX};

/// Upgrades an encrypted connection to one that carries several streams.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Multiplex;

fn config() -> yamux::Config {
    let mut config = yamux::Config::default();
    config.set_max_num_streams(STREAMS_MAX); // first: yamux checks each against the other
    config.set_max_connection_receive_window(Some(RECEIVE_WINDOW_BYTES));
    config
}

impl UpgradeInfo for Multiplex {
    type Info = &'static str;
    type InfoIter = std::iter::Once<Self::Info>;

    fn protocol_info(&self) -> Self::InfoIter {
        std::iter::once("/yamux/1.0.0")
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> InboundConnectionUpgrade<C> for Multiplex {
    type Output = Muxer<C>;
    type Error = Infallible;
    type Future = Ready<Result<Muxer<C>, Infallible>>;

    fn upgrade_inbound(self, socket: C, _: Self::Info) -> Self::Future {
        future::ready(Ok(Muxer::new(socket, Mode::Server)))
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> OutboundConnectionUpgrade<C> for Multiplex {
    type Output = Muxer<C>;
    type Error = Infallible;
    type Future = Ready<Result<Muxer<C>, Infallible>>;

    fn upgrade_outbound(self, socket: C, _: Self::Info) -> Self::Future {
        future::ready(Ok(Muxer::new(socket, Mode::Client)))
    }
}

/// Streams of one connection.
#[derive(Debug)]
pub(crate) struct Muxer<C> {
    connection: Connection<C>,
    /// Streams that came while the connection was driven for another reason; at most [`STREAMS_MAX`], yamux's own limit.
    arrived: VecDeque<yamux::Stream>,
    waiting: Option<Waker>,
}

impl<C: AsyncRead + AsyncWrite + Unpin> Muxer<C> {
    fn new(socket: C, mode: Mode) -> Self {
        Self { connection: Connection::new(socket, config(), mode), arrived: VecDeque::new(), waiting: None }
    }

    fn poll_connection(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<yamux::Stream>> {
        self.connection.poll_next_inbound(cx).map(|next| next.unwrap_or(Err(ConnectionError::Closed)).map_err(into_io))
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> StreamMuxer for Muxer<C> {
    type Substream = yamux::Stream;
    type Error = io::Error;

    fn poll_inbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<yamux::Stream>> {
        if let Some(stream) = self.arrived.pop_front() {
            return Poll::Ready(Ok(stream));
        }
        let polled = self.poll_connection(cx);
        if polled.is_pending() {
            self.waiting = Some(cx.waker().clone());
        }
        polled
    }

    fn poll_outbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<yamux::Stream>> {
        self.connection.poll_new_outbound(cx).map_err(into_io)
    }

    /// Says goodbye if the socket takes it at once: a peer that does not read must not keep a closed connection open.
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let _goodbye = self.connection.poll_close(cx);
        Poll::Ready(Ok(()))
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<StreamMuxerEvent>> {
        let stream = ready!(self.poll_connection(cx))?;
        if self.arrived.len() < STREAMS_MAX {
            self.arrived.push_back(stream);
        }
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
        cx.waker().wake_by_ref(); // again soon, but let others run: the peer decides how many streams it opens
        Poll::Pending
    }
}

fn into_io(error: ConnectionError) -> io::Error {
    match error {
        ConnectionError::Io(error) => error,
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio_util::compat::{FuturesAsyncReadCompatExt, TokioAsyncReadCompatExt};

    const DATA: u8 = 0;
    const WINDOW_UPDATE: u8 = 1;
    const PING: u8 = 2;
    const SYN: u16 = 1;
    const ACK: u16 = 2;
    const PIECE: usize = 16 * 1024;

    /// A peer that speaks yamux by hand.
    struct Attacker {
        socket: DuplexStream,
        credit: usize,
        credit_max: usize,
    }

    impl Attacker {
        async fn say(&mut self, kind: u8, flags: u16, stream: u32, value: u32) {
            let mut header = vec![0, kind];
            header.extend(flags.to_be_bytes());
            header.extend(stream.to_be_bytes());
            header.extend(value.to_be_bytes());
            self.socket.write_all(&header).await.unwrap();
        }

        async fn send(&mut self, flags: u16) {
            self.say(DATA, flags, 1, PIECE as u32).await;
            self.socket.write_all(&[0; PIECE]).await.unwrap();
            self.credit -= PIECE;
        }

        /// Pings are answered late, so that the way looks long and a larger window seems to be of use.
        async fn hear(&mut self) {
            let mut header = [0; 12];
            self.socket.read_exact(&mut header).await.unwrap();
            let value = u32::from_be_bytes(header[8..].try_into().unwrap());
            match header[1] {
                PING => {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    self.say(PING, ACK, 0, value).await;
                }
                WINDOW_UPDATE => {
                    self.credit += value as usize;
                    self.credit_max = self.credit_max.max(self.credit);
                }
                other => panic!("frame of kind {other}"),
            }
        }
    }

    /// Accepts streams and reads all that comes on them.
    async fn read_everything(socket: DuplexStream) {
        let mut muxer = Muxer::new(socket.compat(), Mode::Server);
        loop {
            let stream = std::future::poll_fn(|cx| {
                let _driven = Pin::new(&mut muxer).poll(cx);
                Pin::new(&mut muxer).poll_inbound(cx)
            });
            let Ok(stream) = stream.await else { return };
            tokio::spawn(async move { tokio::io::copy(&mut stream.compat(), &mut tokio::io::sink()).await });
        }
    }

    #[tokio::test]
    async fn a_peer_that_feigns_a_long_way_gets_no_larger_window_than_the_limit() {
        let default = yamux::DEFAULT_CREDIT as usize;
        let limit = RECEIVE_WINDOW_BYTES - (STREAMS_MAX - 1) * default;
        let (near, socket) = duplex(1 << 20);
        tokio::spawn(read_everything(near));
        let mut attacker = Attacker { socket, credit: default, credit_max: default };

        attacker.send(SYN).await;
        for _ in 0..1500 {
            while attacker.credit < PIECE {
                attacker.hear().await;
            }
            attacker.send(0).await;
        }

        assert!(attacker.credit_max > default, "the window grew, or this shows nothing");
        assert!(attacker.credit_max <= limit, "{} of {limit}", attacker.credit_max);
    }
}
