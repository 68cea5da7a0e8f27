//! One replica lies at random (of seven, two), while messages are lost and processes crash: the rest agree, go on, and accuse nobody
//! else.
//!
//! `SEEDS=5000 FROM=… cargo test --release -p quorate-pbft --test attacks` runs more of them.

mod cluster;

use cluster::{Cluster, Dice, HashSigner, Weather, id, key};
use quorate_pbft::{
    Constants, Content, Digest, Kind, Message, NewView, ReplicaId, Signed, Signer, Statement, Time, ViewChange,
};
use std::sync::Arc;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

fn each_seed(run: impl Fn(u64)) {
    let from = number("FROM", 0);
    for seed in from..from + number("SEEDS", 24) {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(seed)));
        if let Err(cause) = outcome {
            eprintln!("seed {seed}: FROM={seed} SEEDS=1 repeats it");
            std::panic::resume_unwind(cause);
        }
    }
}

fn sign(liar: usize, statement: Statement) -> Signed {
    let signature = HashSigner(key(liar)).sign(&statement.signed_bytes());
    Signed { statement, signer: id(liar), signature }
}

/// What the liar says instead of the truth.
#[derive(Clone, Copy, Debug)]
enum Lie {
    /// Proposes another time to some, and votes accordingly.
    Equivocate,
    /// Says another digest to some, in every kind of vote.
    Votes,
    /// Leaves out of its demands what it has voted for.
    Omit,
    /// Starts views with other slots.
    WrongStart,
    /// Says nothing to some.
    Selective,
    /// Says nothing at all in some seconds.
    Silent,
    /// Sends its data to nobody but the primary, so that others must fetch it.
    Withhold,
    /// Starts each of its views twice, from other demands.
    TwoStarts,
    /// Claims to have voted for and prepared things that it did not.
    FalseClaims,
    /// Sends everything again later, and everybody's votes of old views.
    Replay,
}

const LIES: [Lie; 10] = [
    Lie::Equivocate,
    Lie::Votes,
    Lie::Omit,
    Lie::WrongStart,
    Lie::Selective,
    Lie::Silent,
    Lie::Withhold,
    Lie::TwoStarts,
    Lie::FalseClaims,
    Lie::Replay,
];

fn other_content(content: &Content) -> Content {
    let time = content.time.map(|time| Time::new(time.get() + 1));
    Content { time, ..content.clone() }
}

/// Another digest for the same position, the same for everyone who gets it.
fn other(liar: usize, signed: &Signed) -> Signed {
    let mut digest = signed.statement.digest;
    digest.0[0] ^= 1;
    sign(liar, Statement { digest, ..signed.statement })
}

struct Liar {
    me: usize,
    lie: Lie,
    n: usize,
    window: u64,
    dice: Dice,
    /// What was said before.
    heap: Vec<Arc<Message>>,
    /// Other digest of each content that this liar proposed twice.
    twins: Vec<(Digest, Digest)>,
}

impl Liar {
    fn say(&mut self, to: ReplicaId, message: &Arc<Message>, now: u64) -> Vec<Arc<Message>> {
        let some = to.get() % 2 == 1;
        match self.lie {
            Lie::Silent if (now / 2_000) % 2 == 1 => Vec::new(),
            Lie::Selective if some && self.dice.chance(70) => Vec::new(),
            Lie::Equivocate if some => vec![Arc::new(self.equivocate(message))],
            Lie::Votes if some && self.dice.chance(50) => vec![Arc::new(self.vote_otherwise(message))],
            Lie::Omit => vec![Arc::new(self.omit(message))],
            Lie::WrongStart => vec![Arc::new(self.start_wrongly(message))],
            Lie::Withhold if some && matches!(**message, Message::Bundle(_) | Message::Content { .. }) => Vec::new(),
            Lie::TwoStarts if some => vec![Arc::new(self.start_otherwise(message))],
            Lie::FalseClaims => vec![Arc::new(self.claim_falsely(message))],
            Lie::Replay => self.replay(message),
            _ => vec![message.clone()],
        }
    }

    fn twin_of(&self, signed: &Signed) -> Option<Signed> {
        let (_, twin) = self.twins.iter().find(|(of, _)| *of == signed.statement.digest)?;
        Some(sign(self.me, Statement { digest: *twin, ..signed.statement }))
    }

    fn equivocate(&mut self, message: &Message) -> Message {
        match message {
            Message::PrePrepare { statement, content, certificates } if statement.signer == id(self.me) => {
                let content = other_content(content);
                self.twins.push((statement.statement.digest, content.digest()));
                let statement = sign(self.me, Statement { digest: content.digest(), ..statement.statement });
                Message::PrePrepare { statement, content, certificates: certificates.clone() }
            }
            Message::Prepare { statement, pre_prepare } => match self.twin_of(statement) {
                Some(statement) => {
                    let pre_prepare = if pre_prepare.signer == id(self.me) {
                        sign(self.me, Statement { digest: statement.statement.digest, ..pre_prepare.statement })
                    } else {
                        *pre_prepare
                    };
                    Message::Prepare { statement, pre_prepare }
                }
                None => message.clone(),
            },
            Message::Commit(signed) => self.twin_of(signed).map_or_else(|| message.clone(), Message::Commit),
            _ => message.clone(),
        }
    }

    fn vote_otherwise(&self, message: &Message) -> Message {
        match message {
            Message::Prepare { statement, pre_prepare } => {
                Message::Prepare { statement: other(self.me, statement), pre_prepare: *pre_prepare }
            }
            Message::Commit(signed) => Message::Commit(other(self.me, signed)),
            Message::Checkpoint(signed) => Message::Checkpoint(other(self.me, signed)),
            Message::Ack(signed) => Message::Ack(other(self.me, signed)),
            _ => message.clone(),
        }
    }

    fn omit(&mut self, message: &Message) -> Message {
        let Message::ViewChange { statement, body } = message else { return message.clone() };
        let body = ViewChange { prepared: Vec::new(), voted: Vec::new(), ..ViewChange::clone(body) };
        let statement = Statement { digest: body.digest(self.window), ..statement.statement };
        Message::ViewChange { statement: sign(self.me, statement), body: Arc::new(body) }
    }

    /// Another valid start of the same view: the liar's own demand in it says less.
    fn start_otherwise(&mut self, message: &Message) -> Message {
        let Message::NewView { statement, body } = message else { return message.clone() };
        if statement.signer != id(self.me) {
            return message.clone();
        }
        let mut body = NewView::clone(body);
        for (signed, demand) in &mut body.view_changes {
            if signed.signer == id(self.me) {
                let less = ViewChange { prepared: Vec::new(), voted: Vec::new(), ..ViewChange::clone(demand) };
                *signed = sign(self.me, Statement { digest: less.digest(self.window), ..signed.statement });
                *demand = Arc::new(less);
            }
        }
        let follows = body.recompute(&cluster::committee(self.n), Content::NULL.digest());
        let first = body.pre_prepares.first().map(|signed| signed.statement);
        body.pre_prepares = follows
            .into_iter()
            .filter_map(|(seq, digest)| Some(sign(self.me, Statement { seq, digest, ..first? })))
            .collect();
        let statement = Statement { digest: body.digest(self.window), ..statement.statement };
        Message::NewView { statement: sign(self.me, statement), body: Arc::new(body) }
    }

    /// Q for a digest that nobody proposed, wherever this liar was the primary.
    fn claim_falsely(&mut self, message: &Message) -> Message {
        let Message::ViewChange { statement, body } = message else { return message.clone() };
        if statement.signer != id(self.me) {
            return message.clone();
        }
        let mut body = ViewChange::clone(body);
        for entry in &mut body.voted {
            if entry.pre_prepare.signer == id(self.me) {
                entry.pre_prepare = other(self.me, &entry.pre_prepare);
            }
        }
        body.prepared.clear();
        let statement = Statement { digest: body.digest(self.window), ..statement.statement };
        Message::ViewChange { statement: sign(self.me, statement), body: Arc::new(body) }
    }

    fn replay(&mut self, message: &Arc<Message>) -> Vec<Arc<Message>> {
        let mut said = vec![message.clone()];
        if self.heap.len() > 2 && self.dice.chance(20) {
            let old = self.dice.below(self.heap.len() as u64) as usize;
            said.push(self.heap[old].clone());
        }
        self.heap.push(message.clone());
        if self.heap.len() > 500 {
            self.heap.remove(0);
        }
        said
    }

    fn start_wrongly(&mut self, message: &Message) -> Message {
        let Message::NewView { statement, body } = message else { return message.clone() };
        if statement.signer != id(self.me) || body.pre_prepares.is_empty() {
            return message.clone();
        }
        let mut body = NewView::clone(body);
        let last = body.pre_prepares.len() - 1;
        let null = Statement { digest: Content::NULL.digest(), ..body.pre_prepares[last].statement };
        assert_eq!(null.kind, Kind::PrePrepare);
        body.pre_prepares[last] = sign(self.me, null);
        let statement = Statement { digest: body.digest(self.window), ..statement.statement };
        Message::NewView { statement: sign(self.me, statement), body: Arc::new(body) }
    }
}

#[test]
fn whatever_f_replicas_say_the_others_agree_go_on_and_accuse_only_them() {
    each_seed(|seed| {
        let n = [4, 4, 5, 7][seed as usize % 4];
        let lie = LIES[(seed / 4) as usize % LIES.len()];
        let constants = Constants { checkpoint_period: 8, window: 16, ..Constants::default() };
        let mut group = Cluster::with(n, seed, constants);
        group.weather = if seed % 3 == 0 { Weather::CALM } else { Weather::STORM };
        let first = group.dice.below(n as u64) as usize;
        let second = (first + 1 + group.dice.below(n as u64 - 1) as usize) % n;
        let liars = if n == 7 { vec![first, second] } else { vec![first] };
        for (me, lie) in liars.iter().copied().zip([lie, LIES[(seed / 40) as usize % LIES.len()]]) {
            let (dice, window) = (Dice::new(seed + 1 + me as u64), group.constants.window);
            let mut says = Liar { me, lie, n, window, dice, heap: Vec::new(), twins: Vec::new() };
            group.liars.insert(id(me), Box::new(move |to, message, now| says.say(to, message, now)));
        }
        let mut given = Vec::new();
        for round in 0..30 {
            let at = group.dice.below(n as u64) as usize;
            if group.nodes[at].replica.is_some() {
                group.submit(at, &format!("item {round}"));
                given.push((at, format!("item {round}")));
            }
            disturb(&mut group, &liars, &mut given);
            let pause = group.dice.below(250);
            group.run_for(pause);
            group.judge();
        }
        group.heal();
        group.weather = Weather::CALM;
        for at in 0..n {
            if group.nodes[at].replica.is_none() {
                group.restart(at);
            }
        }
        given.retain(|(at, _)| !liars.contains(at));
        let honest: Vec<usize> = (0..n).filter(|at| !liars.contains(at)).collect();
        let all = |g: &Cluster| honest.iter().all(|at| given.iter().all(|(_, text)| g.has(*at, text)));
        let done = group.run_until(60_000, all);
        assert!(done, "{lie:?} of {liars:?}: not all was ordered: {}", group.brief());
        group.judge();
    });
}

fn disturb(group: &mut Cluster, liars: &[usize], given: &mut Vec<(usize, String)>) {
    let at = group.dice.below(group.n as u64) as usize;
    // Never more than one down beside the liars, or nothing can be expected.
    let down = (0..group.n).filter(|of| group.nodes[*of].replica.is_none()).count();
    match group.dice.below(12) {
        0 if !liars.contains(&at) && down == 0 => {
            group.crash(at);
            given.retain(|(owner, _)| *owner != at);
        }
        1..=4 if group.nodes[at].replica.is_none() => group.restart(at),
        5 => group.partition(&[at]),
        6 | 7 => group.heal(),
        _ => (),
    }
}
