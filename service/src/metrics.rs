//! Numbers for Prometheus. Labels come from this program only, never from a peer or a request.

mod conduct;
mod kinds;
mod numbers;
mod phases;
mod verdicts;
mod vital;

use crate::build;
use crate::conduct::Conduct;
use crate::engine::Published;
use crate::every::every;
use crate::health::{Facts, Fault};
use conduct::ConductMetrics;
use kinds::{CLASSES, UNASKED};
pub use kinds::{Kind, reason_name};
use numbers::Numbers;
use phases::Phases;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use quorate_client::api::{Health, Mode};
use quorate_net::{Channel, PeerInfo, Refused};
use quorate_pbft::{Cause, Message, ReplicaId};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use verdicts::Verdicts;
pub use verdicts::state_name;
use vital::VitalGauges;

/// Traffic with one replica.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Link {
    /// The other replica's number, or its key where it has none now.
    pub peer: String,
    /// `votes` or `bulk`.
    pub channel: String,
}

/// A replica.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Sender {
    /// Its number, or its key where it has none now.
    pub peer: String,
}

/// Phase of agreement.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Phase {
    /// `prepare`, `commit` or `order`, which is both.
    phase: &'static str,
}

/// The version of this program.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    version: &'static str,
    commit: &'static str,
    rustc: &'static str,
}

/// Counters and gauges of a replica.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Frames that were no valid message, by the peer that sent them.
    pub frames_invalid: Family<Sender, Counter>,
    /// Inputs that the core took.
    pub inputs: Counter,
    /// Inputs that the core refused, by reason.
    pub refused: Family<Kind, Counter>,
    /// Proofs of misbehaviour that this replica made or took over.
    pub evidence: Counter,
    /// Durable commits.
    pub commits: Counter,
    /// Time of one round with a durable commit.
    pub round_seconds: Histogram,
    /// Slots executed.
    pub slots: Counter,
    /// Receipts of executed slots.
    pub verdicts: Verdicts,
    /// Envelopes that the gate refused, by code.
    pub gate_refused: Family<Kind, Counter>,
    /// HTTP answers, by class of status.
    pub http: Family<Kind, Counter>,
    /// Highest executed slot.
    pub executed_seq: Gauge,
    /// Highest stable checkpoint.
    pub stable_seq: Gauge,
    /// Current view.
    pub view: Gauge,
    /// Current epoch.
    pub epoch: Gauge,
    /// Envelopes that wait here.
    pub pending: Gauge,
    /// Bytes of the envelopes that wait here.
    pub pending_bytes: Gauge,
    /// Members heard in the last 2 s, a member itself included.
    pub heard: Gauge,
    /// Members that must be heard so that anything can be ordered.
    pub quorum: Gauge,
    /// 1 while so many are heard.
    pub quorum_heard: Gauge,
    /// Slots that others have executed and this replica has not.
    pub behind: Gauge,
    /// 1 for the mode that the replica is in.
    pub mode: Family<Kind, Gauge>,
    /// Slots decided on the fast path.
    fast_commits: Counter,
    /// Views entered or asked for after the first.
    pub views: Counter,
    /// Those, by why this replica asked.
    pub view_changes: Family<Kind, Counter>,
    /// Time of each phase of agreement.
    phase_seconds: Family<Phase, Histogram>,
    phases: Mutex<Phases>,
    /// Replicas with a connection.
    connected: Gauge,
    /// Gauges of the watch.
    vitals: VitalGauges,
    /// Offences, and peers that are restrained.
    conduct: ConductMetrics,
    /// Inbound connections that were turned away, by why.
    pub net_refused: Family<Kind, Gauge>,
    /// Frames' bytes at the door for observers, `sent` and `received`.
    pub observers: Family<Kind, Counter>,
    /// Bytes sent to a replica.
    pub net_sent: Family<Link, Gauge>,
    /// Bytes received from a replica.
    pub net_received: Family<Link, Gauge>,
    /// Frames to a replica that found its queue full.
    pub net_dropped: Family<Link, Gauge>,
    /// Seconds that frames of a replica have waited, for it was ahead of its pace.
    pub net_held_back: Family<Link, Gauge<f64, AtomicU64>>,
    linked: Numbers,
}

/// 50 µs to 26 s: a quiet disk to one that hardly answers.
fn commit_buckets() -> impl Iterator<Item = f64> {
    prometheus_client::metrics::histogram::exponential_buckets(50e-6, 2.0, 20)
}

/// 1 ms to 16 s: one machine to a view change.
fn phase_buckets() -> impl Iterator<Item = f64> {
    prometheus_client::metrics::histogram::exponential_buckets(1e-3, 2.0, 15)
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            registry: Registry::with_prefix("quorate"),
            frames_invalid: Family::default(),
            inputs: Counter::default(),
            refused: Family::default(),
            evidence: Counter::default(),
            commits: Counter::default(),
            round_seconds: Histogram::new(commit_buckets()),
            slots: Counter::default(),
            verdicts: Verdicts::default(),
            gate_refused: Family::default(),
            http: Family::default(),
            executed_seq: Gauge::default(),
            stable_seq: Gauge::default(),
            view: Gauge::default(),
            epoch: Gauge::default(),
            pending: Gauge::default(),
            pending_bytes: Gauge::default(),
            heard: Gauge::default(),
            quorum: Gauge::default(),
            quorum_heard: Gauge::default(),
            behind: Gauge::default(),
            mode: Family::default(),
            fast_commits: Counter::default(),
            views: Counter::default(),
            view_changes: Family::default(),
            phase_seconds: Family::new_with_constructor(|| Histogram::new(phase_buckets())),
            phases: Mutex::default(),
            connected: Gauge::default(),
            vitals: VitalGauges::default(),
            conduct: ConductMetrics::default(),
            net_refused: Family::default(),
            observers: Family::default(),
            net_sent: Family::default(),
            net_received: Family::default(),
            net_dropped: Family::default(),
            net_held_back: Family::default(),
            linked: Numbers::default(),
        }
    }
}

impl Metrics {
    /// Registers every metric, at zero.
    pub fn new() -> Self {
        let mut metrics = Self::default();
        metrics.register_counters();
        metrics.register_gauges();
        metrics
    }

    fn register_counters(&mut self) {
        let r = &mut self.registry;
        r.register("frames_invalid", "Frames that were no valid message", self.frames_invalid.clone());
        r.register("inputs", "Inputs that the core took", self.inputs.clone());
        r.register("refused", "Inputs that the core refused", self.refused.clone());
        kinds::begin(&self.refused, kinds::REASONS.iter().copied());
        r.register("evidence", "Proofs of misbehaviour made or taken over", self.evidence.clone());
        r.register("commits", "Durable commits", self.commits.clone());
        r.register_with_unit(
            "round",
            "Time of a round, its commit included",
            Unit::Seconds,
            self.round_seconds.clone(),
        );
        r.register("slots", "Slots executed", self.slots.clone());
        self.verdicts.register(r);
        r.register("fast_commits", "Slots decided by the votes of all members", self.fast_commits.clone());
        r.register("view_changes", "Views entered or asked for, by cause", self.view_changes.clone());
        kinds::begin(&self.view_changes, kinds::causes().chain([UNASKED]));
        r.register_with_unit(
            "phase",
            "Time of agreement: prepare until the own commit vote, commit until executed and durable, order both",
            Unit::Seconds,
            self.phase_seconds.clone(),
        );
        for phase in ["prepare", "commit", "order"] {
            drop(self.phase_seconds.get_or_create(&Phase { phase }));
        }
        r.register("gate_refused", "Envelopes that the gate refused", self.gate_refused.clone());
        kinds::begin(&self.gate_refused, kinds::codes());
        r.register("http_answers", "HTTP answers by class of status", self.http.clone());
        kinds::begin(&self.http, CLASSES);
        r.register_with_unit("observers", "Frames at the door for observers", Unit::Bytes, self.observers.clone());
        kinds::begin(&self.observers, ["sent", "received"]);
    }

    fn register_gauges(&mut self) {
        let r = &mut self.registry;
        r.register("executed_seq", "Highest executed slot", self.executed_seq.clone());
        r.register("stable_seq", "Highest stable checkpoint", self.stable_seq.clone());
        r.register("view", "Current view", self.view.clone());
        r.register("epoch", "Current epoch", self.epoch.clone());
        r.register("pending_envelopes", "Envelopes that wait here", self.pending.clone());
        r.register_with_unit("pending", "Bytes of waiting envelopes", Unit::Bytes, self.pending_bytes.clone());
        r.register("members_heard", "Members heard in the last 2 s, a member itself included", self.heard.clone());
        r.register("members_needed", "Members that must be heard to order anything", self.quorum.clone());
        r.register("quorum_heard", "1 while changes can be ordered", self.quorum_heard.clone());
        r.register("behind_slots", "Slots that others have executed and this one has not", self.behind.clone());
        r.register("mode", "1 for the current mode", self.mode.clone());
        r.register("peers_connected", "Replicas with a connection", self.connected.clone());
        self.vitals.register(r);
        self.conduct.register(r);
        r.register("net_refused", "Inbound connections that were turned away", self.net_refused.clone());
        r.register_with_unit("net_sent", "Sent to a replica", Unit::Bytes, self.net_sent.clone());
        r.register_with_unit("net_received", "Received from a replica", Unit::Bytes, self.net_received.clone());
        r.register("net_dropped_frames", "Frames that found the queue to a replica full", self.net_dropped.clone());
        r.register_with_unit(
            "net_held_back",
            "Time that frames of a replica have waited in its stream: it sends too much, or bulk of no use",
            Unit::Seconds,
            self.net_held_back.clone(),
        );
        let builds = Family::<Build, Gauge>::default();
        let this = Build { version: build::VERSION, commit: build::COMMIT, rustc: build::RUSTC };
        builds.get_or_create(&this).set(1);
        r.register("build_info", "This program", builds);
    }

    /// Counts one answer with this status.
    pub fn http_answer(&self, status: u16) {
        let class = usize::from(status / 100).clamp(2, 5) - 2;
        self.http.get_or_create(&Kind::of(CLASSES[class])).inc();
    }

    /// Sets what is published after each round.
    pub fn observe(&self, published: &Published) {
        let report = &published.report;
        self.time(published);
        self.fast_commits.inner().store(report.fast_commits, Ordering::Relaxed);
        self.executed_seq.set(gauge(published.moment.seq().get()));
        self.stable_seq.set(gauge(report.stable.get()));
        self.view.set(gauge(report.view.get()));
        self.epoch.set(gauge(report.epoch.get()));
        self.pending.set(gauge(report.pending as u64));
        self.pending_bytes.set(gauge(report.pending_bytes as u64));
        self.heard.set(gauge(report.heard().count() as u64 + u64::from(report.me.is_some())));
        self.quorum.set(gauge(report.quorum as u64));
        self.quorum_heard.set(i64::from(report.hears_quorum()));
        self.behind.set(gauge(report.behind));
        for mode in every!(Mode: Active, ReadOnly, Recovering, Following, Diverged) {
            self.mode.get_or_create(&Kind::of(mode)).set(i64::from(mode == report.mode));
        }
    }

    /// Times the slots that were executed, and counts views.
    fn time(&self, published: &Published) {
        let mut phases = self.phases();
        let cause = published.report.cause.map_or(UNASKED, Cause::name);
        let views = phases.views_since(published.report.view);
        self.view_changes.get_or_create(&Kind::of(cause)).inc_by(views);
        self.views.inc_by(views);
        let seconds = |phase, time: Option<std::time::Duration>| {
            let time = time.map(|time| time.as_secs_f64());
            time.into_iter().for_each(|time| self.phase_seconds.get_or_create(&Phase { phase }).observe(time));
        };
        let now = Instant::now();
        for timed in phases.executed(published.moment.seq(), now) {
            seconds("prepare", timed.prepare);
            seconds("commit", timed.commit);
            seconds("order", Some(timed.order));
        }
        if !published.report.can_order {
            phases.without_quorum(now);
        }
    }

    fn phases(&self) -> MutexGuard<'_, Phases> {
        self.phases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An own message leaves.
    pub fn leaves(&self, message: &Message) {
        match message {
            Message::PrePrepare { statement, .. } | Message::Prepare { statement, .. } => {
                self.phases().proposed(statement.statement.seq, Instant::now())
            }
            Message::Commit(signed) => self.phases().prepared(signed.statement.seq, Instant::now()),
            _ => (),
        }
    }

    /// Median time from a proposal, or the own vote for one, to its execution while a quorum was there, over the last slots of five minutes.
    pub fn order_ms(&self) -> Option<u64> {
        self.phases().order_ms(Instant::now())
    }

    /// Inputs refused for this reason so far.
    pub fn refused_for(&self, reason: &str) -> u64 {
        self.refused.get_or_create(&Kind::of(reason)).get()
    }

    /// Views so far, but for those that a primary asked for which handed its office over.
    pub fn views_unplanned(&self) -> u64 {
        let handed_over = self.view_changes.get_or_create(&Kind::of(Cause::Resigned.name())).get();
        self.views.get().saturating_sub(handed_over) // the two are not counted at once
    }

    /// Frames of a replica that were no messages so far.
    pub fn frames_invalid_of(&self, from: ReplicaId) -> u64 {
        self.frames_invalid.get_or_create(&Sender { peer: from.to_string() }).get()
    }

    /// Sets the findings of the watch.
    pub fn watched(&self, facts: &Facts<'_>, health: &Health, faults: &[Fault]) {
        let executed = u64::try_from(self.executed_seq.get()).unwrap_or_default();
        self.vitals.set(facts, health, faults, executed);
    }

    /// Counts a frame that was no valid message; how many its sender has sent by now.
    pub fn frame_invalid(&self, peer: String) -> u64 {
        self.frames_invalid.get_or_create(&Sender { peer }).inc() + 1
    }

    /// Sets how many connections were turned away.
    pub fn refused_connections(&self, refused: Refused) {
        let Refused { strangers, crowded, broken } = refused;
        for (kind, count) in [("strangers", strangers), ("crowded", crowded), ("broken", broken)] {
            self.net_refused.get_or_create(&Kind::of(kind)).set(gauge(count));
        }
    }

    /// Sets the traffic with each replica.
    pub fn links(&self, peers: &[PeerInfo]) {
        self.connected.set(peers.iter().filter(|peer| peer.is_up).count() as i64);
        let link = |peer, channel: Channel| Link { peer, channel: channel.to_string() };
        let mut linked = self.linked.lock();
        for gone in linked.replace(peers.iter().map(PeerInfo::name)) {
            for link in Channel::ALL.map(|channel| link(gone.clone(), channel)) {
                self.net_sent.remove(&link);
                self.net_received.remove(&link);
                self.net_dropped.remove(&link);
                self.net_held_back.remove(&link);
            }
            if gone.parse::<u16>().is_err() {
                self.frames_invalid.remove(&Sender { peer: gone }); // a key comes once; a member's counts go on
            }
        }
        for peer in peers {
            for channel in Channel::ALL {
                let (link, traffic) = (link(peer.name(), channel), peer.traffic[channel]);
                self.net_sent.get_or_create(&link).set(gauge(traffic.bytes_out));
                self.net_received.get_or_create(&link).set(gauge(traffic.bytes_in));
                self.net_dropped.get_or_create(&link).set(gauge(traffic.dropped));
                self.net_held_back.get_or_create(&link).set(traffic.held_back.as_secs_f64());
            }
        }
    }

    /// Sets the conduct of peers.
    pub fn conduct(&self, conduct: &Conduct, links: &[PeerInfo]) {
        self.conduct.set(conduct, links);
    }

    /// OpenMetrics text.
    pub fn render(&self) -> String {
        let mut out = String::new();
        text::encode(&mut out, &self.registry).expect("writing into memory cannot fail");
        out
    }
}

fn gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{PeerFacts, Report};
    use crate::health::{Vitals, assess};
    use quorate_net::{PerChannel, Traffic, peer_of_key};
    use quorate_pbft::{Ed25519Signer, Signer};
    use std::time::Duration;

    #[test]
    fn every_name_begins_with_quorate() {
        let metrics = Metrics::new();
        metrics.http_answer(404);

        let text = metrics.render();

        let names = text.lines().filter(|line| !line.starts_with('#'));
        assert!(names.clone().count() > 10);
        for line in names {
            assert!(line.starts_with("quorate_"), "{line}");
        }
        assert!(text.contains("quorate_http_answers_total{kind=\"4xx\"} 1"));
    }

    fn link(number: u16, bulk: Traffic) -> PeerInfo {
        let key = Ed25519Signer::from_seed(&[number as u8; 32]).public_key();
        PeerInfo {
            id: Some(ReplicaId::new(number)),
            key,
            peer_id: peer_of_key(&key).expect("a key"),
            address: None,
            told: None,
            is_up: true,
            reconnects: 0,
            oversized: 0,
            wrong_key: 0,
            traffic: PerChannel { votes: Traffic::default(), bulk },
        }
    }

    #[test]
    fn the_time_that_bulk_of_a_member_is_held_back_is_shown_by_its_number() {
        let metrics = Metrics::new();

        metrics.links(&[link(3, Traffic { held_back: Duration::from_millis(2_500), ..Traffic::default() })]);

        let line = "quorate_net_held_back_seconds{peer=\"3\",channel=\"bulk\"} 2.5\n";
        assert!(metrics.render().contains(line), "{}", metrics.render());
    }

    #[test]
    fn a_member_that_is_gone_is_in_no_gauge_any_more() {
        let metrics = Metrics::new();
        let look = |numbers: &[u16]| {
            let peers = numbers.iter().map(|number| PeerFacts {
                replica: ReplicaId::new(*number),
                heard_at: None,
                is_heard: true,
                executed: None,
                view: None,
                hears: None,
                program: None,
                oldest: None,
            });
            let (vitals, report) = (Vitals::default(), Report { peers: peers.collect(), ..Report::of_nobody() });
            let facts =
                Facts { report: &report, vitals: &vitals, damage: None, standstill: None, has_test_keys: false };
            let links: Vec<PeerInfo> = numbers.iter().map(|number| link(*number, Traffic::default())).collect();
            metrics.watched(&facts, &assess(&facts, &[]), &[]);
            metrics.conduct(&Conduct::default(), &links);
            metrics.links(&links);
            let text = metrics.render();
            [1, 3].map(|number| text.matches(&format!("peer=\"{number}\"")).count())
        };

        assert_eq!([look(&[1, 3]), look(&[1])], [[10, 10], [10, 0]]);
    }

    #[test]
    fn frames_of_a_key_that_is_gone_are_counted_no_longer_and_those_of_a_number_are() {
        let (metrics, member) = (Metrics::new(), link(1, Traffic::default()));
        let old = PeerInfo { id: None, ..link(9, Traffic::default()) };
        for peer in [&member, &old] {
            metrics.frame_invalid(peer.name());
        }

        metrics.links(&[member, old.clone()]);
        metrics.links(&[]);

        let (text, line) = (metrics.render(), |peer: &str| format!("quorate_frames_invalid_total{{peer=\"{peer}\"}}"));
        assert_eq!([line("1"), line(&old.key.to_string())].map(|line| text.contains(&line)), [true, false], "{text}");
    }

    #[test]
    fn a_key_without_a_number_has_metrics_of_its_own_and_takes_none_of_a_member() {
        let (metrics, member) = (Metrics::new(), link(2, Traffic::default()));
        let old = PeerInfo { id: None, ..link(9, Traffic { bytes_in: 7, ..Traffic::default() }) };
        let links = [member, old.clone()];

        metrics.links(&links);
        metrics.conduct(&Conduct::default(), &links);

        let text = metrics.render();
        let received = |peer: &str| format!("net_received_bytes{{peer=\"{peer}\",channel=\"bulk\"}}");
        assert!(text.contains(&format!("{} 0\n", received("2"))), "{text}");
        assert!(text.contains(&format!("{} 7\n", received(&old.key.to_string()))), "{text}");
        assert_eq!(text.matches("quorate_peer_conduct{").count(), 2);
    }

    #[test]
    fn an_office_that_was_handed_over_is_no_change_of_view_to_look_into() {
        let metrics = Metrics::new();
        for cause in [Cause::Resigned, Cause::Slow] {
            metrics.view_changes.get_or_create(&Kind::of(cause.name())).inc();
            metrics.views.inc();
        }
        assert_eq!(metrics.views_unplanned(), 1);
    }

    /// Prometheus sees no increase from nothing to 1.
    #[test]
    fn every_kind_of_a_counter_is_there_before_the_first_is_counted() {
        let text = Metrics::new().render();

        let kinds = [
            ("view_changes", "resigned"),
            ("view_changes", "unasked"),
            ("gate_refused", "bad-signature"),
            ("refused", "clock"),
            ("http_answers", "5xx"),
            ("receipts", "conflict"),
        ];
        for (name, kind) in kinds {
            assert!(text.contains(&format!("quorate_{name}_total{{kind=\"{kind}\"}} 0\n")), "{name} {kind}: {text}");
        }
    }
}
