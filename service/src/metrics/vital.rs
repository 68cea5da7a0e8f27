//! Gauges that the watch sets: disk, files, checkpoint, peers, issues and the score.

use super::numbers::Numbers;
use super::{Kind, Sender, gauge};
use crate::health::{Facts, Fault, RUNBOOKS};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use quorate_client::api::Health;
use std::sync::atomic::AtomicU64;

/// Gauge of a fraction.
type Fraction = Gauge<f64, AtomicU64>;

/// Gauges of the watch.
#[derive(Debug, Default)]
pub struct VitalGauges {
    disk_free: Gauge,
    disk_size: Gauge,
    database: Gauge,
    scrub_walks: Gauge,
    scrub_read: Gauge,
    scrub_damages: Gauge,
    space_used: Gauge,
    space_quota: Gauge,
    files_open: Gauge,
    files_max: Gauge,
    checkpoint_age: Fraction,
    certificate: Gauge,
    conflicts_open: Gauge,
    accused: Gauge,
    lag: Family<Sender, Gauge>,
    shown: Numbers,
    issues: Family<Kind, Gauge>,
    score: Fraction,
    parts: Family<Kind, Fraction>,
}

impl VitalGauges {
    /// Registers every gauge.
    pub fn register(&self, r: &mut Registry) {
        r.register_with_unit("disk_free", "Room on the disk of the database", Unit::Bytes, self.disk_free.clone());
        r.register_with_unit("disk_size", "Size of the disk of the database", Unit::Bytes, self.disk_size.clone());
        r.register_with_unit("database", "Files of the database", Unit::Bytes, self.database.clone());
        r.register("scrub_walks", "Walks of the scrub through the state since the start", self.scrub_walks.clone());
        r.register_with_unit("scrub_read", "Rows and contents that it looked at", Unit::Bytes, self.scrub_read.clone());
        r.register("scrub_damages", "Damages that it has found", self.scrub_damages.clone());
        r.register_with_unit(
            "space_used",
            "Files of the database without pages that hold nothing, where they are above the quota",
            Unit::Bytes,
            self.space_used.clone(),
        );
        r.register_with_unit(
            "space_quota",
            "Space that the database may take; 0 without a quota",
            Unit::Bytes,
            self.space_quota.clone(),
        );
        r.register("files_open", "Files and connections that the process has open", self.files_open.clone());
        r.register("files_max", "Files and connections that it may open", self.files_max.clone());
        r.register_with_unit(
            "checkpoint_age",
            "Time for which executed slots have waited for a stable checkpoint",
            Unit::Seconds,
            self.checkpoint_age.clone(),
        );
        r.register_with_unit(
            "certificate_left",
            "Time until the certificate of the API ends; 0 without one",
            Unit::Seconds,
            self.certificate.clone(),
        );
        r.register("conflicts_open", "Conflicts that nobody has settled, at most 1000", self.conflicts_open.clone());
        r.register("members_accused", "Members that evidence is recorded against", self.accused.clone());
        r.register("peer_lag_slots", "Slots that a replica has not executed and this one has", self.lag.clone());
        r.register("issue", "1 while an issue is there, by its id", self.issues.clone());
        r.register("health_score", "Health from 0 to 1; below 0.7 somebody should look", self.score.clone());
        r.register("health_part", "Parts of the health", self.parts.clone());
        for (id, _) in RUNBOOKS {
            self.issues.get_or_create(&Kind::of(id)).set(0);
        }
    }

    /// Sets what a look found.
    pub fn set(&self, Facts { report, vitals, .. }: &Facts<'_>, health: &Health, faults: &[Fault], executed: u64) {
        if let Some(disk) = vitals.disk {
            self.disk_free.set(gauge(disk.free_bytes));
            self.disk_size.set(gauge(disk.size_bytes));
        }
        self.database.set(gauge(vitals.database_bytes));
        self.scrub_walks.set(gauge(vitals.scrub.walks));
        self.scrub_read.set(gauge(vitals.scrub.bytes));
        self.scrub_damages.set(gauge(vitals.scrub.state.count + vitals.scrub.history.count));
        self.space_used.set(gauge(vitals.space.used_bytes));
        self.space_quota.set(gauge(vitals.space.quota_bytes.unwrap_or_default()));
        self.files_open.set(gauge(vitals.files_open));
        self.files_max.set(gauge(vitals.files_max));
        self.checkpoint_age.set(vitals.checkpoint_age_ms as f64 / 1_000.0);
        self.certificate.set(vitals.certificate_seconds.unwrap_or_default());
        self.conflicts_open.set(gauge(vitals.conflicts_open));
        self.accused.set(vitals.accused.len() as i64);
        let mut shown = self.shown.lock();
        for peer in shown.replace(report.peers.iter().map(|peer| peer.replica.to_string())) {
            self.lag.remove(&Sender { peer });
        }
        for peer in &report.peers {
            let lag = peer.executed.map_or(executed, |theirs| executed.saturating_sub(theirs.get()));
            self.lag.get_or_create(&Sender { peer: peer.replica.to_string() }).set(gauge(lag));
        }
        for (id, _) in RUNBOOKS {
            let is_there = faults.iter().any(|fault| fault.id == id);
            self.issues.get_or_create(&Kind::of(id)).set(i64::from(is_there));
        }
        self.score.set(health.score);
        for part in &health.parts {
            self.parts.get_or_create(&Kind::of(&part.name)).set(part.score);
        }
    }
}
