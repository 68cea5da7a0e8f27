//! Connection of an observer to one member, or to an observer that serves others, kept up as long as the observer runs.

use super::hints::Hints;
use super::relay::Relay;
use super::serving::OpenDoor;
use super::voice::Voice;
use super::wire::{Asking, DoorOf, HOPS_MAX, Holdings, Telling, VERSION, frame, parse, words};
use crate::conduct::{Conduct, Offence, State, Who};
use crate::discovery::take_records;
use crate::engine::{Inbox, Published, Request};
use crate::pool::{Checker, Dropped};
use crate::relaying::{CallError, Caller};
use quorate_net::{
    DialError, Directory, LinkError, Multiaddr, Receiver, Sender, dial, key_of_peer, pack, relayed, unpack,
};
use quorate_pbft::{Claims, Digest, Message, PublicKey, ReplicaId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

/// Pauses before the next try, after a link that broke, and after a refusal.
const RETRY: Duration = Duration::from_millis(500);
const REFUSED_FOR: Duration = Duration::from_secs(5);
/// Pause after a refusal while observers serve that have a way to the members: those may all lie together.
const LED_FOR: Duration = Duration::from_secs(300);
/// Longest pause after refusals while others serve.
const REFUSED_FOR_MAX: Duration = Duration::from_secs(80);
/// Pause after an observer handed on what proves itself wrong.
const FORGED_FOR: Duration = Duration::from_secs(600);
/// Time for the own door to open, so that whoever serves is told of it.
const OPENS_WITHIN: Duration = Duration::from_secs(2);
/// Pause between two looks at whether an observer that serves is of use.
const LOOKS_EVERY: Duration = Duration::from_secs(1);
/// Time for the answer to the first frame.
const WELCOMED_WITHIN: Duration = Duration::from_secs(10);
/// Pause after a page of records: a member has few, and may not keep this node busy with signatures.
const RECORDS_EVERY: Duration = Duration::from_millis(20);
/// Pause between two tellings of what a node has, or of other doors: an honest one makes a longer one.
const TOLD_EVERY: Duration = Duration::from_millis(40);
/// Questions that wait to leave.
const QUESTIONS_MAX: usize = 64;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error("all its places for observers are taken")]
    Busy,
    #[error("{0}")]
    Refused(String),
    #[error("another address of this node serves already")]
    Served,
    #[error("another member answers there")]
    OtherKey,
    #[error("an address at a relay names the member that is to be called: …/p2p-circuit/p2p/NAME")]
    Nobody,
    #[error(transparent)]
    Relay(#[from] CallError),
    #[error("no answer to the first frame")]
    Silent,
    #[error("a frame that is none")]
    Frame,
    #[error("it is suspended here for what it answered")]
    Suspended,
    #[error("it handed on what proves itself wrong: {0}")]
    Forged(String),
    #[error("{0}")]
    OfNoUse(&'static str),
    #[error("it is no member any more")]
    Left,
    #[error("it is a member now, and comes again as one")]
    Promoted,
    #[error("the node is a member itself now")]
    Member,
}

/// Pause before a door that was found is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// The door says when: it did not answer, or its link broke.
    Usual,
    /// So long: it refused, or is of no use.
    For(Duration),
}

/// Node that serves.
#[derive(Debug, Clone, Copy)]
struct Server {
    key: PublicKey,
    /// Number under which the core asks it, if it is no member.
    other: Option<ReplicaId>,
}

impl Server {
    fn who(&self) -> Who {
        if self.other.is_some() { Who::Observer(self.key) } else { Who::Member(self.key) }
    }
}

/// Address of a member's or observer's door for observers, and all that a connection there needs.
#[derive(Clone)]
pub struct Contact {
    /// Address that is dialled.
    pub address: Multiaddr,
    /// Key that is to answer there; none: any.
    pub member: Option<PublicKey>,
    /// The own key.
    pub key: PublicKey,
    /// Addresses that members tell.
    pub directory: Arc<Directory>,
    /// The observer's secret.
    pub secret: [u8; 32],
    /// Hash of the genesis.
    pub group: Digest,
    /// Domains that the observer follows; none where it follows all.
    pub domains: Vec<String>,
    /// Callers of the observer.
    pub relay: Arc<Relay>,
    /// Check of what comes.
    pub checker: Arc<Checker>,
    /// The door to the core's thread.
    pub inbox: Arc<Inbox>,
    /// Conduct of those that serve.
    pub conduct: Arc<Conduct>,
    /// Doors of other observers.
    pub hints: Arc<Hints>,
    /// The own door, once it stands open; none ever without one.
    pub door: watch::Receiver<Option<OpenDoor>>,
    /// State that the core's thread last published.
    pub published: watch::Receiver<Published>,
}

impl Contact {
    /// Connects again and again, while the node follows.
    pub async fn keep(self) {
        let (mut last, mut follows, mut refused_for) = (String::new(), self.relay.follows(), REFUSED_FOR);
        let mut refused_at: Option<Instant> = None;
        while follows.wait_for(|follows| *follows).await.is_ok() {
            if refused_at.is_some_and(|at| at.elapsed() < LED_FOR) && self.relay.is_led() {
                sleep(REFUSED_FOR).await;
                continue;
            }
            let ended = tokio::select! {
                biased;
                _ = follows.wait_for(|follows| !*follows) => Ended::Member,
                ended = self.once() => ended,
            };
            if matches!(ended, Ended::Member) {
                self.relay.closed_all();
                continue;
            }
            let why = ended.to_string();
            if ended.is_refusal() {
                self.relay.refused(format!("{}: {why}", self.address));
            }
            // While others serve, a door that refuses is asked ever less.
            let is_served = self.relay.hops(None) < HOPS_MAX;
            refused_for = if is_served { (refused_for * 2).min(REFUSED_FOR_MAX) } else { REFUSED_FOR };
            refused_at = Some(Instant::now()).filter(|_| ended.pause() != Pause::Usual);
            let pause = match ended.pause() {
                Pause::Usual => {
                    refused_for = REFUSED_FOR;
                    RETRY
                }
                Pause::For(REFUSED_FOR) => refused_for,
                Pause::For(pause) => pause,
            };
            if why != last {
                tracing::warn!(event = "member-lost", address = %self.address, %ended, "no member serves this observer here");
                last = why;
            }
            sleep(pause).await;
        }
    }

    /// Connects to a member or observer at one of these addresses, and returns when it serves no more.
    pub async fn try_all(mut self, member: PublicKey, addresses: Vec<Multiaddr>) -> Pause {
        self.member = Some(member);
        let mut pause = Pause::Usual;
        for address in addresses {
            self.address = address;
            let mut follows = self.relay.follows();
            let ended = tokio::select! {
                biased;
                _ = follows.wait_for(|follows| !*follows) => {
                    self.relay.closed(member);
                    return Pause::Usual;
                }
                ended = self.once() => ended,
            };
            tracing::debug!(%member, address = %self.address, %ended, "a node that was found serves no more");
            if let Ended::Busy | Ended::Refused(_) = ended {
                self.relay.refused(format!("{}: {ended}", self.address));
            }
            if let Pause::For(_) = ended.pause() {
                pause = ended.pause();
            }
        }
        pause
    }

    async fn once(&self) -> Ended {
        match self.follow().await {
            Err(ended) => ended,
            Ok(never) => match never {},
        }
    }

    async fn follow(&self) -> Result<std::convert::Infallible, Ended> {
        let link = match relayed(&self.address) {
            None => dial(self.secret, &self.address).await?,
            Some((door, relay)) => self.caller(door, key_of_peer(&relay)).call(self.target()?).await?,
        };
        let member = PublicKey(link.key());
        if self.member.is_some_and(|expected| expected != member) {
            return Err(Ended::OtherKey);
        }
        // Before the greeting: the other side ends the older link of a key.
        if self.relay.serving().contains(&member) {
            return Err(Ended::Served);
        }
        self.directory.reached(&member, &self.address);
        let number = self.checker.number(&member);
        if self.is_suspended(Server { key: member, other: number.is_none().then_some(ReplicaId::new(0)) }) {
            return Err(Ended::Suspended);
        }
        let (mut sender, mut receiver) = link.split(usize::MAX);
        sender.send(&frame(&self.hello())).await?;
        let first = timeout(WELCOMED_WITHIN, receiver.recv()).await.map_err(|_| Ended::Silent)??;
        match parse(&first) {
            Some(Telling::Welcome) => (),
            Some(Telling::Busy(doors)) => {
                self.learn(&doors);
                return Err(Ended::Busy);
            }
            Some(Telling::Refused(why)) => return Err(Ended::Refused(words(&why))),
            _ => return Err(Ended::Frame),
        }
        self.hints.reached(&member);
        // Where members are is told to those that the group knows.
        let is_known = number.is_some() || self.directory.knows(&member);
        let (records, _) = if is_known { self.directory.since(0) } else { self.directory.open_since(0) };
        if !records.is_empty() {
            sender.send(&frame(&Asking::Records(pack(&records).into()))).await?;
        }
        if let Some(port) = self.own_port().await {
            sender.send(&frame(&Asking::Door(port))).await?;
        }
        let (route, questions) = mpsc::channel(QUESTIONS_MAX);
        // What proves itself may come from whoever has it, also from a member of an epoch that is not known here yet.
        let other = match number {
            Some(number) => {
                self.relay.found(member, self.address.clone());
                let opened = self.relay.opened(member, route).then_some(None).ok_or(Ended::Served)?;
                tracing::info!(event = "member-serves", member = %number, address = %self.address, "a member serves this observer");
                opened
            }
            None => {
                let number = self.relay.opened_other(member, route).ok_or(Ended::Served)?;
                tracing::info!(event = "observer-serves", observer = %member, address = %self.address, "another observer serves this one");
                Some(number)
            }
        };
        let (server, voice) = (Server { key: member, other }, Voice::at(&self.inbox));
        let (passed, turns) = (receiver.passed(), AtomicU64::new(0));
        let ended = tokio::select! {
            ended = self.read(server, receiver, (&voice, &turns)) => ended,
            ended = write(sender, questions) => ended,
            ended = self.watch(server, &passed, &turns) => ended,
        };
        self.relay.closed(member);
        if let Some(other) = other {
            voice.say(Request::Leaves(other)).await;
        }
        Err(ended)
    }

    /// Port of the own door, once it stands open.
    async fn own_port(&self) -> Option<u16> {
        let mut door = self.door.clone();
        let open = timeout(OPENS_WITHIN, door.wait_for(Option::is_some)).await.ok()?.ok()?;
        open.as_ref().map(|open| open.address.port())
    }

    fn learn(&self, doors: &[DoorOf]) {
        self.hints.learn(&self.key, doors, &self.directory);
    }

    /// Returns once an observer that serves is of no use. `turns` is odd while a frame of it waits for room here.
    async fn watch(&self, server: Server, passed: &AtomicU64, turns: &AtomicU64) -> Ended {
        let mut seen = [0; 2];
        loop {
            sleep(LOOKS_EVERY).await;
            let before = std::mem::replace(&mut seen, [passed, turns].map(|count| count.load(Relaxed)));
            let unread = if seen[1] % 2 == 1 && seen[1] == before[1] { LOOKS_EVERY } else { Duration::ZERO };
            self.relay.moves(&server.key, seen[0] - before[0], unread);
            if let Some(fault) = self.relay.fault_of(&server.key) {
                return Ended::OfNoUse(fault);
            }
        }
    }

    /// Takes the claims of an observer, or of a member that is in a later epoch.
    async fn take_claims(&self, server: Server, voice: &Voice, holdings: &Holdings) -> Result<(), Ended> {
        if server.other.is_none() && self.checker.number(&server.key).is_none() {
            return Err(Ended::Left);
        }
        // A member of the next epoch says so until that begins, and has no number before.
        let number = || self.checker.committees().current().replica_of(&server.key);
        let Some(from) = server.other.or_else(number) else { return Ok(()) };
        let executed = self.published.borrow().moment.seq();
        self.relay.holds(&server.key, holdings, executed);
        let Holdings { executed, oldest, stable, hops } = *holdings;
        let claims = Claims { decided: executed, executed, oldest, stable };
        voice.say(Request::Holds { from, claims, leads: hops < HOPS_MAX }).await;
        Ok(())
    }

    fn caller(&self, door: Multiaddr, relay: Option<PublicKey>) -> Caller {
        Caller { secret: self.secret, group: self.group, door, relay }
    }

    /// Key that is to be called at a relay.
    fn target(&self) -> Result<PublicKey, Ended> {
        let named = || key_of_peer(&self.address.to_string().rsplit_once("/p2p-circuit/p2p/")?.1.parse().ok()?);
        self.member.or_else(named).ok_or(Ended::Nobody)
    }

    fn hello(&self) -> Asking {
        let (group, domains) = (self.group, self.domains.clone());
        match domains.is_empty() {
            true => Asking::Hello { version: VERSION, group },
            false => Asking::HelloOf { version: VERSION, group, domains },
        }
    }

    async fn read(&self, server: Server, mut receiver: Receiver, (voice, turns): (&Voice, &AtomicU64)) -> Ended {
        let mut told_at = Instant::now();
        loop {
            let frame = match receiver.recv().await {
                Ok(frame) => frame,
                Err(error) => return error.into(),
            };
            let telling = parse(&frame);
            if let Some(Telling::Holds(_) | Telling::Doors(_)) = telling {
                sleep(TOLD_EVERY.saturating_sub(told_at.elapsed())).await;
                told_at = Instant::now();
            }
            turns.fetch_add(1, Relaxed);
            let taken = match telling {
                Some(Telling::Message(message)) => self.deliver(server, *message).await,
                Some(Telling::Holds(holdings)) => self.take_claims(server, voice, &holdings).await,
                Some(Telling::Doors(doors)) => {
                    self.learn(&doors);
                    Ok(())
                }
                Some(
                    telling @ (Telling::Answer { number, .. }
                    | Telling::Marked { number, .. }
                    | Telling::State { number, .. }),
                ) => {
                    self.relay.told(server.key, number, telling);
                    Ok(())
                }
                Some(Telling::Records(records)) => {
                    if take_records(&self.directory, &unpack(&records).unwrap_or_default()).is_err() {
                        self.conduct.note(server.who(), Offence::BadSignature);
                        return Ended::Frame;
                    }
                    sleep(RECORDS_EVERY).await;
                    Ok(())
                }
                Some(Telling::Refused(why)) => return Ended::Refused(words(&why)),
                Some(Telling::Welcome | Telling::Busy(_) | Telling::Call { .. }) | None => {
                    self.conduct.note(server.who(), Offence::BadFrame);
                    return Ended::Frame;
                }
            };
            turns.fetch_add(1, Relaxed);
            if let Err(ended) = taken {
                return ended;
            }
            if self.is_suspended(server) {
                return Ended::Suspended;
            }
        }
    }

    fn is_suspended(&self, server: Server) -> bool {
        self.conduct.state(server.who()) == State::Suspended
    }

    /// Checks a message where processor may be used, and waits there for room before the core. An observer that hands on what
    /// proves itself wrong is left at once: there are others, and no member's word is lost.
    async fn deliver(&self, server: Server, message: Message) -> Result<(), Ended> {
        let (checker, inbox, conduct) = (self.checker.clone(), self.inbox.clone(), self.conduct.clone());
        let (relay, executed) = (self.relay.clone(), self.published.borrow().moment.seq());
        let certified = match &message {
            Message::Decided { certificate, .. } | Message::StableCheckpoint(certificate) => Some(certificate.seq),
            _ => None,
        };
        let Server { key, other } = server;
        let check = move || {
            let admitted = match other {
                Some(number) => checker.admit_handed_on(number, message),
                None => checker.admit(key, message),
            };
            let dropped = match admitted {
                Ok(message) => {
                    conduct.good(server.who());
                    if let Some(seq) = certified {
                        relay.gives(&key, seq, (executed, executed.plus(checker.constants.window)));
                    }
                    inbox.message(Box::new(message), None);
                    return Ok(());
                }
                Err(dropped) => dropped,
            };
            tracing::debug!(%key, %dropped, "frame dropped");
            if other.is_some() && matches!(dropped, Dropped::Undecodable(_)) && checker.number(&key).is_some() {
                return Err(Ended::Promoted);
            }
            if dropped.offence().is_some() {
                conduct.note(server.who(), Offence::WrongAnswer);
                if other.is_some() {
                    return Err(Ended::Forged(dropped.to_string()));
                }
            }
            Ok(())
        };
        // A panic of the check has said so; the frame is gone, and the core asks again.
        tokio::task::spawn_blocking(check).await.unwrap_or(Ok(()))
    }
}

impl Ended {
    /// Whether the node there said no, or this one does.
    fn is_refusal(&self) -> bool {
        matches!(self, Self::Busy | Self::Refused(_) | Self::Suspended | Self::Forged(_) | Self::OfNoUse(_))
    }

    fn pause(&self) -> Pause {
        match self {
            Self::Forged(_) => Pause::For(FORGED_FOR),
            Self::OfNoUse(_) => Pause::For(REFUSED_FOR_MAX),
            Self::Busy | Self::Refused(_) | Self::Suspended | Self::Served => Pause::For(REFUSED_FOR),
            _ => Pause::Usual,
        }
    }
}

async fn write(mut sender: Sender, mut questions: mpsc::Receiver<Asking>) -> Ended {
    loop {
        let sent = match timeout(Sender::BEAT, questions.recv()).await {
            Ok(Some(asking)) => sender.send(&frame(&asking)).await,
            Ok(None) => return Ended::Silent,
            Err(_) => sender.beat().await,
        };
        if let Err(error) = sent {
            return error.into();
        }
    }
}
