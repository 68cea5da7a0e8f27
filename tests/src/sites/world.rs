//! Voters, followers and sybils on one queue of events: links that come up, carry frames in order, and break.

use super::archive::{Archive, Did};
use super::frames::{Frame, Outbox, key_of, node_of};
use super::lies::Lie;
use super::sides::Partition;
use super::site::{Place, Site};
use super::voter::Voter;
use crate::dice::Dice;
use crate::keys::Keys;
use crate::weather::{Micros, Weather};
use quorate_pbft::{Constants, ReplicaId, SeqNum};
use quorate_spread::{Contact, Door, Input};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::sync::Arc;

pub(super) const SECOND: Micros = 1_000_000;
/// Organisations of the followers.
const ORGANISATIONS: u32 = 20;
/// Followers start within this time.
const JOIN_WITHIN: Micros = 2 * SECOND;
/// A link or a dial that is cut counts as dead after that.
const DEAD_AFTER: Micros = 8 * SECOND;
const DIAL_TIME: Micros = 5 * SECOND;
/// Sybils knock again after that.
const KNOCKS_EVERY: Micros = SECOND;

enum Event {
    Wake,
    Did(usize),
    Arrives {
        link: u64,
        from: usize,
        frame: Arc<Frame>,
    },
    /// A dialler at the door.
    Knocks {
        from: usize,
        way: Micros,
    },
    Welcomed {
        link: u64,
        by: usize,
        way: Micros,
    },
    Refused {
        by: usize,
        way: Micros,
        hints: Vec<Contact>,
    },
    Down {
        link: u64,
        other: usize,
    },
    Unreached(usize),
    Cut,
}

/// A node of the world.
enum Node {
    Voter(Box<Voter>),
    Site(Box<Site>),
    /// A key without an organisation that takes a place and does nothing, at the door of this node.
    Sybil(usize),
}

/// Frames and bytes of a node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) messages: u64,
    pub(super) bytes: u64,
}

impl Load {
    fn add(&mut self, bytes: u64) {
        (self.messages, self.bytes) = (self.messages + 1, self.bytes + bytes);
    }
}

/// Crowd of a run.
#[derive(Clone, Copy)]
pub(super) struct Crowd {
    pub(super) voters: usize,
    pub(super) observers: usize,
    /// Followers in a hundred that lie.
    pub(super) liars: u64,
    pub(super) sybils: usize,
}

/// The world of one run.
pub(super) struct World<'a> {
    keys: &'a Keys,
    constants: Constants,
    weather: Weather,
    archive: &'a Archive,
    partition: Option<&'a Partition>,
    crowd: Crowd,
    now: Micros,
    queue: BinaryHeap<Reverse<(Micros, u64, usize)>>,
    events: HashMap<u64, Event>,
    queued: u64,
    nodes: Vec<Node>,
    wakes: Vec<Micros>,
    /// Links by their two ends, the lower first.
    links: BTreeMap<(usize, usize), u64>,
    linked: u64,
    last_arrival: HashMap<(usize, usize), Micros>,
    dice: Dice,
    pub(super) sent: Vec<Load>,
    pub(super) received: Vec<Load>,
    /// When each follower executed each slot.
    pub(super) executed_at: BTreeMap<SeqNum, Vec<Option<Micros>>>,
    /// Enrolled followers that a door refused while a stranger had a place there.
    pub(super) kept_out: u64,
    pub(super) frames: u64,
}

impl<'a> World<'a> {
    pub(super) fn new(
        keys: &'a Keys,
        weather: Weather,
        archive: &'a Archive,
        partition: Option<&'a Partition>,
        crowd: Crowd,
        seed: u64,
    ) -> Self {
        let mut world = Self {
            keys,
            constants: Constants::STANDARD,
            weather,
            archive,
            partition,
            crowd,
            now: 0,
            queue: BinaryHeap::new(),
            events: HashMap::new(),
            queued: 0,
            nodes: Vec::new(),
            wakes: Vec::new(),
            links: BTreeMap::new(),
            linked: 0,
            last_arrival: HashMap::new(),
            dice: Dice::new(seed).fork(3),
            sent: Vec::new(),
            received: Vec::new(),
            executed_at: BTreeMap::new(),
            kept_out: 0,
            frames: 0,
        };
        world.people(seed);
        world
    }

    fn people(&mut self, seed: u64) {
        let Crowd { voters, observers, liars, sybils } = self.crowd;
        let place = Place { keys: self.keys, constants: &self.constants, now: 0 };
        let mut nodes: Vec<Node> = (0..voters).map(|node| Node::Voter(Box::new(Voter::new(key_of(node))))).collect();
        for number in 0..observers {
            let lies = number as u64 * liars / 100 != (number as u64 + 1) * liars / 100;
            let lie = lies.then(|| Lie::ALL[number * liars as usize / 100 % Lie::ALL.len()]);
            let key = key_of(voters + number);
            let dice = seed ^ ((number as u64 + 1) << 20);
            nodes.push(Node::Site(Box::new(Site::new(key, place, lie, dice))));
        }
        // All at one voter's door, and then half of them at a follower's.
        nodes.extend((0..sybils).map(|number| Node::Sybil(if number % 2 == 0 { 0 } else { voters })));
        let total = nodes.len();
        (self.nodes, self.wakes) = (nodes, vec![Micros::MAX; total]);
        (self.sent, self.received) = (vec![Load::default(); total], vec![Load::default(); total]);
        for node in 0..total {
            let joins = match &self.nodes[node] {
                Node::Site(_) => self.dice.between(SECOND / 2, JOIN_WITHIN),
                Node::Voter(_) | Node::Sybil(_) => 1,
            };
            self.wake(node, joins);
        }
        for voter in 0..voters {
            let steps: Vec<Micros> = self.archive.steps(voter).iter().map(|(at, _)| *at).collect();
            steps.into_iter().enumerate().for_each(|(step, at)| self.push(at, voter, Event::Did(step)));
        }
        if let Some(partition) = self.partition {
            self.push(partition.begins, 0, Event::Cut);
        }
    }

    pub(super) fn play(&mut self, end: Micros) {
        while let Some(Reverse((at, number, node))) = self.queue.peek().copied().filter(|next| next.0.0 <= end) {
            self.queue.pop();
            self.now = at;
            let event = self.events.remove(&number).expect("queued with its event");
            self.handle(node, event);
        }
    }

    fn handle(&mut self, node: usize, event: Event) {
        match event {
            Event::Wake if self.wakes[node] == self.now => {
                self.wakes[node] = Micros::MAX;
                self.on_wake(node);
            }
            Event::Wake => (),
            Event::Did(step) => {
                let did = self.archive.steps(node)[step].1;
                self.voter_did(node, did);
            }
            Event::Arrives { link, from, frame } => {
                if self.links.get(&ends(node, from)) == Some(&link) {
                    self.received[node].add(frame.bytes());
                    self.hear(node, from, &frame);
                }
            }
            Event::Knocks { from, way } => self.knocks(node, from, way),
            Event::Welcomed { link, by, way } => {
                if self.links.get(&ends(node, by)) == Some(&link) {
                    self.is_up(node, by, way, true);
                }
            }
            Event::Refused { by, way, hints } => {
                let rtt_ms = 2 * way / 1_000;
                self.spread(node, Input::Busy { key: key_of(by), rtt_ms, hints });
                self.knock_again(node);
            }
            Event::Down { link, other } => {
                if self.links.get(&ends(node, other)).is_none_or(|now| *now == link) {
                    self.links.remove(&ends(node, other));
                    self.spread(node, Input::Down(key_of(other)));
                    self.knock_again(node);
                }
            }
            Event::Unreached(other) => {
                self.spread(node, Input::Unreached(key_of(other)));
                self.knock_again(node);
            }
            Event::Cut => self.cut(),
        }
    }

    fn push(&mut self, at: Micros, node: usize, event: Event) {
        self.queued += 1;
        self.events.insert(self.queued, event);
        self.queue.push(Reverse((at, self.queued, node)));
    }

    fn wake(&mut self, node: usize, at: Micros) {
        let at = at.max(self.now + 1);
        if at < self.wakes[node] {
            self.wakes[node] = at;
            self.push(at, node, Event::Wake);
        }
    }

    fn on_wake(&mut self, node: usize) {
        if let Node::Sybil(door) = self.nodes[node] {
            return self.dial(node, door);
        }
        let is_new = match &self.nodes[node] {
            Node::Site(site) => site.spread.known() == 0,
            _ => false,
        };
        if is_new {
            for voter in 0..self.crowd.voters {
                let contact = Contact { key: key_of(voter), address: (voter as u32).to_be_bytes().to_vec() };
                self.spread(node, Input::Known { contact, is_pinned: true });
            }
        }
        let ticks = quorate_pbft::Ticks::new(self.now / 1_000);
        self.spread(node, Input::Tick(ticks));
    }

    fn knock_again(&mut self, node: usize) {
        if matches!(self.nodes[node], Node::Sybil(_)) {
            self.wake(node, self.now + KNOCKS_EVERY);
        }
    }

    fn voter_did(&mut self, node: usize, did: Did) {
        let place = Place { keys: self.keys, constants: &self.constants, now: self.now };
        let mut out = Outbox::default();
        if let Node::Voter(voter) = &mut self.nodes[node] {
            voter.did(did, self.archive, place, &mut out);
        }
        self.let_out(node, out);
    }

    fn spread(&mut self, node: usize, input: Input) {
        let place = Place { keys: self.keys, constants: &self.constants, now: self.now };
        let mut out = Outbox::default();
        match &mut self.nodes[node] {
            Node::Voter(voter) => voter.spread(input, place, &mut out),
            Node::Site(site) => site.spread(input, place, &mut out),
            Node::Sybil(_) => (),
        }
        self.let_out(node, out);
    }

    fn hear(&mut self, node: usize, from: usize, frame: &Frame) {
        let place = Place { keys: self.keys, constants: &self.constants, now: self.now };
        let mut out = Outbox::default();
        match &mut self.nodes[node] {
            Node::Voter(voter) => voter.hear(key_of(from), frame, self.archive, place, &mut out),
            Node::Site(site) => site.hear(key_of(from), frame, place, &mut out),
            Node::Sybil(_) => (),
        }
        self.let_out(node, out);
    }

    fn let_out(&mut self, node: usize, out: Outbox) {
        out.frames.into_iter().for_each(|(to, frame)| self.send(node, node_of(&to), frame));
        out.dials.iter().for_each(|to| self.dial(node, node_of(to)));
        out.drops.iter().for_each(|other| self.drop_link(node, node_of(other)));
        let wakes = match &mut self.nodes[node] {
            Node::Voter(voter) => voter.spread.next_wakeup().get() * 1_000,
            Node::Site(site) => {
                for seq in site.executed.drain(..) {
                    let followers = vec![None; self.crowd.observers];
                    let row = self.executed_at.entry(seq).or_insert(followers);
                    row[node - self.crowd.voters].get_or_insert(self.now);
                }
                site.next_wakeup()
            }
            Node::Sybil(_) => return,
        };
        self.wake(node, wakes);
    }

    fn is_cut(&self, a: usize, b: usize) -> bool {
        self.partition.is_some_and(|partition| partition.parts(self.now, a, b))
    }

    fn way(&mut self, from: usize, to: usize) -> Micros {
        let id = |node: usize| ReplicaId::new(node as u16);
        self.weather.arrivals(id(from), id(to), &mut self.dice).next().unwrap_or_default()
    }

    /// Frames of a link come in the order in which they left.
    fn send(&mut self, from: usize, to: usize, frame: Frame) {
        let Some(link) = self.links.get(&ends(from, to)).copied() else { return };
        self.sent[from].add(frame.bytes());
        self.frames += 1;
        if self.is_cut(from, to) {
            return;
        }
        let at = self.now + self.way(from, to);
        let last = self.last_arrival.entry((from, to)).or_default();
        *last = at.max(*last);
        let at = *last;
        self.push(at, to, Event::Arrives { link, from, frame: Arc::new(frame) });
    }

    fn dial(&mut self, from: usize, to: usize) {
        if self.is_cut(from, to) {
            return self.push(self.now + DIAL_TIME, from, Event::Unreached(to));
        }
        let way = self.way(from, to);
        // TCP and the handshake that proves keys come first.
        self.push(self.now + 5 * way, to, Event::Knocks { from, way });
    }

    fn knocks(&mut self, door: usize, from: usize, way: Micros) {
        if self.links.contains_key(&ends(door, from)) || self.is_cut(door, from) {
            return self.push(self.now + way, from, Event::Unreached(door));
        }
        let organisation = self.organisation(from);
        let spread = match &mut self.nodes[door] {
            Node::Voter(voter) => &mut voter.spread,
            Node::Site(site) => &mut site.spread,
            Node::Sybil(_) => return,
        };
        let has_stranger = spread.neighbours().any(|(_, organisation)| organisation.is_none());
        match spread.arrive(key_of(from), organisation) {
            Door::Busy { hints } => {
                self.kept_out += u64::from(has_stranger && organisation.is_some());
                self.push(self.now + way, from, Event::Refused { by: door, way, hints });
            }
            Door::Welcome { in_place_of } => {
                if let Some(gone) = in_place_of {
                    self.spread(door, Input::Down(gone));
                    self.drop_link(door, node_of(&gone));
                }
                self.linked += 1;
                self.links.insert(ends(door, from), self.linked);
                self.last_arrival.insert((door, from), self.now + way);
                self.push(self.now + way, from, Event::Welcomed { link: self.linked, by: door, way });
                self.is_up(door, from, way, false);
            }
        }
    }

    fn is_up(&mut self, node: usize, other: usize, way: Micros, is_dialled: bool) {
        let organisation = if other < self.crowd.voters { Some(u32::MAX) } else { self.organisation(other) };
        let rtt_ms = 2 * way / 1_000;
        self.spread(node, Input::Up { key: key_of(other), organisation, rtt_ms, is_dialled });
        let is_site = |node: usize| (self.crowd.voters..self.crowd.voters + self.crowd.observers).contains(&node);
        if is_site(other) {
            let contact = Contact { key: key_of(other), address: (other as u32).to_be_bytes().to_vec() };
            self.spread(node, Input::Known { contact, is_pinned: false });
        }
    }

    /// Organisation of a node; none of a sybil.
    fn organisation(&self, node: usize) -> Option<u32> {
        let is_enrolled = node < self.crowd.voters + self.crowd.observers;
        is_enrolled.then_some(node as u32 % ORGANISATIONS)
    }

    fn drop_link(&mut self, node: usize, other: usize) {
        if let Some(link) = self.links.remove(&ends(node, other)) {
            let at = self.now + if self.is_cut(node, other) { DEAD_AFTER } else { self.way(node, other) };
            self.push(at, other, Event::Down { link, other: node });
        }
    }

    /// Links between the sides are dead after a while, at both ends.
    fn cut(&mut self) {
        let Some(partition) = self.partition else { return };
        let cut: Vec<((usize, usize), u64)> = self
            .links
            .iter()
            .filter(|((a, b), _)| partition.divides(*a, *b))
            .map(|(ends, link)| (*ends, *link))
            .collect();
        for ((a, b), link) in cut {
            self.push(self.now + DEAD_AFTER, a, Event::Down { link, other: b });
            self.push(self.now + DEAD_AFTER, b, Event::Down { link, other: a });
        }
    }

    /// Followers that do not lie.
    pub(super) fn honest(&self) -> Vec<usize> {
        let is_honest = |number: &usize| match &self.nodes[self.crowd.voters + number] {
            Node::Site(site) => site.lie.is_none(),
            Node::Voter(_) | Node::Sybil(_) => false,
        };
        (0..self.crowd.observers).filter(is_honest).collect()
    }

    /// Hops of all news that was new to an honest follower.
    pub(super) fn hops(&self) -> Vec<u8> {
        let hops = |number: usize| match &self.nodes[self.crowd.voters + number] {
            Node::Site(site) => site.hops.clone(),
            Node::Voter(_) | Node::Sybil(_) => Vec::new(),
        };
        self.honest().into_iter().flat_map(hops).collect()
    }

    /// Neighbours that a voter feeds.
    pub(super) fn fed(&self, voter: usize) -> usize {
        self.links.keys().filter(|(a, b)| *a == voter || *b == voter).count()
    }

    /// Sybils that have a place at any door.
    pub(super) fn sybils_inside(&self) -> usize {
        let first = self.crowd.voters + self.crowd.observers;
        self.links.keys().filter(|(_, b)| *b >= first).count()
    }
}

fn ends(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}
