//! Outlet: messages of the core on their way to the network.

use crate::engine::Outgoing;
use crate::metrics::Metrics;
use quorate_net::{Channel, Network};
use quorate_pbft::{Message, ReplicaId};
use std::sync::Arc;
use tokio::sync::watch;

/// Answers the message that leaves for a peer in place of this one; none if nothing does.
pub type Intercept = Box<dyn FnMut(ReplicaId, &Arc<Message>) -> Option<Arc<Message>> + Send>;

/// Lets messages of the core out.
pub(crate) type Outlet = Box<dyn FnMut(Outgoing) + Send>;

/// Lets messages out; a full queue drops, and status and repair bring it again (N9). Observers hear the statuses as well.
pub(super) fn sender(
    network: Network,
    metrics: Arc<Metrics>,
    interceptor: Option<Intercept>,
    statuses: watch::Sender<Option<Arc<Message>>>,
) -> Outlet {
    match interceptor {
        Some(intercept) => intercepted(network, intercept),
        None => Box::new(move |outgoing| match outgoing {
            Outgoing::To(to, message) => send(&network, to, &message),
            Outgoing::All(message) => {
                metrics.leaves(&message);
                if matches!(*message, Message::Status { .. }) {
                    statuses.send_replace(Some(message.clone()));
                }
                broadcast(&network, &message);
            }
        }),
    }
}

/// Lets out what `intercept` answers, peer by peer.
fn intercepted(network: Network, mut intercept: Intercept) -> Outlet {
    let peers: Vec<ReplicaId> = network.peers().into_iter().map(|peer| peer.id).collect();
    Box::new(move |outgoing| {
        let (to, message) = match outgoing {
            Outgoing::To(to, message) => (vec![to], message),
            Outgoing::All(message) => (peers.clone(), message),
        };
        for to in to {
            if let Some(message) = intercept(to, &message) {
                send(&network, to, &message);
            }
        }
    })
}

fn broadcast(network: &Network, message: &Message) {
    let (channel, frame) = frame(message);
    if let Err(error) = network.broadcast(channel, frame) {
        tracing::warn!(event = "message-not-sent", %error, "message not sent");
    }
}

fn send(network: &Network, to: ReplicaId, message: &Message) {
    let (channel, frame) = frame(message);
    if let Err(error) = network.send(to, channel, frame) {
        tracing::debug!(%to, %error, "message dropped");
    }
}

fn frame(message: &Message) -> (Channel, quorate_net::Bytes) {
    let bytes = borsh::to_vec(message).expect("writing into memory cannot fail");
    (if message.is_bulk() { Channel::Bulk } else { Channel::Votes }, bytes.into())
}
