//! Connection of an observer to one member, kept up as long as the observer runs.

use super::relay::Relay;
use super::wire::{Asking, Telling, VERSION, frame, parse};
use crate::conduct::{Conduct, Offence, State, Who};
use crate::discovery::take_records;
use crate::engine::Inbox;
use crate::pool::Checker;
use crate::relaying::{CallError, Caller};
use quorate_net::{DialError, Directory, LinkError, Multiaddr, Receiver, Sender, dial, key_of_peer, pack, relayed};
use quorate_pbft::{Digest, Message, PublicKey};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// Pauses before the next try, after a link that broke, and after a refusal.
const RETRY: Duration = Duration::from_millis(500);
const REFUSED_FOR: Duration = Duration::from_secs(5);
/// Time for the answer to the first frame.
const WELCOMED_WITHIN: Duration = Duration::from_secs(10);
/// Characters of a refusal that are kept: a member may say what it likes.
const REASON_CHARS_MAX: usize = 300;
/// Pause after a page of records: a member has few, and may not keep this node busy with signatures.
const RECORDS_EVERY: Duration = Duration::from_millis(20);
/// Questions that wait to leave.
const QUESTIONS_MAX: usize = 64;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error("the key there is no member's")]
    Stranger,
    #[error("all its places for observers are taken")]
    Busy,
    #[error("{0}")]
    Refused(String),
    #[error("another address of this member serves already")]
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
    #[error("the node is a member itself now")]
    Member,
}

impl Ended {
    /// A refusal in the member's words, as far as a line holds them.
    fn refused(why: &str) -> Self {
        Self::Refused(why.chars().filter(|letter| !letter.is_control()).take(REASON_CHARS_MAX).collect())
    }
}

/// Address of a member's observers' door, and all that a connection there needs.
#[derive(Clone)]
pub struct Contact {
    /// Address that is dialled.
    pub address: Multiaddr,
    /// Member that is to answer there; none: any.
    pub member: Option<PublicKey>,
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
    /// Conduct of the members.
    pub conduct: Arc<Conduct>,
}

impl Contact {
    /// Connects again and again, while the node follows.
    pub async fn keep(self) {
        let (mut last, mut follows) = (String::new(), self.relay.follows());
        while follows.wait_for(|follows| *follows).await.is_ok() {
            let ended = tokio::select! {
                biased;
                _ = follows.wait_for(|follows| !*follows) => Ended::Member,
                ended = self.once() => ended,
            };
            if matches!(ended, Ended::Member) {
                self.relay.closed_all();
                continue;
            }
            let is_refusal = matches!(&ended, Ended::Busy | Ended::Refused(_) | Ended::Stranger | Ended::Suspended);
            let why = ended.to_string();
            if is_refusal {
                self.relay.refused(format!("{}: {why}", self.address));
            }
            let is_refusal = is_refusal || matches!(ended, Ended::Served);
            if why != last {
                tracing::warn!(event = "member-lost", address = %self.address, %ended, "no member serves this observer here");
                last = why;
            }
            sleep(if is_refusal { REFUSED_FOR } else { RETRY }).await;
        }
    }

    /// Connects to a member at one of these addresses, and returns when it serves no more.
    pub async fn try_all(mut self, member: PublicKey, addresses: Vec<Multiaddr>) {
        self.member = Some(member);
        for address in addresses {
            self.address = address;
            let mut follows = self.relay.follows();
            let ended = tokio::select! {
                biased;
                _ = follows.wait_for(|follows| !*follows) => return self.relay.closed(member),
                ended = self.once() => ended,
            };
            tracing::debug!(%member, address = %self.address, %ended, "a member that was found serves no more");
            if let Ended::Busy | Ended::Refused(_) = ended {
                self.relay.refused(format!("{}: {ended}", self.address));
            }
        }
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
        self.directory.reached(&member, &self.address);
        let number = self.checker.number(&member);
        // What proves itself may come from whoever has it, also from a member of an epoch that is not known here yet.
        if self.domains.is_empty() && number.is_none() {
            return Err(Ended::Stranger);
        }
        if self.is_suspended(member) {
            return Err(Ended::Suspended);
        }
        let (mut sender, mut receiver) = link.split(usize::MAX);
        sender.send(&frame(&self.hello())).await?;
        let first = timeout(WELCOMED_WITHIN, receiver.recv()).await.map_err(|_| Ended::Silent)??;
        match parse(&first) {
            Some(Telling::Welcome) => (),
            Some(Telling::Busy) => return Err(Ended::Busy),
            Some(Telling::Refused(why)) => return Err(Ended::refused(&why)),
            _ => return Err(Ended::Frame),
        }
        let name = number.map_or_else(|| member.to_string(), |number| number.to_string());
        tracing::info!(event = "member-serves", member = name, address = %self.address, "a member serves this observer");
        let (records, _) = self.directory.since(0);
        if !records.is_empty() {
            sender.send(&frame(&Asking::Records(pack(&records).into()))).await?;
        }
        self.relay.found(member, self.address.clone());
        let (route, questions) = mpsc::channel(QUESTIONS_MAX);
        if !self.relay.opened(member, route) {
            return Err(Ended::Served);
        }
        let ended = tokio::select! {
            ended = self.read(member, receiver) => ended,
            ended = write(sender, questions) => ended,
        };
        self.relay.closed(member);
        Err(ended)
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

    async fn read(&self, member: PublicKey, mut receiver: Receiver) -> Ended {
        loop {
            let frame = match receiver.recv().await {
                Ok(frame) => frame,
                Err(error) => return error.into(),
            };
            match parse(&frame) {
                Some(Telling::Message(message)) => self.deliver(member, *message).await,
                Some(
                    telling @ (Telling::Answer { number, .. }
                    | Telling::Marked { number, .. }
                    | Telling::State { number, .. }),
                ) => self.relay.told(member, number, telling),
                Some(Telling::Records(records)) => {
                    if take_records(&self.directory, &records).is_err() {
                        self.conduct.note(Who::Member(member), Offence::BadSignature);
                        return Ended::Frame;
                    }
                    sleep(RECORDS_EVERY).await;
                }
                Some(Telling::Refused(why)) => return Ended::refused(&why),
                Some(Telling::Welcome | Telling::Busy | Telling::Call { .. }) | None => {
                    self.conduct.note(Who::Member(member), Offence::BadFrame);
                    return Ended::Frame;
                }
            }
            if self.is_suspended(member) {
                return Ended::Suspended;
            }
        }
    }

    fn is_suspended(&self, member: PublicKey) -> bool {
        self.conduct.state(Who::Member(member)) == State::Suspended
    }

    /// Checks a message where processor may be used, and waits there for room before the core.
    async fn deliver(&self, member: PublicKey, message: Message) {
        let (checker, inbox, conduct) = (self.checker.clone(), self.inbox.clone(), self.conduct.clone());
        let check = move || match checker.admit(member, message) {
            Ok(message) => {
                conduct.good(Who::Member(member));
                inbox.message(Box::new(message));
            }
            Err(dropped) => {
                tracing::debug!(%member, %dropped, "frame dropped");
                if dropped.offence().is_some() {
                    conduct.note(Who::Member(member), Offence::WrongAnswer);
                }
            }
        };
        // A panic of the check has said so; the frame is gone, and the core asks again.
        let _ = tokio::task::spawn_blocking(check).await;
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
