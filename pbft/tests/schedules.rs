//! Random schedules: whatever is lost, doubled, late or crashed, replicas agree, and go on once it is calm.
//!
//! `SEEDS=5000 cargo test --release -p quorate-pbft --test schedules` runs more of them; `FROM=…` begins elsewhere.

mod cluster;

use cluster::{Cluster, Weather};
use quorate_pbft::Constants;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

fn each_seed(few: u64, run: impl Fn(u64)) {
    let from = number("FROM", 0);
    for seed in from..from + number("SEEDS", few) {
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
    each_seed(24, |seed| {
        let n = [4, 4, 4, 5, 7, 1][seed as usize % 6];
        let constants = if seed % 2 == 0 { tight() } else { Constants::default() };
        let mut group = Cluster::with(n, seed, constants);
        // In some runs execution is slower than consensus.
        group.weather = Weather { execute_ms: seed % 5 / 3 * 150, ..Weather::STORM };
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

/// Views change often: primaries are cut off or killed, all restart at once, links break one by one; at the end f stay
/// down for good and messages still get lost.
#[test]
fn the_rest_goes_on_when_f_are_gone_for_good() {
    each_seed(6, |seed| {
        let n = [4, 4, 6, 7, 5, 10][seed as usize % 6];
        let constants = if seed % 2 == 0 { tight() } else { Constants::default() };
        let mut group = Cluster::with(n, seed, constants);
        group.weather =
            Weather { delay_ms: 60, drop_percent: 20, twice_percent: 10, commit_ms: 10, execute_ms: seed % 3 * 40 };
        let mut given = Vec::new();
        for round in 0..12 {
            let at = group.dice.below(n as u64) as usize;
            if group.nodes[at].replica.is_some() {
                group.submit(at, &format!("item {round}"));
                given.push((at, format!("item {round}")));
            }
            attack_primaries(&mut group, &mut given);
            let pause = group.dice.below(2_500);
            group.run_for(pause);
            group.judge();
        }
        group.heal();
        group.weather = Weather { delay_ms: 10, drop_percent: 5, twice_percent: 0, commit_ms: 4, execute_ms: 0 };
        let mut dead = Vec::new();
        while dead.len() < (n - 1) / 3 {
            let at = group.dice.below(n as u64) as usize;
            if !dead.contains(&at) {
                dead.push(at);
                group.crash(at);
            }
        }
        let up: Vec<usize> = (0..n).filter(|at| !dead.contains(at)).collect();
        for at in &up {
            group.submit(*at, &format!("last of {at}"));
            given.push((*at, format!("last of {at}")));
        }
        given.retain(|(owner, _)| up.contains(owner));
        let all = |g: &Cluster| up.iter().all(|at| given.iter().all(|(_, text)| g.has(*at, text)));
        assert!(group.run_until(120_000, all), "{dead:?} are gone: {}", group.brief());
        group.judge();
    });
}

fn attack_primaries(group: &mut Cluster, given: &mut Vec<(usize, String)>) {
    let n = group.n as u64;
    let views = group.nodes.iter().filter_map(|node| node.replica.as_ref().map(|replica| replica.view().get()));
    let view = views.max().unwrap_or(0);
    let primary = ((view + group.dice.below(2)) % n) as usize;
    let (a, b) = (group.dice.below(n) as usize, group.dice.below(n) as usize);
    match group.dice.below(10) {
        0 | 1 => {
            group.heal();
            group.partition(&[primary]);
        }
        2 => {
            group.heal();
            group.partition(&[primary, a]);
        }
        3 if group.nodes[primary].replica.is_some() => {
            group.crash(primary);
            given.retain(|(owner, _)| *owner != primary);
            group.restart(primary);
        }
        4 => {
            for at in 0..group.n {
                group.crash(at);
                group.restart(at);
            }
            given.clear();
        }
        5 if a != b => {
            group.cut.insert((cluster::id(a), cluster::id(b)));
            group.cut.insert((cluster::id(b), cluster::id(a)));
        }
        6 | 7 => group.heal(),
        _ => (),
    }
}
