//! Authors who are not honest, and those who govern because of them.
//!
//! A rogue looks up its next number at a replica, as a client would, and signs what it likes: two things under one number,
//! bases that are not there, numbers far ahead, more than the rates allow, locks that it never gives back, votes on
//! conflicts that nobody knows; signatures with a part of small order, wrong ones, and two whose errors cancel each other
//! out; and it goes on when its key is revoked.

use super::{Clients, Draft, Hand};
use crate::clients::claim::{Deed, Ground};
use crate::keys::{AUTHORS, Authors, ROGUES};
use quorate_ledger::policy::{DomainPolicy, Rate, Rates};
use quorate_ledger::{
    Act, Base, ConflictId, Dependency, EnvelopeId, GROUP_DOMAIN, LockMode, Op, Principal, ProposalId, Revision,
};
use quorate_pbft::{Digest, Item, SeqNum, Signer, hash};

/// The rates that governors set: more than an honest author ever writes in a run, so that no honest change is refused.
const RATE_CHANGES: u32 = 50;
const RATE_PER_MS: u64 = 500;

/// A lease that is over before the run is.
const LEASE_MS: u64 = 200;

/// The path that rogues lock; nobody writes there.
const LOCKED: &str = "locked";

/// A slot that no run comes to.
const FUTURE: SeqNum = SeqNum::new(1 << 40);

/// Act of a dishonest author.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trick {
    /// A change like anybody's: after a revocation it is a trick.
    Writes,
    /// Two changes for one number and attempt, handed to different replicas.
    Twice,
    /// A base that is no revision of the past, nobody's envelope, or another author's.
    ForgesBase(Forgery),
    /// A number so far above the next one.
    Ahead(u64),
    /// So many changes at once.
    Floods(u16),
    /// A lock that is never given back.
    Locks,
    /// A vote on a conflict that nobody knows.
    Votes,
    /// A signature with a part of small order: it fits by the cofactored equation alone.
    Torsions,
    /// A signature that fits nowhere.
    Missigns,
    /// Two wrong signatures whose errors cancel each other out, after a good one: while that is on its way to a
    /// certificate, the two wait for one bundle.
    Cancels,
}

/// Pretence of a forged base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgery {
    /// To have seen the future.
    Future,
    /// To follow an envelope that nobody signed.
    Nobody,
    /// To follow another author's envelope.
    Stolen,
}

impl Trick {
    /// Name of the trick in summaries.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Writes => "writes",
            Self::Twice => "twice",
            Self::ForgesBase(_) => "forges-base",
            Self::Ahead(_) => "ahead",
            Self::Floods(_) => "floods",
            Self::Locks => "locks",
            Self::Votes => "votes",
            Self::Torsions => "torsions",
            Self::Missigns => "missigns",
            Self::Cancels => "cancels",
        }
    }
}

/// The author that a rogue is, of [`ROGUES`].
pub fn rogue(index: u16) -> u16 {
    AUTHORS + index % ROGUES
}

impl Clients {
    /// Envelopes of a trick, signed by a rogue whose next number and attempt are these. Empty, where there is no
    /// ledger.
    pub fn trick(&mut self, rogue: u16, trick: Trick, (number, attempt): (u64, u64)) -> Vec<Item> {
        if self.ledger.is_none() {
            return Vec::new();
        }
        let draft = Draft::of(rogue, number, attempt);
        let drafts = match trick {
            Trick::Writes => vec![self.on_the_last(draft)],
            Trick::Twice => vec![draft.clone(), draft],
            Trick::ForgesBase(forgery) => {
                vec![Draft { base: self.forged(rogue, forgery), ground: Ground::Forged, ..draft }]
            }
            Trick::Ahead(by) => vec![Draft { number: number + by, ..draft }],
            Trick::Floods(count) => {
                let at = |more: u64| (number + more, if more == 0 { attempt } else { 1 });
                let each = (0..u64::from(count)).map(at);
                // Files of its own: what an organisation may join a conflict with is not for a colleague to use up here.
                let file =
                    |number: u64| Some((format!("author-{}/flood-{number}", draft.author), text(draft.author, number)));
                each.map(|(number, attempt)| Draft { number, attempt, file: file(number), ..draft.clone() }).collect()
            }
            Trick::Locks => {
                let path = LOCKED.to_owned();
                let lock = Op::Acquire { path, mode: LockMode::X, lease_ms: LEASE_MS, wait_ms: 0 };
                vec![Draft { op: Some(lock), deed: Deed::Locks { lease_ms: LEASE_MS }, ..draft }]
            }
            Trick::Votes => {
                let conflict = ConflictId(hash("quorate/tests/no-conflict", &self.signed));
                vec![Draft { op: Some(Op::Vote { conflict, side: 0 }), deed: Deed::Senseless, ..draft }]
            }
            Trick::Torsions => vec![Draft { hand: Hand::Torsioned, ..draft }],
            Trick::Missigns => vec![Draft { hand: Hand::Above, ..draft }],
            Trick::Cancels => {
                let next = |more: u64, hand| Draft { number: number + more, attempt: 1, hand, ..draft.clone() };
                vec![draft.clone(), next(1, Hand::Above), next(2, Hand::Below)]
            }
        };
        drafts.into_iter().map(|draft| self.sign(draft).1).collect()
    }

    /// Every second one follows what the rogue signed before, whatever became of that.
    fn on_the_last(&self, draft: Draft) -> Draft {
        match self.last.get(&draft.author).filter(|_| self.signed.is_multiple_of(2)) {
            Some(last) => Draft { base: Base::Envelope(*last), ground: Ground::After(*last), ..draft },
            None => draft,
        }
    }

    fn forged(&self, rogue: u16, forgery: Forgery) -> Base {
        let nobody = EnvelopeId(hash("quorate/tests/no-envelope", &self.signed));
        match forgery {
            Forgery::Future => Base::Revision(Revision::slot(FUTURE)),
            Forgery::Nobody => Base::Envelope(nobody),
            Forgery::Stolen => {
                let others = self.last.iter().find(|(author, _)| **author != rogue);
                Base::Envelope(others.map_or(nobody, |(_, last)| *last))
            }
        }
    }

    /// A rogue's organisation takes its key away: an honest change, in the group's own domain.
    pub fn revoke(&mut self, rogue: u16) -> Option<Item> {
        let (keys, _) = self.ledger.as_ref()?;
        let governor = Authors::governor(Authors::organisation(rogue, keys.signers.len()));
        let key = keys.authors.signers[usize::from(rogue)].public_key();
        let number = self.next(governor, GROUP_DOMAIN);
        let draft = Draft {
            domain: GROUP_DOMAIN,
            op: Some(Op::Revoke { key }),
            deed: Deed::Revokes(rogue),
            ..Draft::of(governor, number, 1)
        };
        Some(self.sign_honestly(draft))
    }

    /// The organisations agree on rates for each author: honest changes, all but the first of which wait for it.
    pub fn limit(&mut self) -> Vec<Item> {
        let Some((keys, _)) = &self.ledger else { return Vec::new() };
        let n = keys.signers.len();
        let needed = 2 * n / 3 + 1;
        let rate = Rate { per_ms: RATE_PER_MS, changes: Some(RATE_CHANGES), bytes: None };
        let everyone = vec![Principal::Everyone];
        let rates = Rates { author: Some(rate), ..Rates::default() };
        let policy = DomainPolicy { rates, ..DomainPolicy::new(everyone.clone(), everyone) };
        let first = Authors::governor(0);
        let number = self.next(first, "main");
        let author = keys_of(self, first);
        let deed = Deed::Proposes { needed, changes: u64::from(RATE_CHANGES), per_ms: RATE_PER_MS };
        let op = Some(Op::Propose { act: Act::SetPolicy { policy } });
        let mut items = vec![self.sign_honestly(Draft { op, deed, ..Draft::of(first, number, 1) })];
        let proposed = self.last[&first];
        for organisation in 1..needed {
            let governor = Authors::governor(organisation);
            let draft = Draft {
                op: Some(Op::Approve { proposal: ProposalId::of(&proposed, 0) }),
                deed: Deed::Approves(proposed),
                after: Some((first, number, Dependency { author, domain: "main".to_owned(), seq: number })),
                ..Draft::of(governor, self.next(governor, "main"), 1)
            };
            items.push(self.sign_honestly(draft));
        }
        items
    }

    /// Signs what must be executed in the end.
    fn sign_honestly(&mut self, draft: Draft) -> Item {
        let (name, item) = self.sign(draft);
        self.made.insert(name, item.clone());
        item
    }
}

fn keys_of(clients: &Clients, author: u16) -> quorate_pbft::PublicKey {
    let (keys, _) = clients.ledger.as_ref().expect("whoever governs has a ledger");
    keys.authors.signers[usize::from(author)].public_key()
}

/// A content that nothing else has.
pub(super) fn text(author: u16, count: u64) -> Vec<u8> {
    let random: Digest = hash("quorate/tests/rogue", &(author, count));
    format!("{author} wrote {random}\n").into_bytes()
}
