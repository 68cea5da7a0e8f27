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
    assert!(done, "{:#?}", group.replica(0).report());
    group.judge();
}
