//! A peer made of plain libp2p, which does what ours never does. Its connections are counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use futures::StreamExt;
use libp2p::identity::Keypair;
use libp2p::swarm::SwarmEvent;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::{Multiaddr, PeerId, Stream, StreamProtocol, SwarmBuilder, noise, tcp, yamux};
use libp2p_stream::{Behaviour, Control, IncomingStreams};
use tokio::sync::mpsc;
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt};

pub const VOTES: StreamProtocol = StreamProtocol::new("/quorate/votes/4");
pub const BULK: StreamProtocol = StreamProtocol::new("/quorate/bulk/4");

pub struct Raw {
    pub control: Control,
    dials: mpsc::UnboundedSender<(PeerId, Multiaddr)>,
    open: Arc<AtomicUsize>,
    closed: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Raw {
    /// Listens at `listen`, if any.
    pub fn start(keys: Keypair, listen: Option<Multiaddr>) -> Self {
        let mut swarm = SwarmBuilder::with_existing_identity(keys)
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|_| Behaviour::new())
            .unwrap()
            .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(600)))
            .build();
        if let Some(address) = listen {
            swarm.listen_on(address).unwrap();
        }
        let control = swarm.behaviour().new_control();
        let (open, closed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (now_open, now_closed) = (open.clone(), closed.clone());
        let (dials, mut to_dial) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            loop {
                tokio::select! {
                    Some((peer, address)) = to_dial.recv() => swarm.dial(again(peer, address)).unwrap(),
                    event = swarm.select_next_some() => match event {
                        SwarmEvent::ConnectionEstablished { .. } => {
                            now_open.fetch_add(1, SeqCst);
                        }
                        SwarmEvent::ConnectionClosed { .. } => {
                            now_open.fetch_sub(1, SeqCst);
                            now_closed.fetch_add(1, SeqCst);
                        }
                        _ => {}
                    },
                }
            }
        });
        Self { control, dials, open, closed, task }
    }

    /// Dials, connected already or not.
    pub fn dial(&self, peer: PeerId, address: Multiaddr) {
        self.dials.send((peer, address)).unwrap();
    }

    /// Returns when its port is free again.
    pub async fn stop(mut self) {
        self.task.abort();
        let _cancelled = (&mut self.task).await;
    }

    pub fn accept(&mut self, protocol: StreamProtocol) -> IncomingStreams {
        self.control.accept(protocol).unwrap()
    }

    pub fn open(&self) -> usize {
        self.open.load(SeqCst)
    }

    pub fn closed(&self) -> usize {
        self.closed.load(SeqCst)
    }
}

fn again(peer: PeerId, address: Multiaddr) -> DialOpts {
    DialOpts::peer_id(peer).addresses(vec![address]).condition(PeerCondition::Always).allocate_new_port().build()
}

/// The next stream that comes in.
pub async fn next(incoming: &mut IncomingStreams) -> Compat<Stream> {
    let next = tokio::time::timeout(crate::group::LIMIT, incoming.next()).await;
    next.expect("a stream in time").expect("a running swarm").1.compat()
}
