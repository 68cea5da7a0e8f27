//! Place of a node in its group: a member's seat in the epochs that name its key, none in others. The ways to the members
//! follow the lists that count now.

use crate::engine::{Committees, Moment, Outgoing};
use crate::observing::Relay;
use crate::pool::Checker;
use quorate_ledger::{EnvelopeCheck, MemberEntry, StoreError};
use quorate_net::{Channel, Directory, Entrance, Found, Member, Multiaddr, Network, PeerInfo, Source, relayed};
use quorate_pbft::{Committee, Message, PublicKey, ReplicaId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Ways of a node to the members.
pub struct Membership {
    /// The node's own key.
    pub key: PublicKey,
    /// The own key, as libp2p writes it.
    pub peer_id: String,
    /// Links to the other members; none of an observer without a door for them.
    pub network: Option<Network>,
    /// Way to the members while it is none itself.
    pub relay: Arc<Relay>,
    /// Check of what comes.
    pub checker: Arc<Checker>,
    /// Check of envelopes, by the rules of the epochs that count.
    pub envelopes: EnvelopeCheck,
    /// Addresses that others tell.
    pub directory: Arc<Directory>,
    /// Known addresses.
    pub addresses: BTreeMap<PublicKey, Multiaddr>,
}

impl Membership {
    /// Other member lists count from now on. Who is in one of them has links to all that are; who is in none follows through
    /// the members' doors for observers.
    pub fn follow(&self, committees: &Committees, moment: &Moment) {
        moment.ledger.guide(&self.envelopes);
        self.checker.set_committees(committees.clone());
        self.relay.follow(committees.current(), &self.key);
        let members = committees.all().flat_map(|committee| committee.keys().copied());
        self.directory.know(members.chain(self.addresses.keys().copied()));
        let listed = committees.all().flat_map(|committee| committee.keys().copied());
        self.directory.leave(listed.filter(|key| committees.has_left(key)));
        let Some(network) = &self.network else { return };
        let members = if committees.name(&self.key) { self.members(committees, moment) } else { Vec::new() };
        if let Err(error) = network.set_members(&members) {
            tracing::error!(event = "members-unreachable", %error, "the members of an epoch cannot be linked to");
        }
    }

    /// Members by the newest list that names them. An address of the configuration goes before those that a member joined
    /// with. Who has left is not dialled: it knows where the others are.
    fn members(&self, committees: &Committees, moment: &Moment) -> Vec<Member> {
        let mut addresses = joined_with(moment).unwrap_or_else(|error| {
            tracing::warn!(event = "addresses-unread", %error, "the addresses of members cannot be read");
            self.linked()
        });
        for (key, address) in &self.addresses {
            let known = addresses.entry(*key).or_default();
            known.retain(|other| other != address);
            known.insert(0, address.clone());
        }
        let mut members: Vec<Member> = Vec::new();
        for committee in committees.all() {
            for member in listed(committee, &addresses) {
                if members.iter().all(|known| known.key != member.key) {
                    members.push(member);
                }
            }
        }
        let left = members.iter_mut().filter(|member| committees.has_left(&PublicKey(member.key)));
        left.for_each(|member| member.addresses.clear());
        members
    }

    /// Addresses that the links have, where the state cannot be read: an empty list would forget them.
    fn linked(&self) -> BTreeMap<PublicKey, Vec<Multiaddr>> {
        self.network.iter().flat_map(Network::configured).collect()
    }

    /// The links to the other members, each with the number that it has now: each epoch gives them anew.
    pub fn links(&self) -> Vec<PeerInfo> {
        let links = self.network.as_ref().map(Network::peers).unwrap_or_default();
        let mut links = if links.is_empty() { self.followed() } else { links };
        let committees = self.checker.committees();
        links.retain(|link| link.key != self.key);
        links.iter_mut().for_each(|link| link.id = committees.number(&link.key));
        links
    }

    /// Doors of members to a node that follows.
    fn followed(&self) -> Vec<PeerInfo> {
        let mut links = self.relay.links();
        for link in &mut links {
            let told = self.directory.addresses(&link.key, Entrance::Observers);
            let counts = |address: &Multiaddr| {
                link.is_up || told.is_empty() || told.iter().any(|found| found.address == *address)
            };
            let reached = link.address.take().filter(counts).map(|address| {
                let found = told.iter().find(|found| found.address == address);
                let source = if relayed(&address).is_some() { Source::Relay } else { Source::Config };
                found.cloned().unwrap_or(Found { address, source, age: Duration::ZERO })
            });
            let shown = reached.or(told.into_iter().next());
            link.told = shown.as_ref().map(|found| (found.source, found.age));
            link.address = shown.map(|found| found.address);
        }
        links
    }

    /// Lets a message out; a full queue drops, and status and repair bring it again (N9). A question of who is no member goes
    /// to a member or observer that serves it.
    pub fn let_out(&self, Outgoing { committee, to, message }: &Outgoing) {
        let own = committee.replica_of(&self.key);
        if own.is_none() {
            let key = |to| committee.key(to).copied().or_else(|| self.relay.key_of(to));
            if let (Message::Ask(question), Some(to)) = (&**message, to.and_then(key)) {
                self.relay.ask(to, question.clone());
            }
            return;
        }
        let Some(network) = &self.network else { return };
        let bytes: quorate_net::Bytes = borsh::to_vec(&**message).expect("writing into memory cannot fail").into();
        let channel = if message.is_bulk() { Channel::Bulk } else { Channel::Votes };
        let all = || committee.replicas().filter(|replica| Some(*replica) != own).collect();
        for to in to.map_or_else(all, |to| vec![to]) {
            let Some(key) = committee.key(to) else { continue };
            if let Err(error) = network.send(*key, channel, bytes.clone()) {
                tracing::debug!(%to, %error, "message dropped");
            }
        }
    }

    /// Charges members for what they sent of no use: their bulk is read at a pace then. Who is no member slows nobody's link.
    pub fn charge(&self, useless: &BTreeMap<PublicKey, u64>) {
        let is_member = || self.checker.committees().current().replica_of(&self.key).is_some();
        let Some(network) = self.network.as_ref().filter(|_| !useless.is_empty() && is_member()) else { return };
        useless.iter().for_each(|(key, bytes)| network.charge(key, *bytes));
    }

    /// Closes the links between members.
    pub async fn close(&self) {
        if let Some(network) = &self.network {
            network.clone().stop().await;
        }
    }
}

/// Addresses in the entries of this epoch's members and of the next one's: those that can be dialled.
fn joined_with(moment: &Moment) -> Result<BTreeMap<PublicKey, Vec<Multiaddr>>, StoreError> {
    let view = moment.view();
    let next = view.next_members()?.into_iter().flat_map(|(_, members)| members);
    let members = view.members()?.into_iter().chain(next);
    let sound = |entry: MemberEntry| {
        let sound = |address: &String| {
            let mut member = Member { id: entry.replica, key: entry.key.0, addresses: vec![address.parse().ok()?] };
            // One that names another key, or that no network can dial, would keep all others out.
            member.check().ok().and(member.addresses.pop())
        };
        (entry.key, entry.addresses.iter().filter_map(sound).collect())
    };
    Ok(members.map(sound).collect())
}

/// The members of a list with their addresses.
pub(crate) fn listed<'a>(
    committee: &'a Committee,
    addresses: &'a BTreeMap<PublicKey, Vec<Multiaddr>>,
) -> impl Iterator<Item = Member> + 'a {
    committee.keys().zip(0..).map(|(key, number)| Member {
        id: ReplicaId::new(number),
        key: key.0,
        addresses: addresses.get(key).cloned().unwrap_or_default(),
    })
}
