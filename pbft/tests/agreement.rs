//! Whole groups in memory: what a client sees of them.

mod cluster;

use cluster::Cluster;

#[test]
fn four_replicas_order_one_bundle_of_each() {
    let mut group = Cluster::new(4, 1);
    group.run_for(100);
    for index in 0..4 {
        group.submit(index, &format!("item {index}"));
    }
    let done = group.run_until(5_000, |g| (0..4).all(|at| (0..4).all(|item| g.has(at, &format!("item {item}")))));
    assert!(done, "{:#?}", group.replica(0).inspect());
    group.judge();
}

#[test]
fn a_dead_primary_is_replaced_and_commits_go_on_within_two_base_timeouts() {
    for n in [4, 5, 7] {
        let mut group = Cluster::new(n, 3);
        group.run_for(300);
        group.submit(1, "before");
        assert!(group.run_until(2_000, |g| (0..n).all(|at| g.has(at, "before"))));
        group.crash(0);
        for index in 1..n {
            group.submit(index, &format!("of {index}"));
        }
        let all = |g: &Cluster| (1..n).all(|at| (1..n).all(|of| g.has(at, &format!("of {of}"))));
        assert!(group.run_until(2_000, all), "{}", group.brief());
        group.restart(0);
        assert!(group.run_until(3_000, |g| (1..n).all(|of| g.has(0, &format!("of {of}")))), "{}", group.brief());
        group.submit(0, "back");
        assert!(group.run_until(3_000, |g| (0..n).all(|at| g.has(at, "back"))), "{}", group.brief());
        group.judge();
    }
}

#[test]
fn several_primaries_in_a_row_are_replaced() {
    let mut group = Cluster::new(7, 9);
    group.run_for(300);
    group.crash(0);
    group.crash(1);
    group.submit(4, "through");
    assert!(group.run_until(8_000, |g| (2..7).all(|at| g.has(at, "through"))), "{}", group.brief());
    group.judge();
}

#[test]
fn thirty_one_replicas_agree_and_replace_a_dead_primary() {
    let n = 31;
    let mut group = Cluster::new(n, 3);
    group.run_for(500);
    group.submit(1, "before");
    assert!(group.run_until(5_000, |g| (0..n).all(|at| g.has(at, "before"))), "{}", group.brief());
    group.crash(0);
    group.submit(2, "after");
    assert!(group.run_until(10_000, |g| (1..n).all(|at| g.has(at, "after"))), "{}", group.brief());
    group.judge();
}
