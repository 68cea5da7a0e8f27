//! Random schedules: whatever is lost, doubled, late or crashed, replicas agree, and go on once it is calm.
//!
//! `SEEDS=5000 cargo test --release -p quorate-pbft --test schedules` runs more of them; `FROM=…` begins elsewhere.

mod cluster;

use cluster::{Cluster, Weather};
use quorate_pbft::Constants;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

fn each_seed(run: impl Fn(u64)) {
    let from = number("FROM", 0);
    for seed in from..from + number("SEEDS", 40) {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(seed)));
        if let Err(cause) = outcome {
            eprintln!("seed {seed}: FROM={seed} SEEDS=1 repeats it");
            std::panic::resume_unwind(cause);
        }
    }
}

/// A period of four slots, so that a short run sees many checkpoints and a full window.
fn tight() -> Constants {
    Constants { checkpoint_period: 4, window: 8, ..Constants::default() }
}

/// Storms, crashes and restarts of anyone, then calm: everything that a running replica was given is executed by all.
#[test]
fn whatever_happens_to_messages_and_processes_the_group_agrees_and_goes_on() {
    each_seed(|seed| {
        let n = [4, 4, 4, 5, 7, 1][seed as usize % 6];
        let constants = if seed % 2 == 0 { tight() } else { Constants::default() };
        let mut group = Cluster::with(n, seed, constants);
        group.weather = Weather::STORM;
        let mut given = Vec::new();
        for round in 0..30 {
            let at = group.dice.below(n as u64) as usize;
            if group.nodes[at].replica.is_some() {
                let text = format!("item {round}");
                group.submit(at, &text);
                given.push((at, text));
            }
            disturb(&mut group, &mut given);
            let pause = group.dice.below(200);
            group.run_for(pause);
            group.judge();
        }
        calm(&mut group);
        let all = n;
        let done = group.run_until(30_000, |g| (0..all).all(|at| given.iter().all(|(_, text)| g.has(at, text))));
        assert!(done, "not all was ordered: {}", group.brief());
        let done =
            group.run_until(10_000, |g| (0..all).all(|at| g.replica(at).report().stable.get() == g.executed(at)));
        assert!(done, "no stable checkpoint covers what is executed: {}", group.brief());
        group.judge();
    });
}

/// Crashes somebody (what it was given and had not sent is forgotten by its clients too), restarts, cuts or heals.
fn disturb(group: &mut Cluster, given: &mut Vec<(usize, String)>) {
    let at = group.dice.below(group.n as u64) as usize;
    match group.dice.below(12) {
        0 | 1 if group.nodes[at].replica.is_some() => {
            group.crash(at);
            given.retain(|(owner, _)| *owner != at);
        }
        2..=4 if group.nodes[at].replica.is_none() => group.restart(at),
        5 => group.partition(&[at]),
        6 | 7 => group.heal(),
        _ => (),
    }
}

fn calm(group: &mut Cluster) {
    group.heal();
    group.weather = Weather::CALM;
    for at in 0..group.n {
        if group.nodes[at].replica.is_none() {
            group.restart(at);
        }
    }
}
