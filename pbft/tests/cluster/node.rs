//! One process: a replica, its disk, and what waits for the disk.

use super::{Ledger, committee, config, id, statement_of};
use quorate_pbft::{
    Constants, Decided, Effect, Effects, Evidence, Executed, Input, Journal, Message, Rejected, Replica, ReplicaId,
    SeqNum,
};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) enum Write {
    Record(Box<quorate_pbft::Record>),
    Execute(Arc<Decided>, Executed),
}

/// One process: a replica, its disk and its queue of messages that wait for the disk.
pub struct Node {
    pub replica: Option<Replica>,
    pub disk: Journal,
    pub ledger: Ledger,
    pub(super) disk_ledger: Ledger,
    pub(super) unwritten: Vec<Write>,
    pub(super) outbox: Vec<(ReplicaId, Arc<Message>)>,
    pub(super) supplies: Vec<(ReplicaId, quorate_pbft::Wanted)>,
    /// Commits are done up to this time.
    pub(super) commit_at: Option<u64>,
    pub(super) executes_late: bool,
    /// Slots handed out and to be executed later.
    pub(super) late: Vec<Arc<Decided>>,
    /// When this replica wants to be woken; wakes at other times are out of date.
    pub(super) wake_at: Option<u64>,
    pub(super) incarnation: u64,
    pub refused: Vec<Rejected>,
    pub accused: Vec<Evidence>,
    pub broken: Vec<quorate_pbft::Broken>,
    pub reads: BTreeMap<u64, SeqNum>,
}

impl Node {
    pub(super) fn new(n: usize, me: usize, constants: &Constants) -> Self {
        Self {
            replica: Some(Replica::new(config(n, me, me as u64 + 1, constants))),
            disk: Journal::new(n),
            ledger: Ledger::default(),
            disk_ledger: Ledger::default(),
            unwritten: Vec::new(),
            outbox: Vec::new(),
            supplies: Vec::new(),
            commit_at: None,
            executes_late: false,
            late: Vec::new(),
            wake_at: Some(1_000),
            incarnation: me as u64 + 1,
            refused: Vec::new(),
            accused: Vec::new(),
            broken: Vec::new(),
            reads: BTreeMap::new(),
        }
    }

    /// E1: whatever own statement leaves was asked to be written before, in the order of effects.
    fn check_written(&self, me: ReplicaId, message: &Message) {
        let Some(signed) = statement_of(message).filter(|signed| signed.signer == me) else { return };
        let same = |write: &Write| {
            let Write::Record(record) = write else { return false };
            matches!(&**record, quorate_pbft::Record::Statement(written) if *written == signed)
        };
        let written = self.unwritten.iter().any(same) || self.disk.statements().any(|written| *written == signed);
        assert!(written, "{me} sends what it has not written: {signed:?}");
    }

    pub(super) fn work_off(&mut self, out: &mut Effects, n: usize, me: ReplicaId) {
        let mut effects: std::collections::VecDeque<Effect> = out.take().into();
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Persist(record) => self.unwritten.push(Write::Record(Box::new(record))),
                Effect::Send { to, message } => {
                    self.check_written(me, &message);
                    self.outbox.push((to, message));
                }
                Effect::Broadcast(message) => {
                    self.check_written(me, &message);
                    let others = (0..n).map(id).filter(|to| *to != me);
                    self.outbox.extend(others.map(|to| (to, message.clone())));
                }
                Effect::Execute(decided) if self.executes_late => self.late.push(decided),
                Effect::Execute(decided) => {
                    let executed = self.ledger.execute(&decided, committee(n).digest());
                    self.unwritten.push(Write::Execute(decided, executed.clone()));
                    self.replica.as_mut().expect("up").step(Input::Executed(executed), out);
                    effects.extend(out.take());
                }
                Effect::Supply { to, question } => self.supplies.push((to, question.wanted)),
                Effect::ReadReady { readers, seq, .. } => {
                    self.reads.extend(readers.into_iter().map(|reader| (reader, seq)));
                }
                Effect::Accuse(evidence) => self.accused.push(evidence),
                Effect::Refused(rejected) => self.refused.push(rejected),
                Effect::EpochOver { .. } => (),
                Effect::Broken(broken) => self.broken.push(broken),
            }
        }
    }
}
