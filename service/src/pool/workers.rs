//! Threads that verify frames.

use crate::conduct::{Conduct, Offence, Who};
use crate::engine::{Committees, program};
use crate::metrics::Metrics;
use crate::pool::strays::{Came, Kind, Strays};
use quorate_net::{Channel, Event, Events, Room};
use quorate_pbft::{
    Admitted, Certified, Constants, Epoch, Invalid, Message, PayloadCheck, PublicKey, ReplicaId, Unverified, Verify,
    VerifyContext,
};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::Instant;

/// Context of every check: members' keys, and how signatures and items are checked.
pub struct Checker {
    /// Member lists by which messages count now.
    pub committees: RwLock<Committees>,
    /// Sizes.
    pub constants: Constants,
    /// Verifier of signatures.
    pub verify: Arc<dyn Verify>,
    /// Verifier of items.
    pub payload: Arc<dyn PayloadCheck>,
    /// Digests that the core knows certified in the epoch at work: what says the same need not be checked.
    pub certified: Arc<RwLock<Arc<Certified>>>,
}

/// Why a frame was dropped.
#[derive(Debug, thiserror::Error)]
pub enum Dropped {
    /// No message, or bytes after it.
    #[error("not a message: {0}")]
    Undecodable(String),
    /// A message of a kind that this version does not know.
    #[error("a message of kind {0}, which this version of the wire does not have")]
    UnknownKind(u8),
    /// A large message on the channel of the urgent ones.
    #[error("a bulk message on the channel of votes")]
    WrongChannel,
    /// A message of an epoch that is long over, or not known here yet, or a large one of the epoch before.
    #[error("a message of {0:?}, whose members do not count here")]
    OtherEpoch(Epoch),
    /// A message of a peer that is no member in the message's epoch.
    #[error("{0} is no member in the epoch that it speaks of")]
    Stranger(PublicKey),
    /// A message that names no epoch, and does not fit the one at work here: its sender may be in another.
    #[error("a message that names no epoch, and does not fit this one: {0}")]
    Unplaced(Invalid),
    /// A message that is not what it claims.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

/// Kinds of messages on this version of the wire.
const KINDS: u8 = 17;

/// Members whose program is of another version than this one: a later one may say more on the same wire.
#[derive(Debug, Default)]
struct Others(Mutex<BTreeSet<PublicKey>>);

impl Others {
    /// Notes the program that a member's own Status tells of.
    fn hear(&self, from: PublicKey, version: [u16; 3]) {
        let mut others = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match version == program().version {
            true => others.remove(&from),
            false => others.insert(from),
        };
    }

    /// Whether a dropped frame may be a later program's.
    fn explain(&self, from: &PublicKey, dropped: &Dropped) -> bool {
        let others = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(dropped, Dropped::UnknownKind(_)) && others().contains(from)
    }
}

/// Version of the program in a Status that its sender signed itself.
fn version_in(message: &Admitted) -> Option<[u16; 3]> {
    let Admitted::Verified(verified) = message else { return None };
    match verified.message() {
        Message::Status { statement, body } if statement.signer == verified.from() => Some(body.program.version),
        _ => None,
    }
}

impl Dropped {
    fn undecodable(frame: &[u8], error: impl ToString) -> Self {
        match frame.first() {
            Some(kind) if *kind >= KINDS => Self::UnknownKind(*kind),
            _ => Self::Undecodable(error.to_string()),
        }
    }

    /// The offence that it is; none where an honest sender may be in another epoch.
    pub fn offence(&self) -> Option<Offence> {
        match self {
            Self::OtherEpoch(_) | Self::Stranger(_) | Self::Unplaced(_) | Self::Invalid(Invalid::Epoch(_)) => None,
            Self::Undecodable(_) => Some(Offence::BadFrame),
            Self::UnknownKind(_) => Some(Offence::UnknownKind),
            Self::WrongChannel => Some(Offence::WrongChannel),
            Self::Invalid(Invalid::Signature(_)) => Some(Offence::BadSignature),
            Self::Invalid(Invalid::Mismatch | Invalid::Certificate(_) | Invalid::Malformed | Invalid::Item(_)) => {
                Some(Offence::BadContent)
            }
        }
    }
}

impl Checker {
    /// Decodes a frame and checks everything that can be checked without the replica's state. What costs much to check
    /// has its own channel, so that its sender's budget there is what it uses up.
    pub fn check(&self, from: PublicKey, channel: Channel, frame: &[u8]) -> Result<Admitted, Dropped> {
        let message: Message = borsh::from_slice(frame).map_err(|error| Dropped::undecodable(frame, error))?;
        if message.is_bulk() && channel != Channel::Bulk {
            return Err(Dropped::WrongChannel);
        }
        self.admit(from, message)
    }

    /// Checks a message by the members of the epoch that it speaks of.
    pub fn admit(&self, from: PublicKey, message: Message) -> Result<Admitted, Dropped> {
        let committees = self.committees();
        let current = committees.current().epoch();
        let (named, epoch) = (message.epoch().is_some(), message.epoch().unwrap_or(current));
        // Of the epoch before Statuses and questions alone are of use; thousands of signatures are not checked for nothing.
        let is_over = epoch < current && message.is_bulk();
        let committee = committees.get(epoch).filter(|_| !is_over).ok_or(Dropped::OtherEpoch(epoch))?;
        let from = committee.replica_of(&from).ok_or(Dropped::Stranger(from))?;
        let context = VerifyContext {
            committee,
            verify: self.verify.as_ref(),
            payload: self.payload.as_ref(),
            constants: &self.constants,
        };
        let message = Unverified::new(from, message);
        if epoch != current {
            return Ok(Admitted::Verified(message.verify(&context)?));
        }
        let certified = self.certified.read().unwrap_or_else(PoisonError::into_inner).clone();
        let invalid = |invalid| if named { Dropped::Invalid(invalid) } else { Dropped::Unplaced(invalid) };
        message.admit(&context, &certified).map_err(invalid)
    }

    /// Checks what another observer hands on, by the members of the epoch at work here: decided slots, bundles and
    /// certificates, which prove themselves.
    pub fn admit_handed_on(&self, from: ReplicaId, message: Message) -> Result<Admitted, Dropped> {
        let committees = self.committees();
        let committee = committees.current();
        // First, for who has become a member says so in an epoch that is not known here yet.
        if let Some(epoch) = message.epoch().filter(|epoch| *epoch != committee.epoch()) {
            return Err(Dropped::OtherEpoch(epoch));
        }
        if !matches!(message, Message::Decided { .. } | Message::Bundle(_) | Message::StableCheckpoint(_)) {
            return Err(Dropped::Undecodable("a message that observers do not hand on".to_owned()));
        }
        let named = message.epoch().is_some();
        let context = VerifyContext {
            committee,
            verify: self.verify.as_ref(),
            payload: self.payload.as_ref(),
            constants: &self.constants,
        };
        let invalid = |invalid| if named { Dropped::Invalid(invalid) } else { Dropped::Unplaced(invalid) };
        Unverified::new(from, message).verify(&context).map(Admitted::Verified).map_err(invalid)
    }

    /// The member lists of now.
    pub fn committees(&self) -> Committees {
        self.committees.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Other member lists count from now on.
    pub fn set_committees(&self, committees: Committees) {
        *self.committees.write().unwrap_or_else(PoisonError::into_inner) = committees;
    }

    /// The number of a key in the newest list that names it.
    pub fn number(&self, key: &PublicKey) -> Option<ReplicaId> {
        self.committees().all().find_map(|committee| committee.replica_of(key))
    }
}

/// Threads that take frames from the network, and hand on what they verified; stopped and joined when dropped.
pub struct Pool {
    events: Events,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    /// Starts `threads` threads. Until `deliver` drops a frame's room the peer that sent it is read no further than its
    /// budget; while it waits the frame stays in hand, and the next ones of that peer wait behind it. `charge` is told what
    /// bulk costs its sender that is of no use in this epoch.
    pub fn start(
        threads: usize,
        events: Events,
        checker: Arc<Checker>,
        metrics: Arc<Metrics>,
        conduct: Arc<Conduct>,
        deliver: impl Fn(Admitted, Option<Room>) + Clone + Send + 'static,
        charge: impl Fn(PublicKey, u64) + Clone + Send + 'static,
    ) -> io::Result<Self> {
        events.spare_a_reader(threads);
        let mut pool = Self { events, threads: Vec::new() };
        let (others, strays) = (Arc::new(Others::default()), Arc::new(Strays::default()));
        for number in 0..threads {
            let (events, checker, deliver) = (pool.events.clone(), checker.clone(), deliver.clone());
            let (metrics, conduct, others) = (metrics.clone(), conduct.clone(), others.clone());
            let (strays, charge) = (strays.clone(), charge.clone());
            let body = move || work(&events, &checker, (&metrics, &conduct, &others), &deliver, (&strays, &charge));
            pool.threads.push(thread::Builder::new().name(format!("verify-{number}")).spawn(body)?);
        }
        Ok(pool)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.events.close();
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so on standard error.
            let _ = thread.join();
        }
    }
}

fn work(
    events: &Events,
    checker: &Checker,
    (metrics, conduct, others): (&Metrics, &Conduct, &Others),
    deliver: &impl Fn(Admitted, Option<Room>),
    (strays, charge): (&Strays, &impl Fn(PublicKey, u64)),
) {
    while let Some(event) = events.blocking_recv() {
        let Event::Received { from, channel, mut frame } = event else { continue }; // the network logs links
        let checked = checker.check(from, channel, &frame);
        let committees = checker.committees();
        let ours = committees.current().epoch();
        // Who leaves, is behind, or runs a later program is no liar.
        let is_explained = checked.as_ref().is_err_and(|dropped| others.explain(&from, dropped));
        if channel == Channel::Bulk || checked.as_ref().map_or(true, |message| message.epoch() > ours) {
            let came = Came { from, channel, bytes: frame.len(), at: Instant::now() };
            let kind = stray(channel, &checked, ours, is_explained);
            let cost = kind.map_or(0, |kind| strays.cost(&came, kind, committees.current()));
            (cost > 0).then(|| charge(from, cost));
        }
        match checked {
            Ok(message) => {
                conduct.good(Who::Member(from));
                version_in(&message).into_iter().for_each(|version| others.hear(from, version));
                deliver(message, frame.take_room());
            }
            Err(dropped) => {
                let bytes = frame.len();
                tracing::debug!(%from, bytes, %dropped, "frame dropped");
                let Some(offence) = dropped.offence().filter(|_| !is_explained) else { continue };
                if !committees.name(&from) {
                    continue;
                }
                conduct.note(Who::Member(from), offence);
                let from = committees.number(&from).map_or_else(|| from.to_string(), |number| number.to_string());
                let invalid = metrics.frame_invalid(from.clone());
                // The 1st, 2nd, 4th, … : a name in the log, and no flood of it.
                if invalid.is_power_of_two() {
                    tracing::warn!(event = "bad-frames", %from, invalid, bytes, %dropped, "a replica sends frames that are no valid messages");
                }
            }
        }
    }
}

/// Whether a frame is a stray in this epoch, and why. An offence is none, unless a later program explains it: it costs more
/// elsewhere.
fn stray(channel: Channel, checked: &Result<Admitted, Dropped>, ours: Epoch, is_explained: bool) -> Option<Kind> {
    let theirs = match checked {
        Ok(message) if channel == Channel::Bulk && !message.message().is_bulk() => return Some(Kind::Misplaced),
        Ok(message) => message.epoch(),
        Err(Dropped::OtherEpoch(epoch)) => *epoch,
        Err(dropped) => return (is_explained || dropped.offence().is_none()).then_some(Kind::Late),
    };
    match theirs.cmp(&ours) {
        Ordering::Less => Some(Kind::Late),
        Ordering::Equal => None,
        Ordering::Greater => Some(Kind::Early(theirs)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::strays::Kind as Stray;
    use quorate_pbft::{
        Committee, Digest, Ed25519, Ed25519Signer, Item, Kind, Question, SeqNum, Signature, Signed, Signer as _,
        Statement, View, Wanted,
    };

    struct NoItems;

    impl PayloadCheck for NoItems {
        fn is_valid(&self, _: &Item) -> bool {
            false
        }
    }

    #[test]
    fn every_kind_of_message_is_known_and_the_next_is_not() {
        let decoded = |kind: u8| borsh::from_slice::<Message>(&[kind]).expect_err("nothing after its kind");
        let is_unknown = |kind: u8| decoded(kind).to_string().contains("variant");

        assert!((0..KINDS).all(|kind| !is_unknown(kind)));
        assert!(is_unknown(KINDS));
    }

    #[test]
    fn an_unknown_kind_is_no_offence_of_a_member_that_runs_another_version() {
        let (others, (later, same)) = (Others::default(), (PublicKey([1; 32]), PublicKey([2; 32])));
        others.hear(later, [u16::MAX, 0, 0]);
        others.hear(same, program().version);

        assert!(others.explain(&later, &Dropped::UnknownKind(KINDS)));
        assert!(!others.explain(&same, &Dropped::UnknownKind(KINDS)));
        assert!(!others.explain(&later, &Dropped::WrongChannel));

        others.hear(later, program().version);
        assert!(!others.explain(&later, &Dropped::UnknownKind(KINDS)));
    }

    #[test]
    fn honest_members_in_another_epoch_do_not_offend() {
        let late = [
            Dropped::OtherEpoch(Epoch::new(1)),
            Dropped::Stranger(PublicKey([1; 32])),
            Dropped::Unplaced(Invalid::Malformed),
        ];

        assert!(late.iter().all(|dropped| dropped.offence().is_none()));
    }

    #[test]
    fn who_speaks_as_a_member_of_a_later_epoch_does_not_offend_and_who_does_in_this_one_does() {
        let committee = Committee::new(Digest::ZERO, Epoch::new(3), vec![PublicKey([1; 32])]).expect("one member");
        let checker = Checker {
            committees: RwLock::new(Committees::of(Arc::new(committee))),
            constants: Constants::default(),
            verify: Arc::new(Ed25519),
            payload: Arc::new(NoItems),
            certified: Arc::default(),
        };
        let offence = |epoch| {
            let question = Question { epoch: Epoch::new(epoch), wanted: Wanted::StableCheckpoint };
            let handed = checker.admit_handed_on(ReplicaId::new(1 << 15), Message::Ask(question));
            handed.expect_err("observers hand on no questions").offence()
        };
        assert_eq!([3, 4].map(offence), [Some(Offence::BadFrame), None]);
    }

    #[test]
    fn bulk_of_the_epoch_before_is_refused_before_its_signatures_are_checked() {
        let member = Ed25519Signer::from_seed(&[1; 32]);
        let committee = |epoch| {
            Arc::new(Committee::new(Digest::ZERO, Epoch::new(epoch), vec![member.public_key()]).expect("one member"))
        };
        let checker = Checker {
            committees: RwLock::new(Committees::new(committee(3), vec![committee(2)])),
            constants: Constants::default(),
            verify: Arc::new(Ed25519),
            payload: Arc::new(NoItems),
            certified: Arc::default(),
        };
        let outcome = |epoch| {
            let (group, epoch, kind, view) = (Digest::ZERO, Epoch::new(epoch), Kind::Commit, View::default());
            let statement = Statement { group, epoch, kind, view, seq: SeqNum::new(1), digest: Digest::ZERO };
            let forged = Signed { signature: Signature([0; 64]), ..statement.sign(ReplicaId::new(0), &member) };
            let recalled = Message::Recalled { incarnation: 1, statements: vec![forged] };
            checker.admit(member.public_key(), recalled).expect_err("it is forged")
        };

        assert!(matches!(outcome(2), Dropped::OtherEpoch(_)));
        assert!(matches!(outcome(3), Dropped::Invalid(_)));
    }

    #[test]
    fn frames_of_other_epochs_are_strays_and_offences_are_none() {
        let kinds = [
            Dropped::OtherEpoch(Epoch::new(2)),
            Dropped::OtherEpoch(Epoch::new(4)),
            Dropped::Stranger(PublicKey([1; 32])),
            Dropped::WrongChannel,
        ];
        let kinds = kinds.map(|dropped| stray(Channel::Bulk, &Err(dropped), Epoch::new(3), false));
        assert_eq!(kinds, [Some(Stray::Late), Some(Stray::Early(Epoch::new(4))), Some(Stray::Late), None]);
    }

    #[test]
    fn a_kind_of_a_later_program_is_a_stray_and_an_unknown_one_of_this_program_an_offence() {
        let unknown = Err(Dropped::UnknownKind(KINDS));
        let kinds = [true, false].map(|is_explained| stray(Channel::Bulk, &unknown, Epoch::new(3), is_explained));
        assert_eq!(kinds, [Some(Stray::Late), None]);
    }

    #[test]
    fn a_frame_of_an_unknown_kind_is_told_from_one_that_is_no_message() {
        let error = "any";

        assert_eq!(Dropped::undecodable(&[KINDS, 1], error).offence(), Some(Offence::UnknownKind));
        assert_eq!(Dropped::undecodable(&[0, 1], error).offence(), Some(Offence::BadFrame));
    }
}
