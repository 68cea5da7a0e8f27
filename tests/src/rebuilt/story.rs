//! Random story of a group's authors: changes of every kind, on old bases, twice under one number, with deadlines that pass.

use super::support::locks::{acquire_for, fence, release};
use super::support::world::{Draft, Edit, World, remove, rename, revision, write};
use super::support::{author, digest};
use crate::dice::Dice;
use quorate_ledger::keys::{Purpose, prove_possession};
use quorate_ledger::policy::{
    Approvals, DomainPolicy, Format, GroupPolicy, PathRule, Principle, Quota, Rate, Rates, Schema, Step, Strategy,
};
use quorate_ledger::{
    Act, Base, Change, ConflictId, EnvelopeId, GROUP_DOMAIN, Limits, LockMode, Mode, Op, Outcome, Principal, ProposalId,
};
use quorate_pbft::{Item, Signer as _};
use std::collections::BTreeMap;

/// Domains of the group that files are in.
const DOMAINS: [&str; 2] = ["main", "other"];
/// Authors of the genesis, and those that come, go and come back.
const FOUNDERS: u64 = 4;
const GUESTS: u64 = 3;
/// Milliseconds that a base may lie back: the past is bounded, and forgotten.
const HORIZON_MS: u64 = 120;
/// Proposals and pending changes that authors remember.
const REMEMBERED: usize = 12;

/// World, and what its authors remember of it.
pub(super) struct Story {
    world: World,
    dice: Dice,
    proposals: Vec<(String, ProposalId)>,
    pending: Vec<(String, EnvelopeId)>,
    /// Answers that authors got, and how many of each.
    pub(super) answers: BTreeMap<String, u64>,
}

impl Story {
    pub(super) fn new(seed: u64) -> Self {
        let mut world = World::with(Limits { base_horizon_ms: HORIZON_MS, ..Limits::default() });
        let mut dice = Dice::new(seed);
        DOMAINS.into_iter().for_each(|domain| world.decide(domain, policy(&mut dice)));
        Self { world, dice, proposals: Vec::new(), pending: Vec::new(), answers: BTreeMap::new() }
    }

    /// Slots so far.
    pub(super) fn slots(&self) -> u64 {
        self.world.ledger.executed().seq.get()
    }

    /// Executes a slot: none to four envelopes on two lanes, some of them changed or sent twice under one number.
    pub(super) fn slot(&mut self) {
        match self.dice.below(24) {
            0 => return drop(self.world.null_slot()),
            1 => self.world.time += self.dice.below(30_000),
            _ => (),
        }
        let mut lanes: Vec<(u16, Vec<Item>)> = vec![(0, Vec::new()), (1, Vec::new())];
        let mut sent = BTreeMap::new();
        for _ in 0..self.dice.below(5) {
            let draft = self.draft();
            let item = self.world.item(&draft);
            sent.insert(self.world.id(&draft), draft.body.domain.clone());
            let lane = self.dice.below(2) as usize;
            if self.dice.chance(5) {
                lanes[1 - lane].1.push(item.clone());
            }
            lanes[lane].1.push(item);
        }
        let outcome = self.world.slot_of(lanes);
        self.note(&outcome, &sent);
    }

    fn note(&mut self, outcome: &Outcome, sent: &BTreeMap<EnvelopeId, String>) {
        for receipt in &outcome.receipts {
            let code = receipt.code.map(|code| format!(": {code}")).unwrap_or_default();
            self.count(format!("{:?}{code}", receipt.state));
            receipt.changes.iter().for_each(|change| self.count(format!("{:?}", change.outcome)));
            let Some(domain) = sent.get(&receipt.id) else { continue };
            self.pending.push((domain.clone(), receipt.id));
            self.proposals.push((domain.clone(), ProposalId::of(&receipt.id, 0)));
        }
        outcome.deferred.iter().for_each(|_| self.count("deferred".into()));
        outcome.events.iter().for_each(|event| {
            let told = format!("{event:?}");
            let name = told.split(|sign: char| !sign.is_alphanumeric()).next().unwrap_or_default().to_lowercase();
            *self.answers.entry(format!("event {name}")).or_default() += 1;
        });
        let forget = |len: usize| 0..len.saturating_sub(REMEMBERED);
        self.pending.drain(forget(self.pending.len()));
        self.proposals.drain(forget(self.proposals.len()));
    }

    fn count(&mut self, answer: String) {
        *self.answers.entry(answer).or_default() += 1;
    }

    /// Envelope of some author, in the author's next number most of the time.
    fn draft(&mut self) -> Draft {
        let who = self.who();
        if self.dice.chance(12) {
            let ops = vec![Edit::Other(self.of_the_group(who))];
            return self.numbered(GROUP_DOMAIN, who, ops);
        }
        let domain = *self.dice.pick(&DOMAINS);
        let ops: Vec<Edit> = (0..=self.dice.below(3)).map(|_| self.edit(domain, who)).collect();
        let mut draft = self.numbered(domain, who, ops);
        if self.dice.chance(15) {
            self.extend(&mut draft, who);
        }
        draft
    }

    fn who(&mut self) -> u8 {
        match self.dice.chance(85) {
            true => self.dice.below(FOUNDERS) as u8,
            false => 10 + self.dice.below(GUESTS) as u8,
        }
    }

    /// Draft with the number that the author's next envelope has, rarely with another.
    fn numbered(&mut self, domain: &str, who: u8, ops: Vec<Edit>) -> Draft {
        let next = self.world.ledger.next_seq(&self.world.store, &author(who).public_key(), domain).expect("memory");
        let next =
            if self.dice.chance(4) { next.saturating_sub(self.dice.below(2)) + self.dice.below(2) } else { next };
        self.world.renumber(who, domain, next.max(1));
        let base = self.base();
        self.world.draft_in(domain, who, base, &ops)
    }

    fn base(&mut self) -> Base {
        let now = self.world.ledger.revision().seq().get();
        match (self.dice.below(10), self.pending.last()) {
            (0, Some((_, envelope))) => Base::Envelope(*envelope),
            (0..=4, _) => revision(&now.saturating_sub(self.dice.below(10)).to_string()),
            _ => self.world.now(),
        }
    }

    /// A second change: in the same domain, as the next number, or in the other one, as a transaction.
    fn extend(&mut self, draft: &mut Draft, who: u8) {
        let (base, path) = (self.base(), self.path());
        let text = self.text();
        let put = Op::Put { path, mode: Mode::File, content: digest(text.as_bytes()) };
        let other = if draft.body.domain == DOMAINS[0] { DOMAINS[1] } else { DOMAINS[0] };
        let ops = if self.dice.chance(50) {
            let seq = self.world.ledger.next_seq(&self.world.store, &author(who).public_key(), other).expect("memory");
            vec![Op::Enter { domain: other.into(), seq, attempt: draft.body.attempt }, put]
        } else {
            draft.body.to_seq += 1;
            vec![put]
        };
        draft.body.changes.push(Change::new(base, ops, "a second change", 0));
        draft.contents.push(text.into_bytes());
    }

    fn path(&mut self) -> String {
        let (folder, n) =
            (*self.dice.pick(&["shared", "data", "voted", "ruled", "late", "reviewed"]), self.dice.below(4));
        match folder {
            "data" => format!("data/{n}.{}", self.dice.pick(&["json", "toml", "yaml"])),
            folder => format!("{folder}/{n}"),
        }
    }

    fn text(&mut self) -> String {
        let (at, value) = (self.dice.below(5), self.dice.below(30));
        (0..5).map(|line| format!("line_{line} = {}\n", if line == at { value } else { 0 })).collect()
    }

    /// An edit of files, or an act about conflicts, locks and pending changes.
    fn edit(&mut self, domain: &str, who: u8) -> Edit {
        let path = self.path();
        match self.dice.below(22) {
            0..=8 if path.ends_with(".json") => write(&path, &format!("{{\"a\": {}}}\n", self.dice.below(1_000))),
            0..=8 => write(&path, &self.text()),
            9 => remove(&path),
            10 => rename(&path, &self.path()),
            11 => Edit::Put(path, *self.dice.pick(&[Mode::File, Mode::Exec]), b"a = 1\n".to_vec()),
            12 => write(path.split('/').next().unwrap_or_default(), "a file where a folder is\n"),
            13 => {
                // Most ask for one path, so that some stand in line.
                let path = if self.dice.chance(60) { "locked.txt" } else { &path };
                let (lease_ms, wait_ms) = (1 + self.dice.below(400), self.dice.below(2_000));
                acquire_for(path, *self.dice.pick(&[LockMode::X, LockMode::S]), lease_ms, wait_ms)
            }
            14 => release(&path),
            15 => fence(self.dice.below(40)),
            16 => Edit::Other(Op::Anchor { revision: self.world.ledger.revision() }),
            17 => self.attest(domain, who),
            18 => self.agree(domain),
            19 => Edit::Other(Op::Propose { act: Act::SetPolicy { policy: policy(&mut self.dice) } }),
            _ => self.settle(domain),
        }
    }

    fn attest(&mut self, domain: &str, who: u8) -> Edit {
        let known = self.pending.iter().rev().find(|(of, _)| of == domain);
        let envelope = known.map_or(EnvelopeId(digest(&[who])), |(_, envelope)| *envelope);
        Edit::Other(Op::Attest { envelope, approve: self.dice.chance(75) })
    }

    fn agree(&mut self, domain: &str) -> Edit {
        let known: Vec<ProposalId> = self.proposals.iter().filter(|(of, _)| of == domain).map(|(_, id)| *id).collect();
        let Some(proposal) = known.get(self.dice.below(known.len().max(1) as u64) as usize).copied() else {
            return write("shared/0", "nothing to agree with\n");
        };
        Edit::Other(if self.dice.chance(85) { Op::Approve { proposal } } else { Op::Withdraw { proposal } })
    }

    /// A vote or a suggestion for an open conflict.
    fn settle(&mut self, domain: &str) -> Edit {
        let open = self.world.view().conflicts(Some(domain), Some(true), None, 20).expect("memory").items;
        let Some(conflict) = open.get(self.dice.below(open.len().max(1) as u64) as usize) else {
            return write("shared/1", &self.text());
        };
        let conflict: ConflictId = conflict.id;
        Edit::Other(match self.dice.chance(80) {
            true => Op::Vote { conflict, side: self.dice.below(3) as u32 },
            false => Op::Suggest { conflict, file: None, reason: "away with it".into() },
        })
    }

    /// An act about people, organisations, domains and policies of the group.
    fn of_the_group(&mut self, who: u8) -> Op {
        let (guest, organisation) = (10 + self.dice.below(GUESTS) as u8, format!("org-{}", who % 4));
        let key = author(guest).public_key();
        let proof = |organisation: &str| prove_possession(Purpose::Author, organisation, &author(guest));
        match self.dice.below(9) {
            0 | 1 => Op::Enrol { key, proof: proof(&organisation), organisation },
            2 => Op::Revoke { key },
            3 => Op::Rotate { key, proof: proof(&organisation) },
            4 => Op::Propose { act: Act::SetGroupPolicy { policy: self.group_policy() } },
            5 => Op::Propose {
                act: Act::CreateDomain { name: format!("new-{}", self.slots()), policy: policy(&mut self.dice) },
            },
            6 => Op::Propose { act: Act::AddOrganisation { name: format!("guests-{}", self.dice.below(5)) } },
            _ => match self.agree(GROUP_DOMAIN) {
                Edit::Other(op) => op,
                _ => Op::Revoke { key },
            },
        }
    }

    fn group_policy(&mut self) -> GroupPolicy {
        let rate = Rate { per_ms: 400, changes: Some(100 + self.dice.below(100) as u32), bytes: None };
        let rates = Rates { author: Some(rate), ..Rates::default() };
        GroupPolicy { approvals: Approvals { organisations: Some(2), by: Vec::new() }, rates }
    }
}

/// Policy with a rule of each kind; bounds are thrown.
fn policy(dice: &mut Dice) -> DomainPolicy {
    let rule = |pattern: &str| PathRule { pattern: pattern.into(), ..PathRule::default() };
    let step = |strategy| Step { class: None, strategy, deadline_ms: None };
    let until = |strategy, deadline_ms| Step { class: None, strategy, deadline_ms: Some(deadline_ms) };
    let schema = Schema::new(r#"{"properties": {"a": {"type": "integer", "maximum": 900}}}"#);
    let vote = until(Strategy::Vote(Some(2)), 20 + dice.below(2_000));
    let paths = vec![
        PathRule { format: Some(Format::Json), schema: Some(schema), ..rule("data/*.json") },
        PathRule { format: Some(Format::Toml), ..rule("data/*.toml") },
        PathRule { approvals: 1, ..rule("reviewed/**") },
        PathRule { strategies: vec![step(Strategy::Merge), vote, step(Strategy::Reject)], ..rule("voted/**") },
        PathRule { strategies: vec![step(Strategy::Rule(Principle::LargerNumber))], ..rule("ruled/**") },
        PathRule { strategies: vec![step(Strategy::LastWriterWins)], ..rule("late/**") },
    ];
    let rate = Rate { per_ms: 60 + dice.below(60), changes: Some(60), bytes: Some(100_000) };
    DomainPolicy {
        paths,
        approvals: Approvals { organisations: Some(2), by: Vec::new() },
        quota: Quota { files_max: Some(40), bytes_max: Some(1 << 20) },
        rates: Rates { author: Some(rate), organisation: Some(rate), ..Rates::default() },
        ..DomainPolicy::new(vec![Principal::Everyone], vec![])
    }
}
