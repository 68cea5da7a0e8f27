//! Outboxes as a kill leaves them on disk, and their recovery.

use super::testing::{info, receipt};
use super::*;
use quorate_ledger::{Base, Body, Change, Mode, Op};
use quorate_pbft::{Ed25519Signer, Signer as _};
use tempfile::TempDir;

const GROUP: Digest = Digest([9; 32]);

struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn open(&self) -> Outbox {
        let mut outbox = Outbox::open(&self.folder.path().join("a.key")).expect("an outbox");
        outbox.enter(GROUP).expect("the same group");
        outbox
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join("a.key.outbox").join(file)
    }
}

fn envelope(from_seq: u64, attempt: u64) -> Envelope {
    based(Base::Revision(Revision::GENESIS), from_seq, attempt)
}

fn based(base: Base, from_seq: u64, attempt: u64) -> Envelope {
    let signer = Ed25519Signer::from_seed(&[1; 32]);
    let content = b"x".to_vec();
    let digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
    let put = Op::Put { path: "a".into(), mode: Mode::File, content: hexed::parse(digest).expect("SHA-256 of x") };
    let change = Change::new(base, vec![put], "", 0);
    let (author, domain) = (signer.public_key(), "main".to_owned());
    let body = Body { author, domain, from_seq, to_seq: from_seq, attempt, changes: vec![change], carried: vec![] };
    Envelope::sign(&GROUP, body, vec![content], &signer)
}

fn applied(revision: &str) -> Answer {
    Answer::Verdict(receipt(State::Applied, revision))
}

#[test]
fn what_was_kept_is_unanswered_after_a_kill_byte_for_byte() {
    let desk = Desk::new();
    let (name, bytes) = desk.open().keep(&GROUP, &envelope(1, 1)).expect("a disk");
    let again = desk.open();
    assert_eq!(again.unanswered().as_slice(), std::slice::from_ref(&name));
    assert_eq!(again.bytes(&name).expect("a file"), bytes);
    assert_eq!(fs::read(desk.path("main-1-1.envelope")).expect("a file"), envelope(1, 1).encode());
    assert_eq!(again.newest_unanswered("main", 2), Some(envelope(1, 1).id(&GROUP)));
}

#[test]
fn what_is_based_on_a_refused_change_is_given_up_and_its_number_is_free() {
    let desk = Desk::new();
    let mut outbox = desk.open();
    let chain = (2..=3).scan(envelope(1, 1), |below, seq| {
        *below = based(Base::Envelope(below.id(&GROUP)), seq, 1);
        Some(below.clone())
    });
    let all: Vec<Envelope> = [envelope(1, 1)].into_iter().chain(chain).chain([envelope(4, 1)]).collect();
    let names: Vec<Name> = all.iter().map(|envelope| outbox.keep(&GROUP, envelope).expect("a disk").0).collect();
    let refused = Receipt { id: all[0].id(&GROUP), ..receipt(State::Refused, "2") };
    outbox.answer(&names[0], Answer::Verdict(refused)).expect("a disk");
    drop(outbox);
    let mut outbox = desk.open();
    let given_up = outbox.give_up_hopeless().expect("a disk");
    assert_eq!(given_up, [all[1].id(&GROUP), all[2].id(&GROUP)]);
    assert_eq!(outbox.unanswered(), names[3..], "based on a revision");
    let place = outbox.next_place("main", &info(1), 0, 1);
    assert_eq!((place.from_seq, place.attempt), (1, 2));
    assert_eq!(outbox.next_place("main", &info(2), 0, 1).attempt, 2);
    drop(outbox);
    assert_eq!(desk.open().give_up_hopeless().expect("a disk"), []);
}

#[test]
fn a_chain_counts_its_changes_from_the_first_however_many_were_answered_meanwhile() {
    let desk = Desk::new();
    let mut outbox = desk.open();
    assert_eq!(outbox.chain("main"), None);
    let mut last = envelope(1, 1);
    let (mut name, _) = outbox.keep(&GROUP, &last).expect("a disk");
    for number in 2..=12 {
        last = based(Base::Envelope(last.id(&GROUP)), number, 1);
        let (next, _) = outbox.keep(&GROUP, &last).expect("a disk");
        outbox.answer(&name, applied(&format!("{number}.1"))).expect("a disk");
        name = next;
        drop(outbox);
        outbox = desk.open();
        assert_eq!(outbox.chain("main").map(|chain| chain.links), Some(number));
    }
    outbox.answer(&name, applied("13.1")).expect("a disk");
    assert_eq!(outbox.chain("main"), None, "the next one is based on a revision");
}

#[test]
fn what_waits_for_a_number_is_not_its_base() {
    let desk = Desk::new();
    let mut outbox = desk.open();
    let (refused, _) = outbox.keep(&GROUP, &envelope(1, 1)).expect("a disk");
    outbox.keep(&GROUP, &envelope(2, 1)).expect("a disk");
    outbox.answer(&refused, Answer::Verdict(receipt(State::Refused, "3.1"))).expect("a disk");
    assert_eq!(outbox.next_place("main", &info(1), 0, 1), Place { from_seq: 1, to_seq: 1, attempt: 2 });
    assert_eq!(outbox.newest_unanswered("main", 1), None);
    assert_eq!(outbox.newest_unanswered("main", 3), Some(envelope(2, 1).id(&GROUP)));
}

#[test]
fn what_has_no_answer_is_no_base_where_a_later_change_took_effect() {
    let desk = Desk::new();
    let mut outbox = desk.open();
    outbox.keep(&GROUP, &envelope(1, 1)).expect("a disk");
    let (judged, _) = outbox.keep(&GROUP, &envelope(2, 1)).expect("a disk");
    outbox.answer(&judged, applied("7.1")).expect("a disk");
    assert_eq!(outbox.newest_unanswered("main", 3), None, "the second change was not based on the first alone");
    outbox.keep(&GROUP, &envelope(3, 1)).expect("a disk");
    assert_eq!(outbox.newest_unanswered("main", 4), Some(envelope(3, 1).id(&GROUP)));
}

#[test]
fn a_kill_before_the_name_was_given_leaves_nothing() {
    let desk = Desk::new();
    drop(desk.open());
    for length in [0, 10, 100] {
        fs::write(desk.path("main-1-1.envelope.tmp"), &envelope(1, 1).encode()[..length]).expect("a draft");
        let outbox = desk.open();
        assert_eq!(outbox.unanswered(), []);
        assert_eq!(outbox.next_place("main", &info(1), 0, 1), Place { from_seq: 1, to_seq: 1, attempt: 1 });
        assert!(!desk.path("main-1-1.envelope.tmp").exists());
    }
}

#[test]
fn a_kill_before_the_answer_was_named_sends_again() {
    let desk = Desk::new();
    let (name, _) = desk.open().keep(&GROUP, &envelope(1, 1)).expect("a disk");
    fs::write(desk.path("main-1-1.answer.tmp"), "{").expect("a draft");
    assert_eq!(desk.open().unanswered(), [name]);
}

#[test]
fn an_answer_is_remembered_after_a_kill() {
    let desk = Desk::new();
    let mut outbox = desk.open();
    let (name, _) = outbox.keep(&GROUP, &envelope(1, 1)).expect("a disk");
    outbox.answer(&name, applied("7.2")).expect("a disk");
    drop(outbox);
    let again = desk.open();
    assert_eq!(again.unanswered(), []);
    assert_eq!(again.newest_revision(), "7.2".parse().ok());
    assert_eq!(again.next_place("main", &info(1), 0, 1).from_seq, 2);
}

#[test]
fn an_answer_whose_envelope_is_gone_still_counts() {
    let desk = Desk::new();
    let mut outbox = desk.open();
    let (name, _) = outbox.keep(&GROUP, &envelope(1, 1)).expect("a disk");
    outbox.answer(&name, applied("7.2")).expect("a disk");
    drop(outbox);
    fs::remove_file(desk.path("main-1-1.envelope")).expect("a file");
    assert_eq!(desk.open().next_place("main", &info(1), 0, 1).from_seq, 2);
}

#[test]
fn one_command_at_a_time_has_the_outbox() {
    let desk = Desk::new();
    let first = desk.open();
    let second = Outbox::open(&desk.folder.path().join("a.key"));
    assert!(matches!(second, Err(OutboxError::Busy(_))));
    drop(first);
    desk.open();
}

#[test]
fn one_outbox_signs_for_one_group() {
    let desk = Desk::new();
    let other = desk.open().enter(Digest([8; 32]));
    assert!(matches!(other, Err(OutboxError::OtherGroup { .. })));
}

#[test]
fn a_damaged_envelope_is_not_guessed_at() {
    let desk = Desk::new();
    desk.open().keep(&GROUP, &envelope(1, 1)).expect("a disk");
    fs::rename(desk.path("main-1-1.envelope"), desk.path("main-2-1.envelope")).expect("a file");
    let opened = Outbox::open(&desk.folder.path().join("a.key"));
    assert!(matches!(opened, Err(OutboxError::Damaged { .. })));
}

#[test]
fn what_is_remembered_is_bounded_and_numbers_go_on() {
    let desk = Desk::new();
    let mut outbox = desk.open();
    let count = ANSWERED_MAX as u64 + 20;
    for number in 1..=count {
        let (name, _) = outbox.keep(&GROUP, &envelope(number, 1)).expect("a disk");
        outbox.answer(&name, applied(&format!("{number}.1"))).expect("a disk");
    }
    drop(outbox);
    assert_eq!(fs::read_dir(desk.path("")).expect("a folder").count(), 2 * ANSWERED_MAX + 2);
    let again = desk.open();
    assert_eq!(again.next_place("main", &info(1), 0, 1).from_seq, count + 1);
    assert_eq!(again.newest_revision(), format!("{count}.1").parse().ok());
}

#[test]
fn refused_attempts_are_bounded_and_rise() {
    let desk = Desk::new();
    let mut outbox = desk.open();
    let count = ANSWERED_MAX as u64 + 20;
    for attempt in 1..=count {
        let (name, _) = outbox.keep(&GROUP, &envelope(1, attempt)).expect("a disk");
        outbox.answer(&name, Answer::Verdict(receipt(State::Refused, "3.1"))).expect("a disk");
    }
    drop(outbox);
    assert_eq!(fs::read_dir(desk.path("")).expect("a folder").count(), 2 * ANSWERED_MAX + 2);
    assert_eq!(desk.open().next_place("main", &info(1), 0, 1), Place { from_seq: 1, to_seq: 1, attempt: count + 1 });
}

/// An envelope of `main` that also uses a number in `other`.
fn transaction(from_seq: u64, (seq, attempt): (u64, u64)) -> Envelope {
    let signer = Ed25519Signer::from_seed(&[1; 32]);
    let enter = Op::Enter { domain: "other".into(), seq, attempt };
    let base = Base::Revision(Revision::GENESIS);
    let changes = vec![Change::new(base, vec![], "", 0), Change::new(base, vec![enter], "", 0)];
    let (author, domain, to_seq) = (signer.public_key(), "main".to_owned(), from_seq + 1);
    let body = Body { author, domain, from_seq, to_seq, attempt: 1, changes, carried: vec![] };
    Envelope::sign(&GROUP, body, vec![], &signer)
}

#[test]
fn a_transaction_holds_its_number_in_every_domain_until_it_is_answered_also_after_a_kill() {
    let desk = Desk::new();
    let (name, _) = desk.open().keep(&GROUP, &transaction(1, (4, 2))).expect("a disk");
    let mut outbox = desk.open();
    assert_eq!(outbox.next_place("main", &info(1), 0, 1), Place { from_seq: 3, to_seq: 3, attempt: 1 });
    assert_eq!(outbox.next_place("other", &info(4), 0, 1), Place { from_seq: 5, to_seq: 5, attempt: 1 });
    outbox.answer(&name, Answer::Verdict(receipt(State::Refused, "7.1"))).expect("a disk");
    drop(outbox);
    let outbox = desk.open();
    assert_eq!(outbox.next_place("other", &info(4), 0, 1), Place { from_seq: 4, to_seq: 4, attempt: 3 });
    assert_eq!(outbox.next_place("main", &info(1), 0, 1), Place { from_seq: 1, to_seq: 1, attempt: 2 });
}

#[test]
fn a_transaction_that_took_effect_has_used_its_number_in_every_domain() {
    let desk = Desk::new();
    let mut outbox = desk.open();
    let (name, _) = outbox.keep(&GROUP, &transaction(1, (4, 2))).expect("a disk");
    outbox.answer(&name, applied("7.1")).expect("a disk");
    drop(outbox);
    assert_eq!(desk.open().next_place("other", &info(4), 0, 1), Place { from_seq: 5, to_seq: 5, attempt: 1 });
}
