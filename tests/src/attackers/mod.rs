//! Replicas that lie, one lie a file. Each wraps a real replica and bends what leaves it.

mod accomplice;
mod ack_forker;
mod ack_invalid;
mod ack_withholder;
mod boundary_idler;
mod checkpoint_liar;
mod contrary;
mod cut_far_ahead;
mod data_withholder;
mod equivocator;
mod excluder;
mod false_votes;
mod flooder;
mod future;
mod garbage;
mod ghost;
mod idle_primary;
mod low_cut;
mod mutator;
mod mute;
mod old_certificates;
mod omitter;
mod repeater;
mod replayer;
mod rewriting;
mod selective;
mod silent;
mod slow;
mod splits;
mod starver;
mod straddler;
mod stranger;
mod time_edge;
mod trickler;
mod two_faced;
mod wrong_start;

use crate::dice::Dice;
use crate::keys::Keys;
use crate::plan::Plan;
use crate::weather::Micros;
use quorate_pbft::{Committee, Constants, Digest, Kind, Message, ReplicaId, SeqNum, Signed, Signer, Statement, View};
use std::fmt;
use std::sync::Arc;

/// A lie. The file of its name says what it is and what must survive it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // each is a file of its own
pub enum Attack {
    Accomplice,
    AckForker,
    AckInvalid,
    AckWithholder,
    Belated,
    BoundaryIdler,
    CheckpointLiar,
    Contrary,
    CutFarAhead,
    DataWithholder,
    Equivocator,
    Excluder,
    FalseVotes,
    Flooder,
    Future,
    Garbage,
    Ghost,
    IdlePrimary,
    LowCut,
    Mutator,
    Mute,
    OldCertificates,
    Omitter,
    Repeater,
    Replayer,
    Selective,
    Silent,
    Slow,
    Splits,
    Starver,
    Straddler,
    Stranger,
    TimeEdge,
    Trickler,
    TwoFaced,
    WrongStart,
}

impl Attack {
    /// Attacks with their weights in the dice.
    pub const ALL: &[(u64, Self)] = &[
        (10, Self::Equivocator),
        (3, Self::AckForker),
        (2, Self::AckWithholder),
        (3, Self::CheckpointLiar),
        (2, Self::CutFarAhead),
        (3, Self::DataWithholder),
        (2, Self::Flooder),
        (2, Self::Future),
        (2, Self::Garbage),
        (2, Self::IdlePrimary),
        (2, Self::Mute),
        (3, Self::Omitter),
        (2, Self::Replayer),
        (3, Self::Selective),
        (2, Self::Silent),
        (2, Self::Slow),
        (2, Self::Starver),
        (2, Self::TimeEdge),
        (3, Self::WrongStart),
    ];

    /// Attacks that were added later, with weights; older seeds draw as before.
    pub const LATER: &[(u64, Self)] = &[
        (2, Self::AckInvalid),
        (3, Self::FalseVotes),
        (2, Self::LowCut),
        (3, Self::Mutator),
        (3, Self::Stranger),
        (4, Self::TwoFaced),
    ];

    /// Attacks that were added last, with weights.
    pub const NEWEST: &[(u64, Self)] = &[(2, Self::Splits), (1, Self::Contrary)];

    /// The newest of all.
    pub const LATEST: &[(u64, Self)] = &[(1, Self::Trickler), (1, Self::Excluder)];

    /// Those who say two things, of which one proves the other a lie.
    pub const OF_TWO_WORDS: &[(u64, Self)] = &[
        (4, Self::Equivocator),
        (4, Self::TwoFaced),
        (4, Self::Belated),
        (3, Self::Accomplice),
        (2, Self::Splits),
        (1, Self::Contrary),
        (1, Self::AckForker),
        (1, Self::CheckpointLiar),
    ];

    /// Those that are about changes of the member list.
    pub const OF_EPOCHS: &[(u64, Self)] = &[(2, Self::BoundaryIdler), (2, Self::Straddler), (2, Self::Ghost)];

    /// The newest of those; older seeds draw as before.
    pub const LATEST_OF_EPOCHS: &[(u64, Self)] = &[(1, Self::OldCertificates)];

    /// Attacks of those who join: they stand by what the group has, and lie once they are members.
    pub const OF_JOINERS: &[(u64, Self)] = &[
        (3, Self::Equivocator),
        (2, Self::TwoFaced),
        (2, Self::CheckpointLiar),
        (2, Self::AckForker),
        (2, Self::OldCertificates),
        (2, Self::Straddler),
        (1, Self::Ghost),
        (2, Self::Silent),
        (1, Self::Mutator),
    ];

    /// The attacker that plays it at this place.
    pub fn attacker(self, place: ReplicaId, keys: &Keys, plan: &Plan) -> Box<dyn Attacker> {
        let mask = Mask::new(place, keys, plan);
        let dice = Dice::new(plan.seed).fork(100 + u64::from(place.get()));
        let all = |attack| plan.attackers.iter().filter(move |(_, plays)| *plays == attack).map(|(liar, _)| *liar);
        match self {
            Self::Accomplice => Box::new(accomplice::Accomplice::new(mask, all(Self::Equivocator).collect())),
            Self::AckForker => Box::new(ack_forker::AckForker(mask)),
            Self::AckInvalid => Box::new(ack_invalid::AckInvalid::new(mask)),
            Self::AckWithholder => Box::new(ack_withholder::AckWithholder),
            Self::Belated => Box::new(two_faced::TwoFaced::belated(mask, dice)),
            Self::BoundaryIdler => Box::new(boundary_idler::BoundaryIdler::default()),
            Self::CheckpointLiar => Box::new(checkpoint_liar::CheckpointLiar(mask)),
            Self::Contrary => Box::new(contrary::Contrary(mask)),
            Self::CutFarAhead => Box::new(cut_far_ahead::CutFarAhead::new(mask)),
            Self::DataWithholder => Box::new(data_withholder::DataWithholder(mask)),
            Self::Equivocator => Box::new(equivocator::Equivocator::new(&mask)),
            Self::Excluder => Box::new(excluder::Excluder::new(mask)),
            Self::FalseVotes => Box::new(false_votes::FalseVotes::new(mask)),
            Self::Flooder => Box::new(flooder::Flooder::new(mask, dice)),
            Self::Future => Box::new(future::Future(mask)),
            Self::Garbage => Box::new(garbage::Garbage(dice)),
            Self::Ghost => Box::new(ghost::Ghost(mask)),
            Self::IdlePrimary => Box::new(idle_primary::IdlePrimary),
            Self::LowCut => Box::new(low_cut::LowCut::new(mask)),
            Self::Mutator => Box::new(mutator::Mutator::new(mask, dice)),
            Self::Mute => Box::new(mute::Mute(mask)),
            Self::OldCertificates => Box::new(old_certificates::OldCertificates::new(mask)),
            Self::Omitter => Box::new(omitter::Omitter(mask)),
            Self::Repeater => {
                let liars = plan.attackers.iter().map(|(liar, _)| *liar).collect();
                Box::new(repeater::Repeater::new(mask, dice, liars))
            }
            Self::Replayer => Box::new(replayer::Replayer::new(dice)),
            Self::Selective => Box::new(selective::Selective(dice)),
            Self::Silent => Box::new(silent::Silent),
            Self::Slow => Box::new(slow::Slow(mask)),
            Self::Splits => Box::new(splits::Splits::new(mask, dice)),
            Self::Starver => Box::new(starver::Starver::new(mask)),
            Self::Straddler => Box::new(straddler::Straddler(mask)),
            Self::Stranger => Box::new(stranger::Stranger::new(mask, keys, dice)),
            Self::TimeEdge => Box::new(time_edge::TimeEdge::new(mask)),
            Self::Trickler => Box::new(trickler::Trickler::new(mask)),
            Self::TwoFaced => Box::new(two_faced::TwoFaced::new(mask, dice)),
            Self::WrongStart => Box::new(wrong_start::WrongStart(mask)),
        }
    }
}

impl fmt::Display for Attack {
    /// The name of its file, with hyphens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, letter) in format!("{self:?}").char_indices() {
            let hyphen = if at > 0 && letter.is_uppercase() { "-" } else { "" };
            write!(f, "{hyphen}{}", letter.to_ascii_lowercase())?;
        }
        Ok(())
    }
}

/// A replica that is not honest: a real one whose messages are bent on their way.
pub trait Attacker {
    /// Messages that leave for `to` in place of `message`.
    fn outgoing(&mut self, to: ReplicaId, message: &Arc<Message>) -> Vec<Arc<Message>>;

    /// Notes an incoming message, valid or not.
    fn overhear(&mut self, _message: &Arc<Message>) {}

    /// Whether the replica inside may hear this.
    fn may_hear(&mut self, _message: &Arc<Message>) -> bool {
        true
    }

    /// Time by which this message is held back.
    fn delay(&self, _message: &Message) -> Micros {
        0
    }
}

/// Honest member that an attacker poses as.
struct Mask {
    /// Its number in the first list that names it, which it keeps.
    me: ReplicaId,
    /// Member that it picks on: the same in every run.
    victim: ReplicaId,
    committee: Committee,
    constants: Constants,
    signer: Arc<dyn Signer>,
}

impl Mask {
    fn new(place: ReplicaId, keys: &Keys, plan: &Plan) -> Self {
        let (epoch, me) = plan.joins(place).expect("who lies is a member");
        let committee = match epoch == keys.committee.epoch() {
            true => keys.committee.clone(),
            false => {
                let members = plan.list(epoch).iter().map(|place| keys.signers[place.index()].public_key()).collect();
                Committee::new(keys.committee.group(), epoch, members).expect("distinct keys")
            }
        };
        let victim = Self::victim_of(me, &committee);
        let signer = keys.signers[place.index()].clone();
        Self { me, victim, committee, constants: plan.constants.clone(), signer }
    }

    /// Member that a liar picks on.
    fn victim_of(liar: ReplicaId, committee: &Committee) -> ReplicaId {
        ReplicaId::new((liar.get() + 1) % committee.len() as u16)
    }

    fn sign(&self, statement: Statement) -> Signed {
        statement.sign(self.me, &*self.signer)
    }

    fn say(&self, kind: Kind, view: View, seq: SeqNum, digest: Digest) -> Signed {
        let (group, epoch) = (self.committee.group(), self.committee.epoch());
        self.sign(Statement { group, epoch, kind, view, seq, digest })
    }

    /// The same statement about another digest.
    fn twist(&self, signed: &Signed) -> Signed {
        let digest = another(&signed.statement.digest);
        self.sign(Statement { digest, ..signed.statement })
    }
}

/// A digest that nothing has.
fn another(digest: &Digest) -> Digest {
    quorate_pbft::hash_parts("quorate/tests/lie", &[&digest.0])
}

/// The one message, as most attackers leave most of them.
fn as_it_is(message: &Arc<Message>) -> Vec<Arc<Message>> {
    vec![message.clone()]
}

/// Whether a message tells a replica what was signed in its name: it would stop, as an honest one must (E7).
fn speaks_of(message: &Message, me: ReplicaId) -> bool {
    match message {
        Message::Contradiction(signed) => signed.signer == me,
        Message::Evidence(evidence) => evidence.key().signer == me,
        Message::Recalled { statements, .. } => statements.iter().any(|signed| signed.signer == me),
        _ => false,
    }
}
