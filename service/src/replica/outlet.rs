//! Outlet: messages of the core on their way to the network.

use crate::engine::Outgoing;
use crate::membership::Membership;
use crate::metrics::Metrics;
use quorate_pbft::{Message, ReplicaId};
use std::sync::Arc;
use tokio::sync::watch;

/// Answers the message that leaves for a peer in place of this one; none if nothing does.
pub type Intercept = Box<dyn FnMut(ReplicaId, &Arc<Message>) -> Option<Arc<Message>> + Send>;

/// Lets messages of the core out.
pub(crate) type Outlet = Box<dyn FnMut(Outgoing) + Send>;

/// Lets messages out. Observers hear the statuses as well.
pub(super) fn sender(
    membership: Arc<Membership>,
    metrics: Arc<Metrics>,
    interceptor: Option<Intercept>,
    statuses: watch::Sender<Option<Arc<Message>>>,
) -> Outlet {
    match interceptor {
        Some(intercept) => intercepted(membership, intercept),
        None => Box::new(move |outgoing| {
            if outgoing.to.is_none() {
                metrics.leaves(&outgoing.message);
                if matches!(*outgoing.message, Message::Status { .. }) {
                    statuses.send_replace(Some(outgoing.message.clone()));
                }
            }
            membership.let_out(&outgoing);
        }),
    }
}

/// Lets out what `intercept` answers, peer by peer.
fn intercepted(membership: Arc<Membership>, mut intercept: Intercept) -> Outlet {
    Box::new(move |Outgoing { committee, to, message }| {
        let own = committee.replica_of(&membership.key);
        let all = || committee.replicas().filter(|replica| Some(*replica) != own).collect();
        for to in to.map_or_else(all, |to| vec![to]) {
            if let Some(message) = intercept(to, &message) {
                membership.let_out(&Outgoing { committee: committee.clone(), to: Some(to), message });
            }
        }
    })
}
