//! Operation: issues and health in trouble, files for Prometheus, Grafana and systemd, and an orderly end.

use crate::governance::{author, run};
use crate::group::{Group, PATIENCE, eventually};
use crate::http::{self, Answer};
use quorate_client::api::HEALTH_MIN;
use quorate_service::tokens::{self, Role};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Stops of a replica at most, where one that is too quick to be looked at shows nothing.
const STOPS: usize = 5;

fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(workspace(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Ids of the issues that a replica tells, but for those of its test keys, of this machine's disk and of its speed.
fn issues(group: &Group, replica: usize) -> Vec<String> {
    let told = group.get(replica, "/v1/issues").json();
    let items = told["items"].as_array().expect("a list");
    let ids = items.iter().map(|issue| issue["id"].as_str().expect("an id").to_owned());
    ids.filter(|id| !["test-keys", "disk-space", "view-changes", "slow-order"].contains(&id.as_str())).collect()
}

fn await_issues(group: &Group, replica: usize, expected: &[&str]) {
    eventually(&format!("{expected:?} at {replica}"), || (issues(group, replica) == expected).then_some(()));
}

fn health(group: &Group, replica: usize) -> f64 {
    group.get(replica, "/v1/health").json()["score"].as_f64().expect("a score")
}

/// Value of a metric without labels, or with those that `name` has.
fn metric(group: &Group, replica: usize, name: &str) -> f64 {
    let text = group.get(replica, "/metrics").text();
    let line = text.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
    let value = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    value.unwrap_or_else(|| panic!("no {name}: {text}"))
}

#[test]
fn each_trouble_is_an_issue_in_time_and_is_over_when_mended() {
    let mut group = Group::running(4);
    group.put(0, "a", "1");
    await_issues(&group, 0, &[]);
    assert!(health(&group, 0) >= HEALTH_MIN);

    group.kill(3);
    await_issues(&group, 0, &["member-silent"]);
    assert!(health(&group, 0) >= HEALTH_MIN, "one fault is borne");
    group.kill(2);
    await_issues(&group, 0, &["no-quorum"]);
    assert!(health(&group, 0) < HEALTH_MIN);
    eventually("the metric tells", || (metric(&group, 0, "quorate_issue{kind=\"no-quorum\"}") == 1.0).then_some(()));
    let told = run(&group, &author(&group, 0), 0, &["issues", "--json"]);
    assert_eq!(told.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    let page = told["items"][0]["runbook"].as_str().expect("a page");
    assert!(workspace(page).exists(), "{page}");

    group.start_all();
    await_issues(&group, 0, &[]);
    assert!(health(&group, 0) >= HEALTH_MIN);
    let told = group.get(0, "/v1/health").json();
    let redial = told["actions"].as_array().expect("a list").iter().find(|action| action["name"] == "redial");
    let redial = redial.unwrap_or_else(|| panic!("{told}"));
    assert!(redial["last"].as_u64() > Some(0) && redial["count"].as_u64() >= Some(1), "{redial}");
}

#[test]
fn agreement_is_timed_by_phase_and_fast_commits_are_counted() {
    let mut group = Group::running(4);
    for file in 0..5 {
        group.put(0, &format!("f{file}"), "1");
    }
    eventually("all three phases are timed", || {
        let counted = ["prepare", "commit", "order"]
            .map(|phase| metric(&group, 0, &format!("quorate_phase_seconds_count{{phase=\"{phase}\"}}")));
        counted.iter().all(|count| *count >= 1.0).then_some(())
    });
    let mut changes = 5;
    eventually("a change that the votes of all four decide", || {
        group.put(0, &format!("f{changes}"), "1");
        changes += 1;
        (metric(&group, 0, "quorate_fast_commits_total") >= 1.0).then_some(())
    });
    eventually("the status tells", || group.status(0)["fast_commits"].as_u64().filter(|count| *count >= 1));
    assert!(metric(&group, 0, "quorate_disk_free_bytes") > 0.0);
    assert!(metric(&group, 0, "quorate_files_open") > 3.0);
}

#[test]
fn an_operator_releases_a_peer_by_its_number_and_no_honest_one_has_an_offence() {
    let mut group = Group::running(4);
    group.put(0, "a", "1");
    let file = group.dir().join("operator.token");
    let peers = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
        if file.exists() {
            command.env("QUORATE_TOKEN", &file);
        }
        let ran =
            command.arg("peers").args(args).args(["--json", "--node", &format!("http://{}", group.api(0))]).output();
        let ran = ran.expect("quorate runs");
        (ran.status.code(), serde_json::from_slice::<Value>(&ran.stdout).unwrap_or_default())
    };

    let (code, listed) = peers(&[]);
    assert_eq!((code, listed["items"].as_array().map(Vec::len)), (Some(0), Some(3)));
    let normal = json!({ "state": "normal", "reason": null, "since": null, "until": null, "offences": {} });
    assert!(listed["items"].as_array().expect("peers").iter().all(|peer| peer["conduct"] == normal), "{listed}");
    assert_eq!(peers(&["release", "1"]).0, Some(1), "a program of this machine without a token changes nothing");
    let (_, secret) = tokens::make(&group.dir().join("replica-0"), Role::Operate, None, None).expect("a token");
    std::fs::write(&file, secret).expect("our folder");
    eventually("the node takes note", || (peers(&["release", "1"]) == (Some(0), normal.clone())).then_some(()));
    assert_eq!(peers(&["release", "7"]).0, Some(1));
}

#[test]
fn every_issue_has_a_page() {
    for (issue, page) in quorate_service::health::RUNBOOKS {
        let text = read(&format!("docs/runbooks/{page}.md"));
        assert!(text.contains(&format!("`{issue}`")), "{page} does not name {issue}");
    }
}

/// Metrics that a text names.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    words.filter(|word| word.starts_with("quorate_")).map(str::to_owned).collect()
}

#[test]
fn every_metric_of_alerts_and_board_exists() {
    let mut group = Group::running(4);
    group.put(0, "a", "1");
    let wanted: BTreeSet<String> =
        ["ops/prometheus/alerts.yml", "ops/grafana/quorate.json"].iter().flat_map(|path| named(&read(path))).collect();
    assert!(wanted.len() > 20, "{wanted:?}");

    eventually("each is there", || {
        let there = named(&group.get(0, "/metrics").text());
        let missing: Vec<&String> = wanted.difference(&there).collect();
        if missing.is_empty() {
            Some(())
        } else {
            eprintln!("not yet: {missing:?}");
            None
        }
    });
}

#[test]
fn members_that_are_heard_and_cast_no_vote_are_named() {
    let mut group = Group::running(4);
    for replica in [2, 3] {
        group.await_mode(replica, "active");
        group.put(replica, &format!("by-{replica}"), "a bundle that it signed");
    }
    for replica in [2, 3] {
        group.kill(replica);
        fs::remove_dir_all(group.dir().join(format!("replica-{replica}/data"))).expect("its database");
        group.start_with(replica, &["--new-database"]);
        group.await_mode(replica, "following");
    }
    let envelope = group.envelope("b", "2");
    let _ = http::post(group.api(0), "/v1/envelopes?wait=eventual", &envelope);

    let told = eventually("its issue", || {
        let told = group.get(0, "/v1/issues").json();
        told["items"].as_array()?.iter().find(|issue| issue["id"] == "no-votes").cloned()
    });

    assert_eq!(told["severity"], "critical", "{told}");
    assert!(told["evidence"].as_str().is_some_and(|evidence| evidence.ends_with("of 2, 3")), "{told}");
}

#[test]
fn every_alert_leads_to_a_page_and_fires() {
    let rules = read("ops/prometheus/alerts.yml");
    let alerts = rules.matches("- alert: ").count();
    let pages: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("runbook: ")).collect();
    assert_eq!(pages.len(), alerts);
    let lost: Vec<&&str> = pages.iter().filter(|page| !workspace(page).exists()).collect();
    assert!(lost.is_empty(), "{lost:?}");
    let played = read("ops/prometheus/alerts_test.yml");
    for name in rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(played.contains(&format!("- name: {name}\n")), "{name} is not played");
    }

    let mut promtool = Command::new("promtool");
    promtool.args(["test", "rules", "alerts_test.yml"]).current_dir(workspace("ops/prometheus"));
    match promtool.output() {
        Err(_) => eprintln!("SKIPPED: promtool is not installed (Debian: prometheus); the alerts were not played"),
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
    }
}

#[test]
fn the_unit_lets_a_replica_listen_at_all_addresses_of_its_machine() {
    let unit = read("ops/systemd/quorate.service");

    let families = unit.lines().find_map(|line| line.strip_prefix("RestrictAddressFamilies=")).expect("a line of them");

    assert!(
        families.split(' ').any(|family| family == "AF_NETLINK"),
        "libp2p asks the kernel which there are: {families}"
    );
}

#[test]
fn the_unit_is_one_that_systemd_takes() {
    let unit = read("ops/systemd/quorate.service");
    for line in ["Type=notify", "WatchdogSec=30", "User=quorate", "NoNewPrivileges=yes", "ProtectSystem=strict"] {
        assert!(unit.lines().any(|there| there == line), "no {line}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path().join("quorate.service");
    fs::write(&here, unit.replace("/usr/bin/quorate", env!("CARGO_BIN_EXE_quorate"))).expect("our folder");
    match Command::new("systemd-analyze").arg("verify").arg(&here).output() {
        Err(_) => eprintln!("SKIPPED: systemd-analyze is not installed; the unit was not verified"),
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
    }
}

/// Waits for a datagram that contains a state.
fn await_state(socket: &UnixDatagram, state: &str) {
    let (deadline, mut bytes) = (Instant::now() + PATIENCE, [0; 512]);
    while Instant::now() < deadline {
        if let Ok(count) = socket.recv(&mut bytes)
            && String::from_utf8_lossy(&bytes[..count]).lines().any(|line| line == state)
        {
            return;
        }
    }
    panic!("systemd was not told {state}");
}

#[test]
fn systemd_is_told_of_start_life_and_stop() {
    let group = Group::init(1);
    let socket_path = group.dir().join("notify");
    let socket = UnixDatagram::bind(&socket_path).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(1))).expect("a time-out");
    let mut replica = Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(["start", "--log", "warn", "--dir"])
        .arg(group.dir().join("replica-0"))
        .env("NOTIFY_SOCKET", &socket_path)
        .env("WATCHDOG_USEC", "400000")
        .stdout(Stdio::null())
        .spawn()
        .expect("quorate runs");

    await_state(&socket, "READY=1");
    await_state(&socket, "WATCHDOG=1");
    await_state(&socket, "WATCHDOG=1");
    let told = Command::new("kill").arg(replica.id().to_string()).status().expect("kill runs");
    assert!(told.success());
    await_state(&socket, "STOPPING=1");
    assert_eq!(replica.wait().expect("it ends").code(), Some(0));
}

/// Answers of a replica that is told to stop, to `/readyz` and to this envelope; none where it ended before it was asked.
fn words_of_a_stop(group: &Group, late: &[u8]) -> Option<(Answer, Answer)> {
    group.terminate(0);
    for begun in std::iter::repeat(Instant::now()) {
        assert!(begun.elapsed() < PATIENCE, "it stops");
        let ready = http::get(group.api(0), "/readyz").ok()?;
        if ready.status == 503 {
            return Some((ready, http::post(group.api(0), "/v1/envelopes", late).ok()?));
        }
    }
    None
}

/// The node speaks for half a second more, which a busy machine may sleep through.
#[test]
fn a_replica_that_is_to_stop_says_so_first_and_ends_in_time() {
    let mut group = Group::running(4);
    group.put(0, "a", "1");
    let (late, mut took) = (group.envelope("late", "2"), Vec::new());
    let told = (0..STOPS).find_map(|_| {
        eventually("it is ready", || (group.get(0, "/readyz").status == 200).then_some(()));
        let begun = Instant::now();
        let told = words_of_a_stop(&group, &late);
        assert_eq!(group.ended(0), Some(0));
        took.push(begun.elapsed());
        group.start(0);
        told
    });

    assert!(took.iter().any(|took| *took < Duration::from_secs(10)), "{took:?}");
    let (refused, offered) = told.expect("a 503 phase");
    let refused = refused.json();
    assert_eq!([&refused["code"], &refused["mode"]], ["stopping", "active"]);
    assert!(refused["why"].as_str().is_some_and(|why| why.contains("is stopping")), "{refused}");
    assert_eq!((offered.status, offered.json()["code"].as_str()), (503, Some("stopping")));
}

/// The second signal may come when all is over.
#[test]
fn a_second_signal_stops_a_replica_at_once() {
    let mut group = Group::init(1);
    let log = group.log_file(0);
    let says = |words: &str| fs::read_to_string(&log).expect("a log").contains(words).then_some(());
    for _ in 0..STOPS {
        let _ = fs::remove_file(&log);
        group.start_logged(0);

        group.terminate(0);
        eventually("it says that it stops", || says("sigterm"));
        group.terminate(0);

        assert_eq!(group.ended(0), Some(0));
        if says("event=\"stopped\"").is_none() {
            break;
        }
    }
    assert!(says("second signal").is_some() && says("event=\"stopped\"").is_none());
}

/// Changes a letter of a content where the state holds it, and leaves it where its envelope stands; false where the
/// state does not hold it in a row of its own yet. Damage of before stays damage.
fn damage(database: &Path, content: &[u8]) -> bool {
    let mut bytes = fs::read(database).expect("a database");
    let (length, middle) = ((content.len() as u32).to_le_bytes(), content.len() / 2);
    let is_it = |found: &[u8]| found[..middle] == content[..middle] && found[middle + 1..] == content[middle + 1..];
    let places = bytes.windows(content.len()).enumerate().filter(|(_, found)| is_it(found)).map(|(at, _)| at);
    let places: Vec<usize> = places.filter(|at| bytes[at - 4..*at] != length).collect();
    places.iter().for_each(|at| bytes[at + middle] = !content[middle]);
    fs::write(database, bytes).expect("our file");
    !places.is_empty()
}

#[test]
fn damage_that_a_reader_meets_lowers_health_and_is_an_issue() {
    let mut group = Group::running(1);
    let content = "Kapellskär and back, ".repeat(500);
    group.put(0, "ports", &content);
    let database = group.dir().join("replica-0/data/quorate.redb");
    eventually("the state is folded", || {
        assert_eq!(group.stop(0), Some(0));
        let damaged = damage(&database, content.as_bytes());
        group.start(0);
        std::thread::sleep(Duration::from_secs(1)); // the state is folded once a second
        damaged.then_some(())
    });
    assert_eq!(group.file(0, "ports", "sequential").status, 500);

    await_issues(&group, 0, &["disk-damaged"]);
    assert!(health(&group, 0) < HEALTH_MIN);
}

#[test]
fn the_scrub_names_damage_that_nobody_has_met() {
    let mut group = Group::running(1);
    let content = "Kapellskär and back, ".repeat(500);
    group.put(0, "ports", &content);
    let database = group.dir().join("replica-0/data/quorate.redb");
    let issue = |group: &Group| {
        let told = group.get(0, "/v1/issues").json();
        let issue = told["items"].as_array()?.iter().find(|issue| issue["id"] == "disk-damaged")?.clone();
        issue["evidence"].as_str()?.contains("ports").then_some(())
    };
    eventually("the state is folded", || {
        assert_eq!(group.stop(0), Some(0));
        let damaged = damage(&database, content.as_bytes());
        group.start_logged(0);
        std::thread::sleep(Duration::from_secs(1)); // the state is folded once a second
        damaged.then_some(())
    });
    eventually("the damage is an issue", || issue(&group));
    assert!(health(&group, 0) < HEALTH_MIN);
    let log = fs::read_to_string(group.log_file(0)).expect("a log");
    assert!(log.contains("damage-found"), "{log}");
    let metrics = group.get(0, "/metrics").text();
    let read = metrics.lines().find_map(|line| line.strip_prefix("quorate_scrub_read_bytes "));
    assert!(read.is_some_and(|read| read.parse::<u64>().is_ok_and(|read| read > 10_000)), "{metrics}");
}
