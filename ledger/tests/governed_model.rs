//! Policies, approvals, attestations and keys against a plain, slow model: lists that are walked, and no trees or rows.
//!
//! Files are written on the newest revision here; how they merge is the other model's matter.

mod support;

use proptest::prelude::*;
use quorate_ledger::keys::{Purpose, prove_possession};
use quorate_ledger::policy::{Approvals, DomainPolicy, Format, PathRule, Schema};
use quorate_ledger::{Act, Code, EnvelopeId, GROUP_DOMAIN, Ledger, Op, Principal, ProposalId, RULES, Receipt, State};
use quorate_pbft::Signer;
use std::collections::{BTreeMap, BTreeSet};
use support::author;
use support::world::{Edit, World, write};

/// Organisations, each with one author at the start; authors there may ever be.
const ORGANISATIONS: u8 = 4;
const AUTHORS: u8 = 8;

/// Act of an author.
#[derive(Debug, Clone)]
enum Deed {
    Write(Zone, u8, &'static str),
    Propose(usize),
    Approve(usize),
    Attest(usize, bool),
    Enrol(u8, u8),
    Revoke(u8),
    Rotate(u8),
}

/// Folders, each with a rule of its own where a policy has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zone {
    Plain,
    Json,
    Owned,
    Once,
    Small,
    Reviewed,
    Tested,
}

impl Zone {
    fn folder(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Json => "json",
            Self::Owned => "owned",
            Self::Once => "once",
            Self::Small => "small",
            Self::Reviewed => "reviewed",
            Self::Tested => "tested",
        }
    }
}

fn organisation(n: u8) -> Principal {
    Principal::Organisation(format!("org-{n}"))
}

fn key(n: u8) -> Principal {
    Principal::Author(author(n).public_key())
}

/// The policies that are proposed, as the ledger wants them.
fn policy(number: usize) -> DomainPolicy {
    let rule = |zone: Zone| PathRule { pattern: format!("{}/*", zone.folder()), ..PathRule::default() };
    let everyone = || DomainPolicy::new(vec![Principal::Everyone], vec![Principal::Everyone]);
    match number {
        0 => everyone(),
        1 => DomainPolicy {
            approvals: Approvals { organisations: Some(2), by: vec![] },
            paths: vec![
                PathRule {
                    format: Some(Format::Json),
                    schema: Some(Schema::new(r#"{"type": "object"}"#)),
                    ..rule(Zone::Json)
                },
                PathRule { owners: vec![organisation(1)], ..rule(Zone::Owned) },
                PathRule { write_once: true, ..rule(Zone::Once) },
                PathRule { size_max: Some(4), ..rule(Zone::Small) },
                PathRule { approvals: 1, ..rule(Zone::Reviewed) },
            ],
            ..DomainPolicy::new(vec![organisation(0), organisation(1)], vec![organisation(2)])
        },
        _ => DomainPolicy {
            approvals: Approvals { organisations: Some(2), by: (0..4).map(key).collect() },
            paths: vec![
                PathRule { approvals: 2, ..rule(Zone::Reviewed) },
                PathRule { validators: (0..3).map(key).collect(), ..rule(Zone::Tested) },
            ],
            ..everyone()
        },
    }
}

#[derive(Debug)]
struct Waiting {
    id: EnvelopeId,
    author: u8,
    organisation: u8,
    path: String,
    content: &'static str,
    /// Approvals that it needs.
    approvals: usize,
    /// Whether authors 0 to 2 must attest it, but for the one whose change it is.
    validated: bool,
    organisations: BTreeMap<u8, bool>,
    validators: BTreeMap<u8, bool>,
}

struct Proposed {
    id: ProposalId,
    policy: usize,
    approvals: BTreeSet<u8>,
    open: bool,
    /// Policies that had come into force when it was made.
    made: usize,
}

type Said = (State, Option<Code>);

/// Model of the ledger's answers and state.
struct Model {
    rules: u32,
    /// Policies that have come into force.
    enacted: usize,
    authors: BTreeMap<u8, (u8, bool)>,
    policy: usize,
    proposals: Vec<Proposed>,
    waiting: Vec<Waiting>,
    files: BTreeMap<String, &'static str>,
}

impl Model {
    fn of(rules: u32) -> Self {
        let authors = (0..ORGANISATIONS).map(|n| (n, (n, false))).collect();
        Self { rules, enacted: 0, authors, policy: 0, proposals: vec![], waiting: vec![], files: BTreeMap::new() }
    }

    /// The author's organisation, or why the key says nothing.
    fn who(&self, who: u8) -> Result<u8, Code> {
        match self.authors.get(&who) {
            None => Err(Code::UnknownAuthor),
            Some((_, true)) => Err(Code::Revoked),
            Some((organisation, false)) => Ok(*organisation),
        }
    }

    fn writes(&self, organisation: u8) -> bool {
        self.policy != 1 || organisation < 2
    }

    fn reads(&self, organisation: u8) -> bool {
        self.policy != 1 || organisation == 2
    }

    /// Whether somebody speaks for the organisation.
    fn speaks(&self, who: u8) -> bool {
        self.policy != 2 || who < 4
    }

    fn is_enrolled(&self, who: u8) -> bool {
        self.authors.get(&who).is_some_and(|(_, revoked)| !revoked)
    }

    /// Organisations that have a voice under a policy.
    fn voices(&self, policy: usize) -> BTreeSet<u8> {
        let enrolled = self.authors.iter().filter(|(_, (_, revoked))| !revoked);
        let organisations = enrolled.map(|(_, (organisation, _))| *organisation);
        match policy {
            0 => organisations.collect(),
            1 => organisations.filter(|organisation| *organisation < 3).collect(),
            _ => (0..4).filter(|who| self.is_enrolled(*who)).collect(),
        }
    }

    fn needed(&self, policy: usize) -> usize {
        let left = self.voices(policy).len();
        if policy == 0 { (2 * left / 3 + 1).max(2) } else { 2 }
    }

    /// Whether somebody could ever change this policy again.
    fn can_change(&self, policy: usize) -> bool {
        let voices = self.voices(policy);
        let writes = |(organisation, revoked): &(u8, bool)| !revoked && (policy != 1 || *organisation < 2);
        voices.len() >= self.needed(policy) && self.authors.values().any(writes)
    }

    /// Stages from `domain` on for a change of a file by somebody of this organisation.
    fn write_fails(&self, organisation: u8, zone: Zone, path: &str, content: &str) -> Option<Code> {
        if !self.writes(organisation) && !self.reads(organisation) {
            return Some(Code::NotMember);
        }
        if self.policy == 1 {
            match zone {
                Zone::Json if content == "{" || content == "x" => return Some(Code::DoesNotParse),
                Zone::Json if content != "{}" => return Some(Code::Schema),
                Zone::Small if content.len() > 4 => return Some(Code::Validator),
                Zone::Owned if organisation != 1 => return Some(Code::NotOwner),
                Zone::Once if self.files.contains_key(path) => return Some(Code::WriteOnce),
                _ => (),
            }
        }
        (!self.writes(organisation)).then_some(Code::Role)
    }

    /// Refusal of an author who may only approve or attest.
    fn word_fails(&self, organisation: u8, counts: bool) -> Option<Code> {
        let member = self.writes(organisation) || self.reads(organisation);
        if !member {
            Some(Code::NotMember)
        } else if !counts {
            Some(Code::Role)
        } else {
            None
        }
    }

    fn write(&mut self, who: u8, zone: Zone, path: &str, content: &'static str, id: EnvelopeId) -> Result<State, Code> {
        let organisation = self.who(who)?;
        if let Some(code) = self.write_fails(organisation, zone, path, content) {
            return Err(code);
        }
        let approvals = match (zone, self.policy) {
            (Zone::Reviewed, policy) => policy,
            _ => 0,
        };
        let validated = zone == Zone::Tested && self.policy == 2;
        if approvals == 0 && !validated {
            self.files.insert(path.to_owned(), content);
            return Ok(State::Applied);
        }
        let (organisations, validators, path) = (BTreeMap::new(), BTreeMap::new(), path.to_owned());
        let author = who;
        let waits =
            Waiting { id, author, organisation, path, content, approvals, validated, organisations, validators };
        self.waiting.push(waits);
        Ok(State::Pending)
    }

    fn propose(&mut self, who: u8, policy: usize, id: ProposalId) -> Result<State, Code> {
        let organisation = self.who(who)?;
        if !self.can_change(policy) {
            return Err(Code::BadAct);
        }
        if !self.writes(organisation) {
            return Err(if self.reads(organisation) { Code::Role } else { Code::NotMember });
        }
        let approvals = if self.speaks(who) { BTreeSet::from([organisation]) } else { BTreeSet::new() };
        self.proposals.push(Proposed { id, policy, approvals, open: true, made: self.enacted });
        self.decide(self.proposals.len() - 1);
        Ok(State::Applied)
    }

    fn approve(&mut self, who: u8, number: Option<usize>) -> Result<State, Code> {
        let organisation = self.who(who)?;
        let number = number.filter(|number| self.proposals[*number].open).ok_or(Code::UnknownProposal)?;
        if let Some(code) = self.word_fails(organisation, self.speaks(who)) {
            return Err(code);
        }
        self.proposals[number].approvals.insert(organisation);
        self.decide(number);
        Ok(State::Applied)
    }

    fn decide(&mut self, number: usize) {
        let (needed, voices) = (self.needed(self.policy), self.voices(self.policy));
        let can_change = self.can_change(self.proposals[number].policy);
        let proposal = &mut self.proposals[number];
        if self.rules >= 16 && proposal.made < self.enacted {
            proposal.open = false; // its approvals were given under another policy
        } else if proposal.approvals.intersection(&voices).count() >= needed {
            proposal.open = false;
            if can_change {
                (self.policy, self.enacted) = (proposal.policy, self.enacted + 1);
            }
        }
    }

    /// Answers to the attestation, and to the change if it ends by it.
    fn attest(&mut self, who: u8, number: Option<usize>, word: bool) -> Result<Option<Said>, Code> {
        let organisation = self.who(who)?;
        let number = number.ok_or(Code::UnknownPending)?;
        let speaks = self.speaks(who);
        let waiting = &self.waiting[number];
        let approves = speaks && waiting.approvals > 0 && organisation != waiting.organisation;
        let validates = waiting.validated && who < 3 && who != waiting.author;
        if let Some(code) = self.word_fails(organisation, approves || validates) {
            return Err(code);
        }
        let waiting = &mut self.waiting[number];
        if approves {
            waiting.organisations.entry(organisation).or_insert(word);
        }
        if validates {
            waiting.validators.entry(who).or_insert(word);
        }
        let count = |words: &BTreeMap<u8, bool>, wanted| words.values().filter(|word| **word == wanted).count();
        let (yes, no) = (count(&waiting.organisations, true), count(&waiting.organisations, false));
        if usize::from(ORGANISATIONS) - 1 - no < waiting.approvals {
            self.waiting.remove(number);
            return Ok(Some((State::Refused, Some(Code::Approvals))));
        }
        if waiting.validated && count(&waiting.validators, false) > 0 {
            self.waiting.remove(number);
            return Ok(Some((State::Refused, Some(Code::Validator))));
        }
        let needed = if waiting.author < 3 { 2 } else { 3 };
        if yes < waiting.approvals || (waiting.validated && count(&waiting.validators, true) < needed) {
            return Ok(None);
        }
        let Waiting { organisation, path, content, .. } = self.waiting.remove(number);
        let zone = if path.starts_with("tested") { Zone::Tested } else { Zone::Reviewed };
        Ok(Some(match self.write_fails(organisation, zone, &path, content) {
            Some(code) => (State::Refused, Some(code)),
            None => {
                self.files.insert(path, content);
                (State::Applied, None)
            }
        }))
    }

    fn enrol(&mut self, who: u8, new: u8, organisation: u8) -> Result<State, Code> {
        let own = self.who(who)?;
        if self.authors.contains_key(&new) {
            return Err(Code::BadAct);
        }
        if own != organisation {
            return Err(Code::Role);
        }
        self.authors.insert(new, (organisation, false));
        Ok(State::Applied)
    }

    fn revoke(&mut self, who: u8, whom: u8) -> Result<State, Code> {
        let own = self.who(who)?;
        let organisation = self.who(whom).map_err(|_| Code::BadAct)?;
        if own != organisation {
            return Err(Code::Role);
        }
        self.authors.insert(whom, (organisation, true));
        Ok(State::Applied)
    }

    fn rotate(&mut self, who: u8, new: u8) -> Result<State, Code> {
        let organisation = self.who(who)?;
        self.enrol(who, new, organisation)?;
        self.authors.insert(who, (organisation, true));
        Ok(State::Applied)
    }
}

fn any_deed() -> impl Strategy<Value = Deed> {
    let zones = [Zone::Plain, Zone::Json, Zone::Owned, Zone::Once, Zone::Small, Zone::Reviewed, Zone::Tested];
    let zone = prop::sample::select(zones.to_vec());
    let content = prop::sample::select(vec!["{}", "[]", "{", "123456", "x"]);
    prop_oneof![
        8 => (zone, 0u8..2, content).prop_map(|(zone, file, content)| Deed::Write(zone, file, content)),
        2 => (0usize..3).prop_map(Deed::Propose),
        5 => any::<usize>().prop_map(Deed::Approve),
        6 => (any::<usize>(), prop::bool::weighted(0.7)).prop_map(|(number, word)| Deed::Attest(number, word)),
        1 => (0u8..AUTHORS, 0u8..ORGANISATIONS).prop_map(|(new, organisation)| Deed::Enrol(new, organisation)),
        1 => (0u8..AUTHORS).prop_map(Deed::Revoke),
        1 => (0u8..AUTHORS).prop_map(Deed::Rotate),
    ]
}

/// The ledger and the model, side by side.
struct Both {
    world: World,
    model: Model,
    written: usize,
}

impl Both {
    fn of(rules: u32) -> Self {
        Self { world: World::of(support::genesis_by(Some(rules))), model: Model::of(rules), written: 0 }
    }

    /// Answers of the ledger to an act, and those that the model expects.
    fn does(&mut self, who: u8, deed: &Deed) -> (Vec<Said>, Vec<Said>) {
        match deed {
            Deed::Write(zone, file, content) => {
                let path = self.path(*zone, *file);
                let (id, said) = self.sends("main", who, write(&path, content));
                let expected = self.model.write(who, *zone, &path, content, id);
                (said, vec![told(expected)])
            }
            Deed::Propose(number) => {
                let act = Act::SetPolicy { policy: policy(*number) };
                let (id, said) = self.sends("main", who, Edit::Other(Op::Propose { act }));
                let expected = self.model.propose(who, *number, ProposalId::of(&id, 0));
                (said, vec![told(expected)])
            }
            Deed::Approve(number) => {
                let number = number.checked_rem(self.model.proposals.len());
                let proposal = number.map_or(ProposalId(support::digest(b"none")), |n| self.model.proposals[n].id);
                let (_, said) = self.sends("main", who, Edit::Other(Op::Approve { proposal }));
                (said, vec![told(self.model.approve(who, number))])
            }
            Deed::Attest(number, approve) => {
                let number = number.checked_rem(self.model.waiting.len());
                let envelope = number.map_or(EnvelopeId(support::digest(b"none")), |n| self.model.waiting[n].id);
                let (_, said) = self.sends("main", who, Edit::Other(Op::Attest { envelope, approve: *approve }));
                let expected = self.model.attest(who, number, *approve);
                let follows = expected.as_ref().ok().copied().flatten();
                (said, [told(expected.map(|_| State::Applied))].into_iter().chain(follows).collect())
            }
            Deed::Enrol(new, organisation) => {
                let name = format!("org-{organisation}");
                let proof = prove_possession(Purpose::Author, &name, &author(*new));
                let op = Op::Enrol { key: author(*new).public_key(), organisation: name, proof };
                (
                    self.sends(GROUP_DOMAIN, who, Edit::Other(op)).1,
                    vec![told(self.model.enrol(who, *new, *organisation))],
                )
            }
            Deed::Revoke(whom) => {
                let op = Op::Revoke { key: author(*whom).public_key() };
                (self.sends(GROUP_DOMAIN, who, Edit::Other(op)).1, vec![told(self.model.revoke(who, *whom))])
            }
            Deed::Rotate(new) => {
                let name = format!("org-{}", self.model.authors.get(&who).map_or(0, |(organisation, _)| *organisation));
                let proof = prove_possession(Purpose::Author, &name, &author(*new));
                let op = Op::Rotate { key: author(*new).public_key(), proof };
                (self.sends(GROUP_DOMAIN, who, Edit::Other(op)).1, vec![told(self.model.rotate(who, *new))])
            }
        }
    }

    /// Path of a write: a change that waits for others gets one of its own, so that nothing has to be merged when it
    /// takes effect.
    fn path(&mut self, zone: Zone, file: u8) -> String {
        self.written += 1;
        match zone {
            Zone::Reviewed | Zone::Tested => format!("{}/{}", zone.folder(), self.written),
            _ => format!("{}/{file}", zone.folder()),
        }
    }

    fn sends(&mut self, domain: &str, who: u8, edit: Edit) -> (EnvelopeId, Vec<Said>) {
        let draft = self.world.draft_in(domain, who, self.world.now(), &[edit]);
        let outcome = self.world.slot(&[&draft]);
        assert_eq!(outcome.deferred, []);
        if outcome.receipts[0].state == State::Refused {
            self.world.give_back_in(domain, who);
        }
        let said = outcome.receipts.iter().map(|receipt: &Receipt| (receipt.state, receipt.code));
        (outcome.receipts[0].id, said.collect())
    }
}

fn told(expected: Result<State, Code>) -> Said {
    match expected {
        Ok(state) => (state, None),
        Err(code) => (State::Refused, Some(code)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_ledger_governs_as_the_plain_model_does(
        rules in prop::sample::select(vec![RULES.oldest, RULES.newest]),
        first in 0usize..3,
        deeds in proptest::collection::vec((0u8..AUTHORS, any_deed()), 1..80)
    ) {
        let mut both = Both::of(rules);
        let enacted = [(0, Deed::Propose(first)), (1, Deed::Approve(0)), (2, Deed::Approve(0))];
        for (who, deed) in enacted.iter().chain(&deeds) {
            let (said, expected) = both.does(*who, deed);
            prop_assert_eq!(said, expected, "{:?} by {}", deed, who);
        }
        let (moment, model) = (both.world.view(), &both.model);
        prop_assert_eq!(moment.policy("main").expect("known"), &policy(model.policy));
        let listed = moment.ls("main", "", None, None, 1_000).expect("known").items;
        let files: Vec<(String, _)> = listed.into_iter().map(|file| (file.path, file.hash)).collect();
        let expected = model.files.iter().map(|(path, content)| (path.clone(), support::digest(content.as_bytes())));
        prop_assert_eq!(files, expected.collect::<Vec<_>>());
        let waiting = moment.pending_changes("main", None, 1_000).expect("known").items;
        let ids: Vec<EnvelopeId> = waiting.into_iter().map(|(id, _)| id).collect();
        prop_assert_eq!(ids, model.waiting.iter().map(|waiting| waiting.id).collect::<Vec<_>>());
        let open = moment.proposals(Some("main"), true, None, 1_000).expect("known").items;
        let open: BTreeSet<ProposalId> = open.into_iter().map(|entry| entry.id).collect();
        let expected = model.proposals.iter().filter(|proposal| proposal.open).map(|proposal| proposal.id);
        prop_assert_eq!(open, expected.collect::<BTreeSet<_>>());
        for who in 0..AUTHORS {
            let standing = moment.author("main", &author(who).public_key()).expect("known");
            let known = standing.organisation.map(|organisation| (organisation, standing.revoked.is_some()));
            let expected = model.authors.get(&who).map(|(organisation, revoked)| (format!("org-{organisation}"), *revoked));
            prop_assert_eq!(known, expected);
        }
        let reopened = Ledger::open(&both.world.store, &both.world.genesis).expect("it was written");
        prop_assert_eq!(reopened.state_root(), both.world.ledger.state_root());
    }
}
