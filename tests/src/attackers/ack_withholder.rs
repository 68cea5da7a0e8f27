//! Acknowledgements withheld: stores what others bundle and never says so.
//! Must survive: every lane's progress; q others acknowledge.

use super::{Attacker, as_it_is};
use quorate_pbft::{Message, ReplicaId};
use std::sync::Arc;

pub(super) struct AckWithholder;

impl Attacker for AckWithholder {
    fn outgoing(&mut self, _to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>> {
        if matches!(**message, Message::Ack(_)) { Vec::new() } else { as_it_is(message) }
    }
}
