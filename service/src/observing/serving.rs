//! Observers at a member, or at another observer: served from the published state on a thread of their own, after what
//! members need.

use super::budget::{BYTES_PER_SECOND, Budget, is_bulk_waiting};
use super::enrolment::{Guest, Strangers};
use super::links::{Link, Links};
use super::relay::Passing;
use super::scoped::{self, States};
use super::visits::Visits;
use super::wire::{Answered, Asking, HANDED_ON_BYTES_MAX, Marked, Telling, VERSION, frame, parse};
use crate::api::{Answer, Service, among_strangers, order};
use crate::clock::now_ms;
use crate::conduct::{Offence, State, Who};
use crate::discovery::take_records;
use crate::metrics::Kind;
use crate::relaying::Switchboard;
use crate::tasks::spawn_until;
use axum::body::to_bytes;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use quorate_client::api::{PROBLEM_TYPE, Problem};
use quorate_ledger::Level;
use quorate_net::{Arrival, Backway, Bytes, LinkError, Multiaddr, ObserversDoor, Receiver, Sender, unpack};
use quorate_pbft::{Digest, Epoch, Message, PublicKey, Question, SeqNum, Wanted};
use quorate_storage::SupplyLimits;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Observers that a node serves at a time, so that a voter's cost does not depend on its audience.
const OBSERVERS_MAX: usize = 8;
/// Threads that read the disk for all observers together.
const READERS_MAX: usize = 2;
/// Bytes that a question or request is charged beside its answer: 512 a second are looked at, whatever comes of them.
const QUESTION_BYTES: usize = 16 << 10;
/// Factor by which requests of an observer that is treated strictly weigh more.
const STRICT: u32 = 8;
/// Pause before each of its frames: an eighth of its share of what all observers together may ask. It waits by itself, so
/// that nobody else pays for it.
const STRICT_PAUSE: Duration =
    Duration::from_micros((8 * OBSERVERS_MAX * QUESTION_BYTES) as u64 * 1_000_000 / BYTES_PER_SECOND);
/// Time for the first frame.
const HELLO_WITHIN: Duration = Duration::from_secs(2);
/// Frames that wait to leave to one observer, so that it has one answer in memory and not many: its next question is read
/// once the last frame of the answer waits.
const FRAMES_MAX: usize = 1;
/// Changes and marks of one observer that are under way, by their weight: 32 small ones, or two of the largest.
const REQUESTS_MAX: usize = 32;
/// Bytes of a change that weigh as much as a mark.
const WEIGHT_BYTES: usize = HANDED_ON_BYTES_MAX / 16;
/// Slots of one answer.
const SLOTS_MAX: u64 = 64;
/// Bounds of one answer. A decided tip vouches for its lane: its certificate is for voters.
const LIMITS: SupplyLimits = SupplyLimits { messages_max: 256, bytes_max: 2 << 20, lane_certificates: false };
/// Pause while bulk waits for members, and how often at most before one frame.
const MEMBERS_FIRST: Duration = Duration::from_millis(20);
const MEMBERS_FIRST_TIMES: u32 = 50;

/// The member's newest status.
pub type Statuses = watch::Receiver<Option<Arc<Message>>>;

/// Door that stands open.
#[derive(Clone)]
pub struct OpenDoor {
    /// Address that it listens at.
    pub address: SocketAddr,
    /// Way in for observers who come through a relay.
    pub backway: Backway,
}

/// Opens the door for observers and serves them on a thread of its own, which gives way to those that agree, until the member
/// stops. A door that cannot be opened keeps no voter from starting.
pub(crate) fn open(
    (address, secret): (Multiaddr, [u8; 32]),
    service: Arc<Service>,
    statuses: Statuses,
    tell_door: watch::Sender<Option<OpenDoor>>,
    switchboard: Option<Arc<Switchboard>>,
) -> io::Result<JoinHandle<()>> {
    let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(READERS_MAX).build()?;
    let stand = async move {
        match ObserversDoor::open(secret, &address).await {
            Ok(door) => {
                tell_door.send_replace(Some(OpenDoor { address: door.address(), backway: door.backway() }));
                serve(door, service, statuses, switchboard).await
            }
            Err(error) => {
                tracing::warn!(event = "observers-off", %address, %error, "this node takes no observers");
            }
        }
    };
    thread::Builder::new().name("observers".to_owned()).spawn(move || {
        among_strangers();
        runtime.block_on(stand)
    })
}

async fn serve(
    mut door: ObserversDoor,
    service: Arc<Service>,
    statuses: Statuses,
    switchboard: Option<Arc<Switchboard>>,
) {
    let (budget, strangers) = (Arc::new(Budget::default()), Strangers::new(OBSERVERS_MAX));
    let (stop, states, links) = (service.stop.clone(), Arc::new(States::default()), Links::default());
    let visits = Arc::new(Visits::default());
    let all = async {
        while let Some(arrival) = door.next().await {
            let (service, statuses, budget) = (service.clone(), statuses.clone(), budget.clone());
            let key = PublicKey(arrival.link.key());
            let (who, guest) = (Who::Observer(key), Guest::new(&service, key, strangers.clone()));
            let (stop, switchboard, states) = (service.stop.clone(), switchboard.clone(), states.clone());
            let (epoch, domains, links) = (Mutex::default(), Vec::new(), links.clone());
            let from = arrival.from;
            let session = Session {
                service,
                key,
                who,
                from,
                statuses,
                budget,
                guest,
                switchboard,
                epoch,
                domains,
                states,
                links,
                visits: visits.clone(),
            };
            spawn_until(stop, session.run(arrival));
        }
    };
    stop.run_until_cancelled(all).await;
}

/// Bytes of the first frame: a stranger without a place costs no more.
const HELLO_BYTES_MAX: usize = 1_024;

/// Observer that came.
pub(super) struct Session {
    pub(super) service: Arc<Service>,
    pub(super) key: PublicKey,
    who: Who,
    /// Host that it came from; none of one that came through a relay.
    from: Option<IpAddr>,
    pub(super) statuses: Statuses,
    pub(super) budget: Arc<Budget>,
    pub(super) guest: Guest,
    /// Circuits of a member that relays.
    pub(super) switchboard: Option<Arc<Switchboard>>,
    /// The newest epoch that it has told of, or asked in; none before the first such word.
    pub(super) epoch: Mutex<Option<Epoch>>,
    /// Domains that it follows; none where it follows all.
    pub(super) domains: Vec<String>,
    states: Arc<States>,
    pub(super) links: Links,
    pub(super) visits: Arc<Visits>,
}

impl Session {
    async fn run(mut self, Arrival { link, turn, .. }: Arrival) {
        let key = self.key;
        let (mut sender, mut receiver) = link.split(HELLO_BYTES_MAX);
        let Ok(Ok(hello)) = timeout(HELLO_WITHIN, receiver.recv()).await else { return };
        drop(turn);
        let hello = parse(&hello);
        if let Some(
            hello @ (Asking::Meet { .. } | Asking::Reserve { .. } | Asking::Through { .. } | Asking::Take { .. }),
        ) = hello
        {
            return self.visit(key, hello, sender, receiver).await;
        }
        if let Some(Asking::HelloOf { domains, .. }) = &hello {
            self.domains.clone_from(domains);
        }
        let answer = match self.refusal(hello) {
            Some(why) => Telling::Refused(why),
            None if !self.guest.takes_a_place(&self.service) => Telling::Busy(self.links.doors(&key)),
            None => Telling::Welcome,
        };
        let is_welcome = matches!(answer, Telling::Welcome);
        tracing::debug!(%key, ?answer, "an observer came");
        if sender.send(&frame(&answer)).await.is_err() || !is_welcome {
            return;
        }
        receiver.allow(HANDED_ON_BYTES_MAX + 1_024);
        let newest = self.links.begin(key);
        let session = Arc::new(self);
        let (out, outgoing) = mpsc::channel(FRAMES_MAX);
        tokio::select! {
            () = session.read(receiver, &out, &newest) => {}
            () = session.write(sender, outgoing) => {}
            () = session.news(&out) => {}
            () = newest.over() => {}
        }
    }

    /// Why an observer is not served.
    fn refusal(&self, hello: Option<Asking>) -> Option<String> {
        let no_greeting = || Some((no_greeting(), false));
        hello.map_or_else(no_greeting, |hello| self.refusal_of(&hello)).map(|(why, _)| why)
    }

    /// The same, and whether a policy says so: slots hold bundles of all domains, a state of some domains the paths that are
    /// locked in others.
    pub(super) fn refusal_of(&self, hello: &Asking) -> Option<(String, bool)> {
        let group = self.service.genesis.group();
        let fault = match hello.greets() {
            _ if matches!(hello, Asking::HelloOf { domains, .. } if domains.is_empty()) => {
                "no domain is named".to_owned()
            }
            Some((VERSION, theirs)) if theirs == group => return self.unwelcome(),
            Some((VERSION, _)) => format!("this is a member of group {group}"),
            Some((version, _)) => format!("version {VERSION} is spoken here, not {version}"),
            None => no_greeting(),
        };
        Some((fault, false))
    }

    /// Refusal of a peer that is suspended, or of one to whom a policy closes a domain; the latter says so.
    fn unwelcome(&self) -> Option<(String, bool)> {
        let suspended = self.suspension().map(|why| (why, false));
        suspended.or_else(|| self.closed().map(|why| (why, true)))
    }

    /// Why a policy, or the want of a place, keeps from it what it follows.
    pub(super) fn closed(&self) -> Option<String> {
        self.guest.refusal(&self.service, &self.domains)
    }

    /// Counts an offence; the refusal that follows from it, if one does.
    fn offended(&self, offence: Offence) -> Option<String> {
        self.service.conduct.note(self.who, offence);
        self.suspension()
    }

    fn suspension(&self) -> Option<String> {
        let record = self.service.conduct.seen(self.who).map(|seen| seen.record);
        let record = record.filter(|record| record.state == State::Suspended)?;
        let seconds = record.until.saturating_sub(now_ms()).div_ceil(1_000);
        let reason = record.reason.map_or("offences", Offence::name);
        Some(format!("this observer is suspended for {seconds} s more, for {reason}"))
    }

    /// Waits until a frame may be looked at, and counts it; why the session ends, if it does. Another session of the same
    /// key may have led to that.
    async fn look_at(&self, asking: Option<&Asking>) -> Result<(), String> {
        if self.is_restrained() {
            sleep(STRICT_PAUSE).await;
        }
        self.budget.turn(QUESTION_BYTES).await;
        let refusal = match asking {
            Some(asking) if asking.greets().is_none() => {
                self.service.conduct.good(self.who);
                self.suspension()
            }
            // A frame has its length: what is in it does not lose the next one's place.
            _ => self.offended(Offence::BadFrame),
        };
        refusal.map_or(Ok(()), Err)
    }

    /// Takes records, each of which costs a signature.
    pub(super) async fn hear(&self, packed: &[u8], budget: &Budget) -> Result<(), String> {
        let records = unpack(packed).unwrap_or_default();
        budget.turn(QUESTION_BYTES * records.len()).await;
        take_records(&self.service.membership.directory, &records).map_err(|error| {
            self.service.conduct.note(self.who, Offence::BadSignature);
            format!("an address record is refused: {error}")
        })
    }

    /// Records that came after a number, as far as they are the observer's concern, and the number to go on from.
    pub(super) fn records_since(&self, number: u64) -> (Vec<Bytes>, u64) {
        let directory = &self.service.membership.directory;
        if self.guest.is_known(&self.service) { directory.since(number) } else { directory.open_since(number) }
    }

    fn is_restrained(&self) -> bool {
        self.service.conduct.state(self.who) != State::Normal
    }

    /// Works off what the observer asks; the next question is read once the answer is on its way.
    async fn read(self: &Arc<Self>, mut receiver: Receiver, out: &mpsc::Sender<Telling>, link: &Link) {
        let (room, mut requests) = (Arc::new(Semaphore::new(REQUESTS_MAX)), JoinSet::new());
        loop {
            let bytes = match receiver.recv().await {
                Ok(bytes) => bytes,
                Err(LinkError::Oversized { .. }) => return drop(self.offended(Offence::Oversized)),
                Err(_) => return,
            };
            self.count("received", bytes.len());
            let asking = parse(&bytes);
            if let Err(why) = self.look_at(asking.as_ref()).await {
                return refuse(out, why).await;
            }
            match asking {
                Some(Asking::Ask(question)) => {
                    self.is_in(question.epoch);
                    for message in self.answer(question).await {
                        if out.send(Telling::Message(Box::new(message))).await.is_err() {
                            return;
                        }
                    }
                }
                Some(asking @ (Asking::Offer { .. } | Asking::Mark { .. })) => {
                    // Its core's questions come the same way, and must not wait for callers of its API.
                    let strictness = if self.is_restrained() { STRICT } else { 1 };
                    let weight = (weight(&asking) * strictness).min(REQUESTS_MAX as u32);
                    let Ok(turn) = room.clone().try_acquire_many_owned(weight) else {
                        if out.send(busy(&asking)).await.is_err() {
                            return;
                        }
                        continue;
                    };
                    let (session, out) = (self.clone(), out.clone());
                    // They end with this link: one observer has no more of them under way by coming again.
                    requests.spawn(async move {
                        let _turn = turn;
                        // The link may be ending.
                        let _ = out.send(session.request(asking).await).await;
                    });
                    while requests.try_join_next().is_some() {}
                }
                Some(Asking::In(epoch)) => self.is_in(epoch),
                Some(Asking::Door(port)) => {
                    self.from.into_iter().for_each(|host| link.has_door(SocketAddr::new(host, port)));
                }
                Some(Asking::Records(records)) => {
                    if let Err(why) = self.hear(&records, &self.budget).await {
                        return refuse(out, why).await;
                    }
                }
                Some(Asking::State { number, at, ask }) => {
                    let answer = self.state(at, ask).await;
                    if out.send(Telling::State { number, answer }).await.is_err() {
                        return;
                    }
                }
                Some(_) | None => (), // it is counted
            }
        }
    }

    /// Parts of a certified state; rows that were read for it in vain are charged too.
    async fn state(&self, at: Option<SeqNum>, ask: Vec<u8>) -> Result<Vec<u8>, String> {
        if let Some(why) = self.closed() {
            return Err(why);
        }
        let (answer, cost) = scoped::answer(&self.service, &self.states, &self.domains, (at, ask)).await?;
        self.budget.turn(cost).await;
        Ok(answer)
    }

    pub(super) async fn answer(&self, question: Question) -> Vec<Message> {
        let Some(question) = bounded(question) else { return Vec::new() };
        if !self.domains.is_empty() || self.closed().is_some() {
            return Vec::new(); // slots are for who may read all; the news say so
        }
        let moment = self.service.now().moment;
        let read = move || moment.snapshot.supply(&question, LIMITS);
        let found = tokio::task::spawn_blocking(read).await;
        found.unwrap_or_else(|_| Ok(Vec::new())).unwrap_or_else(|error| {
            self.service.note_damage(&error);
            Vec::new()
        })
    }

    async fn request(&self, asking: Asking) -> Telling {
        match asking {
            Asking::Offer { number, level, bytes, passed } => {
                Telling::Answer { number, answer: self.offer(level, bytes, passed).await }
            }
            Asking::Mark { number, nonce, passed } => {
                Telling::Marked { number, outcome: self.mark(nonce, passed).await }
            }
            _ => Telling::Refused("no request".to_owned()),
        }
    }

    /// An observer goes from epoch to epoch, and not back.
    fn is_in(&self, epoch: Epoch) {
        let mut newest = self.epoch.lock().unwrap_or_else(PoisonError::into_inner);
        *newest = newest.max(Some(epoch));
    }

    async fn offer(&self, level: Level, bytes: Vec<u8>, passed: u8) -> Answered {
        let answer = match self.service.takes_changes() {
            Ok(()) => order(&self.service, bytes, level, (passed, self.key)).await,
            Err(stopping) => Err(stopping),
        };
        answered(answer).await
    }

    async fn mark(&self, nonce: Digest, passed: u8) -> Result<Marked, String> {
        let passing = Passing { passed: passed.saturating_add(1), from: Some(self.key), trusts: &|_| true };
        let read = match self.service.relay() {
            Some(relay) => self.service.marked(relay, nonce, &passing).await,
            None => self.service.strong(nonce).await,
        };
        let read = read.map_err(|failure| failure.words().to_owned())?;
        Ok(Marked { seq: read.mark.seq, nonces: read.mark.nonces.clone(), place: read.place as u32 })
    }

    /// Lets out what waits, up to a refusal or the end of the link.
    async fn write(&self, mut sender: Sender, mut outgoing: mpsc::Receiver<Telling>) {
        loop {
            let sent = match timeout(Sender::BEAT, outgoing.recv()).await {
                Ok(Some(telling)) => self.let_out(&mut sender, &telling).await,
                Ok(None) => return,
                Err(_) => sender.beat().await.map(|()| true),
            };
            match sent {
                Ok(true) => (),
                Ok(false) => return,
                Err(error) => return tracing::debug!(key = %self.key, %error, "an observer's link ended"),
            }
        }
    }

    /// Whether the link goes on.
    async fn let_out(&self, sender: &mut Sender, telling: &Telling) -> Result<bool, LinkError> {
        let bytes = frame(telling);
        self.turn(sender, bytes.len()).await?;
        sender.send(&bytes).await?;
        self.count("sent", bytes.len());
        Ok(!matches!(telling, Telling::Refused(_)))
    }

    fn count(&self, kind: &str, bytes: usize) {
        self.service.metrics.observers.get_or_create(&Kind::of(kind)).inc_by(bytes as u64);
    }

    /// Waits until so many bytes may leave, and beats meanwhile.
    async fn turn(&self, sender: &mut Sender, bytes: usize) -> Result<(), LinkError> {
        let turn = async {
            self.let_members_first().await;
            self.budget.turn(bytes).await;
        };
        tokio::pin!(turn);
        while timeout(Sender::BEAT, &mut turn).await.is_err() {
            sender.beat().await?;
        }
        Ok(())
    }

    /// Waits while bulk waits for members, for a while.
    async fn let_members_first(&self) {
        for _ in 0..MEMBERS_FIRST_TIMES {
            if !is_bulk_waiting(&self.service.membership.links()) {
                return;
            }
            sleep(MEMBERS_FIRST).await;
        }
    }
}

/// Ends a session with the reason. The link may be ending; if not, it does when the refusal has left.
async fn refuse(out: &mpsc::Sender<Telling>, why: String) {
    let _ = out.send(Telling::Refused(why)).await;
    std::future::pending().await
}

/// Refusal of a first frame that is none here: a later program may have sent it, so it is no offence.
fn no_greeting() -> String {
    format!("the first frame is no greeting of version {VERSION}, which is spoken here")
}

/// Weight of a request among those that are under way.
fn weight(asking: &Asking) -> u32 {
    match asking {
        Asking::Offer { bytes, .. } => 1 + (bytes.len() / WEIGHT_BYTES).min(REQUESTS_MAX / 2 - 1) as u32,
        _ => 1,
    }
}

/// Answer to a request for which there is no room.
fn busy(asking: &Asking) -> Telling {
    let why = "this observer has as many requests under way as it may";
    match asking {
        Asking::Mark { number, .. } => Telling::Marked { number: *number, outcome: Err(why.to_owned()) },
        Asking::Offer { number, .. } => {
            let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS.as_u16(), "busy", why);
            let body = serde_json::to_vec(&problem).expect("plain data");
            let (content_type, retry_after) = (PROBLEM_TYPE.to_owned(), Some("1".to_owned()));
            let answer = Answered { status: problem.status, content_type, retry_after, body };
            Telling::Answer { number: *number, answer }
        }
        _ => Telling::Refused("no request".to_owned()),
    }
}

/// A question within the bounds of one answer; none of one that observers have no use for.
fn bounded(Question { epoch, wanted }: Question) -> Option<Question> {
    let wanted = match wanted {
        Wanted::Slots { from, to } => Wanted::Slots { from, to: to.min(from.plus(SLOTS_MAX - 1)) },
        Wanted::Bundles { .. } | Wanted::StableCheckpoint => wanted,
        Wanted::Content { .. } | Wanted::NewView { .. } | Wanted::Recall { .. } => return None,
    };
    Some(Question { epoch, wanted })
}

async fn answered(answer: Answer<impl IntoResponse>) -> Answered {
    let response = answer.map_or_else(IntoResponse::into_response, IntoResponse::into_response);
    let (parts, body) = response.into_parts();
    let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Answered {
        status: parts.status.as_u16(),
        content_type: header(header::CONTENT_TYPE).unwrap_or_default(),
        retry_after: header(header::RETRY_AFTER),
        // Receipts, tickets and problems are in memory already.
        body: to_bytes(body, usize::MAX).await.map(Into::into).unwrap_or_default(),
    }
}
