//! Whole replicas as processes on loopback: what a user of `quorate init` and `quorate start` sees.
//!
//! Tests wait for conditions with a time limit, and every process is stopped by its own id.

#[path = "processes/admission.rs"]
mod admission;
#[path = "processes/airgap/mod.rs"]
mod airgap;
#[path = "processes/bench.rs"]
mod bench;
#[path = "processes/carried.rs"]
mod carried;
#[path = "processes/ceremony.rs"]
mod ceremony;
#[path = "processes/config.rs"]
mod config;
#[path = "processes/copying.rs"]
mod copying;
#[path = "processes/coordination.rs"]
mod coordination;
#[path = "processes/cut_imports.rs"]
mod cut_imports;
#[path = "processes/cuts.rs"]
mod cuts;
#[path = "processes/description.rs"]
mod description;
#[path = "processes/diff_state.rs"]
mod diff_state;
#[path = "processes/divided_imports.rs"]
mod divided_imports;
#[path = "processes/doctor.rs"]
mod doctor;
#[path = "processes/doors.rs"]
mod doors;
#[path = "processes/export.rs"]
mod export;
#[path = "processes/failover.rs"]
mod failover;
#[path = "processes/finding.rs"]
mod finding;
#[path = "processes/followed_domains.rs"]
mod followed_domains;
#[path = "processes/governance.rs"]
mod governance;
#[path = "processes/group.rs"]
mod group;
#[path = "processes/groups.rs"]
mod groups;
#[path = "processes/handover.rs"]
mod handover;
#[path = "processes/hard_imports.rs"]
mod hard_imports;
#[path = "processes/http.rs"]
mod http;
#[path = "processes/imports.rs"]
mod imports;
#[path = "processes/init.rs"]
mod init;
#[path = "processes/joining.rs"]
mod joining;
#[path = "processes/keys.rs"]
mod keys;
#[path = "processes/levels.rs"]
mod levels;
#[path = "processes/member_plans.rs"]
mod member_plans;
#[path = "processes/members.rs"]
mod members;
#[path = "processes/met_imports.rs"]
mod met_imports;
#[path = "processes/missing_numbers.rs"]
mod missing_numbers;
#[path = "processes/newcomers.rs"]
mod newcomers;
#[path = "processes/no_domain.rs"]
mod no_domain;
#[path = "processes/observers.rs"]
mod observers;
#[path = "processes/offers.rs"]
mod offers;
#[path = "processes/ops.rs"]
mod ops;
#[path = "processes/ordering.rs"]
mod ordering;
#[path = "processes/other_groups.rs"]
mod other_groups;
#[path = "processes/outage.rs"]
mod outage;
#[path = "processes/pages.rs"]
mod pages;
#[path = "processes/proofs.rs"]
mod proofs;
#[path = "processes/proxy.rs"]
mod proxy;
#[path = "processes/repair.rs"]
mod repair;
#[path = "processes/restart.rs"]
mod restart;
#[path = "processes/refused_imports.rs"]
mod refused_imports;
#[path = "processes/resumed_imports.rs"]
mod resumed_imports;
#[path = "processes/rewritten_imports.rs"]
mod rewritten_imports;
#[path = "processes/served.rs"]
mod served;
#[path = "processes/snapshots.rs"]
mod snapshots;
#[path = "processes/space.rs"]
mod space;
#[path = "processes/stories.rs"]
mod stories;
#[path = "processes/tls.rs"]
mod tls;
#[path = "processes/tokens.rs"]
mod tokens;
#[path = "processes/told.rs"]
mod told;
#[path = "processes/words.rs"]
mod words;
