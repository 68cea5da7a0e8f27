//! Clients with sessions: they write, read and hand tokens on at every level (R), by the rules that the service itself asks.

use super::World;
use crate::levels::{Act, Operation, path, text, version};
use crate::machine::Machine;
use crate::plan::{SESSIONS, Wish};
use crate::presets::MILLI;
use crate::scene::Fact;
use crate::weather::Micros;
use quorate_client::session::{Seen, Token};
use quorate_ledger::{EnvelopeId, Level};
use quorate_pbft::{Digest, Input, ReaderId, ReplicaId, SeqNum};
use quorate_service::levels;

/// Time after which a session gives up and asks for something else.
const PATIENCE: Micros = 300 * MILLI;

/// Sessions of a run.
#[derive(Default)]
pub(super) struct Sessions {
    each: Vec<Session>,
    versions: u64,
    operations: usize,
    clock: u64,
}

#[derive(Default)]
struct Session {
    seen: Seen,
    waiting: Option<Waiting>,
}

/// Operation that waits at a replica.
struct Waiting {
    number: usize,
    operation: Operation,
    at: ReplicaId,
    since: Micros,
    wants: Wants,
}

#[derive(Clone, Copy)]
enum Wants {
    /// Verdict of an own change.
    Verdict(EnvelopeId),
    /// A file; by a strong read, and once its mark is executed, with that slot.
    File { file: usize, reader: Option<ReaderId>, mark: Option<SeqNum> },
}

impl Sessions {
    /// A moment of its own for each call and each answer.
    fn moment(&mut self, now: Micros) -> u64 {
        self.clock = (self.clock + 1).max(now << 10);
        self.clock
    }

    fn session(&mut self, number: usize) -> &mut Session {
        if self.each.is_empty() {
            self.each.resize_with(SESSIONS, Session::default);
        }
        &mut self.each[number]
    }

    /// Notes the slot of an executed mark for its reader.
    pub(super) fn marked(&mut self, by: ReplicaId, of: ReaderId, seq: SeqNum) {
        let waiting = self.each.iter_mut().filter_map(|session| session.waiting.as_mut());
        for Waiting { wants, .. } in waiting.filter(|waiting| waiting.at == by) {
            if let Wants::File { reader, mark, .. } = wants
                && *reader == Some(of)
            {
                *mark = Some(seq);
            }
        }
    }

    /// Nobody waits at a replica any more.
    pub(super) fn hung_up(&mut self, at: ReplicaId) {
        for session in &mut self.each {
            session.waiting.take_if(|waiting| waiting.at == at);
        }
    }
}

impl World<'_> {
    /// A session acts, unless it waits still; in the end it gives up. Where the replica is down nothing begins.
    pub(super) fn act(&mut self, number: usize, level: Level, wish: Wish, at: ReplicaId) {
        let now = self.now;
        let waiting = &mut self.sessions.session(number).waiting;
        waiting.take_if(|waiting| waiting.since + PATIENCE < now);
        if waiting.is_some() || !self.seats[at.index()].machine.is_up() {
            return;
        }
        let begun = self.sessions.moment(self.now);
        self.sessions.operations += 1;
        let wants = match wish {
            Wish::Hand(to) => return self.hand(number, to, begun, at),
            Wish::Write(file) => self.write_file(number, file),
            Wish::Read(file) => {
                let reader = levels::needs_mark(level).then(|| self.read(at)).flatten();
                (Act::Read { file, shown: None, slot: 0 }, Wants::File { file, reader, mark: None })
            }
        };
        let (act, wants) = wants;
        let operation = Operation { session: number, level, replica: at.index(), begun, ended: None, act };
        self.trace.line(self.now, || format!("session {number} at {at}, {level:?}: {:?}", operation.act));
        let waiting = Waiting { number: self.sessions.operations, operation, at, since: self.now, wants };
        self.judge(&Fact::Operated { number: waiting.number, operation: &waiting.operation });
        self.sessions.session(number).waiting = Some(waiting);
        match wants {
            Wants::Verdict(_) => self.send_own(number as u16, at),
            // It is looked at when the replica has published again.
            Wants::File { .. } => self.input(at, None),
        }
    }

    fn hand(&mut self, from: usize, to: usize, begun: u64, at: ReplicaId) {
        if let Some(token) = self.sessions.session(from).seen.token() {
            self.sessions.session(to).seen.saw(token);
        }
        let (level, replica, ended) = (Level::Causal, at.index(), Some(begun));
        let operation = Operation { session: from, level, replica, begun, ended, act: Act::Hand { to } };
        self.judge(&Fact::Operated { number: self.sessions.operations, operation: &operation });
    }

    /// Signs the next version of a file; the session remembers it until it has its verdict.
    fn write_file(&mut self, number: usize, file: usize) -> (Act, Wants) {
        self.sessions.versions += 1;
        let version = self.sessions.versions;
        let (name, id) = self.clients.write_file(number as u16, path(file), text(version));
        self.show_claims();
        self.asked.insert(name);
        self.sessions.session(number).seen.wrote(id);
        (Act::Write { file, version }, Wants::Verdict(id))
    }

    /// Hands a replica what it has not executed of an author, as an outbox does.
    fn send_own(&mut self, author: u16, at: ReplicaId) {
        let executed = self.seats[at.index()].machine.envelopes();
        let missing: Vec<_> = self.clients.missing_of(author, executed).cloned().collect();
        missing.into_iter().for_each(|item| self.input(at, Some(Input::Submit(item))));
    }

    /// Answers whoever waits at a replica, as far as its published state may.
    pub(super) fn answer_sessions(&mut self, at: ReplicaId) {
        for number in 0..self.sessions.each.len() {
            let machine = &*self.seats[at.index()].machine;
            let Session { seen, waiting } = &mut self.sessions.each[number];
            let Some(waiting) = waiting.as_mut().filter(|waiting| waiting.at == at) else { continue };
            let Some((executed, stable)) = machine.published() else { continue };
            let (level, wants) = (waiting.operation.level, waiting.wants);
            let is_due = match wants {
                Wants::Verdict(id) => is_answered(machine, seen, &id, level, (executed, stable)),
                Wants::File { mark, .. } => may_answer(machine, seen, level, mark, executed),
            };
            if !is_due {
                continue;
            }
            if let Wants::File { file, .. } = wants {
                let shown = machine.file(&path(file)).map(|text| version(&text));
                waiting.operation.act = Act::Read { file, shown, slot: executed.get() };
            }
            seen.saw(Token { group: Digest::ZERO, slot: executed.get() });
            self.answer(number);
        }
    }

    fn answer(&mut self, number: usize) {
        let ended = self.sessions.moment(self.now);
        let Some(mut waiting) = self.sessions.session(number).waiting.take() else { return };
        waiting.operation.ended = Some(ended);
        self.trace.line(self.now, || format!("session {number} is answered: {:?}", waiting.operation.act));
        self.judge(&Fact::Operated { number: waiting.number, operation: &waiting.operation });
    }
}

/// Whether a change is answered; a session whose change has its verdict need not remember it.
fn is_answered(
    machine: &dyn Machine,
    seen: &mut Seen,
    id: &EnvelopeId,
    level: Level,
    (executed, stable): (SeqNum, SeqNum),
) -> bool {
    if level == Level::Eventual {
        return true;
    }
    let slot = machine.verdict(id).map(|receipt| receipt.revision.map(|at| at.seq()).unwrap_or_default());
    let is_settled = slot.is_some_and(|slot| levels::is_settled(level, slot, executed, stable));
    if is_settled {
        seen.settled(id);
    }
    is_settled
}

/// Whether a replica may answer a read of a session from what it has executed.
fn may_answer(machine: &dyn Machine, seen: &mut Seen, level: Level, mark: Option<SeqNum>, executed: SeqNum) -> bool {
    let own = seen.awaited(level).to_vec();
    let settled = own.iter().filter(|id| machine.verdict(id).is_some());
    settled.for_each(|id| seen.settled(id));
    let slot = seen.token().map(|token| SeqNum::new(token.slot));
    let shows_session = slot.is_none_or(|slot| levels::shows_session(executed, slot));
    seen.awaited(level).is_empty()
        && (!levels::awaits_session(level) || shows_session)
        && (!levels::needs_mark(level) || mark.is_some_and(|mark| levels::shows_mark(executed, mark)))
}
