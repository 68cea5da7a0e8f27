//! The ledger and the model, side by side.

use super::*;

/// The ledger and the model, side by side.
pub struct Both {
    pub world: World,
    model: Model,
}

fn content(number: u8) -> Vec<u8> {
    format!("content {number}\n").into_bytes()
}

impl Both {
    /// `other` has an owner for a path, and there is a third domain.
    pub fn of(rules: u32) -> Self {
        let mut world = World::of(support::genesis_by(Some(rules)));
        let owned = PathRule {
            pattern: PATHS[OWNED].into(),
            owners: vec![Principal::Organisation("org-1".into())],
            ..PathRule::default()
        };
        let everyone = || DomainPolicy::new(vec![Principal::Everyone], vec![]);
        world.decide("other", DomainPolicy { paths: vec![owned], ..everyone() });
        let members = (0..OUTSIDER).map(|n| Principal::Organisation(format!("org-{n}"))).collect();
        let act = Act::CreateDomain { name: "third".into(), policy: DomainPolicy::new(members, vec![]) };
        let proposed = world.does_in(GROUP_DOMAIN, 0, &[Edit::Other(Op::Propose { act })]);
        let proposal = ProposalId::of(&proposed.id, 0);
        for who in [1, 2] {
            world.does_in(GROUP_DOMAIN, who, &[Edit::Other(Op::Approve { proposal })]);
        }
        let mut both = Self { world, model: Model::default() };
        for who in 0..AUTHORS {
            for (number, domain) in DOMAINS.iter().enumerate() {
                let known = both.world.view().author(domain, &author(who).public_key()).expect("known");
                let numbers = Numbers { next: known.next_seq, attempt: known.attempt };
                both.model.domains[number].numbers.insert(who, numbers);
            }
        }
        both.pass(BACK_MAX);
        both
    }

    /// So many slots in which nothing happens.
    fn pass(&mut self, slots: u64) {
        for _ in 0..slots {
            self.world.slot(&[]);
            self.model.slot_passes(self.now());
        }
    }

    fn now(&self) -> u64 {
        self.world.ledger.revision().seq().get()
    }

    fn back(&self, slots: u64) -> Revision {
        Revision::slot(SeqNum::new(self.now() - slots))
    }

    fn place(&self, who: u8, domain: usize, off: i8, stale: bool) -> (u64, u64) {
        let known = self.model.domains[domain].numbers(who);
        let seq = known.next.saturating_add_signed(i64::from(off)).max(1);
        let attempt = if stale { known.attempt } else { known.attempt + 1 };
        (seq, attempt.max(1))
    }

    /// The envelope that somebody sends.
    fn envelope(&self, sent: &Sent) -> Body {
        let (from_seq, attempt) = self.place(sent.who, sent.domain, sent.seq_off, sent.stale);
        let newest = Base::Revision(self.back(0));
        let alone = |op: Op| vec![Change::new(newest, vec![op], "", 0)];
        let changes = match &sent.deed {
            Deed::Lock(path) => {
                alone(Op::Acquire { path: PATHS[*path].into(), mode: X, lease_ms: LEASE_MS, wait_ms: 0 })
            }
            Deed::Release(path) => alone(Op::Release { path: PATHS[*path].into() }),
            Deed::Write(edit) => alone(op(edit)),
            Deed::Composition(parts, outside) => self.parts(sent, from_seq, parts, outside),
            Deed::Transaction(own, entries) => {
                let own = self.change(own, vec![]);
                core::iter::once(own).chain(entries.iter().map(|entry| self.entry(sent, entry))).collect()
            }
        };
        let to_seq = from_seq + changes.iter().filter(|change| !enters(change)).count() as u64 - 1;
        let to_seq = to_seq + changes.iter().filter(|change| enters(change)).count() as u64;
        let (author, domain) = (author(sent.who).public_key(), DOMAINS[sent.domain].to_owned());
        Body { author, domain, from_seq, to_seq, attempt, changes, carried: vec![] }
    }

    fn change(&self, part: &Part, mut ops: Vec<Op>) -> Change {
        ops.extend(part.edits.iter().map(op));
        Change::new(Base::Revision(self.back(part.back)), ops, "", 0)
    }

    fn parts(&self, sent: &Sent, from: u64, parts: &[Part], outside: &Option<(u8, usize, i8)>) -> Vec<Change> {
        let mut changes: Vec<Change> = parts.iter().map(|part| self.change(part, vec![])).collect();
        for (place, number) in (1..changes.len()).zip(from..) {
            let (author, domain) = (author(sent.who).public_key(), DOMAINS[sent.domain].to_owned());
            changes[place].wishes.depends_on = vec![Dependency { author, domain, seq: number }];
            if parts[place].sees {
                changes[place].base = Base::Previous;
            }
        }
        if let Some((who, domain, off)) = outside
            && (*who, *domain) != (sent.who, sent.domain)
        {
            let next = self.model.domains[*domain].numbers(*who).next;
            let seq = next.saturating_add_signed(i64::from(*off)).max(1);
            let (author, domain) = (author(*who).public_key(), DOMAINS[*domain].to_owned());
            changes[0].wishes.depends_on.push(Dependency { author, domain, seq });
        }
        changes
    }

    fn entry(&self, sent: &Sent, entry: &Entry) -> Change {
        let there = domain_of(sent.domain, entry.step);
        let (domain, (seq, attempt)) = match DOMAINS.get(there) {
            Some(name) => ((*name).to_owned(), self.place(sent.who, there, entry.seq_off, entry.stale)),
            None => ("nowhere".to_owned(), (1, 1)),
        };
        let mut ops = vec![Op::Enter { domain, seq, attempt }];
        ops.extend(entry.anchor.map(|back| Op::Anchor { revision: self.back(back) }));
        self.change(&entry.part, ops)
    }

    /// Answers of the ledger and of the model.
    pub fn does(&mut self, sent: &Sent) -> (Said, Said) {
        let body = self.envelope(sent);
        let now = self.now();
        let expected = self.model.order(sent, &body, now);
        let mut draft = self.world.draft(sent.who, self.world.now(), &[]);
        (draft.body, draft.contents) = (body, (0..4).map(content).collect());
        let outcome = self.world.slot(&[&draft]);
        self.model.slot_passes(self.now());
        let said = match (outcome.receipts.first(), outcome.deferred.first()) {
            (Some(receipt), None) if receipt.state == State::Refused => {
                Said::Refused(receipt.code.expect("a refusal has a code"))
            }
            (Some(receipt), None) => {
                assert!(matches!(receipt.state, State::Applied | State::Merged), "{receipt:?}");
                assert_eq!(receipt.conflicts, []);
                Said::Done
            }
            (None, Some(deferred)) => match &deferred.why {
                DeferReason::Gap { .. } => Said::Gap,
                DeferReason::Taken | DeferReason::Copy => Said::Taken,
                DeferReason::Dependency(_) => Said::Awaits,
                DeferReason::TooEarly => panic!("all authors and domains are there"),
                DeferReason::Content(missing) => panic!("all contents travel along: {missing}"),
            },
            other => panic!("one verdict or none: {other:?}"),
        };
        (said, expected)
    }

    /// State of a domain to compare: files, and the numbers of all authors.
    pub fn held(&self, domain: usize) -> (BTreeMap<String, quorate_pbft::Digest>, Vec<Numbers>) {
        let moment = self.world.view();
        let listed = moment.ls(DOMAINS[domain], "", None, None, 1_000).expect("known").items;
        let numbers = |who| {
            let known = moment.author(DOMAINS[domain], &author(who).public_key()).expect("known");
            Numbers { next: known.next_seq, attempt: known.attempt }
        };
        (listed.into_iter().map(|file| (file.path, file.hash)).collect(), (0..AUTHORS).map(numbers).collect())
    }

    pub fn expected(&self, domain: usize) -> (BTreeMap<String, quorate_pbft::Digest>, Vec<Numbers>) {
        let model = &self.model.domains[domain];
        let files = model.files.iter();
        let files = files.map(|(path, number)| (PATHS[*path].to_owned(), support::digest(&content(*number))));
        (files.collect(), (0..AUTHORS).map(|who| model.numbers(who)).collect())
    }
}

fn enters(change: &Change) -> bool {
    matches!(change.ops.first(), Some(Op::Enter { .. }))
}

fn op(edit: &Edits) -> Op {
    match edit {
        Edits::Put(path, number) => {
            Op::Put { path: PATHS[*path].into(), mode: Mode::File, content: support::digest(&content(*number)) }
        }
        Edits::Delete(path) => Op::Delete { path: PATHS[*path].into() },
    }
}
