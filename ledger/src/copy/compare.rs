//! Comparison of two states by the difference of their trees: the entries that are not the same in both.
//!
//! Each side answers from one state, certified or only executed; each answer is proved against that state's root, so that a
//! difference is one of the states and not of what was left out on the way.

use super::check::{Refused, under};
use super::frame::{ANSWER_BYTES_MAX, Answer, Ask, Given, GivenPart, Held, LEVELS, Wanted, WantedPart};
use crate::format::constants::GROUP_DOMAIN;
use crate::format::genesis::Genesis;
use crate::proof::Checkpoint;
use crate::state::index::Indexed;
use crate::state::record::{ConflictRecord, FileRecord};
use crate::state::tree::part::Part;
use crate::state::{entry, name};
use crate::vocabulary::revision::Revision;
use quorate_pbft::{Digest, SeqNum};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Parts that one question names.
const PARTS_AT_ONCE: usize = 16;
/// Entries of a part, by estimate, that are asked for at once.
const FEW_ENTRIES: u64 = 64;
/// Differences that are noted; there may be more.
const DIFFERENCES_MAX: usize = 4_096;

/// State that a side answers from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// The slot after which it stands.
    pub seq: SeqNum,
    /// Its root.
    pub state_root: Digest,
    /// Signatures of it.
    pub signed: Signed,
}

/// Signatures of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    /// None: a node has executed it.
    Nobody,
    /// Signatures that nobody has checked, for want of a genesis.
    Unchecked,
    /// Signatures of q members.
    Quorum,
}

/// Entry that differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// Domain in whose tree it stands.
    pub domain: String,
    /// Kind of the entry: `file`, `conflict`, `head` …
    pub kind: &'static str,
    /// Path of a file, else the rest of the entry's name.
    pub name: String,
    /// Revisions of a file on both sides.
    pub revisions: [Option<Revision>; 2],
}

/// Why an answer is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Incomparable {
    /// The answer is wrong.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The node answered from another state than before.
    #[error("the node has moved on to the state of slot {0}")]
    Moved(SeqNum),
}

/// Walk of the difference.
pub struct Comparison {
    /// The genesis that signatures are checked with.
    genesis: Option<Genesis>,
    shown: [Option<Shown>; 2],
    todo: VecDeque<(String, WantedPart)>,
    seen: BTreeSet<String>,
    found: BTreeSet<(bool, Difference)>,
    is_cut: bool,
}

impl Comparison {
    /// Begins with the whole tree of the group.
    pub fn new(genesis: Option<Genesis>) -> Self {
        let todo = VecDeque::from([(GROUP_DOMAIN.to_owned(), WantedPart { part: Part::WHOLE, entries: false })]);
        let (shown, seen, found) = Default::default();
        Self { genesis, shown, todo, seen, found, is_cut: false }
    }

    /// The next question to both sides; none once the difference is known.
    pub fn ask(&self) -> Option<Ask> {
        let (domain, first) = self.todo.front().filter(|_| !self.is_cut)?;
        let alike = self.todo.iter().take_while(|(other, next)| other == domain && next.entries == first.entries);
        let parts = alike.take(PARTS_AT_ONCE).map(|(_, wanted)| *wanted).collect();
        Some(Ask { domain: domain.clone(), wanted: Wanted::Parts(parts) })
    }

    /// Takes the answers of both sides to one question; where one is of no use, its side and why.
    pub fn take(&mut self, ask: &Ask, answers: [&[u8]; 2]) -> Result<(), (usize, Incomparable)> {
        let Wanted::Parts(wanted) = &ask.wanted else { panic!("a comparison asks for parts") };
        let [left, right] = [0, 1].map(|side| self.admit(side, ask, wanted, answers[side]).map_err(|why| (side, why)));
        let ((left, count), (right, _)) = (left?, right?);
        let both: Vec<_> = left.into_iter().zip(right).collect();
        self.todo.drain(..both.len());
        for (wanted, (left, right)) in wanted.iter().zip(both) {
            self.compare(&ask.domain, wanted, [left.held, right.held], count);
        }
        Ok(())
    }

    /// The states that are compared, once both sides have answered.
    pub fn shown(&self) -> Option<[Shown; 2]> {
        let [left, right] = self.shown;
        Some([left?, right?])
    }

    /// The differences, files first, and whether there may be more.
    pub fn found(&self) -> (impl Iterator<Item = &Difference>, bool) {
        (self.found.iter().map(|(_, difference)| difference), self.is_cut)
    }

    fn admit(
        &mut self,
        side: usize,
        ask: &Ask,
        wanted: &[WantedPart],
        bytes: &[u8],
    ) -> Result<(Vec<GivenPart>, u64), Incomparable> {
        if bytes.len() > ANSWER_BYTES_MAX {
            return Err(Refused::Malformed.into());
        }
        let answer: Answer = borsh::from_slice(bytes).map_err(|_| Refused::Malformed)?;
        let shown = shown(&answer.checkpoint, self.genesis.as_ref(), self.shown[side])?;
        if self.shown[side].get_or_insert(shown) != &shown {
            return Err(Incomparable::Moved(shown.seq));
        }
        let under = under(&answer, &ask.domain)?;
        let Given::Parts(given) = answer.given else { return Err(Refused::NotAsked.into()) };
        if given.is_empty() || given.len() > wanted.len() {
            return Err(Refused::NotAsked.into());
        }
        wanted.iter().zip(&given).try_for_each(|(wanted, given)| given.check(wanted, &under))?;
        Ok((given, under.count))
    }

    fn compare(&mut self, domain: &str, wanted: &WantedPart, held: [Held; 2], count: u64) {
        match held {
            [Held::Subtrees(left), Held::Subtrees(right)] => {
                let parts = wanted.part.below(LEVELS).into_iter().zip(left.iter().zip(&right));
                let differing = parts.filter(|(_, (left, right))| left.hash() != right.hash());
                let wanted = differing.map(|(part, _)| {
                    let is_few = count.checked_shr(part.bits().into()).unwrap_or(0) <= FEW_ENTRIES;
                    (domain.to_owned(), WantedPart { part, entries: is_few })
                });
                self.todo.extend(wanted.collect::<Vec<_>>());
            }
            [Held::Entries(left), Held::Entries(right)] => self.differ(domain, left, right),
            _ => self.todo.push_back((domain.to_owned(), WantedPart { entries: false, ..*wanted })),
        }
    }

    fn differ(&mut self, domain: &str, left: Entries, right: Entries) {
        let [left, right] = [left, right].map(|entries| entries.into_iter().collect::<BTreeMap<_, _>>());
        let names: BTreeSet<&Vec<u8>> = left.keys().chain(right.keys()).collect();
        for name in names {
            let values = [left.get(name), right.get(name)];
            if values[0] == values[1] {
                continue;
            }
            let root_of = name::domain_of_root(name).filter(|_| domain == GROUP_DOMAIN && values[0].is_some());
            match root_of.filter(|_| values[1].is_some()) {
                Some(below) => self.want_domain(below),
                None => self.note(domain, name, values),
            }
        }
    }

    fn want_domain(&mut self, domain: &str) {
        if self.seen.insert(domain.to_owned()) {
            self.todo.push_back((domain.to_owned(), WantedPart { part: Part::WHOLE, entries: false }));
        }
    }

    fn note(&mut self, domain: &str, name: &[u8], values: [Option<&Vec<u8>>; 2]) {
        let (kind, rest) = described(name);
        let is_file = kind == "file";
        let since = |value: &Vec<u8>| entry::value_of::<FileRecord>(value).ok().map(|record| record.since);
        let revisions = values.map(|value| value.filter(|_| is_file).and_then(since));
        self.found.insert((!is_file, Difference { domain: domain.to_owned(), kind, name: rest, revisions }));
        self.is_cut |= self.found.len() >= DIFFERENCES_MAX;
    }
}

/// Names and values of a part.
type Entries = Vec<(Vec<u8>, Vec<u8>)>;

/// Checks the state under which an answer was given, unless it is the one that is known.
fn shown(checkpoint: &Checkpoint, genesis: Option<&Genesis>, known: Option<Shown>) -> Result<Shown, Refused> {
    let signed = match (checkpoint.certificate().signatures.is_empty(), genesis) {
        (true, _) => Signed::Nobody,
        (false, None) => Signed::Unchecked,
        (false, Some(_)) => Signed::Quorum,
    };
    let shown = Shown { seq: checkpoint.head().seq, state_root: checkpoint.state_root(), signed };
    match genesis.filter(|_| signed == Signed::Quorum) {
        _ if known == Some(shown) => (),
        Some(genesis) => drop(checkpoint.verify(genesis).map_err(Refused::NotCertified)?),
        None => checkpoint.holds_head().map_err(|_| Refused::OtherRoot)?,
    }
    Ok(shown)
}

/// Kind of an entry in words, and its name.
pub(super) fn described(name: &[u8]) -> (&'static str, String) {
    let Some((kind, rest)) = name.split_first() else { return ("entry", String::new()) };
    let text = || String::from_utf8_lossy(rest).into_owned();
    match (*kind, rest) {
        (FileRecord::KIND, _) => ("file", text()),
        (ConflictRecord::KIND, _) => ("conflict", hex::encode(rest)),
        (name::SEQUENCE, _) => ("author's numbers", hex::encode(rest)),
        (b'd' | b't', _) => ("domain", text()),
        (b'i' | b'n' | b'o' | b'v' | b'Q' | b'W', _) => ("organisation", text()),
        (b'k', _) => ("lock", text()),
        (b'p', _) => ("proposal", hex::encode(rest)),
        (b'w' | b'z', _) => ("pending change", hex::encode(rest)),
        (b'g' | b'l', _) => ("transaction", hex::encode(rest)),
        (b'G', _) => ("known group", hex::encode(rest)),
        (b'M' | b'X', [_, ..]) => ("member", hex::encode(rest)),
        (b'H', []) => ("head", String::new()),
        (b'U', []) => ("usage", String::new()),
        _ => ("entry", format!("{}{}", char::from(*kind), hex::encode(rest))),
    }
}
