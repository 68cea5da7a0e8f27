//! Analyses under dear rules: what their members owe too much work for comes later.

use crate::group::{Group, author, founding};
use quorate_ledger::policy::{DomainPolicy, Format, PathRule, Schema};
use quorate_ledger::{Act, Base, Change, Genesis, GenesisFile, Limits, Mode, Op, Principal, Revision, State};
use quorate_pbft::{Constants, Digest, ItemKind, Message, Now, Time};
use quorate_service::engine::History;
use quorate_storage::faulty::Loss;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;

/// Dear conflicts: the analyses of sixteen of them are as much work as a member may owe.
const DEAR: usize = 24;

/// A rule under which a member needs 0.3 seconds at the worst to look at one document.
fn dear() -> PathRule {
    let words: Vec<_> = (0..250).map(|number| format!("\"k{number}\": {{\"pattern\": \"^k{number}$\"}}")).collect();
    let schema = Some(Schema::new(format!("{{\"properties\": {{{}}}}}", words.join(","))));
    PathRule { pattern: "dear/**".into(), format: Some(Format::Json), schema, ..PathRule::default() }
}

/// The author at work in a group of four, and the number of its next envelope.
struct Author {
    group: Group,
    seq: u64,
}

impl Author {
    /// A group by rules 16 with a dear rule.
    fn under_a_dear_rule() -> Self {
        Self::with(Constants::default())
    }

    fn with(constants: Constants) -> Self {
        let file = GenesisFile { rules: Some(16), ..founding(4, constants, Limits::default()) };
        let group = Group::of(Genesis::build(file).expect("a good genesis"), History::All);
        let mut author = Self { group, seq: 1 };
        author.group.until_all_may_sign();
        let paths = vec![dear()];
        let policy = DomainPolicy { paths, ..DomainPolicy::new(vec![Principal::Everyone], vec![]) };
        author.does(Revision::GENESIS, vec![Op::Propose { act: Act::SetPolicy { policy } }], "", State::Applied);
        author
    }

    /// Makes a change of one content; its revision.
    fn does(&mut self, base: Revision, ops: Vec<Op>, content: &str, state: State) -> Revision {
        let contents = Some(content.as_bytes().to_vec()).filter(|content| !content.is_empty());
        let change = Change::new(Base::Revision(base), ops, "", 0);
        let envelope = self.group.sealed(&author(), self.seq, vec![change], contents.into_iter().collect());
        self.seq += 1;
        self.group.submit(0, &envelope);
        self.group.until("a receipt", |group| group.receipt(0, &envelope.id).is_some());
        let receipt = self.group.receipt(0, &envelope.id).expect("just seen");
        assert_eq!(receipt.state, state, "{receipt:?}");
        receipt.revision.expect("it was made")
    }

    fn puts(&mut self, base: Revision, paths: &[String], content: &str) -> Revision {
        let digest = Digest(Sha256::digest(content).into());
        let put = |path: &String| Op::Put { path: path.clone(), mode: Mode::File, content: digest };
        self.does(base, paths.iter().map(put).collect(), content, State::Applied)
    }

    /// A conflict at each of these paths: one deletes what another edits. The revision in which they begin.
    fn disputes(&mut self, paths: &[String]) -> Revision {
        let base = self.puts(Revision::GENESIS, paths, "{}\n");
        self.puts(base, paths, "{\"k1\": \"k1\"}\n");
        let deletes = paths.iter().map(|path| Op::Delete { path: path.clone() });
        self.does(base, deletes.collect(), "", State::Conflict)
    }

    /// Lets seconds pass, in which nobody changes anything.
    fn rests(&mut self, seconds: u64) {
        for _ in 0..2 * seconds {
            let Now { ticks, wall } = self.group.now;
            self.group.now = Now { ticks: ticks.after(450), wall: Time::new(wall.get() + 450) };
            (0..10).for_each(|_| self.group.turn());
        }
    }

    /// Conflicts below a folder of which all members have spoken.
    fn analysed(&self, below: &str) -> usize {
        let moment = self.group.sites[0].engine.as_ref().expect("it runs").published().moment;
        let all = moment.view().conflicts(None, Some(true), None, 200).expect("the disk").items;
        let of_all = all.iter().map(|conflict| &conflict.record).filter(|record| {
            record.path.starts_with(below) && record.supporters.values().any(|voices| voices.len() >= 4)
        });
        of_all.count()
    }
}

fn dear_paths() -> Vec<String> {
    (0..DEAR).map(|number| format!("dear/{number}.json")).collect()
}

#[test]
fn analyses_that_had_no_effect_as_their_members_owed_too_much_come_again() {
    let mut author = Author::under_a_dear_rule();
    author.disputes(&dear_paths());
    author.rests(5);
    let first = author.analysed("dear/");
    assert!((1..DEAR).contains(&first), "{first} in one slot");

    author.rests(60);

    assert_eq!(author.analysed("dear/"), DEAR);
}

#[test]
fn a_conflict_that_begins_while_members_owe_too_much_is_analysed_once_they_owe_less() {
    let mut author = Author::under_a_dear_rule();
    author.disputes(&dear_paths());
    author.disputes(&["cheap".to_owned()]);
    (0..100).for_each(|_| author.group.turn());
    assert_eq!(author.analysed("cheap"), 0);

    author.rests(60);

    assert_eq!(author.analysed("cheap"), 1);
}

#[test]
fn analyses_of_members_whose_clocks_are_ahead_of_ledger_time_come_once_ledger_time_has_paid() {
    let mut author = Author::under_a_dear_rule();
    author.group.ahead = (1..4).map(|site| (site, 2_000)).collect();
    author.disputes(&dear_paths());

    author.rests(65);

    assert_eq!(author.analysed("dear/"), DEAR);
}

#[test]
fn analyses_that_had_no_effect_come_again_although_their_member_started_after_their_conflicts_began() {
    let mut author = Author::with(Constants { checkpoint_period: 4, window: 8, ..Constants::default() });
    author.group.mute = BTreeSet::from([3]);
    author.disputes(&dear_paths());
    for number in 0..20 {
        (0..60).for_each(|_| author.group.turn()); // the state is folded once a second
        author.puts(Revision::GENESIS, &[number.to_string()], "{}\n");
    }
    author.group.crash(3, Loss::Nothing);
    author.group.start(3);
    author.group.mute.clear();

    author.rests(65);

    assert_eq!(author.analysed("dear/"), DEAR);
}

#[test]
fn a_conflict_in_a_slot_of_a_primary_that_is_forty_seconds_late_is_analysed() {
    let mut author = Author::under_a_dear_rule();
    author.group.ahead = (1..4).map(|site| (site, 40_000)).collect();

    author.disputes(&["cheap".to_owned()]);
    (0..100).for_each(|_| author.group.turn());

    assert_eq!(author.analysed("cheap"), 1);
}

#[test]
fn an_analysis_that_is_in_no_bundle_as_its_conflict_is_settled_comes_in_none() {
    let mut author = Author::under_a_dear_rule();
    (author.group.mute, author.group.watched) = (BTreeSet::from([3]), Some(3));
    author.disputes(&["first".to_owned()]);
    let paths = ["second".to_owned()];
    let begun = author.disputes(&paths);
    author.puts(begun, &paths, "{}\n");

    author.group.mute.clear();
    (0..300).for_each(|_| author.group.turn());

    let bundles = author.group.said.iter().filter_map(|message| match &**message {
        Message::Bundle(bundle) => Some(bundle),
        _ => None,
    });
    let analyses = bundles.flat_map(|bundle| &bundle.items).filter(|item| item.kind == ItemKind::Analysis);
    let analyses: BTreeSet<_> = analyses.map(|item| &item.bytes).collect();
    assert_eq!(analyses.len(), 1, "the first was in a bundle at once");
}
