//! Conduct of peers in `/v1/peers`, and their release.

use super::Shared;
use super::param::InPath;
use super::peer_name::peer_id;
use super::problem::{Answer, Failure};
use super::service::Service;
use crate::conduct::{Offence, Record, Seen, State, Who};
use crate::copying::Liar;
use axum::Json;
use axum::extract::State as Of;
use quorate_client::api::{Conduct, ConductState, Peer};
use quorate_pbft::PublicKey;
use std::cmp::Reverse;

/// Strangers that are shown, the newest offenders: whoever comes with ever new keys fills no page.
const STRANGERS_MAX: usize = 16;

/// Conduct of a peer.
pub fn of(service: &Service, who: Who) -> Conduct {
    service.conduct.seen(who).map(|seen| shown(&seen.record)).unwrap_or_default()
}

/// Peers that have offended and are no members here: keys at the observers' door, and addresses; of strangers the newest.
pub fn others(service: &Service) -> impl Iterator<Item = Peer> {
    let is_stranger = |seen: &Seen| match seen.who {
        Who::Member(key) | Who::Observer(key) => !service.membership.directory.knows(&key),
        Who::Host(_) => true,
    };
    let (strangers, known): (Vec<Seen>, Vec<Seen>) = service.conduct.all().into_iter().partition(is_stranger);
    known.into_iter().chain(newest(strangers)).filter_map(|seen| other(&seen))
}

fn newest(mut strangers: Vec<Seen>) -> Vec<Seen> {
    strangers.sort_by_key(|seen| Reverse(seen.record.noted_at));
    strangers.truncate(STRANGERS_MAX);
    strangers
}

/// Ends what restrains a peer: a member by its number, a member or an observer by its libp2p name or key.
pub async fn release(Of(service): Shared, InPath(name): InPath<String>) -> Answer<Json<Conduct>> {
    let links = service.membership.links();
    let member =
        |link: &quorate_net::PeerInfo| link.id.is_some_and(|id| id.to_string() == name) || is_named(&link.key, &name);
    let members = links.iter().filter(|link| member(link)).map(|link| Who::Member(link.key));
    let observers = service.conduct.all().into_iter().map(|seen| seen.who);
    let observers = observers.filter(|who| matches!(who, Who::Observer(key) if is_named(key, &name)));
    let found: Vec<Who> = members.chain(observers).collect();
    let Some(first) = found.first() else {
        return Err(Failure::not_found(format!("no peer is called {name:?}; `quorate peers` names them")));
    };
    for who in &found {
        if service.conduct.release(*who) {
            tracing::warn!(event = "peer-released", peer = name, "an operator has released a peer");
        }
    }
    Ok(Json(of(&service, *first)))
}

fn is_named(key: &PublicKey, name: &str) -> bool {
    key.to_string() == name || peer_id(key) == name
}

fn other(seen: &Seen) -> Option<Peer> {
    let (peer_id, address) = match seen.who {
        Who::Member(_) => return None,
        Who::Observer(key) => (peer_id(&key), None),
        Who::Host(host) => (String::new(), Some(host.to_string())),
    };
    Some(Peer { peer_id, address, conduct: shown(&seen.record), ..Peer::default() })
}

/// Nodes that lied to the copy from which this one goes on.
pub fn liars(service: &Service) -> impl Iterator<Item = Peer> {
    service.liars.iter().map(liar)
}

fn liar(Liar { node, how, at }: &Liar) -> Peer {
    let offences = [(Offence::WrongAnswer.name().to_owned(), 1)];
    Peer {
        address: Some(node.clone()),
        source: Some("copy".to_owned()),
        told_ms: Some(crate::clock::now_ms().saturating_sub(*at)),
        lie: Some(how.clone()),
        conduct: Conduct { offences: offences.into(), ..Conduct::default() },
        ..Peer::default()
    }
}

fn shown(record: &Record) -> Conduct {
    let state = match record.state {
        State::Normal => ConductState::Normal,
        State::Strict => ConductState::Strict,
        State::Suspended => ConductState::Suspended,
    };
    let is_restrained = record.state != State::Normal;
    let counted = Offence::ALL.into_iter().filter(|offence| record.offences[*offence as usize] > 0);
    Conduct {
        state,
        reason: record.reason.filter(|_| is_restrained).map(|reason| reason.name().to_owned()),
        since: is_restrained.then_some(record.since),
        until: is_restrained.then_some(record.until),
        offences: counted.map(|offence| (offence.name().to_owned(), record.offences[offence as usize])).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_strangers_the_newest_offenders_are_shown() {
        let seen = |at: u8| Seen {
            who: Who::Observer(PublicKey([at; 32])),
            record: Record::new(State::Suspended, u64::from(at)),
        };

        let shown = newest((0..200).map(seen).collect());

        assert_eq!(shown.len(), STRANGERS_MAX);
        assert!(shown.iter().all(|seen| seen.record.noted_at >= 200 - STRANGERS_MAX as u64));
    }
}
